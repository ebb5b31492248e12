"""How the items of an account wait for each other, and how many questions that takes: pure.

A question is about a wave of items, of as many accounts. The next date of an account may be asked
about once the one before it is done: as long as other accounts are still to come, it goes into
their waves; after that it is asked about as it comes, alone or with the few that come with it.
Where calls leave slowly a question grows too old before all of its items have left.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Self

from zbatch.engine.settings import ASKED_AHEAD_SECONDS, MOST_ASKED_AHEAD, ask_life, workers
from zbatch.model import Limits
from zbatch.zuora.query import BRANCHES

ITEMS_A_QUESTION = BRANCHES // 2  # an item asks about its date, and about its account's drafts
INVOICE_SECONDS = 2.0  # assumed of Zuora for one invoice, and said wherever it is used
TOGETHER = 0.05  # seconds: answers no further apart are of one commit, and so their next dates
_ENOUGH = 4  # times as many accounts as are under way at once: before them all waves are whole


@dataclass(frozen=True, slots=True)
class InTurn:
    """How items wait for others of their account: `most` are of one, and `later` in all wait.

    About `last` of them, those of the last accounts, a run asks `questions` times; all before them
    are asked about in whole waves, of which `each` items leave in time.
    """

    most: int = 0
    later: int = 0
    last: int = 0
    questions: int = 0
    each: int = ITEMS_A_QUESTION

    @classmethod
    def of(cls, each: Iterable[int], limits: Limits) -> Self:
        """Tell it by how many items each account has, in the order of the plan."""
        most = later = 0
        most_last = _ENOUGH * _under_way(limits) * limits.objects_per_call
        last: deque[int] = deque(maxlen=most_last)
        for items in each:
            if items:
                last.append(items)
                most, later = max(most, items), later + items - 1
        timely = _items_in_time(limits)
        if not later:
            return cls(most, each=timely)
        chains = _chains(list(last), limits.objects_per_call)
        return cls(most, later, sum(last), _questions(chains, limits, timely), timely)

    def questions_of(self, items: int) -> int:
        """Tell how often a run asks about so many items in all, these among them."""
        return self.questions + ceil(max(0, items - self.last) / self.each)


def _items_in_time(limits: Limits) -> int:
    """Tell how many items of a question leave before it is too old.

    A call is made ready in the first half of that time, behind those that are ready and wait.
    """
    call, life = INVOICE_SECONDS * limits.objects_per_call, ask_life(limits)
    gap = max(1.0 / limits.rate.per_second, call / limits.concurrency)
    ready = max(1, min(workers(limits), int(life / 3 / gap)))
    return min(ITEMS_A_QUESTION, (int(life / 2 / gap) + ready) * limits.objects_per_call)


def _under_way(limits: Limits) -> int:
    """Tell how many calls may be asked about, made ready or sent at once."""
    ahead = min(MOST_ASKED_AHEAD, ceil(limits.rate.per_second * ASKED_AHEAD_SECONDS))
    return max(limits.concurrency, ahead) + limits.concurrency


def _chains(each: Sequence[int], objects: int) -> Iterator[int]:
    """Put accounts together as calls do, and tell how many calls of theirs follow each other."""
    waiting = 0
    for start in range(0, len(each), objects):
        some = each[start : start + objects]
        waiting += sum(some) - len(some)
        later, waiting = divmod(waiting, objects)
        is_last = start + objects >= len(each)
        yield 1 + later + (is_last and waiting > 0)


def _questions(chains: Iterable[int], limits: Limits, timely: int) -> int:
    """Count the waves in which calls are asked about, as each lets the next of its chain come."""
    call, most = INVOICE_SECONDS * limits.objects_per_call, _under_way(limits)
    a_wave = max(1, timely // limits.objects_per_call)
    coming, released, under_way = deque(chains), deque[int](), deque[int]()
    questions, over = 0, 0.0
    while coming or released or under_way:
        while (coming or released) and len(under_way) < most:
            for _ in range(min(a_wave, len(released) + len(coming))):
                under_way.append((released or coming).popleft())
            questions += 1
        flying = min(limits.concurrency, len(under_way))
        per_second = min(limits.rate.per_second, flying / call)
        over += 1.0 + TOGETHER * per_second
        for _ in range(min(int(over), len(under_way))):
            if left := under_way.popleft() - 1:
                released.append(left)
        over %= 1.0
    return questions
