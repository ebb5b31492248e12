"""What the README and the pages of docs/ show is what is there."""

from __future__ import annotations

import json
import re
from pathlib import Path

BLOCK = re.compile(r"<!-- (file|screen|report): (.+?) -->\n```\w+\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


def blocks(root: Path) -> list[tuple[str, str, str]]:
    """Read the README's blocks as what they are, of what, and their text."""
    return BLOCK.findall((root / "README.md").read_text("utf-8"))


def test_the_spec_shown_is_the_file(root: Path) -> None:
    """A block that shows a file shows the whole of it, and the first one is what is run."""
    files = [(name, text) for kind, name, text in blocks(root) if kind == "file"]
    assert files[0][0] == "specs/month-end.yaml"
    for name, text in files:
        assert text == (root / name).read_text("utf-8")


def test_every_screen_shows_its_command(root: Path) -> None:
    """A block of a terminal opens with the command and ends with the exit code it tells."""
    screens = [(name, text) for kind, name, text in blocks(root) if kind == "screen"]
    assert len(screens) == 3
    for name, text in screens:
        assert text.startswith(f"$ {name}\n")
        assert "(exit " in text


def test_the_report_lines_shown_have_every_field(root: Path) -> None:
    """A report line in the README is a line with the schema's fields and the outcome it is for."""
    schema = json.loads((root / "schemas/report.schema.json").read_text("utf-8"))
    lines = [(name, json.loads(text)) for kind, name, text in blocks(root) if kind == "report"]
    assert lines
    for name, line in lines:
        assert set(schema["required"]) <= set(line)
        assert name.split()[1] == line["outcome"]


def test_every_link_leads_somewhere(root: Path) -> None:
    """No page links to a file that is not there."""
    pages = [*root.glob("*.md"), *root.glob("docs/**/*.md")]
    for page in pages:
        for target in LINK.findall(page.read_text("utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
