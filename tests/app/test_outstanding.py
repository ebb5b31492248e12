"""What is left of a plan once the ledger has been asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial

import pytest

from support.engine import item
from support.plans import (
    NOON,
    a_call,
    a_plan,
    a_standing,
    an_attempt,
    an_open_call,
    an_outcome,
    in_a_call,
)
from zbatch.app.doubt import in_doubt
from zbatch.app.outstanding import Outstanding, Wish, open_works, outstanding
from zbatch.errors import Refused
from zbatch.model import (
    Baseline,
    Call,
    Charges,
    Earlier,
    Item,
    KeyState,
    Outcome,
    Standing,
    Trail,
)

STANDS = [Outcome.INVOICED, Outcome.FAILED]
ASKED_AGAIN = [Outcome.ALREADY_INVOICED, Outcome.NOTHING_TO_BILL]
NO_WISH = Wish()
EVERY_WISH = Wish(retry_failed=True, retry_nothing=True)
SEEN = Trail(baseline=Baseline(NOON, ("f" * 32,), ()))


def resent(one: Item, call: Call, *states: KeyState, answer: str | None = "lost") -> Standing:
    """Give an item of a call that the ledger holds open."""
    return in_a_call(one, an_open_call(call, *states, answer=answer))


def never_left(one: Item, call: Call, *states: KeyState) -> Standing:
    """Give an item of a call whose attempts were all taken back."""
    held = replace(an_open_call(call, *states), attempts=(an_attempt(answer="unsent", sent=False),))
    return in_a_call(one, held)


def burnt(one: Item) -> Standing:
    """Give an item whose key only a question can settle."""
    return resent(one, a_call(one), KeyState.BURNT)


def left_of(
    standings: list[Standing],
    groups: list[tuple[int, ...]] | None = None,
    wish: Wish = NO_WISH,
    elsewhere: tuple[Standing, ...] = (),
) -> Outstanding:
    """Ask what is left where the ledger holds these, and `elsewhere` beyond the spec."""
    known = sorted([*standings, *elsewhere], key=lambda standing: standing.item.identity)
    told = [replace(standing, earlier=_earlier(standing.item, known)) for standing in standings]
    return outstanding(a_plan([standing.item for standing in told], groups), told, wish)


def _earlier(one: Item, known: list[Standing]) -> tuple[Earlier, ...]:
    return tuple(
        Earlier(other.item, other.record.outcome if other.record else None, other.call)
        for other in known
        if other.item.identity.account_id == one.identity.account_id
        and other.item.identity != one.identity
        and (other.call or (other.record and _holds(other.record.outcome, other.item, one)))
    )


def _holds(outcome: Outcome, other: Item, one: Item) -> bool:
    if other.identity.target_date == one.identity.target_date:
        return outcome is Outcome.INVOICED and other.identity > one.identity
    return outcome is Outcome.FAILED and other.identity < one.identity


def told(todo: Outstanding) -> dict[str, Outcome]:
    return {str(record.item.identity): record.outcome for record in todo.records}


def sent(todo: Outstanding) -> list[tuple[Item, ...]]:
    """Give the items of each work that may send, in order."""
    return [work.items for work in todo.works if not work.held and not work.burnt]


def test_all_of_a_new_plan_is_outstanding_in_its_order() -> None:
    """An empty ledger holds nothing back: one call a group, generation 0, no key yet."""
    items = [item(3), item(1), item(2)]
    todo = left_of([a_standing(one) for one in items])
    assert sent(todo) == [(one,) for one in items]
    assert [work.ordinal for work in todo.works] == [0, 1, 2]
    assert {(work.generation, work.call, work.attempts) for work in todo.works} == {(0, None, ())}
    assert todo.records == ()


@pytest.mark.parametrize("outcome", STANDS)
def test_what_is_settled_is_not_sent_again(outcome: Outcome) -> None:
    """Convergence: each settled outcome stands as it is, and only the rest goes on."""
    todo = left_of([an_outcome(item(1), outcome), a_standing(item(2))])
    assert told(todo) == {str(item(1).identity): outcome}
    assert [work.items for work in todo.works] == [(item(2),)]


@pytest.mark.parametrize("outcome", ASKED_AGAIN)
def test_what_the_tenants_people_may_change_is_asked_again_and_not_sent(outcome: Outcome) -> None:
    """R9a: such an outcome is held, with all that is known of the item, until it is asked."""
    settled = an_outcome(item(1), outcome, trail=SEEN, attempts=2)
    todo = left_of([settled, a_standing(item(2))])
    assert sent(todo) == [(item(2),)]
    assert todo.records == ()
    (held,) = [work for work in todo.works if work.held]
    assert (held.items, held.held, held.trails) == ((item(1),), settled.record, (SEEN,))
    assert (held.generation, held.prior_attempts, held.call) == (1, 2, None)


def test_what_is_known_of_an_item_goes_with_its_work() -> None:
    """The baseline of an earlier run is the one that the next question is held against."""
    standings = [a_standing(item(1), trail=SEEN), a_standing(item(2))]
    whole = left_of(standings, groups=[(0, 1)])
    assert [work.trails for work in whole.works] == [(SEEN, Trail())]
    alone = left_of([replace(standings[0], generation=1), standings[1]], groups=[(0, 1)])
    assert [work.trails for work in alone.works] == [(SEEN,), (Trail(),)]


# Keys that the ledger holds open


def test_an_open_call_is_sent_again_byte_for_byte() -> None:
    """What the ledger holds as live goes on under its key, with all that is known of it."""
    call = a_call(item(1), generation=2)
    standing = replace(resent(item(1), call), attempts=5)
    todo = left_of([a_standing(item(2)), standing])
    assert todo.records == ()
    work = next(work for work in todo.works if work.call is not None)
    assert work.call is call
    assert (work.generation, work.ordinal) == (2, 1)
    assert [attempt.number for attempt in work.attempts] == [1]
    assert work.prior_attempts == 4
    assert work.first_sent == NOON


def test_an_open_call_of_many_is_one_work() -> None:
    """Its items are not sent apart while its key is open, whatever the plan's groups are now."""
    items = [item(1), item(2), item(3)]
    call = a_call(*items)
    todo = left_of([resent(one, call) for one in items], groups=[(0,), (1, 2)])
    assert [(work.call, work.items) for work in todo.works] == [(call, tuple(items))]


def test_a_call_in_doubt_with_an_item_that_the_spec_does_not_list_is_only_asked_about() -> None:
    """R12: its bytes would bill that item too; each one that is listed is asked about alone."""
    call = a_call(item(1), item(9), item(2))
    todo = left_of([resent(item(1), call), resent(item(2), call), a_standing(item(3))])
    assert sent(todo) == [(item(3),)]
    asked = [work for work in todo.works if work.burnt]
    assert [(work.items, work.call) for work in asked] == [((item(1),), call), ((item(2),), call)]
    for work in asked:
        assert work.apart is not None
        assert work.apart.code == "CALL_NOT_LISTED"
        assert str(item(9).identity) in work.apart.message


@pytest.mark.parametrize("other", [KeyState.LIVE, KeyState.SETTLED])
def test_what_was_never_executed_goes_on_without_what_the_spec_does_not_list(
    other: KeyState,
) -> None:
    """There is no doubt to settle: no rest, and only the next key is sent."""
    call = a_call(item(1), item(9))
    clean = resent(item(1), call, KeyState.LIVE, other, answer="throttled")
    (work,) = left_of([clean]).works
    assert (work.items, work.burnt, work.call) == ((item(1),), False, call)
    assert work.apart is not None


def test_several_that_are_not_listed_are_counted() -> None:
    """The reason names one of them, since a call may hold fifty."""
    call = a_call(item(1), item(7), item(8), item(9))
    (work,) = left_of([resent(item(1), call)]).works
    assert work.apart is not None
    assert f"{item(7).identity} and 2 more" in work.apart.message


@pytest.mark.parametrize(("other", "burnt"), [(KeyState.LIVE, False), (KeyState.SETTLED, True)])
def test_a_reconciliation_gives_up_no_key_that_may_be_sent_again(
    other: KeyState, burnt: bool
) -> None:
    """A spec that lists all of a call may send it, unless it is settled in part."""
    call = a_call(item(1), item(9))
    (work,) = open_works([resent(item(1), call, KeyState.LIVE, other)], asking=True)
    assert (work.items, work.burnt) == ((item(1),), burnt)


def test_an_open_call_is_told_as_the_spec_has_it_now() -> None:
    """The report names reason and place of today's spec, not those of the first send."""
    call = a_call(item(1), item(2))
    today = replace(item(1), reason="termination")
    (work,) = left_of([resent(today, call), resent(item(2), call)]).works
    assert [one.reason for one in work.items] == ["termination", None]


def test_a_burnt_key_waits_for_its_question_and_is_never_sent() -> None:
    """Only the tenant's own data can settle it: a work of its own, that must not send."""
    todo = left_of([burnt(item(1)), a_standing(item(2))])
    assert sent(todo) == [(item(2),)]
    (asked,) = [work for work in todo.works if work.burnt]
    assert asked.items == (item(1),)
    assert asked.call is not None
    assert todo.records == ()


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        (KeyState.LIVE, KeyState.SETTLED),
        (KeyState.BURNT, KeyState.SETTLED),
        (KeyState.BURNT, KeyState.BURNT),
    ],
)
def test_what_is_left_of_a_call_that_is_settled_in_part_is_never_sent(
    mine: KeyState, other: KeyState
) -> None:
    """R12: once a row is known, the same bytes would bill that row's item again."""
    call = a_call(item(1), item(2), item(3))
    held = an_open_call(call, mine, other, mine)
    held = replace(held, trails=(SEEN, Trail(), Trail()))
    todo = left_of([in_a_call(item(1), held), in_a_call(item(3), held)])
    assert sent(todo) == []
    assert [work.items for work in todo.works] == [(item(1),), (item(3),)]
    assert [work.trails for work in todo.works] == [(SEEN,), (Trail(),)]
    assert todo.records == ()


# Earlier dates


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("retried", [True, False])
def test_an_earlier_date_that_failed_holds_back_the_later_ones(listed: bool, retried: bool) -> None:
    """R10: they wait, say for what, and go on behind the earlier one when that is tried again."""
    early, late, last, other = item(1, 10), item(1, 20), item(1, 28), item(2, 20)
    failed = an_outcome(early, Outcome.FAILED)
    mine = [a_standing(late), a_standing(last), a_standing(other)]
    wish = Wish(retry_failed=retried)
    if listed:
        todo = left_of([failed, *mine], wish=wish)
    else:
        todo = left_of(mine, wish=wish, elsewhere=(failed,))
    if listed and retried:
        assert sent(todo) == [(early,), (late,), (last,), (other,)]
        return
    assert sent(todo) == [(other,)]
    held_back = [r for r in todo.records if r.outcome is Outcome.NOT_ATTEMPTED]
    assert [record.item for record in held_back] == [late, last]
    assert todo.elsewhere == (0 if listed else 2)
    for record in held_back:
        assert record.error is not None
        assert record.error.code == "EARLIER_DATE_OPEN"
        assert "2026-11-10" in record.error.message


@pytest.mark.parametrize("state", [KeyState.LIVE, KeyState.BURNT])
def test_doubt_of_another_spec_holds_back_the_later_dates(state: KeyState) -> None:
    """R10: by the ledger and not only by this spec, which cannot settle it."""
    early, late = item(1, 10), item(1, 20)
    doubtful = resent(early, a_call(early), state)
    todo = left_of([a_standing(late)], wish=EVERY_WISH, elsewhere=(doubtful,))
    assert todo.works == ()
    assert told(todo) == {str(late.identity): Outcome.NOT_ATTEMPTED}


def test_a_clean_key_of_another_spec_holds_back_nothing() -> None:
    """Nothing was executed under it, so nothing of that date is open."""
    early, late = item(1, 10), item(1, 20)
    clean = resent(early, a_call(early), answer="throttled")
    assert sent(left_of([a_standing(late)], elsewhere=(clean,))) == [(late,)]


def test_a_later_date_in_doubt_of_another_spec_holds_back_the_earlier_one() -> None:
    """R10, D20: it may be executed still, and the account has one call at a time."""
    early, late = item(1, 10), item(1, 20)
    todo = left_of([a_standing(early)], elsewhere=(resent(late, a_call(late)),))
    assert todo.works == ()
    (record,) = todo.records
    assert record.error is not None
    assert record.error.code == "LATER_DATE_OPEN"
    assert "later target date 2026-11-20 is unknown" in record.error.message


@pytest.mark.parametrize("doubt", [True, False])
@pytest.mark.parametrize("how", ["reopened", "failed", "nothing"])
def test_a_lower_revision_waits_for_a_higher_one(doubt: bool, how: str) -> None:
    """R10: one that is in doubt may bill the same, one that is invoiced has done so."""
    first = item(1)
    second = replace(first, identity=replace(first.identity, revision=2))
    higher = resent(second, a_call(second)) if doubt else an_outcome(second, Outcome.INVOICED)
    lower = {
        "reopened": a_standing(first, generation=1),
        "failed": an_outcome(first, Outcome.FAILED),
        "nothing": an_outcome(first, Outcome.NOTHING_TO_BILL),
    }[how]
    todo = left_of([lower], wish=EVERY_WISH, elsewhere=(higher,))
    if how == "nothing":
        (work,) = todo.works
        assert (work.behind, work.wanted) == (second, True)
        assert work.held is not None
        assert work.held.error is not None
        assert "(not retried: revision 2 of this item is" in work.held.error.message
        return
    assert todo.works == ()
    (record,) = todo.records
    assert record.error is not None
    assert record.error.code == "OTHER_REVISION_OPEN"
    assert "revision 2 of this item is invoiced or unknown" in record.error.message
    assert todo.elsewhere == 1


@pytest.mark.parametrize("state", [KeyState.LIVE, KeyState.BURNT])
def test_doubt_of_this_spec_is_settled_before_the_later_dates(state: KeyState) -> None:
    """Both are worked on: the order of the account's dates is kept while the run goes on."""
    early, late = item(1, 10), item(1, 20)
    todo = left_of([resent(early, a_call(early), state), a_standing(late)])
    assert [work.items for work in todo.works] == [(early,), (late,)]
    assert todo.records == ()


@pytest.mark.parametrize("outcome", ASKED_AGAIN)
@pytest.mark.parametrize("wish", [NO_WISH, EVERY_WISH])
@pytest.mark.parametrize("state", [None, KeyState.LIVE, KeyState.BURNT])
def test_what_others_may_change_is_asked_behind_an_open_date_too(
    outcome: Outcome, wish: Wish, state: KeyState | None
) -> None:
    """R9a with R10: it is asked about whatever is wished, and its work names what it waits for.

    What would be sent again tells by its outcome why it is not.
    """
    early, late = item(1, 10), item(1, 20)
    barrier = resent(early, a_call(early), state) if state else an_outcome(early, Outcome.FAILED)
    settled = an_outcome(late, outcome)
    todo = left_of([settled], wish=wish, elsewhere=(barrier,))
    (work,) = todo.works
    assert work.held is not None
    assert work.behind == early
    assert work.wanted is (outcome is Outcome.NOTHING_TO_BILL and wish.retry_nothing)
    assert settled.record is not None
    assert replace(work.held, error=None) == replace(settled.record, error=None)
    said = work.held.error.message if work.held.error else ""
    assert ("(not retried: the account's earlier target date 2026-11-10" in said) is work.wanted
    assert todo.records == ()


def test_what_is_tried_again_waits_for_an_earlier_date_too() -> None:
    """Two failed dates of which one is another spec's: neither is tried again by this one."""
    failed = an_outcome(item(1, 10), Outcome.FAILED)
    mine = [an_outcome(item(1, 20), Outcome.FAILED)]
    todo = left_of(mine, wish=EVERY_WISH, elsewhere=(failed,))
    assert todo.works == ()
    assert told(todo) == {str(item(1, 20).identity): Outcome.NOT_ATTEMPTED}
    assert todo.elsewhere == 1
    todo = left_of(mine, elsewhere=(failed,))
    assert told(todo) == {str(item(1, 20).identity): Outcome.FAILED}
    assert todo.elsewhere == 0  # nobody asks for it


@pytest.mark.parametrize("fine", [Outcome.INVOICED, *ASKED_AGAIN])
def test_an_earlier_date_that_is_settled_holds_back_nothing(fine: Outcome) -> None:
    """The account goes on with its next date."""
    todo = left_of([an_outcome(item(1, 10), fine), a_standing(item(1, 20))])
    assert sent(todo) == [(item(1, 20),)]


def test_the_earliest_open_date_is_the_one_that_counts() -> None:
    """Between two failed dates a new one waits too, and is told of the first."""
    standings = [
        an_outcome(item(1, 10), Outcome.FAILED),
        a_standing(item(1, 15)),
        an_outcome(item(1, 20), Outcome.FAILED),
    ]
    todo = left_of(standings)
    assert todo.works == ()
    (held_back,) = [r for r in todo.records if r.outcome is Outcome.NOT_ATTEMPTED]
    assert held_back.error is not None
    assert "2026-11-10" in held_back.error.message


@pytest.mark.parametrize(("mine", "waiting"), [(5, 0), (10, 1)])
def test_who_waits_elsewhere_is_told_by_the_earliest_open_date(mine: int, waiting: int) -> None:
    """Of two failed dates the one that is to be mended first decides: this spec's or another's."""
    other = 15 - mine
    standings = [an_outcome(item(1, mine), Outcome.FAILED), a_standing(item(1, 20))]
    todo = left_of(standings, elsewhere=(an_outcome(item(1, other), Outcome.FAILED),))
    assert todo.works == ()
    assert todo.elsewhere == waiting


def test_an_item_of_a_clean_call_that_waits_elsewhere_is_counted_and_one_in_doubt_is_not() -> None:
    """What is in doubt is told as unknown, whatever else of its account is open."""
    early, late = item(1, 10), item(1, 20)
    failed = an_outcome(early, Outcome.FAILED)
    for answer, waiting in (("throttled", 1), ("lost", 0)):
        todo = left_of([resent(late, a_call(late), answer=answer)], elsewhere=(failed,))
        assert todo.elsewhere == waiting


def test_a_failed_later_date_does_not_hold_back_an_earlier_one() -> None:
    """Only what comes after waits."""
    todo = left_of([a_standing(item(1, 10)), an_outcome(item(1, 20), Outcome.FAILED)])
    assert sent(todo) == [(item(1, 10),)]


def test_a_later_date_already_sent_is_settled_though_an_earlier_one_failed() -> None:
    """Doubt is settled first; holding it back would leave it in doubt."""
    call = a_call(item(1, 20))
    todo = left_of([an_outcome(item(1, 10), Outcome.FAILED), resent(item(1, 20), call)])
    assert [work.call for work in todo.works] == [call]


# Groups


def test_a_group_with_a_settled_member_goes_alone() -> None:
    """What is left of a group is sent one by one, so that no group is ever cut anew."""
    items = [item(1), item(2), item(3)]
    standings = [
        an_outcome(items[0], Outcome.INVOICED),
        a_standing(items[1]),
        a_standing(items[2]),
    ]
    todo = left_of(standings, groups=[(0, 1, 2)])
    assert sent(todo) == [(items[1],), (items[2],)]


def _listed_before(how: str, early: Item) -> list[Standing]:
    """Give what the ledger holds of an earlier date, or two, of which a run has to do something."""
    return {
        "new": [a_standing(early)],
        "retried": [an_outcome(early, Outcome.FAILED)],
        "asked": [an_outcome(early, Outcome.NOTHING_TO_BILL)],
        "throttled": [resent(early, a_call(early), answer="throttled")],
        "doubt": [resent(early, a_call(early))],
    }[how]


@pytest.mark.parametrize("how", ["new", "retried", "asked", "throttled", "doubt"])
def test_a_clean_call_of_several_goes_alone_behind_an_earlier_date(how: str) -> None:
    """R10: it would bill its items before that date; each waits for what is its own account's."""
    early, late, other = item(1, 10), item(1, 20), item(2, 20)
    call = a_call(late, other)
    group = [resent(one, call, answer="throttled") for one in (late, other)]
    todo = left_of([*_listed_before(how, early), *group], wish=Wish(retry_failed=True))
    alone = [work for work in todo.works if work.apart]
    assert [(work.items, work.call, work.may_wait) for work in alone] == [
        ((late,), call, True),
        ((other,), call, True),
    ]


@pytest.mark.parametrize("answer", ["throttled", "lost"])
def test_only_a_clean_call_of_several_is_taken_apart_behind_a_barrier(answer: str) -> None:
    """R10 and R12: what may have been executed is settled as a whole, whatever waits."""
    early, late, other = item(1, 10), item(1, 20), item(2, 20)
    call = a_call(late, other)
    group = [resent(one, call, answer=answer) for one in (late, other)]
    todo = left_of(group, elsewhere=(an_outcome(early, Outcome.FAILED),))
    if answer == "lost":
        assert [work.items for work in todo.works] == [(late, other)]
        return
    assert [(work.items, bool(work.apart)) for work in todo.works] == [((other,), True)]
    assert told(todo) == {str(late.identity): Outcome.NOT_ATTEMPTED}


@pytest.mark.parametrize("before", [Outcome.INVOICED, None])
def test_a_clean_call_of_several_whose_turn_it_is_goes_whole(before: Outcome | None) -> None:
    """R12: its key is sent again as it is; what is invoiced or comes later does not concern it."""
    early, late, other, last = item(1, 10), item(1, 20), item(2, 20), item(2, 28)
    call = a_call(late, other)
    standings = [resent(one, call, answer="throttled") for one in (late, other)]
    if before:
        standings.append(an_outcome(early, before))
    todo = left_of([*standings, a_standing(last), a_standing(item(3, 1))])
    assert [work.items for work in todo.works] == [(late, other), (last,), (item(3, 1),)]
    assert todo.works[0].apart is None


def test_a_group_with_a_history_goes_alone() -> None:
    """An item whose key was settled and renewed goes on in its next generation, by itself."""
    items = [item(1), item(2)]
    standings = [a_standing(items[0], generation=1, attempts=3), a_standing(items[1])]
    todo = left_of(standings, groups=[(0, 1)])
    assert [(work.items, work.generation) for work in todo.works] == [
        ((items[0],), 1),
        ((items[1],), 0),
    ]
    assert todo.works[0].prior_attempts == 3


def test_a_group_that_is_tried_again_goes_alone() -> None:
    """R12: rows to repeat go one object a call, each at its own item's next generation."""
    items = [item(1), item(2)]
    standings = [
        an_outcome(items[0], Outcome.FAILED, generation=3),
        an_outcome(items[1], Outcome.FAILED, generation=1),
    ]
    todo = left_of(standings, groups=[(0, 1)], wish=Wish(retry_failed=True))
    assert [(work.items, work.generation) for work in todo.works] == [
        ((items[0],), 3),
        ((items[1],), 1),
    ]


def test_a_group_without_history_stays_whole() -> None:
    """Groups are those of the plan."""
    items = [item(n) for n in range(5)]
    todo = left_of([a_standing(one) for one in items], groups=[(0, 1, 2), (3, 4)])
    assert sent(todo) == [tuple(items[:3]), tuple(items[3:])]


def test_a_member_that_is_held_back_leaves_the_others_alone() -> None:
    """A barrier of one account does not stop the accounts it shares a call with."""
    early, late, other = item(1, 10), item(1, 20), item(2, 20)
    standings = [an_outcome(early, Outcome.FAILED), a_standing(late), a_standing(other)]
    todo = left_of(standings, groups=[(0,), (1, 2)])
    assert sent(todo) == [(other,)]


# What a person asks to try again


@pytest.mark.parametrize(
    ("outcome", "wish", "again"),
    [
        (Outcome.FAILED, NO_WISH, False),
        (Outcome.FAILED, Wish(retry_nothing=True), False),
        (Outcome.FAILED, Wish(retry_failed=True), True),
        (Outcome.NOTHING_TO_BILL, NO_WISH, False),
        (Outcome.NOTHING_TO_BILL, Wish(retry_failed=True), False),
        (Outcome.NOTHING_TO_BILL, Wish(retry_nothing=True), True),
        (Outcome.INVOICED, EVERY_WISH, False),
        (Outcome.ALREADY_INVOICED, EVERY_WISH, False),
    ],
)
def test_only_what_is_asked_for_is_tried_again(outcome: Outcome, wish: Wish, again: bool) -> None:
    """A definite outcome goes into its next generation, and what has an invoice never does."""
    todo = left_of([an_outcome(item(1), outcome, generation=2, attempts=3)], wish=wish)
    works = [work for work in todo.works if not work.held]
    assert [(work.generation, work.call, work.prior_attempts) for work in works] == (
        [(2, None, 3)] if again else []
    )
    assert told(todo) == {} or not again


@pytest.mark.parametrize("state", [KeyState.LIVE, KeyState.BURNT])
def test_no_wish_reaches_an_item_in_doubt(state: KeyState) -> None:
    """D23: the only work of such an item is the one that settles the key it has."""
    standing = resent(item(1), a_call(item(1)), state)
    todo = left_of([standing], wish=EVERY_WISH)
    assert [work.call for work in todo.works] == [standing.call and standing.call.call]
    assert [work.burnt for work in todo.works] == [state is KeyState.BURNT]


def test_a_date_earlier_than_one_invoiced_is_not_tried_again() -> None:
    """R10: the later invoice has billed what was due, and the report says why nothing is done."""
    late = item(1, 20).identity.target_date
    failed = an_outcome(item(1, 10), Outcome.FAILED, later_invoiced=late)
    todo = left_of([failed], wish=EVERY_WISH)
    assert todo.works == ()
    (record,) = todo.records
    assert record.outcome is Outcome.FAILED
    assert record.error is not None
    assert record.error.code == "INVALID_VALUE"
    assert "not retried" in record.error.message
    assert "2026-11-20" in record.error.message


def test_a_failure_with_a_higher_revision_invoiced_is_not_tried_again() -> None:
    """What failed was billed on purpose under the next revision: once is enough."""
    one = item(1)
    failed = an_outcome(one, Outcome.FAILED, later_invoiced=one.identity.target_date)
    (record,) = left_of([failed], wish=EVERY_WISH).records
    assert record.error is not None
    assert record.error.message.endswith("a higher revision of this item is invoiced)")


# Another payload


@pytest.mark.parametrize(
    ("standing", "refused"),
    [
        (an_outcome(item(1), Outcome.INVOICED), True),
        (an_outcome(item(1), Outcome.ALREADY_INVOICED), True),
        (resent(item(1), a_call(item(1))), True),
        (burnt(item(1)), True),
        (resent(item(1), a_call(item(1)), answer="throttled"), True),
        (never_left(item(1), a_call(item(1))), False),
        (an_outcome(item(1), Outcome.FAILED), False),
        (an_outcome(item(1), Outcome.NOTHING_TO_BILL), False),
        (a_standing(item(1)), False),
    ],
)
@pytest.mark.parametrize("wish", [NO_WISH, EVERY_WISH])
def test_another_payload_is_refused_where_an_invoice_may_exist(
    standing: Standing, refused: bool, wish: Wish
) -> None:
    """R13: the same account and date under another invoice date would be a second invoice."""
    changed = replace(standing, payload_changed=True)
    if not refused:
        todo = left_of([changed, a_standing(item(2))], wish=wish)
        assert sent(todo) == [(item(1),), (item(2),)]
        assert todo.works[0].generation == standing.generation
        return
    with pytest.raises(Refused, match=r"(?s)changes the invoice date or charges.*s\.yaml:2"):
        left_of([changed, a_standing(item(2))], wish=wish)


def test_a_call_that_never_left_is_given_up_for_another_payload_of_one_of_its_items() -> None:
    """R12, R13: each planned item of it gets its next key, alone; other calls stay as they are."""
    together, beside = a_call(item(1), item(2), item(3)), a_call(item(4), item(5))
    standings = [
        replace(never_left(item(1), together), payload_changed=True),
        never_left(item(2), together),
        never_left(item(4), beside),
        never_left(item(5), beside),
    ]
    todo = left_of(standings, [(0, 1), (2, 3)])
    fresh = [(work.items, work.generation) for work in todo.works if work.call is None]
    assert fresh == [((item(1),), 1), ((item(2),), 1)]
    assert [work.items for work in todo.works if work.call] == [(item(4), item(5))]


def test_a_burnt_key_is_never_said_to_have_left_nothing() -> None:
    """R6: only a question settles it, whatever its attempts say."""
    held = replace(never_left(item(1), a_call(item(1)), KeyState.BURNT), payload_changed=True)
    with pytest.raises(Refused, match="in doubt; "):
        left_of([held])


@pytest.mark.parametrize(
    ("answer", "said"), [("throttled", "sent and not settled"), ("lost", "in doubt")]
)
def test_the_refusal_says_what_is_known_of_a_key(answer: str, said: str) -> None:
    """What was turned away is in no doubt, but its key may be sent again."""
    held = replace(resent(item(1), a_call(item(1)), answer=answer), payload_changed=True)
    with pytest.raises(Refused, match=rf"\({said}; "):
        left_of([held])


def test_another_payload_does_not_bring_back_what_a_later_date_has_billed() -> None:
    """R10 holds for R13 too."""
    late = item(1, 20).identity.target_date
    failed = an_outcome(item(1, 10), Outcome.FAILED, later_invoiced=late, payload_changed=True)
    todo = left_of([failed])
    assert todo.works == ()
    assert told(todo) == {str(item(1, 10).identity): Outcome.FAILED}


def test_the_refusal_names_a_few_and_counts_the_rest() -> None:
    """A changed default touches every item; the message stays readable."""
    changed = [an_outcome(item(n), Outcome.INVOICED, payload_changed=True) for n in range(13)]
    with pytest.raises(Refused, match="and 3 more"):
        left_of(changed)


def test_the_refusal_tells_the_old_values() -> None:
    """Who is to put them back need not look for them; a key in flight counts as sent."""
    one = item(1)
    was = replace(one, invoice_date=date(2026, 11, 2), charges=Charges(usage=False))
    for standing in (resent(one, a_call(one), answer=None), burnt(one)):
        with pytest.raises(Refused) as refusal:
            left_of([replace(standing, payload_changed=True, was=was)])
        _, named, way_out = str(refusal.value).split("\n")
        assert "invoice date 2026-11-02 before, 2026-11-30 now" in named
        assert "charges one-time+recurring before, " in named
        assert "in doubt; s.yaml:2" in named
        assert "revision" in way_out


# Revisions


def revised(lower: Outcome | None) -> Standing:
    """Give the second revision of an item; `lower` is what the first has come to."""
    one = item(1)
    identity = replace(one.identity, revision=2)
    return a_standing(replace(one, identity=identity), lower=lower)


@pytest.mark.parametrize("lower", [*STANDS, *ASKED_AGAIN])
def test_a_revision_is_a_new_item_once_the_lower_one_is_settled(lower: Outcome) -> None:
    """It starts at generation 0; its revision is in its key."""
    standing = revised(lower)
    (work,) = left_of([standing]).works
    assert (work.items, work.generation) == ((standing.item,), 0)


def test_a_revision_without_a_settled_lower_one_is_refused() -> None:
    """Nothing is sent of the whole spec: it does not say what its author means."""
    with pytest.raises(Refused, match=r"s\.yaml:2:1 .* revision 1 is not settled in this ledger"):
        left_of([a_standing(item(2)), revised(None)], wish=EVERY_WISH)


@pytest.mark.parametrize("answer", ["lost", "throttled"])
def test_a_revision_in_doubt_is_settled_though_the_lower_one_was_opened_again(answer: str) -> None:
    """Refused, its doubt would hold the lower one back and be settled by no run."""
    revision = revised(None)
    call = an_open_call(a_call(revision.item), answer=answer)
    sent_before = replace(revision, call=call)
    if answer == "lost":
        assert sent(left_of([sent_before])) == [(revision.item,)]
        done = an_outcome(revision.item, Outcome.INVOICED)
        assert told(left_of([done])) == {str(revision.item.identity): Outcome.INVOICED}
        return
    with pytest.raises(Refused, match="revision 1 is not settled"):
        left_of([sent_before])


# All together


@pytest.mark.parametrize("wish", [NO_WISH, EVERY_WISH])
def test_every_item_is_either_told_or_worked_on(wish: Wish) -> None:
    """Nothing of the plan is lost between ledger and calls, and nothing is there twice."""
    settled = [outcome for outcome in Outcome if outcome.settled]
    makers: list[Callable[[Item], Standing]] = [
        a_standing,
        burnt,
        lambda one: resent(one, a_call(one)),
        *(partial(an_outcome, outcome=outcome) for outcome in settled),
    ]
    first, second = len(makers), len(makers)
    standings = [
        make(item(a * second + b, day))
        for a in range(first)
        for b in range(second)
        for day, make in ((10, makers[a]), (20, makers[b]))
    ]
    todo = left_of(standings, wish=wish)
    worked = [one.identity for work in todo.works for one in work.items]
    named = [record.item.identity for record in todo.records]
    assert sorted(worked + named) == sorted(standing.item.identity for standing in standings)


@pytest.mark.parametrize(
    ("standing", "unknown"),
    [
        (a_standing(item(1)), False),
        (an_outcome(item(1), Outcome.FAILED), False),
        (resent(item(1), a_call(item(1))), True),
        (resent(item(1), a_call(item(1)), answer=None), True),
        (resent(item(1), a_call(item(1)), answer="throttled"), False),
        (resent(item(1), a_call(item(1)), answer="unauthorized"), False),
        (resent(item(1), a_call(item(1)), KeyState.BURNT, answer="refused"), True),
    ],
)
def test_only_a_doubtful_or_burnt_key_makes_an_item_unknown(
    standing: Standing, unknown: bool
) -> None:
    """A clean key says that nothing was executed: such an item was simply not billed yet."""
    record = in_doubt(standing)
    assert (record is not None) is unknown
    if record is not None:
        assert (record.item, record.outcome) == (standing.item, Outcome.UNKNOWN)
        assert record.idempotency_key
