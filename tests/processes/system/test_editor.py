"""The language server that editors use, on specs good and broken: completion, hover and errors."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.language_server import Editor
from zbatch.spec import check_spec

ROOT = Path(__file__).parents[3]
SPEC = "# yaml-language-server: $schema=../schemas/spec.schema.json\n"
TENANTS = "# yaml-language-server: $schema=schemas/tenants.schema.json\n"
COMMITTED = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("specs/**/*.yaml"), ROOT / "tenants.yaml")
    if ".zbatch" not in path.parts
)
BAD_SPEC = f"""{SPEC}version: 2
name: " x"
tenent: emulator
dates:
  - {{target_date: 2026-13-1}}
accounts:
  - 22222222222222222222222222222222
  - {{id: "2c93808457d787030157e0306be53a06", revision: 2}}
limits: {{concurrency: 99, rate: fast}}
charges: {{usage: yes}}
"""
BAD_TENANTS = f"""{TENANTS}version: 1
tenants:
  production: {{data_center: us-prod}}
  other: {{base_url: "https://rest.zuora.com", client_secret: abc}}
"""


@pytest.fixture(scope="module")
def editor(node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    """Open an editor on a copy of what is committed; it looks nowhere else."""
    folder = tmp_path_factory.mktemp("editor")
    for name in ("schemas", "specs"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "tenants.yaml", folder)
    server = node_modules / "yaml-language-server/bin/yaml-language-server"
    window = Editor(["node", str(server), "--stdio"], folder)
    yield window
    window.close()


def place(editor: Editor, text: str, name: str) -> tuple[Path, int, int]:
    """Open a text and return where its mark `|` was, which is taken out."""
    before, after = text.split("|")
    path = editor.folder / name
    editor.open(path, before + after)
    return path, before.count("\n"), len(before.rpartition("\n")[2])


def lines(found: list[dict[str, Any]]) -> dict[int, str]:
    """Return what is said of each line, counted from 1 as people do."""
    said: dict[int, str] = {}
    for one in found:
        line = one["range"]["start"]["line"] + 1
        said[line] = f"{said.get(line, '')}{one['message']}\n"
    return said


@pytest.mark.parametrize("name", COMMITTED)
def test_no_error_in_what_is_committed(editor: Editor, name: str) -> None:
    """A committed spec, tenants or faults file has nothing underlined in the editor."""
    assert editor.open(editor.folder / name) == []


@pytest.mark.parametrize(
    ("name", "text", "offered"),
    [
        ("specs/c1.yaml", f"{SPEC}version: 1\n|\n", {"name", "tenant", "accounts", "stop"}),
        ("specs/c2.yaml", f"{SPEC}limits:\n  |\n", {"concurrency", "rate", "timeout"}),
        ("specs/c3.yaml", f"{SPEC}dates:\n  - |\n", {"target_date", "invoice_date"}),
        ("specs/c4.yaml", f"{SPEC}dates:\n  - target_date: |\n", {"end_of_month"}),
        ("specs/c5.yaml", f"{SPEC}accounts:\n  - |\n", {"id", "number", "file"}),
        ("specs/c8.yaml", f"{SPEC}stages: |\n", {"[5, 50, rest]"}),
        ("specs/c9.yaml", f"{SPEC}accounts:\n  - |\n", {"account by ID", "account by number"}),
        ("c6.yaml", f"{TENANTS}tenants:\n  a:\n    |\n", {"data_center", "base_url", "kind"}),
        (
            "c7.yaml",
            f"{TENANTS}tenants:\n  a:\n    data_center: |\n",
            {"us-production-cloud-2", "eu-production", "apac-central-sandbox"},
        ),
    ],
)
def test_completion(editor: Editor, name: str, text: str, offered: set[str]) -> None:
    """At each place the keys, or the values, that may stand there are offered."""
    assert offered <= set(editor.completion(*place(editor, text, name)))


@pytest.mark.parametrize(
    ("name", "text", "label"),
    [
        ("w1", "stages: |\n", "[5, 50, rest]"),
        ("w2", "accounts:\n  - |\n", "account by ID"),
        ("w3", "accounts:\n  - |\n", "account by number"),
        ("w4", "accounts:\n  - |\n", "account with its own dates"),
    ],
)
def test_what_is_completed_to_is_good(editor: Editor, name: str, text: str, label: str) -> None:
    """Stages and an account are offered whole; with their places filled the spec is good."""
    filled = {"account ID": "2c93808457d787030157e0306be53a75", "account number": "A00991201"}
    offered = editor.completion(*place(editor, SPEC + text, f"specs/{name}.yaml"))[label]
    written = re.sub(r"\$\{\d:([^}]*)\}", lambda gap: filled.get(gap[1], gap[1]), offered)
    spec = (editor.folder / "specs/month-end.yaml").read_text("utf-8")
    kept = spec.partition("accounts:")[0] if text.startswith("accounts") else spec
    path = editor.folder / f"specs/{name}-filled.yaml"
    path.write_text(kept + text.replace("|", written), "utf-8")
    assert check_spec(path)[1] == ()
    assert editor.open(path) == []


def test_completion_offers_nothing_that_is_refused(editor: Editor) -> None:
    """A key that only explains why it is refused, such as a secret's, is not offered."""
    text = f"{TENANTS}tenants:\n  a:\n    |\n"
    offered = editor.completion(*place(editor, text, "refused.yaml"))
    assert offered
    assert not {"client_id", "client_secret"} & set(offered)


def test_hover(editor: Editor) -> None:
    """A key is explained under the pointer, in the words of the schema, with an example."""
    text = f"{SPEC}limits: {{conc|urrency: 10}}\n"
    said = editor.hover(*place(editor, text, "specs/hover.yaml"))
    assert "Requests in flight at the same time" in said
    assert "10" in said
    tenants = f"{TENANTS}tenants: {{a: {{data_c|enter: eu-production}}}}\n"
    assert "documented data centers" in editor.hover(*place(editor, tenants, "hover.yaml"))


def test_errors_in_a_broken_spec(editor: Editor) -> None:
    """Each broken line is underlined, patterns in the words of the schema's own messages."""
    said = lines(editor.open(editor.folder / "specs/broken.yaml", BAD_SPEC))
    assert said[4] == "Property tenent is not allowed.\n"
    assert said[3] == "must be one line of text, without spaces at its ends\n"
    assert "must be a date written YYYY-MM-DD" in said[6]
    assert "Expected" in said[8]  # an ID of digits without quotes is a number to other tools
    assert "reason" in said[9]
    assert "maximum of 40" in said[10]
    assert "such as 20/s, 600/min or 5000/h" in said[10]
    assert set(said) >= {2, 3, 4, 6, 8, 9, 10, 11}


def test_errors_in_a_broken_tenants_file(editor: Editor) -> None:
    """A data center that Zuora does not have, and a secret in the file, are underlined."""
    said = lines(editor.open(editor.folder / "broken.yaml", BAD_TENANTS))
    assert "us-production-cloud-2" in said[4]
    assert set(said) == {4, 5}
