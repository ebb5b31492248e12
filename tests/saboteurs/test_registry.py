"""The list of saboteurs is whole, and the means to break the product are sound themselves."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from support.saboteurs import SABOTEURS, page
from support.saboteurs.bench import Bench, Provoked, own_fault
from support.saboteurs.rotation import part
from support.saboteurs.saboteur import Saboteur
from support.saboteurs.search import MOST
from zbatch.engine import backoff, verdict
from zbatch.engine.brake import Brake
from zbatch.engine.kinds import Kind

RULES = {f"R{n}" for n in range(1, 15)} - {"R9"} | {"R9a", "R9b"}
POLICIES = {f"P{n}" for n in range(1, 7)}  # rules under `stop`, stages, and what holds a run back
TOLD = {f"T{n}" for n in range(1, 4)}  # it stands, of the item's own invoices, without a secret
SCENARIOS = {f"D{n}" for n in range(1, 26)} | {f"L{n}" for n in range(1, 23)}


def test_each_rule_and_each_scenario_has_a_saboteur() -> None:
    """No rule is without somebody who breaks it, and nobody breaks what is no rule."""
    assert {one.breaks for one in SABOTEURS} == RULES | SCENARIOS | POLICIES | TOLD


def test_each_saboteur_has_a_name_a_sentence_and_somebody_who_catches_it() -> None:
    """Names are used once; each has a history within the first 2,000, or a reason why not."""
    assert len({one.name for one in SABOTEURS}) == len(SABOTEURS)
    for one in SABOTEURS:
        assert one.says.endswith(".")
        assert "::test_" in one.test
        assert (one.seed is None) == bool(one.beyond), one.name
        assert one.seed is None or one.seed < MOST


def test_each_named_test_is_there() -> None:
    """A test that was renamed or moved is missed at once, whichever third is at work today."""
    root = Path(__file__).parents[2]
    for one in SABOTEURS:
        file, _, name = one.test.partition("::")
        assert f"def {name}(" in (root / file).read_text("utf-8"), one.test


def test_the_page_says_what_the_registry_holds() -> None:
    """docs/saboteurs.md is written from the registry: python -m support.saboteurs.page."""
    assert page.PAGE.read_text("utf-8") == page.text()


def test_three_days_in_a_row_let_all_of_them_loose() -> None:
    """Each third is another one, and together they are all."""
    days = [date(2026, 12, 30) + timedelta(days=n) for n in range(3)]
    loose = [one.name for day in days for one in part({}, day).saboteurs]
    assert sorted(loose) == sorted(one.name for one in SABOTEURS)


@pytest.mark.parametrize("word", ["0/3", "1/3", "2/3", "all"])
def test_a_part_is_repeated_by_its_word_on_any_day(word: str) -> None:
    """What a failing run says of itself gives the same saboteurs again."""
    first, later = (part({"SABOTEURS": word}, date(2026, 1, day)) for day in (1, 2))
    assert first == later
    assert word in first.again


def test_another_word_is_no_part() -> None:
    """A slip of the pen does not let less loose than was meant."""
    with pytest.raises(ValueError, match="not 4/3"):
        part({"SABOTEURS": "4/3"}, date(2026, 1, 1))


@pytest.mark.parametrize("one", SABOTEURS, ids=lambda one: one.name)
def test_a_saboteur_finds_its_places_and_leaves_none_behind(one: Saboteur) -> None:
    """Applied and taken back, the product is what it was."""
    before = dict(_places())
    with one.apply():
        assert dict(_places()) != before
    assert dict(_places()) == before


def _places() -> Iterator[tuple[str, int]]:
    """Give what every module, class and table of the product holds, by identity."""
    for module_name in [name for name in sys.modules if name.startswith("zbatch")]:
        for name, value in list(vars(sys.modules[module_name]).items()):
            place = f"{module_name}.{name}"
            yield place, id(value)
            inside = dict(vars(value)) if isinstance(value, type) else value
            if isinstance(inside, dict) and not name.startswith("__"):
                yield from ((f"{place}.{key}", id(held)) for key, held in inside.items())


def test_a_place_that_is_gone_is_an_error() -> None:
    """A saboteur whose place was renamed or removed fails loudly, instead of breaking nothing."""
    bench = Bench()
    with pytest.raises(LookupError, match="no module holds"):
        bench.function(lambda: None, lambda: None)
    with pytest.raises(LookupError, match="has no gone"):
        bench.method(Brake, "gone", lambda self: None)
    with pytest.raises(LookupError, match="has no gone"):
        bench.local(backoff, "gone", lambda: None)
    with pytest.raises(LookupError, match="no such row"):
        bench.row(verdict.TABLE, Kind.LOST, lambda look: None)


def test_a_substitutes_own_error_is_told_from_what_it_provokes() -> None:
    """What a broken patch raises does not pass for a test that has noticed something."""
    bench = Bench()

    def divides(failures: int) -> float:
        return 1 / 0

    bench.function(backoff.ceiling, divides)
    with pytest.raises(ZeroDivisionError):
        backoff.conflict_wait(1)
    bench.undo()
    assert bench.reached == 1
    assert backoff.conflict_wait(1) == 1.0
    assert not own_fault(Provoked())


def test_an_error_within_a_saboteurs_own_file_is_its_fault() -> None:
    """The innermost frame tells who has made it."""
    with pytest.raises(LookupError) as gone:
        Bench().local(backoff, "gone", lambda: None)
    assert own_fault(gone.value)
