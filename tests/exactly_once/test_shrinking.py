"""What fails is shrunk to what it needs, within a bound, and told so that a person can read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace

import pytest

import support.simulation.playing as playing
import support.simulation.shrinking as shrinking
from support.evidence import Evidence
from support.hash_seeds import printed_under_hash_seeds
from support.saboteurs import SABOTEURS
from support.simulation import page
from support.simulation.command import main, report
from support.simulation.describing import describe
from support.simulation.drawing import draw
from support.simulation.leaving_out import parts, without
from support.simulation.playing import Played, play_scenario
from support.simulation.scenario import (
    HOUR,
    SETTLE,
    Bill,
    Edit,
    Narrowing,
    Policy,
    Pressing,
    Round,
    Scenario,
    Start,
)
from support.simulation.shrinking import End, kind_of, shrink
from support.world_net import TWICE
from zbatch.emulator import Scheduled
from zbatch.emulator.catalogue import fault
from zbatch.model import Limits, Rate, Settling

SAMPLE = 7
ACCOUNT = f"{3:032x}"
EDITED = (Edit((0,)), Round((Start(),)), Edit(()), Bill(0))


def _bills_account_three(evidence: Evidence) -> list[str]:
    """Judge a history as wrong that bills one account, and would not without a second run."""
    billed = any(execution.account == ACCOUNT for execution in evidence.executions)
    return [f"{ACCOUNT} is billed"] if billed else []


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Played:
    """Play a history that fails because it bills one account."""
    monkeypatch.setattr(playing, "check", _bills_account_three)
    return play_scenario(draw(SAMPLE, "pair"))


def test_what_fails_shrinks_to_what_it_needs(failing: Played) -> None:
    """One item, no trouble and no step is left of a history that fails for one account's sake."""
    assert len(failing.violations) == 1
    shrunk = shrink(failing)
    assert shrunk.end is End.SMALLEST
    assert shrunk.histories <= 20
    smallest = shrunk.played
    assert smallest.violations == failing.violations
    scenario = smallest.scenario
    assert [number for number, _ in scenario.items] == [3]
    assert (scenario.calls, scenario.questions, scenario.mishaps) == ((), (), ())
    assert scenario.steps == ()
    assert any("billed: 0003" in line for line in smallest.story)


@pytest.mark.parametrize(
    ("name", "family", "seed", "steps", "most"),
    [
        ("R9b-any-invoice-is-claimed", "by_hand", 124, (Bill(0),), 60),
        ("L6-conflict-is-failure", "returns", 2, (), 20),
        ("R9a-a-history-needs-no-question", "edited", 14, EDITED, 80),
    ],
)
def test_a_broken_rule_shrinks_to_one_item_and_the_steps_that_show_it(
    name: str, family: str, seed: int, steps: tuple[object, ...], most: int
) -> None:
    """What is known to be enough is found in few histories, and is wrong in the same way."""
    (saboteur,) = (one for one in SABOTEURS if one.name == name)
    with saboteur.apply():
        played = play_scenario(draw(seed, family))
        shrunk = shrink(played)
        again = play_scenario(shrunk.played.scenario)
    assert shrunk.histories <= most
    assert len(shrunk.played.scenario.items) == 1
    assert shrunk.played.scenario.steps == steps
    assert kind_of(shrunk.played.violations[0]) == kind_of(played.violations[0])
    assert again.digest == shrunk.played.digest
    assert play_scenario(shrunk.played.scenario).violations == []


def test_it_goes_on_being_wrong_in_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """A smaller history that is wrong in another way alone is not taken; of both, ours is first."""

    def judge(evidence: Evidence) -> list[str]:
        billed = {execution.account for execution in evidence.executions}
        return ["anything else", *([f"{len(billed)} are billed"] if len(billed) > 3 else [])]

    monkeypatch.setattr(playing, "check", judge)
    played = play_scenario(draw(SAMPLE, "pair"))
    asked = replace(played, violations=played.violations[::-1])
    smallest = shrink(asked).played
    assert len(smallest.scenario.items) == 4
    assert smallest.violations == ["4 are billed", "anything else"]


def test_kinds_leave_out_names_and_numbers_but_not_exit_codes() -> None:
    """A false zero is another fault than a false one, whichever run it ends."""
    assert kind_of(f"{ACCOUNT} 2026-11-30 was billed 2 times") == "… … was billed … times"
    assert kind_of("the run of 17 ended with 0, not [3, 4]") == kind_of(
        "the run of 18 ended with 0, not [3, 4]"
    )
    assert kind_of("the run of 17 ended with 0, not [3]") != kind_of(
        "the run of 17 ended with 1, not [3]"
    )


def test_no_more_runs_are_played_than_may_be(failing: Played) -> None:
    """A bound breaks it off with the smallest so far; it counts runs, and no time."""
    none, few = shrink(failing, 0), shrink(failing, 1)
    assert (none.histories, none.runs, none.end) == (0, 0, End.BOUND)
    assert none.played is failing
    assert (few.histories, few.end) == (1, End.BOUND)
    assert few.runs == len(few.played.evidence.runs)


def test_what_cannot_be_smaller_is_told_as_it_is(failing: Played) -> None:
    """Where nothing can be left out the history itself is told, and that it is so."""
    smallest = shrink(failing).played
    once_more = shrink(smallest)
    assert once_more.played is smallest
    assert "  as it is, by 0 histories of 0 runs: nothing more can be left out" in report(
        smallest, once_more
    )


def test_ctrl_c_tells_the_smallest_so_far(
    failing: Played, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was found until then is not lost, and no further seed is played."""

    def impatient() -> Iterator[Callable[[Scenario], Played]]:
        yield play_scenario
        while True:
            yield interrupted

    def interrupted(_: Scenario) -> Played:
        raise KeyboardInterrupt

    ways = impatient()
    monkeypatch.setattr(shrinking, "play_scenario", lambda scenario: next(ways)(scenario))
    assert main(["--seeds", "7:9", "--family", "pair", "--shrink"]) == 1
    told = capsys.readouterr()
    assert "interrupted: more may be left out" in told.out
    assert told.out.splitlines()[-1].startswith("1 seeds from 7 on, ")
    assert told.err.count("\n") == 1


SHRUNK = """
from support.saboteurs import SABOTEURS
from support.simulation.command import report
from support.simulation.drawing import draw
from support.simulation.playing import play_scenario
from support.simulation.shrinking import shrink
(saboteur,) = (one for one in SABOTEURS if one.name == "D20-dates-side-by-side")
with saboteur.apply():
    played = play_scenario(draw(1, "lost"))
    print(report(played, shrink(played, 8)))
"""


def test_the_same_seed_is_told_in_the_same_way_in_any_process() -> None:
    """Byte for byte: neither the order of sets nor the time that it takes has a part in it."""
    told = printed_under_hash_seeds(SHRUNK)
    assert told[0] == told[1]
    assert "broken off by --shrink-runs" in told[0]


def test_all_that_is_drawn_can_be_left_out_and_is_told() -> None:
    """Whatever a history is made of, shrinking tries without it, and the description names it."""
    drawn = replace(
        draw(SAMPLE, "pair"),
        limits=Limits(40, Rate(2, 1.0), 3, 150.0),
        settling=Settling(SETTLE, 3 * HOUR),
        policy=Policy(stages=(1, None)),
        narrowing=Narrowing(((0.0, 1),)),
        pressing=Pressing((Rate(5, 1.0),)),
        log_in=2.0,
        calls=((1, TWICE),),
        questions=((1, TWICE),),
        mishaps=(Scheduled(fault("locked"), every=2),),
    )
    candidates = [without(drawn, {part}) for group in parts(drawn) for part in group]
    for name in {part.name for part in fields(Scenario)} - {"family", "seed"}:
        whole = getattr(drawn, name)
        left = [one for one in candidates if getattr(one, name) != whole]
        assert left, name
        assert describe(left[0]) != describe(drawn), name


def test_what_is_said_of_an_item_stays_with_it() -> None:
    """Where items before it are left out, a person bills the same one and its dates are edited."""
    drawn = replace(draw(SAMPLE, "edited"), steps=(Bill(4), Edit((0, 4)), Bill(0)))
    left = without(drawn, {("items", 0), ("items", 2)})
    assert left.items[2] == drawn.items[4]
    assert left.steps == (Bill(2), Edit((2,)))


def test_the_page_shows_what_is_told() -> None:
    """The example of docs/simulation.md is played: python -m support.simulation.page."""
    assert page.PAGE.read_text("utf-8") == page.text()


def test_a_failing_seed_is_told_and_ends_with_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The seed, what is wrong and the shrunk history are printed; the last line counts."""
    assert main(["--seeds", "7", "--family", "pair"]) == 0
    monkeypatch.setattr(playing, "check", _bills_account_three)
    assert main(["--seeds", "7", "--family", "pair", "--shrink"]) == 1
    told = capsys.readouterr().out.splitlines()
    assert "seed 7 of pair: 1 violations" in told
    assert "shrunk to" in told
    assert told[-1].startswith("1 seeds from 7 on, ")


def test_waits_that_are_asked_for_are_told_of_the_run_that_is_asked() -> None:
    """They hold for the whole run, whatever account the answer was about."""
    played = play_scenario(draw(386010228, "pair"))
    asking = " is asked to wait 120 s"
    told = [line for line in played.notes.tell(played.evidence) if line.endswith(asking)]
    assert len(told) == sum(trip.wait == 120.0 for trip in played.evidence.trips) > 0
    assert {line.removesuffix(asking).split()[-1] for line in told} == {"one1", "two1"}
