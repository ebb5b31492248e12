"""Each code is explained, by examples that are what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import zbatch
from support.explained import ERRORS, PAGE, errors, lay_out, page
from zbatch.app.validate import validate
from zbatch.cli import main
from zbatch.report.codes import OWN_CODES
from zbatch.spec import CODES
from zbatch.spec.explaining import Explanation, explanations, load_pages
from zbatch.zuora.codes import MEANINGS
from zbatch.zuora.reply import UNREADABLE
from zbatch.zuora.wire import FaultKind

# what no small file shows: unreadable, of another encoding, too large; a flag; plans and runs;
# and what the schema tells of first
NOT_SHOWN = {
    *("ZB101", "ZB102", "ZB104", "ZB105", "ZB115", "ZB212", "ZB318", "ZB335", "ZB416"),
    *("ZB417", "ZB418"),
    *(code for code in CODES if code.startswith("ZB5")),
    *("ZB920", "ZB921", "ZB922", "ZB923"),
    *("ZB930", "ZB931"),
}
ALL = explanations()


def test_every_code_is_explained_once_and_in_order() -> None:
    """The pages have a section for each code in the table, and none besides."""
    found = [one.code for page in load_pages() for one in page.explanations]
    assert found == sorted(CODES) == [*CODES]


@pytest.mark.parametrize("one", ALL.values(), ids=ALL)
def test_an_example_gives_its_code_and_the_right_one_is_clean(
    one: Explanation, tmp_path: Path
) -> None:
    """What is called wrong has this very problem, and what is called right has none."""
    assert all((one.meaning, one.why, one.mend))
    assert (not one.examples) == (one.code in NOT_SHOWN)
    if not one.examples:
        return
    for right in (False, True):
        folder = tmp_path / str(right)
        folder.mkdir()
        lay_out(one, folder, right=right)
        codes = [found.code for found in validate([folder]).diagnostics]
        assert codes == [] if right else one.code in codes


def test_the_pages_are_what_the_explanations_say() -> None:
    """Both pages are made anew after each change: `python -m support.explained`."""
    assert PAGE.read_text("utf-8") == page()
    assert ERRORS.read_text("utf-8") == errors()


@pytest.mark.parametrize("given", ["ZB302", "zb302", "302", "zb3o2"])
def test_a_code_is_explained_however_it_is_written(
    given: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Meaning, reason, a wrong and a right example, and what to do."""
    assert main(["explain", given]) == 0
    out = capfd.readouterr().out
    assert out.startswith("ZB302: The same account and target date is listed twice.\n")
    for part in (ALL["ZB302"].why, "Wrong:  spec.yaml\n    accounts:\n", "Right:", "To mend it: "):
        assert part in out
    assert max(map(len, out.splitlines())) <= 80


def test_all_codes_are_listed(capfd: pytest.CaptureFixture[str]) -> None:
    """Without a code there is the table."""
    assert main(["explain"]) == 0
    first, *others = capfd.readouterr().out.split("\n\n")
    assert [line[:5] for line in first.splitlines() if not line.startswith(" ")] == [*CODES]
    assert len(others) == 2
    for listed, codes in zip(others, ([*MEANINGS], [*OWN_CODES]), strict=True):
        lines = [line for line in listed.splitlines()[1:] if not line.startswith(" ")]
        assert [line.partition("  ")[0] for line in lines] == codes


def test_every_code_of_a_report_is_explained() -> None:
    """Each code that the program writes into an `error`, as it stands in the program."""
    source = Path(zbatch.__file__).parent
    rooms = ("app", "engine", "net", "report", "zuora")
    texts = [path.read_text("utf-8") for room in rooms for path in (source / room).rglob("*.py")]
    written = {code for text in texts for code in re.findall(r'Problem\(\s*"([A-Z_]+)"', text)}
    assert len(written) > 15
    faults = {kind.value.upper() for kind in FaultKind}
    assert written | faults | {UNREADABLE, "NO_CODE"} == set(OWN_CODES)


@pytest.mark.parametrize("code", [*MEANINGS, *OWN_CODES, "HTTP_500"])
def test_a_code_of_a_report_is_explained(code: str, capfd: pytest.CaptureFixture[str]) -> None:
    """What it means, and what is left to do, at whatever width a terminal has."""
    assert main(["explain", code.lower()]) == 0
    out = capfd.readouterr().out
    assert out.startswith(f"{code}, from ")
    assert "\nTo mend it: " in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(("given", "hint"), [("ZB392", "did you mean ZB"), ("x", "lists all")])
def test_a_code_that_is_none_gets_the_nearest(
    given: str, hint: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A slip is answered with what was probably meant, and exit 2."""
    assert main(["explain", given]) == 2
    assert hint in capfd.readouterr().err
