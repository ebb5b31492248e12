"""Every rule and scenario has a test with its number, and every number its line on a page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import pytest

NUMBERS = re.compile(r'"""((?:[DLFR][0-9]+[ab]?(?:, | and |: ))+)')  # a docstring opens with them
NAMED = re.compile(r"^ *(?:async )?def test_((?:[dlfr][0-9]+[ab]?_)+)", re.MULTILINE)
DEFINED = re.compile(r"^\| ([DLFR][0-9]+[ab]?) \| (\S.*) \|$", re.MULTILINE)
PAGES = ("exactly-once", "scenarios")

ALL = {
    *(f"D{number}" for number in range(1, 26)),
    *(f"L{number}" for number in range(1, 23)),
    *(f"R{number}" for number in (*range(1, 9), "9a", "9b", *range(10, 15))),
    *(f"F{number}" for number in range(1, 149)),
}
# Numbers that no test carries yet: this list only ever shrinks.
MISSING: set[str] = set()


def plain(code: str) -> str:
    """Write a number as the pages do: R9a for `r09a`."""
    return re.sub("(?<=[A-Z])0+", "", code[0].upper() + code[1:])


def in_names(texts: Iterable[str]) -> Iterator[str]:
    """Give the numbers that the names of test functions begin with."""
    for text in texts:
        for codes in NAMED.findall(text):
            yield from map(plain, codes.removesuffix("_").split("_"))


def in_docstrings(texts: Iterable[str]) -> Iterator[str]:
    """Give the numbers that docstrings open with."""
    for text in texts:
        for codes in NUMBERS.findall(text):
            yield from re.findall(r"\w\d+[ab]?", codes)


@pytest.fixture
def tests(tracked: Mapping[str, str]) -> list[str]:
    """Read all modules of tests."""
    return [text for name, text in tracked.items() if re.fullmatch(r"tests/.*\.py", name)]


@pytest.fixture
def defined(tracked: Mapping[str, str]) -> list[tuple[str, str]]:
    """Read the numbers of the pages, with what they stand for."""
    return [row for page in PAGES for row in DEFINED.findall(tracked[f"docs/{page}.md"])]


def test_the_pages_have_each_number_once(defined: list[tuple[str, str]]) -> None:
    """No rule and no scenario is left out or explained twice."""
    codes = [code for code, _ in defined]
    assert len(codes) == len(set(codes))
    assert set(codes) == ALL


def test_every_number_has_its_test(tests: list[str]) -> None:
    """Each rule, scenario and fault is the name of a test."""
    assert ALL - set(in_names(tests)) == MISSING


def test_no_test_has_a_number_that_nobody_explains(tests: list[str]) -> None:
    """What a name or a docstring begins with can be looked up."""
    named = {*in_names(tests), *in_docstrings(tests)}
    assert len(named) > 50
    assert named - ALL - {"R9"} == set()  # R9 is both of its halves


def test_numbers_are_read_from_names_as_people_write_them() -> None:
    """Several numbers, leading zeros, methods and coroutines are all seen."""
    text = (
        "def test_f92_f094_x() -> None:\n    async def test_r09a_y(): ...\ndef test_free(): ...\n"
    )
    assert list(in_names([text])) == ["F92", "F94", "R9a"]
