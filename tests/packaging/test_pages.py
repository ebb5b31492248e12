"""Every screen on a page is printed by something that can be run again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FENCE = re.compile(
    r"(?:<!-- (?P<mark>[^\n]+?) -->\n)?^```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^```$", re.M | re.S
)
SCREENS = frozenset({"", "text", "console"})  # the languages in which a screen would stand
KINDS = ("screen: ", "file: ", "report: ", "live: ")
MADE = "<!-- Made from "  # such a page is held to its source as a whole
ENDING = re.compile(r', then (?:Ctrl-C|"\w+") after [\d.]+ s$')


def pages(root: Path) -> list[Path]:
    """Name all pages that somebody has written."""
    found = [*root.glob("*.md"), *root.glob("docs/**/*.md")]
    return [page for page in found if MADE not in page.read_text("utf-8")]


def unproved(page: Path, root: Path) -> list[str]:
    """Give the first lines of the screens on a page that nothing prints again."""
    found = []
    for fence in FENCE.finditer(page.read_text("utf-8")):
        mark = fence["mark"] or ""
        if fence["language"] in SCREENS and not _proved(mark, page, root):
            found.append(fence["text"].partition("\n")[0])
    return found


def _proved(mark: str, page: Path, root: Path) -> bool:
    if mark.startswith("shown by "):
        test = root / mark.removeprefix("shown by ")
        return test.is_file() and page.name in test.read_text("utf-8")
    return mark == "drawing" or mark.startswith(KINDS)


def test_no_page_has_a_screen_of_its_own(root: Path) -> None:
    """A screen is filled by docs/screens.py or live.py, or held by the test that it names."""
    found = {page.name: unproved(page, root) for page in pages(root)}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "mark", ["", "<!-- shown by tests/none.py -->\n", "<!-- scene: night -->\n"]
)
def test_a_screen_of_its_own_is_found(mark: str, tmp_path: Path) -> None:
    """The scan is not blind, with a mark that proves nothing or with none."""
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\n{mark}```text\n$ zbatch run\nall is well\n```\n")
    assert unproved(page, tmp_path) == ["$ zbatch run"]
    page.write_text("# Page\n\n<!-- screen: zbatch run -->\n```text\n$ zbatch run\n```\n")
    assert unproved(page, tmp_path) == []


def test_every_screen_was_filled(root: Path) -> None:
    """A block of a terminal opens with its command, and something was printed below it."""
    for page in pages(root):
        for fence in FENCE.finditer(page.read_text("utf-8")):
            mark = fence["mark"] or ""
            if mark.startswith("screen: "):
                command = ENDING.sub("", mark.removeprefix("screen: "))
                first, *others = fence["text"].splitlines() or [""]
                assert (first, bool(others)) == (f"$ {command}", True), page.name
            elif mark.startswith(KINDS):
                assert fence["text"], f"{page.name}: {mark}"
