"""A run in stages: nothing of the next one leaves before somebody has looked at the last."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from support.engine import (
    START,
    TENANT,
    Bench,
    Run,
    VirtualClock,
    accounts_of,
    failure,
    found,
    item,
    showing,
    shown,
    success,
)
from support.plans import a_record
from zbatch.engine.ending import StopReason
from zbatch.engine.events import Settled
from zbatch.engine.kinds import Kind
from zbatch.engine.loop import Engine
from zbatch.engine.order import Order, Work
from zbatch.engine.settings import Staging
from zbatch.engine.stages import SHOWN, Choice, StageEnd, Stages, StageSoFar
from zbatch.model import Attempt, Baseline, Item, Outcome, Settling, StopRules, Trail
from zbatch.zuora.request import make_call
from zbatch.zuora.wire import Reply, Request

INVOICED, FAILED = Outcome.INVOICED, Outcome.FAILED


@dataclass
class Looks:
    """Answers each look as scripted, after so many seconds; stops once nothing is left to say."""

    choices: Sequence[Choice | None] = ()
    after: float = 100.0
    ends: list[StageEnd] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)

    async def look(self, end: StageEnd) -> Choice | None:
        self.ends.append(end)
        await asyncio.sleep(self.after)
        self.answered.append(asyncio.get_running_loop().time())
        return self.choices[len(self.ends) - 1] if len(self.ends) <= len(self.choices) else STOP

    @property
    def numbers(self) -> list[int]:
        return [end.number for end in self.ends]


CONFIRM, CONTINUE, STOP = Choice


def staged(*sizes: int) -> list[Work]:
    """Make works of one item each, so many a stage."""
    stages = [stage for stage, size in enumerate(sizes, 1) for _ in range(size)]
    return [Work(n, (item(n),), 0, stage=stage) for n, stage in enumerate(stages)]


def bench(looks: Looks, looked: int = 0, past: Sequence[Item] = (), **fields: object) -> Bench:
    """Make a bench of three stages; `past` are invoiced items of the first one."""
    parts: dict[int, StageSoFar] = {}
    for one in past:
        part = parts.setdefault(1, StageSoFar())
        part.items += 1
        part.take(a_record(one, INVOICED))
    staging = Staging(3, "plan", looked, parts)
    return Bench(stages=staging, gate=looks, **fields)  # type: ignore[arg-type] # a bench's


def invoice(request: Request, before: int) -> Reply:
    return success()


def sent_by(run: Run, seconds: float) -> set[int]:
    """Tell the accounts that something was sent for until then."""
    early = (request for time, request in run.server.requests if time <= seconds)
    return {number for request in early for number in accounts_of(request)}


def reason(run: Run) -> StopReason | None:
    return run.ending.stop.reason if run.ending.stop else None


def test_each_stage_waits_for_a_look_at_the_last() -> None:
    """What a person sees is the whole stage; nothing of the next is sent, nor asked about."""
    looks = Looks([CONFIRM, CONFIRM])
    run = bench(looks).run(staged(2, 3, 4), invoice)
    first, second = looks.answered
    assert sent_by(run, first) == {0, 1}
    assert sent_by(run, second) == {0, 1, 2, 3, 4}
    assert len(run.records) == 9
    assert [time for time, _ in run.server.questions if time < first] == [0.0]
    assert [dict(end.counts) for end in looks.ends] == [{INVOICED: 2}, {INVOICED: 3}]
    assert looks.numbers == [1, 2]
    assert reason(run) is None


def test_to_continue_is_to_be_asked_no_more() -> None:
    """The rest of the run is one stage."""
    looks = Looks([CONTINUE])
    run = bench(looks).run(staged(2, 3, 4), invoice)
    assert (looks.numbers, len(run.records), reason(run)) == ([1], 9, None)


def test_to_stop_leaves_the_rest_to_another_run() -> None:
    """What was settled stays so; the other items have not begun."""
    looks = Looks([CONFIRM, STOP])
    run = bench(looks).run(staged(2, 3, 4), invoice)
    assert (looks.numbers, len(run.records), reason(run)) == ([1, 2], 5, StopReason.STAGE)
    assert run.ending.stop is not None
    assert run.ending.stop.message == "stage 2 of 3 is over; zbatch run begins stage 3"


def test_who_stops_is_told_of_the_stage_that_is_to_be_looked_at_next() -> None:
    """Nothing of it is left to send, but an earlier run has sent some of it and nobody looked."""
    stages = Staging(3, "plan", 0, {1: sent_before(20), 2: sent_before(21)})
    run = Bench(stages=stages, gate=Looks([STOP])).run(staged(0, 0, 1), invoice)
    assert run.ending.stop is not None
    assert run.ending.stop.message == "stage 1 of 3 is over; zbatch run begins stage 2"


def sent_before(number: int) -> StageSoFar:
    so_far = StageSoFar(items=1)
    so_far.take(a_record(item(number), INVOICED))
    return so_far


def test_a_run_begins_with_the_first_stage_that_has_anything_to_do() -> None:
    """A stage that earlier runs have settled is looked at no more; nor is the last one."""
    looks = Looks([CONFIRM])
    run = bench(looks).run(staged(0, 3, 4), invoice)
    assert (looks.numbers, len(run.records)) == ([2], 7)
    only_the_rest = Looks()
    assert len(bench(only_the_rest).run(staged(0, 0, 4), invoice).records) == 4
    assert not only_the_rest.ends


def test_an_interruption_ends_a_look() -> None:
    """Ctrl-C at the prompt: nothing is in flight, and nobody is asked on."""

    async def interrupt(engine: Engine, _clock: VirtualClock) -> None:
        await asyncio.sleep(30.0)
        engine.stop(StopReason.INTERRUPTED, "interrupted")

    looks = Looks([CONFIRM], after=1e6)
    run = bench(looks, during=interrupt).run(staged(2, 3), invoice)
    assert (reason(run), len(run.records)) == (StopReason.INTERRUPTED, 2)
    assert run.elapsed == pytest.approx(30.0, abs=1.0)
    assert not looks.answered
    assert not run.ledger.looked


def test_an_answer_at_the_moment_of_an_interruption_is_no_look() -> None:
    """The run that ends as interrupted has not been let go on: the next one asks again."""
    engines: list[Engine] = []

    class Interrupted:
        async def look(self, end: StageEnd) -> Choice:
            engines[0].stop(StopReason.INTERRUPTED, "interrupted")
            return CONFIRM

    async def keep(engine: Engine, _clock: VirtualClock) -> None:
        engines.append(engine)

    staging = Staging(2, "plan")
    run = Bench(stages=staging, gate=Interrupted(), during=keep).run(staged(2, 3), invoice)
    assert (reason(run), len(run.records)) == (StopReason.INTERRUPTED, 2)
    assert not run.ledger.looked


def test_the_deadline_ends_a_look() -> None:
    """A run that waits for a person has a deadline too."""
    run = bench(Looks([CONFIRM], after=1e6), rules=StopRules(deadline=60.0)).run(
        staged(2, 3), invoice
    )
    assert (reason(run), len(run.records)) == (StopReason.RULE, 2)
    assert run.elapsed == pytest.approx(60.0, abs=1.0)


def test_a_look_that_breaks_ends_the_run_in_order() -> None:
    """A bug of whoever looks is no leave to go on."""

    class Broken:
        async def look(self, end: StageEnd) -> Choice:
            raise RuntimeError("no terminal")

    run = Bench(stages=Staging(2), gate=Broken()).run(staged(2, 3), invoice)
    assert (reason(run), len(run.records)) == (StopReason.INTERNAL, 2)


def test_a_failed_date_holds_back_a_later_one_of_another_stage() -> None:
    """R10 knows no stages: the later invoice would bill what the earlier date has left."""
    early, late = item(1, 10), item(1, 20)
    works = [
        Work(0, (early,), 0, stage=1),
        Work(1, (late,), 0, stage=2),
        Work(2, (item(2),), 0, stage=2),
    ]
    run = bench(Looks([CONFIRM])).run(
        works,
        lambda r, n: failure("ACCOUNTING_PERIOD_CLOSED") if 1 in accounts_of(r) else success(),
    )
    assert run.ending.blocked == ((late, early),)
    assert {r.outcome for r in run.records.values()} == {FAILED, INVOICED}


def in_doubt(one: Item, stage: int, burnt: bool = False) -> Work:
    attempt = Attempt(1, START - timedelta(hours=30), "track", answer=Kind.LOST.value)
    trail = Trail(Baseline(START - timedelta(hours=48), (), ()))
    call = make_call(TENANT, [one], 0)
    return Work(
        0, (one,), 0, call=call, attempts=(attempt,), trails=(trail,), burnt=burnt, stage=stage
    )


def test_what_has_a_key_is_settled_whatever_its_stage() -> None:
    """Doubt does not wait for a person; a next key for it, which would be a new send, does."""
    looks = Looks([CONFIRM])
    works = [*staged(2), replace(in_doubt(item(7), 2, burnt=True), ordinal=9)]
    run = bench(looks).run(works, invoice)
    assert sent_by(run, looks.answered[0]) == {0, 1}
    noted = [finding.item for finding in run.ledger.noted if finding.effect]
    assert noted == [item(7)]
    assert sent_by(run, run.elapsed) == {0, 1, 7}


def test_a_call_that_has_a_key_and_was_never_sent_waits_for_its_stage() -> None:
    """An earlier run had made its intent durable ahead of its turn, and stopped before it."""
    looks = Looks([CONFIRM])
    late = in_doubt(item(7), 2, burnt=False)
    (attempt,) = late.attempts
    never = replace(attempt, answer=Kind.UNSENT.value, sent=False)
    run = bench(looks).run([*staged(1), replace(late, ordinal=9, attempts=(never,))], invoice)
    assert looks.numbers == [1]
    assert sent_by(run, looks.answered[0]) == {0}
    assert sent_by(run, run.elapsed) == {0, 7}


def test_doubt_of_an_early_stage_is_looked_at_before_a_later_one_begins() -> None:
    """A stage is over only when all of it is settled, however far a crash had let it go."""
    looks = Looks([CONFIRM])
    run = bench(looks).run([in_doubt(item(0), 1, burnt=True), *staged(0, 3)[1:]], invoice)
    assert looks.numbers[0] == 1
    assert sent_by(run, looks.answered[0]) == {0}
    assert len(run.records) == 3


def held(number: int, stage: int, attempts: int = 0) -> Work:
    """Make a work that only asks again about an invoice of somebody else."""
    record = a_record(item(number), Outcome.ALREADY_INVOICED, invoice_ids=(str(number) * 32,))
    record = replace(record, attempts=attempts)
    return Work(number, (item(number),), 0, held=record, stage=stage)


def canceled(*numbers: int) -> Reply:
    """Show their invoices as canceled, which is proof at once."""
    return found(*(shown(item(n), Id=str(n) * 32, Status="Canceled") for n in numbers))


def test_outcomes_that_are_gone_are_sent_in_their_stage_after_a_look() -> None:
    """All is asked about at once, and nothing of what reopens goes ahead of its stage.

    Of a stage that was looked at more is made, so that it is looked at again: durably before that.
    """
    looks = Looks([CONFIRM, STOP])
    gone = canceled(5, 6, 7)
    works = [held(5, 1), held(6, 2), held(7, 3)]
    run = bench(looks, looked=2, answer_question=lambda ask, n: gone).run(works, invoice)
    assert looks.numbers == [1, 2]
    assert sent_by(run, looks.answered[0]) == {5}
    assert sent_by(run, run.elapsed) == {5, 6}
    assert run.ledger.looked == [0, 1, 2]
    kinds = [kind for kind, _ in run.ledger.log]
    assert kinds.index("look") < kinds.index("begin")


def test_a_stage_in_which_others_have_billed_all_needs_no_look() -> None:
    """Nothing of it was made by zbatch; what zbatch has sent for without effect was."""
    there = showing(shown(item(5), Id="5" * 32))
    works = [held(5, 1), Work(8, (item(8),), 0, stage=2)]
    looks = Looks()
    run = bench(looks, answer_question=there).run(works, invoice)
    assert (looks.numbers, sent_by(run, run.elapsed)) == ([], {8})
    works = [held(5, 1, attempts=1), Work(8, (item(8),), 0, stage=2)]
    run = bench(looks, answer_question=there).run(works, invoice)
    assert (looks.numbers, sent_by(run, run.elapsed)) == ([1], set())


def test_a_stage_that_an_earlier_run_has_left_without_a_look_is_looked_at_first() -> None:
    """What came of it then is shown; nothing is sent before the answer, and that is kept."""
    looks = Looks([CONFIRM])
    past = [item(20), item(21)]
    run = bench(looks, past=past).run(staged(0, 2), invoice)
    assert (looks.numbers, dict(looks.ends[0].counts)) == ([1], {INVOICED: 2})
    assert [record.item for record in looks.ends[0].records] == past
    assert sent_by(run, looks.answered[0]) == set()
    assert (len(run.records), run.ledger.looked, reason(run)) == (2, [1], None)
    seen = Looks()
    assert len(bench(seen, looked=1, past=past).run(staged(0, 2), invoice).records) == 2
    assert not seen.ends


def test_nobody_is_asked_where_nothing_is_left_to_send() -> None:
    """A look that was missed is no matter once a plan is done."""
    looks = Looks()
    gone = canceled(5)
    asked = bench(looks, past=[item(20)], answer_question=lambda ask, n: gone)
    run = asked.run([held(5, 3)], invoice)
    assert looks.numbers == [1], "what reopens in a later stage waits for the look"
    assert not run.server.requests
    stays = Looks()
    kept = found(shown(item(5), Id="5" * 32))
    bench(stays, past=[item(20)], answer_question=lambda ask, n: kept).run([held(5, 3)], invoice)
    assert not stays.ends


def test_the_end_of_the_input_is_no_look() -> None:
    """The run ends after the stage, and the next one asks about it again."""
    run = bench(Looks([None])).run(staged(2, 3), invoice)
    assert (reason(run), len(run.records), run.ledger.looked) == (StopReason.UNSEEN, 2, [])
    assert run.ending.stop is not None
    assert run.ending.stop.message == "stage 1 of 3 is over; zbatch run asks about it again"


def test_a_stage_of_which_everything_is_held_back_is_looked_at() -> None:
    """What waits for a failed date of an earlier stage is counted as not attempted."""
    early, late = item(1, 10), item(1, 20)
    works = [
        Work(0, (early,), 0, stage=1),
        Work(1, (late,), 0, stage=2),
        Work(2, (item(2),), 0, stage=3),
    ]
    looks = Looks([CONFIRM])
    run = bench(looks).run(works, lambda r, n: failure("ACCOUNTING_PERIOD_CLOSED"))
    assert looks.numbers == [1, 2]
    assert dict(looks.ends[1].counts) == {Outcome.NOT_ATTEMPTED: 1}
    assert sent_by(run, run.elapsed) == {1}


def test_what_is_tried_again_begins_its_stage_anew_even_after_a_continue() -> None:
    """What was never sent goes on as it was answered; durably, before anything is sent."""
    again = [replace(one, generation=1) for one in staged(1, 1, 1)]
    looks = Looks([STOP])
    run = bench(looks, looked=3).run(again, invoice)
    assert (looks.numbers, run.ledger.looked) == ([1], [0, 1])
    assert run.ledger.looks_of == ["plan", "plan"]
    fresh = Looks()
    run = bench(fresh, looked=3).run(staged(1, 1, 1), invoice)
    assert (fresh.numbers, len(run.records), run.ledger.looked) == ([], 3, [])


def test_a_stage_waits_for_its_own_doubt_as_long_as_a_run_does() -> None:
    """`reconcile.wait` counts from when nothing else of the stage is left to do."""
    looks = Looks([CONFIRM], after=10_000.0)
    seen: list[str] = []

    def answer(request: Request, before: int) -> Reply:
        seen.append(request.key)
        return failure("UNKNOWN_ERROR") if len(seen) in (1, 3) else success()

    run = bench(looks, settling=Settling(3600.0, 4000.0)).run(staged(1, 1), answer)
    assert {r.outcome for r in run.records.values()} == {INVOICED}
    assert [dict(end.counts) for end in looks.ends] == [{INVOICED: 1}]
    assert len(seen) == 4


def test_a_group_that_is_taken_apart_stays_in_its_stage() -> None:
    """What is left of a call after an earlier date has failed does not go ahead of its time."""
    early, late, other = item(1, 10), item(1, 20), item(2, 20)
    group = Work(1, (late, other), 0, stage=2)
    order = Order([Work(0, (early,), 0, stage=1), group], stage=1)
    assert [work.items for work in order.take(0.0, 9)] == [(early,)]
    assert order.block(early) == [late]
    assert order.take(0.0, 9) == []
    assert (order.idle, order.next_stage, len(order)) == (True, 2, 1)
    order.open(2)
    assert [work.items for work in order.take(0.0, 9)] == [(other,)]
    assert order.next_stage is None


def test_a_look_shows_first_what_is_serious() -> None:
    """No more than fits a screen is kept; the counts are of all."""
    stages = Stages(2, staged(2 * SHOWN + 3, 1))
    for n in range(2 * SHOWN):
        stages.take(Settled(a_record(item(n), INVOICED)))
    for n, outcome in enumerate((FAILED, Outcome.UNKNOWN), 2 * SHOWN):
        stages.take(Settled(a_record(item(n), outcome)))
    stages.take(Settled(a_record(item(2 * SHOWN + 3), INVOICED)))  # of the last stage
    end = stages.end(1)
    assert [r.outcome for r in end.records[:3]] == [FAILED, Outcome.UNKNOWN, INVOICED]
    assert len(end.records) == SHOWN
    waiting = Outcome.NOT_ATTEMPTED
    assert end.counts == {INVOICED: 2 * SHOWN, FAILED: 1, Outcome.UNKNOWN: 1, waiting: 1}
