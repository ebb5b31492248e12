"""Notice that more requests in flight only take longer: tried out, as latency has many causes."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

FIRST = 40  # answers that the first mean is taken over, while few are in flight
LEAST = 120  # answers that a mean is taken over, at least
ROUNDS = 4  # and so many for each request that may be in flight
SLOW = 2.5  # times as long as ever: more than half of what is in flight would only wait
SPARE = 1.25  # of what would be enough without waiting
SAME = 0.9  # of the throughput before
_SHORTEST = 1e-6
AGAIN = 600.0  # seconds until what was tried is tried again, in either direction


@dataclass(frozen=True, slots=True)
class _Trial:
    """How many were in flight before a trial, their throughput, and their mean round trip."""

    number: float
    throughput: float
    mean: float


class Crowding:
    """Geometric means over windows of answers, taken while as many as may be are in flight.

    Where answers take far longer than they once did, fewer are tried. If as much comes of fewer,
    they stay fewer for a time; if not, latency has another cause, and is the measure from then on.
    """

    def __init__(self) -> None:
        self._fastest: float | None = None
        self._trial: _Trial | None = None
        self._top = float("inf")
        self._top_until = float("-inf")
        self._quiet_until = float("-inf")
        self.forget()

    @property
    def trying(self) -> bool:
        """Whether fewer are being tried: then nothing else moves the number."""
        return self._trial is not None

    def top(self, now: float) -> float:
        """Give the number beyond which more only wait, as far as is known."""
        return self._top if now < self._top_until else float("inf")

    def forget(self) -> None:
        """Begin the window anew; a trial under way is off."""
        self._trial = None
        self._skip = 0
        self._began: float | None = None
        self._count = 0
        self._logs = 0.0

    def take(self, took: float, number: float, now: float) -> float:
        """Take in an answer while `number` may be in flight; give how many may be from now on."""
        if self._skip:
            self._skip -= 1
            return number
        if self._began is None:
            self._began = now
            return number
        self._count += 1
        self._logs += log(max(took, _SHORTEST))
        enough = max(LEAST, ROUNDS * number) if self._fastest else FIRST
        lasted = now - self._began
        if lasted <= 0.0 or (self._count < enough and not self._fails(enough, lasted)):
            return number
        mean, throughput = exp(self._logs / self._count), self._count / lasted
        trial = self._trial
        self.forget()
        if trial:
            return self._after(trial, throughput, number, now)
        return self._judge(mean, throughput, number, now)

    def _fails(self, answers: float, lasted: float) -> bool:
        """Tell whether a trial has lasted too long for as much to come of it, whatever follows."""
        return self._trial is not None and answers < SAME * self._trial.throughput * lasted

    def _judge(self, mean: float, throughput: float, number: float, now: float) -> float:
        fastest = self._fastest = min(mean, self._fastest or mean)
        if mean < SLOW * fastest or now < self._quiet_until or number <= 1:
            return number
        self._trial = _Trial(number, throughput, mean)
        self._skip = int(number)  # those that left before
        return max(1.0, number * SPARE * fastest / mean)

    def _after(self, trial: _Trial, throughput: float, number: float, now: float) -> float:
        self._quiet_until = now + AGAIN
        if throughput >= SAME * trial.throughput:
            self._top, self._top_until = number, now + AGAIN
            return number
        self._fastest = trial.mean
        return trial.number
