"""What makes a site of the pages: its navigation, and that it loads nothing from elsewhere."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


def script(root: Path, name: str) -> ModuleType:
    """Load a script of docs/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", root / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_is_listed_once(root: Path) -> None:
    """The navigation leads to each page of docs/, and to none twice."""
    conf = script(root, "conf")
    listed: list[str] = []
    for name in conf.LISTS:
        text = (root / f"{name}.md").read_text("utf-8")
        for tree in conf.navigation(name, text):
            listed += [line for line in tree.splitlines() if line.startswith("/")]
    there = {f"/{page.relative_to(root)}".removesuffix(".md") for page in root.glob("docs/**/*.md")}
    there -= {"/docs/index"}
    assert sorted(listed) == sorted({*there, "/README", "/CONTRIBUTING", "/CHANGELOG"})


def test_the_navigation_follows_the_headings(root: Path) -> None:
    """Each heading is a caption with the pages below it, in their order; other links are none."""
    text = (
        "# T\n\n## Do\n\n- [a](a.md#b), [f](../x.csv)\n- [c](sub/c.md)\n\n## See\n\n[d](../D.md)\n"
    )
    trees = [*script(root, "conf").navigation("docs/index", text)]
    assert [tree.split("\n")[3] for tree in trees] == [":caption: Do", ":caption: See"]
    assert "\n/docs/a\n/docs/sub/c\n" in trees[0]
    assert "\n/D\n" in trees[1]


def test_links_to_folders_are_words(root: Path) -> None:
    """A site has no folders to show; a link to a file stays."""
    text = "[`specs/`](../specs) and [`m`](../Makefile)"
    assert script(root, "conf").unlinked(text, root / "docs") == "`specs/` and [`m`](../Makefile)"


@pytest.mark.parametrize(
    "line",
    [
        '<script async src="https://cdn.example/x.js">',
        '<link rel="stylesheet" href="//fonts.example/css">',
        "<img alt='' src='http://elsewhere.example/x.png'>",
        "<style>@import url(https://fonts.example/css2)</style>",
        "<style>a { background: url('//elsewhere.example/x') }</style>",
    ],
)
def test_what_a_page_loads_from_elsewhere_is_found(line: str, root: Path, tmp_path: Path) -> None:
    """Scripts, styles, fonts and pictures; a link that somebody must follow is none of it."""
    build = script(root, "build")
    page = tmp_path / "page.html"
    page.write_text('<a href="https://zuora.example">x</a><script src="_static/x.js"></script>')
    assert [*build.loaded(tmp_path)] == []
    page.write_text(line)
    assert len([*build.loaded(tmp_path)]) == 1
