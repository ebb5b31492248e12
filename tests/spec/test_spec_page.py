"""The examples of docs/spec.md, each as a spec that validates."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from zbatch.spec import check_spec
from zbatch.spec.schema import load_schema

PAGE = (Path(__file__).parents[2] / "docs/spec.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+) ?([\w./]*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
SPECS = [text for kind, _, text in BLOCKS if kind == "yaml"]
REST = {
    "version": "1",
    "name": "month-end",
    "tenant": "emulator",
    "dates": "[{target_date: 2026-11-30}]",
    "accounts": '["2c93808457d787030157e0306be53a75"]',
}


@pytest.mark.parametrize("text", SPECS)
def test_example_validates(text: str, tmp_path: Path) -> None:
    """An example, with whatever a spec needs beside it, is a spec without a warning."""
    for kind, name, content in BLOCKS:
        if kind == "csv":
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(content, "utf-8")
    given = re.findall(r"^(\w+):", text, re.MULTILINE)
    rest = "".join(f"{key}: {value}\n" for key, value in REST.items() if key not in given)
    path = tmp_path / "spec.yaml"
    path.write_text(rest + text, "utf-8")
    spec, findings = check_spec(path)
    assert findings == ()
    assert spec is not None


def test_every_key_has_an_example() -> None:
    """No key of the schema is missing on the page."""
    given = {key for text in SPECS for key in re.findall(r"^(\w+):", text, re.MULTILINE)}
    assert given == set(load_schema("spec")["properties"])
