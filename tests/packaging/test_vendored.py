"""What the package carries of others is what was reviewed; `make vendor` fetches it anew."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

ASSETS = Path(__file__).parents[2] / "runner" / "zbatch" / "report" / "assets"
REVIEWED = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "uPlot.LICENSE.txt": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}


@pytest.mark.parametrize("name", sorted(REVIEWED))
def test_no_byte_of_it_was_changed(name: str) -> None:
    """An update is a change of version, of hash and of record."""
    assert hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() == REVIEWED[name]


def test_nothing_else_of_others_is_carried() -> None:
    """All other parts of the page are this project's own."""
    ours = {"items.js", "page.css", "pictures.js"}
    assert {path.name for path in ASSETS.iterdir()} == set(REVIEWED) | ours
