"""How long a plan says that it takes, beside how long a run on virtual time then takes."""

from __future__ import annotations

import pytest

from support.engine import Bench, item, success
from support.runs import Project
from zbatch.app.loading import Overrides
from zbatch.app.review.approval import choose
from zbatch.app.review.counts import InTurn, Load
from zbatch.app.review.estimate import INVOICE_SECONDS, estimate
from zbatch.app.review.preview import preview
from zbatch.engine.order import Work
from zbatch.model import Limits, Rate

DATES = ("2026-09-30", "2026-10-31", "2026-11-30")
NEAR = 0.15  # of the time that the run takes


@pytest.mark.parametrize(
    ("accounts", "dates", "limits", "decided_by"),
    [
        (1, 1, Limits(10, Rate(600, 60.0), 1, 150.0), "concurrency"),
        (50, 1, Limits(10, Rate(600, 60.0), 1, 150.0), "concurrency"),
        (200, 1, Limits(40, Rate(1000, 1.0), 1, 150.0), "concurrency"),
        (1000, 1, Limits(40, Rate(1000, 1.0), 1, 150.0), "concurrency"),
        (200, 1, Limits(40, Rate(2, 1.0), 1, 150.0), "rate"),
        (2, 12, Limits(10, Rate(600, 60.0), 1, 150.0), "account"),
        (30, 4, Limits(10, Rate(600, 60.0), 1, 150.0), "concurrency"),
        (30, 4, Limits(10, Rate(2, 1.0), 1, 150.0), "rate"),
    ],
)
def test_a_run_takes_as_long_as_its_plan_said(
    accounts: int, dates: int, limits: Limits, decided_by: str
) -> None:
    """It begins with few, and an account's dates wait for each other, each with its question."""
    works = [
        Work(account * dates + n, (item(account, n + 1),), 0)
        for account in range(accounts)
        for n in range(dates)
    ]
    bench = Bench(limits=limits, latency=INVOICE_SECONDS, ask_latency=INVOICE_SECONDS)
    run = bench.run(works, lambda request, before: success())
    load, in_turn = Load.of(len(works), len(works)), InTurn.of([dates] * accounts)
    told = estimate(load, limits, in_turn)
    assert told.seconds == pytest.approx(run.elapsed, rel=NEAR)
    assert told.decided_by == decided_by


def test_what_is_only_asked_about_takes_no_calls() -> None:
    """And what is not even asked about takes no time."""
    limits = Limits(10, Rate(600, 60.0), 1, 150.0)
    asked = estimate(Load.of(0, 100), limits, InTurn())
    assert (asked.seconds, asked.decided_by) == (INVOICE_SECONDS + 0.1, "rate")
    assert estimate(Load.of(0, 0), limits, InTurn()).decided_by is None


def test_who_waits_for_whom() -> None:
    """Accounts with nothing to send wait for nobody, as does the first of each."""
    assert InTurn.of([]) == InTurn(0, 0)
    assert InTurn.of([0, 1, 3, 2]) == InTurn(3, 3)


def test_a_plan_knows_which_items_wait(project: Project) -> None:
    """Those of an account with several dates; of what is done nothing waits any more."""
    project.tenants()
    pairs = [{"target_date": one} for one in DATES]
    spec = project.spec(1, 2, {"id": 3, "dates": pairs, "reason": "late"}, dates=DATES[:1])
    before = preview(choose(spec, Overrides()))
    assert (before.counts.in_turn, before.held.in_turn) == (InTurn(3, 2), None)
    assert before.estimate.decided_by == "account"
    project.run(project.spec(1, 2, 3, name="first", dates=DATES[:1]))
    after = preview(choose(spec, Overrides()))
    assert after.held.in_turn == InTurn(2, 1)
    assert after.estimate.seconds < before.estimate.seconds
    project.run(spec)
    assert preview(choose(spec, Overrides())).held.in_turn == InTurn(0, 0)
