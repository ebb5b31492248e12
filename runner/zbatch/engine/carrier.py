"""Carry one call to the server and judge its answer, with what other calls have shown meanwhile."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from zbatch.engine.age import CLOCK_SLACK
from zbatch.engine.brake import Brake
from zbatch.engine.concurrency import Flight
from zbatch.engine.decision import Again, Halt, Pause
from zbatch.engine.events import Leaving
from zbatch.engine.judge import Judgement, answered, judge
from zbatch.engine.order import Work
from zbatch.engine.outage import Shown, failed
from zbatch.engine.refusals import Peers
from zbatch.engine.settings import Ports, Settings
from zbatch.engine.verdict import Context, turned_away
from zbatch.model import Attempt, Send
from zbatch.zuora.limits import date_of, retry_after, too_many_at_once
from zbatch.zuora.reply import Answer, Rows, Throttled, Unauthorized, read_reply
from zbatch.zuora.wire import Fault, FaultKind, Reply, Request

LEEWAY = timedelta(seconds=30)  # for what was judged young enough a moment ago


class Carrier:
    """What calls in flight know of one another; one for a run."""

    def __init__(self, ports: Ports, settings: Settings, brake: Brake) -> None:
        self._ports = ports
        self._settings = settings
        self._brake = brake
        self._ask_life = timedelta(seconds=settings.ask_life) + LEEWAY
        self._accepted = 0
        self._peers = Peers()
        self._good_tokens: set[int] = set()
        self.flying: set[Work] = set()
        self.sent = 0

    async def carry(self, work: Work, attempt: Attempt) -> Judgement:
        """Send an attempt that is durable, and judge what came of it.

        No await stands between the answer and what follows from it for the whole run.
        """
        with self._brake.flying() as flight:
            left, key = flight.left, send_of(work, attempt).call.key
            self._ports.observer(Leaving(work.items, key, attempt))
            with self._brake.retrying(work):
                exchange = await self._send(work, attempt)
        answer = self._read(work, exchange)
        context = self._context(work, early=_is_early(exchange, attempt))
        attempt = answered(attempt, exchange, answer, self._ports.clock.now())
        self.sent += attempt.sent
        work.tries += 1
        judgement = judge(work, attempt, answer, context, self._settings.max_attempts)
        if judgement.free:
            work.tries -= 1
        self._learn(work, attempt, answer)
        self._count(work, judgement, left)
        gates = judgement.gates and not (judgement.alone and not self._asked(exchange, judgement))
        if judgement.alone and work.refused_alone == 1:
            self._brake.places.pardon()
        self._note(flight, exchange, answer, judgement, gates)
        self._react(exchange, answer, judgement, left, gates)
        if (bad := failed(answer, attempt, work.attempts)) is not None:
            again = work.sends > 0
            self._brake.learn(Shown(key, bad, left, again, len(work.items)))
        return judgement

    async def _send(self, work: Work, attempt: Attempt) -> Reply | Fault:
        call = send_of(work, attempt).call
        not_after = self._not_after(work)
        self.flying.add(work)
        try:
            return await self._ports.sender.send(
                Request(call.key, call.wire, attempt.track_id, work.stale_token, not_after)
            )
        except asyncio.CancelledError:
            self.sent += 1
            raise
        except Exception as error:  # a sender must not raise; if it does, the call may have left
            return Fault(FaultKind.INTERNAL, True, type(error).__name__)
        finally:
            self.flying.discard(work)

    def _not_after(self, work: Work) -> datetime | None:
        """Tell when the question that lets the call go is too old, whatever takes the time."""
        return work.asked_at[1] + self._ask_life if work.asked_at else None

    def _read(self, work: Work, exchange: Reply | Fault) -> Answer | Fault:
        if isinstance(exchange, Fault):
            return exchange
        self._brake.answered(exchange)
        return read_reply(exchange, len(work.items))

    def _context(self, work: Work, *, early: bool) -> Context:
        if work.accepted_before is None:
            work.accepted_before = self._accepted
        return Context(
            others_accepted=self._accepted > work.accepted_before,
            others_pending=bool(self.flying),
            good_tokens=frozenset(self._good_tokens),
            refused_tokens=frozenset(work.refused_tokens),
            alone=self._peers.alone(work),
            early=early,
        )

    def _learn(self, work: Work, attempt: Attempt, answer: object) -> None:
        if isinstance(answer, Rows):
            self._good_tokens.add(attempt.token or 0)
            if not turned_away(answer):
                self._brake.accepted()
                self._accepted += 1
        elif isinstance(answer, Unauthorized):
            work.refused_tokens.add(attempt.token or 0)

    def _count(self, work: Work, judgement: Judgement, left: float) -> None:
        """Count what is refused in a row, and how the last calls of all works fared."""
        refused = judgement.refused
        self._peers.take(work, left, refused=refused)
        if refused:
            work.refusals += 1
            work.refused_alone += judgement.alone
            work.refused_at = self._ports.clock.monotonic()
        else:
            work.refusals = work.refused_alone = 0

    def _note(
        self,
        flight: Flight,
        exchange: Reply | Fault,
        answer: object,
        judgement: Judgement,
        gates: bool,
    ) -> None:
        """Learn from an answer how many requests may be in flight; a replay shows nothing."""
        if gates:
            self._brake.crowded(flight, exchange, judgement.problem)
        elif isinstance(answer, Rows) and not answer.throttled:
            self._brake.places.clean(flight)
        else:
            self._brake.places.undecided(flight)

    def _react(
        self,
        exchange: Reply | Fault,
        answer: object,
        judgement: Judgement,
        left: float,
        gates: bool,
    ) -> None:
        decision = judgement.decision
        if isinstance(decision, Halt):
            self._brake.stop(decision.reason, decision.problem.message)
        elif gates or self._asks_to_wait(exchange, answer):
            problem, crowded = judgement.problem, too_many_at_once(judgement.problem)
            self._brake.throttled(exchange, problem.message, left, crowded=crowded)
        elif isinstance(decision, Again) and decision.pause is Pause.REACHABLE:
            self._brake.unreachable(decision.problem.message)

    def _asked(self, exchange: Reply | Fault, judgement: Judgement) -> float | None:
        crowded = too_many_at_once(judgement.problem)
        return self._brake.asked(exchange, crowded=crowded)

    def _asks_to_wait(self, exchange: Reply | Fault, answer: object) -> bool:
        """Tell whether a 429 or 503 that is not read as a refusal names a wait: kept all the same.

        A refusal is judged by its own rule: one that is only told again asks for nothing new. One
        of the token endpoint has kept the call from being sent.
        """
        if isinstance(exchange, Fault):
            return bool(exchange.wait)
        if isinstance(answer, Throttled):
            return False
        headers = exchange.headers
        busy = exchange.status == 503 and "retry-after" in headers
        may_ask = busy or exchange.status == 429
        return may_ask and retry_after(headers, self._ports.clock.now()) is not None


def _is_early(exchange: Reply | Fault, attempt: Attempt) -> bool:
    """Tell whether a reply was given before its attempt was made, by more than clocks differ."""
    given = date_of(exchange.headers) if isinstance(exchange, Reply) else None
    made = attempt.server_date
    return given is not None and made is not None and given < made - CLOCK_SLACK


def send_of(work: Work, attempt: Attempt) -> Send:
    """Give what the ledger must hold before an attempt leaves."""
    if work.call is None:
        raise ValueError("a call is minted before it is sent")
    return Send(work.call, attempt)
