"""A run as one HTML file that needs nothing else: no network, no font, no other file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files

from zbatch.report import page_parts as parts
from zbatch.report.beside import Beside
from zbatch.report.digest import digest_of
from zbatch.report.kept import RunHead
from zbatch.report.lines import Line
from zbatch.report.page_data import pictures_json, rows_json
from zbatch.report.page_money import money
from zbatch.report.timeline import Send, timeline

_STYLES = ("uPlot.min.css", "page.css")
_SCRIPTS = ("uPlot.iife.min.js", "pictures.js", "items.js")


def page(
    head: RunHead,
    lines: Callable[[], Iterable[Line]],
    sends: Sequence[Send],
    beside: Beside,
) -> Iterator[str]:
    """Write the page piece by piece; `lines` are read three times over."""
    digest = digest_of(head, lines())
    over_time = timeline(head.started_at, sends, lines())
    style, script = _joined(_STYLES), _joined(_SCRIPTS)
    # A policy of its own: nothing is fetched, and nothing is run but these very bytes.
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}';"
        " base-uri 'none'; form-action 'none'"
    )
    title = parts.safe(f"{head.tenant} · {head.spec_name} · run {head.run_id}")
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n"
    )
    yield parts.header(head, digest, beside.changes)
    yield '<main id="main">\n'
    yield parts.totals(digest)
    yield money(beside.totals)
    yield parts.since(beside.changes)
    yield parts.causes(digest, beside.explain)
    yield parts.pictures(head, over_time)
    yield parts.items(digest)
    yield parts.provenance(head)
    yield "</main>\n"
    data = '<script type="application/json"'
    yield f'{data} id="pictures">{pictures_json(head, over_time)}</script>\n{data} id="rows">'
    yield from rows_json(head, lines(), beside.worth)
    yield f"</script>\n<script>{script}</script>\n</body>\n</html>\n"


@cache
def _joined(names: tuple[str, ...]) -> str:
    folder = files("zbatch.report").joinpath("assets")
    return "\n".join(folder.joinpath(name).read_text("utf-8").strip() for name in names)


@cache
def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
