"""When a run stops itself: what counts, and when it is looked at."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.engine import (
    LOST,
    START,
    TENANT,
    Bench,
    Run,
    failure,
    found,
    item,
    rows,
    shown,
    status,
    success,
    works_of,
)
from support.plans import a_record
from zbatch.engine.ending import StopReason
from zbatch.engine.events import Settled, Stopping
from zbatch.engine.kinds import Kind
from zbatch.engine.order import Work
from zbatch.engine.rules import Tally
from zbatch.model import Attempt, Limits, MetRule, Outcome, Rate, Settling, Source, StopRules
from zbatch.zuora.request import make_call
from zbatch.zuora.wire import Fault, Reply, Request

PLACES = (("failures", Source("s.yaml", 7, 3)),)
SLOW = Limits(2, Rate(60, 60.0), 1, 150.0)
GOOD, BAD = Outcome.INVOICED, Outcome.FAILED
EMPTY, THERE, DOUBT = Outcome.NOTHING_TO_BILL, Outcome.ALREADY_INVOICED, Outcome.UNKNOWN


def rule_met(rules: StopRules, *outcomes: Outcome) -> str | None:
    """Tell which rule is met by items that came to these outcomes, one after the other."""
    tally = Tally(rules)
    for number, outcome in enumerate(outcomes):
        tally.take(a_record(item(number), outcome))
    met = tally.met()
    return met.rule if met else None


@pytest.mark.parametrize(
    ("rules", "outcomes", "met"),
    [
        (StopRules(), [BAD] * 50 + [DOUBT] * 50, None),
        (StopRules(failures=2), [BAD, GOOD, EMPTY, THERE, DOUBT], None),
        (StopRules(failures=2), [BAD, GOOD, BAD], "failures"),
        (StopRules(consecutive_failures=2), [BAD, GOOD, BAD], None),
        (
            StopRules(consecutive_failures=2),
            [BAD, EMPTY, THERE, DOUBT, BAD],
            "consecutive_failures",
        ),
        (StopRules(consecutive_failures=2), [BAD, BAD, GOOD, GOOD], "consecutive_failures"),
        (StopRules(failure_ratio=0.5, min_sample=4), [BAD, BAD, GOOD], None),
        (StopRules(failure_ratio=0.5, min_sample=4), [BAD, BAD, EMPTY, THERE, DOUBT], None),
        (StopRules(failure_ratio=0.5, min_sample=4), [BAD, BAD, GOOD, GOOD], "failure_ratio"),
        (StopRules(failure_ratio=0.5, min_sample=4), [BAD, GOOD, GOOD, GOOD], None),
        (StopRules(failure_ratio=0.02), [BAD] + [GOOD] * 48, None),
        (StopRules(failure_ratio=0.02), [BAD] + [GOOD] * 49, "failure_ratio"),
        (StopRules(failure_ratio=0.02), [BAD] + [GOOD] * 50, None),
        (StopRules(failure_ratio=0.5, min_sample=0), [], None),
        (StopRules(unknown=2), [DOUBT, BAD, BAD, BAD], None),
        (StopRules(unknown=2), [DOUBT, GOOD, DOUBT], "unknown"),
    ],
)
def test_which_rule_is_met(rules: StopRules, outcomes: list[Outcome], met: str | None) -> None:
    """Each rule stops at the number that it names, and counts what this run has come to."""
    assert rule_met(rules, *outcomes) == met


def test_a_met_rule_says_all_that_a_person_needs() -> None:
    """What it has come to, the limit, and the line of the spec."""
    tally = Tally(StopRules(failures=1, places=PLACES))
    tally.take(a_record(item(1), BAD))
    said = "1 item failed in this run (stop.failures is 1, s.yaml:7); "
    said += "zbatch run goes on with what is left"
    assert tally.met() == MetRule("failures", 1, 1, Source("s.yaml", 7, 3), said)


@pytest.mark.parametrize(("count", "said"), [(1, "1 item of this run is"), (2, "2 items of this")])
def test_one_item_in_doubt_is_told_as_one(count: int, said: str) -> None:
    """The rule for doubt stops at one most of the time."""
    tally = Tally(StopRules(unknown=1))
    for number in range(count):
        tally.doubt(item(number).identity)
    met = tally.met()
    assert met is not None
    assert met.message.startswith(f"{said}{' run are' if count > 1 else ''} in doubt (stop.unknown")


def test_doubt_that_is_settled_is_doubt_no_more() -> None:
    """A burnt key counts from when it is burnt until a question has settled it."""
    tally = Tally(StopRules(unknown=1))
    tally.doubt(item(1).identity)
    assert tally.met() is not None
    tally.take(a_record(item(1), GOOD))
    assert tally.met() is None


def refuse(request: Request, before: int) -> Reply:
    return failure("ACCOUNTING_PERIOD_CLOSED")


def stopped_by(run: Run) -> str | None:
    stop = run.ending.stop
    assert stop is None or stop.reason is StopReason.RULE
    return stop.rule.rule if stop and stop.rule else None


def test_a_met_rule_drains_the_run() -> None:
    """Nothing more starts, what flies lands and is recorded, and the rest stays unsent."""
    works = works_of([item(n) for n in range(100)])
    run = Bench(limits=SLOW, latency=5.0, rules=StopRules(failures=3)).run(works, refuse)
    assert stopped_by(run) == "failures"
    landed = [entry.attempt for entry in run.ledger.finished if entry.attempt.sent]
    assert run.ending.sent == len(landed) == len(run.records) <= 5
    assert {record.outcome for record in run.records.values()} == {BAD}
    told = [type(event) for event in run.events if isinstance(event, Settled | Stopping)]
    assert told.index(Stopping) >= 3


def test_rules_look_once_all_items_of_an_answer_are_counted() -> None:
    """A ratio is one of whole answers: which of their rows comes first decides nothing."""
    works = [Work(n, tuple(item(4 * n + m) for m in range(4)), 0) for n in range(2)]
    bad = {"Success": False, "Errors": [{"Code": "ACCOUNTING_PERIOD_CLOSED", "Message": "no"}]}
    good = [{"Success": True, "Id": f"{n:032x}"} for n in range(3)]
    rules = StopRules(failure_ratio=0.3, min_sample=1)
    run = Bench(rules=rules).run(works, lambda request, before: rows(bad, *good))
    assert stopped_by(run) is None
    assert len(run.records) == 8


def test_burnt_keys_count_as_unknown_though_they_are_only_asked_about_later() -> None:
    """A tenant that says 500 to everything must not get the whole list into doubt first."""
    works = works_of([item(n) for n in range(19)])  # too few to show an outage
    slow = Limits(2, Rate(6, 60.0), 1, 150.0)
    run = Bench(limits=slow, rules=StopRules(unknown=3)).run(works, lambda r, before: status(500))
    assert stopped_by(run) == "unknown"
    assert sum(record.outcome is DOUBT for record in run.records.values()) < 19


def test_doubt_of_earlier_runs_stops_nothing() -> None:
    """It is told and outweighs every other exit code, but a resume must be able to go on."""
    one, other = item(1), item(2)
    before = Attempt(1, START - timedelta(hours=30), "track", answer=Kind.LOST.value)
    call = make_call(TENANT, [one], 0)
    doubted = Work(0, (one,), 0, call=call, attempts=(before,), burnt=True)
    several = found(shown(one, Id="1" * 32), shown(one, Id="2" * 32))
    bench = Bench(rules=StopRules(unknown=1), answer_question=lambda ask, n: several)
    run = bench.run([doubted, *works_of([other])], lambda request, n: success())
    assert stopped_by(run) is None
    assert [record.outcome for _, record in sorted(run.records.items())] == [DOUBT, GOOD]


# The deadline


@pytest.mark.parametrize(
    "trouble",
    [status(409), LOST],
    ids=["a call under execution", "a backoff"],
)
def test_the_deadline_ends_every_wait(trouble: Reply | Fault) -> None:
    """Whatever the run waits for then: it ends, and what is in doubt stays so in the ledger."""
    run = Bench(rules=StopRules(deadline=60.0), max_attempts=20).run(
        works_of([item(1), item(2)]), lambda request, before: trouble
    )
    assert stopped_by(run) == "deadline"
    assert run.elapsed == pytest.approx(60.0, abs=1.0)
    assert not run.records


def test_a_wait_that_outlasts_the_deadline_is_not_slept() -> None:
    """Where the tenant wants more time than the run has, the run ends at once, resumable."""
    run = Bench(rules=StopRules(deadline=60.0)).run(
        works_of([item(1)]), lambda request, before: status(429, retry_after="3000")
    )
    assert stopped_by(run) == "deadline"
    assert run.elapsed < 1.0
    assert run.ending.stop is not None
    said = "a wait of 3000 s would outlast the run's deadline: HTTP 429 Too Many Requests"
    assert f"{said} (stop.deadline is 60 s)" in run.ending.stop.message


def test_a_wait_that_fits_into_the_deadline_is_slept() -> None:
    """The run goes on after it, and may still meet its deadline elsewhere."""
    run = Bench(rules=StopRules(deadline=60.0)).run(
        works_of([item(1)]),
        lambda request, before: success() if before else status(429, retry_after="50"),
    )
    assert run.ending.stop is None
    assert run.elapsed > 50.0


def test_the_deadline_ends_the_rest_of_a_burnt_key() -> None:
    """A run that waits for nothing but that has a deadline too."""
    rules, settling = StopRules(deadline=60.0), Settling(3600.0, 7200.0)
    run = Bench(rules=rules, settling=settling).run(
        works_of([item(1)]), lambda request, before: failure("UNKNOWN_ERROR")
    )
    assert stopped_by(run) == "deadline"
    assert run.elapsed == pytest.approx(60.0, abs=1.0)


def test_calls_in_flight_at_the_deadline_are_awaited() -> None:
    """It stops starting; an answer that comes later is recorded like any other."""
    run = Bench(latency=100.0, rules=StopRules(deadline=60.0)).run(
        works_of([item(n) for n in range(30)]), lambda request, before: success()
    )
    assert stopped_by(run) == "deadline"
    assert {record.outcome for record in run.records.values()} == {GOOD}
    assert len(run.records) == run.ending.sent == 5, "as many as a run begins with"
    assert run.elapsed == pytest.approx(100.0, abs=2.0)


@pytest.mark.parametrize(("before", "left"), [(40.0, 20.0), (60.0, 0.0), (900.0, 0.0)])
def test_the_deadline_counts_what_came_before_the_first_question(
    before: float, left: float
) -> None:
    """A run begins when account numbers are looked up; what that took is not given again."""
    run = Bench(rules=StopRules(deadline=60.0), max_attempts=20, began=-before).run(
        works_of([item(1)]), lambda request, n: status(409)
    )
    assert stopped_by(run) == "deadline"
    assert run.elapsed == pytest.approx(left, abs=0.5)


def test_a_run_that_is_done_before_its_deadline_does_not_wait_for_it() -> None:
    """The deadline is told of no run that has come to its end."""
    run = Bench(rules=StopRules(deadline=3600.0)).run(
        works_of([item(1)]), lambda request, before: success()
    )
    assert stopped_by(run) is None
    assert run.elapsed < 5.0
