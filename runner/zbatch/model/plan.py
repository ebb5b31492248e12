"""What is to be billed: items, in calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from zbatch.model.accounts import Account, Exclusion
from zbatch.model.names import ACCOUNT_ID
from zbatch.model.spec import Charges, Source, Spec
from zbatch.model.tenants import Tenant
from zbatch.model.values import value


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """What makes an item the same item within one tenant: billed twice means twice for this."""

    account_id: str
    target_date: date
    revision: int = 1

    def __post_init__(self) -> None:
        if not ACCOUNT_ID.fullmatch(self.account_id):
            raise ValueError("an account ID is 32 lower-case hexadecimal characters")
        if self.revision < 1:
            raise ValueError("a revision counts from 1")

    def __str__(self) -> str:
        revision = f" revision {self.revision}" if self.revision > 1 else ""
        return f"{self.account_id} {self.target_date.isoformat()}{revision}"


@value(frozen=True, slots=True)
class Item:
    """One account for one target date: the unit of everything.

    `invoice_date` and `charges` are payload: they do not take part in the identity.
    """

    identity: Identity
    invoice_date: date
    charges: Charges
    source: Source
    reason: str | None = None
    account_number: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The ordered items of a spec, and how they are grouped into calls.

    `groups` holds positions in `items`; a group never has one account twice. `digest` is a
    SHA-256 in hexadecimal over all that decides what is billed where; it goes by the accounts as
    they are named, and so stays the same once the `unresolved` ones, which are billed and named by
    number, have their IDs and their items. `excluded` are the exclusions that keep an account out;
    of `unresolved_exclusions`, named by number, that is not known yet.
    """

    spec: Spec
    tenant: Tenant
    items: Sequence[Item]
    groups: Sequence[tuple[int, ...]]
    digest: str
    unresolved: tuple[Account, ...] = ()
    excluded: tuple[Exclusion, ...] = ()
    unresolved_exclusions: tuple[Exclusion, ...] = ()

    @property
    def resolved(self) -> bool:
        """Whether no number has to be looked up before anything is made of the plan."""
        return not self.unresolved and not self.unresolved_exclusions
