"""Which call may start: one of an account at a time, earliest target date first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from support.engine import TENANT, item
from support.plans import an_attempt
from zbatch.engine.order import Order, Work
from zbatch.model import Item, ItemRecord, Outcome
from zbatch.zuora.request import make_call


def new(ordinal: int, *items: Item) -> Work:
    return Work(ordinal, items, 0)


def held_by_the_ledger(ordinal: int, *items: Item) -> Work:
    call = make_call(TENANT, items, 0)
    return Work(ordinal, items, 0, call=call, attempts=(an_attempt(answer="lost"),))


def clean_in_the_ledger(ordinal: int, one: Item) -> Work:
    call = make_call(TENANT, (one,), 0)
    return Work(ordinal, (one,), 0, call=call, attempts=(an_attempt(answer="throttled"),))


def test_a_clean_key_keeps_to_the_order_of_dates() -> None:
    """D20: a call that was only throttled goes after an earlier date, and not past a failed one."""
    early, late = item(1, 10), item(1, 20)
    order = Order([clean_in_the_ledger(0, late), new(1, early)])
    assert [work.items for work in order.take(0.0, 10)] == [(early,)]
    assert order.block(early) == [late]
    assert order.take(0.0, 10) == []


def test_calls_start_in_the_order_of_the_plan() -> None:
    """Accounts go side by side, taken by their place in the plan."""
    works = [new(n, item(n)) for n in (3, 1, 2, 0)]
    assert [work.ordinal for work in Order(works).take(0.0, 10)] == [0, 1, 2, 3]


def test_no_more_are_taken_than_asked_for() -> None:
    """What is not taken waits for the next time."""
    order = Order([new(n, item(n)) for n in range(5)])
    assert len(order.take(0.0, 3)) == 3
    assert len(order) == 2
    assert order.take(0.0, 0) == order.take(0.0, -4) == []
    assert len(order.take(0.0, 3)) == 2


def test_two_dates_of_an_account_go_one_after_the_other_ascending() -> None:
    """The later date may start only once the earlier one is released."""
    early, late = item(1, 10), item(1, 20)
    order = Order([new(0, late), new(1, early)])
    assert [work.items for work in order.take(0.0, 10)] == [(early,)]
    assert order.take(0.0, 10) == []
    order.release(early)
    assert [work.items for work in order.take(0.0, 10)] == [(late,)]
    order.release(late)
    assert len(order) == 0


def test_what_blocks_holds_back_all_later_dates_of_its_account_alone() -> None:
    """After a failed or unknown date none of the account's later dates is sent."""
    dates = [item(1, day) for day in (10, 20, 28)]
    other = item(2, 20)
    order = Order([new(n, one) for n, one in enumerate([*dates, other])])
    order.take(0.0, 10)
    assert order.block(dates[0]) == dates[1:]
    assert order.take(0.0, 10) == []
    assert len(order) == 0


def test_what_is_only_asked_about_is_asked_behind_what_blocks() -> None:
    """R9a: it stays in its chain and names the open date; what may be sent is held back."""
    early, asked, late = (item(1, day) for day in (10, 20, 28))
    held = Work(1, (asked,), 1, held=ItemRecord(asked, Outcome.NOTHING_TO_BILL))
    order = Order([new(0, early), held, new(2, late)])
    order.take(0.0, 10)
    assert order.block(early) == [late]
    assert order.take(0.0, 10) == [held]
    assert held.behind == early
    order.release(asked)
    assert len(order) == 0


def test_what_is_held_back_names_the_earliest_open_date() -> None:
    """An item that itself waits passes on what it waits for."""
    early, first, second, late = (item(1, day) for day in (10, 15, 20, 28))
    works = [
        Work(n, (one,), 1, held=ItemRecord(one, Outcome.NOTHING_TO_BILL))
        for n, one in enumerate((first, second))
    ]
    order = Order([*works, new(2, late)])
    order.take(0.0, 10)
    assert order.block(first, early) == [late]
    assert order.take(0.0, 10) == [works[1]]
    assert works[1].behind == early


def test_a_failed_second_date_holds_back_only_the_third() -> None:
    """Dates before the block stand as they are."""
    dates = [item(1, day) for day in (10, 20, 28)]
    order = Order([new(n, one) for n, one in enumerate(dates)])
    order.take(0.0, 10)
    order.release(dates[0])
    order.take(0.0, 10)
    assert order.block(dates[1]) == [dates[2]]
    assert len(order) == 0


def test_a_postponed_call_is_due_at_its_time_and_keeps_its_place() -> None:
    """While a call waits to be sent again, the account's later dates wait with it."""
    early, late = item(1, 10), item(1, 20)
    order = Order([new(0, early), new(1, late)])
    (work,) = order.take(0.0, 10)
    order.postpone(work, 8.0)
    assert order.next_time() == 8.0
    assert order.take(7.9, 10) == []
    assert order.take(8.0, 10) == [work]
    assert order.next_time() is None
    order.release(early)
    assert [later.items for later in order.take(8.0, 10)] == [(late,)]


def test_the_next_time_is_the_earliest_of_all_postponed() -> None:
    """Whoever waits for the order wakes up in time for each call."""
    order = Order([new(n, item(n)) for n in range(3)])
    for work, until in zip(order.take(0.0, 10), (30.0, 10.0, 20.0), strict=True):
        order.postpone(work, until)
    assert order.next_time() == 10.0
    assert [work.ordinal for work in order.take(20.0, 10)] == [1, 2]


def test_a_group_starts_when_all_its_items_are_first() -> None:
    """A call of several accounts waits for the slowest of them."""
    a1, a2, b2 = item(1, 10), item(1, 20), item(2, 20)
    order = Order([new(0, a1), new(1, a2, b2)])
    assert [work.ordinal for work in order.take(0.0, 10)] == [0]
    order.release(a1)
    (group,) = order.take(0.0, 10)
    assert group.items == (a2, b2)


def test_a_group_that_loses_an_item_is_taken_apart() -> None:
    """The accounts that are not held back go alone, in a call of one object each."""
    a1, a2, b2, c2 = item(1, 10), item(1, 20), item(2, 20), item(3, 20)
    order = Order([new(0, a1), new(1, a2, b2, c2)])
    order.take(0.0, 10)
    assert order.block(a1) == [a2]
    assert [work.items for work in order.take(0.0, 10)] == [(b2,), (c2,)]
    order.release(b2)
    order.release(c2)
    assert len(order) == 0


def test_an_item_left_alone_still_waits_for_its_own_earlier_date() -> None:
    """Being taken out of a group does not let an item overtake its account."""
    a1, a2, b1, b2 = item(1, 10), item(1, 20), item(2, 10), item(2, 20)
    order = Order([new(0, a1), new(1, b1), new(2, a2, b2)])
    order.take(0.0, 10)
    order.block(a1)
    assert order.take(0.0, 10) == []
    order.release(b1)
    assert [work.items for work in order.take(0.0, 10)] == [(b2,)]


def test_a_group_may_lose_two_items_one_after_the_other() -> None:
    """An item that went alone can be held back later, without harm to the rest."""
    a1, a2, b1, b2, c2 = item(1, 10), item(1, 20), item(2, 10), item(2, 20), item(3, 20)
    order = Order([new(0, a1), new(1, b1), new(2, a2, b2, c2)])
    order.take(0.0, 10)
    assert order.block(a1) == [a2]
    assert order.block(b1) == [b2]
    assert [work.items for work in order.take(0.0, 10)] == [(c2,)]


def test_doubt_is_settled_before_anything_new() -> None:
    """A call that the ledger holds goes first, even before an earlier date that is new."""
    early, late = item(1, 10), item(1, 20)
    order = Order([new(0, early), held_by_the_ledger(1, late)])
    assert [work.items for work in order.take(0.0, 10)] == [(late,)]
    order.release(late)
    assert [work.items for work in order.take(0.0, 10)] == [(early,)]


def test_a_call_that_the_ledger_holds_is_never_held_back() -> None:
    """Sending it again is what settles it; only new dates wait for a person."""
    first, second = item(1, 10), item(1, 20)
    order = Order([held_by_the_ledger(0, first), held_by_the_ledger(1, second)])
    (work,) = order.take(0.0, 10)
    assert work.items == (first,)
    assert order.block(first) == []
    assert [later.items for later in order.take(0.0, 10)] == [(second,)]


def test_a_failed_later_date_does_not_hold_back_an_earlier_new_one() -> None:
    """What was sent out of turn and settled concerns only what comes after it."""
    early, late, last = item(1, 10), item(1, 20), item(1, 28)
    order = Order([new(0, early), held_by_the_ledger(1, late), new(2, last)])
    order.take(0.0, 10)
    assert order.block(late) == [last]
    assert [work.items for work in order.take(0.0, 10)] == [(early,)]


def test_an_unknown_date_holds_back_all_others_of_its_account() -> None:
    """R10, D20: its call may be executed still, and an account has one call at a time."""
    early, late, last, asked, other = item(1, 10), item(1, 20), item(1, 28), item(1, 5), item(2, 10)
    held = Work(3, (asked,), 1, held=ItemRecord(asked, Outcome.NOTHING_TO_BILL))
    order = Order([new(0, early, other), held_by_the_ledger(1, late), new(2, last), held])
    assert [work.items for work in order.take(0.0, 10)] == [(late,)]
    assert order.block(late, doubt=True) == [early, last]
    alone, asking = order.take(0.0, 10)
    assert alone.items == (other,)
    assert (asking, held.behind) == (held, late)  # it is only asked about


def test_two_held_groups_that_cross_do_not_wait_for_each_other() -> None:
    """Calls left open by different specs may order two accounts differently; both still go."""
    a1, a2, b1, b2 = item(1, 10), item(1, 20), item(2, 10), item(2, 20)
    order = Order([held_by_the_ledger(0, a2, b1), held_by_the_ledger(1, a1, b2)])
    sent = []
    while works := order.take(0.0, 10):
        for work in works:
            sent.append(work)
            for one in work.items:
                order.release(one)
    assert len(sent) == 2
    assert len(order) == 0


DAYS = st.lists(st.sets(st.integers(1, 5), min_size=1, max_size=3), min_size=1, max_size=4)


@st.composite
def plans(draw: st.DrawFn) -> list[Work]:
    """Draw works as a plan cuts them: waves of dates, cut by size; some first ones held already."""
    size, dates = draw(st.integers(1, 3)), [sorted(own) for own in draw(DAYS)]
    works: list[Work] = []
    for wave in range(3):
        due = [item(n, own[wave]) for n, own in enumerate(dates) if len(own) > wave]
        for start in range(0, len(due), size):
            items = due[start : start + size]
            held = wave == 0 and draw(st.booleans())
            works.append((held_by_the_ledger if held else new)(len(works), *items))
    return works


def _account(one: Item) -> int:
    return int(one.identity.account_id, 16)


class Run:
    """Plays the loop's part: takes calls, answers them in any order, and checks each take."""

    def __init__(self, works: list[Work]) -> None:
        self.order = Order(works)
        self.now = 0.0
        self.in_hand: list[Work] = []
        self.open = {one.identity for work in works for one in work.items}
        self.closed: set[int] = set()

    def take(self, most: int) -> bool:
        """Take calls, waiting if need be; tell whether any is in hand."""
        self.in_hand += self.order.take(self.now, most)
        due = self.order.next_time()
        if not self.in_hand and due is not None:
            self.now = due
            self.in_hand += self.order.take(self.now, most)
        flying = [one for work in self.in_hand for one in work.items]
        accounts = [_account(one) for one in flying]
        assert len(accounts) == len(set(accounts))
        assert not self.closed & set(accounts)
        for one in flying:
            mine = one.identity.account_id
            assert one.identity == min(i for i in self.open if i.account_id == mine)
        return bool(self.in_hand)

    def end(self, one: Item, released: bool) -> None:
        self.open.remove(one.identity)
        if released:
            self.order.release(one)
            return
        self.closed.add(_account(one))
        doubt = one.identity.target_date.day % 2 == 0
        self.open -= {other.identity for other in self.order.block(one, doubt=doubt)}


@given(plans(), st.data())
def test_no_interleaving_overlaps_or_overtakes_within_an_account(
    works: list[Work], data: st.DataObject
) -> None:
    """However answers come, an account is in hand once, its dates ascend, and all items end."""
    run = Run(works)
    while run.take(data.draw(st.integers(1, 4))):
        work = run.in_hand.pop(data.draw(st.integers(0, len(run.in_hand) - 1)))
        if data.draw(st.integers(0, 3)) == 3:
            run.order.postpone(work, run.now + 1.0)
            continue
        for one in work.items:
            run.end(one, released=data.draw(st.booleans()))
    assert not run.open
    assert len(run.order) == 0


def test_a_large_plan_is_handed_out_in_its_order() -> None:
    """Twenty thousand calls come out in the plan's order."""
    count = 20_000
    order = Order([new(n, item(n)) for n in range(count)])
    taken = [work.ordinal for _ in range(count // 100) for work in order.take(0.0, 100)]
    assert taken == list(range(count))
