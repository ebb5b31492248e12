"""A session of questions outside any run: all answers at one pace, or none and the reason."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from support.engine import TENANT, HighRandom, VirtualClock, run_virtually
from support.in_hand import TokenInHand
from support.runs import Project, Watch
from zbatch.app.asking import Ended, Session
from zbatch.app.clock import SystemClock
from zbatch.app.loading import Overrides
from zbatch.app.looking import bureau_of, look_online
from zbatch.app.numbers import with_ids
from zbatch.app.outside import Outside
from zbatch.app.review.approval import choose
from zbatch.app.verify import VerifyOptions, verify
from zbatch.engine.brake import Brake
from zbatch.engine.ending import StopReason
from zbatch.engine.events import Gated
from zbatch.engine.settings import Settings
from zbatch.errors import CannotStart
from zbatch.model import Limits, Rate
from zbatch.zuora.request import make_call
from zbatch.zuora.wire import Reply

WORKERS = 3
Talk = Callable[[Session], Awaitable[None]]


class Nobody(TokenInHand):
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


# A host that is away


class Leaping(SystemClock):
    """A clock by which time flies: each look at it takes so many seconds."""

    def __init__(self, leap: float = 0.25) -> None:
        self._leap = leap
        self._leapt = 0.0

    def monotonic(self) -> float:
        self._leapt += self._leap
        return super().monotonic() + self._leapt


class Always:
    """Jitter that is no jitter: each wait takes as long."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def uniform(self, low: float, high: float) -> float:
        return self.seconds


def plan_online(spec: Path, outside: Outside) -> list[str]:
    """Ask before a run; give what is told of waits."""
    watch, chosen = Watch(), choose(spec, Overrides())
    bureau = replace(bureau_of(spec, chosen.plan, None, watch.event), outside=outside)
    with pytest.raises(CannotStart) as error:
        look_online(bureau, with_ids(chosen.plan, bureau))
    return [*(one.reason for one in watch.events if isinstance(one, Gated)), str(error.value)]


def verified(spec: Path, outside: Outside) -> list[str]:
    """Ask after a run; give what is told of waits."""
    told: list[str] = []
    with pytest.raises(CannotStart) as error:
        verify(VerifyOptions(str(spec), tell=told.append, outside=outside))
    return [*(one.partition(": ")[2] for one in told), str(error.value)]


@pytest.mark.parametrize("ask", [plan_online, verified])
@pytest.mark.parametrize("by_number", [False, True], ids=["by ID", "by number"])
def test_a_host_that_is_away_is_soon_given_up(
    project: Project, ask: Callable[[Path, Outside], list[str]], by_number: bool
) -> None:
    """Nothing is under way that would be worth two minutes; each wait names host and cause."""
    project.tenants(real="http://127.0.0.1:1")
    spec = project.spec({"number": "A1"} if by_number else 1, tenant="real")
    *waits, refusal = ask(spec, Outside(clock=Leaping(), random=Always(1.0)))
    assert waits
    for said in (*waits, refusal.partition("does not tell ")[2].partition(": ")[2]):
        assert said.startswith("127.0.0.1:1 cannot be reached: token request: no connection")
    tried = re.search(r"; tried for (\d+) s, and zbatch doctor --tenant real looks", refusal)
    assert tried is not None
    assert 5 <= int(tried[1]) < 40
    assert refusal.endswith("nothing was sent")


@pytest.mark.parametrize("ask", [plan_online, verified])
def test_a_wait_beyond_all_patience_ends_with_it(
    project: Project, ask: Callable[[Path, Outside], list[str]]
) -> None:
    """Whoever would have to wait for longer than they are patient hears when they are not."""
    project.tenants(real="http://127.0.0.1:1")
    spec = project.spec(1, tenant="real")
    wait, refusal = ask(spec, Outside(clock=Leaping(1.0), random=Always(60.0)))
    assert "127.0.0.1:1 cannot be reached: token request: no connection" in wait
    tried = re.search(r"; tried for (\d+) s, and zbatch doctor", refusal)
    assert tried is not None
    assert 5 <= int(tried[1]) < 60
