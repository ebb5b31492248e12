"""What questions have shown, and all that a question is held against, in the ledger."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from support.engine import item
from support.plans import (
    NOON,
    PROBLEM,
    a_call,
    a_plan,
    a_record,
    a_run_id,
    a_send,
    an_attempt,
    left,
    settled,
)
from support.standing import standing
from zbatch.errors import LedgerFailure
from zbatch.ledger.store import Store, open_store
from zbatch.ledger.writer import LedgerWriter
from zbatch.model import (
    Baseline,
    Call,
    Charges,
    Detail,
    Draft,
    Earlier,
    Effect,
    Finding,
    IfAbsent,
    Item,
    ItemRecord,
    KeyState,
    Outcome,
    Result,
    Trail,
)

RUN = "20261130T120000Z-0000"
LATER = NOON + timedelta(hours=2)
A, B = "a" * 32, "b" * 32
BASELINE = Baseline(
    NOON + timedelta(microseconds=7),
    (A, B),
    (Draft(A, "12.50", NOON), Draft(B, None, None)),
    gone=("c" * 32,),
    shown=("d" * 32,),
)


def plan(store: Store, *items: Item) -> None:
    """Let a run of these items begin."""
    store.start_run(a_run_id(), a_plan(items), NOON)


def begin(store: Store, call: Call) -> None:
    store.begin(RUN, [a_send(call)], NOON)


def in_doubt(store: Store, one: Item, state: KeyState = KeyState.BURNT) -> Call:
    """Send an item and leave its key live or burnt."""
    call = a_call(one)
    begin(store, call)
    store.finish(RUN, [left(call, state)], NOON)
    return call


def invoiced(store: Store, one: Item, invoice_id: str = A) -> None:
    record = a_record(one, invoice_id=invoice_id, invoice_ids=(invoice_id,))
    call = a_call(one)
    begin(store, call)
    effect = Effect(KeyState.SETTLED, "row", record)
    store.finish(RUN, [Result(call, an_attempt(answer="rows"), (effect,))], NOON)


def failed(store: Store, one: Item) -> None:
    call = a_call(one)
    begin(store, call)
    store.finish(RUN, [settled(call, Outcome.FAILED)], NOON)


def by_question(
    one: Item,
    key: str | None,
    record: ItemRecord | None = None,
    if_absent: IfAbsent | None = None,
) -> Finding:
    effect = Effect(KeyState.SETTLED, "question of noon", record, if_absent)
    return Finding(one, key=key, effect=effect)


# Baselines


def test_a_baseline_comes_back_whole(store: Store, items: list[Item]) -> None:
    """Time, ids and drafts, to the microsecond; what a draft does not say stays unsaid."""
    store.finish(RUN, [], NOON, [Finding(items[0], baseline=BASELINE)])
    assert standing(store, items[0]).trail == Trail(BASELINE)
    assert standing(store, items[1]).trail == Trail()


def test_the_newest_baseline_counts(store: Store, items: list[Item]) -> None:
    """R9a: each key is held against what was there before its own first send."""
    newer = Baseline(LATER, (), ())
    store.finish(RUN, [], NOON, [Finding(items[0], baseline=BASELINE)])
    store.finish(RUN, [], LATER, [Finding(items[0], baseline=newer)])
    assert standing(store, items[0]).trail.baseline == newer


def test_a_baseline_outlives_its_key(store: Store, items: list[Item]) -> None:
    """The open call carries the trail of each member, its baseline among it."""
    store.finish(RUN, [], NOON, [Finding(items[1], baseline=BASELINE)])
    call = a_call(*items)
    begin(store, call)
    held = standing(store, items[0])
    assert held.call is not None
    assert [trail.baseline for trail in held.call.trails] == [None, BASELINE, None]
    store.finish(RUN, [settled(call, None)], NOON)
    assert standing(store, items[1]).trail.baseline == BASELINE


def test_a_baseline_of_an_item_that_no_run_planned_is_refused(store: Store) -> None:
    """What is noted belongs to something."""
    with pytest.raises(LedgerFailure):
        store.finish(RUN, [], NOON, [Finding(item(9), baseline=BASELINE)])


# Keys settled and burnt by questions


@pytest.mark.parametrize("state", [KeyState.LIVE, KeyState.BURNT])
def test_a_key_is_settled_by_a_question_with_its_outcome(
    store: Store, items: list[Item], state: KeyState
) -> None:
    """R9b: the record is the one found, and nothing of the item is open any more."""
    call = in_doubt(store, items[0], state)
    record = a_record(items[0], invoice_id=B, invoice_ids=(B,))
    store.finish(RUN, [], LATER, [by_question(items[0], call.key, record)])
    held = standing(store, items[0])
    assert (held.call, held.record) == (None, replace(record, run_id=RUN))
    assert store.newest_stamp() == LATER


def test_a_key_found_void_lets_the_next_generation_go(store: Store, items: list[Item]) -> None:
    """R1: g+1 is minted on the evidence that g created nothing."""
    call = in_doubt(store, items[0])
    store.finish(RUN, [], LATER, [by_question(items[0], call.key, if_absent=IfAbsent.RENEW)])
    held = standing(store, items[0])
    assert (held.call, held.record, held.generation) == (None, None, 1)
    begin(store, a_call(items[0], generation=1))


def test_a_key_burnt_by_a_question_is_burnt_for_good(store: Store, items: list[Item]) -> None:
    """The next run reads it as burnt, with what follows if nothing is there."""
    call = in_doubt(store, items[0], KeyState.LIVE)
    effect = Effect(KeyState.BURNT, "an invoice is there", if_absent=IfAbsent.RENEW)
    store.finish(RUN, [], NOON, [Finding(items[0], key=call.key, effect=effect)])
    held = standing(store, items[0])
    assert held.call is not None
    assert held.call.states == (KeyState.BURNT,)
    assert held.call.trails[0].if_absent is IfAbsent.RENEW
    with pytest.raises(LedgerFailure):
        begin(store, a_call(items[0], generation=1))


def test_what_the_row_of_a_burnt_key_said_is_kept_until_the_item_has_more(
    store: Store, items: list[Item]
) -> None:
    """R12: beside the attempt, which holds one problem for all items of its call."""
    call = a_call(*items)
    begin(store, call)
    mine = Effect(KeyState.BURNT, "row", if_absent=IfAbsent.FAIL, said=PROBLEM)
    other = Effect(KeyState.BURNT, "row", if_absent=IfAbsent.RENEW_TWICE)
    store.finish(RUN, [Result(call, an_attempt(), (mine, other, other))], NOON)
    held = standing(store, items[0])
    assert held.record is None
    assert held.call is not None
    assert [trail.said for trail in held.call.trails] == [PROBLEM, None, None]
    store.finish(RUN, [], NOON, [by_question(items[0], call.key, if_absent=IfAbsent.RENEW)])
    begin(store, a_call(items[0], generation=1))
    held = standing(store, items[0])
    assert held.call is not None
    assert held.call.trails[0].said is None


def test_only_the_item_that_was_asked_about_is_settled(store: Store, items: list[Item]) -> None:
    """R12: the other members of a burnt call stay burnt."""
    call = a_call(*items)
    begin(store, call)
    store.finish(RUN, [left(call, KeyState.BURNT)], NOON)
    store.finish(RUN, [], NOON, [by_question(items[1], call.key, a_record(items[1]))])
    held = standing(store, items[0])
    assert held.call is not None
    assert held.call.states == (KeyState.BURNT, KeyState.SETTLED, KeyState.BURNT)
    assert standing(store, items[1]).call is None


def test_what_somebody_else_has_billed_takes_the_payload_that_was_asked_for(
    store: Store, items: list[Item]
) -> None:
    """R13: the same spec is not refused afterwards; an outcome of our own keeps what was sent."""
    for one in items[:2]:
        call = a_call(one)
        begin(store, call)
        store.finish(RUN, [settled(call, Outcome.FAILED)], NOON)
    mended = [replace(one, invoice_date=date(2026, 12, 1)) for one in items[:2]]
    assert all(standing(store, one).payload_changed for one in mended)
    there = a_record(mended[0], Outcome.ALREADY_INVOICED)
    again = a_record(mended[1], Outcome.FAILED)
    found = [by_question(one.item, None, one) for one in (there, again)]
    store.finish(RUN, [], LATER, found)
    assert [standing(store, one).payload_changed for one in mended] == [False, True]


def test_an_item_never_sent_may_be_already_invoiced(store: Store, items: list[Item]) -> None:
    """R9a: an outcome without any key of ours."""
    record = a_record(items[0], Outcome.ALREADY_INVOICED, attempts=0, started_at=None)
    store.finish(RUN, [], NOON, [by_question(items[0], None, record)])
    held = standing(store, items[0])
    assert held.record == replace(record, run_id=RUN)
    assert held.generation == 0


@pytest.mark.parametrize("how", ["key of another item", "unknown key", "settled key"])
def test_a_finding_that_fits_no_open_key_is_refused(
    store: Store, items: list[Item], how: str
) -> None:
    """An outcome is never written beside a key that it does not settle."""
    call = in_doubt(store, items[0])
    if how == "settled key":
        store.finish(RUN, [], NOON, [by_question(items[0], call.key, if_absent=IfAbsent.RENEW)])
    one = items[1] if how == "key of another item" else items[0]
    key = "zb1-0" if how == "unknown key" else call.key
    with pytest.raises(LedgerFailure):
        store.finish(RUN, [], NOON, [by_question(one, key, a_record(one))])
    assert standing(store, one).record is None


def test_findings_are_one_transaction(tmp_path: Path, store: Store, items: list[Item]) -> None:
    """When one finding is refused, none of its group is in the ledger."""
    good = Finding(items[0], baseline=BASELINE)
    with pytest.raises(LedgerFailure):
        store.finish(RUN, [], NOON, [good, Finding(item(9), baseline=BASELINE)])
    store.close()
    with closing(open_store(tmp_path)) as again:
        assert standing(again, items[0]).trail == Trail()


def test_a_finding_is_durable_when_awaited(tmp_path: Path, store: Store, items: list[Item]) -> None:
    """The engine's port writes it in its own thread and returns when it is on disk."""

    async def work() -> None:
        writer = LedgerWriter(store, RUN, lambda: LATER)
        await writer.commit((), (), [Finding(items[0], baseline=BASELINE)])
        writer.close()

    asyncio.run(work())
    assert standing(store, items[0]).trail.baseline == BASELINE
    assert store.newest_stamp() == LATER


# Opened again


def test_what_was_already_invoiced_can_be_opened_again(store: Store, items: list[Item]) -> None:
    """L21: without its invoice the item has no outcome, and may be sent."""
    record = a_record(items[0], Outcome.ALREADY_INVOICED)
    store.finish(RUN, [], NOON, [by_question(items[0], None, record)])
    store.finish(RUN, [], LATER, [Finding(items[0], baseline=BASELINE, reopen=True)])
    held = standing(store, items[0])
    assert (held.record, held.trail.baseline) == (None, BASELINE)
    begin(store, a_call(items[0]))


@pytest.mark.parametrize("outcome", [Outcome.INVOICED, Outcome.FAILED, None])
def test_nothing_else_is_ever_opened_again(
    store: Store, items: list[Item], outcome: Outcome | None
) -> None:
    """An invoice of ours stays credited, whatever has become of it since."""
    if outcome:
        call = a_call(items[0])
        begin(store, call)
        store.finish(RUN, [settled(call, outcome)], NOON)
    with pytest.raises(LedgerFailure):
        store.finish(RUN, [], NOON, [Finding(items[0], reopen=True)])


# Trails


def test_ids_credited_to_other_items_of_the_account_are_told(store: Store) -> None:
    """R9b: other dates and revisions of the account, and nobody else's."""
    mine, other_date = item(1, 30), item(1, 20)
    revision = replace(mine, identity=replace(mine.identity, revision=2))
    stranger = item(2, 30)
    plan(store, mine, other_date, revision, stranger)
    invoiced(store, mine, "1" * 32)
    invoiced(store, other_date, "2" * 32)
    invoiced(store, stranger, "3" * 32)
    assert standing(store, revision).trail.credited == {"1" * 32, "2" * 32}
    assert standing(store, revision).trail.of_lower == {"1" * 32}
    assert standing(store, mine).trail.credited == {"2" * 32}
    assert standing(store, mine).trail.of_lower == frozenset()
    assert standing(store, stranger).trail.credited == frozenset()


def test_all_ids_of_an_item_are_credited_to_it(store: Store, items: list[Item]) -> None:
    """L9: an item that was found with several invoices holds each of them."""
    later = replace(items[0], identity=replace(items[0].identity, target_date=date(2027, 1, 31)))
    plan(store, later)
    record = a_record(items[0], Outcome.ALREADY_INVOICED, invoice_ids=(A, B))
    store.finish(RUN, [], NOON, [by_question(items[0], None, record)])
    assert standing(store, later).trail.credited == {A, B}


@pytest.mark.parametrize("found", [(A,), (A, B)])
def test_what_a_question_has_found_is_not_credited_to_a_lower_revision(
    store: Store, items: list[Item], found: tuple[str, ...]
) -> None:
    """D15: after the loss of a ledger it may be the higher revision's own."""
    revised = replace(items[0], identity=replace(items[0].identity, revision=2))
    plan(store, revised)
    record = a_record(items[0], Outcome.ALREADY_INVOICED, invoice_ids=found)
    store.finish(RUN, [], NOON, [by_question(items[0], None, record)])
    trail = standing(store, revised).trail
    assert (trail.credited, trail.of_lower) == (frozenset(), frozenset())


def test_renewals_by_question_are_counted(store: Store, items: list[Item]) -> None:
    """R9b: keys settled as void by a question, of whichever cause, over all runs."""
    for generation, if_absent in enumerate(
        [IfAbsent.RENEW_TWICE, IfAbsent.RENEW, None, IfAbsent.RENEW_TWICE]
    ):
        call = a_call(items[0], generation=generation)
        begin(store, call)
        store.finish(RUN, [left(call, KeyState.LIVE)], NOON)
        store.finish(RUN, [], NOON, [by_question(items[0], call.key, if_absent=if_absent)])
    assert standing(store, items[0]).trail.renewals == 3
    assert standing(store, items[1]).trail.renewals == 0


@pytest.mark.parametrize("if_absent", IfAbsent)
def test_what_follows_from_nothing_is_kept_with_a_burnt_key(
    store: Store, items: list[Item], if_absent: IfAbsent
) -> None:
    """A later run concludes as this one would have."""
    call = a_call(items[0])
    begin(store, call)
    effect = Effect(KeyState.BURNT, "row", if_absent=if_absent)
    store.finish(RUN, [Result(call, an_attempt(answer="rows"), (effect,))], NOON)
    held = standing(store, items[0])
    assert held.call is not None
    assert held.call.trails[0].if_absent is if_absent


def test_a_burnt_key_without_what_follows_is_refused(store: Store, items: list[Item]) -> None:
    """Nobody could conclude upon it."""
    call = a_call(items[0])
    begin(store, call)
    bare = Effect(KeyState.BURNT, "row")
    with pytest.raises(LedgerFailure):
        store.finish(RUN, [Result(call, an_attempt(answer="rows"), (bare,))], NOON)


# Other dates and revisions


def test_earlier_dates_that_failed_or_are_open_are_told(store: Store) -> None:
    """R10: by the ledger and not only by the spec: failed, live and burnt ones, by date."""
    dates = [item(1, day) for day in (1, 2, 3, 4, 5, 30)]
    plan(store, *dates, item(2, 1))
    failed(store, dates[0])
    live = in_doubt(store, dates[1], KeyState.LIVE)
    burnt = in_doubt(store, dates[2])
    call = a_call(dates[3])
    begin(store, call)
    store.finish(RUN, [settled(call, Outcome.NOTHING_TO_BILL)], NOON)
    failed(store, item(2, 1))
    last = standing(store, dates[5])
    assert [earlier.item for earlier in last.earlier] == dates[:3]
    assert [earlier.outcome for earlier in last.earlier] == [Outcome.FAILED, None, None]
    assert [earlier.call.call.key if earlier.call else None for earlier in last.earlier] == [
        None,
        live.key,
        burnt.key,
    ]
    assert standing(store, item(2, 2)).earlier == (Earlier(item(2, 1), Outcome.FAILED, None),)


def test_open_keys_of_later_dates_and_other_revisions_are_told(store: Store) -> None:
    """R10: whatever has an open key may be executed still; what is settled later may not."""
    one, late, last = item(1, 10), item(1, 20), item(1, 28)
    lower, higher = one, replace(one, identity=replace(one.identity, revision=2))
    plan(store, lower, higher, late, last)
    invoiced(store, lower)
    doubtful = [in_doubt(store, other) for other in (higher, late)]
    failed(store, last)
    told = [
        [(other.item, other.outcome, other.call and other.call.call) for other in held.earlier]
        for held in (standing(store, lower), standing(store, higher), standing(store, item(1, 15)))
    ]
    of_higher, of_late = zip((higher, late), (None, None), doubtful, strict=True)
    assert told == [[of_higher, of_late], [of_late], [of_higher, of_late]]


def test_a_higher_revision_that_is_invoiced_is_told_of_the_lower_ones_alone(store: Store) -> None:
    """A lower one would bill once more what it billed; later dates are not concerned."""
    first = item(1, 10)
    second, third = (replace(first, identity=replace(first.identity, revision=n)) for n in (2, 3))
    plan(store, first, second, third)
    invoiced(store, second)
    assert standing(store, first).earlier == (Earlier(second, Outcome.INVOICED, None),)
    assert [standing(store, one).earlier for one in (second, third, item(1, 20))] == [()] * 3


@pytest.mark.parametrize("day", [15, 30])
def test_a_failure_that_a_later_invoice_has_made_up_for_is_not_told(store: Store, day: int) -> None:
    """R10: it is never tried again, so nothing may wait for it; doubt is waited for still."""
    early, doubtful, late = item(1, 10), item(1, 11), item(1, 20)
    plan(store, early, doubtful, late)
    failed(store, early)
    in_doubt(store, doubtful)
    invoiced(store, late)
    assert [earlier.item for earlier in standing(store, item(1, day)).earlier] == [doubtful]


@pytest.mark.parametrize("kind", ["one_time", "recurring", "usage"])
def test_a_later_invoice_without_its_charges_makes_up_for_no_failure(
    store: Store, kind: str
) -> None:
    """R10: it has not billed them, so the failed date may be tried again, and is open till then."""
    early, late, last = (item(1, day) for day in (10, 20, 30))
    without = replace(late, charges=replace(late.charges, **{kind: False}))
    plan(store, early, without, last)
    failed(store, early)
    invoiced(store, without)
    assert standing(store, early).later_invoiced is None
    assert [earlier.item for earlier in standing(store, last).earlier] == [early]
    less = replace(early, charges=without.charges)
    assert standing(store, less).later_invoiced == late.identity.target_date
    invoiced(store, last, B)
    assert standing(store, early).later_invoiced == last.identity.target_date
    assert standing(store, last).earlier == ()


def test_a_higher_revision_of_other_charges_keeps_the_lower_one_from_its_retry(
    store: Store,
) -> None:
    """R10: below an invoiced revision none is sent, whatever each takes in."""
    first = item(1)
    second = replace(first, identity=replace(first.identity, revision=2))
    second = replace(second, charges=replace(second.charges, usage=False))
    plan(store, first, second)
    failed(store, first)
    invoiced(store, second)
    assert standing(store, first).later_invoiced == first.identity.target_date


def test_what_somebody_else_invoiced_later_makes_up_for_no_failure(store: Store) -> None:
    """R10: it may be gone by now, so the failed date is open, and may be tried again."""
    early, late, last = (item(1, day) for day in (10, 20, 30))
    plan(store, early, late, last)
    failed(store, early)
    found = a_record(late, Outcome.ALREADY_INVOICED, invoice_id=A, invoice_ids=(A,))
    store.finish(RUN, (), NOON, findings=[by_question(late, None, found)])
    assert standing(store, early).later_invoiced is None
    assert [earlier.item for earlier in standing(store, late).earlier] == [early]
    assert [earlier.item for earlier in standing(store, last).earlier] == [early]


def test_a_higher_revision_with_an_invoice_makes_up_for_a_failure(
    store: Store, items: list[Item]
) -> None:
    """It is there for the lower one, which is not tried again, and for no higher one."""
    first = items[0]
    second, third = (replace(first, identity=replace(first.identity, revision=n)) for n in (2, 3))
    later = replace(first, identity=replace(first.identity, target_date=date(2026, 12, 31)))
    failed(store, first)
    assert [earlier.item for earlier in standing(store, later).earlier] == [first]
    plan(store, second)
    invoiced(store, second)
    assert standing(store, later).earlier == ()
    assert standing(store, first).later_invoiced == first.identity.target_date
    assert standing(store, second).later_invoiced is None
    credited = [standing(store, one).trail.credited for one in (first, second, third, later)]
    assert credited == [frozenset(), frozenset(), {A}, {A}]


def test_earlier_dates_are_told_of_an_item_that_is_new(store: Store, items: list[Item]) -> None:
    """R10: another spec's later date is held back by this ledger's earlier one."""
    in_doubt(store, items[0])
    later = item(1, 30)
    moved = replace(later, identity=replace(later.identity, target_date=date(2026, 12, 31)))
    assert [earlier.item for earlier in standing(store, moved).earlier] == [items[0]]


def test_the_outcome_of_the_lower_revision_is_told(store: Store, items: list[Item]) -> None:
    """A revision is refused unless the one below it is settled in this ledger."""
    first = items[0]
    second, third = (replace(first, identity=replace(first.identity, revision=n)) for n in (2, 3))
    assert standing(store, second).lower is None
    in_doubt(store, items[1])
    invoiced(store, first)
    assert standing(store, second).lower is Outcome.INVOICED
    assert standing(store, third).lower is None
    assert standing(store, first).lower is None
    other = replace(items[1], identity=replace(items[1].identity, revision=2))
    assert standing(store, other).lower is None


def test_the_first_later_date_with_an_invoice_is_told(store: Store) -> None:
    """R10: what a later date has billed is not tried again."""
    dates = [item(1, day) for day in (10, 15, 20, 30)]
    plan(store, *dates)
    for one, invoice_id in ((dates[3], A), (dates[2], B)):
        invoiced(store, one, invoice_id)
    failed(store, dates[1])
    assert standing(store, dates[0]).later_invoiced == date(2026, 11, 20)
    assert standing(store, dates[2]).later_invoiced == date(2026, 11, 30)
    assert standing(store, dates[3]).later_invoiced is None
    assert standing(store, item(2, 1)).later_invoiced is None


def test_unsettled_items_of_all_specs_are_told(store: Store, items: list[Item]) -> None:
    """R14: live and burnt keys, whichever spec they stem from, in the order of accounts."""
    more = [item(7), item(8, 20), item(8, 10), item(9)]
    plan(store, *more)
    for one in (more[1], items[1]):
        in_doubt(store, one, KeyState.LIVE)
    in_doubt(store, more[2])
    invoiced(store, more[0])
    failed(store, items[0])
    found = list(store.unsettled())
    assert [held.item for held in found] == [items[1], more[2], more[1]]
    assert all(held.call for held in found)


def test_nothing_unsettled_is_nothing_told(store: Store) -> None:
    """Planned is not in doubt."""
    assert list(store.unsettled()) == []


def test_a_closed_ledger_that_is_asked_for_doubt_fails_by_name(store: Store) -> None:
    """No SQLite error leaves the room."""
    store.close()
    with pytest.raises(LedgerFailure):
        list(store.unsettled())
    with pytest.raises(LedgerFailure):
        store.finish(RUN, [], NOON, [])


# Payload and outcome at a new key


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.NOTHING_TO_BILL])
def test_a_new_key_takes_the_payload_that_is_sent(
    store: Store, items: list[Item], outcome: Outcome
) -> None:
    """R13: a definite failure takes the new invoice date and charges in the next generation."""
    call = a_call(items[0])
    begin(store, call)
    store.finish(RUN, [settled(call, outcome)], NOON)
    changed = replace(items[0], invoice_date=date(2026, 12, 1), charges=Charges(usage=False))
    plan(store, changed)
    assert standing(store, changed).payload_changed
    begin(store, a_call(changed, generation=1))
    held = standing(store, changed)
    assert not held.payload_changed
    assert standing(store, items[0]).payload_changed
    assert held.call is not None
    assert held.call.call.items[0].charges == Charges(usage=False)


def test_a_new_key_takes_the_old_outcome_away(store: Store, items: list[Item]) -> None:
    """An item that is tried again is in doubt, and not failed any more."""
    failed(store, items[0])
    begin(store, a_call(items[0], generation=1))
    held = standing(store, items[0])
    assert held.record is None
    assert held.call is not None
    assert PROBLEM.code not in repr(held.call)
    assert (held.generation, held.attempts) == (2, 2)


def test_an_answered_attempt_is_never_begun_again(store: Store, items: list[Item]) -> None:
    """What came of a send is not overwritten by dating it anew."""
    call = in_doubt(store, items[0], KeyState.LIVE)
    with pytest.raises(LedgerFailure):
        store.begin(RUN, [a_send(call, started_at=LATER)], LATER)


def test_a_rest_is_kept_until_the_next_one(store: Store, items: list[Item]) -> None:
    """From when an item may be asked about again is known to later runs; a finding adds to it."""
    assert standing(store, items[0]).trail.rests_until is None
    for until in (LATER, LATER + timedelta(hours=1)):
        store.finish(RUN, [], NOON, [Finding(items[0], rests_until=until)])
        assert standing(store, items[0]).trail.rests_until == until
    store.finish(RUN, [], NOON, [Finding(items[0], baseline=BASELINE)])
    assert standing(store, items[0]).trail.rests_until == LATER + timedelta(hours=1)
    assert standing(store, items[1]).trail.rests_until is None
    store.finish(RUN, [], NOON, [Finding(items[0], rested=True)])
    assert standing(store, items[0]).trail.rests_until is None


# What the tenant shows of invoices


def test_details_of_invoices_are_kept(store: Store) -> None:
    """They complete a settled item, whose outcome stays; before that nothing is known of them."""
    one = item(1)
    plan(store, one)
    invoiced(store, one)
    record = standing(store, one).record
    assert record is not None
    assert record.invoices is None
    details = (
        Detail(A, "INV1", "Draft", "10.00", "5.00", "EUR", "Error", "no engine", appended=True),
        Detail(B),
    )
    detailed = replace(record, invoice_ids=(A, B), invoices=details)
    store.detail([detailed], NOON)
    assert standing(store, one).record == detailed
    store.detail([], NOON)


def test_details_are_of_what_is_settled(store: Store) -> None:
    """Where the item has another invoice, or none, nothing is written and the run is told."""
    one = item(1)
    plan(store, one)
    stray = replace(a_record(one), invoices=())
    with pytest.raises(LedgerFailure):
        store.detail([stray], NOON)


def test_details_do_not_outlive_their_outcome(store: Store) -> None:
    """An item that is invoiced by others anew, or not any more, has none of the old ones."""
    one = item(1)
    plan(store, one)
    theirs = a_record(one, Outcome.ALREADY_INVOICED)
    effect = Effect(KeyState.SETTLED, "there", theirs)
    for finding in (Finding(one, effect=effect), Finding(one, reopen=True)):
        store.finish(RUN, [], NOON, [Finding(one, effect=effect)])
        store.detail([replace(theirs, invoices=(Detail(A),))], NOON)
        store.finish(RUN, [], NOON, [finding])
        found = standing(store, one).record
        assert found is None or found.invoices is None


def test_details_through_the_writer(store: Store) -> None:
    """The engine's own hand on the ledger writes them as well."""
    one = item(1)
    plan(store, one)
    invoiced(store, one)
    record = standing(store, one).record
    assert record is not None

    async def write() -> None:
        writer = LedgerWriter(store, RUN, lambda: NOON)
        try:
            await writer.detail([replace(record, invoices=(Detail(A),))])
        finally:
            writer.close()

    asyncio.run(write())
    found = standing(store, one).record
    assert found is not None
    assert found.invoices == (Detail(A),)
