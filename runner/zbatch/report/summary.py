"""Folds over outcomes: totals, failures by code, what is in doubt, and who settled what."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from zbatch.model import ItemRecord, Outcome, Problem, Totals

FIRST_ACCOUNTS = 3
FIRST_MESSAGES = 3
FIRST_WAITING = 3
PERHAPS_GONE = "PERHAPS_GONE"


@dataclass(frozen=True, slots=True)
class Message:
    """All items that failed with one code and one message; `accounts` are the first of them.

    Where the text names the account it says `…` instead.
    """

    text: str
    count: int
    accounts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """All items that failed with one code; `messages` are the first that came with it."""

    code: str
    count: int
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a report comes to; failures are ordered by how many items they hit.

    `settled_by` names the earlier runs whose outcomes are repeated, in order of appearance.
    `nothing_since` is when the earliest answer came that there was nothing to bill: usage rated
    later is not in it. `waiting` are the first items that wait for something else to be settled,
    `unseen` those whose invoice is not shown any more: a later run bills them if it is gone.
    """

    totals: Totals
    failures: tuple[FailureGroup, ...]
    unknown: tuple[ItemRecord, ...]
    settled_by: tuple[str, ...]
    nothing_since: datetime | None = None
    waiting: tuple[ItemRecord, ...] = ()
    unseen: tuple[ItemRecord, ...] = ()


class Fold:
    """The summary of run `run_id`, record by record: it keeps no more than it gives."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._counts: Counter[Outcome] = Counter()
        self._failures: dict[str, FailureGroup] = {}
        self._unknown: list[ItemRecord] = []
        self._earlier: dict[str, None] = {}
        self._nothing_since: datetime | None = None
        self._waiting: list[ItemRecord] = []
        self._unseen: list[ItemRecord] = []

    def add(self, record: ItemRecord) -> None:
        """Count one more record."""
        outcome = record.outcome
        self._counts[outcome] += 1
        if outcome is Outcome.FAILED:
            _add_failure(self._failures, record)
        elif outcome is Outcome.UNKNOWN:
            self._unknown.append(record)
        elif outcome is Outcome.NOT_ATTEMPTED and len(self._waiting) < FIRST_WAITING:
            self._waiting.append(record)
        elif is_unseen(outcome, record.error):
            self._unseen.append(record)
        elif outcome is Outcome.NOTHING_TO_BILL and record.finished_at:
            self._nothing_since = min(record.finished_at, self._nothing_since or record.finished_at)
        if outcome.settled and record.run_id not in (None, self._run_id):
            self._earlier[str(record.run_id)] = None

    def add_invoiced(self, count: int, runs: Iterable[str]) -> None:
        """Count so many more records that are invoiced, by these runs."""
        self._counts[Outcome.INVOICED] += count
        self._earlier.update((run, None) for run in runs if run not in ("", self._run_id))

    def summary(self, planned: int) -> Summary:
        """Give what all records come to."""
        return Summary(
            totals=Totals(planned, dict(self._counts)),
            failures=tuple(sorted(self._failures.values(), key=lambda group: -group.count)),
            unknown=tuple(self._unknown),
            settled_by=tuple(self._earlier),
            nothing_since=self._nothing_since,
            waiting=tuple(self._waiting),
            unseen=tuple(self._unseen),
        )


def is_unseen(outcome: Outcome, problem: Problem | None) -> bool:
    """Tell whether an item keeps an outcome whose invoice the tenant did not show when asked."""
    missed = problem is not None and problem.code == PERHAPS_GONE
    return outcome is Outcome.ALREADY_INVOICED and missed


def _add_failure(groups: dict[str, FailureGroup], record: ItemRecord) -> None:
    problem = record.error or Problem("NO_REASON", "The reason was not recorded.")
    group = groups.get(problem.code, FailureGroup(problem.code, 0, ()))
    messages = {message.text: message for message in group.messages}
    text = _without_account(problem.message, record)
    if text in messages or len(messages) < FIRST_MESSAGES:
        messages[text] = _joined(messages.get(text, Message(text, 0, ())), record)
    groups[problem.code] = FailureGroup(problem.code, group.count + 1, tuple(messages.values()))


def _without_account(message: str, record: ItemRecord) -> str:
    """Cut the account out of its message, lest it looks like a new one each time."""
    names = (record.item.identity.account_id, record.item.account_number)
    pattern = "|".join(re.escape(name) for name in names if name)
    return re.sub(pattern, "…", message, flags=re.IGNORECASE)


def _joined(message: Message, record: ItemRecord) -> Message:
    account = record.item.account_number or record.item.identity.account_id
    room = len(message.accounts) < FIRST_ACCOUNTS and account not in message.accounts
    accounts = (*message.accounts, account) if room else message.accounts
    return Message(message.text, message.count + 1, accounts)
