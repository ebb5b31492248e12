"""The engine when something around it breaks: disk, clock, sender, watcher, or a signal comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.engine import (
    LOST,
    REFUSED_CONNECTION,
    START,
    TENANT,
    Bench,
    MemoryLedger,
    Run,
    VirtualClock,
    accounts_of,
    failure,
    found,
    item,
    shown,
    status,
    success,
    works_of,
)
from zbatch.engine.ending import StopReason
from zbatch.engine.events import Event, Gated, InFlight, Settled, Stopping
from zbatch.engine.kinds import Kind, doubtful
from zbatch.engine.loop import Engine
from zbatch.engine.order import Work
from zbatch.model import (
    Attempt,
    Finding,
    KeyState,
    Limits,
    Outcome,
    Rate,
    Result,
    Send,
    Settling,
)
from zbatch.zuora.request import make_call
from zbatch.zuora.wire import Fault, FaultKind, Reply, Request

SLOW = Limits(4, Rate(10, 1.0), 1, 150.0)
HOUR = timedelta(hours=1)
During = Callable[[Engine, VirtualClock], Coroutine[Any, Any, None]]


def invoice(request: Request, before: int) -> Reply:
    return success()


def unanswered(run: Run) -> set[str]:
    """Tell the track IDs of the attempts that the ledger holds without an answer."""
    return run.ledger.tracked - {result.attempt.track_id for result in run.ledger.finished}


def in_doubt(*hours: float) -> Work:
    """Make a work whose key was sent that many hours before the run and never answered."""
    attempts = tuple(
        Attempt(n, START - timedelta(hours=age), f"track-{n}", answer=Kind.LOST.value)
        for n, age in enumerate(hours, 1)
    )
    one = item(1)
    return Work(0, (one,), 0, call=make_call(TENANT, [one], 0), attempts=attempts)


def after(seconds: float, act: Callable[[Engine], None]) -> During:
    async def wait_and_act(engine: Engine, clock: VirtualClock) -> None:
        await asyncio.sleep(seconds)
        act(engine)

    return wait_and_act


def interrupt(engine: Engine) -> None:
    engine.stop(StopReason.INTERRUPTED, "interrupted")


def interrupt_twice(engine: Engine) -> None:
    interrupt(engine)
    engine.abandon()


# The sender


def test_f89_a_sender_that_raises_harms_its_own_item_alone(bench: Bench) -> None:
    """F89: the call may have left, so its key is in doubt and sent again; siblings go on."""

    def answer(request: Request, before: int) -> Reply | Exception:
        broken = 3 in accounts_of(request) and before == 0
        return RuntimeError("a bug with\nsecrets") if broken else success()

    run = bench.run(works_of([item(n) for n in range(10)]), answer)
    assert run.ending.stop is None
    assert len(run.records) == 10
    assert run.records[str(item(3).identity)].attempts == 2
    (first,) = [r.attempt for r in run.ledger.finished if r.attempt.answer == Kind.LOST]
    assert doubtful([first])
    assert first.problem is not None
    assert "secrets" not in first.problem.message


def test_a_sender_that_always_raises_for_an_item_leaves_it_unknown(bench: Bench) -> None:
    """A bug never becomes a claim: six tries, then unknown."""
    run = bench.run(
        works_of([item(n) for n in range(3)]),
        lambda r, b: ValueError("bug") if 1 in accounts_of(r) else success(),
    )
    assert run.records[str(item(1).identity)].outcome is Outcome.UNKNOWN
    assert len(run.records) == 3


# The watcher


@pytest.mark.parametrize("kind", [InFlight, Settled, Event])
def test_f89_a_watcher_that_raises_stops_the_run_and_costs_no_answer(kind: Any) -> None:
    """What is in flight lands in the ledger; nothing new starts; the fault is called ours."""

    def watch(event: Event) -> None:
        asked = asyncio.get_running_loop().time() > 0.3
        if asked and (kind is Event or isinstance(event, kind)):
            raise RuntimeError("a bug in the progress bar")

    bench = Bench(limits=SLOW, latency=3.0, observer=watch)
    run = bench.run(works_of([item(n) for n in range(40)]), invoice)
    assert run.ending.stop is not None
    assert run.ending.stop.reason is StopReason.INTERNAL
    assert 1 <= len(run.server.requests) < 40
    assert unanswered(run) == set()
    settled = [r for r in run.ledger.finished if r.effects[0].state is KeyState.SETTLED]
    assert len(settled) == len(run.server.requests)


def test_f89_a_watcher_that_raises_at_the_question_lets_nothing_out() -> None:
    """A run that is broken before its first call ends without one, and says so."""

    def watch(event: Event) -> None:
        raise RuntimeError("a bug in the progress bar")

    run = Bench(observer=watch).run(works_of([item(n) for n in range(40)]), invoice)
    assert run.ending.stop is not None
    assert run.ending.stop.reason is StopReason.INTERNAL
    assert (run.ending.sent, run.server.requests) == (0, [])
    assert unanswered(run) == set()


def test_a_call_that_cannot_be_built_ends_the_run_and_costs_no_answer(bench: Bench) -> None:
    """A bug while arming is ours: what was sent before lands, and the run says so."""
    too_many = Work(0, tuple(item(n) for n in range(100, 151)), 0)
    run = bench.run([*works_of([item(n) for n in range(5)]), too_many], invoice)
    assert run.ending.stop is not None
    assert run.ending.stop.reason is StopReason.INTERNAL
    assert unanswered(run) == set()


# The disk


@pytest.mark.parametrize("write", range(1, 13))
def test_f92_f93_after_a_failed_write_nothing_more_is_sent(write: int) -> None:
    """F92, F93: no request leaves without its intent on disk, and the first failure ends it all.

    The bench itself holds that each request's own attempt was durable before it.
    """
    failed_at: list[float] = []
    bench = Bench(limits=SLOW, latency=0.3, fail_at=write)

    def watch(event: Event) -> None:
        if isinstance(event, Stopping):
            failed_at.append(asyncio.get_running_loop().time())

    bench.observer = watch
    run = bench.run(
        works_of([item(n, day) for n in range(30) for day in (10, 20)]),
        lambda r, before: success() if before else LOST,
    )
    assert run.ending.stop is not None
    assert run.ending.stop.reason is StopReason.DISK
    assert all(time <= failed_at[0] for time in run.server.times)
    assert len(run.server.requests) < 60
    assert run.ending.sent == len(run.server.requests)


@pytest.mark.parametrize("fail_at", [1, 2])
def test_a_disk_that_fails_at_the_first_intent_lets_nothing_out(fail_at: int) -> None:
    """Nothing was sent, and the run says so; the first write of all is that of the baselines."""
    run = Bench(fail_at=fail_at).run(works_of([item(n) for n in range(5)]), invoice)
    assert run.server.requests == []
    assert run.ending.sent == 0
    assert run.ending.abandoned == ()


def test_calls_in_flight_when_the_disk_fails_are_named() -> None:
    """Their outcome can no longer be recorded: they stay in doubt, by name."""
    bench = Bench(limits=SLOW, latency=0.35, fail_at=3)
    run = bench.run(works_of([item(n) for n in range(30)]), invoice)
    assert run.ending.stop is not None
    assert run.ending.stop.reason is StopReason.DISK
    assert run.ending.abandoned
    answered = {str(entry.call.items[0].identity) for entry in run.ledger.finished}
    assert not answered
    assert not any(isinstance(event, Settled) for event in run.events)


# Signals


def test_f85_a_stop_drains_what_is_in_flight() -> None:
    """F85: nothing more starts, what flies is awaited, and its outcome is recorded."""
    bench = Bench(limits=SLOW, latency=5.0, during=after(1.0, interrupt))
    run = bench.run(works_of([item(n) for n in range(50)]), invoice)
    assert run.ending.stop is not None
    assert run.ending.stop.reason is StopReason.INTERRUPTED
    assert len(run.server.requests) == 4
    assert len(run.records) == 4
    assert max(run.server.times) < 1.0
    assert 5.0 < run.elapsed < 6.0
    assert run.ending.abandoned == ()


def test_intents_that_never_left_are_recorded_as_unsent() -> None:
    """What was made durable ahead of its turn is taken back, so that its key stays clean."""
    bench = Bench(limits=SLOW, latency=5.0, during=after(1.0, interrupt))
    run = bench.run(works_of([item(n) for n in range(50)]), invoice)
    left = {request.track_id for _, request in run.server.requests}
    withdrawn = [r for r in run.ledger.finished if r.attempt.track_id not in left]
    assert len(withdrawn) >= 4
    assert unanswered(run) == set()
    assert not any(doubtful([result.attempt]) for result in withdrawn)
    assert {e.state for r in withdrawn for e in r.effects} == {KeyState.LIVE}


def test_giving_up_names_the_calls_in_flight_and_leaves_only_those_in_doubt() -> None:
    """A second signal awaits no answer: the calls at the server are in doubt, all others clean."""
    bench = Bench(limits=SLOW, latency=100.0, during=after(1.0, interrupt_twice))
    run = bench.run(works_of([item(n) for n in range(50)]), invoice)
    assert len(run.server.requests) == 4
    named = {int(one.identity.account_id, 16) for one in run.ending.abandoned}
    assert named == {n for _, request in run.server.requests for n in accounts_of(request)}
    assert unanswered(run) == {request.track_id for _, request in run.server.requests}
    assert run.ending.sent == 4
    assert run.elapsed < 2.0
    assert run.records == {}


def test_giving_up_twice_names_each_call_once() -> None:
    """A third signal changes nothing."""

    def thrice(engine: Engine) -> None:
        interrupt_twice(engine)
        engine.abandon()

    bench = Bench(limits=SLOW, latency=100.0, during=after(1.0, thrice))
    run = bench.run(works_of([item(n) for n in range(50)]), invoice)
    assert len(run.ending.abandoned) == 4


def test_giving_up_while_everybody_waits_leaves_nothing_in_doubt() -> None:
    """Behind a closed gate no call is at the server: all intents are taken back."""
    bench = Bench(limits=SLOW, during=after(60.0, interrupt_twice))
    works = works_of([item(n) for n in range(50)])
    run = bench.run(works, lambda r, b: status(429, retry_after="600"))
    assert run.ending.abandoned == ()
    assert unanswered(run) == set()
    assert run.elapsed < 61


def test_giving_up_while_an_intent_is_dated_anew_leaves_it_clean() -> None:
    """Between gate and send the intent is written again; given up there, it never left."""
    dated_anew = asyncio.Event()

    class SlowToDateAnew(MemoryLedger):
        async def commit(
            self, sends: Sequence[Send], results: Sequence[Result], findings: Sequence[Finding]
        ) -> None:
            if self.tracked & {send.attempt.track_id for send in sends}:
                dated_anew.set()
                await asyncio.sleep(1.0)
            await super().commit(sends, results, findings)

    async def give_up(engine: Engine, clock: VirtualClock) -> None:
        await dated_anew.wait()
        interrupt_twice(engine)

    bench = Bench(limits=SLOW, during=give_up, make_ledger=SlowToDateAnew)
    works = works_of([item(n) for n in range(4)])
    run = bench.run(works, lambda r, b: status(429, retry_after="60"))
    assert dated_anew.is_set()
    assert all(time < 60 for time in run.server.times)
    assert run.ending.abandoned == ()
    assert unanswered(run) == set()


def test_a_stop_at_any_moment_leaves_no_unsent_intent_in_doubt() -> None:
    """Wherever a stop falls between intent, slot, send and commit, the books are closed."""
    for hundredths in range(0, 120, 7):
        for act in (interrupt, interrupt_twice):
            bench = Bench(limits=SLOW, latency=0.3, during=after(hundredths / 100, act))
            run = bench.run(works_of([item(n) for n in range(20)]), invoice)
            left = {request.track_id for _, request in run.server.requests}
            assert unanswered(run) <= left
            if act is interrupt:
                assert unanswered(run) == set()


def test_only_the_first_reason_counts() -> None:
    """A run that is stopping does not change its mind about why, unless for something graver."""

    def both(engine: Engine) -> None:
        interrupt(engine)
        engine.stop(StopReason.UNREACHABLE, "later")

    run = Bench(latency=2.0, during=after(0.5, both)).run(works_of([item(1)]), invoice)
    assert run.ending.stop is not None
    assert run.ending.stop.reason is StopReason.INTERRUPTED
    assert len([event for event in run.events if isinstance(event, Stopping)]) == 1


# The age of keys


def test_a_doubtful_key_of_an_earlier_run_is_sent_again_while_it_is_young(bench: Bench) -> None:
    """Younger than 23 hours, the resend is what settles it."""
    work = in_doubt(22.0)
    assert work.call is not None
    key = work.call.key
    run = bench.run([work], invoice)
    assert run.server.keys == [key]
    (record,) = run.records.values()
    assert (record.outcome, record.attempts) == (Outcome.INVOICED, 2)
    assert record.invoice_id is not None


OLD = [(23.0,), (24.0,), (80.0,), (30.0, 1.5)]


@pytest.mark.parametrize("hours", OLD)
def test_an_old_doubtful_key_is_never_sent_and_gives_way_to_the_next_on_proof(
    bench: Bench, hours: tuple[float, ...]
) -> None:
    """D5: beyond the life of a key a resend could bill again; nothing there lets g+1 go (R9b)."""
    work = in_doubt(*hours)
    run = bench.run([work, *works_of([item(2)])], invoice)
    assert work.call is not None
    assert work.call.key not in run.server.keys
    assert {record.outcome for record in run.records.values()} == {Outcome.INVOICED}
    assert len(run.server.keys) == 2
    (void,) = [found for found in run.ledger.noted if found.key == work.call.key]
    assert void.effect is not None
    assert (void.effect.state, void.effect.record) == (KeyState.SETTLED, None)
    assert [send.call.generation for send in run.ledger.begun] == [0, 1]
    settled_at = run.ledger.log.index(("note", void))
    (begun_at,) = [
        place
        for place, (_, entry) in enumerate(run.ledger.log)
        if isinstance(entry, Send) and entry.call.generation == 1
    ]
    assert settled_at < begun_at


@pytest.mark.parametrize("hours", OLD)
def test_an_old_doubtful_key_whose_invoice_is_there_sends_nothing(
    bench: Bench, hours: tuple[float, ...]
) -> None:
    """D5: the invoice that the key made in the time of its sends is claimed, whatever its age."""
    made = START - timedelta(hours=hours[-1]) + timedelta(minutes=2)
    bench.answer_question = lambda ask, before: found(shown(item(1), created=made))
    run = bench.run([in_doubt(*hours)], invoice)
    assert run.server.requests == []
    (record,) = run.records.values()
    assert (record.outcome, record.invoice_id) == (Outcome.INVOICED, "f" * 32)


def test_an_old_doubtful_key_sent_lately_rests_and_is_reported_with_the_time(bench: Bench) -> None:
    """R6: too old to be sent and too fresh to be asked about: unknown, and from when not."""
    run = bench.run([in_doubt(30.0, 0.5)], invoice)
    assert (run.server.requests, run.server.questions) == ([], [])
    (record,) = run.records.values()
    assert record.outcome is Outcome.UNKNOWN
    assert record.error is not None
    assert "from 2026-11-30 22:30:00 UTC" in record.error.message


def test_f112_a_clock_behind_the_ledger_lets_no_doubtful_key_be_sent() -> None:
    """F112: on an understated age nothing is sent again; the key rests, and is asked about."""
    bench = Bench(newest=START + 2 * HOUR)
    work = in_doubt(1.5)
    run = bench.run([work], invoice)
    assert work.call is not None
    assert work.call.key not in run.server.keys
    assert [send.call.generation for send in run.ledger.begun] == [1]
    resting = bench.run([in_doubt(0.5)], invoice)
    assert (resting.server.requests, resting.server.questions) == ([], [])
    assert {r.outcome for r in resting.records.values()} == {Outcome.UNKNOWN}


@pytest.mark.parametrize(("hours", "gate"), [(22.5, 3000), (22.96, 240)])
def test_a_wait_that_would_outlast_a_doubtful_key_is_not_slept(hours: float, gate: int) -> None:
    """D22: the run ends at once: a sleep would only let the key grow too old."""
    work = in_doubt(hours)
    run = Bench().run([work], lambda request, before: status(429, retry_after=str(gate)))
    assert run.elapsed < 1.0
    assert run.ending.stop is not None
    assert run.ending.stop.reason is StopReason.LIMIT
    said = f"a wait of {gate} s would outlast a key that is in doubt"
    assert run.ending.stop.message.startswith(said)


@pytest.mark.parametrize("hours", [1.0, 22.0, 23.5])
def test_a_wait_that_no_doubtful_key_runs_out_in_is_slept(hours: float) -> None:
    """The key is younger than that by far, or too old already: waiting takes nothing from it."""

    def answer(request: Request, before: int) -> Reply:
        early = asyncio.get_running_loop().time() < 60
        return status(429, retry_after="3000") if early else success()

    run = Bench(settling=Settling(60.0)).run([in_doubt(hours), *works_of([item(2)])], answer)
    assert run.ending.stop is None
    assert {record.outcome for record in run.records.values()} == {Outcome.INVOICED}


def test_a_doubtful_key_that_grows_too_old_while_it_waits_for_its_turn_is_not_sent() -> None:
    """D22: at one call a minute it passes 23 hours before its slot comes, and is not sent in it."""
    filler = works_of([item(n) for n in range(2, 10)])
    bench = Bench(limits=Limits(1, Rate(1, 60.0), 1, 150.0))
    work = in_doubt(22.96)
    work.ordinal = 10
    run = bench.run([*filler, work], lambda request, before: success())
    assert work.call is not None
    assert work.call.key not in run.server.keys
    assert work.call.key in {finding.key for finding in run.ledger.noted}
    assert run.records[str(item(1).identity)].outcome is Outcome.INVOICED
    assert unanswered(run) == set()


@pytest.mark.parametrize("suspended_at", [0.5, 2.5, 4.5])
def test_f88_f113_a_machine_that_slept_for_a_day_sends_no_doubtful_key_again(
    suspended_at: float,
) -> None:
    """F88, F113: the steady clock stands still in suspend; the wall clock tells the age."""

    async def suspend(engine: Engine, clock: VirtualClock) -> None:
        await asyncio.sleep(suspended_at)
        clock.shift += 30 * HOUR

    lost: list[str] = []

    def answer(request: Request, before: int) -> Reply | Fault:
        if lost or 0 not in accounts_of(request):
            return success()
        lost.append(request.key)
        return LOST

    bench = Bench(limits=Limits(1, Rate(1, 1.0), 1, 150.0), during=suspend)
    run = bench.run(works_of([item(n) for n in range(5)]), answer)
    sends = [result.attempt for result in run.ledger.finished if result.call.key == lost[0]]
    times = [attempt.started_at for attempt in sends if attempt.sent]
    assert max(times) - min(times) < HOUR
    assert {record.outcome for record in run.records.values()} == {Outcome.INVOICED}
    assert unanswered(run) == set()


@pytest.mark.untraced
def test_a_clean_key_has_no_age_and_an_intent_that_waited_is_dated_anew() -> None:
    """An hour behind a gate expires nothing that was never sent; later runs count from the send."""

    def answer(request: Request, before: int) -> Reply:
        early = asyncio.get_running_loop().time() < 60
        return status(429, retry_after="3000") if early else success()

    bench = Bench(limits=Limits(2, Rate(1, 1.0), 1, 150.0))
    run = bench.run(works_of([item(n) for n in range(6)]), answer)
    assert {record.outcome for record in run.records.values()} == {Outcome.INVOICED}
    sent = {request.track_id: START + timedelta(seconds=t) for t, request in run.server.requests}
    begun = {send.attempt.track_id: send.attempt.started_at for send in run.ledger.begun}
    assert all(abs(sent[track] - begun[track]) < timedelta(seconds=31) for track in sent)


# Everything at once

TROUBLES: dict[str, Reply | Fault | Exception] = {
    "success": success(),
    "nothing": failure("INVALID_VALUE", "there are no charges due on this account."),
    "failed": failure("ACCOUNTING_PERIOD_CLOSED"),
    "lock": failure("LOCK_COMPETITION"),
    "uncertain": failure("UNKNOWN_ERROR"),
    "lost": LOST,
    "refused": REFUSED_CONNECTION,
    "unsent": Fault(FaultKind.INTERNAL, False, "no slot"),
    "409": status(409),
    "429": status(429, retry_after="20"),
    "500": status(500, zuora_request_id="stored"),
    "503": status(503),
    "400": status(400),
    "html": status(200, b"<html>"),
    "bug": KeyError("bug"),
}


def reply_to(troubles: list[Reply | Fault | Exception]) -> Reply | Fault | Exception:
    """Answer a call of many: with a row each, or with the first trouble that is no row."""
    for trouble in troubles:
        if not isinstance(trouble, Reply) or not trouble.body.startswith(b"["):
            return trouble
    bodies = [trouble.body for trouble in troubles if isinstance(trouble, Reply)]
    return Reply(200, {}, b"[" + b",".join(body[1:-1] for body in bodies) + b"]", token=1)


def grouped(size: int) -> list[Work]:
    """Make the works of six accounts with two dates each, so many accounts a call."""
    starts = [(day, first) for day in (10, 20) for first in range(0, 6, size)]
    groups = [tuple(item(n, day) for n in range(at, min(at + size, 6))) for day, at in starts]
    return [Work(ordinal, items, 0) for ordinal, items in enumerate(groups)]


@pytest.mark.untraced
@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 3),
    st.dictionaries(st.integers(0, 5), st.lists(st.sampled_from(list(TROUBLES)), max_size=8)),
    st.none() | st.integers(1, 25),
    st.none() | st.tuples(st.floats(0, 40), st.sampled_from([interrupt, interrupt_twice])),
)
def test_whatever_comes_the_run_ends_and_keeps_its_promises(
    size: int,
    scripts: dict[int, list[str]],
    fail_at: int | None,
    signal: tuple[float, Callable[[Engine], None]] | None,
) -> None:
    """Any mix of answers, a disk that fails, a signal: durable intents, one live key, an end.

    The bench holds the rest; here: no success without an ID, and no failure that is in doubt.
    """
    sends: dict[int, int] = dict.fromkeys(range(6), 0)

    def answer(request: Request, before: int) -> Reply | Fault | Exception:
        return reply_to([next_for(account) for account in sorted(accounts_of(request))])

    def next_for(account: int) -> Reply | Fault | Exception:
        script = scripts.get(account, [])
        sends[account] += 1
        count = sends[account]
        return TROUBLES[script[count - 1]] if count <= len(script) else success()

    bench = Bench(limits=SLOW, fail_at=fail_at, during=after(*signal) if signal else None)
    run = bench.run(grouped(size), answer)
    sent_under: dict[str, list[Attempt]] = {}
    for result in run.ledger.finished:
        sent_under.setdefault(result.call.key, []).append(result.attempt)
        for effect in result.effects:
            if effect.record and effect.record.outcome is Outcome.FAILED:
                earlier = sent_under[result.call.key][:-1]
                assert result.attempt.answer == Kind.ROWS or not doubtful(earlier)
    if run.ending.stop is None:
        held_back = {str(later.identity) for later, _ in run.ending.blocked}
        assert not held_back & set(run.records)
        assert len(held_back) + len(run.records) == 12


def without_token(wait: float | None) -> Fault:
    detail = "token request: HTTP 429, too many"
    return Fault(FaultKind.TOKEN_UNAVAILABLE, False, detail, wait=wait)


@pytest.mark.parametrize("call", [True, False])
def test_the_gate_is_closed_for_as_long_as_the_token_endpoint_asks(call: bool) -> None:
    """Calls and questions alike, longer than a host may be out of reach: it has answered."""
    busy = without_token(300.0)

    def unless_busy(when: bool, good: Reply) -> Reply | Fault:
        return busy if when and asyncio.get_running_loop().time() < 800.0 else good

    bench = Bench(answer_question=lambda ask, before: unless_busy(not call, found()))
    run = bench.run(
        works_of([item(n) for n in range(3)]), lambda ask, before: unless_busy(call, success())
    )
    assert run.ending.stop is None
    gates = [event.wait for event in run.events if isinstance(event, Gated)]
    assert gates[0] == 300.0
    assert 900.0 <= run.elapsed < 910.0
    assert [at for at in run.server.times if 2.0 < at < 300.0] == []
    assert {record.outcome for record in run.records.values()} == {Outcome.INVOICED}


def test_a_token_endpoint_that_is_busy_for_an_hour_stops_the_run() -> None:
    """As a tenant does that takes nothing in."""
    run = Bench().run(works_of([item(0)]), lambda request, before: without_token(300.0))
    assert run.ending.stop is not None
    assert run.ending.stop.reason is StopReason.LIMIT
    assert 3600.0 < run.elapsed < 4000.0
    assert run.records == {}


@pytest.mark.parametrize("wait", [None, 0.0])
def test_a_token_endpoint_that_names_no_wait_is_out_of_reach(wait: float | None) -> None:
    """It is tried for as long as any host that does not answer."""
    run = Bench().run(works_of([item(0)]), lambda request, before: without_token(wait))
    assert run.ending.stop is not None
    assert run.ending.stop.reason is StopReason.UNREACHABLE


def test_a_wait_for_a_token_is_no_time_out_of_reach() -> None:
    """A host that cannot be had just before and after it has its whole time anew."""

    def answer(request: Request, before: int) -> Reply | Fault:
        if before == 1:
            return without_token(300.0)
        return REFUSED_CONNECTION if before < 4 else success()

    assert Bench().run(works_of([item(0)]), answer).ending.stop is None
