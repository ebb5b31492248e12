"""Every code that zbatch itself writes into a report can be explained."""

from __future__ import annotations

import re
from pathlib import Path

from zbatch.report.reasons import OWN
from zbatch.zuora.codes import MEANINGS

RUNNER = Path(__file__).parents[2] / "runner" / "zbatch"
_CODE = re.compile(r'Problem\(\s*"([A-Z_]+)"|Problem\(([A-Z_]+),')
# not of a line: what the token endpoint says, an answer's rows, and what another code stands for
ELSEWHERE = {"NO_TOKEN", "ROWS", "FAILED", "UNREADABLE", "NO_REASON"}


def test_every_code_of_its_own_is_explained() -> None:
    """A new one fails here until somebody says what it means and who mends it."""
    folders = ("app", "engine", "report", "zuora")
    sources = (path for name in folders for path in (RUNNER / name).rglob("*.py"))
    found = {one or two for path in sources for one, two in _CODE.findall(path.read_text("utf-8"))}
    assert len(found) > 15
    assert found - ELSEWHERE <= set(OWN)
    assert not set(OWN) & set(MEANINGS)


def test_what_needs_mending_says_by_whom() -> None:
    """Only what goes with an invoice needs nobody."""
    assert {code for code, one in OWN.items() if not one.mender} == {
        "ACCEPTED",
        "ALREADY_THERE",
        "AUTHOR_NOT_PROVED",
    }
    assert all(one.meaning.endswith(".") for one in OWN.values())
