"""What the codes in a report mean that are zbatch's own, and who usually mends what they tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """What a code means in plain words, and who usually mends it; "" where nobody has to."""

    meaning: str
    mender: str = ""


Explain = Callable[[str], Reason | None]
"""Gives what is known of a code: Zuora's own, or one of zbatch's."""

_AGAIN = "nobody: the same run again settles it"
_ASK = "whoever runs zbatch: zbatch reconcile asks the tenant"
_LOOK = "a person, who looks at the invoices in Zuora and decides with zbatch reconcile --accept"
_FIRST = "whoever runs zbatch: what it waits for comes first"

OWN = {
    "ACCEPTED": Reason("A person has decided that this invoice is the item's."),
    "ALREADY_THERE": Reason("The invoice was in the tenant before zbatch sent anything for it."),
    "ASKED_TOO_LONG_AGO": Reason("The tenant is asked again before anything is sent.", _AGAIN),
    "AUTHOR_NOT_PROVED": Reason("An invoice is there; that zbatch made it is not proved."),
    "CALL_NOT_LISTED": Reason(
        "It was sent in one call with items that this spec does not list.", _FIRST
    ),
    "CREDITED": Reason("The invoice that was named is another item's.", _LOOK),
    "DRAFT_CHANGED": Reason(
        "A draft of the account changed, and may hold what zbatch sent.", _LOOK
    ),
    "EARLIER_DATE_OPEN": Reason("An earlier date of the account has to be billed first.", _FIRST),
    "GENERATING": Reason("Zuora is still making an invoice of the account.", _AGAIN),
    "INVOICE_STATUS": Reason("The invoice has a status that zbatch does not know.", _LOOK),
    "IN_DOUBT": Reason("It was sent, and what came of it is not known yet.", _ASK),
    "LEDGER_UNREADABLE": Reason(
        "The ledger, which knows, could not be read.", "whoever looks after the machine"
    ),
    "NOT_ATTEMPTED": Reason("The run ended before this item's turn; nothing was sent.", _AGAIN),
    "NOT_CREATED": Reason("It is proved that nothing was made; the next run sends it.", _AGAIN),
    "NOT_SHOWN": Reason("The tenant shows no such valid invoice of this item.", _LOOK),
    "NO_ANSWER": Reason("It was sent, and no answer came.", _ASK),
    "OTHER_HOST": Reason("Somebody else may be sending the same call from another machine.", _ASK),
    "RUN_STOPPED": Reason("The run was stopped before this item's turn; nothing was sent.", _AGAIN),
    "SEVERAL_INVOICES": Reason("Several invoices may be this item's.", _LOOK),
    "STILL_EXECUTING": Reason("Zuora is still at work on the call.", _AGAIN),
    "UNREADABLE_REPLY": Reason("Zuora's answer could not be read.", _ASK),
}
