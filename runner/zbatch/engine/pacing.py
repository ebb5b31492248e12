"""When the next call may leave: one rate and one gate for the whole run, with time passed in.

All times are seconds of the caller's steady clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from zbatch.engine.windows import Full, Windows
from zbatch.model import Rate
from zbatch.zuora.allowance import Allowance

LATE = 0.03  # seconds: who comes so late to his slot has lost it, or calls would catch up
RAMP = 10.0  # seconds, at most, that the pace takes after a gate to be whole again
RAMP_SHARE = 0.1  # of the time that the gate was closed
TOO_SOON = 0.5  # of the gap that holds by now: a slot that follows the last one sooner is void
FIRST_GAP = 4.0  # times as long as any other, just after a gate


class Bound(StrEnum):
    """What sets how many requests may leave a second."""

    RATE = "rate"  # the run's own: that of the spec, of its tenant or of the command line
    QUOTA = "quota"  # what tenants of this kind are known to allow
    SERVER = "server"  # what the tenant's answers tell of its windows
    OUTAGE = "outage"  # requests are but probes
    RAMP = "ramp"  # after a wait the pace becomes whole again slowly


@dataclass(frozen=True, slots=True)
class Slot:
    """A time to leave at; `epoch` tells whether anything has changed since it was given."""

    at: float
    epoch: int


@dataclass(frozen=True, slots=True)
class Flow:
    """How requests have left: how many, over how many seconds, with the gate closed for how long.

    `per_second` is what the rate allows.
    """

    requests: int = 0
    seconds: float = 0.0
    gated: float = 0.0
    per_second: float = 0.0

    @property
    def closeness(self) -> float | None:
        """Tell how close it came to the rate while the gate was open: 1 is all of it."""
        open_for = self.seconds - self.gated
        if self.requests < 2 or open_for <= 0.0:
            return None
        return (self.requests - 1) / open_for / self.per_second


class Pace:
    """Give each request a slot: absolute deadlines an interval apart, none before the gate opens.

    The generic cell rate algorithm without a burst: a pause is never caught up, and a sleep that
    ends late shifts no later slot. The interval is that of the rate, or longer where one of the
    tenant's `quotas`, or what it tells of its windows, wants it so.
    """

    def __init__(self, rate: Rate, quotas: Iterable[Rate] = ()) -> None:
        self._rate = rate
        self._interval = rate.seconds / rate.calls
        self._windows = Windows(quotas)
        self._least = 0.0  # while more than that is to be between two requests
        self._next = 0.0
        self._opens = 0.0
        self._closed_at = 0.0
        self._ramp = 0.0
        self._epoch = 0
        self._slot: float | None = None  # the latest in which a request left
        self._first = 0.0
        self._last = 0.0
        self._gated = 0.0
        self.gap = 0.0  # behind the last slot that was given, in seconds

    @property
    def opens(self) -> float:
        """When the gate is open again; in the past while it is open."""
        return self._opens

    def close(self, now: float, until: float) -> bool:
        """Close the gate until then; tell whether that made the wait longer.

        Slots given before are void, and after it the pace begins slowly: others wait there too.
        """
        if until <= max(now, self._opens):
            return False
        if now >= self._opens:
            self._closed_at = now
        self._opens = until
        self._ramp = min(RAMP, RAMP_SHARE * (until - self._closed_at))
        self._renew()
        return True

    def slow(self, gap: float) -> None:
        """Let at least so many seconds be between two requests; 0 ends that."""
        self._least = gap
        self._renew()

    def reserve(self, now: float) -> Slot:
        """Take the next free slot."""
        at = max(now, self._next, self._opens)
        self.gap = self._gap(at)
        self._next = at + self.gap
        return Slot(at, self._epoch)

    def pass_on(self) -> None:
        """Let whoever waits next have the slot of one that does not leave in it after all."""
        self._renew()

    def holds(self, slot: Slot, now: float) -> bool:
        """Tell whether a slot still stands: nothing has changed since, and it is not long over."""
        return slot.epoch == self._epoch and now - slot.at <= max(LATE, self._interval)

    def hastens(self, slot: Slot, now: float) -> bool:
        """Void all slots where this one is too close to the last that was used, as is known by now.

        Those that were given far ahead go by what was known then: of the next window, nothing. Who
        is late in his slot, so that another has left in a later one, is as far from that one.
        """
        if self._slot is None or abs(slot.at - self._slot) >= TOO_SOON * self._even(now):
            return False
        self._renew()
        self._next = max(self._next, self._slot + self._even(now))
        return True

    def full(self, now: float) -> Full | None:
        """Tell whether one of the tenant's windows is used up, and until when."""
        return self._windows.full(now)

    def room(self, now: float, within: float) -> float:
        """Tell how many requests the tenant's windows let leave in so many seconds, if it is so."""
        return self._windows.room(now, within)

    def left(self, slot: Slot, now: float) -> None:
        """Count a request that leaves in its slot."""
        self._windows.count(now)
        if self._slot is None:
            self._first = now
        elif self._opens > self._last:
            self._gated += self._opens - max(self._closed_at, self._last)
        self._slot, self._last = max(slot.at, self._slot or slot.at), now

    def heard(self, told: Allowance, now: float, in_flight: int) -> None:
        """Take in what a reply tells of the tenant's windows."""
        self._windows.heard(told, now, in_flight)

    def bound(self, now: float) -> tuple[float, Bound]:
        """Tell how many requests a second may leave now, and what sets that."""
        windows = self._windows
        gaps = {
            Bound.RATE: self._interval,
            Bound.QUOTA: windows.least,
            Bound.SERVER: windows.told_gap(now),
            Bound.OUTAGE: self._least,
        }
        by = max(gaps, key=gaps.__getitem__)
        gap = self._gap(now)
        return 1.0 / gap, by if gap <= gaps[by] else Bound.RAMP

    def flow(self) -> Flow:
        """Tell how requests have left so far."""
        seconds = self._last - self._first
        return Flow(self._windows.sent, seconds, self._gated, self._rate.per_second)

    def _renew(self) -> None:
        """Void all slots that were given and not used."""
        self._epoch += 1
        self._next = 0.0 if self._slot is None else self._slot + self._gap(self._slot)

    def _even(self, at: float) -> float:
        return max(self._interval, self._windows.gap(at), self._least)

    def _gap(self, at: float) -> float:
        gap = self._even(at)
        since = at - self._opens
        if not 0.0 <= since < self._ramp:
            return gap
        return gap + min((FIRST_GAP - 1.0) * gap, self._ramp) * (1.0 - since / self._ramp)


class Reachability:
    """Pause a run whose host cannot be reached, longer each time, and say when to give up."""

    def __init__(self, patience: float, wait: Callable[[int], float]) -> None:
        self._patience = patience
        self._wait = wait
        self._failures = 0
        self._since: float | None = None
        self._paused_until = 0.0

    def answered(self) -> None:
        """Take note that the host answered, whatever it said."""
        self._failures = 0
        self._since = None

    def failed(self, now: float) -> float | None:
        """Take note of a failure; give the time until which to pause, or None to give up.

        No pause outlasts the patience: the last try is made when it ends. Failures that were
        already under way when the pause began prove nothing new.
        """
        if self._since is None:
            self._since = now
        ends = self._since + self._patience
        if now >= ends:
            return None
        if now >= self._paused_until:
            self._failures += 1
            self._paused_until = min(ends, now + self._wait(self._failures))
        return self._paused_until
