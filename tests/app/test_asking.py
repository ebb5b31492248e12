"""A session of questions outside any run: all answers at one pace, or none and the reason."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from support.engine import TENANT, HighRandom, VirtualClock, run_virtually
from zbatch.app.asking import Ended, Session
from zbatch.engine.brake import Brake
from zbatch.engine.settings import Settings
from zbatch.engine.verdict import StopReason
from zbatch.model import Limits, Rate
from zbatch.zuora.request import make_call
from zbatch.zuora.wire import Reply

WORKERS = 3
Talk = Callable[[Session], Awaitable[None]]


class Nobody:
    """A tenant to whom nothing is sent."""

    async def ask(self, ask: object) -> Reply:
        raise AssertionError("nobody is asked")

    async def send(self, request: object) -> Reply:
        raise AssertionError("nothing is sent")


def hold(talk: Talk) -> None:
    """Hold a talk in a session, in virtual time."""
    limits = Limits(WORKERS, Rate(600, 60.0), 1, 150.0)
    settings = Settings("0000", limits, 6, lambda items, n: make_call(TENANT, items, n))

    async def main() -> None:
        clock = VirtualClock()
        brake = Brake(clock, HighRandom(), lambda event: None, settings)
        await talk(Session(Nobody(), brake, clock, settings.workers))

    run_virtually(main())


def test_questions_are_asked_at_once_and_all_answers_given() -> None:
    """As many at once as there are workers; a session answers again and again."""
    busy: list[int] = [0, 0]

    async def doubled(question: int) -> int:
        busy[0] += 1
        busy[1] = max(busy)
        await asyncio.sleep(1.0)
        busy[0] -= 1
        return 2 * question

    async def talk(session: Session) -> None:
        began = asyncio.get_running_loop().time()
        assert sorted(await session.answers(range(7), doubled)) == [0, 2, 4, 6, 8, 10, 12]
        assert asyncio.get_running_loop().time() - began == 3.0
        assert await session.answers([4], doubled) == [8]
        assert await session.answers([], doubled) == []

    hold(talk)
    assert busy == [0, WORKERS]


def test_an_interruption_leaves_no_half_of_an_answer() -> None:
    """No answer is awaited any more, and what was answered before is not taken for all."""

    async def slow(question: int) -> int:
        await asyncio.sleep(question)
        return question

    async def talk(session: Session) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        loop.call_later(2.5, session.stop, StopReason.INTERRUPTED, "interrupted by SIGINT")
        with pytest.raises(Ended, match="by SIGINT") as error:
            await session.answers([1, 2, 600], slow)
        assert error.value.stop.reason is StopReason.INTERRUPTED
        assert loop.time() - began == 2.5
        with pytest.raises(Ended, match="by SIGINT"):
            await session.answers([], slow)

    hold(talk)


def test_a_question_without_an_answer_ends_the_others() -> None:
    """The reason of the first one is the reason of all."""

    async def talk(session: Session) -> None:
        async def refused(question: int) -> None:
            await asyncio.sleep(question)
            session.inquiry.stop(StopReason.QUESTION, f"question {question} was not answered")

        with pytest.raises(Ended, match="question 1 was not answered"):
            await session.answers([3, 1, 2], refused)

    hold(talk)


def test_a_rest_ends_in_time_or_by_an_interruption() -> None:
    """Between two looks nothing is asked; whoever interrupts it does not wait."""

    async def talk(session: Session) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await session.rest(began + 5.0)
        assert loop.time() - began == 5.0
        loop.call_later(1.0, session.stop, StopReason.INTERRUPTED, "interrupted by SIGTERM")
        await session.rest(began + 60.0)
        assert loop.time() - began == 6.0

    hold(talk)
