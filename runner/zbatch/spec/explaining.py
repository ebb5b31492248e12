"""What each code means, why it matters and how to mend it, from the pages in `explanations/`.

A page is Markdown: `## CODE`, what it means, `Why:`, examples in fences, `Mend:`. A fence tells
what its example is: `yaml wrong`, `csv right emea.csv`; one without a file name is a spec. Examples
show the lines that matter, and with `whole` all of a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

PAGES = ("text", "structure", "meaning", "tables", "plans", "warnings")
_CODE = re.compile(r"^## (ZB\d{3})\n", re.MULTILINE)
_FENCE = re.compile(r"^```(\w+) (wrong|right)( whole)?(?: (\S+))?\n(.*?)^```$", re.M | re.S)
_SPEC = "spec.yaml"


@dataclass(frozen=True, slots=True)
class Example:
    """A file that has the mistake, or has it no more; `whole` if nothing is left out of it."""

    right: bool
    file: str
    language: str
    text: str
    whole: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is known of a code."""

    code: str
    meaning: str
    why: str
    mend: str
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Explanations of one kind, under a title and an introduction."""

    title: str
    introduction: str
    explanations: tuple[Explanation, ...]


@cache
def load_pages() -> tuple[Page, ...]:
    """Read all pages, in the order of their codes."""
    return tuple(_page(_text(name)) for name in PAGES)


def explanations() -> dict[str, Explanation]:
    """Return what is known, by code."""
    return {one.code: one for page in load_pages() for one in page.explanations}


def _text(name: str) -> str:
    return files("zbatch.spec").joinpath("explanations", f"{name}.md").read_text("utf-8")


def _page(text: str) -> Page:
    head, *rest = _CODE.split(text)
    title, _, introduction = head.removeprefix("# ").partition("\n")
    found = zip(rest[::2], rest[1::2], strict=True)
    return Page(title, introduction.strip(), tuple(_explanation(*one) for one in found))


def _explanation(code: str, text: str) -> Explanation:
    examples = tuple(_examples(text))
    parts = re.split(r"^(?:Why|Mend): ", _FENCE.sub("", text), flags=re.M)
    meaning, why, mend = map(_paragraph, parts)
    return Explanation(code, meaning, why, mend, examples)


def _paragraph(text: str) -> str:
    return " ".join(text.split())


def _examples(text: str) -> Iterator[Example]:
    for language, kind, whole, file, body in _FENCE.findall(text):
        yield Example(kind == "right", file or _SPEC, language, body, bool(whole))
