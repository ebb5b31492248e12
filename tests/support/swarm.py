"""Histories by seed: a tenant, its faults, crashes and downtimes, then healing and settling.

`python -m support.swarm FIRST LAST` plays more of them, from the folder `tests`.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from random import Random

from support.engine import item
from support.world import DAY, HOUR, RunOutcome, World
from support.world_net import (
    LOST_ON_THE_WAY,
    NEVER_ANSWERED,
    NONE,
    REPLY_CUT,
    REPLY_LOST,
    SILENCE,
    TWICE,
    UNSENT,
    Trouble,
    gateway,
    late,
)
from zbatch.app.outstanding import Wish
from zbatch.emulator import (
    Conflict,
    Drafts,
    Mishap,
    Modes,
    OtherBody,
    Scheduled,
    SecondGenerate,
    SourceField,
    Stored,
)
from zbatch.emulator.book import BookAccount
from zbatch.emulator.invoices import Execution
from zbatch.engine.settings import Accepted
from zbatch.model import ExitCode, Identity, Item, Outcome, Settling

TROUBLES: Sequence[Trouble] = (
    UNSENT,
    LOST_ON_THE_WAY,
    NEVER_ANSWERED,
    REPLY_LOST,
    REPLY_CUT,
    SILENCE,
    TWICE,
    late(20.0),
    late(400.0),
    gateway(429, retry_after="120"),
    gateway(503, retry_after="5"),
    gateway(502),
    gateway(502, arrives=True),
    gateway(500),
    gateway(403),
    gateway(401),
)
MISHAPS: Sequence[Mishap] = (
    Mishap(executed=False, code="LOCK_COMPETITION"),
    Mishap(executed=False, code="LOCK_COMPETITION", rows=(0,)),
    Mishap(executed=True, code="UNKNOWN_ERROR"),
    Mishap(executed=False, code="UNKNOWN_ERROR"),
    Mishap(executed=True, code="TRANSACTION_TERMINATED"),
    Mishap(executed=False, code="REQUEST_EXCEEDED_RATE"),
    Mishap(executed=False, code="ACCOUNTING_PERIOD_CLOSED"),
    Mishap(executed=False, status=429, stored=True),
    Mishap(executed=True, status=500, stored=True),
    Mishap(executed=False, status=500, stored=True),
    Mishap(executed=False, status=401, stored=True),
    Mishap(executed=False, status=400, stored=True),
    Mishap(executed=True, status=504),
)
DOWNTIMES = (2.0, 60.0, 15 * 60.0, HOUR, 10 * HOUR, 22.5 * HOUR, 30 * HOUR, 80 * HOUR)
SETTLE = 2 * HOUR  # longer than the longest execution, delay and read lag drawn here
MOST_HEALING_RUNS = 60
CLOCK_ERRORS = (-30.0, -2.0, -0.5, 0.0, 2.0, 25.0)  # hours


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a seed comes to."""

    world: World
    items: tuple[Item, ...]
    random: Random


def draw(seed: int, folder: Path) -> Drawn:
    """Draw a tenant, its accounts and what goes wrong on the way."""
    random = Random(seed)
    drafts = random.choice([Drafts.SEPARATE] * 4 + [Drafts.APPENDED])
    modes = Modes(
        stored=random.choice(list(Stored)),
        conflict=random.choice(list(Conflict)),
        second_generate=random.choice([SecondGenerate.BILLS_AGAIN] * 3 + list(SecondGenerate)),
        other_body=random.choice(list(OtherBody)),
        drafts=drafts,
        source_field=random.choice(list(SourceField)),
        read_lag=_unless(drafts, random.choice([0.0, 0.0, 5.0, 60.0, 600.0])),
        generating=_unless(drafts, random.choice([0.0, 0.0, 20.0, 600.0])),
    )
    items, book = _accounts(random)
    world = World(folder, modes=modes, book=book)
    world.note(str(modes))
    world.random = random
    world.settling = Settling(settle=SETTLE, wait=random.choice([0.0, 0.0, 3 * HOUR]))
    objects = random.choice([1, 1, 3, 10])
    world.limits = replace(world.limits, objects_per_call=objects)
    world.chance = _chance(random)
    world.faults.switch(_mishaps(random))
    return Drawn(world, tuple(items), random)


def _unless(drafts: Drafts, seconds: float) -> float:
    """Draw no lag where items are appended: to a draft that is too young for the baseline.

    What becomes of these is held by test_other_hosts.
    """
    return 0.0 if drafts is Drafts.APPENDED else seconds


def _accounts(random: Random) -> tuple[list[Item], dict[str, BookAccount]]:
    items: list[Item] = []
    book: dict[str, BookAccount] = {}
    for number in range(1, random.randint(2, 6)):
        latency = random.choice([0.02, 1.0, 1.0, 30.0, 140.0, 900.0])
        due = latency > 100.0 or random.random() > 0.1  # "nothing due" must get through some time
        book[item(number).identity.account_id] = BookAccount(
            charges_due=due, invoices=random.choice([1, 1, 1, 2]), latency=latency
        )
        items += [item(number, day) for day in random.choice([(30,), (30,), (10, 20)])]
    return items, book


def _chance(random: Random) -> Callable[[str], Trouble]:
    """Draw some of the troubles and how often each request meets one."""
    drawn = random.sample(TROUBLES, random.randint(0, 4))
    often = random.choice([0.05, 0.2, 0.5])

    def chance(what: str) -> Trouble:
        meets = drawn and random.random() < (often if what == "generate" else often / 4)
        return random.choice(drawn) if meets else NONE

    return chance


def _mishaps(random: Random) -> list[Scheduled]:
    chosen = random.sample(MISHAPS, random.randint(0, 3))
    return [Scheduled(mishap, every=random.randint(2, 6)) for mishap in chosen]


def play(seed: int, folder: Path) -> Counter[str]:
    """Play a history: faults on, then healed until settled; gives the outcomes, or raises."""
    drawn = draw(seed, folder)
    world = drawn.world
    try:
        for _ in range(drawn.random.randint(1, 5)):
            _troubled_run(drawn)
        world.chance = None
        world.faults.switch()
        last = _heal(drawn)
        _hold(drawn, last)
        return Counter(last.outcomes)
    except Exception as error:
        story = "" if "after:" in str(error) else "\n".join(world.story.lines)
        raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}\n{story}") from error
    finally:
        world.close()


def _troubled_run(drawn: Drawn) -> None:
    world, random = drawn.world, drawn.random
    die_at = random.randint(1, 60) if random.random() < 0.6 else None
    if random.random() < 0.15:
        world.reconcile(die_at=die_at)
    else:
        wish = Wish(retry_failed=random.random() < 0.2, retry_nothing=random.random() < 0.1)
        world.run(drawn.items, die_at=die_at, wish=wish)
    if random.random() < 0.1:
        world.host().shift = timedelta(hours=random.choice(CLOCK_ERRORS))
    world.pass_time(random.choice(DOWNTIMES))


def _heal(drawn: Drawn) -> RunOutcome:
    """Run until everything is settled: within four days, and a bounded number of runs."""
    world = drawn.world
    for attempt in range(MOST_HEALING_RUNS):
        run = world.run(drawn.items)
        if run.exit_code in (ExitCode.OK, ExitCode.FAILURES):
            return run
        _decide(world, run)
        world.pass_time(60.0 if attempt == 0 else SETTLE)
    raise AssertionError("not settled after four days")


def _decide(world: World, run: RunOutcome) -> None:
    """Decide as a person who looks into the tenant, where the run asks for that.

    For what was not billed at all a person makes an invoice and accepts that one.
    """
    decisions: dict[Identity, Accepted] = {}
    for identity, record in run.records.items():
        if record.error and record.error.code in ("SEVERAL_INVOICES", "DRAFT_CHANGED"):
            made = [e.invoice_id for e in world.executions if _for(e, identity)]
            chosen = made[0] if made else world.bill_by_hand(record.item)
            decisions[identity] = Accepted(chosen, "looked at in the tenant")
    if decisions:
        world.pass_time(SETTLE)
        world.reconcile(accepted=decisions)


def _for(execution: Execution, identity: Identity) -> bool:
    return (execution.account_id, execution.target_date) == (
        identity.account_id,
        identity.target_date,
    )


def _hold(drawn: Drawn, last: RunOutcome) -> None:
    """Hold the last report against what the tenant billed."""
    world = drawn.world
    world.pass_time(DAY)
    world.check()
    for one in drawn.items:
        record = last.records[one.identity]
        billed = world.billed(one)
        by_hand = any(_for(e, one.identity) and e.key is None for e in world.executions)
        assert billed + by_hand == record.outcome.success, f"{one.identity} {record.outcome}"
        if record.outcome is Outcome.NOT_ATTEMPTED:
            assert record.error
            assert record.error.code == "EARLIER_DATE_OPEN"


def main(first: int, last: int) -> int:
    """Play all seeds from `first` up to `last`, tell of each that fails, and count them."""
    failed = 0
    outcomes: Counter[str] = Counter()
    for seed in range(first, last):
        with tempfile.TemporaryDirectory() as folder:
            try:
                outcomes += play(seed, Path(folder))
            except AssertionError as error:
                failed += 1
                print("\n".join(str(error).splitlines()[:60]), end="\n\n")
    print(f"{last - first} seeds, {failed} failed, {dict(outcomes)}")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
