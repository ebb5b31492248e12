"""Faults of what the tenant's data show: lag, others who bill, and what is gone too soon."""

from __future__ import annotations

from enum import StrEnum

from zbatch.emulator.catalogue.known import Known, Seconds, shaped
from zbatch.emulator.exchange import zuora_fault
from zbatch.emulator.faults import QUERY, Deed, Mishap

_TEN_MINUTES = Seconds(600.0)

_QUERIES = (QUERY,)
_LOOP = "Each page of a query says that there is one more."


class Turn(StrEnum):
    """Which of two comes first."""

    BEFORE = "before"
    AFTER = "after"


def stale_replica(by: Seconds = _TEN_MINUTES) -> Mishap:
    """A query is answered by a replica that is so far behind."""
    return Mishap(lag=by)


def generating(age: Seconds = _TEN_MINUTES) -> Mishap:
    """A query shows invoices younger than this as still Generating."""
    return Mishap(generating=age)


def query_fault(code: str = "UNKNOWN_ERROR", message: str = "Operation failed.") -> Mishap:
    """A query is refused as a whole, with a fault."""
    return Mishap(executed=False, status=400, body=zuora_fault(code, message).body)


def billed_by_others(turn: Turn = Turn.BEFORE) -> Mishap:
    """A bill run of somebody else bills the call's accounts, just before the call or after."""
    return Mishap(deed=Deed.BILL_BEFORE if turn is Turn.BEFORE else Deed.BILL_AFTER)


def invoice_deleted() -> Mishap:
    """What was made under the call's key is deleted before the key is replayed."""
    return Mishap(deed=Deed.DELETE_INVOICES)


def key_evicted() -> Mishap:
    """The call's key is forgotten before its time."""
    return Mishap(deed=Deed.FORGET_KEY)


def tax_failed() -> Mishap:
    """The tax of what the call bills cannot be calculated; the rows succeed all the same."""
    return Mishap(deed=Deed.FAIL_TAX)


STATE = (
    Known("stale_replica", stale_replica, ("F73", "F74"), _QUERIES),
    Known("generating", generating, ("F73",), _QUERIES, ({"age": "1s"},)),
    Known("query_fault", query_fault, ("F74",), _QUERIES, ({},)),
    shaped("paging_loop", "F74", _QUERIES, False, _LOOP),
    Known("billed_by_others", billed_by_others, ("F76",)),
    Known("invoice_deleted", invoice_deleted, ("F50",)),
    Known("key_evicted", key_evicted, ("F77",)),
    Known("tax_failed", tax_failed, ()),
)
