"""The way from a host to the tenant on virtual time, and what goes wrong on it."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, auto
from urllib.parse import urlencode

from support.world_time import Died, Life, Timeline
from zbatch.emulator.config import EmulatorConfig
from zbatch.emulator.exchange import Answer, Delivery
from zbatch.emulator.exchange import Request as Arrival
from zbatch.emulator.tenant import Tenant
from zbatch.emulator.visit import Pending
from zbatch.model import Tenant as Endpoint
from zbatch.zuora.headers import (
    CONCURRENCY_LIMIT,
    CONCURRENCY_REMAINING,
    GENERATE_PATH,
    KEPT,
    RATE_PREFIXES,
    query_headers,
    request_headers,
)
from zbatch.zuora.request import echo_matches
from zbatch.zuora.wire import Ask, Fault, FaultKind, Reply, Request

APART = 5.0  # seconds: what has one `Date` then was answered once
NETWORK = 0.05  # seconds one way
AT_ONCE = frozenset({CONCURRENCY_LIMIT, CONCURRENCY_REMAINING})
TOKEN_KEPT = 3000.0
MINUTE = 60.0
RATES = "ratelimit-"  # as the emulator writes them
GENERATE, QUERY = "generate", "query"
TOO_MANY = b"50000070"  # at once, in a reply that says so


class Telling(Enum):
    """How a tenant tells of its rates."""

    ALL = auto()
    LATE = auto()  # what was so up to a second ago
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who else uses the tenant, in requests a second, and how it tells of its rates."""

    others: float = 0.0
    telling: Telling = Telling.ALL
    spelling: str = RATES


class Fate(Enum):
    """What becomes of a reply on its way."""

    WHOLE = auto()
    LOST = auto()  # the connection breaks instead
    CUT = auto()  # it breaks within the reply
    SILENT = auto()  # nothing comes until the caller gives up


@dataclass(frozen=True, slots=True)
class Trouble:
    """What goes wrong with one request.

    It reaches the tenant `delay` seconds late and `copies` times, unless it does not `arrive`.
    Where a gateway answers in place of the tenant, `instead` says what. All machines are `asleep`
    for so many seconds when the token is in hand and no byte has left.
    """

    sent: bool = True
    arrives: bool = True
    delay: float = 0.0
    copies: int = 1
    fate: Fate = Fate.WHOLE
    instead: Reply | None = None
    asleep: float = 0.0


NONE = Trouble()
UNSENT = Trouble(sent=False)
LOST_ON_THE_WAY = Trouble(arrives=False, fate=Fate.LOST)
NEVER_ANSWERED = Trouble(arrives=False, fate=Fate.SILENT)
REPLY_LOST = Trouble(fate=Fate.LOST)
REPLY_CUT = Trouble(fate=Fate.CUT)
SILENCE = Trouble(fate=Fate.SILENT)
TWICE = Trouble(copies=2)


def late(seconds: float) -> Trouble:
    """Let a request arrive late, perhaps after its caller has given up."""
    return Trouble(delay=seconds)


def gateway(status: int, *, arrives: bool = False, **headers: str) -> Trouble:
    """Let a gateway answer, whether or not the request gets through to be executed."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Trouble(arrives=arrives, instead=Reply(status, named, b"from the gateway\n", 1))


@dataclass(slots=True)
class Mail:
    """One request under way, and its answer once there is one; `life` is its caller's."""

    life: Life
    what: str
    answer: Answer | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def deliver(self, answer: Answer) -> None:
        """Take in the first answer; the process may die before it reads it."""
        if self.answer is None:
            self.answer = answer
            self.done.set()
            with suppress(Died):
                self.life.edge(f"{self.what} executed, unread")


class Remote:
    """The emulated tenant, which goes on whatever becomes of its callers."""

    def __init__(self, timeline: Timeline, tenant: Tenant, config: EmulatorConfig) -> None:
        self._timeline = timeline
        self._tenant = tenant
        self._config = config
        self._bearer = ""
        self._bearer_at = 0.0
        self._serial = 0
        self._log_in_ends = 0.0
        self.log_in_takes = 0.0  # seconds
        self.tokens: list[str] = []
        self.crowd = Crowd()
        self._used_at = timeline.now
        self._used = 0.0
        self._heard: dict[str, str] = {}
        self._heard_at = 0.0
        self.throttled: set[str] = set()
        self.dated: dict[tuple[str, str], float] = {}  # when refusals came, by key and `Date`
        self.untold: frozenset[str] = frozenset()  # headers that no reply has

    def has_token(self, stale: int | None) -> bool:
        """Tell whether a bearer token newer than `stale` is there."""
        too_old = abs(self._timeline.now - self._bearer_at) > TOKEN_KEPT
        return bool(self._bearer) and not too_old and (stale is None or stale < self._serial)

    async def token(self, stale: int | None) -> tuple[str, int]:
        """Give it and its serial; whoever needs one meanwhile waits for the same log-in."""
        while not self.has_token(stale):
            now = self._timeline.now
            if self._log_in_ends <= now:
                self._log_in_ends = now + self.log_in_takes
            if self._log_in_ends > now:
                await asyncio.sleep(self._log_in_ends - now)
            if not self.has_token(stale):
                self._log_in(self._timeline.now)
        return self._bearer, self._serial

    @property
    def now(self) -> float:
        """The true time."""
        return self._timeline.now

    def suspend(self, seconds: float) -> None:
        """Let all machines sleep, so that only their wall clocks go on, and the tenant."""
        if seconds:
            self._timeline.pass_time(seconds)

    def post(self, arrival: Arrival, after: float, mail: Mail) -> None:
        """Let a request arrive after so many seconds."""
        when = self._timeline.now + after
        self._timeline.at(when, lambda now: self._arrive(arrival, mail, now))

    def _arrive(self, arrival: Arrival, mail: Mail, now: float) -> None:
        self._let_others_send(now)
        came = self._tenant.arrive(arrival, now)
        if isinstance(came, Answer):
            self._deliver(mail, came, now)
            return
        if came.cut_at < came.due:
            self._timeline.at(came.cut_at, lambda at: self._cut_off(came, mail, at))
        self._timeline.at(came.due, lambda at: self._complete(came, mail, at))
        mail.life.edge(f"{mail.what} arrived")

    def _cut_off(self, pending: Pending, mail: Mail, now: float) -> None:
        self._deliver(mail, self._tenant.cut_off(pending, now), now)

    def _complete(self, pending: Pending, mail: Mail, now: float) -> None:
        self._deliver(mail, self._tenant.complete(pending, now), now)

    def _let_others_send(self, now: float) -> None:
        """Count what others have sent since a request of ours came last, a minute's at most."""
        self._used += self.crowd.others * min(now - self._used_at, MINUTE)
        self._used_at = now
        self._tenant.quota.use(int(self._used), now)
        self._used %= 1.0

    def retold(self, headers: Mapping[str, str], now: float) -> dict[str, str]:
        """Tell of the rates as this tenant does; where it is slow to count, as a moment ago."""
        rates = {name: value for name, value in headers.items() if name.startswith(RATES)}
        rest = {name: value for name, value in headers.items() if name not in rates}
        if self.crowd.telling is Telling.NOTHING:
            return rest
        if self.crowd.telling is Telling.LATE:
            if now - self._heard_at >= 1.0:
                self._heard, self._heard_at = rates, now
            rates = self._heard
        spelt = {name.replace(RATES, self.crowd.spelling): one for name, one in rates.items()}
        return rest | spelt

    def _deliver(self, mail: Mail, answer: Answer, now: float) -> None:
        if answer.late:
            self._timeline.at(now + answer.late, lambda _: mail.deliver(answer))
        else:
            mail.deliver(answer)

    def _log_in(self, now: float) -> None:
        form = urlencode(
            {
                "client_id": self._config.client_id,
                "client_secret": self._config.client_secret,
                "grant_type": "client_credentials",
            }
        )
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = self._tenant.arrive(
            Arrival("POST", "/oauth/token", {}, headers, form.encode()), now
        )
        assert isinstance(answer, Answer)
        assert answer.status == 200, answer.body
        self._bearer = answer.body.split(b'"access_token":"')[1].split(b'"')[0].decode()
        self._bearer_at = now
        self._serial += 1
        self.tokens.append(self._bearer)


@dataclass(slots=True)
class Wire:
    """The engine's sender of one life: requests as real bytes, answers or faults back."""

    life: Life
    remote: Remote
    endpoint: Endpoint
    timeout: float
    trouble: Callable[[str], Trouble]
    now: Callable[[], datetime]
    trip: Callable[[float, float | None], None]
    tail: str
    asked: int = 0

    def ready(self, stale_token: int | None) -> bool:
        return self.remote.has_token(stale_token)

    async def prepare(self, stale_token: int | None) -> bool:
        await self.remote.token(stale_token)
        return True

    async def send(self, request: Request) -> Reply | Fault:
        token, serial = await self.remote.token(request.stale_token)
        headers = request_headers(self.endpoint, request.key, request.track_id, token)
        arrival = _arrival(GENERATE_PATH, headers, request.wire, {"rejectUnknownFields": "true"})
        came = await self._exchange(GENERATE, arrival, serial, request.not_after)
        if isinstance(came, Reply) and not echo_matches(
            request.key, came.headers.get("zuora-track-id")
        ):
            return Fault(FaultKind.CROSSED, True, "the reply of another call", came.sent_at)
        return came

    async def ask(self, ask: Ask) -> Reply | Fault:
        token, serial = await self.remote.token(ask.stale_token)
        self.asked += 1
        headers = query_headers(self.endpoint, f"zq-{self.tail}-{self.asked}", token, ask.wsdl)
        return await self._exchange(QUERY, _arrival(ask.path, headers, ask.wire, {}), serial)

    async def _exchange(
        self, what: str, arrival: Arrival, serial: int, not_after: datetime | None = None
    ) -> Reply | Fault:
        self.life.check()
        self.life.edge(f"{what} not yet sent")
        trouble = self.trouble(what)
        self.remote.suspend(trouble.asleep)
        left, sent_at = self.remote.now, self.now()
        if not_after is not None and sent_at > not_after:
            return Fault(FaultKind.LATE, False, "too late to leave", sent_at)
        mail = Mail(self.life, what)
        if trouble.sent and trouble.arrives:
            self.remote.post(arrival, NETWORK + trouble.delay, mail)
            for nth in range(1, trouble.copies):
                twin = Mail(Life(), what)
                self.remote.post(arrival, NETWORK + trouble.delay + 0.3 * nth, twin)
        came: Reply | Fault | None = None
        try:
            came = await self._await(mail, trouble, sent_at, serial)
        finally:
            self.trip(left, self._wait(came, arrival.headers.get("idempotency-key")))
        self.life.check()
        self.life.edge(f"{what} answered, unjudged")
        return came

    def _wait(self, came: Reply | Fault | None, key: str | None) -> float | None:
        """Read how long the tenant is to be left alone.

        A replay asks for nothing new, be it one by its request ID, or by its `Date` and the seconds
        that have passed, and the reply of another call is not believed. The end of a rate window
        counts where it is used up, or alone; never for too many requests at once.
        """
        if not isinstance(came, Reply) or came.status not in (429, 503):
            return None
        if key and not echo_matches(key, came.headers.get("zuora-track-id")):
            return None
        request_id = came.headers.get("zuora-request-id", "")
        replayed = request_id in self.remote.throttled or self._dated_before(came, key)
        self.remote.throttled |= {request_id} if request_id else set()
        if came.status == 503 and not came.headers.get("retry-after"):
            return None
        waits = [came.headers.get("retry-after", "")]
        for prefix in RATE_PREFIXES if TOO_MANY not in came.body else ():
            remaining = came.headers.get(prefix + "remaining", "0" if not waits[0] else "")
            waits += [came.headers.get(prefix + "reset", "")] if remaining == "0" else []
        asked = [float(wait) for wait in waits if wait.isdigit()]
        return None if replayed else max(asked, default=None)

    def _dated_before(self, came: Reply, key: str | None) -> bool:
        """Tell whether a refusal is dated like one that came under the same key a while ago."""
        date = came.headers.get("date")
        if not key or not date:
            return False
        now = self.remote.now
        return now - self.remote.dated.setdefault((key, date), now) >= APART

    async def _await(
        self, mail: Mail, trouble: Trouble, sent_at: datetime, serial: int
    ) -> Reply | Fault:
        try:
            async with asyncio.timeout(self.timeout):
                if not trouble.arrives or not trouble.sent:
                    await asyncio.sleep(NETWORK)
                else:
                    await mail.done.wait()
                if _fate(trouble, mail) is Fate.SILENT:
                    await asyncio.Event().wait()
        except TimeoutError:
            return Fault(FaultKind.TIMEOUT, True, "no answer in time", sent_at)
        if not trouble.sent:
            return Fault(FaultKind.CONNECT, False, "connection refused")
        came = _reply(mail, trouble, sent_at, serial, self.remote.untold)
        if not isinstance(came, Reply):
            return came
        return replace(came, headers=self.remote.retold(came.headers, self.remote.now))


def _reply(
    mail: Mail, trouble: Trouble, sent_at: datetime, serial: int, untold: frozenset[str]
) -> Reply | Fault:
    fate = _fate(trouble, mail)
    if fate is Fate.LOST:
        return Fault(FaultKind.DISCONNECT, True, "connection reset", sent_at)
    if fate is Fate.CUT:
        return Fault(FaultKind.GARBLED, True, "the reply was cut short", sent_at)
    if trouble.instead is not None:
        given = trouble.instead
        return Reply(given.status, given.headers, given.body, serial, sent_at)
    assert mail.answer is not None
    kept = {name.lower(): value for name, value in mail.answer.headers.items()}
    try:
        packed = kept.get("content-encoding") == "gzip"
        body = gzip.decompress(mail.answer.body) if packed else mail.answer.body
    except (OSError, EOFError, zlib.error):
        return Fault(FaultKind.GARBLED, True, "the reply cannot be unpacked", sent_at)
    headers = {name: value for name, value in kept.items() if name in KEPT - untold}
    return Reply(mail.answer.status, headers, body, serial, sent_at)


_DELIVERED = {
    Delivery.WHOLE: Fate.WHOLE,
    Delivery.SLOW: Fate.WHOLE,
    Delivery.RESET: Fate.LOST,
    Delivery.CLOSED: Fate.LOST,
    Delivery.SILENT: Fate.SILENT,
    Delivery.CUT_SHORT: Fate.CUT,
    Delivery.GARBLED: Fate.CUT,
}


def _fate(trouble: Trouble, mail: Mail) -> Fate:
    if trouble.fate is Fate.WHOLE and mail.answer is not None and trouble.instead is None:
        return _DELIVERED[mail.answer.delivery]
    return trouble.fate


def _arrival(
    path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, str]
) -> Arrival:
    lower = {name.lower(): value for name, value in headers.items()}
    return Arrival("POST", path, query, lower, body)
