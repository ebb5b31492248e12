"""The tenant's windows: what is known to be left of each, by our own count and by its word.

Pure: times are seconds of the caller's steady clock, which never steps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from zbatch.model import Rate
from zbatch.zuora.allowance import Allowance
from zbatch.zuora.limits import ROUNDED

PARTS = 60  # of a window: a call is counted with the part that it left in
SHORT = 60.0  # seconds: what is left of a window that ends sooner is spread over its rest
SAME_END = 2.0  # seconds by which the end of one window may be told differently
OTHERS_AFTER = 5.0  # seconds until what others use is told from what is only counted late
SPARE = 0.01  # of what a window has when we hear of it: left free besides where others use it too
OURS = 0.1  # of what a window has when we hear of it: ours, however much others want
LEAST_WAIT = 0.001
EXPECTED = 600.0  # seconds: behind a longer window a question leaves first, and is told of the next
_EACH = {60.0: "a minute", 3600.0: "an hour", 86_400.0: "a day"}


@dataclass(frozen=True, slots=True)
class Full:
    """A window that is used up: until when, and whose word that is."""

    until: float
    reason: str


class Sliding:
    """Our own calls in the last so many seconds, over a part of a window at a time.

    No window of that length, wherever it begins, holds more of them than it may.
    """

    def __init__(self, quota: Rate) -> None:
        self.quota = quota
        self._part = quota.seconds / PARTS
        self._parts: deque[list[int]] = deque()  # number of the part, calls in it
        self._calls = 0

    def count(self, now: float) -> None:
        """Count a call that leaves."""
        part = int(now // self._part)
        if self._parts and self._parts[-1][0] == part:
            self._parts[-1][1] += 1
        else:
            self._parts.append([part, 1])
        self._calls += 1

    def full(self, now: float) -> Full | None:
        """Tell whether it holds no further call, and until when."""
        while self._parts and self._over(self._parts[0][0]) <= now:
            self._calls -= self._parts.popleft()[1]
        if self._calls < self.quota.calls:
            return None
        each = _EACH.get(self.quota.seconds, f"in {self.quota.seconds:g} s")
        reason = f"the tenant's quota of {self.quota.calls:,} calls {each} is used up"
        return Full(self._over(self._parts[0][0]), reason)

    def _over(self, part: int) -> float:
        """Tell when all calls of a part are out of the window."""
        return (part + 1) * self._part + self.quota.seconds


@dataclass(slots=True)
class _Told:
    """A window by the tenant's word: its end, what is left of it for us, and what others use.

    `until` is its end as it was told, and `over` when it is over, however that was rounded.
    `level` is what was left and what we had sent, at `since`: it sinks as others send. They are
    left as many calls a second as `most`, at most, and `spared` besides; `ours` may be sent
    whatever they want. One that is `expected` is like the one before it, until we hear of it.
    """

    until: float
    over: float
    left: float
    level: int
    since: float
    most: float
    spared: float
    ours: float
    others: float = 0.0
    expected: bool = False

    def room(self, now: float) -> float:
        """Give how many calls there is room for, beside what is to be left for others."""
        if not self.others:
            return self.left
        free = self.left - self.spared
        return max(free - self.others * max(0.0, self.until - now), min(free, self.ours))

    def free_at(self, now: float) -> float | None:
        """Tell from when it has room for a call of ours; None if it has."""
        if self.room(now) >= 1.0:
            return None
        kept = self.left - 1.0 - self.spared
        if not self.others or kept <= 0.0:
            return self.over
        return min(self.over, self.until - kept / self.others)

    def gap(self, now: float) -> float:
        """Give the seconds between two calls of ours that use up its rest evenly."""
        rest = self.until - now
        return 0.0 if not 0.0 < rest <= SHORT else rest / max(1.0, self.room(now))

    @property
    def reason(self) -> str:
        """Say why it has no room."""
        if self.expected:
            return "no answer has told yet how much is left of the tenant's next rate window"
        if self.others and self.left >= 1.0:
            return "what is left of the tenant's rate limit is left to its other users"
        return "the tenant says that its rate limit is used up"


class Windows:
    """All windows of a tenant; `quotas` are those that its kind is known to have."""

    def __init__(self, quotas: Iterable[Rate] = ()) -> None:
        quotas = tuple(quotas)
        self.least = max((q.seconds / q.calls for q in quotas if q.seconds <= SHORT), default=0.0)
        self._own = [Sliding(quota) for quota in quotas]
        self._told: dict[int, _Told] = {}
        self._others: dict[int, float] = {}
        self._longest: dict[int, float] = {}  # the most seconds to its end, of each size
        self._policies: tuple[Rate, ...] = ()
        self._lengths: dict[int, float] = {}  # in seconds, of the windows that they name, by size
        self._policies_gap = 0.0
        self._policies_until = -inf
        self._ended = 0.0  # seconds that we knew of a window that is over, until we hear again
        self._heard_limit = -1  # with the policies: what is kept by word is of these windows
        self.sent = 0

    def heard(self, told: Allowance, now: float, in_flight: int) -> None:
        """Take in what a reply tells; some of those in flight may not be counted in it yet."""
        self._hear_policies(told, now)
        self._ended = 0.0
        for size in [size for size, one in self._told.items() if one.expected]:
            del self._told[size]
        limit, until = told.limit, now + told.reset
        over = now + min(told.reset + ROUNDED, self._lengths.get(limit, inf))
        left = float(max(0, told.remaining - in_flight))
        level = told.remaining + self.sent
        self._longest[limit] = max(self._longest.get(limit, 0.0), told.reset)
        known = self._told.get(limit)
        if known is None or now >= known.until or until > known.until + SAME_END:
            self._told[limit] = self._begun(limit, left, level - in_flight, now, until, over)
            return
        known.until = min(known.until, until)  # a reset may be rounded up
        known.over = min(known.over, over)
        known.left = min(known.left, left)  # an older reply, or an older count, tells of more
        if now - known.since >= OTHERS_AFTER:
            seen = max(0.0, (known.level - level) / (now - known.since))
            self._others[limit] = seen
            known.others = min(known.most, seen)

    def _begun(
        self, limit: int, left: float, level: int, since: float, until: float, over: float
    ) -> _Told:
        """Begin a window of that size, in which others use what they used in the last one."""
        most = (1.0 - OURS) * left / max(until - since, 1.0)
        others = min(most, self._others.get(limit, 0.0))
        return _Told(until, over, left, level, since, most, SPARE * left, OURS * left, others)

    def _end(self, limit: int, now: float) -> None:
        """Let a window be over; expect another like it, lest all of that leaves at once."""
        ended = self._told.pop(limit)
        self._ended = max(self._ended, ended.over - ended.since)
        length = self._longest[limit]
        if ended.expected or not limit or length > EXPECTED:
            return
        until = now + length
        self._told[limit] = self._begun(limit, float(limit), limit + self.sent, now, until, until)
        self._told[limit].expected = True

    def _hear_policies(self, told: Allowance, now: float) -> None:
        if not told.policies:
            self._heard_limit = -1  # it may be of a window that the policies do not name
            return
        self._policies_until = now + 2 * SHORT
        if told.policies is self._policies and told.limit == self._heard_limit:
            return  # as with most replies
        self._policies, self._heard_limit = told.policies, told.limit
        gaps = [p.seconds / p.calls for p in told.policies if p.seconds <= SHORT]
        self._policies_gap = max(gaps, default=0.0)
        self._lengths = {policy.calls: policy.seconds for policy in reversed(told.policies)}
        sizes = self._lengths.keys() | {told.limit}
        self._told = {limit: one for limit, one in self._told.items() if limit in sizes}

    def count(self, now: float) -> None:
        """Count a request that leaves."""
        self.sent += 1
        for own in self._own:
            own.count(now)
        for told in self._told.values():
            told.left -= 1.0
            told.ours -= 1.0

    def full(self, now: float) -> Full | None:
        """Tell whether no request may leave, and until when: the window that is full longest."""
        fulls = [full for own in self._own if (full := own.full(now))]
        for limit in [limit for limit, one in self._told.items() if one.over <= now]:
            self._end(limit, now)
        fulls += [
            Full(max(free, now + LEAST_WAIT), told.reason)
            for told in self._told.values()
            if (free := told.free_at(now)) is not None
        ]
        return max(fulls, key=lambda full: full.until) if fulls else None

    def room(self, now: float, within: float) -> float:
        """Tell how many requests may leave in so many seconds, by the windows that outlast them.

        One, where such a window is over and no reply has told of the next one yet.
        """
        lasting = (told for told in self._told.values() if told.over > now + within)
        room = min((told.room(now) for told in lasting), default=inf)
        return min(room, 1.0) if self._ended > within else room

    def gap(self, now: float) -> float:
        """Give the least seconds between two requests, by what is known now."""
        return max(self.least, self.told_gap(now))

    def told_gap(self, now: float) -> float:
        """Give what of it the tenant's answers want."""
        widest = self._policies_gap if now < self._policies_until else 0.0
        for told in self._told.values():
            if (gap := told.gap(now)) > widest:
                widest = gap
        return widest
