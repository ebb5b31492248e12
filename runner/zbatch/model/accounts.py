"""Which accounts a spec lists and leaves out, and what they must come to."""

from __future__ import annotations

from dataclasses import dataclass

from zbatch.model.spec import DatePair, Source


class _Named:
    """What is named by ID or by number, by one of them."""

    __slots__ = ()
    account_id: str | None
    number: str | None

    def __post_init__(self) -> None:
        if (self.account_id is None) == (self.number is None):
            raise ValueError("an account is named by its ID or by its number")

    @property
    def named(self) -> str:
        """Its ID or its number, whichever the spec names it by."""
        return self.account_id or self.number or ""


@dataclass(frozen=True, slots=True)
class Account(_Named):
    """One account to bill, named by ID or by number; `dates` is None where the spec's hold."""

    account_id: str | None
    source: Source
    dates: tuple[DatePair, ...] | None = None
    reason: str | None = None
    revision: int = 1
    number: str | None = None


@dataclass(frozen=True, slots=True)
class Exclusion(_Named):
    """An account that is not billed, named by ID or by number, and why."""

    account_id: str | None
    number: str | None
    reason: str
    source: Source


@dataclass(frozen=True, slots=True)
class Expect:
    """What the plan must come to; `accounts_digest` is that of the set of billed account IDs.

    `places` names for each total where the spec has it.
    """

    accounts: int | None = None
    items: int | None = None
    accounts_digest: str | None = None
    places: tuple[tuple[str, Source], ...] = ()


@dataclass(frozen=True, slots=True)
class AccountFile:
    """A list of accounts that a spec names: its path as written, and what was read of it.

    `digest` is the SHA-256 of its bytes in hexadecimal, `rows` how many accounts it lists.
    """

    path: str
    digest: str
    rows: int
