"""F69: when a tenant is taken to be out of order, and what an answer shows of that."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from support.engine import LOST, START, Bench, failure, item, status, success, works_of
from zbatch.engine.ending import StopReason
from zbatch.engine.events import Gated
from zbatch.engine.kinds import Kind
from zbatch.engine.order import Work
from zbatch.engine.outage import KEYS, LEAST, PROBE_SECONDS, Outage, Shown, failed
from zbatch.model import Attempt, Limits, Outcome, Rate
from zbatch.zuora.reply import Answer, read_reply
from zbatch.zuora.wire import Fault, FaultKind, Reply, Request

REFUSED = Fault(FaultKind.CONNECT, False, "connection refused")


def take(
    outage: Outage, key: str, *, bad: bool = False, at: float = 0.0, again: bool = True
) -> bool:
    return outage.take(Shown(key, bad, at, again), max(at, 0.0))


def after(failures: int, successes: int, items: int = 100) -> Outage:
    outage = Outage(items)
    for number in range(successes):
        take(outage, f"good {number}")
    for number in range(failures):
        take(outage, f"bad {number}", bad=True)
    return outage


def lasting(outage: Outage) -> bool:
    return outage.lasting


@pytest.mark.parametrize(
    ("failures", "successes", "on"),
    [(LEAST - 1, 0, False), (LEAST, 0, True), (10, 10, False), (11, 10, True), (25, 25, False)],
)
def test_an_outage_is_more_than_half_of_at_least_twenty_keys(
    failures: int, successes: int, on: bool
) -> None:
    """Half of them is none, nor are nineteen of nineteen."""
    assert after(failures, successes).on is on


def test_only_the_last_fifty_keys_are_looked_at() -> None:
    """A run of a thousand good answers notices an outage after 26 keys."""
    assert not after(25, 1000).on
    assert after(26, 1000).on
    assert (KEYS, LEAST, PROBE_SECONDS) == (50, 20, 5.0)


def test_a_run_begins_without_one() -> None:
    """Not before the first answer, however few its items are, nor with it."""
    outage = Outage(1)
    assert (outage.on, lasting(outage)) == (False, False)
    assert not take(outage, "bad", bad=True)


def test_a_key_that_is_answered_again_is_among_the_last() -> None:
    """Of fifty the one that was first goes only once others have been answered since."""
    outage = Outage(100)
    for key in ("first", *(f"bad {n}" for n in range(25)), *(f"good {n}" for n in range(24))):
        take(outage, key, bad=key.startswith("bad"))
    take(outage, "first")
    take(outage, "new", bad=True)
    assert not outage.on, "the oldest that went was a bad one"


def test_one_key_that_fails_again_and_again_is_no_outage() -> None:
    """Each key counts once, with its newest answer."""
    outage = after(0, 20)
    for _ in range(100):
        take(outage, "bad", bad=True)
    assert not outage.on
    outage = after(20, 0)
    for number in range(10):
        take(outage, f"bad {number}")
    assert not outage.on


def test_the_beginning_and_the_end_are_told_once() -> None:
    """Whoever takes an answer in learns when anything has changed."""
    outage = after(19, 0)
    assert take(outage, "bad 20", bad=True)
    assert not take(outage, "bad 21", bad=True)
    turns = [take(outage, f"bad {number}", at=5.0) for number in range(19)]
    assert turns.count(True) == 1
    assert not outage.on


def test_it_lasts_once_a_fifth_of_the_items_has_been_tried_in_vain() -> None:
    """Only retries count, not what was under way when it began; a new outage begins anew."""
    outage = after(30, 0, items=20)
    for _ in range(10):
        take(outage, "under way", bad=True, at=-1.0)
    for number in range(3):
        take(outage, f"probe {number}", bad=True, at=5.0)
        take(outage, f"fresh {number}", bad=True, at=5.0, again=False)
        take(outage, "good", at=5.0)
    assert not lasting(outage)
    take(outage, "probe 4", bad=True, at=5.0)
    assert lasting(outage)
    for number in range(40):
        take(outage, f"good {number}", at=7.0)
    assert not lasting(outage)


def test_a_small_run_may_probe_once() -> None:
    """A fifth of one item is rounded up."""
    outage = after(20, 0, items=1)
    assert not lasting(outage)
    take(outage, "probe", bad=True, at=1.0)
    assert lasting(outage)


def shows(exchange: Reply | Fault, *before: Attempt, request_id: str | None = None) -> bool | None:
    answer: Answer | Fault = exchange if isinstance(exchange, Fault) else read_reply(exchange, 1)
    return failed(answer, Attempt(2, START, "track", request_id=request_id), before)


@pytest.mark.parametrize(
    ("exchange", "shown"),
    [
        (LOST, True),
        (status(500), True),
        (status(200, b"<html>"), True),
        (failure("TEMPORARY_ERROR"), True),
        (failure("SERVER_UNAVAILABLE"), True),
        (failure("INVALID_VALUE"), False),
        (failure("TRANSACTION_TERMINATED"), False),
        (success(), False),
        (status(400), False),
        (status(401), None),
        (status(409), None),
        (status(429), None),
        (failure("REQUEST_EXCEEDED_RATE"), None),
        (REFUSED, None),
    ],
)
def test_what_an_answer_shows(exchange: Reply | Fault, shown: bool | None) -> None:
    """Bad data shows that the tenant works; limits, tokens and the way there show nothing."""
    assert shows(exchange) is shown


def test_the_replay_of_a_known_answer_shows_nothing() -> None:
    """A kept failure under a known request ID is no news; another answer under it is."""
    past = Attempt(1, START, "track", answer=Kind.SERVER_ERROR.value, request_id="r")
    assert shows(status(500), past, request_id="r") is None
    assert shows(status(500), past, request_id="other") is True
    assert shows(success(), past, request_id="r") is False


def test_f69_an_outage_is_probed_and_then_left() -> None:
    """After twenty keys nothing leaves but a request in 5 s, and 12 failed retries end the run."""
    bench = Bench()
    run = bench.run(works_of([item(n) for n in range(60)]), lambda r, before: status(500))
    assert run.ending.stop is not None
    assert run.ending.stop.reason is StopReason.OUTAGE
    (began,) = [e for e in run.events if isinstance(e, Gated) and e.wait == PROBE_SECONDS]
    assert began.reason == "most calls fail, whichever account they are for"
    times = sorted([*run.server.times, *(at for at, _ in run.server.questions)])
    told = run.server.times[LEAST - 1] + bench.latency
    probes = [at for at in times if at > told]
    assert min(b - a for a, b in pairwise(probes)) > PROBE_SECONDS - 0.01
    assert len(run.server.keys) - len(set(run.server.keys)) == 12


def test_f69_bad_data_is_no_outage() -> None:
    """All items are refused for reasons of their own, at full speed."""
    run = Bench().run(works_of([item(n) for n in range(60)]), lambda r, b: failure("INVALID_ID"))
    assert run.ending.stop is None
    assert run.elapsed < 10.0
    assert {record.outcome for record in run.records.values()} == {Outcome.FAILED}


@pytest.mark.untraced
def test_f69_a_short_outage_is_outlived() -> None:
    """Once probes succeed the pace is as ever, and every item gets its invoice."""

    def answer(request: Request, before: int) -> Reply:
        return status(500) if 3.0 < asyncio.get_running_loop().time() < 40.0 else success()

    run = Bench().run(works_of([item(n) for n in range(300)]), answer)
    assert run.ending.stop is None
    assert {record.outcome for record in run.records.values()} == {Outcome.INVOICED}
    assert run.elapsed < 40.0 + 26 * PROBE_SECONDS + 60.0


def test_retries_count_by_their_items() -> None:
    """A fifth of 2,000 items is eight calls of fifty, not four hundred."""
    outage = after(LEAST, 0, items=2000)
    for number in range(8):
        assert not lasting(outage)
        outage.take(Shown(f"bad {number}", True, 5.0, again=True, items=50), 6.0)
    assert lasting(outage)


def test_retries_under_way_are_as_good_as_failed() -> None:
    """Until they land: no more leave together than may fail, and none counts outside an outage."""
    outage = after(LEAST - 1, 0, items=25)
    seen = []
    with outage.retrying(100):
        take(outage, "the last", bad=True)
        seen.append(outage.used_up)
    with outage.retrying(4):
        seen.append(outage.used_up)
        with outage.retrying(1):
            seen.append(outage.used_up)
        seen.append(outage.used_up)
        take(outage, "the last", bad=True, at=1.0)
        seen.append(outage.used_up)
        for number in range(40):
            take(outage, f"good {number}", at=7.0)
        seen.append(outage.used_up)
    assert seen == [False, False, True, False, True, False]


def test_f69_calls_that_hang_are_no_longer_sent_again() -> None:
    """Each is out for 150 s, so that the fifth of the items is sent before one has failed."""
    bench = Bench(limits=Limits(40, Rate(600, 60.0), 1, 150.0), latency=150.0)
    bench.ask_life = 1e9
    run = bench.run(works_of([item(n) for n in range(25)]), lambda request, before: LOST)
    assert run.ending.stop is not None
    assert run.ending.stop.reason is StopReason.OUTAGE
    first: dict[str, float] = {}
    for at, request in run.server.requests:
        first.setdefault(request.key, at)
    began = sorted(first.values())[LEAST - 1] + bench.latency
    sent_again = [at for at, one in run.server.requests if at > began and first[one.key] < at]
    assert len(sent_again) == 5


def test_f69_calls_of_fifty_are_sent_again_as_often_as_their_items_allow() -> None:
    """Forty calls of fifty accounts: eight of them, which are a fifth."""
    groups = [Work(g, tuple(item(g * 50 + n) for n in range(50)), 0) for g in range(40)]
    bench = Bench(limits=Limits(10, Rate(600, 60.0), 50, 150.0))
    run = bench.run(groups, lambda request, before: status(500))
    assert run.ending.stop is not None
    assert run.ending.stop.reason is StopReason.OUTAGE
    assert len(run.server.keys) - len(set(run.server.keys)) <= 8 + 1
