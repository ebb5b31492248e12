"""Specs that change between interrupted runs: each run bills its own plan, and one stage of it."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest

from support.checker import check
from support.engine import item
from support.evidence import Execution
from support.world import HOUR, Job, World
from support.world_net import (
    LOST_ON_THE_WAY,
    REPLY_CUT,
    REPLY_LOST,
    SILENCE,
    TWICE,
    UNSENT,
    Trouble,
    gateway,
)
from zbatch.app.outstanding import Wish
from zbatch.app.stages import early_stages, name_of_stages
from zbatch.emulator.book import AccountStatus, BookAccount
from zbatch.model import ExitCode, Item, Limits, Plan, Rate, StopRules

ITEMS = tuple(item(number) for number in range(12))
CANCELED = ITEMS[3]
TROUBLES: Sequence[Trouble] = (
    UNSENT,
    LOST_ON_THE_WAY,
    REPLY_LOST,
    REPLY_CUT,
    SILENCE,
    TWICE,
    gateway(503),
    gateway(502, arrives=True),
    gateway(429, retry_after="30"),
)
STAGES: Sequence[tuple[int | None, ...]] = ((), (1, 3, None), (2, None))
RULES = (StopRules(), StopRules(failures=1), StopRules(unknown=1))
OVER = (ExitCode.OK, ExitCode.FAILURES)
MOST_RUNS = 8
SEEDS = range(1000 if os.environ.get("SOAK") else 60)


class _Months:
    """Plays runs of ever other specs, and takes note of what each has billed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        book = {
            one.identity.account_id: BookAccount(
                status=AccountStatus.CANCELED if one is CANCELED else AccountStatus.ACTIVE,
                latency=1.0,
            )
            for one in ITEMS
        }
        self.world = World(book=book, seed=seed)
        self.world.random = self.random
        rate = self.random.choice([Rate(6000, 60.0), Rate(60, 60.0)])
        objects = self.random.choice([1, 1, 2, 3])
        self.world.limits = Limits(self.random.choice([1, 4]), rate, objects, 150.0)
        for number in range(1, 60):
            if self.random.random() < 0.2:
                self.world.troubles[number] = self.random.choice(TROUBLES)
        self._chosen: Sequence[Item] = ITEMS

    def change(self) -> Plan:
        """Change the spec: who is in it, its stages, its rules; sometimes not at all."""
        if self.random.random() < 0.7:
            often = self.random.choice([0.5, 0.9, 1.0])
            self._chosen = [one for one in ITEMS if self.random.random() < often] or ITEMS
        self.world.stages = self.random.choice(STAGES)
        self.world.stop = self.random.choice(RULES)
        return self.world.plan(self._chosen)

    def run(self, plan: Plan) -> list[Execution]:
        """Run a spec that may die or be interrupted; give what was billed meanwhile."""
        before = len(self.world.evidence().executions)
        die_at = self.random.choice([None, None, self.random.randrange(1, 80)])
        signals = ((self.random.uniform(0.0, 20.0), signal.SIGINT),)
        self.world.play(
            Job(
                plan,
                wish=Wish(self.random.random() < 0.3, retry_nothing=False),
                die_at=die_at,
                signals=signals if self.random.random() < 0.3 else (),
            )
        )
        return list(self.world.evidence().executions[before:])

    def sent(self) -> dict[str, set[str]]:
        """Give the accounts of each key that may have been sent so far."""
        rows = self.world.host().disk.execute(
            "SELECT DISTINCT key, account_id FROM attempt JOIN call ON call.id = attempt.call_id"
            " JOIN call_item ON call_item.call_id = call.id JOIN item ON item.id = item_id"
            " WHERE sent"
        )
        found: dict[str, set[str]] = {}
        for key, account in rows:
            found.setdefault(key, set()).add(account)
        return found

    def looked(self, plan: Plan) -> int:
        """Tell up to which stage somebody has looked."""
        named = (f"looked {name_of_stages(plan)}",)
        rows = self.world.host().disk.execute("SELECT value FROM meta WHERE name = ?", named)
        return max((int(value) for (value,) in rows), default=0)

    def stage_of(self, key: str | None, plan: Plan) -> int:
        """Tell the stage of a call: that of its first item, where other specs had made it."""
        stages = {one.account_id: stage for one, stage in early_stages(plan)}
        held = (held for ledger in self.world.evidence().ledgers for held in ledger.keys)
        accounts = [one.item[0] for one in held if one.key == key]
        return min(stages.get(account, len(plan.spec.stages)) for account in accounts)

    def heal(self) -> None:
        """Let all go well until everybody is billed."""
        self.world.troubles, self.world.stages, self.world.stop = {}, (), StopRules()
        for _ in range(MOST_RUNS):
            (run,) = self.world.play(Job(self.world.plan(ITEMS)))
            if run.exit_code in OVER:
                return
            self.world.pass_time(2 * HOUR)
        pytest.fail(f"not settled after {MOST_RUNS} runs")


@pytest.mark.parametrize("seed", SEEDS)
def test_each_run_bills_its_own_plan_and_one_stage_of_it(seed: int) -> None:
    """Nothing new leaves before each stage ahead was looked at; in the end all are billed once."""
    months = _Months(seed)
    world = months.world
    try:
        for _ in range(months.random.choice([3, 5, 7])):
            plan = months.change()
            sent, looked = months.sent(), months.looked(plan)
            billed = months.run(plan)
            planned = {one.identity.account_id for one in plan.items}
            assert {one.account for one in billed} <= planned
            new = {months.stage_of(one.key, plan) for one in billed if one.key not in sent}
            if plan.spec.stages and new:
                early = {one.account_id: stage for one, stage in early_stages(plan)}
                before = {early.get(account) for accounts in sent.values() for account in accounts}
                unseen = {stage for stage in before if stage and looked < stage < max(new)}
                assert (len(new), unseen) == (1, set()), "\n".join(world.told())
            world.pass_time(months.random.choice([600.0, HOUR, 26 * HOUR]))
        months.heal()
        assert check(world.evidence()) == []
        times = Counter(one.account for one in world.evidence().executions)
        assert times == {one.identity.account_id: 1 for one in ITEMS if one is not CANCELED}
    finally:
        world.close()
