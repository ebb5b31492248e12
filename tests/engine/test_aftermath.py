"""What a run makes of questions: burnt keys settled, renewals, what waits and what is held back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from support.engine import (
    LOST,
    START,
    TENANT,
    Bench,
    Run,
    VirtualClock,
    accounts_of,
    failure,
    found,
    item,
    objects_of,
    rows,
    showing,
    shown,
    status,
    success,
    text_of,
    works_of,
)
from zbatch.engine import backoff
from zbatch.engine.arming import WAVE
from zbatch.engine.ending import StopReason
from zbatch.engine.kinds import Kind
from zbatch.engine.loop import Engine
from zbatch.engine.order import Work
from zbatch.engine.settings import Acceptance
from zbatch.engine.steps import Cleared
from zbatch.model import (
    Attempt,
    Baseline,
    IfAbsent,
    Item,
    ItemRecord,
    KeyState,
    Outcome,
    Problem,
    Settling,
    Trail,
)
from zbatch.zuora.request import make_call
from zbatch.zuora.wire import Ask, Reply, Request

HOUR = timedelta(hours=1)
UNKNOWN_ERROR = failure("UNKNOWN_ERROR", "Operation failed due to an unknown error.")
BASELINE = Baseline(START - 48 * HOUR, (), ())


def waiting(settle: float = 3600.0, wait: float = 4000.0, **fields: object) -> Bench:
    """Make a bench whose run waits until burnt keys have rested."""
    return Bench(settling=Settling(settle, wait), **fields)  # type: ignore[arg-type] # a bench's


def record(run: Run, one: Item) -> ItemRecord:
    return run.records[str(one.identity)]


def problem(run: Run, one: Item) -> Problem:
    error = record(run, one).error
    assert error is not None
    return error


def effects(run: Run, key: str | None) -> list[KeyState]:
    return [f.effect.state for f in run.ledger.noted if f.effect and f.key == key]


def burning(reply: Reply = UNKNOWN_ERROR, times: int = 1) -> Callable[[Request, int], Reply]:
    """Answer the first calls so that their keys burn, later ones with an invoice."""
    sent: list[str] = []

    def answer(request: Request, before: int) -> Reply:
        sent.append(request.key)
        return reply if len(sent) <= times else success()

    return answer


def in_doubt(one: Item, *hours: float, burnt: bool = False) -> Work:
    """Make a work whose key was sent that many hours before the run and never answered."""
    attempts = tuple(
        Attempt(n, START - timedelta(hours=age), f"track-{n}", answer=Kind.LOST.value)
        for n, age in enumerate(hours, 1)
    )
    call = make_call(TENANT, [one], 0)
    trail = Trail(BASELINE, if_absent=IfAbsent.RENEW)
    return Work(0, (one,), 0, call=call, attempts=attempts, trails=(trail,), burnt=burnt)


# A key that is burnt within a run


def test_a_burnt_key_rests_and_is_settled_by_a_question() -> None:
    """An unknown error: rest, ask, nothing there, evidence, next key, and never the first again."""
    run = waiting().run(works_of([item(1), item(2)]), burning())
    assert {r.outcome for r in run.records.values()} == {Outcome.INVOICED}
    first, *_ = run.server.keys
    assert run.server.keys.count(first) == 1
    assert len(run.server.keys) == 3
    assert run.server.times[-1] > 3600
    (last_asked, ask) = run.server.questions[-1]
    assert last_asked > 3600.1
    assert text_of(ask).count("TargetDate = '") == 1
    assert effects(run, first) == [KeyState.SETTLED]
    assert record(run, item(1)).attempts == 2


@pytest.mark.parametrize(("back", "outcome"), [(6 * HOUR, "unknown"), (HOUR / 120, "invoiced")])
def test_a_rest_is_no_longer_for_a_clock_that_is_set_back(back: timedelta, outcome: str) -> None:
    """Hours back: the item is left as it is; half a minute, a clock put right, is waited for."""

    async def step(engine: Engine, clock: VirtualClock) -> None:
        await asyncio.sleep(30.0)
        clock.shift -= back

    run = waiting(60.0, 70.0, during=step).run(works_of([item(1)]), burning())
    assert record(run, item(1)).outcome is Outcome(outcome)
    assert run.elapsed < 150.0


def test_a_burnt_key_whose_invoice_is_there_is_invoiced() -> None:
    """R9b: the invoice that the lost work made is claimed; nothing is sent again."""
    made = START + timedelta(seconds=2)
    bench = waiting()
    bench.answer_question = lambda ask, before: (
        found(shown(item(1), created=made)) if before else found()
    )
    run = bench.run(works_of([item(1)]), burning())
    assert (record(run, item(1)).outcome, record(run, item(1)).invoice_id) == (
        Outcome.INVOICED,
        "f" * 32,
    )
    assert len(run.server.keys) == 1


def test_the_rest_of_the_run_does_not_wait_for_a_burnt_key() -> None:
    """R6: everything else is finished first."""
    run = waiting().run(works_of([item(n) for n in range(100)]), burning())
    others = [time for time, r in run.server.requests if run.server.keys.count(r.key) == 1]
    assert len(others) == 101
    assert sum(time > 60 for time in others) == 1


def test_a_run_that_does_not_wait_says_from_when_a_key_can_be_settled(bench: Bench) -> None:
    """R6: with the defaults a burnt key ends the run unknown, with its trouble and the time."""
    run = bench.run(works_of([item(1), item(2)]), burning())
    assert record(run, item(1)).outcome is Outcome.UNKNOWN
    assert record(run, item(2)).outcome is Outcome.INVOICED
    assert problem(run, item(1)).code == "UNKNOWN_ERROR"
    assert "from 2026-11-30 23:00:00 UTC" in problem(run, item(1)).message
    assert "zbatch reconcile" in problem(run, item(1)).message
    assert run.elapsed < 5
    assert len(run.server.questions) == 1
    assert [left.item for left in run.ending.left] == [item(1)]


@pytest.mark.parametrize("step", [1, -1])
def test_a_run_says_from_when_all_of_its_doubt_can_be_settled(bench: Bench, step: int) -> None:
    """R6: of two keys that rest the one that rests longer counts, whichever is left first."""
    ages = {1: 0.5, 2: 0.2}  # hours
    works = [replace(in_doubt(item(n), age, burnt=True), ordinal=n) for n, age in ages.items()]
    run = bench.run(works[::step], lambda r, before: success())
    assert {left.item for left in run.ending.left} == {item(1), item(2)}
    assert run.ending.settles_at == START + timedelta(hours=0.8)


@pytest.mark.parametrize(("wait", "settled"), [(3590.0, False), (3610.0, True)])
def test_a_run_waits_only_if_the_rest_ends_in_time(wait: float, settled: bool) -> None:
    """R6: `reconcile.wait` counts from when nothing else is left to do."""
    run = waiting(wait=wait).run(works_of([item(1)]), burning())
    assert (record(run, item(1)).outcome is Outcome.INVOICED) is settled
    assert (run.elapsed > 3600) is settled


def test_a_stop_while_keys_rest_ends_the_run_at_once() -> None:
    """A signal does not wait for an hour; what rests is in doubt, and nobody claims more."""

    async def interrupt(engine: Engine, clock: VirtualClock) -> None:
        await asyncio.sleep(600.0)
        engine.stop(StopReason.INTERRUPTED, "interrupted")

    run = waiting(during=interrupt).run(works_of([item(1)]), burning())
    assert run.elapsed < 601
    assert len(run.server.requests) == 1


# Renewals


def test_an_unknown_error_is_renewed_at_most_twice() -> None:
    """The third time with nothing there the item has failed, with the server's own words."""
    bench = waiting(wait=20_000.0)
    run = bench.run(works_of([item(1)]), burning(times=99))
    assert record(run, item(1)).outcome is Outcome.FAILED
    assert problem(run, item(1)).code == "UNKNOWN_ERROR"
    assert [send.call.generation for send in run.ledger.begun] == [0, 1, 2]
    assert record(run, item(1)).attempts == 3


def test_renewals_are_counted_over_all_runs() -> None:
    """What the ledger has seen renewed twice fails now."""
    trail = Trail(BASELINE, renewals=2)
    work = Work(0, (item(1),), 2, trails=(trail,), prior_attempts=2)
    run = waiting(wait=20_000.0).run([work], burning(times=99))
    assert record(run, item(1)).outcome is Outcome.FAILED
    assert len(run.server.keys) == 1


def test_other_renewals_do_not_count() -> None:
    """A doubtful key that created nothing may be renewed again; only the server's riddles end."""
    lost = burning(status(400))
    run = waiting(wait=20_000.0).run([in_doubt(item(1), 1.0)], lost)
    assert record(run, item(1)).outcome is Outcome.INVOICED
    (void,) = [f for f in run.ledger.noted if f.key and f.effect]
    assert void.effect is not None
    assert void.effect.if_absent is IfAbsent.RENEW


def test_a_terminated_transaction_that_left_nothing_has_failed() -> None:
    """The page says: do not retry; the question only makes sure."""
    run = waiting().run(works_of([item(1)]), burning(failure("TRANSACTION_TERMINATED")))
    assert record(run, item(1)).outcome is Outcome.FAILED
    assert len(run.server.keys) == 1


@pytest.mark.parametrize("there", [True, False])
def test_nothing_to_bill_after_doubt_is_asked_about_at_once(bench: Bench, there: bool) -> None:
    """L5: the first send may be what left nothing to bill; one query tells, without a rest."""
    nothing = failure("INVALID_VALUE", "there are no charges due on this account.")
    bench.answer_question = lambda ask, before: (
        found(shown(item(1), created=START)) if there and before else found()
    )
    run = bench.run(works_of([item(1)]), lambda r, before: nothing if before else LOST)
    expected = Outcome.INVOICED if there else Outcome.NOTHING_TO_BILL
    assert record(run, item(1)).outcome is expected
    assert len(run.server.questions) == 2
    assert run.elapsed < 5


# Before a send


def test_what_is_there_already_is_not_sent(bench: Bench) -> None:
    """R9a: told as already invoiced, with its ID, and recorded as evidence of the question."""
    bench.answer_question = lambda ask, before: found(shown(item(1), Source="BillRun"))
    run = bench.run(works_of([item(1), item(2)]), lambda r, b: success())
    assert record(run, item(1)).outcome is Outcome.ALREADY_INVOICED
    assert record(run, item(1)).invoice_id == "f" * 32
    assert record(run, item(1)).attempts == 0
    assert [accounts_of(request) for _, request in run.server.requests] == [{2}]


def test_a_baseline_is_durable_before_the_first_intent_of_each_key(bench: Bench) -> None:
    """R2, R9a: drafts with amount and time, anew for the next generation of an older item."""
    draft = shown(item(1), Id="d" * 32, Status="Draft", TargetDate="2026-10-31", Amount=12.5)
    bench.answer_question = lambda ask, before: found(draft)
    old = Work(1, (item(2),), 1, trails=(Trail(BASELINE),))
    run = bench.run([*works_of([item(1)]), old], lambda r, b: success())
    taken = {f.item: f.baseline for f in run.ledger.noted if f.baseline}
    assert set(taken) == {item(1), item(2)}
    assert [draft.id for draft in taken[item(1)].drafts] == ["d" * 32]
    assert taken[item(2)] != BASELINE
    kinds = [kind for kind, _ in run.ledger.log]
    assert kinds.index("note") < kinds.index("begin")


def test_an_old_question_lets_no_resend_go(bench: Bench) -> None:
    """R9a: minutes into a 409 the tenant is asked anew, and what turned up ends the resends."""
    bench.answer_question = lambda ask, before: (
        found(shown(item(1), created=START)) if before else found()
    )
    run = bench.run(works_of([item(1)]), lambda r, before: status(409))
    (first, _), (second, _) = run.server.questions
    assert 200 < second - first <= 600
    assert max(run.server.times) < second
    assert effects(run, run.server.keys[0]) == [KeyState.BURNT]
    assert record(run, item(1)).outcome is Outcome.UNKNOWN


def test_what_generates_is_waited_for_five_minutes_at_most(bench: Bench) -> None:
    """R8: exists, wait; when it does not come to an end the item is left, and nothing was sent."""
    bench.answer_question = lambda ask, before: found(shown(item(1), Status="Generating"))
    run = bench.run(works_of([item(1)]), lambda r, b: success())
    assert run.server.requests == []
    assert record(run, item(1)).outcome is Outcome.NOT_ATTEMPTED
    assert problem(run, item(1)).code == "GENERATING"
    assert run.ending.settles_at is None
    assert 270 < run.elapsed < 320
    assert len(run.server.questions) == 11


def test_what_was_being_generated_and_is_not_shown_leaves_its_item_unsent(bench: Bench) -> None:
    """R9a: the next answer may be an old copy's."""
    generating = found(shown(item(1), Status="Generating"))
    bench.answer_question = lambda ask, before: found() if before else generating
    run = bench.run(works_of([item(1)]), lambda r, b: success())
    assert run.server.requests == []
    assert record(run, item(1)).outcome is Outcome.NOT_ATTEMPTED
    assert problem(run, item(1)).code == "PERHAPS_GONE"
    first, second = (one.rests_until for one in run.ledger.noted)
    assert first
    assert second
    assert timedelta(seconds=29) < second - first < timedelta(seconds=40)


def test_what_is_generated_once_more_makes_the_first_look_void() -> None:
    """R9a: it was there all the time; only what two looks in a row miss has come to nothing."""
    bench = waiting(wait=20_000.0)
    generating = found(shown(item(1), Status="Generating"))
    bench.answer_question = lambda ask, before: generating if before in (0, 2) else found()
    run = bench.run(works_of([item(1)]), lambda r, b: success())
    assert record(run, item(1)).outcome is Outcome.INVOICED
    times = [at for at, _ in run.server.questions]
    assert len(times) == 5
    assert times[2] - times[1] >= 3600
    assert times[4] - times[3] >= 3600
    assert run.server.times[0] >= times[4]


def test_what_a_refused_call_waited_for_is_missed_by_two_looks_as_well() -> None:
    """R9a: a clean key that has been turned away rests, too, and goes on by itself."""
    bench = waiting(wait=20_000.0)
    generating = found(shown(item(1), Status="Generating"))
    bench.answer_question = lambda ask, before: generating if before == 1 else found()
    asked_to_wait = status(429, retry_after="900")
    run = bench.run(works_of([item(1)]), lambda r, b: success() if b else asked_to_wait)
    assert record(run, item(1)).outcome is Outcome.INVOICED
    assert len(set(run.server.keys)) == 1
    times = [at for at, _ in run.server.questions]
    assert len(times) == 4
    assert times[3] - times[2] >= 3600


def test_a_key_in_doubt_is_void_once_two_looks_have_missed_what_burnt_it() -> None:
    """R9b: rest, first look, rest, second look, and only then the next key."""
    bench = waiting(wait=20_000.0)
    made = found(shown(item(1), created=START - HOUR))
    bench.answer_question = lambda ask, before: found() if before else made
    run = bench.run([in_doubt(item(1), 0.5)], lambda r, b: success())
    assert record(run, item(1)).outcome is Outcome.INVOICED
    times = [at for at, _ in run.server.questions]
    assert times[1] >= 1800
    assert times[2] - times[1] >= 3600
    assert run.server.times[0] >= times[2]


def test_only_the_item_of_a_call_whose_invoice_is_missed_rests_once_more() -> None:
    """R9b: the others are concluded upon at once, and none of them is sent under the old key."""
    bench = waiting(wait=20_000.0)
    pair = (item(1), item(2))
    one = in_doubt(item(1), 0.5)
    group = replace(one, items=pair, call=make_call(TENANT, pair, 0), trails=one.trails * 2)
    made = found(shown(item(1), created=START - HOUR))
    bench.answer_question = lambda ask, before: found() if before else made
    run = bench.run([group], lambda r, b: success(b + 1))
    assert {r.outcome for r in run.records.values()} == {Outcome.INVOICED}
    assert [accounts_of(request) for _, request in run.server.requests] == [{2}, {1}]
    assert run.server.times[1] - run.server.times[0] >= 3500
    assert [send.call.generation for send in run.ledger.begun] == [1, 1]


def test_what_has_been_generated_is_already_invoiced(bench: Bench) -> None:
    """R8: the next look shows what became of it."""
    bench.answer_question = lambda ask, before: found(
        shown(item(1), Status="Generating" if before < 3 else "Posted")
    )
    run = bench.run(works_of([item(1)]), lambda r, b: success())
    assert record(run, item(1)).outcome is Outcome.ALREADY_INVOICED
    assert len(run.server.questions) == 4


def test_a_doubtful_key_for_which_something_turns_up_is_not_sent_again(bench: Bench) -> None:
    """R9a: burnt, in the ledger, before anything else; then it rests for R9b."""
    bench.answer_question = lambda ask, before: found(shown(item(1), created=START - HOUR))
    work = in_doubt(item(1), 0.5)
    run = bench.run([work], lambda r, b: success())
    assert run.server.requests == []
    assert work.call is not None
    assert effects(run, work.call.key) == [KeyState.BURNT]
    assert record(run, item(1)).outcome is Outcome.UNKNOWN
    assert "from 2026-11-30 22:30:00" in problem(run, item(1)).message
    rested = bench.run([in_doubt(item(1), 2.0)], lambda r, b: success())
    assert record(rested, item(1)).outcome is Outcome.INVOICED


def test_one_invoice_pays_for_one_item(bench: Bench) -> None:
    """R9b: what this run has credited to one revision is not there for the next."""
    second = replace(item(1), identity=replace(item(1).identity, revision=2))
    made = shown(item(1), created=START)
    bench.answer_question = lambda ask, before: found(made) if before else found()
    created: list[str] = []

    def answer(request: Request, before: int) -> Reply:
        created.append(("f" if not created else "e") * 32)
        return rows({"Success": True, "Id": created[-1]})

    run = bench.run(works_of([item(1), second]), answer)
    assert [r.invoice_id for r in run.records.values()] == ["f" * 32, "e" * 32]
    assert len(run.server.questions) == 2


# R10: holding back


def test_a_burnt_date_holds_back_the_later_ones_until_it_is_settled() -> None:
    """R10: while it rests nothing later is sent, and afterwards in order."""
    early, late = item(1, 10), item(1, 20)
    run = waiting().run(works_of([early, late]), burning())
    assert [objects_of(r)[0]["TargetDate"][-2:] for _, r in run.server.requests] == [
        "10",
        "10",
        "20",
    ]
    assert {r.outcome for r in run.records.values()} == {Outcome.INVOICED}
    unsettled = Bench().run(works_of([early, late]), burning())
    assert unsettled.ending.blocked == ((late, early),)
    assert str(late.identity) not in unsettled.records


@pytest.mark.parametrize("shape", ["Odd", "Generating"])
def test_a_date_that_is_not_settled_by_question_holds_back_the_later_ones(
    bench: Bench, shape: str
) -> None:
    """R10: unknown, or left alone: a later date would bill its charges."""
    early, late = item(1, 10), item(1, 20)
    bench.answer_question = lambda ask, before: found(shown(early, Status=shape))
    run = bench.run(works_of([early, late]), lambda r, b: success())
    assert run.server.requests == []
    assert run.ending.blocked == ((late, early),)


def test_a_date_already_invoiced_lets_the_later_ones_go(bench: Bench) -> None:
    """R10: nothing of it is left to bill."""
    early, late = item(1, 10), item(1, 20)
    bench.answer_question = showing(shown(early))
    run = bench.run(works_of([early, late]), lambda r, b: success())
    assert [r.outcome for r in run.records.values()] == [
        Outcome.ALREADY_INVOICED,
        Outcome.INVOICED,
    ]


# R12: calls of several


def test_a_lost_call_of_many_is_settled_item_by_item() -> None:
    """D10: past 23 hours each item is asked about; what is missing goes alone."""
    items = (item(1), item(2), item(3))
    sent = START - 30 * HOUR
    trails = (Trail(BASELINE),) * 3
    attempt = Attempt(1, sent, "track", answer=Kind.LOST.value)
    call = make_call(TENANT, items, 0)
    work = Work(0, items, 0, call=call, attempts=(attempt,), trails=trails)
    bench = Bench(answer_question=showing(shown(item(2), created=sent)))
    run = bench.run([work], lambda r, b: success())
    assert [accounts_of(request) for _, request in run.server.requests] == [{1}, {3}]
    assert call.key not in run.server.keys
    assert [send.call.generation for send in run.ledger.begun] == [1, 1]
    assert record(run, item(2)).invoice_id == "f" * 32


def test_members_of_a_burnt_row_are_asked_about_alone() -> None:
    """R12: of two rows one is invoiced; the other rests under the same key and goes on alone."""
    items = (item(1), item(2))
    mixed = rows(
        {"Success": True, "Id": "a" * 32},
        {"Success": False, "Errors": [{"Code": "UNKNOWN_ERROR", "Message": "?"}]},
    )
    run = waiting().run([Work(0, items, 0)], burning(mixed))
    assert [accounts_of(request) for _, request in run.server.requests] == [{1, 2}, {2}]
    assert {r.outcome for r in run.records.values()} == {Outcome.INVOICED}


def test_a_group_that_somebody_has_begun_to_bill_waits_and_goes_alone() -> None:
    """R12: one member is there before the first send: the others rest, are asked, go alone."""
    items = (item(1), item(2), item(3))
    bench = waiting(answer_question=showing(shown(item(2))))
    run = bench.run([Work(0, items, 0)], lambda r, b: success())
    assert [accounts_of(request) for _, request in run.server.requests] == [{1}, {3}]
    assert min(run.server.times) > 3600
    assert record(run, item(2)).outcome is Outcome.ALREADY_INVOICED
    short = Bench(answer_question=bench.answer_question).run([Work(0, items, 0)], burning())
    assert short.server.requests == []
    assert record(short, item(1)).outcome is Outcome.NOT_ATTEMPTED
    assert problem(short, item(1)).code == "OTHER_HOST"


def test_waves_are_never_cut_through_a_call() -> None:
    """A question names all items of a call or none of them."""
    groups = [Work(n * 20, tuple(item(n * 20 + k) for k in range(20)), 0) for n in range(5)]
    answers = {"Success": True, "Id": "a" * 32}
    run = Bench().run(groups, lambda r, b: rows(*[answers] * len(accounts_of(r))))
    assert len(run.records) == 100
    named = [text_of(ask).count("TargetDate = '") for _, ask in run.server.questions]
    assert all(count % 20 == 0 and count <= WAVE for count in named)


def test_an_item_whose_account_was_locked_waits_before_its_next_key(bench: Bench) -> None:
    """As after any failure: the first wait in a row, drawn by the run's own chance."""
    locked = failure("LOCK_COMPETITION", "Lock competition, please retry")
    run = bench.run(works_of([item(1)]), burning(locked))
    first, second = run.server.times
    assert len(set(run.server.keys)) == 2
    assert second - first >= backoff.ceiling(1)


# Outcomes asked about again


def held(outcome: Outcome) -> Work:
    ids = ("f" * 32,) if outcome.success else ()
    before = ItemRecord(item(1), outcome, invoice_id=ids[0] if ids else None, invoice_ids=ids)
    return Work(0, (item(1),), 1, held=before)


def test_an_outcome_that_stands_is_told_as_it_was(bench: Bench) -> None:
    """R9a: one question, nothing sent, nothing written."""
    bench.answer_question = lambda ask, before: found(shown(item(1)))
    work = held(Outcome.ALREADY_INVOICED)
    run = bench.run([work], lambda r, b: success())
    assert (run.server.requests, run.ledger.log) == ([], [])
    assert record(run, item(1)) == work.held


def test_an_invoice_gone_since_is_billed_anew(bench: Bench) -> None:
    """L21: reopened in the ledger, asked before the send like any, and sent in the next key."""
    bench.answer_question = lambda ask, before: found(shown(item(1), Status="Canceled"))
    run = bench.run([held(Outcome.ALREADY_INVOICED)], lambda r, b: success())
    assert record(run, item(1)).outcome is Outcome.INVOICED
    (reopened,) = [f for f in run.ledger.noted if f.reopen]
    assert reopened.baseline is not None
    assert [send.call.generation for send in run.ledger.begun] == [1]


def test_an_invoice_that_is_not_shown_is_billed_anew_after_a_second_look() -> None:
    """R9a: a run that waits looks again itself, and begins its next key only then."""
    run = waiting().run([held(Outcome.ALREADY_INVOICED)], lambda r, b: success())
    first, second = (at for at, _ in run.server.questions)
    assert second - first >= 3600
    assert record(run, item(1)).outcome is Outcome.INVOICED
    assert [(f.reopen, f.rested) for f in run.ledger.noted] == [(False, False), (True, True)]


def test_an_invoice_gone_since_is_not_taken_for_the_new_one() -> None:
    """The server may repeat what it answered long ago, and deleted invoices are shown nowhere."""
    run = waiting().run([held(Outcome.ALREADY_INVOICED)], lambda r, b: success(int("f" * 32, 16)))
    assert len(run.server.requests) == 1
    assert record(run, item(1)).outcome is not Outcome.INVOICED


def test_what_is_canceled_before_a_send_is_not_taken_for_what_it_made(bench: Bench) -> None:
    """The question that lets a call go tells what its answer cannot be about."""
    gone = found(shown(item(1), Id="f" * 32, Status="Canceled"))
    bench.answer_question = lambda ask, before: gone
    run = bench.run(works_of([item(1)]), lambda r, b: success(int("f" * 32, 16)))
    assert len(run.server.requests) == 1
    assert record(run, item(1)).outcome is not Outcome.INVOICED


def test_an_invoice_that_is_not_shown_once_leaves_the_outcome_as_it_was(bench: Bench) -> None:
    """R9a: nothing is sent, nor what comes after it, which would bill what may be open again."""
    work = held(Outcome.ALREADY_INVOICED)
    later = replace(item(1), identity=replace(item(1).identity, target_date=date(2026, 12, 31)))
    run = bench.run([work, Work(1, (later,), 0)], lambda r, b: success())
    assert work.held is not None
    told = record(run, item(1))
    assert (told.outcome, told.invoice_ids) == (work.held.outcome, work.held.invoice_ids)
    assert problem(run, item(1)).code == "PERHAPS_GONE"
    assert "UTC zbatch run can tell" in problem(run, item(1)).message
    assert run.server.requests == []
    assert run.ending.blocked == ((later, item(1)),)


def test_an_invoice_gone_behind_an_open_date_is_not_billed_anew(bench: Bench) -> None:
    """R10: reopened in the ledger, and told with what comes after it as waiting for that date."""
    revised = replace(item(1).identity, revision=2)
    open_date, last = item(1, 1), replace(item(1), identity=revised)
    bench.answer_question = lambda ask, before: found(shown(item(1), Status="Canceled"))
    works = [replace(held(Outcome.ALREADY_INVOICED), behind=open_date), Work(1, (last,), 0)]
    run = bench.run(works, lambda r, b: success())
    assert (run.server.requests, run.records) == ([], {})
    assert [finding.reopen for finding in run.ledger.noted] == [True]
    assert run.ending.blocked == ((item(1), open_date), (last, open_date))


def test_what_is_gone_after_one_that_waits_waits_for_the_same_date(bench: Bench) -> None:
    """R10: what has to be settled first is the open date, for the later ones too."""
    open_date, late = item(1, 1), replace(item(1), identity=replace(item(1).identity, revision=2))
    bench.answer_question = lambda ask, before: found(shown(item(1), Status="Canceled"))
    first = replace(held(Outcome.ALREADY_INVOICED), behind=open_date)
    assert first.held is not None
    second = replace(first, ordinal=1, items=(late,), held=replace(first.held, item=late))
    run = bench.run([first, replace(second, behind=None)], lambda r, b: success())
    assert run.server.requests == []
    assert run.ending.blocked == ((item(1), open_date), (late, open_date))


def test_an_invoice_gone_behind_a_higher_revision_holds_back_no_later_date(bench: Bench) -> None:
    """R10: it is not billed anew, and that alone is no reason for the dates after it to wait."""
    one, last = item(1), replace(item(1), identity=replace(item(1).identity, revision=9))
    higher = replace(one, identity=replace(one.identity, revision=2))
    bench.answer_question = lambda ask, before: found(shown(one, Status="Canceled"))
    works = [replace(held(Outcome.ALREADY_INVOICED), behind=higher), Work(1, (last,), 0)]
    run = bench.run(works, lambda r, b: success())
    assert run.ending.blocked == ((one, higher),)
    assert list(run.records) == [str(last.identity)]
    bench.answer_question = lambda ask, before: found()
    works = [replace(held(Outcome.ALREADY_INVOICED), behind=higher), Work(1, (last,), 0)]
    unsure = bench.run(works, lambda r, b: success())
    assert unsure.ending.blocked == ()
    assert problem(unsure, one).code == "PERHAPS_GONE"
    assert record(unsure, last).outcome is Outcome.INVOICED


def test_an_outcome_that_stands_behind_an_open_date_is_told_as_it_was(bench: Bench) -> None:
    """R9a: only what its question reopens has to wait; what comes after it goes on."""
    bench.answer_question = lambda ask, before: found(shown(item(1)))
    work = replace(held(Outcome.ALREADY_INVOICED), behind=item(1, 1))
    run = bench.run([work], lambda r, b: success())
    assert (record(run, item(1)), run.ending.blocked) == (work.held, ())


@pytest.mark.parametrize("there", [False, True])
def test_what_was_to_be_sent_again_and_waits_is_held_back(there: bool, bench: Bench) -> None:
    """The run's end names it with what it waits for, unless an invoice was found for it."""
    bench.answer_question = lambda ask, before: found(*[shown(item(1))] * there)
    one, early = item(1), item(1, 1)
    work = replace(held(Outcome.NOTHING_TO_BILL), behind=early, wanted=True)
    run = bench.run([work], lambda r, b: success())
    assert run.server.requests == []
    assert run.ending.blocked == (() if there else ((one, early),))
    outcome = Outcome.ALREADY_INVOICED if there else Outcome.NOTHING_TO_BILL
    assert record(run, one).outcome is outcome


def test_nothing_to_bill_stays_so_without_a_send(bench: Bench) -> None:
    """Only a person's wish tries it again."""
    run = bench.run([held(Outcome.NOTHING_TO_BILL)], lambda r, b: success())
    assert run.server.requests == []
    assert record(run, item(1)).outcome is Outcome.NOTHING_TO_BILL


# Commands that only ask


def test_a_command_that_only_asks_sends_nothing_whatever_it_finds() -> None:
    """R9b: it claims, settles what is void, and leaves the rest for `zbatch run`."""
    works = [
        in_doubt(item(1), 30.0),  # void: settled, to be sent by a run
        in_doubt(item(2), 30.0),  # there: claimed
        in_doubt(item(3), 2.0),  # young, nothing there: the key still protects
        in_doubt(item(4), 0.5),  # not rested
        in_doubt(item(5), 30.0, burnt=True),  # several
    ]
    made = START - 30 * HOUR
    shown_now = [
        shown(item(2), created=made),
        shown(item(5), Id="1" * 32),
        shown(item(5), Id="2" * 32),
    ]
    bench = Bench(read_only=True, answer_question=lambda ask, before: found(*shown_now))
    run = bench.run(works, lambda r, b: success())
    assert (run.server.requests, run.ledger.begun, run.ending.sent) == ([], [], 0)
    assert {n: record(run, item(n)).outcome for n in range(1, 6)} == {
        1: Outcome.NOT_ATTEMPTED,
        2: Outcome.INVOICED,
        3: Outcome.UNKNOWN,
        4: Outcome.UNKNOWN,
        5: Outcome.UNKNOWN,
    }
    assert [problem(run, item(n)).code for n in (1, 3, 4, 5)] == [
        "NOT_CREATED",
        "IN_DOUBT",
        "NO_ANSWER",
        "SEVERAL_INVOICES",
    ]
    settled = [f.item for f in run.ledger.noted if f.effect]
    assert settled == [item(1), item(2)]


def test_a_clean_item_given_to_a_command_that_only_asks_is_not_sent() -> None:
    """The last line of defence: whoever made such a work, the run stops before it leaves."""
    run = Bench(read_only=True).run(works_of([item(1)]), lambda r, b: success())
    assert (run.server.requests, run.ledger.begun) == ([], [])
    assert run.ending.stop is not None
    assert run.ending.stop.reason is StopReason.INTERNAL


def test_a_person_decides_at_once() -> None:
    """R9b: an accepted item does not rest, and its invoice must be shown."""
    accepted = {item(1).identity: Acceptance(item(1).identity, "2" * 32, "FIN-1")}
    two = [shown(item(1), Id="1" * 32), shown(item(1), Id="2" * 32)]
    bench = Bench(
        read_only=True, accepted=accepted, answer_question=lambda ask, before: found(*two)
    )
    run = bench.run([in_doubt(item(1), 0.2)], lambda r, b: success())
    assert (record(run, item(1)).outcome, record(run, item(1)).invoice_id) == (
        Outcome.INVOICED,
        "2" * 32,
    )


def sent_ahead(one: Item) -> Work:
    """Make a burnt key that a clock ten hours ahead has dated, ten minutes ago by the server's."""
    ahead = Attempt(
        1,
        START + 10 * HOUR,
        "track-1",
        answer=Kind.LOST.value,
        server_date=START - timedelta(minutes=10),
    )
    return replace(in_doubt(one, 0.0, burnt=True), attempts=(ahead,))


def by_the_clock(answer: Reply) -> Reply:
    """Let a reply tell the server's time, which is that of the run."""
    told = START + timedelta(seconds=asyncio.get_running_loop().time())
    return replace(answer, headers={"date": f"{told:%a, %d %b %Y %H:%M:%S} GMT"})


def test_a_key_that_only_the_servers_clock_dates_rests_once_it_has_told() -> None:
    """R6: sent by a clock that was ahead: asked at once, concluded upon when the rest is over."""
    one = item(1)

    def answer(ask: Ask, before: int) -> Reply:
        return by_the_clock(found(shown(one, created=START)) if before else found())

    run = waiting(answer_question=answer).run([sent_ahead(one)], lambda r, b: success())
    (first, _), (second, _) = run.server.questions
    assert first < 1.0
    assert 3000 <= second < 3010
    assert run.server.requests == []
    assert record(run, one).outcome is Outcome.ALREADY_INVOICED


def test_a_look_that_only_tells_how_long_a_key_has_rested_misses_nothing() -> None:
    """R9b: what was shown before is missed by two looks, and those at a rested key alone count."""
    work = sent_ahead(item(1))
    work.trails = (replace(work.trails[0], baseline=BASELINE.showing(["f" * 32])),)
    bench = waiting(wait=20_000.0, answer_question=lambda ask, before: by_the_clock(found()))
    run = bench.run([work], lambda r, b: success())
    times = [at for at, _ in run.server.questions]
    assert times[0] < 1.0
    assert 3000 <= times[1] < 3010
    assert times[2] - times[1] >= 3600
    assert run.server.times[0] >= times[2]


def test_an_item_that_waits_for_another_host_is_asked_about_when_it_is_time() -> None:
    """R12: what was put aside has no key; a run that does not wait says that it was not tried."""
    until = START + timedelta(minutes=10)
    patient = waiting().run([Work(0, (item(1),), 0, rests_until=until)], lambda r, b: success())
    assert record(patient, item(1)).outcome is Outcome.INVOICED
    assert patient.server.questions[0][0] >= 600

    hasty = Bench().run([Work(0, (item(1),), 0, rests_until=until)], lambda r, b: success())
    assert record(hasty, item(1)).outcome is Outcome.NOT_ATTEMPTED
    assert problem(hasty, item(1)).code == "OTHER_HOST"
    assert (hasty.server.requests, hasty.server.questions) == ([], [])


# Calls that are not sent again as they stand

NOT_LISTED = Problem("CALL_NOT_LISTED", "another item of its call is not listed")


def _apart(*kinds: Kind, **fields: object) -> Work:
    """Make the work of one item of a call of two that was answered like this a moment ago."""
    began = START - timedelta(minutes=1)
    attempts = tuple(Attempt(n, began, f"t-{n}", answer=kind.value) for n, kind in enumerate(kinds))
    call = make_call(TENANT, [item(1), item(9)], 0)
    values = {"call": call, "attempts": attempts, "trails": (Trail(BASELINE),), **fields}
    return Work(0, (item(1),), 0, apart=NOT_LISTED, **values)  # type: ignore[arg-type] # a work's


def test_a_call_never_executed_is_left_for_the_next_key() -> None:
    """R1: the ledger holds that its key is settled, then the item goes alone in one question."""
    run = Bench().run([_apart(Kind.THROTTLED)], lambda r, b: success())
    assert record(run, item(1)).outcome is Outcome.INVOICED
    old = make_call(TENANT, [item(1), item(9)], 0).key
    assert effects(run, old) == [KeyState.SETTLED]
    assert run.server.keys == [make_call(TENANT, [item(1)], 1).key]
    assert len(run.server.questions) == 1


def test_a_call_in_doubt_rests_and_says_why_it_is_not_sent_again() -> None:
    """The item is unknown with the reason and the time from which it can be settled."""
    run = Bench().run([_apart(Kind.LOST, burnt=True)], lambda r, b: success())
    assert record(run, item(1)).outcome is Outcome.UNKNOWN
    assert problem(run, item(1)).code == "CALL_NOT_LISTED"
    assert "can settle it" in problem(run, item(1)).message
    assert run.server.requests == []


def test_a_call_in_doubt_of_which_nothing_came_is_followed_by_the_next_key() -> None:
    """R6: after its rest the question settles it, and the other item is not billed with it."""
    run = waiting().run([_apart(Kind.LOST, burnt=True)], lambda r, b: success())
    assert record(run, item(1)).outcome is Outcome.INVOICED
    assert run.server.keys == [make_call(TENANT, [item(1)], 1).key]
    assert run.server.times[-1] >= 3500


def test_a_reconciliation_leaves_such_a_call_to_a_run() -> None:
    """Its key may be young, and a spec that lists all of its items may send it again."""
    work = replace(_apart(Kind.LOST), attempts=in_doubt(item(1), 2.0).attempts)
    run = Bench(read_only=True).run([work], lambda r, b: success())
    assert record(run, item(1)).outcome is Outcome.UNKNOWN
    assert "nothing is there; zbatch run settles it" in problem(run, item(1)).message


def test_a_work_of_a_part_of_a_call_never_sends_it() -> None:
    """Whatever lets it through: the guard before the intent stops the run."""
    bench = Bench()
    clean = _apart(Kind.THROTTLED)
    with pytest.MonkeyPatch.context() as patch:
        cleared = Cleared((None,))
        patch.setattr("zbatch.engine.loop.before_sending", lambda *ignored: cleared)
        run = bench.run([clean], lambda r, b: success())
    assert run.server.requests == []
    assert run.ending.stop is not None
    assert "with all its items or not at all" in run.ending.stop.message
