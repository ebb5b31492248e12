"""The codes that zbatch itself writes into a report's `error`, and what to do about each."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OwnCode:
    """What a code says, who usually mends it ("" where nobody has to), and what is to be done."""

    code: str
    meaning: str
    mender: str
    mend: str


# Who usually mends what a code tells.
_NOBODY = ""
_ITSELF = "nobody: the same run again settles it"
_ASK = "whoever runs zbatch, by the tenant's own data"
_PERSON = "a person who looks at the invoices in Zuora"
_ACCOUNT = "whoever looks after the account in Zuora"
_FIRST = "whoever mends what it waits for"
_MACHINE = "whoever looks after the machine and its network"
_ADMIN = "the administrator of the Zuora tenant"
_ZBATCH = "the maintainers of zbatch"

# What is to be done.
_AGAIN = "Run the spec again."
_LATER = "Run the spec again; where the message names a time, not before it."
_LOOK = "Look in Zuora at what the message names, and decide with zbatch reconcile --accept."
_NOTHING = "Nothing."
_SETTLE = "Settle the earlier date first: the message names it and where it is listed."
_LATER_FIRST = "Settle the later date first: the message names it and where it is listed."
_REVISION = "Settle the revision that the message names, or list that one or a higher one."

_CODES: tuple[tuple[str, str, str, str], ...] = (
    ("ACCEPTED", "A person has decided that this invoice is the item's own.", _NOBODY, _NOTHING),
    (
        "ALREADY_THERE",
        "The tenant shows an invoice that this ledger did not make.",
        _NOBODY,
        _NOTHING,
    ),
    ("ASKED_TOO_LONG_AGO", "The last question is too old to send by it.", _ITSELF, _AGAIN),
    (
        "AUTHOR_NOT_PROVED",
        "One invoice is there, and nothing proves that zbatch made it.",
        _NOBODY,
        "Nothing; look at it in Zuora if it matters who made it.",
    ),
    (
        "CALL_NOT_LISTED",
        "The item was sent together with accounts that the spec does not list any more.",
        _FIRST,
        "Put them back into the spec, or wait for the time that the message names and run again.",
    ),
    (
        "CERTIFICATE",
        "The host could not prove who it is; nothing was sent.",
        _MACHINE,
        "zbatch doctor.",
    ),
    (
        "CONNECT",
        "There was no connection; nothing was sent.",
        _MACHINE,
        "zbatch doctor, then run again.",
    ),
    ("CREDITED", "The invoice that was named is another item's.", _PERSON, _LOOK),
    ("CROSSED", "The answer belongs to another call.", _ASK, _LATER),
    ("DISCONNECT", "The connection broke before the answer was whole.", _ASK, _LATER),
    (
        "DRAFT_CHANGED",
        "A draft of the account has changed, and may hold these charges.",
        _PERSON,
        _LOOK,
    ),
    (
        "EARLIER_DATE_OPEN",
        "An earlier date of this account failed or is unknown; a later invoice would bill it too.",
        _FIRST,
        _SETTLE,
    ),
    ("FAILED", "An earlier run has left the item failed without a code.", _ITSELF, _AGAIN),
    ("GARBLED", "The answer cannot be read to its end.", _ASK, _LATER),
    (
        "GENERATING",
        "Zuora is still making an invoice for this account and date.",
        _ITSELF,
        "Give it some minutes, then run the spec again.",
    ),
    ("INTERNAL", "zbatch itself failed around this send.", _ZBATCH, "Report it, and run again."),
    (
        "INVOICE_STATUS",
        "An invoice is there, in a status that zbatch does not know.",
        _PERSON,
        _LOOK,
    ),
    ("IN_DOUBT", "It was sent, and what came of it is not known yet.", _ASK, _LATER),
    ("LATE", "It was too late to send it by the last question.", _ITSELF, _AGAIN),
    (
        "LATER_DATE_OPEN",
        "A later date of this account is unknown, and an account has one call at a time.",
        _FIRST,
        _LATER_FIRST,
    ),
    (
        "LEDGER_UNREADABLE",
        "The ledger cannot be read, so nothing is known of this item.",
        _MACHINE,
        "Keep the file as it is, and see zbatch doctor.",
    ),
    ("NOT_ATTEMPTED", "The run ended before this item's turn.", _ITSELF, _AGAIN),
    ("NOT_CREATED", "It is proved that the last send made nothing.", _ITSELF, _AGAIN),
    ("NOT_SHOWN", "The tenant does not show the invoice that was named.", _PERSON, _LOOK),
    ("NO_ANSWER", "It was sent, and no answer was recorded.", _ASK, _LATER),
    ("NO_CODE", "Zuora gave a message without a code.", _ACCOUNT, "Read the message."),
    ("NO_REASON", "No reason was given or recorded.", _ACCOUNT, "Look at the account in Zuora."),
    (
        "NO_TOKEN",
        "The answer to the token request holds no token.",
        _ADMIN,
        "zbatch doctor says what is wrong with the credentials or the host.",
    ),
    (
        "OLD_ANSWER",
        "The answer to a call is that of an earlier one: it names an invoice that was canceled or"
        " deleted before the call was sent, or was given before. Or the answer to a question was"
        " given before that was asked.",
        _ASK,
        f"{_LATER} If it goes on, let nobody between store what the tenant answers; zbatch doctor.",
    ),
    (
        "OTHER_HOST",
        "Another item of its call has an invoice, or will: perhaps another machine sends the same.",
        _MACHINE,
        "Make sure that one machine alone runs this tenant, then run the spec again.",
    ),
    (
        "OTHER_REVISION_OPEN",
        "Another revision of this item is unknown, or a higher one is invoiced.",
        _FIRST,
        _REVISION,
    ),
    ("PERHAPS_GONE", "An invoice that was there is not shown now.", _ITSELF, _LATER),
    ("ROWS", "The answer holds rows without a reason.", _ASK, _LATER),
    (
        "RUN_STOPPED",
        "The run stopped before this item was sent; the message says why.",
        _ITSELF,
        _AGAIN,
    ),
    ("SEVERAL_INVOICES", "More than one invoice may be this item's.", _PERSON, _LOOK),
    ("STILL_EXECUTING", "Zuora answers that it is still at work on the call.", _ITSELF, _LATER),
    ("TIMEOUT", "No whole answer came within the spec's timeout.", _ASK, _LATER),
    ("TOKEN_REFUSED", "The credentials were refused; nothing was sent.", _ADMIN, "zbatch doctor."),
    (
        "TOKEN_UNAVAILABLE",
        "No token could be had; nothing was sent.",
        _MACHINE,
        "zbatch doctor, then run again.",
    ),
    (
        "UNREADABLE_REPLY",
        "The answer may report invoices, and cannot be read for sure.",
        _ASK,
        _LATER,
    ),
)

OWN_CODES: dict[str, OwnCode] = {code: OwnCode(code, *rest) for code, *rest in _CODES}
"""Those of faults on the way are here too; `HTTP_503` and the like say a status alone."""

_STATUS = re.compile(r"HTTP_[1-5][0-9]{2}")
_STATUS_MEANING = "The answer had this HTTP status and no code that says more."
_STATUS_MEND = (
    "An item that is unknown: run the spec again; where the message names a time, not before it. "
    "One that failed: mend what the status tells, then zbatch run SPEC --retry-failed."
)


def own_code(code: str) -> OwnCode | None:
    """Give what is known of one of zbatch's own codes, those of a status among them."""
    if _STATUS.fullmatch(code):
        return OwnCode(code, _STATUS_MEANING, _ASK, _STATUS_MEND)
    return OWN_CODES.get(code)
