"""When something goes wrong: which of the calls that arrive a mishap happens to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from zbatch.emulator.chance import draw
from zbatch.emulator.faults import GENERATE, QUERY, Mishap

TOKEN = "token"  # noqa: S105 - the name of an action
CONNECTION = "connection"
ANY = "any"  # each of generate, query and token, by its own count
ACTIONS = (GENERATE, QUERY, TOKEN, CONNECTION, ANY)


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A mishap with its calls: the `at`-th, counted from 1, `every` so many, or by `chance`.

    Calls are counted as they arrive, by `action`; with an `account` only those that name it. The
    first `skip` of them are passed over, and after so many `times` it is over. It happens `after`
    so many seconds and `until` so many, since the start. Raises ValueError for what is no schedule.
    """

    mishap: Mishap
    at: int | None = None
    every: int | None = None
    action: str = GENERATE
    chance: float | None = None
    after: float = 0.0
    until: float | None = None
    account: str | None = None
    times: int | None = None
    skip: int = 0

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"there are no mishaps of {self.action!r}")
        given = [self.at, self.every, self.chance]
        if given.count(None) != 2 or (self.at or self.every or 1) < 1 or 0 in given[:2]:
            raise ValueError("a mishap is scheduled at a call, every so many, or by chance")
        if self.chance is not None and not 0 <= self.chance <= 1:
            raise ValueError("a chance is from 0 to 1")
        if self.account and (self.mishap.unread or self.action in (TOKEN, CONNECTION)):
            raise ValueError("nothing names an account there")
        if self.until is not None and self.until <= self.after:
            raise ValueError("a mishap that is over before it begins never happens")

    def hits(self, number: int) -> bool:
        """Tell whether the mishap falls to the call with this number, chance aside."""
        counted = number - self.skip
        if counted < 1 or self.chance is not None:
            return counted >= 1
        return counted == self.at if self.every is None else counted % self.every == 0

    def holds(self, seconds: float) -> bool:
        """Tell whether it is on, so many seconds after the start."""
        return self.after <= seconds and (self.until is None or seconds < self.until)

    def concerns(self, action: str, content: bytes) -> bool:
        """Tell whether it is about calls of this kind with this content."""
        if self.action != action and (self.action != ANY or action == CONNECTION):
            return False
        return self.account is None or self.account.lower().encode() in content.lower()


class Faults:
    """Counts the calls as they arrive; the first of the schedule that hits one happens to it.

    What falls by chance is drawn from the seed and the call's number: the same calls in the same
    order meet the same mishaps.
    """

    def __init__(self, schedule: Iterable[Scheduled] = (), seed: int = 0) -> None:
        self._seed = seed
        self._arrived: Counter[str] = Counter()
        self._started: float | None = None
        self.by_account = False  # whether any of it is about the calls that name an account
        self.switch(schedule)

    def start(self, now: float) -> None:
        """Count seconds from here on; otherwise the first call does that."""
        self._started = now

    def arrived(self, action: str = GENERATE) -> int:
        """Tell how many calls have arrived."""
        return self._arrived[action]

    def switch(self, schedule: Iterable[Scheduled] = ()) -> None:
        """Take another schedule from here on; without one nothing goes wrong any more.

        The counting of calls and seconds goes on, that of `account` and `times` begins anew.
        """
        self._schedule: Sequence[Scheduled] = tuple(schedule)
        self.by_account = any(one.account for one in self._schedule)
        self._seen: Counter[int] = Counter()
        self._happened: Counter[int] = Counter()

    def next(self, action: str, now: float = 0.0, content: bytes = b"") -> Mishap | None:
        """Count a call, and return what goes wrong with it."""
        self._arrived[action] += 1
        found = None
        for index, one in enumerate(self._schedule):
            unread = one.mishap.unread and action != CONNECTION
            if unread or not one.concerns(action, content):
                continue
            self._seen[index] += 1
            if found is None and self._falls(index, action, now, bool(one.account)):
                found = index
        return None if found is None else self._happen(found, action)

    def unread(self, action: str, now: float) -> Mishap | None:
        """Return what happens to the next call before it is read, and count it if so.

        What it asks for is not known by then.
        """
        self._arrived[action] += 1
        for index, one in enumerate(self._schedule):
            if one.mishap.unread and one.concerns(action, b""):
                self._seen[index] += 1
                if self._falls(index, action, now, own=False):
                    return self._happen(index, action)
        self._arrived[action] -= 1
        return None

    def _falls(self, index: int, action: str, now: float, own: bool) -> bool:
        one = self._schedule[index]
        number = self._seen[index] if own else self._arrived[action]
        if self._started is None:
            self._started = now
        if not one.holds(now - self._started) or not one.hits(number):
            return False
        if one.times is not None and self._happened[index] >= one.times:
            return False
        return one.chance is None or draw(self._seed, "hit", index, action, number) < one.chance

    def _happen(self, index: int, action: str) -> Mishap:
        self._happened[index] += 1
        mishap = self._schedule[index].mishap
        if not mishap.jitter:
            return mishap
        share = draw(self._seed, "jitter", index, action, self._arrived[action])
        return replace(mishap, late=mishap.late + share * mishap.jitter, jitter=0.0)
