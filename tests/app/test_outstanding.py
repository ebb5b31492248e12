"""What is left of a plan once the ledger has been asked."""

from __future__ import annotations

from typing import Any

import pytest

from support.engine import item
from support.plans import NOON, a_call, a_plan, a_record, an_attempt
from zbatch.app.outstanding import Outstanding, in_doubt, outstanding
from zbatch.errors import Refused
from zbatch.model import Call, Item, KeyState, OpenCall, Outcome, Standing

SETTLED = [Outcome.INVOICED, Outcome.ALREADY_INVOICED, Outcome.NOTHING_TO_BILL, Outcome.FAILED]


def new(one: Item, **fields: Any) -> Standing:
    values = {"record": None, "call": None, "generation": 0, "attempts": 0}
    return Standing(one, **{**values, "payload_changed": False, **fields})


def has(one: Item, outcome: Outcome, **fields: Any) -> Standing:
    return new(one, record=a_record(one, outcome), generation=1, attempts=1, **fields)


def open_call(
    one: Item, call: Call, *states: KeyState, answer: str | None = "lost", **fields: Any
) -> Standing:
    held = OpenCall(
        call, (an_attempt(answer=answer),), states or (KeyState.LIVE,) * len(call.items)
    )
    return new(one, **{"call": held, "generation": call.generation + 1, "attempts": 1, **fields})


def left_of(standings: list[Standing], groups: list[tuple[int, ...]] | None = None) -> Outstanding:
    return outstanding(a_plan([standing.item for standing in standings], groups), standings)


def told(todo: Outstanding) -> dict[str, Outcome]:
    return {str(record.item.identity): record.outcome for record in todo.records}


def test_all_of_a_new_plan_is_outstanding_in_its_order() -> None:
    """An empty ledger holds nothing back: one call a group, generation 0, no key yet."""
    items = [item(3), item(1), item(2)]
    todo = left_of([new(one) for one in items])
    assert [work.items for work in todo.works] == [(one,) for one in items]
    assert [work.ordinal for work in todo.works] == [0, 1, 2]
    assert {(work.generation, work.call, work.attempts) for work in todo.works} == {(0, None, ())}
    assert todo.records == ()


@pytest.mark.parametrize("outcome", SETTLED)
def test_what_is_settled_is_not_sent_again(outcome: Outcome) -> None:
    """Convergence: each settled outcome stands as it is, and only the rest goes on."""
    todo = left_of([has(item(1), outcome), new(item(2))])
    assert told(todo) == {str(item(1).identity): outcome}
    assert [work.items for work in todo.works] == [(item(2),)]


def test_an_open_call_is_sent_again_byte_for_byte() -> None:
    """What the ledger holds as live goes on under its key, with all that is known of it."""
    call = a_call(item(1), generation=2)
    todo = left_of([new(item(2)), open_call(item(1), call, attempts=5)])
    assert todo.records == ()
    resent = next(work for work in todo.works if work.call is not None)
    assert resent.call is call
    assert (resent.generation, resent.ordinal) == (2, 1)
    assert [attempt.number for attempt in resent.attempts] == [1]
    assert resent.prior_attempts == 4
    assert resent.first_sent == NOON


def test_an_open_call_of_many_is_one_work() -> None:
    """Its items are not sent apart while its key is open, whatever the plan's groups are now."""
    items = [item(1), item(2), item(3)]
    call = a_call(*items)
    todo = left_of([open_call(one, call) for one in items], groups=[(0,), (1, 2)])
    assert [(work.call, work.items) for work in todo.works] == [(call, tuple(items))]


def test_an_open_call_keeps_items_that_the_spec_no_longer_lists() -> None:
    """The bytes are those of the first send, and so are the items they bill."""
    call = a_call(item(1), item(9))
    todo = left_of([open_call(item(1), call), new(item(2))])
    assert {work.items for work in todo.works} == {(item(1), item(9)), (item(2),)}


def test_a_burnt_key_is_unknown_and_never_sent() -> None:
    """Only the tenant's own data can settle it."""
    standing = open_call(item(1), a_call(item(1)), KeyState.BURNT)
    todo = left_of([standing, new(item(2))])
    assert told(todo) == {str(item(1).identity): Outcome.UNKNOWN}
    assert [work.items for work in todo.works] == [(item(2),)]


@pytest.mark.parametrize("grave", [Outcome.FAILED, Outcome.UNKNOWN])
def test_an_earlier_date_that_is_open_holds_back_the_later_ones(grave: Outcome) -> None:
    """A later invoice would bill what the earlier one left, so it waits, and says for what."""
    early, late, last, other = item(1, 10), item(1, 20), item(1, 28), item(2, 20)
    first = (
        has(early, grave)
        if grave is Outcome.FAILED
        else open_call(early, a_call(early), KeyState.BURNT)
    )
    todo = left_of([first, new(late), new(last), new(other)])
    assert [work.items for work in todo.works] == [(other,)]
    assert told(todo) == {
        str(early.identity): grave,
        str(late.identity): Outcome.NOT_ATTEMPTED,
        str(last.identity): Outcome.NOT_ATTEMPTED,
    }
    held_back = [record for record in todo.records if record.outcome is Outcome.NOT_ATTEMPTED]
    for record in held_back:
        assert record.error is not None
        assert record.error.code == "EARLIER_DATE_OPEN"
        assert "2026-11-10" in record.error.message


@pytest.mark.parametrize("fine", [Outcome.INVOICED, Outcome.NOTHING_TO_BILL])
def test_an_earlier_date_that_is_settled_holds_back_nothing(fine: Outcome) -> None:
    """The account goes on with its next date."""
    todo = left_of([has(item(1, 10), fine), new(item(1, 20))])
    assert [work.items for work in todo.works] == [(item(1, 20),)]


def test_the_earliest_open_date_is_the_one_that_counts() -> None:
    """Between two failed dates a new one waits too, and is told of the first."""
    standings = [
        has(item(1, 10), Outcome.FAILED),
        new(item(1, 15)),
        has(item(1, 20), Outcome.FAILED),
    ]
    todo = left_of(standings)
    assert todo.works == ()
    (held_back,) = [r for r in todo.records if r.outcome is Outcome.NOT_ATTEMPTED]
    assert held_back.error is not None
    assert "2026-11-10" in held_back.error.message


def test_a_failed_later_date_does_not_hold_back_an_earlier_one() -> None:
    """Only what comes after waits."""
    todo = left_of([new(item(1, 10)), has(item(1, 20), Outcome.FAILED)])
    assert [work.items for work in todo.works] == [(item(1, 10),)]


def test_a_later_date_already_sent_is_settled_though_an_earlier_one_failed() -> None:
    """Doubt is settled first; holding it back would leave it in doubt."""
    call = a_call(item(1, 20))
    todo = left_of([has(item(1, 10), Outcome.FAILED), open_call(item(1, 20), call)])
    assert [work.call for work in todo.works] == [call]


def test_a_group_with_a_settled_member_goes_alone() -> None:
    """What is left of a group is sent one by one, so that no group is ever cut anew."""
    items = [item(1), item(2), item(3)]
    standings = [has(items[0], Outcome.INVOICED), new(items[1]), new(items[2])]
    todo = left_of(standings, groups=[(0, 1, 2)])
    assert [work.items for work in todo.works] == [(items[1],), (items[2],)]


def test_a_group_with_a_history_goes_alone() -> None:
    """An item whose key was settled and renewed goes on in its next generation, by itself."""
    items = [item(1), item(2)]
    standings = [new(items[0], generation=1, attempts=3), new(items[1])]
    todo = left_of(standings, groups=[(0, 1)])
    assert [(work.items, work.generation) for work in todo.works] == [
        ((items[0],), 1),
        ((items[1],), 0),
    ]
    assert todo.works[0].prior_attempts == 3


def test_a_group_without_history_stays_whole() -> None:
    """Groups are those of the plan."""
    items = [item(n) for n in range(5)]
    todo = left_of([new(one) for one in items], groups=[(0, 1, 2), (3, 4)])
    assert [work.items for work in todo.works] == [tuple(items[:3]), tuple(items[3:])]


def test_a_member_that_is_held_back_leaves_the_others_alone() -> None:
    """A barrier of one account does not stop the accounts it shares a call with."""
    early, late, other = item(1, 10), item(1, 20), item(2, 20)
    todo = left_of([has(early, Outcome.FAILED), new(late), new(other)], groups=[(0,), (1, 2)])
    assert [work.items for work in todo.works] == [(other,)]


@pytest.mark.parametrize(
    ("standing", "refused"),
    [
        (has(item(1), Outcome.INVOICED, payload_changed=True), True),
        (has(item(1), Outcome.ALREADY_INVOICED, payload_changed=True), True),
        (open_call(item(1), a_call(item(1)), payload_changed=True), True),
        (open_call(item(1), a_call(item(1)), KeyState.BURNT, payload_changed=True), True),
        (has(item(1), Outcome.FAILED, payload_changed=True), False),
        (has(item(1), Outcome.NOTHING_TO_BILL, payload_changed=True), False),
        (new(item(1), payload_changed=True), False),
    ],
)
def test_another_payload_is_refused_where_an_invoice_may_exist(
    standing: Standing, refused: bool
) -> None:
    """R13: the same account and date under another invoice date would be a second invoice."""
    if not refused:
        left_of([standing, new(item(2))])
        return
    with pytest.raises(Refused, match=r"changes the invoice date or charges.*s\.yaml:2"):
        left_of([standing, new(item(2))])


def test_the_refusal_names_a_few_and_counts_the_rest() -> None:
    """A changed default touches every item; the message stays readable."""
    changed = [has(item(n), Outcome.INVOICED, payload_changed=True) for n in range(8)]
    with pytest.raises(Refused, match="and 3 more"):
        left_of(changed)


def test_every_item_is_either_told_or_sent() -> None:
    """Nothing of the plan is lost between ledger and calls."""
    items = [item(n, day) for n in range(4) for day in (10, 20)]
    makers = [
        lambda one: new(one),
        lambda one: has(one, Outcome.FAILED),
        lambda one: has(one, Outcome.INVOICED),
        lambda one: open_call(one, a_call(one), KeyState.BURNT),
    ]
    standings = [makers[n // 2](one) if n % 2 == 0 else new(one) for n, one in enumerate(items)]
    todo = left_of(standings)
    sent = [one.identity for work in todo.works for one in work.items]
    named = [record.item.identity for record in todo.records]
    assert sorted(sent + named) == sorted(one.identity for one in items)


@pytest.mark.parametrize(
    ("standing", "unknown"),
    [
        (new(item(1)), False),
        (has(item(1), Outcome.FAILED), False),
        (open_call(item(1), a_call(item(1))), True),
        (open_call(item(1), a_call(item(1)), answer=None), True),
        (open_call(item(1), a_call(item(1)), answer="throttled"), False),
        (open_call(item(1), a_call(item(1)), answer="unauthorized"), False),
        (open_call(item(1), a_call(item(1)), KeyState.BURNT, answer="refused"), True),
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
