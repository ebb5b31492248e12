"""The nouns: frozen values that every room shares and none of them owns.

Each is loaded when it is first asked for: a third of the time that `zbatch --help` takes would go
into classes that it has no use for. Where a noun is written `model.Account`, it is loaded at its
first use and not with the module that writes it so: `zbatch validate` has no use for some of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zbatch.model.accounts import Account, AccountFile, Exclusion, Expect
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
    from zbatch.model.names import ACCOUNT_ID, ACCOUNT_NUMBER
    from zbatch.model.outcomes import ExitCode, Outcome
    from zbatch.model.plan import Identity, Item, Plan
    from zbatch.model.problems import MetRule, Problem, Totals
    from zbatch.model.spec import (
        Charges,
        DatePair,
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
    "accounts": (
        "Account",
        "AccountFile",
        "Exclusion",
        "Expect",
    ),
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
    "names": (
        "ACCOUNT_ID",
        "ACCOUNT_NUMBER",
    ),
    "outcomes": (
        "ExitCode",
        "Outcome",
    ),
    "plan": (
        "Identity",
        "Item",
        "Plan",
    ),
    "problems": (
        "MetRule",
        "Problem",
        "Totals",
    ),
    "spec": (
        "Charges",
        "DatePair",
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
