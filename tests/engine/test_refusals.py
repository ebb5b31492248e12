"""F67: what becomes of a run whose tenant throttles, and of one account that is refused alone."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from support.engine import (
    BRANCH,
    LOST,
    Bench,
    Run,
    failure,
    found,
    item,
    objects_of,
    shown,
    status,
    success,
    text_of,
    works_of,
)
from zbatch.engine.concurrency import Concurrency
from zbatch.engine.ending import StopReason
from zbatch.engine.events import Gated, Retrying
from zbatch.engine.order import Work
from zbatch.engine.refusals import LEAST, PEERS, PROVED, Peers
from zbatch.model import Limits, Outcome, Rate
from zbatch.zuora.wire import Ask, Fault, Reply, Request

TOO_MANY = b'{"success": false, "reasons": [{"code": 50000070, "message": "too many at once"}]}'
BAD = item(0).identity.account_id


class Fair:
    """Jitter as in a real run, but always the same."""

    def __init__(self) -> None:
        self.random = Random(7)

    def uniform(self, low: float, high: float) -> float:
        return self.random.uniform(low, high)


def now() -> float:
    return asyncio.get_running_loop().time()


def outcomes(run: Run) -> Counter[Outcome]:
    return Counter(record.outcome for record in run.records.values())


def account_of(request: Request) -> str:
    (one,) = objects_of(request)
    return one["AccountId"]


# A tenant that throttles


@pytest.mark.parametrize("body", [b"", TOO_MANY])
@pytest.mark.parametrize("seconds", [60.0, 600.0])
@pytest.mark.parametrize("items", [1, 40])
def test_a_tenant_that_throttles_for_a_while_fails_no_item(
    items: int, seconds: float, body: bytes
) -> None:
    """It is waited for, longer each time, and each item is billed afterwards."""
    run = Bench(random=Fair()).run(
        works_of([item(n) for n in range(items)]),
        lambda request, before: status(429, body) if now() < seconds else success(),
    )
    assert outcomes(run) == {Outcome.INVOICED: items}
    assert sum(at < seconds for at in run.server.times) <= 45
    assert run.elapsed < seconds + 120.0
    assert max(event.wait for event in run.events if isinstance(event, Gated)) > 8.0


@pytest.mark.parametrize("answer", [status(429, request_id="r"), failure("REQUEST_EXCEEDED_RATE")])
def test_refusals_cost_no_try(answer: Reply) -> None:
    """Not even the only one that the spec allows, however the tenant says it."""
    run = Bench(max_attempts=1).run(
        works_of([item(0)]), lambda request, before: answer if now() < 1200.0 else success()
    )
    assert outcomes(run) == {Outcome.INVOICED: 1}


def test_a_tenant_that_asks_to_wait_a_minute_for_half_an_hour_fails_no_item() -> None:
    """Its word is kept each time, and no refusal counts against the item."""
    run = Bench(random=Fair()).run(
        works_of([item(0)]),
        lambda request, before: status(429, retry_after="60") if now() < 1800.0 else success(),
    )
    assert outcomes(run) == {Outcome.INVOICED: 1}
    assert len(run.server.times) <= 32


def test_a_tenant_that_throttles_for_more_than_an_hour_stops_the_run() -> None:
    """The run can be gone on with; the item is neither failed nor anything else."""
    run = Bench().run(works_of([item(0)]), lambda request, before: status(429))
    assert run.ending.stop is not None
    assert run.ending.stop.reason is StopReason.LIMIT
    assert outcomes(run) == {}
    assert 3600.0 < run.elapsed < 3700.0


def test_a_key_in_doubt_is_not_burnt_by_a_tenant_that_throttles() -> None:
    """The same key is sent once the tenant takes it, and says what came of it."""
    run = Bench(random=Fair()).run(
        works_of([item(0)]),
        lambda request, before: LOST if not before else status(429) if now() < 900.0 else success(),
    )
    assert outcomes(run) == {Outcome.INVOICED: 1}
    assert len(set(run.server.keys)) == 1


@pytest.mark.parametrize(
    "refusal",
    [
        status(429, zuora_request_id="r-1"),
        status(429, date="Mon, 30 Nov 2026 22:00:00 GMT"),
        status(429),
    ],
    ids=["by its id", "by its date", "by time alone"],
)
def test_a_refusal_that_the_server_keeps_is_got_past(refusal: Reply) -> None:
    """Whether an id, a date or time alone shows it, the next key bills the account."""
    kept: dict[str, Reply] = {}

    def answer(request: Request, before: int) -> Reply:
        if account_of(request) == BAD and not kept:
            kept[request.key] = refusal
        return kept.get(request.key, success())

    run = Bench(random=Fair()).run(works_of([item(n) for n in range(30)]), answer)
    assert outcomes(run) == {Outcome.INVOICED: 30}
    assert run.elapsed < 300.0


# One account


def one_refused(refusal: Reply, items: int = 400, rate: int = 100) -> Run:
    limits = Limits(40, Rate(rate, 1.0), 1, 150.0)
    return Bench(limits=limits, latency=0.4, random=Fair()).run(
        works_of([item(n) for n in range(items)]),
        lambda request, before: refusal if account_of(request) == BAD else success(),
    )


@pytest.mark.untraced
@pytest.mark.parametrize("code", ["REQUEST_EXCEEDED_LIMIT", "REQUEST_EXCEEDED_RATE"])
def test_an_account_that_alone_is_refused_holds_up_no_other(code: str) -> None:
    """It is set aside for longer each time, and fails after its tries, or is left at the end."""
    run = one_refused(failure(code))
    mine = [at for at, request in run.server.requests if account_of(request) == BAD]
    others = [at for at, request in run.server.requests if account_of(request) != BAD]
    assert outcomes(run)[Outcome.INVOICED] == 399
    assert max(others) < 12.0
    assert len([at for at in mine if at <= max(others)]) <= 6


@pytest.mark.untraced
def test_an_account_whose_key_alone_is_refused_is_sent_again_less_and_less_often() -> None:
    """Others get through all the time, so it is its own wait that grows, and not the run's."""
    run = one_refused(status(429), items=600, rate=5)
    mine = [at for at, request in run.server.requests if account_of(request) == BAD]
    assert len([at for at in mine if at < 100.0]) <= 12
    waits = [event.wait for event in run.events if isinstance(event, Retrying)]
    assert waits[0] == 0.0, "the run's own gate holds it at first"
    assert max(waits[:5]) > 4.0
    assert max(at for at in run.server.times if at not in mine) < 160.0


def test_the_number_at_once_recovers_from_a_refusal_that_was_one_accounts_own() -> None:
    """Where one more was refused the number stays, unless it was not for the number."""
    numbers, at = Concurrency(40), 0.0

    def most_of_ten_rounds() -> int:
        nonlocal at
        for _ in range(10):
            at += 1.0
            flights = [numbers.left(at) for _ in range(numbers.allowed)]
            for flight in flights:
                numbers.landed(flight, at + 0.5)
                numbers.clean(flight, at + 0.5)
        return numbers.allowed

    flights = [numbers.left(at) for _ in range(5)]
    numbers.refused(flights[-1], at + 0.1, 1000.0)
    for flight in flights:
        numbers.landed(flight, at + 0.1)
    assert most_of_ten_rounds() == 4
    numbers.pardon()
    assert most_of_ten_rounds() > 10


@pytest.mark.untraced
def test_an_account_that_is_often_refused_alone_fails_after_its_tries() -> None:
    """Three times shown, it needs nobody else that shows it."""
    run = one_refused(failure("REQUEST_EXCEEDED_LIMIT"), items=600, rate=20)
    assert outcomes(run) == {Outcome.INVOICED: 599, Outcome.FAILED: 1}
    assert run.elapsed < 300.0, "not the hour that a tenant which throttles is waited for"
    assert len([event for event in run.events if isinstance(event, Gated)]) <= 2


@pytest.mark.untraced
def test_an_account_that_names_a_wait_holds_the_run_back_each_time_but_not_for_ever() -> None:
    """What the tenant asks for is kept, whoever it is for; the tries are spent all the same."""
    refusal = failure("REQUEST_EXCEEDED_RATE")
    run = one_refused(replace(refusal, headers={"retry-after": "7"}), items=600, rate=5)
    assert outcomes(run) == {Outcome.INVOICED: 599, Outcome.FAILED: 1}
    mine = [at for at, request in run.server.requests if account_of(request) == BAD]
    assert len(mine) == 6 + 1
    for refused in mine:
        gate = refused + 0.5, refused + 7.0
        assert not [at for at in run.server.times if gate[0] < at < gate[1]]


def fared(*answers: tuple[int, float, bool]) -> Peers:
    peers = Peers()
    for ordinal, left, refused in answers:
        peers.take(Work(ordinal, (item(ordinal),), 0), left, refused=refused)
    return peers


def mine(refusals: int = 1, alone: int = 0) -> Work:
    return Work(0, (item(0),), 0, refusals=refusals, refused_alone=alone, refused_at=10.0)


@pytest.mark.parametrize(
    ("taken", "refused", "left", "alone"),
    [
        (LEAST, 0, 11.0, True),
        (LEAST - 1, 0, 11.0, False),
        (LEAST, 0, 10.0, False),
        (8, 1, 11.0, False),
        (9, 1, 11.0, True),
    ],
)
def test_alone_is_who_is_refused_while_others_that_left_since_are_not(
    taken: int, refused: int, left: float, alone: bool
) -> None:
    """What had left before says nothing, nor do two others; one in ten may be refused too."""
    answers = [(n, left, n <= refused) for n in range(1, taken + refused + 1)]
    assert fared(*answers).alone(mine()) is alone


def test_who_was_not_refused_before_is_not_refused_alone() -> None:
    """Neither at first, whatever others came to, nor by what it came to itself."""
    peers = fared(*((n, 11.0, False) for n in range(1, 10)))
    assert not peers.alone(mine(refusals=0, alone=PROVED))
    assert not fared(*((0, 11.0, False) for _ in range(9))).alone(mine())
    assert fared().alone(mine(alone=PROVED))
    assert not fared().alone(mine(alone=PROVED - 1))


def test_only_the_last_answers_are_looked_at() -> None:
    """Fifty of them, so that a run of any length remembers as much."""
    fresh = [(1, 11.0, True)] * PEERS
    assert not fared(*((n, 11.0, False) for n in range(1, 500)), *fresh).alone(mine())
    assert (PEERS, LEAST, PROVED) == (50, 3, 3)


# What is taken in


@pytest.mark.untraced
def test_questions_that_are_answered_show_that_the_tenant_takes_something_in() -> None:
    """Two hours of questions, each half an hour one refused, are no hour of nothing."""
    refused: list[float] = []

    def answer_question(ask: Ask, before: int) -> Reply | Fault:
        if not refused or now() - refused[-1] > 1700.0:
            refused.append(now())
            return status(429, retry_after="5")
        named = {int(account, 16) for account, _ in BRANCH.findall(text_of(ask))}
        return found(*(shown(item(n), Id=f"{n + 1:032x}") for n in named))

    bench = Bench(limits=Limits(1, Rate(1, 300.0), 1, 150.0), answer_question=answer_question)
    run = bench.run(works_of([item(n) for n in range(50 * 25)]), lambda request, before: success())
    assert len(refused) > 3
    assert run.ending.stop is None
