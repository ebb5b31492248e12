"""What is left of a plan, worked out part by part, beside the same worked out at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.budget import examples
from support.engine import TENANT, item
from support.plans import NOON, a_plan, a_record, a_run_id, a_send, left, settled
from zbatch.app.backlog import Backlog, backlog_of
from zbatch.app.outstanding import Outstanding, Wish, outstanding
from zbatch.app.parts import cut
from zbatch.app.stages import put_in_stages
from zbatch.engine.order import Work
from zbatch.errors import Refused
from zbatch.ledger.schema import migrate
from zbatch.ledger.store import Store
from zbatch.model import (
    Account,
    Baseline,
    Call,
    DatePair,
    Effect,
    Finding,
    Item,
    ItemRecord,
    KeyState,
    Outcome,
    Plan,
    Result,
)
from zbatch.report.lines import to_line, to_lines
from zbatch.spec.plan import make_plan
from zbatch.zuora.request import make_call

ACCOUNTS = 9
DAYS = (10, 20)
SETTLED = (*[Outcome.INVOICED] * 3, Outcome.ALREADY_INVOICED, Outcome.NOTHING_TO_BILL)
ENDS = (*SETTLED, Outcome.FAILED, None)
ASKED = Baseline(NOON, ("f" * 32,), ())


@contextmanager
def a_store() -> Iterator[Store]:
    """Open an empty ledger in memory."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        migrate(connection)
        connection.execute("PRAGMA foreign_keys = ON")
        yield _Unfiled(connection, Path(__file__))


class _Unfiled(Store):
    def _check_in_place(self) -> None:
        """Have no file that anybody could replace."""


@dataclass
class Asked:
    """One account of a spec."""

    number: int
    days: tuple[int, ...]
    revision: int = 1


@dataclass
class Drawn:
    """A spec as drawn: its accounts, how many go into a call, its stages, another invoice date."""

    accounts: Sequence[Asked]
    size: int
    stages: tuple[int | None, ...] = ()
    changed: bool = False

    def plan(self) -> Plan:
        """Plan it."""
        accounts = tuple(
            Account(
                item(one.number).identity.account_id,
                item(one.number).source,
                tuple(self._pair(day) for day in one.days),
                None,
                one.revision,
            )
            for one in self.accounts
        )
        spec = a_plan([]).spec
        limits = replace(spec.limits, objects_per_call=self.size)
        stages = self.stages if len(self.stages) > 1 else ()
        return make_plan(replace(spec, accounts=accounts, limits=limits, stages=stages), TENANT)

    def _pair(self, day: int) -> DatePair:
        target = item(1, day).identity.target_date
        return DatePair(target, item(1, day + 1).invoice_date if self.changed else target)


def specs(revisions: bool = True) -> st.SearchStrategy[Drawn]:
    """Draw specs of a few accounts."""
    asked = st.builds(
        Asked,
        st.integers(1, ACCOUNTS),
        st.sampled_from([DAYS, DAYS[:1], DAYS[1:], DAYS[:1]]),
        st.sampled_from([1, 1, 1, 1, 2] if revisions else [1]),
    )
    return st.builds(
        Drawn,
        st.lists(asked, min_size=1, max_size=ACCOUNTS, unique_by=lambda one: one.number),
        st.sampled_from([1, 1, 1, 2, 3]),
        st.sampled_from([(), (), (2, None), (1, 3, None)]),
        st.sampled_from([False, False, False, False, True]),
    )


@dataclass
class Past:
    """What earlier runs have done: a spec each, and what has come of each of its calls."""

    runs: list[tuple[Drawn, list[Any]]] = field(default_factory=list)

    def write(self, store: Store) -> None:
        """Write it as runs do."""
        for drawn, ends in self.runs:
            plan = drawn.plan()
            run = a_run_id()
            store.start_run(run, plan, NOON)
            for group, end in zip(plan.groups, ends, strict=False):
                items = tuple(plan.items[position] for position in group)
                _send(store, run, items, end)


def _send(store: Store, run: str, items: Sequence[Item], end: Any) -> None:
    """Send a call of items, unless any of them may not be sent, and give it an end."""
    standings = list(store.standing(items))
    if any(held.call or (held.record and held.record.outcome.success) for held in standings):
        return
    if len({held.generation for held in standings}) > 1:
        return
    call = make_call(TENANT, tuple(items), standings[0].generation)
    if end == "asked":
        noted = [Finding(one, baseline=ASKED, rests_until=NOON) for one in items]
        store.finish(run, [], NOON, noted)
        return
    store.begin(run, [a_send(call)], NOON)
    if end == "unanswered":
        return
    if isinstance(end, KeyState):
        store.finish(run, [left(call, end)], NOON)
    elif end == "in part":
        store.finish(run, [_in_part(call)], NOON)
    else:
        store.finish(run, [settled(call, end)], NOON)


def _in_part(call: Call) -> Result:
    """Settle the first item of a call, and burn the others' keys."""
    burnt = left(call, KeyState.BURNT)
    first = Effect(KeyState.SETTLED, "row", a_record(call.items[0]))
    return replace(burnt, effects=(first, *burnt.effects[1:]))


def pasts() -> st.SearchStrategy[Past]:
    """Draw what earlier runs may have left."""
    end = st.sampled_from(
        [*ENDS * 3, KeyState.LIVE, KeyState.BURNT, "unanswered", "in part", "asked"]
    )
    run = st.tuples(specs(revisions=False), st.lists(end, max_size=2 * ACCOUNTS))
    return st.builds(Past, st.lists(run, max_size=3))


WISHES = st.builds(Wish, st.booleans(), st.booleans())


def at_once(plan: Plan, store: Store, wish: Wish) -> Outstanding:
    """Work out all of a plan with everything in memory."""
    return outstanding(plan, tuple(store.standing(plan.items)), wish)


def refusal_of(working_out: Callable[[], object]) -> str | None:
    """Tell why a plan is refused, None where it is not."""
    try:
        working_out()
    except Refused as refusal:
        return str(refusal)
    return None


def told(works: Iterable[Work]) -> list[tuple[Any, ...]]:
    """Give all that makes works what they are, in the order of the plan."""
    values = ([getattr(work, one.name) for one in fields(work)] for work in works)
    return sorted(map(tuple, values), key=lambda one: (one[0], one[1][0].identity))


def all_works(todo: Backlog, store: Store) -> list[Work]:
    """Make all works of a backlog."""
    later = [work for part in todo.later for work in todo.works_of(part, store)]
    return [*todo.now.works, *later]


def final(todo: Backlog, store: Store) -> dict[str, ItemRecord]:
    """Give what a backlog tells before the first call, and what waits."""
    stand = [record for _, records in todo.settled(store) for record in records]
    assert all(record.outcome is not Outcome.NOT_ATTEMPTED for record in stand)
    return {str(record.item.identity): record for record in (*stand, *todo.held_back)}


@examples(250)
@given(specs(), pasts(), WISHES, st.integers(1, 5))
def test_part_by_part_is_the_same_as_at_once(
    drawn: Drawn, past: Past, wish: Wish, size: int
) -> None:
    """Whatever ledger and plan, in parts of whatever size: same works, records, counts, stages."""
    plan = drawn.plan()
    with a_store() as store:
        past.write(store)
        refusal = refusal_of(lambda: at_once(plan, store, wish))
        assert refusal_of(lambda: backlog_of(plan, store, wish, size)) == refusal
        if refusal:
            return
        whole = at_once(plan, store, wish)
        todo = backlog_of(plan, store, wish, size)
        staging = put_in_stages(plan, whole, store)
        assert put_in_stages(plan, todo.now, store) == staging
        store.start_run(a_run_id(), plan, NOON)  # as a run does before it makes the later ones
        works = all_works(todo, store)
        assert told(works) == told(whole.works)
        assert final(todo, store) == {str(one.item.identity): one for one in whole.records}
        assert _order(todo, store) == [
            one.item.identity for one in whole.records if one.outcome is not Outcome.NOT_ATTEMPTED
        ]
        sending = [work for work in whole.works if not work.held]
        assert todo.counts.to_send == sum(len(work.items) for work in sending)
        doubted = (work for work in sending if work.in_doubt)
        assert todo.counts.in_doubt == sum(len(work.items) for work in doubted)
        assert todo.counts.calls == sum(not work.burnt for work in sending)
        assert todo.counts.asked == sum(len(work.items) for work in whole.works)
        stands = sum(record.outcome.settled for record in whole.records)
        assert todo.counts.settled == stands + len(whole.works) - len(sending)
        assert todo.counts.elsewhere == whole.elsewhere


def _order(todo: Backlog, store: Store) -> list[Any]:
    return [record.item.identity for _, records in todo.settled(store) for record in records]


@examples(150)
@given(specs(), pasts(), st.integers(0, 3), st.integers(1, 9), st.booleans())
def test_what_is_repeated_is_what_each_record_says(
    drawn: Drawn, past: Past, start: int, count: int, listed_again: bool
) -> None:
    """Whatever ledger and plan: where all is invoiced, its lines are made at once, to the byte."""
    plan, run = drawn.plan(), a_run_id()
    start = min(start, len(plan.items) - 1)
    stop = min(start + count, len(plan.items))
    with a_store() as store:
        if listed_again:  # by a run that knew of nothing yet
            store.start_run(run, plan, NOON)
        past.write(store)
        if not listed_again:
            store.start_run(run, plan, NOON)
        records = list(store.outcomes(plan.items[start:stop]))
        invoiced = [one for one in records if one.outcome is Outcome.INVOICED]
        for items in (plan.items, tuple(plan.items)):
            repeated = store.repeated(run, items, start, stop)
            assert (repeated is not None) == (len(invoiced) == stop - start)
            if repeated is not None:
                assert to_lines(repeated, run) == b"".join(to_line(one, run) for one in records)
                assert [one.settlement.run_id for one in repeated] == [
                    one.run_id for one in records
                ]


@examples(100)
@given(specs(), st.integers(1, 5))
def test_parts_hold_whole_accounts_and_calls(drawn: Drawn, size: int) -> None:
    """Nothing is left out, and no account and no call is in two parts."""
    plan = drawn.plan()
    parts = list(cut(plan, size))
    assert [p for part in parts for p in range(part.start, part.stop)] == [*range(len(plan.items))]
    assert [g for part in parts for g in part.groups] == [*range(len(plan.groups))]
    accounts = [{one.identity.account_id for one in part.items(plan)} for part in parts]
    assert len(set().union(*accounts)) == sum(map(len, accounts))
    for part in parts:
        inside = {position for number in part.groups for position in plan.groups[number]}
        assert inside == set(range(part.start, part.stop))


def test_an_open_call_keeps_its_items_together() -> None:
    """A call whose items stand far apart in the plan now is sent again whole, and first of all."""
    items = [item(n) for n in range(1, 8)]
    with a_store() as store:
        run = a_run_id()
        store.start_run(run, a_plan(items), NOON)
        call = make_call(TENANT, (items[0], items[6]), 0)
        store.begin(run, [a_send(call)], NOON)
        todo = backlog_of(a_plan(items), store, Wish(), 2)
        assert [work.items for work in todo.now.works if work.call] == [(items[0], items[6])]
        assert [part.start for part in todo.later] == [2, 4]


def test_what_is_wrong_is_said_of_the_whole_plan() -> None:
    """A refusal names the first items of all that are changed, and how many there are."""
    before = Drawn([Asked(n, DAYS[:1]) for n in range(1, 7)], 1)
    after = replace(before, changed=True)
    with a_store() as store:
        Past([(before, [Outcome.INVOICED] * 6)]).write(store)
        with pytest.raises(Refused) as refused:
            backlog_of(after.plan(), store, Wish(), 2)
        assert str(refused.value).count("invoice date") == 7
