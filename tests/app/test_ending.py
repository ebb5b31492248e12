"""How a run has ended: final records, and the exit code that folds them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.engine import item
from support.plans import a_call, a_record, a_standing, an_open_call, in_a_call
from zbatch.app.ending import (
    Closing,
    after_disk_failure,
    exit_code,
    final_records,
    unreadable_records,
    with_waiting,
)
from zbatch.app.held_back import blocked
from zbatch.engine.ending import Ending, Stop, StopReason
from zbatch.model import (
    ExitCode,
    Item,
    ItemRecord,
    KeyState,
    Outcome,
    Problem,
    Standing,
    Totals,
)
from zbatch.report.record import ReadBackRecord

GOOD = {Outcome.INVOICED: 5, Outcome.ALREADY_INVOICED: 2, Outcome.NOTHING_TO_BILL: 1}
SOME_FAILED = {**GOOD, Outcome.FAILED: 1}
SOME_UNKNOWN = {**SOME_FAILED, Outcome.UNKNOWN: 1}
NONE_SENT = {Outcome.NOT_ATTEMPTED: 8}
PART_SENT = {Outcome.INVOICED: 4, Outcome.FAILED: 1, Outcome.NOT_ATTEMPTED: 3}


def totals(counts: dict[Outcome, int]) -> Totals:
    return Totals(sum(counts.values()), counts)


def closing(
    reason: StopReason | None = None,
    sent: int = 0,
    signal: int | None = None,
    abandoned: tuple[Item, ...] = (),
) -> Closing:
    stop = Stop(reason, "the reason") if reason else None
    return Closing(Ending(stop, sent, (), abandoned), signal)


NO_STOP, NOTHING = closing(sent=8), closing()


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        (GOOD, ExitCode.OK),
        ({}, ExitCode.OK),
        (SOME_FAILED, ExitCode.FAILURES),
        (SOME_UNKNOWN, ExitCode.UNKNOWN),
        ({Outcome.UNKNOWN: 1}, ExitCode.UNKNOWN),
        ({**GOOD, Outcome.NOT_ATTEMPTED: 1}, ExitCode.STOPPED),
        ({**SOME_FAILED, Outcome.NOT_ATTEMPTED: 1}, ExitCode.FAILURES),
    ],
)
def test_a_run_that_came_to_its_end(counts: dict[Outcome, int], code: ExitCode) -> None:
    """0 where all is settled well, 1 for failures, 3 for doubt, 4 where something waits.

    A date that only waits for a failed one before it is told by that failure.
    """
    assert exit_code(totals(counts), NO_STOP) is code


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ({"duplicate": 1}, ExitCode.FAILURES),
        ({"tax_failed": 2, "not_shown": 1}, ExitCode.OK),
        ({}, ExitCode.OK),
    ],
)
def test_a_run_that_saw_a_second_invoice_did_not_end_well(
    findings: dict[str, int], code: ExitCode
) -> None:
    """Nobody's scheduler takes it for a good one; what else is to be looked at is the tenant's.

    A reconciliation is told whose an invoice is by somebody who has seen them all.
    """
    seen = replace(NO_STOP, read_back=ReadBackRecord(1, 0, findings))
    assert exit_code(totals(GOOD), seen) is code
    assert exit_code(totals(GOOD), replace(seen, read_only=True)) is ExitCode.OK
    assert exit_code(totals(SOME_FAILED), seen) is ExitCode.FAILURES
    assert exit_code(totals(SOME_UNKNOWN), seen) is ExitCode.UNKNOWN


# What a stop comes to: before anything was sent, and after a part was.
STOPS = {
    StopReason.CREDENTIALS: (ExitCode.CANNOT_START, ExitCode.STOPPED),
    StopReason.CERTIFICATE: (ExitCode.CANNOT_START, ExitCode.STOPPED),
    StopReason.UNREACHABLE: (ExitCode.CANNOT_START, ExitCode.STOPPED),
    StopReason.MISDIRECTED: (ExitCode.CANNOT_START, ExitCode.STOPPED),
    StopReason.QUESTION: (ExitCode.CANNOT_START, ExitCode.STOPPED),
    StopReason.DISK: (ExitCode.CANNOT_START, ExitCode.UNKNOWN),
    StopReason.OUTAGE: (ExitCode.STOPPED, ExitCode.STOPPED),
    StopReason.LIMIT: (ExitCode.STOPPED, ExitCode.STOPPED),
    StopReason.INTERRUPTED: (ExitCode.INTERRUPTED, ExitCode.INTERRUPTED),
    StopReason.INTERNAL: (ExitCode.INTERNAL, ExitCode.INTERNAL),
    StopReason.RULE: (ExitCode.STOPPED, ExitCode.STOPPED),
    StopReason.STAGE: (ExitCode.STOPPED, ExitCode.STOPPED),
    StopReason.UNSEEN: (ExitCode.STOPPED, ExitCode.STOPPED),
}


def test_every_reason_to_stop_has_its_exit_codes() -> None:
    """No reason is forgotten by the table above."""
    assert set(STOPS) == set(StopReason)


@pytest.mark.parametrize("reason", STOPS)
def test_a_stop_before_and_after_the_first_send(reason: StopReason) -> None:
    """6 says that nothing was sent, 4 that the run can be taken up, 3 that something is open."""
    before, after = STOPS[reason]
    assert exit_code(totals(NONE_SENT), closing(reason)) is before
    assert exit_code(totals(PART_SENT), closing(reason, sent=5)) is after


@pytest.mark.parametrize(
    "reason", [reason for reason in STOPS if reason is not StopReason.INTERNAL]
)
def test_an_unknown_outcome_outweighs_every_reason_to_stop(reason: StopReason) -> None:
    """Whatever ended the run, doubt must be heard of."""
    assert exit_code(totals(SOME_UNKNOWN), closing(reason, sent=8)) is ExitCode.UNKNOWN


@pytest.mark.parametrize(
    ("signal", "code"),
    [
        (1, ExitCode.HANGUP),
        (2, ExitCode.INTERRUPTED),
        (15, ExitCode.TERMINATED),
        (None, ExitCode.INTERRUPTED),
    ],
)
def test_an_interrupted_run_that_was_drained_names_its_signal(
    signal: int | None, code: ExitCode
) -> None:
    """128 and the number of the first signal, as shells expect it."""
    ended = closing(StopReason.INTERRUPTED, sent=5, signal=signal)
    assert exit_code(totals(PART_SENT), ended) is code


def test_a_signal_during_another_drain_outweighs_it() -> None:
    """The gravest wins: 130 for a run that a rule was stopping when Ctrl-C came."""
    ended = closing(StopReason.RULE, sent=5, signal=2)
    assert exit_code(totals(PART_SENT), ended) is ExitCode.INTERRUPTED


def test_abandoned_calls_are_unknown_whatever_the_totals_say() -> None:
    """After a second signal there is something to reconcile."""
    ended = closing(StopReason.INTERRUPTED, sent=5, signal=2, abandoned=(item(1),))
    assert exit_code(totals(PART_SENT), ended) is ExitCode.UNKNOWN


@pytest.mark.parametrize("counts", [GOOD, SOME_FAILED, NONE_SENT])
@pytest.mark.parametrize("reason", [None, StopReason.INTERRUPTED, StopReason.CREDENTIALS])
def test_doubt_that_the_spec_does_not_list_is_doubt(
    counts: dict[Outcome, int], reason: StopReason | None
) -> None:
    """R14: while the ledger has anything in doubt no run ends well, whatever it was asked for."""
    stray = a_record(item(9), Outcome.UNKNOWN)
    for beyond in (replace(NOTHING, strays=(stray,)), replace(NOTHING, unread="it is damaged")):
        ended = replace(beyond, ending=closing(reason).ending)
        assert exit_code(totals(counts), ended) is ExitCode.UNKNOWN


def test_a_run_says_what_stopped_it_and_what_cannot_be_read() -> None:
    """Neither hides the other."""
    stopped, lost = closing(StopReason.LIMIT), "it is damaged; what else is in doubt is not known"
    assert NOTHING.why is None
    assert stopped.why == "the reason"
    assert replace(NOTHING, unread="it is damaged").why == lost
    assert replace(stopped, unread="it is damaged").why == f"the reason; {lost}"


def test_a_run_names_what_is_in_doubt_beyond_its_spec() -> None:
    """R14: no line of its report does, and page, JUnit and Markdown are made of the record."""
    strays = tuple(a_record(item(number), Outcome.UNKNOWN) for number in range(1, 8))
    settles = "zbatch reconcile without a spec settles it"
    one = f"in doubt, and not in this spec: {item(1).identity}; {settles}"
    assert replace(NOTHING, strays=strays[:1]).why == one
    assert replace(closing(StopReason.LIMIT), strays=strays[:1]).why == f"the reason; {one}"
    many = replace(NOTHING, strays=strays).why
    assert many is not None
    assert many.endswith(f"{item(5).identity} and 2 more; {settles}")


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize(
    ("outcome", "counts", "code"),
    [
        (Outcome.NOT_ATTEMPTED, {**GOOD, Outcome.NOT_ATTEMPTED: 1}, ExitCode.STOPPED),
        (Outcome.NOT_ATTEMPTED, {**SOME_FAILED, Outcome.NOT_ATTEMPTED: 1}, ExitCode.STOPPED),
        (Outcome.NOT_ATTEMPTED, {**SOME_UNKNOWN, Outcome.NOT_ATTEMPTED: 1}, ExitCode.UNKNOWN),
        (Outcome.UNKNOWN, SOME_UNKNOWN, ExitCode.UNKNOWN),
    ],
)
def test_an_item_left_for_its_time_or_for_another_command_is_no_good_end(
    outcome: Outcome, counts: dict[Outcome, int], code: ExitCode, read_only: bool
) -> None:
    """A reconciliation leaves to a run what it may not send: 4, even where others failed."""
    ended = Closing(Ending(None, 3, (), (), left=(left(outcome),)), read_only=read_only)
    assert exit_code(totals(counts), ended) is code


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        ({**GOOD, Outcome.NOT_ATTEMPTED: 2}, ExitCode.STOPPED),
        ({**SOME_FAILED, Outcome.NOT_ATTEMPTED: 2}, ExitCode.STOPPED),
        ({**SOME_UNKNOWN, Outcome.NOT_ATTEMPTED: 2}, ExitCode.UNKNOWN),
        (SOME_FAILED, ExitCode.STOPPED),
    ],
)
def test_a_failure_does_not_hide_what_waits_for_another_spec(
    counts: dict[Outcome, int], code: ExitCode
) -> None:
    """To mend the failure and retry it would not send what waits: 4, the graver of the two."""
    assert exit_code(totals(counts), replace(NO_STOP, elsewhere=1)) is code


EARLY, LATE, LAST = item(1, 10), item(1, 20), item(1, 28)
HIGHER = replace(LATE, identity=replace(LATE.identity, revision=2))


@pytest.mark.parametrize(
    ("pairs", "planned", "count"),
    [
        ([(LATE, EARLY)], [EARLY, LATE], 0),
        ([(LATE, EARLY), (LAST, EARLY)], [LATE, LAST], 2),
        ([(LATE, EARLY), (LAST, LATE)], [LATE, LAST], 1),
        ([(LATE, HIGHER)], [LATE, HIGHER], 1),
        ([], [LATE], 0),
    ],
)
def test_what_the_run_itself_has_held_back_waits_for_another_spec_too(
    pairs: list[tuple[Item, Item]], planned: list[Item], count: int
) -> None:
    """For what this spec does not list, or for a higher revision, which is no failure."""
    ended = Closing(Ending(None, 1, tuple(pairs), ()), elsewhere=5)
    identities = {one.identity for one in planned}
    assert with_waiting(ended, identities).elsewhere == 5 + count


def test_totals_that_do_not_add_up_outweigh_everything() -> None:
    """Control totals are what the report is believed for."""
    wrong = Totals(9, SOME_UNKNOWN)
    assert exit_code(wrong, NO_STOP) is ExitCode.INTERNAL
    assert exit_code(wrong, closing(StopReason.DISK, sent=1)) is ExitCode.INTERNAL
    assert exit_code(Totals(1, {}), closing()) is ExitCode.INTERNAL


@pytest.mark.parametrize(
    ("counts", "ended", "code"),
    [
        (GOOD, closing(sent=8), ExitCode.UNKNOWN),
        (SOME_FAILED, closing(sent=8), ExitCode.UNKNOWN),
        (GOOD, closing(sent=0), ExitCode.CANNOT_START),
        (PART_SENT, closing(StopReason.LIMIT, sent=5), ExitCode.UNKNOWN),
        (SOME_UNKNOWN, closing(sent=0), ExitCode.UNKNOWN),
    ],
)
def test_a_report_that_could_not_be_written(
    counts: dict[Outcome, int], ended: Closing, code: ExitCode
) -> None:
    """The disk failed after a send: 3; with nothing sent: 6."""
    assert exit_code(totals(counts), ended, report_failed=True) is code


GRAVITY = [
    ExitCode.INTERNAL,
    ExitCode.UNKNOWN,
    ExitCode.INTERRUPTED,
    ExitCode.STOPPED,
    ExitCode.FAILURES,
    ExitCode.OK,
]


@pytest.mark.parametrize("code", GRAVITY)
def test_last_words_that_fail_never_make_an_end_look_better(code: ExitCode) -> None:
    """A run record that cannot be written makes it 3, or 6 unsent, unless it is graver."""
    after = after_disk_failure(code, sent=5)
    assert GRAVITY.index(after) == min(GRAVITY.index(code), GRAVITY.index(ExitCode.UNKNOWN))


def test_last_words_that_fail_with_nothing_sent() -> None:
    """Nothing was sent, so nothing is unknown for it."""
    assert after_disk_failure(ExitCode.OK, sent=0) is ExitCode.CANNOT_START
    assert after_disk_failure(ExitCode.UNKNOWN, sent=0) is ExitCode.UNKNOWN
    assert after_disk_failure(ExitCode.INTERNAL, sent=0) is ExitCode.INTERNAL


# Final records


def sent(answer: str | None, state: KeyState = KeyState.LIVE) -> Standing:
    """Give an item whose key was sent once."""
    return in_a_call(item(1), an_open_call(a_call(item(1)), state, answer=answer))


def left(outcome: Outcome) -> ItemRecord:
    """Give what the engine leaves of an item that it could not settle."""
    return a_record(item(1), outcome)


def test_the_ledger_has_the_last_word() -> None:
    """What it holds is told, before anything that the run itself remembers."""
    record = a_record(item(1))
    ended = Closing(Ending(None, 1, ((item(1), item(2)),), ()))
    (final,) = final_records([a_standing(item(1), record=record)], [], ended)
    assert final is record


@pytest.mark.parametrize(
    "standing",
    [
        a_standing(item(1), record=a_record(item(1), Outcome.ALREADY_INVOICED)),
        sent("refused", KeyState.BURNT),
        a_standing(item(1)),
    ],
)
@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.NOT_ATTEMPTED])
def test_what_a_question_has_left_open_is_told_in_its_words(
    standing: Standing, outcome: Outcome
) -> None:
    """The run has asked the tenant later than the ledger: why it is open is the newer truth."""
    one, other = left(outcome), a_standing(item(2), record=a_record(item(2)))
    ended = Closing(Ending(None, 1, (), (), left=(one,)))
    first, second = final_records([standing, other], [], ended)
    assert first is one
    assert second is other.record


@pytest.mark.parametrize(
    ("standing", "outcome", "code"),
    [
        (sent("lost"), Outcome.UNKNOWN, "NO_ANSWER"),
        (sent(None), Outcome.UNKNOWN, "NO_ANSWER"),
        (sent("refused", KeyState.BURNT), Outcome.UNKNOWN, "NO_ANSWER"),
        (sent("throttled"), Outcome.NOT_ATTEMPTED, "RUN_STOPPED"),
        (sent("unsent"), Outcome.NOT_ATTEMPTED, "RUN_STOPPED"),
        (a_standing(item(1)), Outcome.NOT_ATTEMPTED, "RUN_STOPPED"),
    ],
)
def test_an_item_without_an_outcome_is_unknown_or_not_attempted(
    standing: Standing, outcome: Outcome, code: str
) -> None:
    """Doubt makes it unknown; a key that was never executed leaves it not attempted."""
    (final,) = final_records([standing], [], closing(StopReason.LIMIT, sent=3))
    assert final.outcome is outcome
    assert final.error is not None
    assert final.error.code == code
    if outcome is Outcome.NOT_ATTEMPTED:
        assert final.error.message == "not sent: the reason"


def test_an_item_held_back_says_for_which_date() -> None:
    """Held back before the run or during it, the reason is the earlier date."""
    early, late, last = item(1, 10), item(1, 20), item(1, 28)
    ended = Closing(Ending(None, 1, ((last, late),), ()))
    standings = [a_standing(late), a_standing(last)]
    finals = list(final_records(standings, [blocked(late, early)], ended))
    assert [final.outcome for final in finals] == [Outcome.NOT_ATTEMPTED] * 2
    messages = [final.error.message for final in finals if final.error]
    assert "2026-11-10" in messages[0]
    assert "2026-11-20" in messages[1]


def test_an_item_held_back_during_the_run_is_told_of_that_date() -> None:
    """Where the barrier before the run is settled and another one has come, the newer is told."""
    old, new, late = item(1, 5), item(1, 10), item(1, 20)
    ended = Closing(Ending(None, 1, ((late, new),), ()))
    (final,) = final_records([a_standing(late)], [blocked(late, old)], ended)
    assert final.error is not None
    assert "2026-11-10" in final.error.message


def test_a_failed_item_that_is_not_tried_again_says_why() -> None:
    """It stays failed with its own code, and so does what had nothing to bill."""
    early, late = item(1, 10), item(1, 20)
    held_back = [blocked(late, early)]
    failed = replace(a_record(late, Outcome.FAILED), error=Problem("INVALID_VALUE", "Inactive"))
    (final,) = final_records([a_standing(late, record=failed)], held_back, Closing())
    assert (final.outcome, final.error and final.error.code) == (Outcome.FAILED, "INVALID_VALUE")
    assert final.error is not None
    assert final.error.message.startswith(
        "Inactive (not retried: the account's earlier target date 2026-11-10 is failed"
    )
    nothing = a_standing(late, record=replace(failed, outcome=Outcome.NOTHING_TO_BILL))
    (final,) = final_records([nothing], held_back, Closing())
    assert final.error is not None
    assert "Inactive (not retried: " in final.error.message
    silent = a_standing(late, record=replace(failed, outcome=Outcome.NOTHING_TO_BILL, error=None))
    (final,) = final_records([silent], held_back, Closing())
    assert final.error is not None
    assert held_back[0].error is not None
    assert final.error.code == held_back[0].error.code
    assert final.error.message.startswith("(not retried: ")
    there = a_record(late, Outcome.ALREADY_INVOICED)
    assert [*final_records([a_standing(late, record=there)], held_back, Closing())] == [there]


def test_doubt_goes_before_being_held_back() -> None:
    """An item that was sent is never told as not attempted."""
    standing = in_a_call(item(1, 20), an_open_call(a_call(item(1, 20))))
    held_back = [blocked(item(1, 20), item(1, 10))]
    (final,) = final_records([standing], held_back, Closing())
    assert final.outcome is Outcome.UNKNOWN


def test_each_planned_item_has_one_final_record_in_order() -> None:
    """As many lines as items, whatever happened."""
    standings = [a_standing(item(n)) for n in range(5)]
    finals = list(final_records(standings, [], Closing()))
    assert [final.item for final in finals] == [standing.item for standing in standings]


def test_a_member_of_a_call_is_told_as_the_spec_has_it_now() -> None:
    """The record of doubt is about the planned item, and names the key that was sent."""
    call = a_call(item(1), item(2))
    planned = replace(item(2), reason="termination")
    standing = replace(in_a_call(item(2), an_open_call(call)), item=planned)
    (final,) = final_records([standing], [], Closing())
    assert (final.item, final.idempotency_key) == (planned, call.key)
    assert final.outcome is Outcome.UNKNOWN


def test_an_unreadable_ledger_makes_every_item_unknown() -> None:
    """Where nobody can know, nothing is claimed."""
    finals = list(unreadable_records([item(1), item(2)]))
    assert {final.outcome for final in finals} == {Outcome.UNKNOWN}
    assert len(finals) == 2
