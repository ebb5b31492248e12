"""Read the rows of a generate answer: by position, and strictly."""

from __future__ import annotations

import re

from zbatch.model import Problem
from zbatch.model.values import value
from zbatch.zuora.codes import CAUTION, RowClass, classify
from zbatch.zuora.problems import NO_REASON, code_text, message_text, problem_in

# Zuora's IDs are 32 hexadecimal characters today and documented to change: any visible word will do
INVOICE_ID = re.compile(r"[!-~]{1,255}")

# A list of successes and nothing else, as most answers are; no ID in it needs an escape.
_SUCCESS = r"""
    \{ _ (?: "Success" _:_ true _,_ "Id" _:_ "([!\x23-\x5b\x5d-\x7e]{1,255})"
           | "Id" _:_ "([!\x23-\x5b\x5d-\x7e]{1,255})" _,_ "Success" _:_ true ) _ \}
""".replace("_", r"[\ \t\r\n]*")
_EACH = re.compile(_SUCCESS.encode("ascii"), re.VERBOSE)
_ALL = re.compile(
    rf"_ \[ _ {_SUCCESS} (?: _,_ {_SUCCESS})* _ \] _".replace("_", r"[\ \t\r\n]*").encode("ascii"),
    re.VERBOSE,
)


@value(frozen=True, slots=True)
class Row:
    """What one row says of the item at its position."""

    row_class: RowClass
    invoice_id: str | None = None
    problem: Problem | None = None

    def __post_init__(self) -> None:
        success = self.row_class is RowClass.SUCCESS
        if success != bool(self.invoice_id):
            raise ValueError("a success has an invoice ID, and nothing else has one")
        if success == bool(self.problem):
            raise ValueError("a failure has a problem, and a success has none")


def read_rows(document: object, expected_rows: int) -> tuple[Row, ...] | None:
    """Read as many rows as the call has items, or None where the document is not exactly that.

    A single object is a row only for a call of one item: for more it says nothing of each. Nor do
    rows of which two name the same invoice: no call has two items of one account, and an invoice
    has one account, so the rows do not stand by the items.
    """
    if isinstance(document, dict) and expected_rows == 1:
        document = [document]
    if not isinstance(document, list) or len(document) != expected_rows:
        return None
    rows = [row for entry in document if (row := _row(entry)) is not None]
    named = [row.invoice_id for row in rows if row.invoice_id]
    fits = len(rows) == expected_rows and len(set(named)) == len(named)
    return tuple(rows) if fits else None


def read_successes(body: bytes, expected_rows: int) -> tuple[Row, ...] | None:
    """Read a body that holds as many successes as the call has items, and nothing else.

    It is what `parse_json` and `read_rows` make of the same bytes; None says nothing of others.
    """
    if not _ALL.fullmatch(body):
        return None
    ids = [(first or last).decode("ascii") for first, last in _EACH.findall(body)]
    if not len(ids) == len(set(ids)) == expected_rows:
        return None
    return tuple([Row(RowClass.SUCCESS, one) for one in ids])


def claims_rows(document: object) -> bool:
    """Tell whether a document that is not readable as rows may still report executed items."""
    if isinstance(document, dict):
        return "Success" in document and document["Success"] is not False
    return isinstance(document, list)


def _row(entry: object) -> Row | None:
    if not isinstance(entry, dict):
        return None
    success, invoice_id = entry.get("Success"), entry.get("Id")
    if success is True and isinstance(invoice_id, str) and INVOICE_ID.fullmatch(invoice_id):
        return Row(RowClass.SUCCESS, invoice_id=invoice_id)
    if success is not False:
        return None
    row_class, problem = _failure(entry.get("Errors")) or _unexplained(entry)
    # A failure that names an invoice contradicts itself.
    return Row(RowClass.UNCERTAIN if invoice_id else row_class, problem=problem)


def _failure(errors: object) -> tuple[RowClass, Problem] | None:
    """Give the most cautious class of a row's errors, with the error that it comes from."""
    if not isinstance(errors, list) or not errors:
        return None
    return max(map(_error, errors), key=lambda failure: CAUTION.index(failure[0]))


def _unexplained(entry: dict[str, object]) -> tuple[RowClass, Problem]:
    """Judge a failure without errors of its own; what it says elsewhere is told, and no more."""
    return RowClass.UNCERTAIN, problem_in(entry) or NO_REASON


def _error(error: object) -> tuple[RowClass, Problem]:
    if not isinstance(error, dict):
        return RowClass.UNCERTAIN, NO_REASON
    code, message = code_text(error.get("Code")), message_text(error.get("Message"))
    if not code and not message:
        return RowClass.UNCERTAIN, NO_REASON
    return classify(code, message), Problem(code or "NO_CODE", message or code)
