"""Works that are made when their turn comes: the run is that with all of them at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.budget import examples
from support.engine import LOST, Bench, Run, failure, item, objects_of, status, success, works_of
from zbatch.engine.ending import StopReason
from zbatch.engine.order import NOTHING_LATER, Work
from zbatch.engine.settings import Staging
from zbatch.engine.stages import Choice, StageEnd
from zbatch.model import Item, Limits, Outcome, Rate, StopRules
from zbatch.zuora.wire import Fault, Reply, Request

ANSWERS: dict[str, Reply | Fault] = {
    "good": success(),
    "bad": failure("INVALID_VALUE"),
    "locked": failure("LOCK_COMPETITION"),
    "throttled": status(429),
    "lost": LOST,
    "odd": failure("UNKNOWN_ERROR"),
}


class InParts:
    """Makes works of items some accounts at a time, and counts how many it has made."""

    def __init__(self, items: Sequence[Item], size: int, stage: int = 0) -> None:
        self.stage = stage
        self.items = len(items)
        self.made = 0
        self._left = deque(enumerate(items))
        self._size = size

    @property
    def ordinal(self) -> int | None:
        return self._left[0][0] if self._left else None

    async def works(self) -> list[Work]:
        works: list[Work] = []
        while self._left and (len(works) < self._size or self._goes_on(works[-1])):
            ordinal, one = self._left.popleft()
            works.append(Work(ordinal, (one,), 0, stage=self.stage))
        self.made += len(works)
        return works

    def _goes_on(self, last: Work) -> bool:
        following = self._left[0][1].identity
        return following.account_id == last.items[0].identity.account_id


ACCOUNTS = st.lists(st.sampled_from([(10,), (10, 20), (10, 20, 30)]), min_size=1, max_size=40)
SCRIPT = st.dictionaries(
    st.integers(0, 79), st.lists(st.sampled_from([*ANSWERS]), max_size=3), max_size=20
)


def played(bench: Bench, works: Sequence[Work], script: dict[int, list[str]]) -> Run:
    """Run a bench whose server answers each account and date by a script, and then well."""
    answered: dict[tuple[str, str], int] = {}

    def answer(request: Request, before: int) -> Reply | Fault:
        (entry,) = objects_of(request)
        named = entry["AccountId"], entry["TargetDate"]
        count = answered[named] = answered.get(named, -1) + 1
        answers = script.get(int(named[0], 16) % 40 + 40 * named[1].endswith("20"), [])
        return ANSWERS[answers[count]] if count < len(answers) else success(before + 1)

    return bench.run(works, answer)


@pytest.mark.untraced
@examples(60)
@given(ACCOUNTS, SCRIPT, st.integers(1, 9), st.sampled_from([1, 3, 20]), st.booleans())
def test_the_run_is_the_same(
    accounts: list[tuple[int, ...]],
    script: dict[int, list[str]],
    size: int,
    concurrency: int,
    stops: bool,
) -> None:
    """Whatever the tenant answers: the same requests at the same times, and the same outcomes."""
    items = [item(number, day) for number, days in enumerate(accounts) for day in days]
    limits = Limits(concurrency, Rate(600, 60.0), 1, 150.0)
    rules = StopRules(failures=2) if stops else StopRules()
    whole = played(Bench(limits, rules=rules), works_of(items), script)
    later = InParts(items, size)
    parts = played(Bench(limits, rules=rules, later=later), (), script)
    assert parts.server.requests == whole.server.requests
    assert parts.server.questions == whole.server.questions
    assert parts.records == whole.records
    assert parts.ending == whole.ending
    assert later.made <= len(items)


def test_no_more_are_made_than_the_run_is_ahead() -> None:
    """A run that stops early has not made what it would have sent much later."""
    later = InParts([item(n) for n in range(3000)], 50)
    limits = Limits(10, Rate(6000, 60.0), 1, 150.0)
    bench = Bench(limits, rules=StopRules(failures=20), later=later)
    run = bench.run((), lambda request, before: failure("INVALID_VALUE"))
    assert run.ending.stop is not None
    assert run.ending.stop.reason is StopReason.RULE
    assert later.made <= 500


def test_what_was_there_before_goes_by_its_place_in_the_plan() -> None:
    """Works made at once and works made later leave in one order, that of the plan."""
    items = [item(n) for n in range(30)]
    now = [work for work in works_of(items) if work.ordinal % 7 == 3]
    later = _Without(items, {work.ordinal for work in now})
    limits = Limits(1, Rate(600, 60.0), 1, 150.0)
    run = Bench(limits, later=later).run(now, lambda request, before: success(before + 1))
    sent = [int(objects_of(request)[0]["AccountId"], 16) for _, request in run.server.requests]
    assert sent == [*range(30)]


class _Without(InParts):
    """Makes all works but some."""

    def __init__(self, items: Sequence[Item], without: set[int]) -> None:
        super().__init__(items, 4)
        self._left = deque(one for one in self._left if one[0] not in without)


class Looking:
    """Confirms each stage, and keeps how many works were made by then."""

    def __init__(self, later: InParts) -> None:
        self.later = later
        self.seen: list[tuple[int, int]] = []

    async def look(self, end: StageEnd) -> Choice:
        self.seen.append((end.number, self.later.made))
        return Choice.CONFIRM


def test_the_last_stage_is_made_once_it_is_open() -> None:
    """Nothing of the last stage is made, let alone sent, before the one ahead was looked at."""
    items = [item(n) for n in range(40)]
    now = [Work(n, (one,), 0, stage=1) for n, one in enumerate(items[:5])]
    later = InParts(items[5:], 10, stage=2)
    looking = Looking(later)
    run = Bench(stages=Staging(2, "plan"), gate=looking, later=later).run(
        now, lambda request, before: success(before + 1)
    )
    assert looking.seen == [(1, 0)]
    assert run.ending.stop is None
    assert {record.outcome for record in run.records.values()} == {Outcome.INVOICED}
    assert len(run.records) == 40


def test_a_run_without_later_works_has_none_to_come() -> None:
    """Who gives all works at once gives nothing beside them."""
    assert (NOTHING_LATER.ordinal, NOTHING_LATER.items) == (None, 0)
    assert asyncio.run(NOTHING_LATER.works()) == ()


def test_an_account_that_comes_twice_stops_the_run() -> None:
    """Its dates could be under way together: that is a bug, and nothing more is sent."""
    items = [item(1, 10), item(2), item(1, 20)]
    limits = Limits(1, Rate(600, 60.0), 1, 150.0)
    run = Bench(limits, later=_Torn(items, 1)).run((), lambda request, before: success())
    assert run.ending.stop is not None
    assert run.ending.stop.reason is StopReason.INTERNAL
    assert run.ending.sent == 0


class _Torn(InParts):
    """Gives each item alone."""

    def _goes_on(self, last: Work) -> bool:
        return False


def test_f69_what_comes_later_counts_for_the_retries_of_an_outage() -> None:
    """A fifth of all items may fail again before an outage ends the run, whenever they are made."""
    items = [item(n) for n in range(60)]
    later = InParts(items, 10)
    parts = Bench(later=later).run((), lambda request, before: status(500))
    whole = Bench().run(works_of(items), lambda request, before: status(500))
    assert parts.ending.stop is not None
    assert parts.ending.stop.reason is StopReason.OUTAGE
    assert parts.server.requests == whole.server.requests
