"""Saboteurs of the decision table: what an answer means for a key."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from support.saboteurs.bench import Bench
from support.saboteurs.saboteur import LOST, RULES, TWICE, saboteur
from zbatch.engine import kinds, verdict
from zbatch.engine.decision import Again, Pause, Settle
from zbatch.engine.kinds import Kind
from zbatch.zuora.codes import RowClass
from zbatch.zuora.reply import Rows


@saboteur("D1", test=f"{TWICE}d01_no_new_key_for_an_attempt_after_a_timeout")
def lost_means_next_key(bench: Bench) -> None:
    """A timeout or a broken connection settles the key, and the next attempt has a new one."""
    bench.row(verdict.TABLE, Kind.LOST, verdict._renew, verdict._renew)


@saboteur("D7", test=f"{TWICE}d07_timeout_then_gateway_status_is_not_taken_for_definite")
def a_gateway_settles_doubt(bench: Bench) -> None:
    """A 401, 429 or 5xx after a lost answer is taken for the answer, and the key is renewed."""
    for kind in (Kind.UNAUTHORIZED, Kind.THROTTLED, Kind.SERVER_ERROR):
        bench.row(verdict.TABLE, kind, verdict.TABLE[kind][0], verdict._renew)


@saboteur("D10", test=f"{TWICE}d10_a_call_of_fifty_in_doubt_is_not_split")
def a_lost_call_of_many_is_split(bench: Bench) -> None:
    """The items of a call whose answer was lost go on alone, each under its next key."""
    again = verdict.TABLE[Kind.LOST][0]

    def rule(look: Any) -> Any:
        return verdict._renew(look) if look.items > 1 else again(look)

    bench.row(verdict.TABLE, Kind.LOST, rule, rule)


@saboteur("D11", test=f"{TWICE}d11_after_partial_success_only_the_rest_is_sent")
def one_row_to_repeat_repeats_all(bench: Bench) -> None:
    """Where one row of a call is to be sent again, so are all others, the billed ones too."""
    decide = verdict.decide

    def substitute(*given: Any) -> Any:
        decision = decide(*given)
        if not isinstance(decision, Settle):
            return decision
        again = [one for one in decision.verdicts if one.renews]
        whole = (again[0],) * len(decision.verdicts) if again else decision.verdicts
        return replace(decision, verdicts=whole)

    bench.function(decide, substitute)


@saboteur("L4", test=f"{LOST}l04_a_stored_failure_does_not_trap_an_item")
def a_failed_row_keeps_its_key(bench: Bench) -> None:
    """What was locked is sent again under the same key, whose stored failure is replayed."""
    decide = verdict.decide

    def substitute(answer: Any, *given: Any) -> Any:
        decision = decide(answer, *given)
        if not isinstance(answer, Rows) or not isinstance(decision, Settle) or answer.throttled:
            return decision
        renews = any(one.renews for one in decision.verdicts)
        return Again(Pause.BACKOFF, kinds.problem_of(answer)) if renews else decision

    bench.function(decide, substitute)


@saboteur(
    "L5",
    test=f"{LOST}l05_nothing_to_bill_after_doubt_is_asked_about",
    beyond="no simulated tenant forgets a key early: a resend gets the first answer",
)
def nothing_to_bill_is_believed(bench: Bench) -> None:
    """A row "nothing to bill" is the outcome, also where an earlier send may have billed."""
    nothing = verdict._nothing
    bench.row(verdict.ROW_TABLE, RowClass.NOTHING_TO_BILL, nothing, nothing)


@saboteur("L6", test=f"{LOST}l06_a_409_is_neither_failure_nor_success")
def conflict_is_failure(bench: Bench) -> None:
    """A 409 without rows fails the item."""
    bench.row(verdict.TABLE, Kind.CONFLICT, verdict._fail, verdict._fail)


@saboteur("L7", test=f"{LOST}l07_a_lost_reply_is_no_failure")
def lost_is_failure(bench: Bench) -> None:
    """An item whose answer is lost is reported as failed."""
    bench.row(verdict.TABLE, Kind.LOST, verdict._fail, verdict._fail)


@saboteur("L21", test=f"{LOST}l21_a_replay_of_an_invoice_deleted_since_is_measured")
def a_replayed_success_is_sent_anew(bench: Bench) -> None:
    """A success under a doubtful key may be of an invoice deleted since: the item is sent again."""

    def rule(row: Any) -> Any:
        return replace(verdict._invoiced(row), outcome=None, invoice_id=None)

    bench.row(verdict.ROW_TABLE, RowClass.SUCCESS, verdict._invoiced, rule)


@saboteur("R3", test=f"{RULES}r03_one_send_without_an_answer_makes_the_key_doubtful")
def no_answer_leaves_no_doubt(bench: Bench) -> None:
    """A send without an answer, lost or cut off by a crash, leaves its key clean."""
    bench.constant(kinds._DOUBT, kinds._DOUBT - {None, Kind.LOST})


@saboteur("R4", test=f"{RULES}r04_a_status_settles_a_clean_key_only")
def a_status_settles_any_key(bench: Bench) -> None:
    """A status without rows is judged under a doubtful key as under a clean one."""
    for kind in (Kind.UNAUTHORIZED, Kind.THROTTLED, Kind.REFUSED):
        clean = verdict.TABLE[kind][0]
        bench.row(verdict.TABLE, kind, clean, clean)


@saboteur("R4", test=f"{RULES}r04_a_row_other_than_success_settles_no_doubt")
def any_row_settles_doubt(bench: Bench) -> None:
    """A lock or a refusal is believed under a doubtful key as under a clean one."""
    for row_class in (RowClass.RETRY, RowClass.DEFINITE):
        clean = verdict.ROW_TABLE[row_class][0]
        bench.row(verdict.ROW_TABLE, row_class, clean, clean)
    bench.function(verdict._of_no_item, lambda row: False)


@saboteur("R6", test=f"{RULES}r06_a_burnt_key_rests_before_the_question")
def a_burnt_row_is_sent_again(bench: Bench) -> None:
    """A row that does not say what was done counts as rolled back: next key, without a question."""
    for row_class in (RowClass.UNCERTAIN, RowClass.TERMINATED):
        bench.row(verdict.ROW_TABLE, row_class, verdict._renew_row, verdict._renew_row)
