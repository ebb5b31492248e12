"""`zbatch report`: a run rendered again, at any time, for whoever was not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TextIO, TypedDict, Unpack

import click

from zbatch.app.folders import new_folder
from zbatch.app.keeping import keep
from zbatch.app.reporting import Past, as_document, explain, past_run
from zbatch.cli.options import acknowledgement, ordinary, state_folder
from zbatch.cli.report_markdown import report_markdown
from zbatch.errors import Refused
from zbatch.model import Outcome
from zbatch.report.digest import digest_of
from zbatch.report.junit import junit
from zbatch.report.tables import tables

STDOUT = Path("-")


class Format(StrEnum):
    """What a run can be rendered as."""

    HTML = "html"
    CSV = "csv"
    JUNIT = "junit"
    MD = "md"
    JSON = "json"


_SUFFIXES = {
    ".html": Format.HTML,
    ".xml": Format.JUNIT,
    ".md": Format.MD,
    ".json": Format.JSON,
}


class Flags(TypedDict):
    """What the command line says beside the run."""

    form: str | None
    out: Path | None
    state_dir: Path | None


@click.command()
@click.argument("run", metavar="SPEC|RUN")
@ordinary(
    "--format",
    "form",
    type=click.Choice([one.value for one in Format]),
    help="What to render it as; without it the end of --out tells, else it is md.",
)
@acknowledgement(
    "--out",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Write to PATH, which must not exist: of csv a folder, with a file for each outcome.",
)
@state_folder
def report(run: str, **flags: Unpack[Flags]) -> None:
    """Render a run again: nothing is sent, and the run is not touched.

    \b
    Examples:
      zbatch report specs/month-end.yaml
      zbatch report latest --out run.html

    A run is named by its spec (then it is the newest that billed it), by its ID, a part of that, or
    as latest. Without --out, or with -, the report goes to standard output.
    """
    past = past_run(run, Path(), flags["state_dir"])
    out = None if flags["out"] in (None, STDOUT) else flags["out"]
    form = Format(flags["form"]) if flags["form"] else _meant(out)
    if form is Format.CSV:
        _tables(past, out)
    elif out is None:
        for piece in _RENDERED[form](past):
            click.echo(piece, nl=False)
    else:
        keep(out, "".join(_RENDERED[form](past)).encode(), "--out")


def _meant(out: Path | None) -> Format:
    """Tell the format from the end of a file's name."""
    if out is None:
        return Format.MD
    if out.suffix in _SUFFIXES:
        return _SUFFIXES[out.suffix]
    raise Refused(f"--out {out}: say with --format what it is to be")


def _tables(past: Past, out: Path | None) -> None:
    if out is None:
        raise Refused("--format csv writes a file for each outcome: name a folder with --out")
    past.head  # noqa: B018 - what cannot be read is told before anything is written
    with new_folder(out, "--out") as folder, ExitStack() as files:
        opened: dict[Outcome, TextIO] = {
            one: files.enter_context(
                (folder / f"{one}.csv").open("x", encoding="utf-8", newline="")
            )
            for one in Outcome
        }
        tables(past.lines(), explain, lambda outcome, text: opened[outcome].write(text))


def _markdown(past: Past) -> Iterable[str]:
    digest = digest_of(past.head, past.lines())
    return report_markdown(past.head, digest, past.lines, explain)


def _junit(past: Past) -> Iterator[str]:
    return junit(past.head, past.counts, past.lines(), explain)


def _html(past: Past) -> Iterable[str]:
    # Loaded here, because only this one needs the ledger's sends and the page's parts.
    from zbatch.report.page import page

    return page(past.head, past.lines, past.sends(), explain)


_RENDERED: dict[Format, Callable[[Past], Iterable[str]]] = {
    Format.HTML: _html,
    Format.JUNIT: _junit,
    Format.MD: _markdown,
    Format.JSON: as_document,
}
