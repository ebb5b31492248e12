"""Invoice dates that change between interrupted runs, and retries that are stopped."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from random import Random

import pytest

from support.engine import item
from support.world import HOUR, Job, Key, RunOutcome, World
from support.world_net import LOST_ON_THE_WAY, REPLY_LOST, UNSENT, gateway
from zbatch.app.outstanding import Wish
from zbatch.emulator import Mishap, Scheduled
from zbatch.emulator.catalogue import fault
from zbatch.errors import Refused
from zbatch.model import ExitCode, Identity, Item, Limits, Outcome, Rate, StopRules

MakeWorld = Callable[..., World]
ACCOUNTS, DAYS = range(5), (10, 20)
DATES = (date(2026, 11, 30),) * 3 + (date(2026, 12, 1),)
DEFINITE = Mishap(executed=False, code="ACCOUNTING_PERIOD_CLOSED")
TROUBLES = (UNSENT, UNSENT, UNSENT, LOST_ON_THE_WAY, REPLY_LOST, gateway(429, retry_after="30"))
RULES = (StopRules(), StopRules(failures=1), StopRules(failures=2), StopRules(unknown=1))
OVER = (ExitCode.OK, ExitCode.FAILURES)
MOST_RUNS = 12
SEEDS = range(1000 if os.environ.get("SOAK") else 30)


class _Dates:
    """Plays runs of specs whose invoice dates are others each time, and takes note of failures."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.world = World(seed=seed)
        self.world.random = self.random
        objects = self.random.choice([1, 1, 2])
        self.world.limits = Limits(self.random.choice([1, 4]), Rate(6000, 60.0), objects, 150.0)
        self.failed: dict[Identity, date] = {}

    def play(self) -> None:
        """Run a spec that may be refused, stopped, interrupted or killed."""
        random, world = self.random, self.world
        numbers, often = range(1, 400), random.choice([0.0, 0.1, 0.3])
        world.troubles = {n: random.choice(TROUBLES) for n in numbers if random.random() < often}
        mishap = random.choice([DEFINITE, DEFINITE, fault("locked")])
        world.faults.switch([Scheduled(mishap, every=random.choice([1, 1, 2, 3]))])
        world.stop = random.choice(RULES)
        chosen = {number for number in ACCOUNTS if random.random() < 0.8} or {0}
        asked = random.choice(DATES)
        items = [replace(item(n, day), invoice_date=asked) for n in chosen for day in DAYS]
        signals = ((random.uniform(0.0, 10.0), signal.SIGINT),) if random.random() < 0.4 else ()
        die_at = random.choice([None, None, None, random.randrange(1, 60)])
        with suppress(Refused):
            job = Job(world.plan(items), wish=Wish(random.random() < 0.5))
            self.run(replace(job, die_at=die_at, signals=signals))

    def run(self, job: Job) -> ExitCode | None:
        """Run a spec, and hold that it leaves alone what has failed, unless that is asked for."""
        items = job.plan.items
        before = {one.identity: _sends(self.world.keys(one)) for one in items}
        (run,) = self.world.together(job)
        for one in items:
            if _sends(self.world.keys(one)) == before[one.identity]:
                continue  # nothing of it has left, so it is what it was
            asked = job.wish.retry_failed or self.failed.get(one.identity) != one.invoice_date
            assert asked, "\n".join(self.world.told()[-40:])
            record = run.records.get(one.identity)
            self.failed.pop(one.identity, None)
            if record and record.outcome is Outcome.FAILED and record.run_id == _id_of(run):
                self.failed[one.identity] = one.invoice_date
        return run.exit_code

    def heal(self) -> None:
        """Let all go well, with the invoice date that each item has come to."""
        self.world.troubles, self.world.stop = {}, StopRules()
        self.world.faults.switch()
        for _ in range(MOST_RUNS):
            items = [self.held(item(n, day)) for n in ACCOUNTS for day in DAYS]
            if self.run(Job(self.world.plan(items), wish=Wish(retry_failed=True))) in OVER:
                return
            self.world.pass_time(2 * HOUR)
        pytest.fail("\n".join(self.world.told()[-30:]))

    def held(self, one: Item) -> Item:
        """Give an item as the ledger holds it."""
        account, target = one.identity.account_id, one.identity.target_date.isoformat()
        query = "SELECT invoice_date FROM item WHERE account_id = ? AND target_date = ?"
        row = self.world.host().disk.execute(query, (account, target)).fetchone()
        return replace(one, invoice_date=date.fromisoformat(row[0])) if row else one


def _sends(keys: Sequence[Key]) -> int:
    return sum(key.sends for key in keys)


def _id_of(run: RunOutcome) -> str | None:
    return run.result.run_id if run.result else None


@pytest.mark.parametrize("seed", SEEDS)
def test_an_item_is_billed_once_whatever_invoice_date_is_asked_for(seed: int) -> None:
    """R10, R13: the checker holds each history, and what has failed waits until it is asked for."""
    dates = _Dates(seed)
    try:
        for _ in range(dates.random.choice([4, 6, 8])):
            dates.play()
            dates.world.pass_time(dates.random.choice([60.0, HOUR, 26 * HOUR]))
        dates.heal()
        keys = [key for n in ACCOUNTS for day in DAYS for key in dates.world.keys(item(n, day))]
        assert {key.state for key in keys} == {"settled"}
    finally:
        dates.world.close()


@pytest.mark.parametrize("mended", [False, True])
def test_a_revision_above_a_failed_date_is_what_the_later_dates_wait_for(
    make_world: MakeWorld, *, mended: bool
) -> None:
    """Once it is invoiced they go on in the same run, and where it fails the run has failures."""
    world = make_world()
    dates = (item(1, 20), item(1, 30))
    by_hand = world.bill_by_hand(dates[1])
    assert world.run(dates[1:]).outcomes == ["already_invoiced"]
    world.faults.switch([Scheduled(DEFINITE, every=1)])
    assert world.run(dates).outcomes == ["failed", "already_invoiced"]
    world.set_status(by_hand, "Canceled")
    if mended:
        world.faults.switch()
    raised = [replace(one, identity=replace(one.identity, revision=2)) for one in dates]
    for _ in range(2):
        run = world.run(raised)
        assert run.outcomes == (["invoiced"] * 2 if mended else ["failed", "not_attempted"])
        assert run.exit_code is (ExitCode.OK if mended else ExitCode.FAILURES)
