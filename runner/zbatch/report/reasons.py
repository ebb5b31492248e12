"""What a report says of a code: its meaning, who usually mends what it tells, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from zbatch.report.codes import own_code


@dataclass(frozen=True, slots=True)
class Reason:
    """What a code means, who usually mends it ("" where nobody has to), and what is to be done."""

    meaning: str
    mender: str
    mend: str


Explain = Callable[[str], Reason | None]
"""Gives what is known of a code: Zuora's own, or one of zbatch's."""

_NOBODY = ""
_AGAIN = "nobody: the same run again settles it"
_ASK = "whoever runs zbatch, by the tenant's own data"
_PERSON = "a person who looks at the invoices in Zuora"
_ACCOUNT = "whoever looks after the account in Zuora"
_FIRST = "whoever mends what it waits for"
_MACHINE = "whoever looks after the machine and its network"
_ADMIN = "the administrator of the Zuora tenant"
_ZBATCH = "the maintainers of zbatch"

MENDERS = {
    "ACCEPTED": _NOBODY,
    "ALREADY_THERE": _NOBODY,
    "ASKED_TOO_LONG_AGO": _AGAIN,
    "AUTHOR_NOT_PROVED": _NOBODY,
    "CALL_NOT_LISTED": _FIRST,
    "CERTIFICATE": _MACHINE,
    "CONNECT": _MACHINE,
    "CREDITED": _PERSON,
    "CROSSED": _ASK,
    "DISCONNECT": _ASK,
    "DRAFT_CHANGED": _PERSON,
    "EARLIER_DATE_OPEN": _FIRST,
    "FAILED": _AGAIN,
    "GARBLED": _ASK,
    "GENERATING": _AGAIN,
    "INTERNAL": _ZBATCH,
    "INVOICE_STATUS": _PERSON,
    "IN_DOUBT": _ASK,
    "LATE": _AGAIN,
    "LEDGER_UNREADABLE": _MACHINE,
    "NOT_ATTEMPTED": _AGAIN,
    "NOT_CREATED": _AGAIN,
    "NOT_SHOWN": _PERSON,
    "NO_ANSWER": _ASK,
    "NO_CODE": _ACCOUNT,
    "NO_REASON": _ACCOUNT,
    "NO_TOKEN": _ADMIN,
    "OTHER_HOST": _MACHINE,
    "ROWS": _ASK,
    "RUN_STOPPED": _AGAIN,
    "SEVERAL_INVOICES": _PERSON,
    "STILL_EXECUTING": _AGAIN,
    "TIMEOUT": _ASK,
    "TOKEN_REFUSED": _ADMIN,
    "TOKEN_UNAVAILABLE": _MACHINE,
    "UNREADABLE_REPLY": _ASK,
}


def own_reason(code: str) -> Reason | None:
    """Say what one of zbatch's own codes means."""
    found = own_code(code)
    return Reason(found.meaning, MENDERS.get(code, _ASK), found.mend) if found else None
