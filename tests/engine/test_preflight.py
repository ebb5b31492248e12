"""What a question's answer means for a call that wants to leave, and for a key in doubt."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from support.engine import START, TENANT, item
from zbatch.engine.age import CLOCK_SLACK, Clocks
from zbatch.engine.conclusion import after_rest, ask_from, needs_conclusion, rest_until
from zbatch.engine.kinds import Kind
from zbatch.engine.order import Work
from zbatch.engine.preflight import RECHECK_GENERATING, before_sending, recheck
from zbatch.engine.question import Seen
from zbatch.engine.settings import Acceptance
from zbatch.engine.steps import (
    Burnt,
    Cleared,
    Facts,
    Kept,
    Left,
    Renewed,
    Reopened,
    Rest,
    Settled,
    Step,
    finding,
    left_in_doubt,
    left_renewed,
)
from zbatch.model import (
    Attempt,
    Baseline,
    Draft,
    Finding,
    IfAbsent,
    Invoice,
    ItemRecord,
    KeyState,
    Outcome,
    Problem,
    Trail,
)
from zbatch.zuora.request import make_call

HOUR = timedelta(hours=1)
SETTLE = HOUR
A, B = "a" * 32, "b" * 32
BASELINE = Baseline(START - HOUR, (), ())


def facts(now: datetime = START, **fields: Any) -> Facts:
    clocks = Clocks(now, fields.pop("newest", None), fields.pop("server", None))
    return Facts(clocks, SETTLE, **fields)


def an_invoice(invoice_id: str = A, **fields: Any) -> Invoice:
    values = {"status": "Posted", "source": "API", "created_at": START, **fields}
    return Invoice(invoice_id, "1" * 32, target_date=item(1).identity.target_date, **values)


def seen(*invoices: Invoice, drafts: tuple[Draft, ...] = ()) -> Seen:
    return Seen(START, invoices, drafts)


def new(count: int = 1, **trail: Any) -> Work:
    """Make a work that was never sent."""
    items = tuple(item(n) for n in range(1, count + 1))
    return Work(0, items, 0, trails=(Trail(**trail),) * count)


def sent(*kinds: Kind | None, hours: float = 0.0, count: int = 1, **fields: Any) -> Work:
    """Make a work that was sent so many hours ago, with these answers."""
    items = tuple(item(n) for n in range(1, count + 1))
    began = START - timedelta(hours=hours)
    attempts = tuple(
        Attempt(n, began, f"track-{n}", answer=kind.value if kind else None)
        for n, kind in enumerate(kinds, 1)
    )
    fields = {"trails": (Trail(BASELINE, if_absent=IfAbsent.RENEW),) * count, **fields}
    call = make_call(TENANT, items, 0)
    return Work(0, items, 0, call=call, attempts=attempts, first_sent=began, **fields)


def burnt(if_absent: IfAbsent = IfAbsent.RENEW, renewals: int = 0, hours: float = 2.0) -> Work:
    trail = Trail(BASELINE, renewals=renewals, if_absent=if_absent)
    return sent(Kind.ROWS, hours=hours, burnt=True, trails=(trail,))


def only(steps: Cleared | tuple[Step, ...]) -> Step:
    assert isinstance(steps, tuple)
    (step,) = steps
    return step


def record_of(step: Step) -> ItemRecord:
    assert isinstance(step, Settled | Left | Kept)
    return step.record


# What needs a conclusion, and when


@pytest.mark.parametrize(
    ("work", "needs"),
    [
        (new(), False),
        (sent(Kind.THROTTLED, hours=100), False),
        (sent(Kind.LOST, hours=22.9), False),
        (sent(Kind.LOST, hours=23), True),
        (sent(None, hours=100), True),
        (sent(Kind.LOST, Kind.THROTTLED, hours=30), True),
        (burnt(), True),
    ],
)
def test_a_key_is_concluded_upon_when_it_is_burnt_or_in_doubt_and_old(
    work: Work, needs: bool
) -> None:
    """R5, R6: a young doubtful key is sent again, a clean one has no doubt to settle."""
    assert needs_conclusion(work, facts()) is needs


def test_a_clock_behind_the_ledger_lets_every_doubtful_key_be_concluded_upon() -> None:
    """R7: an age that cannot be trusted is too old; a clean key does not care."""
    behind = facts(newest=START + 2 * HOUR)
    assert needs_conclusion(sent(Kind.LOST, hours=1), behind)
    assert not needs_conclusion(new(), behind)


def test_a_command_that_only_asks_concludes_on_all_doubt() -> None:
    """A reconciliation sends nothing, so a young key is asked about as well."""
    asking = facts(read_only=True)
    assert needs_conclusion(sent(Kind.LOST), asking)
    assert not needs_conclusion(sent(Kind.THROTTLED), asking)


def test_a_key_may_be_concluded_upon_once_it_has_rested() -> None:
    """R6: `settle` after the last send; at once where the server or a person has answered."""
    work = burnt(hours=0.5)
    assert rest_until(work, facts()) == START + 0.5 * HOUR
    assert rest_until(burnt(IfAbsent.NOTHING, hours=0.5), facts()) == START
    accepted = facts(accepted={item(1).identity: Acceptance(item(1).identity, A, "seen")})
    assert rest_until(work, accepted) == START


def test_a_group_rests_until_all_of_it_may_be_asked_about() -> None:
    """One decided item of a call does not shorten the rest of the others."""
    work = sent(Kind.LOST, count=2)
    one, other = (item(n).identity for n in (1, 2))
    decided = {one: Acceptance(one, A, "seen")}
    assert rest_until(work, facts(accepted=decided)) == START + HOUR
    both = {**decided, other: Acceptance(other, A, "seen")}
    assert rest_until(work, facts(accepted=both)) == START


def test_a_send_from_the_future_rests_by_the_servers_clock_alone() -> None:
    """R7: stamped a year ahead; asked about at once, since only the answer can tell its age."""
    ahead = sent(Kind.LOST, hours=-8760)
    dated = replace(ahead, attempts=(replace(ahead.attempts[0], server_date=START),))
    assert ask_from(dated, facts()) == START
    soon = START + HOUR / 2
    for when in (ask_from, rest_until):
        assert when(dated, facts(server=soon)) == START + HOUR / 2
    assert ask_from(ahead, facts()) > START + 8760 * HOUR


def test_a_send_that_the_server_never_dated_rests_by_ours_too() -> None:
    """The Date of an earlier send says nothing of when the last one left."""
    ahead = sent(Kind.LOST, Kind.LOST, hours=-8760)
    dated = replace(ahead.attempts[0], server_date=START)
    half = replace(ahead, attempts=(dated, ahead.attempts[1]))
    for when in (ask_from, rest_until):
        assert when(half, facts(server=START + 2 * HOUR)) > START + 8760 * HOUR
        assert when(half, facts()) > START + 8760 * HOUR


# Before a send


def test_a_new_item_with_nothing_there_may_go_and_has_its_baseline() -> None:
    """R9a: what was there is kept, once, before generation 0."""
    drafts = (Draft(B, "5.00", START),)
    cleared = before_sending(new(), [seen(an_invoice(status="Canceled"), drafts=drafts)], facts())
    assert cleared == Cleared((Baseline(START, (), drafts, gone=(A,)),))


def test_only_a_key_in_doubt_keeps_its_baseline() -> None:
    """R9a: what came before a key's first send is none of its doing; what came after may be."""
    held = Baseline(START - HOUR, (A,), ())
    anew = Baseline(START, (A,), ())
    for work in (new(baseline=held), sent(Kind.THROTTLED, trails=(Trail(held),))):
        assert before_sending(work, [seen(an_invoice())], facts()) == Cleared((anew,))
    work = sent(Kind.LOST, trails=(Trail(held),))
    assert before_sending(work, [seen(an_invoice())], facts()) == Cleared((None,))


def test_what_is_gone_stays_known_to_the_baselines_to_come() -> None:
    """The server may repeat its answer of an invoice that was canceled or deleted long before."""
    held = Baseline(START - HOUR, (), (), gone=(B,))
    canceled = seen(an_invoice(status="Canceled"))
    anew = Baseline(START, (), (), gone=(A, B))
    assert before_sending(new(baseline=held), [canceled], facts()) == Cleared((anew,))
    doubt = sent(Kind.LOST, trails=(Trail(held),))
    more = replace(held, gone=(B, A))
    assert before_sending(doubt, [canceled], facts()) == Cleared((more,))
    known = sent(Kind.LOST, trails=(Trail(more),))
    assert before_sending(known, [canceled], facts()) == Cleared((None,))
    bare = sent(Kind.LOST, trails=(Trail(),))
    assert before_sending(bare, [canceled], facts()) == Cleared((None,))


def test_what_an_earlier_outcome_named_is_gone_once_it_is_not_shown() -> None:
    """Deleted invoices are shown nowhere: the ledger alone remembers them."""
    held = replace(a_held(Outcome.ALREADY_INVOICED), invoice_ids=(A, B))
    there = seen(an_invoice(B))
    work = new(baseline=Baseline(START, (B,), ()), rests_until=START)
    step = recheck(work, held, there, facts())
    assert step == Reopened(Baseline(START, (B,), (), gone=(A,)))
    one = replace(held, invoice_ids=())
    gone = Reopened(Baseline(START, (), (), gone=(A,)))
    assert recheck(new(rests_until=START), one, seen(), facts()) == gone
    assert isinstance(recheck(new(), one, seen(), facts()), Rest)


@pytest.mark.parametrize("work", [new(), new(baseline=BASELINE), sent(Kind.THROTTLED)])
def test_an_invoice_that_is_there_holds_a_clean_item_for_good(work: Work) -> None:
    """R9a: already invoiced, with its ids, whoever made it; a clean key is settled by it."""
    step = only(before_sending(work, [seen(an_invoice(), an_invoice(B))], facts()))
    record = record_of(step)
    assert isinstance(step, Settled)
    assert record.outcome is Outcome.ALREADY_INVOICED
    assert (record.invoice_id, record.invoice_ids) == (A, (A, B))
    assert record.error is not None
    assert record.error.code == "ALREADY_THERE"
    kept = finding(work, work.items[0], step)
    assert kept is not None
    assert kept.key == (work.call.key if work.call else None)
    assert kept.effect is not None
    assert (kept.effect.state, kept.effect.record) == (KeyState.SETTLED, record)


def test_a_revision_that_is_held_says_what_lets_it_go() -> None:
    """The report tells a person what to do in Zuora; the first revision needs no such advice."""
    work = new()
    revised = replace(item(1), identity=replace(item(1).identity, revision=2))
    second = replace(work, items=(revised,))
    told = [
        record_of(only(before_sending(one, [seen(an_invoice())], facts()))).error
        for one in (work, second)
    ]
    assert [error and error.message for error in told] == [
        "an invoice was there before a send",
        "an invoice was there before a send; revision 2 is sent once none is: canceled or deleted",
    ]


def test_an_unknown_status_leaves_an_item_unknown() -> None:
    """R8: neither sent nor claimed, and it is remembered that it was there."""
    of_doubt = Finding(item(1), baseline=replace(BASELINE, shown=(A,)), rested=True)
    of_new = Finding(item(1), rests_until=START + SETTLE)
    for work, kept in ((new(), of_new), (sent(Kind.LOST), of_doubt)):
        step = only(before_sending(work, [seen(an_invoice(status="Odd"))], facts()))
        assert isinstance(step, Left)
        assert step.record.outcome is Outcome.UNKNOWN
        assert finding(work, work.items[0], step) == kept


def test_what_is_generating_is_asked_about_again_soon() -> None:
    """R8: exists, wait: half a minute, in every run; `settle` from now if it is not shown then."""
    generating = seen(an_invoice(status="Generating"))
    now = timedelta()
    for server, late in ((None, now), (START + HOUR / 2, HOUR / 2), (START - HOUR, now)):
        step = only(before_sending(new(), [generating], facts(server=server)))
        assert isinstance(step, Rest)
        assert (step.until, step.soon) == (START + RECHECK_GENERATING, True)
        kept = Finding(item(1), rests_until=START + SETTLE + late)
        assert finding(new(), item(1), step) == kept


def test_a_member_that_is_generating_is_remembered_for_as_long() -> None:
    """R12: its call is taken apart, and the half minute is this run's alone."""
    group = new(2)
    steps = before_sending(group, [seen(an_invoice(status="Generating")), seen()], facts())
    assert isinstance(steps, tuple)
    found = [finding(group, one, step) for one, step in zip(group.items, steps, strict=True)]
    assert [one and one.rests_until for one in found] == [START + SETTLE] * 2


def test_only_what_goes_alone_rests_for_what_was_coming() -> None:
    """A call of several is taken apart first; its first item says nothing of the others."""
    rested: dict[str, Any] = {"baseline": BASELINE, "rests_until": START + HOUR}
    assert isinstance(only(before_sending(new(**rested), [seen()], facts())), Rest)
    assert isinstance(before_sending(new(2, **rested), [seen(), seen()], facts()), Cleared)


@pytest.mark.parametrize("status", ["Posted", "Generating"])
def test_anything_there_burns_a_doubtful_key(status: str) -> None:
    """R9a: the same key is not sent again once an invoice shows up; R9b settles it."""
    work = sent(Kind.LOST, hours=1)
    step = only(before_sending(work, [seen(an_invoice(status=status))], facts()))
    assert isinstance(step, Burnt)
    kept = finding(work, work.items[0], step)
    assert kept is not None
    assert kept.effect is not None
    assert (kept.effect.state, kept.effect.if_absent) == (KeyState.BURNT, IfAbsent.RENEW)
    assert kept.effect.record is None


def test_what_burns_a_key_is_remembered() -> None:
    """A later answer that does not show it may be an old copy's; one that does makes it void."""
    for status in ("Posted", "Generating"):
        work = sent(Kind.LOST, count=2)
        steps = before_sending(work, [seen(an_invoice(status=status)), seen()], facts())
        assert isinstance(steps, tuple)
        found = [finding(work, one, step) for one, step in zip(work.items, steps, strict=True)]
        assert [one and one.baseline for one in found] == [replace(BASELINE, shown=(A,)), BASELINE]
        assert [one and one.rested for one in found] == [True, True]
    bare = sent(Kind.LOST, trails=(Trail(),))
    assert only(before_sending(bare, [seen(an_invoice())], facts())) == Burnt(
        "in doubt, and an invoice is there that was not there before"
    )


def test_what_was_being_generated_is_missed_by_two_looks_before_a_send() -> None:
    """Half a minute later an old copy may show nothing: the item rests, whatever it had to before.

    The ledger keeps until when, so that a run after this one rests as well.
    """
    work = new(rests_until=START - HOUR)
    work.rechecks = 1
    step = only(before_sending(work, [seen()], facts()))
    assert isinstance(step, Rest)
    assert (step.until, step.problem.code, step.soon) == (START + SETTLE, "PERHAPS_GONE", False)
    assert finding(work, item(1), step) == Finding(item(1), rests_until=step.until)
    work.rests_until = START + HOUR / 2
    assert only(before_sending(work, [seen()], facts())) == replace(step, until=work.rests_until)
    work.rests_until = START
    assert isinstance(before_sending(work, [seen()], facts()), Cleared)


@pytest.mark.parametrize(
    ("before", "here", "server", "until"),
    [
        (None, None, None, 1.0),
        (None, None, 2.0, 3.0),
        (None, None, -2.0, 1.0),
        (0.5, None, None, 0.5),
        (0.0, None, None, None),
        (0.0, None, 1.0, None),
        (0.0, None, -1 / 60, None),
        (0.0, None, -1.5, 1.5 - 1 / 60),
        (-1.0, None, -1.5, 0.5 - 1 / 60),
        (0.0, 0.25, None, 0.25),
        (2.0, 0.0, None, None),
        (2.0, 0.0, -2.0, None),
    ],
)
def test_two_looks_are_a_rest_apart_by_both_clocks(
    before: float | None, here: float | None, server: float | None, until: float | None
) -> None:
    """R7: our clock may be another than at the first look, which an earlier run has taken.

    A rest of this run is timed by the steady clock; clocks that are right differ by a minute at
    most. Hours, as from this look on.
    """

    def at(hours: float | None) -> datetime | None:
        return None if hours is None else START + hours * HOUR

    work = new(rests_until=at(before))
    work.rests_until = at(here)
    held = a_held(Outcome.ALREADY_INVOICED)
    step = recheck(work, held, seen(), facts(server=at(server)))
    assert (step.until if isinstance(step, Rest) else None) == at(until)
    if isinstance(step, Rest):
        kept = finding(work, item(1), step)
        assert kept == (None if before is not None else Finding(item(1), rests_until=step.until))


def test_one_member_that_is_there_holds_back_a_whole_new_group() -> None:
    """R12: it is settled, and the others wait `settle`, since somebody may be sending this call."""
    steps = before_sending(new(3), [seen(), seen(an_invoice()), seen()], facts())
    assert isinstance(steps, tuple)
    first, second, third = steps
    assert isinstance(second, Settled)
    for step in (first, third):
        assert isinstance(step, Rest)
        assert (step.until, step.soon) == (START + SETTLE, False)
        assert step.problem.code == "OTHER_HOST"
        assert "is invoiced already" in step.problem.message


@pytest.mark.parametrize(
    ("status", "said"),
    [("Generating", "is still being generated"), ("Odd", "a status that zbatch does not know")],
)
def test_one_member_that_is_coming_holds_back_a_whole_new_group(status: str, said: str) -> None:
    """R12: nobody is told that something is invoiced which is not, in this run or in the next."""
    group = new(2)
    steps = before_sending(group, [seen(), seen(an_invoice(status=status))], facts())
    assert isinstance(steps, tuple)
    step = steps[0]
    assert isinstance(step, Rest)
    assert (step.until, step.problem.code) == (START + SETTLE, "OTHER_HOST")
    assert said in step.problem.message
    assert "already" not in step.problem.message
    aside = replace(new(rests_until=step.until), rests_until=step.until)
    later = only(before_sending(aside, [seen()], facts()))
    assert isinstance(later, Rest)
    assert later.problem.code == "OTHER_HOST"
    assert "was there, or was coming" in later.problem.message


def test_a_doubtful_group_shares_one_fate() -> None:
    """R12: where one member's invoice is there the call is never sent again for any of them."""
    work = sent(Kind.LOST, count=3)
    steps = before_sending(work, [seen(), seen(an_invoice()), seen()], facts())
    assert isinstance(steps, tuple)
    assert all(isinstance(step, Burnt) for step in steps)
    unknown = seen(an_invoice(status="Odd"))
    odd = before_sending(work, [seen(an_invoice()), unknown, seen()], facts())
    assert isinstance(odd, tuple)
    assert all(isinstance(step, Left) for step in odd)


def test_a_clean_group_that_is_taken_apart_gives_up_its_key() -> None:
    """R12: those that go alone go under keys of their own; the group's was never executed."""
    work = sent(Kind.THROTTLED, count=2)
    steps = before_sending(work, [seen(an_invoice()), seen()], facts())
    assert isinstance(steps, tuple)
    found = [finding(work, one, step) for one, step in zip(work.items, steps, strict=True)]
    assert all(kept and kept.effect and kept.effect.state is KeyState.SETTLED for kept in found)
    assert work.call is not None
    assert {kept.key for kept in found if kept} == {work.call.key}
    odd = [seen(an_invoice(status="Odd"))] * 2
    steps = before_sending(work, odd, facts())
    assert isinstance(steps, tuple)
    found = [finding(work, one, step) for one, step in zip(work.items, steps, strict=True)]
    assert all(kept and kept.effect and kept.effect.state is KeyState.SETTLED for kept in found)
    assert [kept and kept.rests_until for kept in found] == [START + SETTLE] * 2
    fresh = new(2)
    steps = before_sending(fresh, [seen(an_invoice()), seen()], facts())
    assert isinstance(steps, tuple)
    alone = finding(fresh, fresh.items[1], steps[1])
    assert alone is not None
    assert (alone.key, alone.effect) == (None, None)
    assert alone.rests_until is not None


# Asking again about outcomes


def a_held(outcome: Outcome) -> ItemRecord:
    ids = (A,) if outcome.success else ()
    return ItemRecord(item(1), outcome, invoice_id=ids[0] if ids else None, invoice_ids=ids)


@pytest.mark.parametrize(
    ("outcome", "shown"),
    [
        (Outcome.ALREADY_INVOICED, [an_invoice()]),
        (Outcome.ALREADY_INVOICED, [an_invoice(B), an_invoice()]),
        (Outcome.ALREADY_INVOICED, [an_invoice(status="Generating")]),
        (Outcome.NOTHING_TO_BILL, []),
        (Outcome.NOTHING_TO_BILL, [an_invoice(status="Canceled")]),
    ],
)
def test_an_outcome_stands_while_the_tenant_shows_the_same(
    outcome: Outcome, shown: list[Invoice]
) -> None:
    """R9a: asked again in every run, and mostly as before; the ledger is not touched."""
    held = a_held(outcome)
    step = recheck(new(), held, seen(*shown), facts())
    assert step == Kept(held)
    assert finding(new(), item(1), step) is None


@pytest.mark.parametrize("outcome", [Outcome.ALREADY_INVOICED, Outcome.NOTHING_TO_BILL])
def test_another_invoice_than_before_becomes_the_outcome(outcome: Outcome) -> None:
    """R9a: what somebody has billed since is told with its own ID."""
    step = recheck(new(), a_held(outcome), seen(an_invoice(B)), facts())
    assert isinstance(step, Settled)
    assert (step.record.outcome, step.record.invoice_ids) == (Outcome.ALREADY_INVOICED, (B,))
    assert step.record.error == Problem("ALREADY_THERE", "an invoice is there by now")


@pytest.mark.parametrize("trail", [{}, {"baseline": BASELINE}])
def test_an_invoice_that_is_gone_opens_the_item_again(trail: dict[str, Any]) -> None:
    """L21: canceled since, nothing bills the item any more; its baseline is taken anew."""
    baseline = Baseline(START, (), (), gone=(A,))
    work = new(**trail)
    step = recheck(
        work, a_held(Outcome.ALREADY_INVOICED), seen(an_invoice(status="Canceled")), facts()
    )
    assert step == Reopened(baseline)
    kept = finding(work, item(1), step)
    assert kept is not None
    assert (kept.reopen, kept.baseline, kept.effect) == (True, baseline, None)


def test_an_invoice_that_is_not_shown_is_looked_for_twice() -> None:
    """R9a: one old copy of the data is no proof; the first look is kept, and what was told stands.

    The second counts once the tenant has had time to show it, in this run or a later one.
    """
    held = a_held(Outcome.ALREADY_INVOICED)
    gone = Reopened(Baseline(START, (), (), gone=(A,)))
    first = recheck(new(), held, seen(), facts())
    assert isinstance(first, Rest)
    assert first.until == START + SETTLE
    noted = finding(replace(new(), held=held), item(1), first)
    assert noted == Finding(item(1), rests_until=START + SETTLE)

    soon = START + timedelta(seconds=1)
    early = recheck(new(rests_until=soon), held, seen(), facts())
    assert early == replace(first, until=soon)
    assert recheck(new(rests_until=START), held, seen(), facts()) == gone
    assert recheck(replace(new(), rests_until=START), held, seen(), facts()) == gone


def test_two_looks_are_a_rest_apart_by_the_servers_clock_too() -> None:
    """R9a: a clock of ours that was behind, or went ahead, would bring them together."""
    held = a_held(Outcome.ALREADY_INVOICED)
    behind = recheck(new(), held, seen(), facts(server=START + 2 * HOUR))
    assert isinstance(behind, Rest)
    assert behind.until == START + 2 * HOUR + SETTLE
    look = new(rests_until=START)
    ahead = recheck(look, held, seen(), facts(server=START - 2 * HOUR))
    assert isinstance(ahead, Rest)
    assert ahead.until == START + 2 * HOUR - CLOCK_SLACK
    assert finding(replace(look, held=held), item(1), ahead) is None
    slower = facts(server=START - timedelta(seconds=59))
    assert isinstance(recheck(look, held, seen(), slower), Reopened)


def test_an_invoice_that_is_shown_again_undoes_the_look_that_missed_it() -> None:
    """R9a: or one old copy a month would be two of them."""
    held = a_held(Outcome.ALREADY_INVOICED)
    for work in (new(rests_until=START), replace(new(), rests_until=START)):
        step = recheck(work, held, seen(an_invoice()), facts())
        assert finding(work, item(1), step) == Finding(item(1), rested=True)
    other = finding(new(), item(1), recheck(new(), held, seen(an_invoice(B)), facts()))
    assert other is not None
    assert other.rested


def test_of_several_invoices_each_must_be_canceled_to_be_gone_at_once() -> None:
    """R8: a status that the tenant shows is proof, what it does not show is none."""
    held = replace(a_held(Outcome.ALREADY_INVOICED), invoice_ids=(A, B))
    shown = an_invoice(status="Canceled"), an_invoice(B, status="Error")
    assert isinstance(recheck(new(), held, seen(*shown), facts()), Reopened)
    assert isinstance(recheck(new(), held, seen(shown[0]), facts()), Rest)


@pytest.mark.parametrize("status", ["Generating", "Odd"])
def test_what_does_not_count_yet_is_remembered_of_nothing_to_bill(status: str) -> None:
    """R9a: with `--retry-nothing` a later run sends it, and an old copy may not show it then."""
    step = recheck(new(), a_held(Outcome.NOTHING_TO_BILL), seen(an_invoice(status=status)), facts())
    assert isinstance(step, Kept | Left)
    assert finding(new(), item(1), step) == Finding(item(1), rests_until=START + SETTLE)


@pytest.mark.parametrize("status", ["Generating", "Odd"])
@pytest.mark.parametrize("before", [None, BASELINE])
def test_what_does_not_count_yet_is_missed_twice_beside_an_invoice_that_is_gone(
    status: str, before: Baseline | None
) -> None:
    """R9a: canceled alone is proof of that one only."""
    held, canceled = a_held(Outcome.ALREADY_INVOICED), an_invoice(status="Canceled")
    coming = an_invoice(B, status=status)
    step = recheck(new(baseline=before), held, seen(canceled, coming), facts())
    kept = finding(new(), item(1), step)
    assert kept is not None
    assert kept.baseline is not None
    assert (kept.baseline.invoice_ids, kept.baseline.shown) == ((), (B,))
    work = new(baseline=kept.baseline)
    missed = recheck(work, held, seen(canceled), facts())
    assert isinstance(missed, Rest)
    assert B in missed.problem.message
    both = seen(canceled, an_invoice(B, status="Canceled"))
    assert isinstance(recheck(work, held, both, facts()), Reopened)
    rested = new(baseline=kept.baseline, rests_until=START - HOUR)
    assert isinstance(recheck(rested, held, seen(canceled), facts()), Reopened)


def test_a_status_nobody_knows_makes_an_outcome_unknown() -> None:
    """R8: also of an outcome that was sure in an earlier run."""
    step = recheck(new(), a_held(Outcome.NOTHING_TO_BILL), seen(an_invoice(status="Odd")), facts())
    assert isinstance(step, Left)
    assert step.record.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("status", ["Generating", "Odd"])
def test_what_is_shown_in_any_state_undoes_the_look_that_missed_it(status: str) -> None:
    """R9a: whatever the item is told as for now."""
    work = new(rests_until=START)
    step = recheck(work, a_held(Outcome.ALREADY_INVOICED), seen(an_invoice(status=status)), facts())
    assert finding(work, item(1), step) == Finding(item(1), rested=True)


def test_a_rest_that_was_begun_by_a_clock_ahead_begins_anew() -> None:
    """R7: only the server's clock can tell that; without it the rest stands."""
    held = a_held(Outcome.ALREADY_INVOICED)
    work = new(rests_until=START + 30 * 24 * HOUR)
    step = recheck(work, held, seen(), facts(server=START))
    assert isinstance(step, Rest)
    assert finding(work, item(1), step) == Finding(item(1), rests_until=START + SETTLE)
    untold = recheck(work, held, seen(), facts())
    assert isinstance(untold, Rest)
    assert untold.until == START + 30 * 24 * HOUR
    assert finding(work, item(1), untold) is None


def test_what_was_never_sent_rests_as_an_earlier_run_has_begun_to() -> None:
    """R9a: by both clocks, under a clean key too; a key in doubt is sent again all the same."""
    until = START + HOUR / 2
    trail = Trail(BASELINE, rests_until=until)
    for work in (new(rests_until=until), sent(Kind.THROTTLED, trails=(trail,))):
        step = only(before_sending(work, [seen()], facts()))
        assert isinstance(step, Rest)
        assert (step.until, step.problem.code) == (until, "PERHAPS_GONE")
        assert finding(work, item(1), step) is None
    aside = replace(new(rests_until=START), rests_until=START)
    ahead = only(before_sending(aside, [seen()], facts(server=START - HOUR)))
    assert isinstance(ahead, Rest)
    assert (ahead.until, ahead.problem.code) == (START + HOUR - CLOCK_SLACK, "OTHER_HOST")
    assert isinstance(before_sending(aside, [seen()], facts()), Cleared)
    doubted = sent(Kind.LOST, trails=(trail,))
    assert isinstance(before_sending(doubted, [seen()], facts()), Cleared)


# Concluding


def concluded(work: Work, *invoices: Invoice, **fields: Any) -> Step:
    return only(after_rest(work, [seen(*invoices)], facts(**fields)))


def test_a_claimed_invoice_settles_its_item() -> None:
    """R9b: invoiced, with key, count of sends and the times of the sends."""
    work = replace_prior(burnt(), 3)
    step = concluded(work, an_invoice(created_at=START - 2 * HOUR))
    record = record_of(step)
    assert isinstance(step, Settled)
    assert (record.outcome, record.invoice_ids, record.attempts) == (Outcome.INVOICED, (A,), 4)
    assert record.error is None
    assert work.call is not None
    assert record.idempotency_key == work.call.key
    assert record.started_at == START - 2 * HOUR
    assert "2026-11-30T22:00:00Z" in step.evidence


def replace_prior(work: Work, sends: int) -> Work:
    return replace(work, prior_attempts=sends)


def test_an_invoice_whose_author_is_not_proved_is_said_to_be_there() -> None:
    """R9b: already invoiced, and the report says why not invoiced."""
    record = record_of(concluded(burnt(), an_invoice(source="BillRun")))
    assert record.outcome is Outcome.ALREADY_INVOICED
    assert record.error is not None
    assert record.error.code == "AUTHOR_NOT_PROVED"


def test_several_candidates_leave_the_item_unknown() -> None:
    """R9b: until a person decides; the ledger keeps the key as it is."""
    work = burnt()
    step = concluded(work, an_invoice(), an_invoice(B))
    assert record_of(step).outcome is Outcome.UNKNOWN
    remembered = replace(BASELINE, shown=(A, B))
    assert finding(work, item(1), step) == Finding(item(1), baseline=remembered, rested=True)


@pytest.mark.parametrize(
    ("if_absent", "renewals", "expected"),
    [
        (IfAbsent.RENEW, 0, None),
        (IfAbsent.RENEW_TWICE, 0, None),
        (IfAbsent.RENEW_TWICE, 1, None),
        (IfAbsent.RENEW_TWICE, 2, Outcome.FAILED),
        (IfAbsent.FAIL, 0, Outcome.FAILED),
        (IfAbsent.NOTHING, 0, Outcome.NOTHING_TO_BILL),
    ],
)
def test_nothing_there_settles_the_key(
    if_absent: IfAbsent, renewals: int, expected: Outcome | None
) -> None:
    """R9b: the key is settled, with evidence; the item goes on, fails or has nothing to bill."""
    work = burnt(if_absent, renewals)
    step = concluded(work)
    kept = finding(work, item(1), step)
    assert kept is not None
    assert kept.effect is not None
    assert kept.effect.state is KeyState.SETTLED
    assert "nothing was created" in kept.effect.evidence
    if expected:
        assert record_of(step).outcome is expected
    else:
        assert isinstance(step, Renewed)
        assert (kept.effect.record, kept.effect.if_absent) == (None, if_absent)
        assert kept.rested, "its rest is over with it, in every later run too"


def test_a_void_key_gives_back_the_outcome_that_was_to_be_tried_again() -> None:
    """R9b, R10: a retry that has created nothing has settled nothing."""
    work = burnt()
    failed = ItemRecord(item(1), Outcome.FAILED)
    work.trails = (replace(work.trails[0], before=failed),)
    kept = finding(work, item(1), concluded(work))
    assert kept is not None
    assert kept.effect is not None
    assert (kept.effect.state, kept.effect.restored) == (KeyState.SETTLED, failed)


def test_a_young_key_that_only_questions_may_settle_is_never_given_up() -> None:
    """R5, R6: while sending it again protects, no reconciliation renews it on silence."""
    work = sent(Kind.LOST, hours=2)
    step = concluded(work, read_only=True)
    assert isinstance(step, Left)
    assert step.record.outcome is Outcome.UNKNOWN
    assert finding(work, item(1), step) is None
    claimed = concluded(work, an_invoice(created_at=START - 2 * HOUR), read_only=True)
    assert record_of(claimed).outcome is Outcome.INVOICED


def test_a_409_holds_until_the_server_has_forgotten_the_key() -> None:
    """After 23 hours a call that answered 409 is settled by question like any other."""
    young, old = sent(Kind.LOST, Kind.CONFLICT, hours=2), sent(Kind.LOST, Kind.CONFLICT, hours=23)
    young.burnt = True
    problem = record_of(concluded(young)).error
    assert problem is not None
    assert problem.code == "STILL_EXECUTING"
    assert isinstance(concluded(old), Renewed)


def test_a_key_that_has_not_rested_is_not_concluded_upon() -> None:
    """R6: where only the answer has told how old it is, it rests first."""
    step = concluded(burnt(hours=0.5))
    assert isinstance(step, Rest)
    assert (step.until, step.soon) == (START + 0.5 * HOUR, False)


def test_each_item_of_a_group_is_concluded_upon_alone() -> None:
    """R12: of one lost answer to three objects each is settled by its own invoices."""
    work = sent(Kind.LOST, hours=30, count=3)
    mine = an_invoice(created_at=START - 30 * HOUR)
    steps = after_rest(work, [seen(mine), seen(), seen(an_invoice(), an_invoice(B))], facts())
    assert [type(step) for step in steps] == [Settled, Renewed, Left]


# A person's decision


def decided(work: Work, one: Seen, invoice_id: str = A) -> Step:
    accepted = {item(1).identity: Acceptance(item(1).identity, invoice_id, "FIN-4821")}
    return only(after_rest(work, [one], facts(accepted=accepted)))


def test_a_person_decides_between_candidates() -> None:
    """R9b: recorded as evidence with the reason; it mints no key."""
    work = burnt()
    step = decided(work, seen(an_invoice(), an_invoice(B)), B)
    record = record_of(step)
    assert (record.outcome, record.invoice_ids) == (Outcome.INVOICED, (B,))
    assert record.error is not None
    assert "FIN-4821" in record.error.message
    kept = finding(work, item(1), step)
    assert kept is not None
    assert kept.effect is not None
    assert "FIN-4821" in kept.effect.evidence


def test_an_invoice_is_accepted_in_the_tenants_own_spelling() -> None:
    """Typed in capitals it is the same invoice; where two differ in case only, it is as typed."""
    lower, upper = "ab" * 16, "AB" * 16
    assert record_of(decided(burnt(), seen(an_invoice(lower)), upper)).invoice_ids == (lower,)
    both = seen(an_invoice(lower), an_invoice(upper))
    assert record_of(decided(burnt(), both, upper)).invoice_ids == (upper,)


def test_a_person_may_name_a_draft_of_the_account() -> None:
    """What generate has appended to lies under another target date."""
    assert record_of(decided(burnt(), seen(drafts=(Draft(A, "9.00", START),)))).invoice_id == A


def test_an_invoice_that_the_tenant_does_not_show_is_not_accepted() -> None:
    """No success without an ID from the server, whoever says so."""
    record = record_of(decided(burnt(), seen(an_invoice(B))))
    assert record.outcome is Outcome.UNKNOWN
    assert record.error is not None
    assert record.error.code == "NOT_SHOWN"


@pytest.mark.parametrize(("was_draft", "outcome"), [(False, "unknown"), (True, "invoiced")])
def test_another_items_invoice_is_accepted_only_where_it_was_a_draft_to_append_to(
    was_draft: bool, outcome: str
) -> None:
    """Two items share an invoice only if a draft was there that both can have gone into."""
    drafts = (Draft(A, "9.00", START),)
    baseline = Baseline(START - HOUR, (), drafts if was_draft else ())
    trail = Trail(baseline, credited=frozenset({A}), if_absent=IfAbsent.RENEW)
    work = replace(burnt(), trails=(trail,))
    record = record_of(decided(work, seen(an_invoice(), drafts=drafts)))
    assert record.outcome == outcome
    assert (record.error is not None and record.error.code == "CREDITED") != was_draft


# What a run says of what it leaves


@pytest.mark.parametrize("said", ["no answer", "no answer."])
def test_what_is_left_in_doubt_says_from_when_it_can_be_settled(said: str) -> None:
    """R6: unknown, with the last trouble and the time; a full stop of Zuora's ends no sentence."""
    rest = Rest(START + HOUR, Problem("TIMEOUT", said))
    record = left_in_doubt(sent(Kind.LOST), item(1), rest)
    assert record.outcome is Outcome.UNKNOWN
    assert record.error == Problem(
        "TIMEOUT",
        "no answer; from 2026-11-30 23:00:00 UTC zbatch run or zbatch reconcile can settle it",
    )
    assert left_in_doubt(burnt(), item(1), rest).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("work", [new(), sent(Kind.THROTTLED)])
def test_what_waits_without_doubt_was_not_attempted(work: Work) -> None:
    """A clean item that waits for another host is no unknown."""
    record = left_in_doubt(work, item(1), Rest(START, Problem("OTHER_HOST", "somebody else")))
    assert record.outcome is Outcome.NOT_ATTEMPTED
    assert record.error is not None
    assert "ask again" in record.error.message


def test_a_void_key_of_a_command_that_sends_nothing_is_not_attempted() -> None:
    """R9b: the next key is minted and sent by `zbatch run` alone, and the report says so."""
    record = left_renewed(burnt(), item(1), Renewed("nothing was created", IfAbsent.RENEW))
    assert record.outcome is Outcome.NOT_ATTEMPTED
    assert record.error is not None
    assert "zbatch run" in record.error.message
