"""What a key leaves behind under which nothing was ever sent: nothing but its evidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from support.engine import item
from support.plans import NOON, a_call, a_plan, a_record, a_send, an_attempt, left, settled
from support.standing import standing
from zbatch.errors import LedgerFailure
from zbatch.ledger.extract import extract
from zbatch.ledger.store import Store
from zbatch.model import (
    Baseline,
    Call,
    Charges,
    Effect,
    Finding,
    Item,
    ItemRecord,
    KeyState,
    Outcome,
    Result,
)

RUN, LATER = "20261130T120000Z-0000", "20261130T130000Z-1111"
HOUR = timedelta(hours=1)
TRIED_AGAIN = [Outcome.FAILED, Outcome.NOTHING_TO_BILL]


def came_to(store: Store, one: Item, outcome: Outcome) -> ItemRecord:
    """Let an item come to an outcome that a person may have tried again."""
    call = a_call(one)
    store.begin(RUN, [a_send(call)], NOON)
    store.finish(RUN, [settled(call, outcome)], NOON)
    record = standing(store, one).record
    assert record is not None
    return record


def never_sent(call: Call, before: ItemRecord | None = None, number: int = 1) -> Result:
    """Take back an attempt of which it is proved that nothing left."""
    attempt = an_attempt(number, answer="unsent", sent=False, finished_at=NOON)
    effect = Effect(KeyState.LIVE, "", restored=before)
    return Result(call, attempt, (effect,) * len(call.items))


def tried_in_vain(store: Store, one: Item, call: Call) -> None:
    """Begin to try an outcome again, as a later run, and take it back."""
    before = standing(store, one).trail.before
    store.start_run(LATER, a_plan([one]), NOON + HOUR)
    store.begin(LATER, [a_send(call)], NOON + HOUR)
    assert standing(store, one).record is None
    store.finish(LATER, [never_sent(call, before)], NOON + HOUR)


def evidence(store: Store, one: Item) -> list[tuple[int, str, str | None]]:
    """Give the keys of an item as an auditor sees them: generation, state and evidence."""
    keys = extract(store._connection, "keys", RUN)
    mine = [key for key in keys if key["account_id"] == one.identity.account_id]
    return [(key["generation"], key["state"], key["evidence"]) for key in mine]


@pytest.mark.parametrize("outcome", TRIED_AGAIN)
def test_an_outcome_whose_retry_never_left_is_the_one_it_was(
    store: Store, items: list[Item], outcome: Outcome
) -> None:
    """R10: all of the record is back, with its run, and no key of the item is in the way."""
    record = came_to(store, items[0], outcome)
    tried_in_vain(store, items[0], a_call(items[0], generation=1))
    held = standing(store, items[0])
    assert held.record == record
    assert held.call is None
    assert (held.generation, held.attempts) == (2, 1)
    assert held.trail.before == record
    assert [one.record for one in store.unsettled()] == [record]


def test_a_failure_without_a_reason_is_restored_too(store: Store, items: list[Item]) -> None:
    """A ledger of old may hold one; it stays as it was."""
    call = a_call(items[0])
    store.begin(RUN, [a_send(call)], NOON)
    failed = a_record(items[0], Outcome.FAILED, error=None)
    effect = Effect(KeyState.SETTLED, "row", failed)
    store.finish(RUN, [Result(call, an_attempt(answer="rows"), (effect,))], NOON)
    record = standing(store, items[0]).record
    tried_in_vain(store, items[0], a_call(items[0], generation=1))
    assert standing(store, items[0]).record == record


def test_what_has_failed_is_held_with_the_payload_that_has_failed(
    store: Store, items: list[Item]
) -> None:
    """R13: the new invoice date was never sent, so the spec still asks for another than is held."""
    came_to(store, items[0], Outcome.FAILED)
    mended = replace(items[0], invoice_date=date(2026, 12, 1), charges=Charges(usage=False))
    tried_in_vain(store, mended, a_call(mended, generation=1))
    held = standing(store, mended)
    assert held.payload_changed
    assert held.was == items[0]
    assert not standing(store, items[0]).payload_changed


def test_a_failed_date_whose_retry_never_left_holds_back_the_later_ones(store: Store) -> None:
    """R10: until a later date is invoiced, as for any failure."""
    early, late = item(1, 10), item(1, 20)
    store.start_run("20261130T110000Z-2222", a_plan([early, late]), NOON)
    came_to(store, early, Outcome.FAILED)
    tried_in_vain(store, early, a_call(early, generation=1))
    (earlier,) = standing(store, late).earlier
    assert (earlier.item, earlier.outcome, earlier.call) == (early, Outcome.FAILED, None)
    call = a_call(late)
    store.begin(LATER, [a_send(call)], NOON)
    store.finish(LATER, [settled(call, Outcome.INVOICED)], NOON)
    assert standing(store, late).earlier == ()
    assert standing(store, early).later_invoiced == late.identity.target_date


def test_a_key_that_leaves_after_all_is_in_doubt_without_the_old_outcome(
    store: Store, items: list[Item]
) -> None:
    """R3: with the next intent of the same key nobody knows any more that nothing left."""
    came_to(store, items[0], Outcome.FAILED)
    call = a_call(items[0], generation=1)
    tried_in_vain(store, items[0], call)
    store.begin(LATER, [a_send(call, 2)], NOON + HOUR)
    held = standing(store, items[0])
    assert held.record is None
    assert held.call is not None
    assert (held.call.call, held.call.never_left) == (call, False)
    assert held.trail.before is None


def test_an_open_key_that_may_have_left_is_seen_beside_any_outcome(
    store: Store, items: list[Item]
) -> None:
    """R3: doubt is never hidden by what the item had come to, however that came about."""
    came_to(store, items[0], Outcome.FAILED)
    call = a_call(items[0], generation=1)
    tried_in_vain(store, items[0], call)
    lost = an_attempt(answer="lost", finished_at=NOON)
    store.finish(LATER, [Result(call, lost, (Effect(KeyState.LIVE, ""),))], NOON + HOUR)
    held = standing(store, items[0])
    assert held.record is not None
    assert held.call is not None
    assert held.call.call == call


def test_the_next_key_takes_the_place_of_one_that_never_left(
    store: Store, items: list[Item]
) -> None:
    """R1: the ledger holds with the new intent why the old key is settled."""
    came_to(store, items[0], Outcome.FAILED)
    tried_in_vain(store, items[0], a_call(items[0], generation=1))
    call = a_call(items[0], generation=2)
    store.begin(LATER, [a_send(call)], NOON + HOUR)
    held = standing(store, items[0])
    assert held.call is not None
    assert held.call.call == call
    given_up = (1, "settled", "never left, and the next key takes its place")
    assert evidence(store, items[0]) == [(0, "settled", "row"), given_up, (2, "live", None)]


def test_a_call_that_never_left_takes_another_payload_under_the_next_key(
    store: Store, items: list[Item]
) -> None:
    """R13: one of its items goes on alone; the others' key stays as it is."""
    together = a_call(*items)
    store.begin(RUN, [a_send(together)], NOON)
    store.finish(RUN, [never_sent(together)], NOON)
    held = standing(store, items[0]).call
    assert held is not None
    assert held.never_left
    mended = replace(items[0], invoice_date=date(2026, 12, 1))
    store.begin(RUN, [a_send(a_call(mended, generation=1))], NOON)
    assert not standing(store, mended).payload_changed
    other = standing(store, items[1]).call
    assert other is not None
    assert other.states == (KeyState.SETTLED, KeyState.LIVE, KeyState.LIVE)


@pytest.mark.parametrize("before", ["nothing", "unsent"])
@pytest.mark.parametrize("answer", [None, "lost", "throttled"])
def test_no_key_takes_the_place_of_one_that_may_have_left(
    store: Store, items: list[Item], before: str, answer: str | None
) -> None:
    """R1: an answer to each send proves nothing here; only that there was no send does."""
    call, number = a_call(items[0]), 1
    store.begin(RUN, [a_send(call)], NOON)
    if before == "unsent":
        store.finish(RUN, [never_sent(call)], NOON)
        number = 2
        store.begin(RUN, [a_send(call, number)], NOON)
    if answer:
        attempt = an_attempt(number, answer=answer, finished_at=NOON)
        store.finish(RUN, [Result(call, attempt, (Effect(KeyState.LIVE, ""),))], NOON)
    with pytest.raises(LedgerFailure):
        store.begin(RUN, [a_send(a_call(items[0], generation=1))], NOON)


@pytest.mark.parametrize("state", [KeyState.SETTLED, KeyState.BURNT])
def test_a_key_that_is_not_live_is_not_sent_again(
    store: Store, items: list[Item], state: KeyState
) -> None:
    """R6: whoever asks for it, the ledger takes no intent of it."""
    came_to(store, items[0], Outcome.FAILED)
    call = a_call(items[0], generation=1)
    store.begin(RUN, [a_send(call)], NOON)
    store.finish(RUN, [left(call, state) if state is KeyState.BURNT else settled(call, None)], NOON)
    with pytest.raises(LedgerFailure):
        store.begin(RUN, [a_send(call, 2)], NOON)


def test_a_key_of_what_has_an_invoice_is_not_sent_again(store: Store, items: list[Item]) -> None:
    """It never left, and a question has found the invoice since: the item has one already."""
    came_to(store, items[0], Outcome.FAILED)
    call = a_call(items[0], generation=1)
    tried_in_vain(store, items[0], call)
    there = replace(a_record(items[0], Outcome.ALREADY_INVOICED), idempotency_key=None)
    effect = Effect(KeyState.SETTLED, "", there)
    store.finish(RUN, [], NOON, [Finding(items[0], effect=effect)])
    with pytest.raises(LedgerFailure):
        store.begin(RUN, [a_send(call, 2)], NOON)


def test_a_key_that_a_question_has_settled_gives_the_outcome_back(
    store: Store, items: list[Item]
) -> None:
    """R9b: it has created nothing, so the retry has come to nothing yet."""
    record = came_to(store, items[0], Outcome.FAILED)
    call = a_call(items[0], generation=1)
    store.begin(RUN, [a_send(call)], NOON)
    store.finish(RUN, [left(call, KeyState.BURNT)], NOON)
    effect = Effect(KeyState.SETTLED, "nothing was created", restored=record)
    store.finish(RUN, [], NOON, [Finding(items[0], key=call.key, effect=effect)])
    assert standing(store, items[0]).record == record


def test_no_outcome_takes_the_place_of_an_invoice(store: Store, items: list[Item]) -> None:
    """Whoever asks for it: what is invoiced stays invoiced."""
    failed = came_to(store, items[0], Outcome.FAILED)
    call = a_call(items[0], generation=1)
    store.begin(RUN, [a_send(call)], NOON)
    store.finish(RUN, [settled(call, Outcome.INVOICED)], NOON)
    effect = Effect(KeyState.SETTLED, "question", restored=failed)
    with pytest.raises(LedgerFailure):
        store.finish(RUN, [], NOON, [Finding(items[0], effect=effect)])


def test_why_a_key_was_settled_is_never_written_anew(store: Store, items: list[Item]) -> None:
    """R1: the evidence of one that a question has settled unsent stays what it is."""
    call = a_call(items[0])
    store.begin(RUN, [a_send(call)], NOON)
    store.finish(RUN, [never_sent(call)], NOON)
    effect = Effect(KeyState.SETTLED, "never executed, and its call is not sent again")
    store.finish(RUN, [], NOON, [Finding(items[0], key=call.key, effect=effect)])
    store.begin(RUN, [a_send(a_call(items[0], generation=1))], NOON)
    assert evidence(store, items[0]) == [(0, "settled", effect.evidence), (1, "live", None)]


def test_what_is_open_again_has_no_key_of_before(store: Store, items: list[Item]) -> None:
    """R13: what that one would have sent need not be what is asked for by now."""
    came_to(store, items[0], Outcome.NOTHING_TO_BILL)
    tried_in_vain(store, items[0], a_call(items[0], generation=1))
    there = replace(a_record(items[0], Outcome.ALREADY_INVOICED), idempotency_key=None)
    found = Finding(items[0], effect=Effect(KeyState.SETTLED, "there", there))
    store.finish(LATER, [], NOON, [found])
    held = standing(store, items[0])
    assert (held.record and held.record.outcome, held.call) == (Outcome.ALREADY_INVOICED, None)
    assert held.trail.before is None
    gone = Finding(items[0], baseline=Baseline(NOON, (), ()), reopen=True)
    store.finish(LATER, [], NOON, [gone])
    held = standing(store, items[0])
    assert (held.record, held.call, held.generation) == (None, None, 2)
