"""`zbatch explain`: what a code means, why it matters, and how to mend it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from difflib import get_close_matches

import click

from zbatch.errors import Refused
from zbatch.report.codes import OWN_CODES, own_code
from zbatch.spec.diagnostics import CODES, quote
from zbatch.spec.explaining import Example, explanations
from zbatch.zuora.explained import zuora_codes

WIDTH = 80


def _offered(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    return [code for code in _codes() if code.startswith(typed.upper())]


@click.command()
@click.argument("code", required=False, shell_complete=_offered)
def explain(code: str | None) -> None:
    """Say what the code of a problem means, and how to mend it.

    \b
    Examples:
      zbatch explain ZB302
      zbatch explain INVALID_VALUE

    It knows the codes of zbatch validate, and those in the error of a report line: Zuora's own
    and zbatch's. Without a code all codes are listed.
    """
    for line in _all() if code is None else _told(code):
        click.echo(line)


def _told(given: str) -> Iterator[str]:
    """Explain a code: in a report it may be both Zuora's and ours, in a spec it is neither."""
    name = given.strip().upper().replace("-", "_")
    zuora, own = zuora_codes().get(name), own_code(name)
    if zuora is None and own is None:
        yield from _explained(_known(given))
        return
    if zuora:
        yield from _wrapped(f"{name}, from Zuora: {zuora.meaning}")
        yield ""
        yield from _wrapped(zuora.consequence)
        yield from _mended(zuora.mend)
    if own:
        yield from _wrapped(f"{name}, from zbatch: {own.meaning}")
        yield from _mended(own.mend)


def _known(given: str) -> str:
    code = given.strip().upper().replace("O", "0")
    code = f"ZB{code}" if re.fullmatch("[0-9]{3}", code) else code
    if code in CODES:
        return code
    near = get_close_matches(given.strip().upper(), _codes(), n=1)
    near = near or get_close_matches(code, CODES, n=1)
    hint = f"did you mean {near[0]}?" if near else "`zbatch explain` lists all codes"
    raise Refused(f"there is no code {quote(given)}; {hint}")


def _codes() -> list[str]:
    return [*CODES, *zuora_codes(), *OWN_CODES]


def _all() -> Iterator[str]:
    for code, rule in CODES.items():
        yield from _wrapped(f"{code}  {rule}", " " * 7)
    for title, meanings in (
        ("From Zuora, in a report:", {c.code: c.meaning for c in zuora_codes().values()}),
        ("From zbatch, in a report:", {c.code: c.meaning for c in OWN_CODES.values()}),
    ):
        yield from ("", title)
        for code, meaning in meanings.items():
            yield from _wrapped(f"{code}  {meaning}", " " * 7)


def _explained(code: str) -> Iterator[str]:
    found = explanations()[code]
    yield from _wrapped(f"{code}: {CODES[code]}")
    for text in (found.meaning, found.why):
        yield ""
        yield from _wrapped(text)
    for right, title in ((False, "Wrong:"), (True, "Right:")):
        yield from _shown(title, [one for one in found.examples if one.right == right])
    yield from _mended(found.mend)


def _shown(title: str, examples: list[Example]) -> Iterator[str]:
    for example in examples:
        yield ""
        yield f"{title}  {example.file}"
        yield textwrap.indent(example.text.rstrip("\n"), "    ")


def _mended(mend: str) -> Iterator[str]:
    yield ""
    yield from _wrapped(f"To mend it: {mend}")


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
