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
from zbatch.cli import completing
from zbatch.cli.options import ordinary, state_folder
from zbatch.cli.report_markdown import report_markdown
from zbatch.cli.words import counted, path_text
from zbatch.errors import Refused
from zbatch.model import ExitCode, Outcome
from zbatch.report.digest import NOT_WHOLE, digest_of, is_whole
from zbatch.report.junit import junit
from zbatch.report.tables import tables, totals_table
from zbatch.zuora.text import one_line

STDOUT = Path("-")
TOTALS = "totals.csv"


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
    evidence: Path | None
    check: Path | None
    state_dir: Path | None


@click.command()
@click.argument("run", metavar="SPEC|RUN", required=False, shell_complete=completing.specs_and_runs)
@ordinary(
    "--format",
    "form",
    of="report",
    type=click.Choice([one.value for one in Format]),
    help="What to render it as; without it the end of --out tells, else it is md.",
)
@ordinary(
    "--out",
    of="report",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Write to PATH, which must not exist: of csv a folder, with a file for each outcome.",
)
@ordinary(
    "--evidence",
    type=click.Path(path_type=Path),
    metavar="FILE.zip",
    help="Gather all that proves the run in FILE.zip, which must not exist.",
)
@ordinary(
    "--check",
    type=click.Path(path_type=Path),
    metavar="FILE.zip",
    help="Check such a file, without a run: exit 1 if anything in it was changed or lost.",
)
@state_folder
def report(run: str | None, **flags: Unpack[Flags]) -> int:
    """Render a run again as a page, tables, JUnit, Markdown or JSON.

    \b
    Examples:
      zbatch report specs/month-end.yaml
      zbatch report latest --out run.html

    Nothing is sent, and the run is not touched. It is named by its spec (then it is the newest
    that billed it), by its ID, a part of that, or as latest. Without --out, or with -, the report
    goes to standard output.

    For an auditor: zbatch report latest --evidence run.zip, and later --check run.zip.
    """
    form, out, evidence, check = flags["form"], flags["out"], flags["evidence"], flags["check"]
    if sum(one is not None for one in (form or out, evidence, check)) > 1:
        raise Refused("--evidence and --check stand alone, without --format and --out")
    if check is not None:
        return _check(check, run)
    if run is None:
        raise Refused("name a run: its spec, its ID, a part of that, or latest")
    past = past_run(run, Path(), flags["state_dir"])
    if evidence is not None:
        _gather(past, evidence)
    else:
        _render(past, None if out == STDOUT else out, form)
    return ExitCode.OK


def _render(past: Past, out: Path | None, named: str | None) -> None:
    form = Format(named) if named else _meant(out)
    if not is_whole(past.head, past.counts):
        click.echo(f"{past.run.run_id}: {NOT_WHOLE}", err=True)
    if form is Format.CSV:
        _tables(past, out)
    elif out is None:
        for piece in _RENDERED[form](past):
            click.echo(piece, nl=False)
    else:
        keep(out, "".join(_RENDERED[form](past)).encode(), "--out")
        _wrote(out)


def _gather(past: Past, evidence: Path) -> None:
    # Loaded here, because nothing else needs archives.
    from zbatch.app.evidence import bundle_of

    bundle = bundle_of(past)
    keep(evidence, bundle.data, "--evidence")
    for path, why in bundle.missing.items():
        click.echo(f"not in the bundle: {one_line(path, 200)}, {why}", err=True)
    click.echo(f"{past.run.run_id}: {counted(bundle.files, 'file')}, seal {bundle.seal}", err=True)


def _check(bundle: Path, run: str | None) -> int:
    from zbatch.app.evidence_check import check_bundle

    if run is not None:
        raise Refused("--check looks at a file alone: leave the run out")
    found = check_bundle(bundle)
    for finding in found.findings:
        click.echo(one_line(finding))
    if found.findings:
        return ExitCode.FAILURES
    for path, why in (found.missing or {}).items():
        click.echo(f"was never in it: {one_line(path, 200)}, {one_line(str(why))}")
    files = counted(found.files, "file")
    click.echo(f"{one_line(found.run_id, 80)}: {files}, all as they were; seal {found.seal}")
    return ExitCode.OK


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
        tables(past.lines(), past.beside(), lambda outcome, text: opened[outcome].write(text))
        (folder / TOTALS).write_text(totals_table(past.totals), "utf-8", newline="")
    _wrote(out)


def _wrote(out: Path) -> None:
    click.echo(f"wrote {path_text(out, Path.cwd())}", err=True)


def _markdown(past: Past) -> Iterable[str]:
    digest = digest_of(past.head, past.lines())
    return report_markdown(past.head, digest, past.lines, past.beside())


def _junit(past: Past) -> Iterator[str]:
    return junit(past.head, past.counts, past.lines(), explain)


def _html(past: Past) -> Iterable[str]:
    # Loaded here, because only this one needs the ledger's sends and the page's parts.
    from zbatch.report.page import page

    return page(past.head, past.lines, past.sends(), past.beside())


_RENDERED: dict[Format, Callable[[Past], Iterable[str]]] = {
    Format.HTML: _html,
    Format.JUNIT: _junit,
    Format.MD: _markdown,
    Format.JSON: as_document,
}
