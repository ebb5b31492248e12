"""Faults of what is answered: statuses, bodies, and the rows of a generate."""

from __future__ import annotations

import json

from zbatch.emulator import gateway
from zbatch.emulator.catalogue.known import CALLS, Known, shaped
from zbatch.emulator.faults import GENERATE, Mishap
from zbatch.emulator.generate import LOCKED, NOTHING_DUE

CANCELED = "Invoices cannot be generated: the account status is Canceled."
UNRECOGNISED = json.dumps({"message": "Error - unrecognised fields"}).encode()


def status(
    status: int = 503, executed: bool = False, stored: bool = False, retry_after: str = ""
) -> Mishap:
    """A gateway answers with a status in place of the rows, before or after the execution."""
    headers = (("Retry-After", retry_after),) if retry_after else ()
    return Mishap(executed=executed, status=status, stored=stored, headers=headers)


def redirect(status: int = 302, location: str = "/login", executed: bool = False) -> Mishap:
    """The caller is sent to another address, of this host or a foreign one."""
    headers = (("Location", location),)
    return Mishap(executed=executed, status=status, headers=headers)


def conflict(executed: bool = True) -> Mishap:
    """The answer is a 409 without rows, as while the first use of a key is in progress."""
    body = gateway.key_in_progress("").body
    return Mishap(executed=executed, status=409, body=body)


def unprocessable() -> Mishap:
    """The answer is a 422: the key belongs to another tenant, URL or method."""
    return Mishap(executed=False, status=422, body=gateway.key_of_another_url("").body)


def unrecognised_fields() -> Mishap:
    """The answer is a 400: the call has fields that Zuora does not know."""
    return Mishap(executed=False, status=400, body=UNRECOGNISED)


def other_track_id(track_id: str = "zb1-of-another-item") -> Mishap:
    """The reply carries the track ID of another item."""
    return Mishap(headers=(("Zuora-Track-Id", track_id),))


def wrong_content_type(kind: str = "text/html") -> Mishap:
    """The reply says that its rows are something else."""
    return Mishap(headers=(("Content-Type", kind),))


def row_error(
    code: str, message: str = "", executed: bool = False, rows: tuple[int, ...] = ()
) -> Mishap:
    """The rows, or those at some positions, have an error, whether or not they were executed."""
    return Mishap(executed=executed, code=code, message=message, rows=rows)


def locked(rows: tuple[int, ...] = ()) -> Mishap:
    """The account is locked by another transaction; nothing is billed."""
    return Mishap(executed=False, code="LOCK_COMPETITION", message=LOCKED, rows=rows)


def account_canceled(rows: tuple[int, ...] = ()) -> Mishap:
    """The account has been canceled; nothing is billed."""
    return Mishap(executed=False, code="INVALID_VALUE", message=CANCELED, rows=rows)


def nothing_to_bill(executed: bool = False, rows: tuple[int, ...] = ()) -> Mishap:
    """The row says that there is nothing to bill, whatever was done."""
    due = NOTHING_DUE
    return Mishap(executed=executed, code=due.code, message=due.message, rows=rows)


# name, number, actions, whether a run gets over it, what happens
_ROWS = (GENERATE,)
_SHAPES: tuple[tuple[str, str, tuple[str, ...], bool, str], ...] = (
    ("login_page", "F24", CALLS, True, "The body is an HTML login page with status 200."),
    ("empty", "F24", CALLS, True, "The body is empty."),
    ("no_content", "F24", CALLS, True, "The answer is a 204 without a body."),
    ("null", "F24", CALLS, True, "The body is `null`."),
    ("empty_object", "F24", CALLS, True, "The body is `{}`."),
    ("invalid_json", "F25", CALLS, True, "The body is no JSON."),
    ("nan", "F25", CALLS, True, "The body holds NaN, which is no JSON."),
    ("duplicate_keys", "F25", CALLS, True, "An object of the body has a key twice."),
    ("deep", "F25", CALLS, True, "The body is nested 100,000 levels deep."),
    ("long_integer", "F25", CALLS, True, "The body holds a number of 5,000 digits."),
    ("lone_surrogate", "F25", CALLS, True, "A text of the body is half a surrogate pair."),
    ("bom", "F25", CALLS, True, "The body begins with a byte order mark."),
    ("latin_1", "F25", CALLS, True, "The body is not UTF-8."),
    ("gzip_bomb", "F28", CALLS, True, "The body unpacks to 300 MB."),
    ("corrupt_gzip", "F30", CALLS, True, "The body is packed and cannot be unpacked."),
    ("conflict_rows", "F43", _ROWS, True, "The rows come with status 409."),
    ("errors_empty", "F36", _ROWS, True, "The rows failed, with an empty list of errors."),
    ("errors_missing", "F36", _ROWS, True, "The rows failed, without a list of errors."),
    ("id_missing", "F37", _ROWS, True, "The rows succeeded, without an ID."),
    ("id_null", "F37", _ROWS, True, "The rows succeeded, with the ID null."),
    ("id_empty", "F37", _ROWS, True, "The rows succeeded, with an empty ID."),
    ("id_36", "F52", _ROWS, False, "The ID of an invoice has 36 characters."),
    ("id_64", "F52", _ROWS, False, "The ID of an invoice has 64 characters."),
    ("success_false_text", "F38", _ROWS, True, 'Success is the text "false".'),
    ("success_true_text", "F38", _ROWS, True, 'Success is the text "true".'),
    ("success_one", "F38", _ROWS, True, "Success is the number 1."),
    ("rows_fewer", "F39", _ROWS, True, "There is a row fewer than was asked for."),
    ("rows_more", "F39", _ROWS, True, "There is a row more than was asked for."),
    ("rows_reordered", "F39", _ROWS, False, "The rows come in reverse order."),
    ("object_row", "F40", _ROWS, True, "The body is the first row, without a list around it."),
    ("object_reasons", "F40", _ROWS, True, "The body is an object with `reasons`."),
    ("object_fault", "F40", _ROWS, True, "The body is a fault."),
    ("object_faults", "F40", _ROWS, True, "The body is an object with a list of faults."),
    ("object_message", "F40", _ROWS, True, "The body is an object with nothing but a message."),
)


_GATEWAY = (500, 502, 503, 504)

REPLIES = (
    Known(
        "status",
        status,
        ("F33", "F46", "F47", "F56"),
        CALLS,
        tuple(
            {"status": number, "executed": executed, "stored": stored}
            for number in _GATEWAY
            for executed in (True, False)
            for stored in (True, False)
        ),
    ),
    Known("redirect", redirect, ("F22", "F23"), CALLS),
    Known("conflict", conflict, ("F42", "F44"), random=({},)),
    Known("unprocessable", unprocessable, ("F45",)),
    Known("unrecognised_fields", unrecognised_fields, ("F51",)),
    Known("other_track_id", other_track_id, ("F32",), random=({},)),
    Known("wrong_content_type", wrong_content_type, ("F26",), CALLS, ({},)),
    Known(
        "row_error",
        row_error,
        ("F35", "F36", "F48", "F53", "F70"),
        random=(
            *({"code": code} for code in ("LOCK_COMPETITION", "TEMPORARY_ERROR")),
            *({"code": "UNKNOWN_ERROR", "executed": done} for done in (True, False)),
            *({"code": "SOMETHING_NEW", "executed": done} for done in (True, False)),
        ),
    ),
    Known("locked", locked, ("F79",), random=({},)),
    Known("account_canceled", account_canceled, ("F78",)),
    Known("nothing_to_bill", nothing_to_bill, ("F81",)),
    *(shaped(*one) for one in _SHAPES),
)
