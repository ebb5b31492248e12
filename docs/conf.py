"""How the pages of docs/ become a site; `make docs` builds it into build/site/.

The pages are plain Markdown that reads as well where the repository is browsed. So nothing in them
is the generator's own: what a page lists under its headings is also its part of the navigation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import TYPE_CHECKING

from pygments.lexers.special import TextLexer

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]

project = "zbatch"
extensions = ["myst_parser"]
include_patterns = ["docs/**.md", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"]
exclude_patterns = [".*", "build", "dist", "emulator", "requirements", "runner", "specs", "tests"]
root_doc = "docs/index"
nitpicky = True
myst_heading_anchors = 4  # with the names that the code hosts give them
html_theme = "furo"
html_title = "zbatch"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
# Text and code in the fonts that the reader has: nothing is fetched.
pygments_style = "tango"
pygments_dark_style = "monokai"
html_additional_pages = {"index": "to-docs.html"}
templates_path = ["templates"]

LISTS = ("docs/index", "docs/decisions/index")
SECTION = re.compile(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", re.M | re.S)
LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)(?:#[^)]*)?\)")


def setup(app: Sphinx) -> None:
    """Tell Sphinx whom to ask about a page that it has read, and to take CSV as it is."""
    app.add_lexer("csv", TextLexer)
    app.connect("source-read", adapt)


def adapt(_app: Sphinx, name: str, source: list[str]) -> None:
    """Give a page its part of the navigation, and no link to what is no page."""
    folder = (ROOT / name).parent
    trees = "\n".join(navigation(name, source[0])) if name in LISTS else ""
    source[0] = unlinked(source[0], folder) + trees


def navigation(name: str, text: str) -> Iterator[str]:
    """Make the hidden lists that the side bar shows of what a page links to, in its order."""
    sections = SECTION.findall(text) or [("", text)]
    for title, body in sections:
        pages = [page for target in LINK.findall(body) if (page := page_of(name, target))]
        caption = [f":caption: {title}"] if title else []
        if pages:
            yield "\n".join(("", "```{toctree}", ":hidden:", *caption, "", *pages, "```", ""))


def page_of(name: str, target: str) -> str | None:
    """Name the page that a link leads to, from the root; None where it is none."""
    if not target.endswith(".md") or "://" in target:
        return None
    return "/" + normpath(str(PurePosixPath(name).parent / target)).removesuffix(".md")


def unlinked(text: str, folder: Path) -> str:
    """Leave only the words of links to folders, which a site does not have."""
    return re.sub(
        r"\[([^\]]+)\]\(([^)#\s:]+)\)",
        lambda link: link[1] if (folder / link[2]).is_dir() else link[0],
        text,
    )
