"""`zbatch explain`: what a code means, why it matters, and how to mend it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from difflib import get_close_matches

import click

from zbatch.errors import Refused
from zbatch.spec.diagnostics import CODES, quote
from zbatch.spec.explaining import Example, Explanation, explanations

WIDTH = 80


@click.command()
@click.argument("code", required=False)
def explain(code: str | None) -> None:
    """Say what the code of a problem means, and how to mend it.

    \b
    Examples:
      zbatch explain ZB302
      zbatch explain

    Without a code all codes are listed.
    """
    for line in _all() if code is None else _explained(_known(code)):
        click.echo(line)


def _known(given: str) -> str:
    code = given.strip().upper().replace("O", "0")
    code = f"ZB{code}" if re.fullmatch("[0-9]{3}", code) else code
    if code in CODES:
        return code
    near = get_close_matches(code, CODES, n=1)
    hint = f"did you mean {near[0]}?" if near else "`zbatch explain` lists all codes"
    raise Refused(f"there is no code {quote(given)}; {hint}")


def _all() -> Iterator[str]:
    for code, rule in CODES.items():
        yield from _wrapped(f"{code}  {rule}", " " * 7)


def _explained(code: str) -> Iterator[str]:
    found = explanations()[code]
    yield from _wrapped(f"{code}: {CODES[code]}")
    for text in (found.meaning, found.why):
        yield ""
        yield from _wrapped(text)
    for right, title in ((False, "Wrong:"), (True, "Right:")):
        yield from _shown(title, [one for one in found.examples if one.right == right])
    yield from _mended(found)


def _shown(title: str, examples: list[Example]) -> Iterator[str]:
    for example in examples:
        yield ""
        yield f"{title}  {example.file}"
        yield textwrap.indent(example.text.rstrip("\n"), "    ")


def _mended(found: Explanation) -> Iterator[str]:
    yield ""
    yield from _wrapped(f"To mend it: {found.mend}")


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
