"""Tenants that append to drafts: a key in doubt is held against the drafts of its own time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from support.engine import item
from support.world import DAY, HOUR, UNGUARDED, World
from support.world_net import LOST_ON_THE_WAY, gateway
from zbatch.emulator import Drafts, Modes, SecondGenerate
from zbatch.engine.settings import Acceptance

MakeWorld = Callable[..., World]
EARLY, LATE = item(1, 10), item(1, 20)
APPENDED = replace(UNGUARDED, drafts=Drafts.APPENDED)
GUARDED = replace(APPENDED, second_generate=SecondGenerate.NOTHING_TO_BILL)


def _burn(world: World, executed: bool) -> None:
    """Let the next call be executed or not, and a gateway answer it until its key is burnt."""
    first = world.sent + 1
    world.troubles = {first: gateway(502, arrives=executed)}
    world.troubles |= dict.fromkeys(range(first + 1, first + 4), gateway(502))


@pytest.mark.parametrize("modes", [APPENDED, GUARDED], ids=["unguarded", "guarded"])
def test_the_next_key_after_a_question_has_a_baseline_of_its_own(
    make_world: MakeWorld, modes: Modes
) -> None:
    """A draft made under the first key is known when the second is appended to it unseen."""
    world = make_world(modes=modes)
    _burn(world, executed=False)
    assert world.run([LATE]).outcomes == ["unknown"]
    world.troubles = {}
    world.pass_time(60)
    world.bill_by_hand(EARLY)
    world.pass_time(2 * HOUR)
    _burn(world, executed=True)
    assert world.run([LATE]).outcomes == ["unknown"]
    world.troubles = {}
    world.pass_time(2 * HOUR)
    run = world.run([LATE])
    assert (run.outcomes, run.codes) == (["unknown"], ["DRAFT_CHANGED"])
    assert (world.billed(LATE), len(world.keys(LATE))) == (1, 2)


def test_a_draft_made_by_hand_while_a_key_rested_is_known_to_the_next_key(
    make_world: MakeWorld,
) -> None:
    """Two runs die, days apart, and between them somebody bills the account by hand."""
    world = make_world(modes=APPENDED)
    world.troubles = {1: LOST_ON_THE_WAY}
    assert world.run([LATE], die_at="generate answered, unjudged").died
    world.troubles = {}
    world.pass_time(2 * DAY)
    world.bill_by_hand(EARLY)
    world.pass_time(60)
    assert world.run([LATE], die_at="generate executed, unread").died
    world.pass_time(2 * DAY)
    run = world.run([LATE])
    assert (run.outcomes, run.codes) == (["unknown"], ["DRAFT_CHANGED"])
    assert world.billed(LATE) == 1


def test_an_invoice_made_by_hand_does_not_hide_that_a_draft_has_changed(
    make_world: MakeWorld,
) -> None:
    """Canceled again, it would leave the item to be billed beside the charges in the draft."""
    world = make_world(modes=APPENDED)
    assert world.run([EARLY]).outcomes == ["invoiced"]
    world.pass_time(60)
    _burn(world, executed=True)
    assert world.run([LATE]).outcomes == ["unknown"]
    world.troubles = {}
    world.pass_time(2 * HOUR)
    by_hand = world.bill_by_hand(LATE)
    world.pass_time(60)
    run = world.run([LATE])
    assert (run.outcomes, run.codes) == (["unknown"], ["DRAFT_CHANGED"])
    error = run.records[LATE.identity].error
    assert error is not None
    assert by_hand in error.message
    world.set_status(by_hand, "Canceled")
    world.pass_time(60)
    assert world.run([LATE]).outcomes == ["unknown"]
    assert world.billed(LATE) == 1


def test_a_draft_made_while_the_call_ran_may_hold_its_charges(make_world: MakeWorld) -> None:
    """An earlier date is billed by hand meanwhile; posted later, that draft is still remembered."""
    world = make_world(modes=APPENDED, latency=100.0)
    assert world.run([LATE], die_at="generate arrived").died
    world.pass_time(50)
    by_hand = world.bill_by_hand(EARLY)
    world.pass_time(30 * HOUR)
    run = world.run([LATE])
    assert (run.outcomes, run.codes) == (["unknown"], ["DRAFT_CHANGED"])
    world.set_status(by_hand, "Posted")
    world.pass_time(HOUR)
    run = world.run([LATE])
    assert (run.outcomes, run.codes) == (["unknown"], ["DRAFT_CHANGED"])
    assert world.billed(LATE) == 1


def test_a_draft_made_while_the_call_ran_can_be_accepted(make_world: MakeWorld) -> None:
    """A person may say that the charges are in it: one made between two sends of the key."""
    world = make_world(modes=APPENDED)
    world.troubles = {1: LOST_ON_THE_WAY}
    assert world.run([LATE], die_at="generate answered, unjudged").died
    world.troubles = {}
    draft = world.bill_by_hand(EARLY)
    world.pass_time(60)
    assert world.run([LATE], die_at="generate executed, unread").died
    world.pass_time(30 * HOUR)
    assert world.run([LATE]).codes == ["DRAFT_CHANGED"]
    decision = {LATE.identity: Acceptance(LATE.identity, draft, "looked at in the tenant")}
    assert world.reconcile(accepted=decision).outcomes == ["invoiced"]
    assert world.billed(LATE) == 1


def test_a_draft_beside_a_call_that_makes_its_own_is_as_it_was_made(make_world: MakeWorld) -> None:
    """Drafts are separate: what was never executed goes on under the next key."""
    world = make_world(modes=UNGUARDED)
    world.troubles = {1: LOST_ON_THE_WAY}
    assert world.run([LATE], die_at="generate answered, unjudged").died
    world.troubles = {}
    world.bill_by_hand(EARLY)
    world.pass_time(30 * HOUR)
    assert world.run([LATE]).outcomes == ["invoiced"]
    assert world.billed(LATE) == 1
