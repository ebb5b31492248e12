"""What the tenant's invoices say of an item: before a send, and after doubt."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from zbatch.engine.kinds import Kind
from zbatch.engine.question import (
    BEFORE_FIRST_SEND,
    COUNTS,
    GENERATING,
    GRAIN,
    MOST_RENEWALS,
    NEVER_COUNTS,
    ONE_CALL,
    UNANSWERED,
    Absent,
    Claimed,
    Conclusion,
    Doubt,
    Foreign,
    Generating,
    Nothing,
    Odd,
    Seen,
    There,
    Undecided,
    conclude,
    look,
    rested,
)
from zbatch.model import Attempt, Baseline, Draft, IfAbsent, Invoice, Trail

SENT = datetime(2026, 11, 30, 22, 0, tzinfo=UTC)
ASKED = datetime(2026, 12, 1, 22, 0, tzinfo=UTC)
SETTLE = timedelta(minutes=60)
SECOND = timedelta(seconds=1)
A, B, C = "a" * 32, "b" * 32, "c" * 32


def an_invoice(invoice_id: str = A, **fields: Any) -> Invoice:
    values = {
        "status": "Posted",
        "target_date": date(2026, 11, 30),
        "number": "INV-1",
        "source": "API",
        "amount": "10.00",
        "created_at": SENT + SECOND,
        **fields,
    }
    return Invoice(invoice_id, "1" * 32, **values)


def seen(*invoices: Invoice, drafts: tuple[Draft, ...] = ()) -> Seen:
    return Seen(ASKED, invoices, drafts)


def a_baseline(*ids: str, drafts: tuple[Draft, ...] = ()) -> Baseline:
    return Baseline(SENT - timedelta(minutes=1), ids, drafts)


def an_attempt(after: timedelta = timedelta(), answer: Kind | None = Kind.LOST) -> Attempt:
    return Attempt(1, SENT + after, "track", answer=answer.value if answer else None)


def a_doubt(*attempts: Attempt, trail: Trail | None = None, conflict: bool = False) -> Doubt:
    trail = trail or Trail(a_baseline(), if_absent=IfAbsent.RENEW)
    return Doubt(attempts or (an_attempt(),), trail, SETTLE, conflict)


def code_of(conclusion: Conclusion) -> str:
    assert isinstance(conclusion, Undecided), conclusion
    return conclusion.problem.code


# Before a send


def test_what_counts_is_what_the_rules_name() -> None:
    """R8: drafts, posted and approval states are there; canceled and failed ones never are."""
    assert {"Draft", "Posted", "PendingApproval", "Pending Approval", "Approved"} == COUNTS
    assert {"Canceled", "Cancelled", "Error"} == NEVER_COUNTS
    assert GENERATING == "Generating"


@pytest.mark.parametrize("status", sorted(COUNTS))
@pytest.mark.parametrize("source", ["API", "BillRun", "CustomerInvoice", None])
def test_an_invoice_that_counts_is_there_whoever_made_it(status: str, source: str | None) -> None:
    """R9a: nothing is sent for what somebody has billed already."""
    there = look(seen(an_invoice(status=status, source=source)), Trail(a_baseline()))
    assert there == There((A,))


@pytest.mark.parametrize("status", [*sorted(NEVER_COUNTS)])
def test_a_canceled_invoice_is_not_there(status: str) -> None:
    """R8: what was canceled or has failed bills nobody."""
    assert look(seen(an_invoice(status=status)), Trail()) == Nothing()


@pytest.mark.parametrize("status", [*sorted(COUNTS), "Nonsense"])
def test_a_temporary_invoice_is_not_there(status: str) -> None:
    """R8: a TMP- number is that of no invoice yet, unless it says that it is being generated."""
    assert look(seen(an_invoice(status=status, number="TMP-0001")), Trail()) == Nothing()
    assert look(seen(an_invoice(status="Posted", number=None)), Trail()) == There((A,))


TOOK = timedelta(seconds=10)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("took", "apart", "there"),
    [
        (TOOK, timedelta(), False),
        (TOOK, TOOK + GRAIN, False),
        (TOOK, TOOK + GRAIN + SECOND, True),
        (2 * ONE_CALL, ONE_CALL, False),
        (2 * ONE_CALL, ONE_CALL + SECOND, True),
        (None, timedelta(), True),
    ],
)
def test_what_the_lower_revision_made_is_not_there_for_the_higher(
    took: timedelta | None, apart: timedelta, there: bool, sign: int
) -> None:
    """A generate names only the first of several invoices: the others arose beside it."""
    trail = Trail(a_baseline(), of_lower=frozenset({B}), lower_took=took)
    named = an_invoice(B, status="Canceled", created_at=SENT)
    found = look(seen(named, an_invoice(created_at=SENT + sign * apart)), trail)
    assert found == (There((A,)) if there else Nothing())
    assert look(seen(named, an_invoice(created_at=None)), trail) == There((A,))


@pytest.mark.parametrize("named", [None, an_invoice(B, created_at=None), an_invoice(C)])
def test_nothing_is_the_lower_revisions_of_which_no_named_invoice_tells(
    named: Invoice | None,
) -> None:
    """It is deleted, or its time is not told: what is there holds the higher revision back."""
    trail = Trail(a_baseline(), of_lower=frozenset({B}), lower_took=TOOK)
    shown = [one for one in (named, an_invoice()) if one]
    found = look(seen(*shown), trail)
    assert isinstance(found, There)
    assert A in found.ids


@pytest.mark.parametrize(
    ("known", "status", "settled"),
    [
        ((), "Posted", False),
        ((A,), "Posted", True),
        (None, "Posted", False),
        ((), "Canceled", True),
    ],
)
def test_what_may_be_either_revisions_settles_no_doubt(
    known: tuple[str, ...] | None, status: str, settled: bool
) -> None:
    """It fits the lower one's call, and was not there when this key was sent: it may be its own."""
    trail = Trail(
        None if known is None else a_baseline(*known),
        of_lower=frozenset({B}),
        lower_took=TOOK,
        if_absent=IfAbsent.RENEW,
    )
    shown = seen(an_invoice(B), an_invoice(status=status))
    conclusion = conclude(shown, a_doubt(trail=trail))
    assert isinstance(conclusion, Absent) is settled
    if isinstance(conclusion, Undecided):
        assert conclusion.problem.code == "SEVERAL_INVOICES"
        assert A in conclusion.problem.message


@pytest.mark.parametrize(("source", "there"), [(None, False), ("", False), ("BillRun", True)])
def test_what_others_made_beside_the_lower_revision_is_there(
    source: str | None, there: bool
) -> None:
    """No generate of ours makes what the tenant says a bill run or a person has made."""
    trail = Trail(a_baseline(), of_lower=frozenset({B}), lower_took=TOOK)
    found = look(seen(an_invoice(B), an_invoice(source=source)), trail)
    assert found == (There((A,)) if there else Nothing())


@pytest.mark.parametrize("status", ["Nonsense", "posted", "DRAFT", "Reversed", "generating"])
def test_an_unknown_status_is_said_and_nothing_concluded(status: str) -> None:
    """R8: a status that we do not know may mean anything."""
    there = look(seen(an_invoice(B), an_invoice(status=status)), Trail(a_baseline()))
    assert isinstance(there, Odd)
    assert there.problem.code == "INVOICE_STATUS"
    assert A in there.problem.message
    assert status in there.problem.message
    assert code_of(conclude(seen(an_invoice(status=status)), a_doubt())) == "INVOICE_STATUS"


def test_what_is_generating_is_there_and_not_yet_known() -> None:
    """R8: exists, wait; also beside another that is finished."""
    there = look(seen(an_invoice(), an_invoice(B, status=GENERATING)), Trail(a_baseline()))
    assert there == Generating((B,))
    assert code_of(conclude(seen(an_invoice(status=GENERATING)), a_doubt())) == "GENERATING"


def test_what_is_generating_under_a_temporary_number_is_awaited() -> None:
    """R8: a large account's invoice gets its own number once it is finished; it is no absence."""
    unfinished = seen(an_invoice(status=GENERATING, number="TMP-INV-A1"))
    assert look(unfinished, Trail(a_baseline())) == Generating((A,))
    assert code_of(conclude(unfinished, a_doubt())) == "GENERATING"
    assert look(unfinished, Trail(a_baseline(), of_lower=frozenset({A}))) == Nothing()


@pytest.mark.parametrize("status", ["Posted", GENERATING, "Nonsense"])
def test_what_was_there_before_or_is_a_lower_revisions_is_not_ours(status: str) -> None:
    """R9: only what is beyond the baseline, and credited to no lower revision, says anything."""
    one = seen(an_invoice(status=status))
    assert look(one, Trail(a_baseline(A))) == Nothing()
    assert look(one, Trail(a_baseline(), of_lower=frozenset({A}))) == Nothing()
    assert look(one, Trail(a_baseline(B), of_lower=frozenset({C}))) != Nothing()
    assert look(one, Trail(a_baseline(), credited=frozenset({A}))) != Nothing()


def test_several_are_all_named() -> None:
    """What is there is told whole, in the tenant's order."""
    assert look(seen(an_invoice(B), an_invoice(A)), Trail()) == There((B, A))


def test_a_baseline_holds_what_exists_and_all_drafts() -> None:
    """R9a: ids of what exists or is being generated, and of what is canceled; all drafts."""
    drafts = (Draft(C, "5.00", SENT),)
    one = seen(
        an_invoice(A),
        an_invoice(B, status=GENERATING),
        an_invoice(C, status="Canceled"),
        an_invoice("d" * 32, number="TMP-1"),
        an_invoice("e" * 32, status="Cancelled"),
        drafts=drafts,
    )
    assert one.baseline == Baseline(ASKED, (A, B), drafts, gone=(C, "e" * 32))


# After doubt: whose is it


@pytest.mark.parametrize(
    ("created", "claimed"),
    [
        (SENT - BEFORE_FIRST_SEND - SECOND, False),
        (SENT - BEFORE_FIRST_SEND, True),
        (SENT, True),
        (SENT + SETTLE, True),
        (SENT + SETTLE + SECOND, False),
        (None, False),
    ],
)
def test_only_what_was_made_in_the_time_of_our_sends_is_claimed(
    created: datetime | None, claimed: bool
) -> None:
    """R9b: from five minutes before the first send until `settle` after the last."""
    conclusion = conclude(seen(an_invoice(created_at=created)), a_doubt())
    assert conclusion == (Claimed(A) if claimed else Foreign(A))


@pytest.mark.parametrize(("after", "claimed"), [(0, True), (1, False)])
def test_the_window_reaches_from_the_first_send_to_the_last(after: int, claimed: bool) -> None:
    """R9b: a resend an hour later makes the time of our sends an hour longer."""
    attempts = (an_attempt(), an_attempt(timedelta(hours=1)))
    made = SENT + timedelta(hours=1) + SETTLE + after * SECOND
    conclusion = conclude(seen(an_invoice(created_at=made)), a_doubt(*attempts))
    assert isinstance(conclusion, Claimed) is claimed
    first = an_invoice(created_at=SENT)
    assert conclude(seen(first), a_doubt(*attempts)) == Claimed(A)


def test_an_intent_that_never_left_opens_no_window() -> None:
    """What is proved unsent can have made nothing, so its time says nothing."""
    unsent = replace(an_attempt(-timedelta(hours=5)), sent=False)
    early = an_invoice(created_at=SENT - timedelta(hours=5))
    assert conclude(seen(early), a_doubt(unsent, an_attempt())) == Foreign(A)
    late = replace(an_attempt(timedelta(hours=5)), sent=False)
    assert rested((an_attempt(), late), SETTLE) == SENT + SETTLE


@pytest.mark.parametrize(
    ("source", "claimed"),
    [("API", True), (None, True), ("", True), ("BillRun", False), ("CustomerInvoice", False)],
)
def test_only_the_api_is_us(source: str | None, claimed: bool) -> None:
    """R9b: Source API, or none shown; a bill run of the same minutes is not ours."""
    conclusion = conclude(seen(an_invoice(source=source)), a_doubt())
    assert conclusion == (Claimed(A) if claimed else Foreign(A))


def test_an_id_credited_to_a_lower_revision_is_never_claimed() -> None:
    """R9b: one invoice pays for one item of a date; without it nothing is there."""
    trail = Trail(a_baseline(), of_lower=frozenset({A}), if_absent=IfAbsent.RENEW)
    assert conclude(seen(an_invoice()), a_doubt(trail=trail)) == Absent(IfAbsent.RENEW)
    assert conclude(seen(an_invoice(), an_invoice(B)), a_doubt(trail=trail)) == Claimed(B)


def test_an_invoice_of_a_lost_call_is_claimed_though_another_date_went_into_it() -> None:
    """R9b: the other date was appended to its draft since; sent again, this one is billed twice."""
    trail = Trail(a_baseline(), credited=frozenset({A}), if_absent=IfAbsent.RENEW)
    assert conclude(seen(an_invoice()), a_doubt(trail=trail)) == Claimed(A)


def test_several_wait_for_a_person() -> None:
    """R9b: which of two is ours nobody can tell; both are named."""
    conclusion = conclude(seen(an_invoice(A), an_invoice(B)), a_doubt())
    assert code_of(conclusion) == "SEVERAL_INVOICES"
    assert isinstance(conclusion, Undecided)
    assert A in conclusion.problem.message
    assert B in conclusion.problem.message
    assert "--accept" in conclusion.problem.message


def test_one_beyond_the_baseline_is_enough() -> None:
    """R9b: what was there before does not make it several."""
    trail = Trail(a_baseline(A), if_absent=IfAbsent.RENEW)
    assert conclude(seen(an_invoice(A), an_invoice(B)), a_doubt(trail=trail)) == Claimed(B)


def test_a_conflict_may_be_claimed_and_never_renewed() -> None:
    """After a 409 the call may still run: what it made is ours, and nothing is no proof."""
    doubt = a_doubt(conflict=True)
    assert conclude(seen(an_invoice()), doubt) == Claimed(A)
    assert code_of(conclude(seen(), doubt)) == "STILL_EXECUTING"


# After doubt: nothing is there


@pytest.mark.parametrize(
    ("if_absent", "renewals", "then"),
    [
        (IfAbsent.RENEW, 0, IfAbsent.RENEW),
        (IfAbsent.RENEW, 4, IfAbsent.RENEW),
        (IfAbsent.RENEW, 5, IfAbsent.FAIL),
        (None, 0, IfAbsent.RENEW),
        (IfAbsent.RENEW_TWICE, 0, IfAbsent.RENEW_TWICE),
        (IfAbsent.RENEW_TWICE, 1, IfAbsent.RENEW_TWICE),
        (IfAbsent.RENEW_TWICE, 2, IfAbsent.FAIL),
        (IfAbsent.RENEW_TWICE, 3, IfAbsent.FAIL),
        (IfAbsent.FAIL, 0, IfAbsent.FAIL),
        (IfAbsent.NOTHING, 0, IfAbsent.NOTHING),
    ],
)
def test_what_follows_from_nothing_is_what_the_key_was_burnt_for(
    if_absent: IfAbsent | None, renewals: int, then: IfAbsent
) -> None:
    """Renewed, at most five times, twice after an unknown error; failed; nothing to bill."""
    assert MOST_RENEWALS == 2
    trail = Trail(a_baseline(), renewals=renewals, if_absent=if_absent)
    assert conclude(seen(), a_doubt(trail=trail)) == Absent(then)


@pytest.mark.parametrize("status", sorted(NEVER_COUNTS))
def test_a_canceled_invoice_does_not_keep_a_key_from_being_renewed(status: str) -> None:
    """R8, R9b: renewed only if no invoice counts, and this one does not."""
    assert conclude(seen(an_invoice(status=status)), a_doubt()) == Absent(IfAbsent.RENEW)


@pytest.mark.parametrize("source", ["BillRun", "API"])
@pytest.mark.parametrize("created", [SENT - timedelta(days=9), SENT + timedelta(days=9), None])
def test_any_invoice_beyond_the_baseline_keeps_a_key_from_being_renewed(
    source: str, created: datetime | None
) -> None:
    """R9b: whatever its author or time, it bills the account for that date."""
    one = an_invoice(source=source, created_at=created)
    assert conclude(seen(one), a_doubt()) == Foreign(A)


DRAFT = Draft(C, "5.00", SENT - timedelta(days=3))


@pytest.mark.parametrize(
    "now",
    [
        (),
        (replace(DRAFT, amount="6.00"),),
        (replace(DRAFT, updated_at=SENT),),
        (replace(DRAFT, amount=None),),
        (replace(DRAFT, updated_at=None),),
        (replace(DRAFT, id=B),),
    ],
)
def test_a_changed_draft_keeps_a_key_from_being_renewed(now: tuple[Draft, ...]) -> None:
    """R9b: generate may append to a draft; changed or gone, it may hold what we sent."""
    trail = Trail(a_baseline(drafts=(DRAFT,)), if_absent=IfAbsent.RENEW)
    assert code_of(conclude(seen(drafts=now), a_doubt(trail=trail))) == "DRAFT_CHANGED"


def test_what_somebody_else_made_does_not_hide_a_changed_draft() -> None:
    """R9b: ours may be in the draft, beside an invoice of whoever; the person is told of both."""
    trail = Trail(a_baseline(drafts=(DRAFT,)), if_absent=IfAbsent.RENEW)
    by_hand = an_invoice(source="BillRun")
    conclusion = conclude(
        seen(by_hand, drafts=(replace(DRAFT, amount="6.00"),)), a_doubt(trail=trail)
    )
    assert code_of(conclusion) == "DRAFT_CHANGED"
    assert isinstance(conclusion, Undecided)
    assert A in conclusion.problem.message
    assert conclude(seen(by_hand, drafts=(DRAFT,)), a_doubt(trail=trail)) == Foreign(A)
    ours = an_invoice()
    assert conclude(seen(ours, drafts=()), a_doubt(trail=trail)) == Claimed(A)


def test_an_invoice_of_this_date_is_no_draft_beside_itself() -> None:
    """R9b: ours in a draft of this very date is there, whoever made that one and whenever."""
    draft = an_invoice(C, status="Draft", source="BillRun")
    now = replace(DRAFT, amount="6.00")
    for baseline in (a_baseline(drafts=(DRAFT,)), None):
        trail = Trail(baseline, if_absent=IfAbsent.RENEW)
        assert conclude(seen(draft, drafts=(now,)), a_doubt(trail=trail)) == Foreign(C)


def test_a_draft_that_is_as_it_was_proves_that_nothing_was_appended() -> None:
    """R9b: amount and time unchanged; drafts made once the call has ended say nothing."""
    trail = Trail(a_baseline(drafts=(DRAFT,)), if_absent=IfAbsent.RENEW)
    new = Draft(B, "1.00", ASKED, ASKED - SECOND)
    assert conclude(seen(drafts=(new, DRAFT)), a_doubt(trail=trail)) == Absent(IfAbsent.RENEW)
    for half in (replace(DRAFT, amount=None), replace(DRAFT, updated_at=None)):
        same = Trail(a_baseline(drafts=(half,)), if_absent=IfAbsent.RENEW)
        assert conclude(seen(drafts=(half,)), a_doubt(trail=same)) == Absent(IfAbsent.RENEW)


def test_a_draft_of_which_nothing_is_known_from_before_may_hold_what_was_sent() -> None:
    """R9b: without a baseline, as in a ledger of old, that it is as it was made is no proof."""
    trail = Trail(if_absent=IfAbsent.RENEW)
    as_made = Draft(C, "5.00", SENT - SECOND, SENT - SECOND)
    assert code_of(conclude(seen(drafts=(as_made,)), a_doubt(trail=trail))) == "DRAFT_CHANGED"
    assert conclude(seen(drafts=()), a_doubt(trail=trail)) == Absent(IfAbsent.RENEW)


OVER = SENT + SETTLE


@pytest.mark.parametrize(
    ("made", "changed", "holds"),
    [
        (SENT + SECOND, SENT + 2 * SECOND, True),
        (SENT - timedelta(days=3), SENT + SECOND, True),  # it could not be read before the send
        (OVER, ASKED, True),
        (SENT + SECOND, None, True),
        (None, ASKED, True),
        (SENT + SECOND, SENT + SECOND, False),
        (OVER + SECOND, ASKED, False),
    ],
)
def test_a_draft_made_before_the_call_has_ended_may_hold_the_charges_if_it_has_changed(
    made: datetime | None, changed: datetime | None, holds: bool
) -> None:
    """R9b: as it was made, it holds nothing of ours, so that separate drafts keep no key alive."""
    draft = Draft(B, "1.00", changed, made)
    trail = Trail(a_baseline(drafts=(DRAFT,)), if_absent=IfAbsent.RENEW)
    doubt = a_doubt(an_attempt(answer=Kind.SERVER_ERROR), trail=trail)
    conclusion = conclude(seen(drafts=(DRAFT, draft)), doubt)
    if not holds:
        assert conclusion == Absent(IfAbsent.RENEW)
        return
    assert code_of(conclusion) == "DRAFT_CHANGED"
    assert isinstance(conclusion, Undecided)
    assert conclusion.meanwhile == (draft,)
    assert B in conclusion.problem.message


def test_a_call_has_ended_once_it_has_by_the_servers_clock_too() -> None:
    """A clock of ours that was behind at the send does not put the draft after its end."""
    draft = Draft(B, "1.00", OVER + 3 * SECOND, OVER + 2 * SECOND)
    trail = Trail(a_baseline(), if_absent=IfAbsent.RENEW)
    behind = replace(an_attempt(answer=Kind.SERVER_ERROR), server_date=SENT + timedelta(hours=2))
    assert code_of(conclude(seen(drafts=(draft,)), a_doubt(behind, trail=trail))) == "DRAFT_CHANGED"


def test_a_draft_without_amount_and_time_can_never_be_called_unchanged() -> None:
    """R9b: where the tenant shows neither, nobody can tell, and nothing is renewed."""
    blank = Draft(C, None, None)
    trail = Trail(a_baseline(drafts=(blank,)), if_absent=IfAbsent.RENEW)
    assert code_of(conclude(seen(drafts=(blank,)), a_doubt(trail=trail))) == "DRAFT_CHANGED"


def test_without_a_baseline_nothing_was_there_before() -> None:
    """An item that was never baselined is held against all that is there."""
    bare = Trail(if_absent=IfAbsent.RENEW)
    assert conclude(seen(), a_doubt(trail=bare)) == Absent(IfAbsent.RENEW)
    assert conclude(seen(an_invoice()), a_doubt(trail=bare)) == Claimed(A)


# Rest


def test_a_key_rests_after_its_last_send() -> None:
    """R6: from the last of all sends, in whichever order they are held."""
    attempts = (an_attempt(timedelta(hours=2)), an_attempt())
    assert rested(attempts, SETTLE) == SENT + timedelta(hours=3)
    assert rested(attempts[1:], timedelta()) == SENT


def test_an_intent_without_an_answer_may_have_left_later() -> None:
    """After a crash only the intent's time is known, and its call may have waited for its turn."""
    assert rested((an_attempt(answer=None),), SETTLE) == SENT + UNANSWERED + SETTLE
    late = an_invoice(created_at=SENT + UNANSWERED + SETTLE)
    assert conclude(seen(late), a_doubt(an_attempt(answer=None))) == Claimed(A)


@pytest.mark.parametrize("source", ["BillRun", "API"])
def test_while_the_server_is_at_work_only_our_own_invoice_settles(source: str) -> None:
    """F42, F76: beside what somebody else made meanwhile, ours may come yet."""
    found = conclude(seen(an_invoice(source=source)), a_doubt(conflict=True))
    if source == "API":
        assert found == Claimed(A)
    else:
        assert code_of(found) == "STILL_EXECUTING"
