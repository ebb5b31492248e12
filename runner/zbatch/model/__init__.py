"""The nouns: frozen values that every room shares and none of them owns.

Each is loaded when it is first asked for: a third of the time that `zbatch --help` takes would go
into classes that it has no use for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zbatch.model.alike import Batch, Listed, Repeated, Settlement, Terms, batches, listed
    from zbatch.model.calls import (
        Attempt,
        Baseline,
        Call,
        Detail,
        Draft,
        Effect,
        Finding,
        IfAbsent,
        Invoice,
        ItemRecord,
        KeyState,
        Result,
        Send,
    )
    from zbatch.model.outcomes import ExitCode, MetRule, Outcome, Problem, Totals
    from zbatch.model.plan import ACCOUNT_ID, ACCOUNT_NUMBER, Identity, Item, Plan
    from zbatch.model.spec import (
        Account,
        AccountFile,
        Charges,
        DatePair,
        Exclusion,
        Expect,
        Limits,
        Rate,
        Settling,
        Source,
        Spec,
        StopRules,
    )
    from zbatch.model.standing import Earlier, OpenCall, Standing, Trail
    from zbatch.model.tenants import EMULATOR, Ceilings, Credentials, Tenant

_PLACES = {
    "alike": (
        "Batch",
        "Listed",
        "Repeated",
        "Settlement",
        "Terms",
        "batches",
        "listed",
    ),
    "calls": (
        "Attempt",
        "Baseline",
        "Call",
        "Detail",
        "Draft",
        "Effect",
        "Finding",
        "IfAbsent",
        "Invoice",
        "ItemRecord",
        "KeyState",
        "Result",
        "Send",
    ),
    "outcomes": (
        "ExitCode",
        "MetRule",
        "Outcome",
        "Problem",
        "Totals",
    ),
    "plan": (
        "ACCOUNT_ID",
        "ACCOUNT_NUMBER",
        "Identity",
        "Item",
        "Plan",
    ),
    "spec": (
        "Account",
        "AccountFile",
        "Charges",
        "DatePair",
        "Exclusion",
        "Expect",
        "Limits",
        "Rate",
        "Settling",
        "Source",
        "Spec",
        "StopRules",
    ),
    "standing": (
        "Earlier",
        "OpenCall",
        "Standing",
        "Trail",
    ),
    "tenants": (
        "EMULATOR",
        "Ceilings",
        "Credentials",
        "Tenant",
    ),
}
_PLACE = {name: place for place, names in _PLACES.items() for name in names}

__all__ = [
    "ACCOUNT_ID",
    "ACCOUNT_NUMBER",
    "EMULATOR",
    "Account",
    "AccountFile",
    "Attempt",
    "Baseline",
    "Batch",
    "Call",
    "Ceilings",
    "Charges",
    "Credentials",
    "DatePair",
    "Detail",
    "Draft",
    "Earlier",
    "Effect",
    "Exclusion",
    "ExitCode",
    "Expect",
    "Finding",
    "Identity",
    "IfAbsent",
    "Invoice",
    "Item",
    "ItemRecord",
    "KeyState",
    "Limits",
    "Listed",
    "MetRule",
    "OpenCall",
    "Outcome",
    "Plan",
    "Problem",
    "Rate",
    "Repeated",
    "Result",
    "Send",
    "Settlement",
    "Settling",
    "Source",
    "Spec",
    "Standing",
    "StopRules",
    "Tenant",
    "Terms",
    "Totals",
    "Trail",
    "batches",
    "listed",
]


def __getattr__(name: str) -> object:
    """Load a noun with the others of its module, and keep it here."""
    if name not in _PLACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"zbatch.model.{_PLACE[name]}"), name)
    globals()[name] = found
    return found
