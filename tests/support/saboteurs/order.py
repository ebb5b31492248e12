"""Saboteurs of the order within an account, and of which calls there are at all."""

from __future__ import annotations

from typing import Any

from support.saboteurs.bench import Bench
from support.saboteurs.saboteur import RULES, TWICE, saboteur
from zbatch.app import outstanding
from zbatch.engine import order
from zbatch.engine.order import Order, Work


@saboteur("D20", test=f"{TWICE}d20_a_later_date_never_goes_before_or_with_an_earlier_one")
def dates_side_by_side(bench: Bench) -> None:
    """All dates of an account are sent at once."""

    def fill(self: Any, works: list[Work]) -> None:
        for work in works:
            self._push(work)

    bench.method(Order, "_fill", fill)
    bench.method(Order, "release", lambda self, item: None)
    bench.method(Order, "block", lambda self, item, by=None, doubt=False: [])


@saboteur("R10", test=f"{TWICE}d20_a_later_date_never_goes_before_or_with_an_earlier_one")
def later_dates_first(bench: Bench) -> None:
    """An account's dates are sent one after the other, the latest first."""

    def rank(link: Any) -> Any:
        item, work = link
        date = -item.identity.target_date.toordinal()
        return work.may_wait, 0 if work.may_wait else work.ordinal, date

    bench.function(order._rank, rank)


@saboteur("R10", test=f"{RULES}r10_a_failed_earlier_date_holds_back_the_later_one_of_another_spec")
def a_failed_date_holds_back_nothing(bench: Bench) -> None:
    """Later dates of an account are sent though an earlier one failed or is in doubt."""

    def block(self: Any, item: Any, by: Any = None, *, doubt: bool = False) -> list[Any]:
        self.release(item)
        return []

    bench.method(Order, "block", block)
    bench.function(outstanding._barrier, lambda standing, working: None)
