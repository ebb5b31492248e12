"""What the record and the ledger say of a key in doubt once the tenant has been asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from support.engine import START, TENANT, item
from zbatch.engine.age import Clocks
from zbatch.engine.conclusion import after_rest, ask_from, rest_until
from zbatch.engine.conclusion import decided as decided_by_a_person
from zbatch.engine.judge import unknown_records
from zbatch.engine.kinds import Kind
from zbatch.engine.order import Work
from zbatch.engine.question import Seen
from zbatch.engine.settings import Acceptance
from zbatch.engine.steps import Facts, Left, Renewed, Rest, Settled, Step, finding
from zbatch.model import (
    Attempt,
    Baseline,
    Draft,
    IfAbsent,
    Invoice,
    ItemRecord,
    Outcome,
    Problem,
    Trail,
)
from zbatch.zuora.request import make_call

HOUR = timedelta(hours=1)
A, B = "a" * 32, "b" * 32
BASELINE = Baseline(START - 48 * HOUR, (), ())
TROUBLE = Problem("TIMEOUT", "no answer")


def facts(server: datetime | None = None, **fields: Any) -> Facts:
    return Facts(Clocks(START, None, server), HOUR, **fields)


def burnt(*attempts: Attempt, trail: Trail | None = None, hours: float = 2.0) -> Work:
    """Make a work whose key is burnt, sent that many hours ago unless `attempts` says otherwise."""
    one = item(1)
    sent = attempts or (an_attempt(hours, problem=TROUBLE),)
    held = trail or Trail(BASELINE, if_absent=IfAbsent.RENEW)
    call = make_call(TENANT, [one], 0)
    return Work(0, (one,), 0, call=call, attempts=sent, trails=(held,), burnt=True)


def an_attempt(hours: float, kind: Kind | None = Kind.ROWS, number: int = 1, **f: Any) -> Attempt:
    began = START - timedelta(hours=hours)
    answer = kind.value if kind else None
    return Attempt(number, began, f"track-{number}", answer=answer, **f)


def an_invoice(invoice_id: str = A, **fields: Any) -> Invoice:
    values = {"status": "Posted", "source": "API", "created_at": START - 2 * HOUR, **fields}
    return Invoice(invoice_id, "1" * 32, target_date=item(1).identity.target_date, **values)


def seen(*invoices: Invoice, drafts: tuple[Draft, ...] = ()) -> Seen:
    return Seen(START, invoices, drafts)


def concluded(work: Work, shown: Seen | None = None, known: Facts | None = None) -> Step:
    (step,) = after_rest(work, (shown or seen(),), known or facts())
    return step


def record_of(step: Step) -> ItemRecord:
    assert isinstance(step, Settled | Left)
    return step.record


# What nothing leaves behind


def test_a_key_found_void_says_when_the_tenant_was_asked() -> None:
    """R1: the evidence under which the next key is minted names the question."""
    step = concluded(burnt())
    assert step == Renewed("question of 2026-11-30T22:00:00Z: nothing was created", IfAbsent.RENEW)


@pytest.mark.parametrize(
    ("if_absent", "outcome"),
    [(IfAbsent.FAIL, Outcome.FAILED), (IfAbsent.NOTHING, Outcome.NOTHING_TO_BILL)],
)
@pytest.mark.parametrize("problem", [TROUBLE, None])
def test_what_nothing_settles_keeps_the_servers_last_word(
    if_absent: IfAbsent, outcome: Outcome, problem: Problem | None
) -> None:
    """The report says why: with the last problem, or that no answer was recorded."""
    work = burnt(an_attempt(2, problem=problem), trail=Trail(BASELINE, if_absent=if_absent))
    step = concluded(work)
    assert isinstance(step, Settled)
    assert step.evidence == "question of 2026-11-30T22:00:00Z: nothing was created"
    assert step.record.outcome is outcome
    assert step.record.error is not None
    assert step.record.error.code == (problem.code if problem else "NO_ANSWER")


def test_a_key_that_still_rests_says_what_is_known_of_it() -> None:
    """R6: its last problem where the server gave one, else that no answer was recorded."""
    for problem, code in ((TROUBLE, "TIMEOUT"), (None, "NO_ANSWER")):
        step = concluded(burnt(an_attempt(0.5, problem=problem)))
        assert isinstance(step, Rest)
        assert step.until == START + HOUR / 2
        assert step.problem.code == code


@pytest.mark.parametrize(
    ("kinds", "unsure"), [((Kind.LOST, Kind.ROWS), True), ((Kind.ROWS,), False)]
)
def test_a_refusal_after_a_lost_reply_says_why_it_is_no_failure_yet(
    kinds: tuple[Kind, ...], unsure: bool
) -> None:
    """R4: beside Zuora's refusal stands that an earlier send may have billed it all the same."""
    refusal = Problem("INVALID_VALUE", "the account status is Canceled.")
    sends = [an_attempt(0.5, kind, n, problem=refusal) for n, kind in enumerate(kinds, 1)]
    said = "the account status is Canceled"
    told = f"{said}; what an earlier send of it did is not known" if unsure else f"{said}."
    work = burnt(*sends)
    step = concluded(work)
    assert isinstance(step, Rest)
    assert step.problem == Problem("INVALID_VALUE", told)
    (unknown,) = unknown_records(work)
    assert unknown.error == step.problem
    rested = [replace(one, started_at=START - 2 * HOUR) for one in sends]
    failing = Trail(BASELINE, if_absent=IfAbsent.FAIL)
    assert record_of(concluded(burnt(*rested, trail=failing))).error == refusal


def test_a_young_key_with_nothing_there_says_that_a_run_settles_it() -> None:
    """R5: zbatch reconcile leaves it, and names the command that sends it again."""
    work = replace_burnt(burnt(an_attempt(2, Kind.LOST)))
    error = record_of(concluded(work, known=facts(read_only=True))).error
    assert error is not None
    assert error.code == "IN_DOUBT"
    assert error.message.startswith("question of 2026-11-30T22:00:00Z: nothing is there")
    assert error.message.endswith("zbatch run sends it again under the same key")


@pytest.mark.parametrize(
    ("beside", "then"),
    [
        (an_invoice(), "zbatch run settles it"),
        (
            an_invoice(status="Odd"),
            "zbatch run goes on with it once another item of its call can be settled",
        ),
        (None, "zbatch run sends it again under the same key"),
    ],
)
def test_a_key_that_a_neighbour_has_settled_is_said_to_be_settled_not_sent(
    beside: Invoice | None, then: str
) -> None:
    """R12: a call is sent whole or not at all, so what is left of one is settled by question."""
    items = (item(1), item(2))
    call = make_call(TENANT, items, 0)
    trails = (Trail(BASELINE, if_absent=IfAbsent.RENEW),) * 2
    work = Work(0, items, 0, call=call, attempts=(an_attempt(2, Kind.LOST),), trails=trails)
    other = replace(beside, account_id=items[0].identity.account_id) if beside else None
    _, step = after_rest(work, (seen(other) if other else seen(), seen()), facts(read_only=True))
    error = record_of(step).error
    assert error is not None
    assert error.code == "IN_DOUBT"
    assert error.message.endswith(f"nothing is there; {then}")


def replace_burnt(work: Work) -> Work:
    work.burnt = False
    return work


def test_a_key_and_its_answers_go_together_or_nothing_is_concluded() -> None:
    """R12: one answer for each item of the call, never fewer and never more."""
    for answers in ((), (seen(), seen())):
        with pytest.raises(ValueError, match="zip"):
            after_rest(burnt(), answers, facts())


# Who was still at work


@pytest.mark.parametrize(
    ("kinds", "waits"),
    [
        ((Kind.LOST, Kind.CONFLICT), True),
        ((Kind.CONFLICT, Kind.THROTTLED), True),
        ((Kind.CONFLICT, Kind.UNAUTHORIZED), True),
        ((Kind.CONFLICT, Kind.LIMIT_IN_SUCCESS), True),
        ((Kind.CONFLICT, Kind.LOGIN_IN_SUCCESS), True),
        ((Kind.CONFLICT, Kind.BUSY), True),
        ((Kind.CONFLICT, Kind.LOST), True),
        ((Kind.CONFLICT, None), True),
        ((Kind.CONFLICT, *[Kind.SERVER_ERROR] * 4), True),
        ((Kind.CONFLICT, *[Kind.UNREADABLE] * 2), True),
        ((Kind.CONFLICT, Kind.REFUSED), True),
        ((Kind.CONFLICT, Kind.ROWS), False),
        ((Kind.SERVER_ERROR,), False),
        ((Kind.THROTTLED,), False),
    ],
)
def test_a_409_is_the_last_word_on_a_key_whatever_a_gateway_says(
    kinds: tuple[Kind | None, ...], waits: bool
) -> None:
    """R9b: while the server itself is at work, nothing there proves nothing."""
    attempts = [an_attempt(2, kind, number) for number, kind in enumerate(kinds, 1)]
    step = concluded(burnt(*attempts))
    assert isinstance(step, Left) is waits


def test_an_attempt_that_never_left_is_no_word_on_a_key() -> None:
    """A 409 before it still counts, and an answer kept with it by mistake does not."""
    unsent = an_attempt(2, Kind.SERVER_ERROR, 2, sent=False)
    assert isinstance(concluded(burnt(an_attempt(2, Kind.CONFLICT), unsent)), Left)
    odd = an_attempt(2, Kind.CONFLICT, 2, sent=False)
    assert isinstance(concluded(burnt(an_attempt(2, Kind.LOST), odd)), Renewed)


@pytest.mark.parametrize(("code", "waits"), [("NO_PERMISSION", True), ("70", True), ("X", False)])
def test_rows_said_at_the_door_are_no_word_on_a_key(code: str, waits: bool) -> None:
    """R9b: the server may be at work as before; rows of the item itself end that."""
    rows = an_attempt(2, Kind.ROWS, 2, problem=Problem(code, "no"))
    assert isinstance(concluded(burnt(an_attempt(2, Kind.CONFLICT), rows)), Left) is waits


# How long a key rests


def test_a_key_of_which_nothing_left_rests_from_its_intent_on() -> None:
    """R6: where no attempt was sent, the recorded ones are all there is to count from."""
    work = burnt(an_attempt(0.5, Kind.UNSENT, sent=False, server_date=START - HOUR / 2))
    assert rest_until(work, facts()) == START + HOUR / 2
    assert rest_until(work, facts(server=START)) == START + HOUR / 2


def test_an_attempt_that_never_left_lengthens_no_rest() -> None:
    """R6: only what may have been executed has to be waited for, by whichever clock."""
    lost = an_attempt(2, Kind.LOST, server_date=START - 2 * HOUR)
    unsent = an_attempt(0, Kind.UNSENT, 2, sent=False, server_date=START)
    assert rest_until(burnt(lost, unsent), facts(server=START)) == START - HOUR


def test_a_send_of_this_very_moment_is_not_from_the_future() -> None:
    """R7: our clock counts beside the server's unless it reads less than the send's own stamp."""
    work = burnt(an_attempt(0, server_date=START - HOUR))
    assert rest_until(work, facts(server=START)) == START + HOUR
    ahead = burnt(an_attempt(-0.001, server_date=START - HOUR))
    assert rest_until(ahead, facts(server=START)) == START
    assert ask_from(work, facts()) == START + HOUR
    assert ask_from(ahead, facts()) == START


# What people decide


def decided(work: Work, shown: Seen) -> Step:
    accepted = {item(1).identity: Acceptance(item(1).identity, A, "FIN-7")}
    return concluded(work, shown, facts(accepted=accepted))


def test_an_accepted_invoice_is_recorded_with_the_persons_reason() -> None:
    """R9b: ledger and report say that a person decided, and why."""
    step = decided(burnt(), seen(an_invoice(), an_invoice(B)))
    assert isinstance(step, Settled)
    assert step.evidence == "accepted by a person: FIN-7"
    assert (step.record.outcome, step.record.invoice_id) == (Outcome.INVOICED, A)
    assert step.record.error == Problem("ACCEPTED", "decided by a person: FIN-7")


def test_an_accepted_invoice_that_is_not_shown_is_named() -> None:
    """The item stays unknown, and the report says which invoice was looked for."""
    record = record_of(decided(burnt(), seen(an_invoice(B))))
    assert (record.outcome, record.item) == (Outcome.UNKNOWN, item(1))
    assert record.error is not None
    assert record.error.code == "NOT_SHOWN"
    assert A in record.error.message


def test_an_invoice_that_pays_for_another_item_is_not_accepted() -> None:
    """R9b: one invoice bills one item, whoever says otherwise; the item stays unknown."""
    credited = Trail(BASELINE, credited=frozenset({A}), if_absent=IfAbsent.RENEW)
    step = decided(burnt(trail=credited), seen(an_invoice()))
    assert isinstance(step, Left)
    assert (step.record.outcome, step.record.item) == (Outcome.UNKNOWN, item(1))
    assert step.record.idempotency_key == make_call(TENANT, [item(1)], 0).key
    assert step.record.error is not None
    assert step.record.error.code == "CREDITED"
    assert A in step.record.error.message
    bare = replace(credited, baseline=None)
    assert isinstance(decided(burnt(trail=bare), seen(an_invoice())), Left)


def test_a_draft_that_pays_for_another_item_too_may_be_accepted() -> None:
    """What was there as a draft before the send can hold the charges of both."""
    draft = Draft(A, "9.00", START - 50 * HOUR)
    held = Baseline(BASELINE.asked_at, (), (draft,))
    trail = Trail(held, credited=frozenset({A}), if_absent=IfAbsent.RENEW)
    record = record_of(decided(burnt(trail=trail), seen(an_invoice())))
    assert (record.outcome, record.invoice_id) == (Outcome.INVOICED, A)


def test_a_draft_that_may_hold_the_charges_is_remembered() -> None:
    """R9b: posted, it would not be shown any more, and its key would be called void."""
    draft = Draft(B, "9.00", START - HOUR, START - 2 * HOUR)
    work = burnt()
    step = concluded(work, seen(drafts=(draft,)))
    assert isinstance(step, Left)
    kept = finding(work, item(1), step)
    assert kept is not None
    assert (kept.key, kept.effect, kept.baseline) == (None, None, step.baseline)
    trail = Trail(kept.baseline, if_absent=IfAbsent.RENEW)
    for later in (seen(), seen(drafts=(draft,))):
        again = concluded(burnt(trail=trail), later)
        assert isinstance(again, Left)
        assert finding(work, item(1), again) is None
    decided = facts(accepted={item(1).identity: Acceptance(item(1).identity, B, "FIN-9")})
    credited = replace(trail, credited=frozenset({B}))
    known = concluded(burnt(trail=credited), seen(drafts=(draft,)), decided)
    assert record_of(known).outcome is Outcome.INVOICED


def test_an_invoice_whose_author_is_not_proved_says_so() -> None:
    """The report tells an auditor why it is not called ours."""
    step = concluded(burnt(), seen(an_invoice(source="BillRun")))
    assert isinstance(step, Settled)
    assert step.record.outcome is Outcome.ALREADY_INVOICED
    assert step.record.error is not None
    assert step.record.error.code == "AUTHOR_NOT_PROVED"
    assert "not proved" in step.record.error.message


def test_what_a_key_made_within_the_rest_of_its_own_spec_is_its_own() -> None:
    """A run whose `settle` is shorter takes no invoice from a key that was sent under a longer."""
    work = burnt()
    work.settle = HOUR.total_seconds()
    late = an_invoice(created_at=START - 2 * HOUR + timedelta(minutes=10))
    record = record_of(
        concluded(work, seen(late), Facts(Clocks(START, None), timedelta(minutes=5)))
    )
    assert (record.outcome, record.invoice_id) == (Outcome.INVOICED, A)


@pytest.mark.parametrize(
    ("error", "by_a_person"),
    [
        (None, False),
        (Problem("ACCEPTED", "FIN-1"), True),
        (Problem("AUTHOR_NOT_PROVED", ""), False),
    ],
)
def test_what_a_person_has_decided(error: Problem | None, by_a_person: bool) -> None:
    """It is known by the reason that the record keeps, and by no other note on it."""
    record = ItemRecord(item(1), Outcome.INVOICED, A, error=error)
    assert decided_by_a_person(record) is by_a_person


# What was shown before


@pytest.mark.parametrize(
    ("status", "code"), [("Generating", "GENERATING"), ("Odd", "INVOICE_STATUS")]
)
def test_what_leaves_a_key_in_doubt_is_remembered(status: str, code: str) -> None:
    """R9b: a later answer that does not show it may be an old copy's; nothing shown is nothing."""
    step = concluded(burnt(), seen(an_invoice(status=status)))
    assert isinstance(step, Left)
    assert step.record.error is not None
    assert (step.record.error.code, step.baseline) == (code, replace(BASELINE, shown=(A,)))
    bare = burnt(trail=Trail(if_absent=IfAbsent.RENEW))
    for work, shown in ((bare, seen(an_invoice(status=status))), (still_executing(), seen())):
        step = concluded(work, shown)
        assert isinstance(step, Left)
        assert step.baseline is None


def still_executing() -> Work:
    return burnt(an_attempt(2, Kind.CONFLICT))


def test_what_was_shown_is_gone_once_two_looks_have_missed_it() -> None:
    """R9b: the first look begins a rest, which the ledger keeps; canceled is gone at once."""
    trail = Trail(replace(BASELINE, shown=(A,)), if_absent=IfAbsent.RENEW)
    work = burnt(trail=trail)
    step = concluded(work)
    assert step == Rest(
        START + HOUR,
        Problem("PERHAPS_GONE", f"the tenant does not show invoice {A} now"),
        missed=True,
    )
    kept = finding(work, item(1), step)
    assert kept is not None
    assert kept.rests_until == START + HOUR
    again = burnt(trail=replace(trail, rests_until=START + HOUR / 2))
    step = concluded(again)
    assert isinstance(step, Rest)
    assert step.until == START + HOUR / 2
    assert finding(again, item(1), step) is None
    assert isinstance(concluded(burnt(trail=replace(trail, rests_until=START))), Renewed)
    assert isinstance(concluded(work, seen(an_invoice(status="Canceled"))), Renewed)
    settled = concluded(work, seen(an_invoice()))
    assert isinstance(settled, Settled)
    assert settled.record.outcome is Outcome.INVOICED
