"""Questions to the tenant: pages, fields, tokens, limits and trouble, in the run's own bounds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from support.engine import (
    LOST,
    REFUSED_CONNECTION,
    Bench,
    Run,
    VirtualClock,
    found,
    item,
    shown,
    status,
    success,
    text_of,
    works_of,
)
from zbatch.engine.asking import MOST_PAGES, MOST_TRIES
from zbatch.engine.ending import StopReason
from zbatch.engine.events import Gated
from zbatch.engine.loop import Engine
from zbatch.model import Limits, Outcome, Rate
from zbatch.zuora.headers import QUERY_MORE_PATH, QUERY_PATH
from zbatch.zuora.wire import Ask, Fault, FaultKind, Reply

Answer = Callable[[Ask, int], Reply | Fault]


def page(*records: dict[str, object], size: int, locator: str | None = None) -> Reply:
    body: dict[str, object] = {"size": size, "done": locator is None, "records": list(records)}
    if locator:
        body["queryLocator"] = locator
    return Reply(200, {}, json.dumps(body).encode(), token=1)


def fault(code: str, message: str, http_status: int = 400) -> Reply:
    body = {"FaultCode": code, "FaultMessage": message}
    return Reply(http_status, {}, json.dumps(body).encode(), token=1)


def asked(answer: Answer, count: int = 1, bench: Bench | None = None) -> Run:
    """Run some items whose questions are answered like this, and whose calls succeed."""
    bench = bench or Bench()
    bench.answer_question = answer
    return bench.run(works_of([item(n) for n in range(count)]), lambda r, before: success())


def stop_of(run: Run) -> StopReason | None:
    return run.ending.stop.reason if run.ending.stop else None


def outcomes(run: Run) -> list[Outcome]:
    return [record.outcome for record in run.records.values()]


def nothing_left(run: Run) -> bool:
    return not run.server.requests and not run.ledger.begun and run.ending.sent == 0


# Pages


def test_all_pages_of_an_answer_are_read() -> None:
    """R8: what holds an item may stand on the last page."""
    pages = [
        page(shown(item(0), Id="1" * 32), size=3, locator="more-1"),
        page(shown(item(1), Id="2" * 32), size=3, locator="more-2"),
        page(shown(item(2), Id="3" * 32), size=3),
    ]
    run = asked(lambda ask, before: pages[before], 4)
    assert outcomes(run) == [Outcome.ALREADY_INVOICED] * 3 + [Outcome.INVOICED]
    assert [ask.path for _, ask in run.server.questions] == [QUERY_PATH, *[QUERY_MORE_PATH] * 2]
    assert [text_of(ask) for _, ask in run.server.questions[1:]] == ["more-1", "more-2"]
    assert run.ending.asked == 3


def test_pages_that_do_not_fit_together_are_read_again() -> None:
    """A count that no page adds up to proves nothing; the whole answer is asked for anew."""
    pages = [
        page(shown(item(0)), size=7, locator="more-1"),
        page(shown(item(1), Id="2" * 32), size=7),
        found(shown(item(0))),
    ]
    run = asked(lambda ask, before: pages[before], 2)
    assert outcomes(run) == [Outcome.ALREADY_INVOICED, Outcome.INVOICED]


def test_an_expired_cursor_starts_the_question_anew() -> None:
    """A locator lives 15 minutes; after that its refusal is no refusal of the question."""
    pages = [
        page(shown(item(0)), size=2, locator="more-1"),
        fault("INVALID_QUERY_LOCATOR", "invalid query locator"),
        found(shown(item(0))),
    ]
    run = asked(lambda ask, before: pages[min(before, 2)])
    assert outcomes(run) == [Outcome.ALREADY_INVOICED]
    assert [ask.path for _, ask in run.server.questions] == [
        QUERY_PATH,
        QUERY_MORE_PATH,
        QUERY_PATH,
    ]


@pytest.mark.parametrize("end", [None, "expired"])
def test_f74_pages_without_end_stop_the_run(end: str | None) -> None:
    """A server that loops, or whose cursors always expire, is not followed for ever."""

    def answer(ask: Ask, before: int) -> Reply:
        if end and ask.path == QUERY_MORE_PATH:
            return fault("INVALID_QUERY_LOCATOR", "expired")
        return page(shown(item(0), Id=f"{before + 1:032x}"), size=9, locator="on")

    run = asked(answer)
    assert stop_of(run) is StopReason.QUESTION
    assert nothing_left(run)
    assert len(run.server.questions) <= max(MOST_PAGES, 2 * MOST_TRIES)


# Fields


def test_a_field_that_the_tenant_does_not_know_is_left_out_from_then_on() -> None:
    """Source is worth having and not worth stopping for."""
    refused = fault("INVALID_FIELD", "invalid field for query: Invoice.Source")

    def answer(ask: Ask, before: int) -> Reply:
        return refused if "Source" in text_of(ask) else found()

    run = asked(answer, 120)
    assert len(run.records) == 120
    assert sum("Source" in text_of(ask) for _, ask in run.server.questions) <= 3
    assert "Source" not in text_of(run.server.questions[-1][1])


@pytest.mark.parametrize("name", ["Status", "Nonsense"])
def test_a_field_that_cannot_be_done_without_stops_the_run(name: str) -> None:
    """Without its status an invoice says nothing; nothing was sent."""
    message = f"invalid field for query: Invoice.{name}"
    run = asked(lambda ask, before: fault("INVALID_FIELD", message))
    assert stop_of(run) is StopReason.QUESTION
    assert nothing_left(run)
    assert len(run.server.questions) == 1


def test_a_field_refused_for_ever_stops_the_run() -> None:
    """A tenant that refuses what is no longer asked for is not asked for ever."""
    refused = fault("INVALID_FIELD", "invalid field for query: Invoice.Source")
    run = asked(lambda ask, before: refused)
    assert stop_of(run) is StopReason.QUESTION
    assert len(run.server.questions) == 2


# Tokens


def test_after_a_401_the_question_is_asked_with_a_newer_token() -> None:
    """The refused token is named, so that the sender uses a newer one; calls go on as ever."""

    def answer(ask: Ask, before: int) -> Reply:
        return found() if ask.stale_token == 4 else status(401, token=4)

    run = asked(answer)
    assert outcomes(run) == [Outcome.INVOICED]
    assert [ask.stale_token for _, ask in run.server.questions] == [None, 4]


def test_a_refused_token_is_not_tried_again_by_the_next_question() -> None:
    """What one wave has learnt of the token holds for those after it."""

    def answer(ask: Ask, before: int) -> Reply:
        return found() if ask.stale_token == 4 else status(401, token=4)

    run = asked(answer, 600)
    told = [ask.stale_token for _, ask in run.server.questions]
    at_once = told.index(4)  # so many waves were under way: each is refused once, and none again
    assert len(told) == 12 + at_once < 24
    assert set(told[at_once:]) == {4}


def test_a_refused_token_is_not_tried_again_by_a_further_page() -> None:
    """What a page has learnt of the token holds for those after it."""

    def answer(ask: Ask, before: int) -> Reply:
        if ask.path == QUERY_MORE_PATH and ask.stale_token != 4:
            return status(401, token=4)
        last = text_of(ask) == "more-2"
        return page(shown(item(before), Id=f"{before + 1:032x}"), size=3, locator=(
            None if last else "more-2" if ask.path == QUERY_MORE_PATH else "more-1"
        ))  # fmt: skip

    run = asked(answer, 4)
    told = [ask.stale_token for _, ask in run.server.questions]
    assert told == [None, None, 4, 4]


def test_a_newer_token_refused_too_stops_the_run() -> None:
    """Credentials that were taken back settle nothing; nothing is sent."""
    run = asked(lambda ask, before: status(401, token=(ask.stale_token or 0) + 1), 20)
    assert stop_of(run) is StopReason.CREDENTIALS
    assert nothing_left(run)
    assert len(run.server.questions) <= 3


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (FaultKind.TOKEN_REFUSED, StopReason.CREDENTIALS),
        (FaultKind.CERTIFICATE, StopReason.CERTIFICATE),
    ],
)
def test_what_only_a_person_can_mend_stops_the_run(kind: FaultKind, reason: StopReason) -> None:
    """The first question tells it, before anything is sent."""
    run = asked(lambda ask, before: Fault(kind, False, "no"), 20)
    assert stop_of(run) is reason
    assert nothing_left(run)
    assert len(run.server.questions) == 1


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (302, StopReason.MISDIRECTED),
        (400, StopReason.QUESTION),
        (403, StopReason.QUESTION),
        (404, StopReason.QUESTION),
    ],
)
def test_a_question_that_is_refused_stops_the_run(code: int, reason: StopReason) -> None:
    """Nothing may be sent without an answer, and the same question is refused again."""
    run = asked(lambda ask, before: status(code), 20)
    assert stop_of(run) is reason
    assert nothing_left(run)
    assert len(run.server.questions) == 1


# Limits


def test_a_429_to_a_question_gates_calls_and_questions_alike() -> None:
    """One gate for the whole run: nothing leaves while it is closed, whoever closed it."""

    def answer(ask: Ask, before: int) -> Reply:
        return status(429, retry_after="120") if before == 1 else found()

    bench = Bench(limits=Limits(10, Rate(100, 1.0), 1, 150.0), latency=1.0)
    run = asked(answer, 150, bench)
    assert len(run.records) == 150
    closed = next(time for time, _ in run.server.questions[1:2]) + 0.11
    left = [*run.server.times, *(time for time, _ in run.server.questions)]
    assert [time for time in left if closed < time < closed + 119] == []
    assert any(isinstance(event, Gated) for event in run.events)


def test_a_question_that_was_answered_ends_the_row_of_those_refused() -> None:
    """The wait grows with each refusal in a row; a question that got through begins anew."""
    refused = (0, 1, 3)
    run = asked(lambda ask, before: status(429) if before in refused else found(), 51)
    waits = [event.wait for event in run.events if isinstance(event, Gated)]
    assert waits[-1] == waits[0]


def test_a_429_to_a_call_gates_questions_too() -> None:
    """F63: the tenant's limit is everybody's."""
    bench = Bench(limits=Limits(10, Rate(100, 1.0), 1, 150.0), latency=0.2)
    limited = status(429, retry_after="120")
    run = bench.run(
        works_of([item(n) for n in range(150)]),
        lambda r, b: limited if asyncio.get_running_loop().time() < 20 else success(),
    )
    closed = run.server.times[0] + 0.21
    left = [*run.server.times, *(time for time, _ in run.server.questions)]
    assert len(run.records) == 150
    assert [time for time in left if closed < time < 120] == []


def test_throttling_spends_none_of_a_questions_tries() -> None:
    """A tenant that is busy for a while is waited for."""
    limited = status(429, retry_after="20")
    run = asked(lambda ask, before: found() if before > 3 * MOST_TRIES else limited)
    assert outcomes(run) == [Outcome.INVOICED]


def test_a_wait_beyond_reason_stops_the_run() -> None:
    """F71: 25 hours are not slept through for a question either."""
    run = asked(lambda ask, before: status(429, retry_after="90000"))
    assert stop_of(run) is StopReason.LIMIT
    assert nothing_left(run)


# Trouble


@pytest.mark.parametrize(
    "trouble", [LOST, status(500), status(503), status(200), status(200, b"<html>"), status(409)]
)
def test_a_question_without_an_answer_is_repeated(trouble: Reply | Fault) -> None:
    """It only reads, so repeating it does no harm."""
    run = asked(lambda ask, before: found() if before >= 2 else trouble)
    assert outcomes(run) == [Outcome.INVOICED]
    assert len(run.server.questions) == 3
    gaps = [b - a for (a, _), (b, _) in pairwise(run.server.questions)]
    assert gaps == pytest.approx([1.1, 2.1])


@pytest.mark.parametrize(
    "trouble",
    [
        LOST,
        status(500),
        status(200, b"[]"),
        status(200, b'{"size": 1, "done": true}'),
        status(200, b'{"records": []}'),
    ],
)
def test_a_question_never_answered_stops_the_run_with_nothing_sent(trouble: Reply | Fault) -> None:
    """R9a: no call leaves unasked; the tries are bounded, and silence is not taken for nothing."""
    run = asked(lambda ask, before: trouble)
    assert stop_of(run) is StopReason.QUESTION
    assert nothing_left(run)
    assert len(run.server.questions) == MOST_TRIES
    assert run.elapsed < 120


def test_an_unreachable_host_is_waited_for_and_then_given_up() -> None:
    """F2: a question spends no try on a host that is away, and the run ends with its patience."""
    run = asked(lambda ask, before: REFUSED_CONNECTION)
    assert stop_of(run) is StopReason.UNREACHABLE
    assert nothing_left(run)
    assert len(run.server.questions) > MOST_TRIES
    assert 120.0 <= run.elapsed < 121.0
    back = asked(
        lambda ask, b: REFUSED_CONNECTION if asyncio.get_running_loop().time() < 60 else found()
    )
    assert outcomes(back) == [Outcome.INVOICED]


def test_a_stop_while_a_question_is_asked_again_ends_the_run() -> None:
    """A signal does not wait for the backoff of a question."""

    async def interrupt(engine: Engine, clock: VirtualClock) -> None:
        await asyncio.sleep(2.0)
        engine.stop(StopReason.INTERRUPTED, "interrupted")

    bench = Bench(during=interrupt)
    run = asked(lambda ask, before: status(500), 5, bench)
    assert stop_of(run) is StopReason.INTERRUPTED
    assert nothing_left(run)
    assert run.elapsed < 2.5


# Answers of another time


def test_a_stored_answer_is_asked_for_again_two_seconds_later() -> None:
    """R8: so long it takes to see whether the server's clock goes on. In the end the run stops."""
    run = asked(lambda ask, before: replace(found(), headers={"age": "61"}))
    assert stop_of(run) is StopReason.QUESTION
    assert nothing_left(run)
    gaps = [b - a for (a, _), (b, _) in pairwise(run.server.questions)]
    assert gaps == pytest.approx([2.1, 2.1, 4.1, 8.1, 16.1])


def test_a_further_page_that_was_stored_is_asked_for_again() -> None:
    """R8: each page is a part of the answer, and as old as it is."""
    first = page(shown(item(0)), size=2, locator="more-1")
    rest = page(shown(item(1), Id="2" * 32), size=2)
    pages = [first, replace(rest, headers={"age": "99"}), rest]
    run = asked(lambda ask, before: pages[before], 2)
    assert outcomes(run) == [Outcome.ALREADY_INVOICED] * 2
    assert [text_of(ask) for _, ask in run.server.questions[1:]] == ["more-1", "more-1"]


def test_a_stored_answer_shows_no_room_at_the_tenant() -> None:
    """It has not come from there: what was refused in a row goes on."""
    stored = replace(found(), headers={"age": "3600"})
    answers = [status(429), stored, status(429), found()]
    run = asked(lambda ask, before: answers[before])
    waits = [event.wait for event in run.events if isinstance(event, Gated)]
    assert waits[1] == 2 * waits[0]


# What a question carries


def test_a_question_has_no_key_and_says_what_it_asks_about() -> None:
    """R8, D9: nothing could be replayed; both conditions stand in each branch."""
    run = asked(lambda ask, before: found(), 60)
    assert not any(hasattr(ask, "key") for _, ask in run.server.questions)
    for _, ask in run.server.questions:
        text = text_of(ask)
        assert len(text) <= 10_000
        branches = text.split(" where ")[1].split(" or ")
        assert 2 * len(branches) <= 200
        assert all(branch.count(" = ") == 2 and " and " in branch for branch in branches)
    first = text_of(run.server.questions[0][1])
    assert first.count("TargetDate = '2026-11-30'") == 50
    assert first.count("Status = 'Draft'") == 50
