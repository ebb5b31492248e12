"""The engine as a whole, on virtual time: what is sent again, and under which key."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from itertools import pairwise

import pytest

from support.engine import (
    LOST,
    REFUSED_CONNECTION,
    START,
    Bench,
    Run,
    accounts_of,
    failure,
    found,
    item,
    objects_of,
    rows,
    shown,
    status,
    success,
    text_of,
    works_of,
)
from zbatch.engine import backoff
from zbatch.engine.ending import StopReason
from zbatch.engine.events import Answered, Gated, InFlight, Leaving, Retrying, Settled
from zbatch.engine.order import Work
from zbatch.engine.pacing import Pace
from zbatch.engine.settings import ASK_LIFE
from zbatch.model import KeyState, Limits, Outcome, Rate
from zbatch.zuora.wire import Fault, Reply, Request

FAST = Limits(40, Rate(50_000, 60.0), 1, 150.0)


def outcomes(run: Run) -> set[Outcome]:
    return {record.outcome for record in run.records.values()}


def test_each_item_is_sent_once_and_settled(bench: Bench) -> None:
    """A run without trouble sends one call an item and tells each outcome once."""
    run = bench.run(works_of([item(n) for n in range(25)]), lambda request, before: success())
    assert run.ending.stop is None
    assert run.ending.sent == 25
    assert len(set(run.server.keys)) == 25
    assert len(run.records) == 25


def test_each_attempt_is_told_as_it_leaves_and_once_it_is_answered(bench: Bench) -> None:
    """Its key and its track ID name it both times; that it is over is told before its outcome."""
    run = bench.run(works_of([item(1)]), lambda request, before: success() if before else LOST)
    followed = [e for e in run.events if isinstance(e, Leaving | Answered | Settled)]
    kinds = [type(event) for event in followed]
    assert kinds == [Leaving, Answered, Leaving, Answered, Settled]
    attempts = [e.attempt for e in followed if isinstance(e, Leaving)]
    over = [e for e in followed if isinstance(e, Answered)]
    assert [a.track_id for a in attempts] == [one.attempt.track_id for one in over]
    assert {one.key for one in over} == {run.server.keys[0]}
    assert [one.verdict for one in over] == ["again after backoff", "invoiced"]
    assert [one.attempt.answer for one in over] == ["lost", "rows"]


def test_a_run_without_work_ends_at_once(bench: Bench) -> None:
    """Nothing outstanding means nothing sent and nothing stopped."""
    run = bench.run([], lambda request, before: success())
    assert (run.ending.stop, run.ending.sent, run.events) == (None, 0, [])


@pytest.mark.parametrize("trouble", [LOST, status(500), status(429), status(409), status(200)])
def test_a_call_is_sent_again_under_its_key_byte_for_byte(
    bench: Bench, trouble: Reply | Fault
) -> None:
    """Whatever left the first send open, the second has its key and its bytes."""
    run = bench.run(works_of([item(1)]), lambda request, before: success() if before else trouble)
    first, second = (request for _, request in run.server.requests)
    assert (first.key, first.wire) == (second.key, second.wire)
    assert first.track_id != second.track_id
    assert outcomes(run) == {Outcome.INVOICED}


def test_a_locked_account_goes_on_under_the_next_key_once_the_first_is_settled(
    bench: Bench,
) -> None:
    """The stored row would be replayed for ever; the new key is minted on the ledger's evidence."""
    seen: set[str] = set()

    def answer(request: Request, before: int) -> Reply:
        seen.add(request.key)
        return success() if len(seen) > 1 else failure("LOCK_COMPETITION")

    run = bench.run(works_of([item(1)]), answer)
    first, second = run.server.keys
    assert first != second
    kinds = [kind for kind, _ in run.ledger.log]
    assert kinds == ["note", "begin", "finish", "note", "begin", "finish"]
    assert run.ledger.finished[0].effects[0].state is KeyState.SETTLED
    assert [send.call.generation for send in run.ledger.begun] == [0, 1]
    (record,) = run.records.values()
    assert (record.outcome, record.attempts, record.idempotency_key) == (
        Outcome.INVOICED,
        2,
        second,
    )
    assert record.started_at
    between = sum(run.server.times) / 2  # an attempt is dated a moment before it arrives
    assert record.started_at < START + timedelta(seconds=between)


def test_no_next_key_is_sent_before_a_question_that_is_newer_than_the_answer(bench: Bench) -> None:
    """A refused call that the network delivered again was executed: its invoice is found."""
    sent: list[float] = []

    def answer(request: Request, before: int) -> Reply:
        sent.append(before)
        return failure("LOCK_COMPETITION")

    made = shown(item(1), created=START + timedelta(seconds=1))
    bench.answer_question = lambda ask, before: found(made) if sent else found()
    run = bench.run(works_of([item(1)]), answer)
    assert len(run.server.keys) == 1
    (record,) = run.records.values()
    assert record.outcome is Outcome.ALREADY_INVOICED
    assert record.invoice_ids == ("f" * 32,)


def test_six_lost_sends_leave_an_item_unknown_and_hold_back_its_later_date(bench: Bench) -> None:
    """Without an answer nothing is claimed: one key, six sends, and the next date waits."""
    early, late, other = item(1, 10), item(1, 20), item(2, 20)
    run = bench.run(
        works_of([early, late, other]),
        lambda request, before: success() if 2 in accounts_of(request) else LOST,
    )
    assert run.ending.stop is None
    assert run.ending.blocked == ((late, early),)
    assert run.records[str(early.identity)].outcome is Outcome.UNKNOWN
    assert run.records[str(other.identity)].outcome is Outcome.INVOICED
    assert str(late.identity) not in run.records
    assert len([key for key in run.server.keys if run.server.keys.count(key) > 1]) == 6
    assert run.ledger.finished[-1].effects[0].state is KeyState.LIVE


def test_f1_a_refused_connection_spends_nothing(bench: Bench) -> None:
    """F1: refused for 30 seconds, then success: nothing was sent before, and the key is clean."""

    def answer(request: Request, before: int) -> Reply | Fault:
        return REFUSED_CONNECTION if asyncio.get_running_loop().time() < 30 else success()

    run = bench.run(works_of([item(n) for n in range(20)]), answer)
    assert run.ending.stop is None
    assert run.ending.sent == 20
    assert outcomes(run) == {Outcome.INVOICED}
    refused = [result for result in run.ledger.finished if result.attempt.http_status is None]
    assert refused
    assert not any(result.attempt.sent for result in refused)
    assert len({request.key for _, request in run.server.requests}) == 20


def test_f2_an_unreachable_host_stops_the_run_with_nothing_sent(bench: Bench) -> None:
    """F2: beyond its patience the run ends; no item was attempted and none is told of."""
    run = bench.run(works_of([item(n) for n in range(30)]), lambda r, b: REFUSED_CONNECTION)
    assert run.ending.stop is not None
    assert run.ending.stop.reason is StopReason.UNREACHABLE
    assert run.ending.sent == 0
    assert run.records == {}
    assert 120 < run.elapsed < 240
    assert not any(result.attempt.sent for result in run.ledger.finished)
    assert {send.call.key for send in run.ledger.begun} == {
        result.call.key for result in run.ledger.finished
    }


@pytest.mark.untraced
@pytest.mark.parametrize(
    "limited",
    [
        status(429, retry_after="120"),
        status(429, ratelimit_reset="120"),
        status(503, retry_after="120"),
        status(429, retry_after="Mon, 30 Nov 2026 22:02:00 GMT"),
    ],
)
def test_f63_a_429_closes_one_gate_for_the_whole_run(limited: Reply) -> None:
    """F63, F65: with 40 in flight and 120 seconds asked for, nothing leaves inside the window."""
    bench = Bench(limits=FAST)
    refused: list[float] = []

    def answer(request: Request, before: int) -> Reply:
        now = asyncio.get_running_loop().time()
        if 1.0 < now < 100.0:
            refused.append(now)
            return limited
        return success()

    run = bench.run(works_of([item(n) for n in range(400)]), answer)
    assert run.ending.stop is None
    assert len(run.records) == 400
    told = min(refused)
    opens = 119.9 if "Nov" in limited.headers.get("retry-after", "") else told + 120.0
    inside = [time for time in run.server.times if told < time < opens]
    assert inside == []
    assert run.server.peak == 40
    assert len(refused) == 39, "and a question"
    assert any(isinstance(event, Gated) for event in run.events)


def test_f66_after_the_gate_opens_the_rate_holds(bench: Bench) -> None:
    """F66: those who waited leave one interval apart, not all at once."""

    def answer(request: Request, before: int) -> Reply:
        early = asyncio.get_running_loop().time() < 60
        return status(429, retry_after="120") if early else success()

    run = bench.run(works_of([item(n) for n in range(30)]), answer)
    late = [time for time in run.server.times if time > 60]
    answered = run.server.times[0] + 0.11
    assert [time for time in run.server.times if answered < time < 120] == []
    assert len(late) >= 30
    assert min(b - a for a, b in pairwise(late)) > 0.0999
    assert late[-1] - late[0] > (len(late) - 1) * 0.0999


def test_f70_a_limit_told_in_a_row_gates_the_run_too(bench: Bench) -> None:
    """F70: REQUEST_EXCEEDED_RATE within 200 renews its item and slows down everybody."""
    limited = failure("REQUEST_EXCEEDED_RATE")
    headers = {"retry-after": "90"}
    limited = Reply(limited.status, headers, limited.body, token=1)
    run = bench.run(
        works_of([item(n) for n in range(10)]),
        lambda r, b: limited if asyncio.get_running_loop().time() < 1.5 else success(),
    )
    assert outcomes(run) == {Outcome.INVOICED}
    assert [time for time in run.server.times if 1.5 < time < 90] == []


@pytest.mark.parametrize("named", ["retry-after", "x-rate-limit-reset"])
@pytest.mark.parametrize(
    "body",
    [
        b'{"Success": false, "reasons": [{"code": 70, "message": "retry after 90 seconds"}]}',
        b'[{"Success": false}, {"Success": false}]',
    ],
    ids=["a row without errors", "rows that do not fit the call"],
)
def test_f63_a_429_that_reads_as_something_else_is_waited_for_too(
    bench: Bench, body: bytes, named: str
) -> None:
    """F63: whatever the body looks like and whichever header names the wait, it is kept."""
    run = bench.run(
        works_of([item(n) for n in range(10)]),
        lambda r, b: (
            Reply(429, {named: "90"}, body, token=1)
            if asyncio.get_running_loop().time() < 0.5
            else success()
        ),
    )
    assert outcomes(run) == {Outcome.INVOICED}
    told = min(run.server.times) + 0.11
    assert [time for time in run.server.times if told < time < 90] == []


@pytest.mark.parametrize(("code", "named"), [(200, "retry-after"), (503, "x-rate-limit-reset")])
def test_a_wait_that_is_named_beside_a_success_holds_nobody_back(
    bench: Bench, code: int, named: str
) -> None:
    """Only a 429 asks to wait, or a 503 in so many words; a proxy may put a header on anything."""
    body = success().body
    run = bench.run(
        works_of([item(n) for n in range(3)]),
        lambda r, b: Reply(code, {named: "90"}, body, token=1),
    )
    assert outcomes(run) == {Outcome.INVOICED}
    assert run.elapsed < 90.0


def test_f71_a_wait_beyond_reason_stops_the_run(bench: Bench) -> None:
    """F71: 25 hours are not slept through; the run ends and can be taken up again."""
    run = bench.run(
        works_of([item(n) for n in range(30)]), lambda r, b: status(429, retry_after="90000")
    )
    assert run.ending.stop is not None
    assert run.ending.stop.reason is StopReason.LIMIT
    assert run.elapsed < 10
    assert run.records == {}
    assert all(effect.state is KeyState.LIVE for r in run.ledger.finished for effect in r.effects)


def test_f42_a_call_still_at_work_is_awaited_under_its_key(bench: Bench) -> None:
    """F42: 409 without rows means wait; the rows come under the same key."""
    run = bench.run(works_of([item(1)]), lambda r, before: success() if before > 7 else status(409))
    assert outcomes(run) == {Outcome.INVOICED}
    assert len(set(run.server.keys)) == 1
    assert len(run.server.keys) == 9
    gaps = [b - a for a, b in pairwise(run.server.times)]
    assert gaps[:7] == pytest.approx([1, 2, 4, 8, 16, 32, 60], abs=0.5)


def test_waiting_on_a_409_spends_no_attempt(bench: Bench) -> None:
    """After more 409 than there are attempts, a lost call still has all of them."""
    troubles = [status(409)] * 8 + [LOST] * 5
    run = bench.run(
        works_of([item(1)]),
        lambda r, before: troubles[before] if before < len(troubles) else success(),
    )
    (record,) = run.records.values()
    assert (record.outcome, record.attempts) == (Outcome.INVOICED, 14)


def test_f44_a_409_without_end_is_given_up_after_ten_minutes(bench: Bench) -> None:
    """F44: bounded, one key, unknown, and the key stays live for the next run."""
    early, late = item(1, 10), item(1, 20)
    run = bench.run(works_of([early, late]), lambda r, b: status(409))
    assert run.ending.stop is None
    assert 500 < run.elapsed < 620
    assert run.records[str(early.identity)].outcome is Outcome.UNKNOWN
    assert run.ending.blocked == ((late, early),)
    assert len(set(run.server.keys)) == 1
    assert {e.state for r in run.ledger.finished for e in r.effects} == {KeyState.LIVE}


def test_f43_a_409_that_carries_rows_is_read_as_rows(bench: Bench) -> None:
    """F43: the original result, told with a 409, settles the item."""
    stored = rows({"Success": True, "Id": "a" * 32}, status=409)
    run = bench.run(works_of([item(1)]), lambda r, before: stored if before else LOST)
    (record,) = run.records.values()
    assert (record.outcome, record.invoice_id) == (Outcome.INVOICED, "a" * 32)


def test_after_a_401_a_newer_token_is_asked_for(bench: Bench) -> None:
    """The resend names the refused token, so that the sender uses a newer one."""
    run = bench.run(
        works_of([item(1)]),
        lambda r, before: success() if before else status(401, token=4),
    )
    assert [request.stale_token for _, request in run.server.requests] == [None, 4]
    assert outcomes(run) == {Outcome.INVOICED}
    assert len(set(run.server.keys)) == 1


def test_a_second_401_with_a_newer_token_stops_the_run(bench: Bench) -> None:
    """Credentials that were taken back fail no item: the run ends, and the keys stay clean."""
    run = bench.run(
        works_of([item(n) for n in range(20)]),
        lambda r, before: status(401, token=(r.stale_token or 0) + 1),
    )
    assert run.ending.stop is not None
    assert run.ending.stop.reason is StopReason.CREDENTIALS
    assert run.records == {}
    assert {e.state for r in run.ledger.finished for e in r.effects} == {KeyState.LIVE}


@pytest.mark.parametrize("code", [422, 301, 302, 303, 307, 308])
def test_a_wrong_tenant_stops_the_run(bench: Bench, code: int) -> None:
    """F22, F45: a redirect or 422 is never followed, never retried, and nothing more starts."""
    run = bench.run(works_of([item(n) for n in range(100)]), lambda r, b: status(code))
    assert run.ending.stop is not None
    assert run.ending.stop.reason is StopReason.MISDIRECTED
    assert f"HTTP {code}" in run.ending.stop.message
    assert len(run.server.keys) <= 10
    assert run.records == {}
    assert len(set(run.server.keys)) == len(run.server.keys)


def test_no_more_calls_are_in_flight_than_allowed() -> None:
    """The limit on concurrency holds, and is used."""
    bench = Bench(limits=Limits(7, Rate(1000, 1.0), 1, 150.0), latency=3.0)
    run = bench.run(works_of([item(n) for n in range(60)]), lambda r, b: success())
    assert run.server.peak == 7
    assert max(event.calls for event in run.events if isinstance(event, InFlight)) == 7
    assert len(run.records) == 60


def test_the_rate_holds_with_retries_included() -> None:
    """No second holds more requests than the rate allows, whatever is sent again or asked."""
    bench = Bench(limits=Limits(40, Rate(20, 1.0), 1, 150.0))
    run = bench.run(
        works_of([item(n) for n in range(150)]),
        lambda r, before: status(500) if before == 0 and r.key < "zb1-5" else success(),
    )
    times = sorted([*run.server.times, *(time for time, _ in run.server.questions)])
    assert len(run.server.times) > 150
    assert min(b - a for a, b in pairwise(times)) > 0.0499
    assert outcomes(run) == {Outcome.INVOICED}


@pytest.mark.untraced
def test_f72_six_hundred_items_at_one_a_second_take_ten_minutes() -> None:
    """F72: the schedule holds within one per cent, and a question takes its turn like a call."""
    bench = Bench(limits=Limits(10, Rate(1, 1.0), 1, 150.0))
    run = bench.run(works_of([item(n) for n in range(600)]), lambda r, b: success())
    asked = [time for time, _ in run.server.questions]
    times = sorted([*run.server.times, *asked])
    assert times[-1] - times[0] == pytest.approx(599 + len(asked), rel=0.01)
    assert min(b - a for a, b in pairwise(times)) > 0.999
    assert len(asked) <= 600 / 50 + 2


@pytest.mark.untraced
@pytest.mark.parametrize(
    ("rate", "concurrency", "questions"),
    [
        (Rate(1, 60.0), 10, 7),
        (Rate(1, 60.0), 1, 12),
        (Rate(1, 300.0), 1, 30),
        (Rate(1, 900.0), 1, 60),
    ],
)
def test_a_slow_rate_asks_again_before_a_question_is_too_old(
    rate: Rate, concurrency: int, questions: int
) -> None:
    """R9a: what was asked more than ten minutes ago is asked again, and the run still comes on."""
    bench = Bench(limits=Limits(concurrency, rate, 1, 150.0))
    bench.ask_life = max(bench.ask_life, 1.5 * rate.seconds)
    run = bench.run(works_of([item(n) for n in range(60)]), lambda r, b: success())
    assert outcomes(run) == {Outcome.INVOICED}
    assert len(run.records) == 60
    assert 2 <= len(run.server.questions) <= questions
    assert run.elapsed < 180 * rate.seconds


def test_a_call_tells_the_sender_when_its_question_is_too_old(bench: Bench) -> None:
    """R9a: ten minutes after the question left, and half a minute for what was on its way."""
    run = bench.run(works_of([item(1)]), lambda r, b: success())
    ((asked, _),) = run.server.questions
    ((_, request),) = run.server.requests
    assert request.not_after == START + timedelta(seconds=asked + ASK_LIFE + 30)


def test_a_question_behind_a_long_gate_is_asked_again() -> None:
    """R9a: a gate of 20 minutes makes what was asked before it too old for every item."""

    def answer(request: Request, before: int) -> Reply:
        early = asyncio.get_running_loop().time() < 60
        return status(429, retry_after="1200") if early else success()

    run = Bench().run(works_of([item(n) for n in range(30)]), answer)
    assert outcomes(run) == {Outcome.INVOICED}
    late = [text_of(ask) for time, ask in run.server.questions if time >= 1200]
    assert all(any(item(n).identity.account_id in text for text in late) for n in range(30))


@pytest.mark.untraced
def test_a_clean_run_asks_once_for_fifty_items(bench: Bench) -> None:
    """A question costs as much as a call, so it is asked for a whole wave."""
    for count, most in [(1, 1), (50, 1), (51, 2), (600, 12)]:
        run = bench.run(works_of([item(n) for n in range(count)]), lambda r, b: success())
        assert len(run.server.questions) == most
        assert run.ending.asked == most


def test_questions_share_the_slots_of_calls() -> None:
    """However many waves there are, requests of both kinds in flight stay within the limit."""
    limits = Limits(3, Rate(1000, 1.0), 1, 150.0)
    bench = Bench(limits=limits, latency=2.0, ask_latency=3.0)
    run = bench.run(works_of([item(n) for n in range(300)]), lambda r, b: success())
    assert run.server.peak == 3
    assert len(run.records) == 300


def test_f80_the_dates_of_an_account_are_sent_one_by_one_ascending() -> None:
    """F80: an account is never under way twice, and each date waits for the one before."""
    items = [item(account, day) for account in range(6) for day in (28, 10, 20)]
    bench = Bench(limits=FAST, latency=2.0)
    run = bench.run(
        works_of(items),
        lambda r, before: LOST if before == 0 and 3 in accounts_of(r) else success(),
    )
    assert outcomes(run) == {Outcome.INVOICED}
    for account in range(6):
        mine = [
            objects_of(request)[0]["TargetDate"]
            for _, request in run.server.requests
            if account in accounts_of(request)
        ]
        assert mine == sorted(mine)
        assert len(set(mine)) == 3


def test_a_failed_date_holds_back_the_later_ones_alone(bench: Bench) -> None:
    """What one account fails at does not concern the next account."""
    items = [item(1, 10), item(1, 20), item(1, 28), item(2, 10), item(2, 20)]
    run = bench.run(
        works_of(items),
        lambda r, b: failure("INVALID_VALUE") if 1 in accounts_of(r) else success(),
    )
    assert run.ending.blocked == ((items[1], items[0]), (items[2], items[0]))
    assert [record.outcome for record in run.records.values()].count(Outcome.INVOICED) == 2
    assert run.ending.sent == 3


def test_nothing_to_bill_lets_the_next_date_go_on(bench: Bench) -> None:
    """An account with nothing due on one date may well have on the next."""
    items = [item(1, 10), item(1, 20)]
    nothing = failure("INVALID_VALUE", "there are no charges due on this account.")
    run = bench.run(
        works_of(items),
        lambda r, b: nothing if objects_of(r)[0]["TargetDate"].endswith("10") else success(),
    )
    assert [r.outcome for r in run.records.values()] == [Outcome.NOTHING_TO_BILL, Outcome.INVOICED]


def test_f79_one_locked_account_holds_up_nobody() -> None:
    """F79: locked throughout, it fails after its attempts; all others are done long before."""
    bench = Bench(limits=Limits(2, Rate(600, 60.0), 1, 150.0))
    run = bench.run(
        works_of([item(n) for n in range(50)]),
        lambda r, b: failure("LOCK_COMPETITION") if 0 in accounts_of(r) else success(),
    )
    locked = run.records[str(item(0).identity)]
    assert locked.outcome is Outcome.FAILED
    assert locked.attempts == 6
    assert len(run.server.keys) == 49 + 6
    others = [time for time, request in run.server.requests if 0 not in accounts_of(request)]
    assert max(others) < 10


@pytest.mark.parametrize(("every", "most"), [(2, 20), (3, 6), (7, 6)])
def test_f15_a_network_that_loses_every_kth_call_is_borne(every: int, most: int) -> None:
    """F15: each item is invoiced under one key, within its attempts."""
    count = 0

    def answer(request: Request, before: int) -> Reply | Fault:
        nonlocal count
        count += 1
        return LOST if count % every == 0 else success()

    bench = Bench(random=random.Random(7), max_attempts=most)
    run = bench.run(works_of([item(n) for n in range(40)]), answer)
    assert outcomes(run) == {Outcome.INVOICED}
    assert len(set(run.server.keys)) == 40
    assert max(record.attempts for record in run.records.values()) <= most


def test_a_call_of_many_goes_on_alone_where_rows_ask_for_it() -> None:
    """Of three rows one is invoiced, one failed, and the locked one goes alone under a new key."""
    items = (item(1), item(2), item(3))

    def answer(request: Request, before: int) -> Reply:
        if len(accounts_of(request)) == 1:
            return success(9)
        return rows(
            {"Success": True, "Id": "a" * 32},
            {"Success": False, "Errors": [{"Code": "LOCK_COMPETITION", "Message": "busy"}]},
            {"Success": False, "Errors": [{"Code": "INVALID_ID", "Message": "no"}]},
        )

    run = Bench().run([Work(0, items, 0)], answer)
    assert [run.records[str(one.identity)].outcome for one in items] == [
        Outcome.INVOICED,
        Outcome.INVOICED,
        Outcome.FAILED,
    ]
    assert [len(accounts_of(request)) for _, request in run.server.requests] == [3, 1]


def test_retries_are_told_with_their_reason_and_wait(bench: Bench) -> None:
    """Whoever watches learns what is sent again, and when."""
    run = bench.run(works_of([item(1)]), lambda r, before: success() if before > 1 else LOST)
    told = [event for event in run.events if isinstance(event, Retrying)]
    assert [(event.reason, event.wait) for event in told] == [
        ("no answer", 1.0),
        ("no answer", 2.0),
    ]


def test_what_only_waits_for_the_gate_has_no_wait_of_its_own(bench: Bench) -> None:
    """The first time; whoever is refused again waits for longer than the gate is closed."""
    limited = status(429, retry_after="30")
    run = bench.run(works_of([item(1)]), lambda r, before: success() if before > 1 else limited)
    waits = [event.wait for event in run.events if isinstance(event, Retrying)]
    assert waits == [0.0, backoff.ceiling(1)]


@pytest.mark.untraced
def test_throttling_now_and_then_over_hours_stops_no_run() -> None:
    """F67: only an hour in which the tenant takes nothing in ends a run; each success ends that."""
    throttled = {item(0).identity.account_id, item(75).identity.account_id}

    def answer(request: Request, before: int) -> Reply:
        (account,) = (one["AccountId"] for one in objects_of(request))
        return status(429, retry_after="5") if account in throttled and not before else success()

    bench = Bench(limits=Limits(1, Rate(1, 60.0), 1, 150.0))
    run = bench.run(works_of([item(n) for n in range(80)]), answer)
    assert run.ending.stop is None
    assert outcomes(run) == {Outcome.INVOICED}


@pytest.mark.parametrize(("items", "calls"), [(1, 1), (60, 1), (60, 2), (60, 20)])
def test_a_quota_that_is_used_up_for_a_day_ends_the_run(items: int, calls: int) -> None:
    """Whether a question or a call is the first that may not leave: the run ends, resumable.

    Also where it is the only one, and nothing else wakes the run.
    """
    pace = Pace(Rate(1, 1.0), [Rate(calls, 86_400.0)])
    run = Bench(pace=pace).run(works_of([item(n) for n in range(items)]), lambda r, b: success())
    assert run.ending.stop is not None
    assert run.ending.stop.reason is StopReason.LIMIT
    assert run.ending.sent + run.ending.asked == calls
    assert run.ending.flow.requests == calls
    assert outcomes(run) <= {Outcome.INVOICED}
