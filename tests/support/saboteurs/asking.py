"""Saboteurs of the questions: what the tenant is asked, and what is concluded from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from support.saboteurs.bench import Bench
from support.saboteurs.saboteur import RULES, STORED, TWICE, WRONG, saboteur
from zbatch.app import outstanding
from zbatch.engine import preflight, question
from zbatch.engine.kinds import doubtful
from zbatch.engine.order import Work
from zbatch.engine.question import Claimed, Nothing, Seen, There
from zbatch.engine.server_clock import Freshness
from zbatch.engine.steps import Cleared, Facts, Renewed, Rest
from zbatch.model import IfAbsent, Invoice, Item, KeyState, Problem, Tenant, Trail
from zbatch.zuora import headers, pages, query_reply
from zbatch.zuora.pages import Page
from zbatch.zuora.reply import Unreadable


@saboteur("D8", test=f"{TWICE}d08_none_is_not_believed_while_the_first_send_may_run")
def generating_is_not_there(bench: Bench) -> None:
    """An invoice that is still being generated counts as none."""
    exists = question.exists

    def substitute(invoice: Invoice) -> bool:
        return exists(invoice) and invoice.status != question.GENERATING

    bench.function(question._there_or_coming, substitute)


@saboteur("D9", test=f"{TWICE}d09_a_question_never_carries_a_key")
def questions_carry_a_key(bench: Bench) -> None:
    """Every request has a key, questions too, and is answered from what is remembered."""
    build = headers.query_headers

    def substitute(tenant: Tenant, track_id: str, token: str, wsdl: int = 0) -> dict[str, str]:
        return build(tenant, track_id, token, wsdl) | {headers.IDEMPOTENCY_KEY: "zb1-session"}

    bench.function(build, substitute)


def _cleared(seen: Sequence[Seen]) -> Cleared:
    return Cleared(tuple(one.baseline for one in seen))


@saboteur("D15", test=f"{TWICE}d15_a_ledger_deleted_between_runs")
def no_question_before_the_first_send(bench: Bench) -> None:
    """What the ledger has no key of is sent, whatever the tenant already has."""
    before_sending = preflight.before_sending

    def substitute(work: Work, seen: Sequence[Seen], facts: Facts) -> Any:
        new = not work.attempts and not work.generation
        return _cleared(seen) if new else before_sending(work, seen, facts)

    bench.function(before_sending, substitute)


@saboteur("D24", test=f"{TWICE}d24_a_key_evicted_early_does_no_harm_across_runs")
def doubt_is_sent_without_a_question(bench: Bench) -> None:
    """A doubtful key is sent again by a later run, whatever the tenant shows by then."""
    before_sending = preflight.before_sending

    def substitute(work: Work, seen: Sequence[Seen], facts: Facts) -> Any:
        if doubtful(work.attempts):
            return Cleared((None,) * len(work.items))
        return before_sending(work, seen, facts)

    bench.function(before_sending, substitute)


@saboteur(
    "L9",
    test=f"{RULES}r09b_several_stay_unknown_until_a_person_decides",
    beyond="the invoice that is taken is there: only a person can tell that it is another's",
)
def the_first_of_several_ids(bench: Bench) -> None:
    """Of several invoices that the tenant shows only the first is looked at."""
    see = question.look

    def substitute(seen: Seen, trail: Trail) -> question.Look:
        there = see(seen, trail)
        return There(there.ids[:1]) if isinstance(there, There) else there

    bench.function(see, substitute)


@saboteur("R5", test=f"{RULES}r05_a_young_doubtful_key_is_sent_again_by_a_later_run")
def doubt_is_asked_once_and_renewed(bench: Bench) -> None:
    """A young doubtful key is not sent again: the tenant shows nothing, so the next key goes."""
    before_sending = preflight.before_sending

    def substitute(work: Work, seen: Sequence[Seen], facts: Facts) -> Any:
        step = before_sending(work, seen, facts)
        if isinstance(step, Cleared) and doubtful(work.attempts):
            return (Renewed("asked once, nothing is there", IfAbsent.RENEW),) * len(work.items)
        return step

    bench.function(before_sending, substitute)


@saboteur("R6", test=f"{RULES}r06_a_burnt_key_rests_before_the_question")
def a_later_run_forgets_that_a_key_is_burnt(bench: Bench) -> None:
    """What was burnt in an earlier run is sent again as if it were live."""
    bench.local(outstanding, "state_of", lambda item, call: KeyState.LIVE)


@saboteur("R8", test=f"{RULES}r08_all_pages_are_read", beyond="a simulated answer fits on one page")
def only_the_first_page(bench: Bench) -> None:
    """Of an answer of several pages only the first is read."""
    read_page = query_reply.read_page

    def substitute(*given: Any) -> Any:
        page = read_page(*given)
        if isinstance(page, Page):
            return Page(page.records, None, len(page.records))
        return page

    bench.function(read_page, substitute)


@saboteur(
    "R8",
    test=f"{RULES}r08_an_unknown_status_leaves_the_item_unknown",
    beyond="the simulated tenant has no status that we do not know",
)
def an_unknown_status_is_none(bench: Bench) -> None:
    """An invoice with a status that nobody knows counts as none."""
    exists = question.exists
    bench.function(exists, lambda invoice: exists(invoice) and question._known(invoice.status))


@saboteur("R8", test=f"{STORED}an_old_answer_to_the_question_lets_no_call_go")
def a_stored_answer_is_believed(bench: Bench) -> None:
    """An answer to a question is of now, whatever its `Date` and its `Age` tell."""
    bench.method(Freshness, "was_stored", lambda *_: False)


@saboteur("R8", test=f"{WRONG}what_was_not_asked_for_is_no_answer")
def an_answer_is_searched_for_what_was_asked(bench: Bench) -> None:
    """Whatever else an answer holds is passed over, though it may answer another question."""
    bench.function(query_reply.stranger, lambda invoices, asked: None)


@saboteur("R8", test=f"{WRONG}an_invoice_that_comes_twice_is_not_counted_for_another")
def a_record_counts_each_time(bench: Bench) -> None:
    """A record that comes twice counts twice, and the one whose place it takes is not missed."""
    together = pages.together

    def substitute(answer: Sequence[Page[Any]], name: Callable[[Any], str]) -> Any:
        numbers = count()
        found = together(answer, lambda record: str(next(numbers)))
        if isinstance(found, Unreadable):
            return found
        return tuple({name(record): record for record in found}.values())

    bench.function(together, substitute)


@saboteur("R9a", test=f"{RULES}r09a_an_item_with_a_history_is_asked_about_before_it_is_sent")
def a_history_needs_no_question(bench: Bench) -> None:
    """What failed before is sent again, whatever the tenant has by then."""
    before_sending = preflight.before_sending

    def substitute(work: Work, seen: Sequence[Seen], facts: Facts) -> Any:
        failed = work.generation and not work.attempts
        return _cleared(seen) if failed else before_sending(work, seen, facts)

    bench.function(before_sending, substitute)


@saboteur("R9b", test=f"{RULES}r09b_a_foreign_author_is_already_invoiced")
def any_invoice_is_claimed(bench: Bench) -> None:
    """An invoice that is there after doubt is taken for ours, whoever made it and when."""
    whose = question._whose

    def substitute(seen: Seen, ids: tuple[str, ...], doubt: Any) -> Any:
        return Claimed(ids[0]) if len(ids) == 1 else whose(seen, ids, doubt)

    bench.function(whose, substitute)


@saboteur("R9b", test=f"{RULES}r09b_a_changed_draft_stays_unknown")
def a_changed_draft_is_no_sign(bench: Bench) -> None:
    """Nothing is made of a draft that has changed since the send: the key is renewed."""
    bench.function(question._in_a_draft, lambda *_: None)


@saboteur(
    "R12",
    test=f"{RULES}r12_a_member_already_invoiced_lets_the_others_rest_then_go_alone",
    beyond="two machines at once: what neither can see of the other, the checker lets pass",
)
def the_others_go_at_once(bench: Bench) -> None:
    """Where one item of a new call is billed already, the others are sent without a rest."""
    hold = preflight._hold

    def substitute(work: Work, item: Item, there: Any, beside: Problem, facts: Facts) -> Any:
        step = hold(work, item, there, beside, facts)
        if isinstance(step, Rest) and isinstance(there, Nothing):
            return replace(step, until=facts.now)
        return step

    bench.function(hold, substitute)
