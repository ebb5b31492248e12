"""Tell an outage of the tenant from bad data, by how many different keys fail. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from zbatch.engine.kinds import Kind, kind_of
from zbatch.model import Attempt
from zbatch.zuora.codes import RowClass
from zbatch.zuora.reply import Answer, Rows
from zbatch.zuora.wire import Fault

KEYS = 50  # the last so many different ones are looked at
LEAST = 20
PROBE_SECONDS = 5.0
SHARE = 0.2  # of a run's items: so many retries may fail in one outage

_FAILED = frozenset({Kind.LOST, Kind.SERVER_ERROR, Kind.UNREADABLE})
_FAILED_ROWS = frozenset({RowClass.RETRY, RowClass.UNCERTAIN})


@dataclass(frozen=True, slots=True)
class Shown:
    """What an answer to a key shows: whether the tenant failed, when the request left.

    `again` tells that its `items` were sent before.
    """

    key: str
    failed: bool
    left: float
    again: bool = False
    items: int = 1


class Outage:
    """One for a run of so many items: the newest answer of each of the last keys."""

    def __init__(self, items: int) -> None:
        self._most = max(1, int(SHARE * items))
        self._newest: dict[str, bool] = {}  # the key that was answered last stands last
        self._since: float | None = None
        self._retries = 0  # that have failed, each as often as it has items
        self._under_way = 0

    @property
    def on(self) -> bool:
        """Whether the tenant is taken to be out of order."""
        return self._since is not None

    @property
    def lasting(self) -> bool:
        """Whether as many retries have failed as may."""
        return self._retries >= self._most

    @property
    def used_up(self) -> bool:
        """Whether as many retries have failed, or are under way, as may fail."""
        return self.on and self._retries + self._under_way >= self._most

    @contextmanager
    def retrying(self, items: int) -> Iterator[None]:
        """Count so many items as under way again while the body runs, if any retry counts."""
        counted = items if self.on else 0
        self._under_way += counted
        try:
            yield
        finally:
            self._under_way -= counted

    def take(self, shown: Shown, now: float) -> bool:
        """Take in what an answer shows; tell whether an outage began or ended."""
        key, failed = shown.key, shown.failed
        self._newest.pop(key, None)
        self._newest[key] = failed
        if len(self._newest) > KEYS:
            del self._newest[next(iter(self._newest))]
        known, failures = len(self._newest), sum(self._newest.values())
        on = known >= LEAST and 2 * failures > known
        before = self._since
        if not on:
            self._since, self._retries = None, 0
        elif before is None:
            self._since = now
        elif failed and shown.again and shown.left > before:
            self._retries += shown.items
        return on != (before is not None)


def failed(answer: Answer | Fault, attempt: Attempt, before: Sequence[Attempt]) -> bool | None:
    """Tell whether an answer shows that the tenant is out of order; None if it shows nothing.

    What is refused for a reason of its own is bad data, and shows that the tenant works. Limits,
    tokens and hosts out of reach have gates of their own; what is known already is no news.
    """
    kind = kind_of(answer)
    told = attempt.request_id
    if told and any(past.request_id == told and past.answer == kind.value for past in before):
        return None
    if isinstance(answer, Rows):
        if answer.throttled:
            return None
        return all(row.row_class in _FAILED_ROWS for row in answer.rows)
    if kind in _FAILED:
        return True
    return False if kind is Kind.REFUSED else None
