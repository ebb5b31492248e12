"""`zbatch plan`: what would be sent, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

import click

from zbatch.app.altered import refusal
from zbatch.app.keeping import keep
from zbatch.app.outstanding import Wish
from zbatch.app.review.approval import Chosen, Stale, choose, look_at_frozen
from zbatch.app.review.counts import count_plan
from zbatch.app.review.frozen import document_at, freeze
from zbatch.app.review.held import PLAIN
from zbatch.app.review.online import Estimated, Online
from zbatch.app.review.preview import Preview, preview, with_online
from zbatch.app.review.swings import Swings
from zbatch.app.state import State
from zbatch.cli import completing
from zbatch.cli.asides import Asides
from zbatch.cli.findings import warn
from zbatch.cli.options import ordinary, plan_argument, state_folder
from zbatch.cli.plan_json import plan_json, stale_json
from zbatch.cli.plan_markdown import plan_markdown
from zbatch.cli.plan_view import plan_text, stale_text
from zbatch.cli.tightening import Tightening, overrides, tightening
from zbatch.errors import Refused
from zbatch.model import ExitCode
from zbatch.spec import find_project

STDOUT = Path("-")
WORK = 10  # the exit code of --detailed-exitcode where a run has something to do


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be shown of a plan, by what a run is to try again, and where else it goes."""

    as_json: bool = False
    digest: bool = False
    markdown: Path | None = None
    out: Path | None = None
    wish: Wish = PLAIN

    @property
    def products(self) -> int:
        """How many things are asked for on standard output, where one has its place."""
        return self.as_json + self.digest + (self.markdown == STDOUT)


class Flags(Tightening):
    """What the command line says beside the spec."""

    state_dir: Path | None
    against: str | None
    as_json: bool
    digest: bool
    markdown: Path | None
    out: Path | None
    detailed_exitcode: bool
    online: bool
    with_preview: bool


@click.command()
@plan_argument
@tightening
@state_folder
@ordinary(
    "--against",
    metavar="WHAT",
    help="Compare with an earlier spec, a run (its ID, a part of it, or latest), or this spec at a"
    " git revision.",
    shell_complete=completing.specs_and_runs,
)
@ordinary("--json", "as_json", is_flag=True, help="Print all items as one JSON object.")
@ordinary("--digest", is_flag=True, help="Print only the digest that run --plan-digest takes.")
@ordinary(
    "--markdown",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a comment for a pull request to FILE, which must not exist (-: standard output).",
)
@ordinary(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Freeze the plan in FILE, which must not exist, for zbatch run FILE.",
)
@ordinary(
    "--online",
    is_flag=True,
    help="Ask the tenant as well, read-only: accounts, their invoices and drafts, account numbers.",
)
@ordinary(
    "--preview",
    "with_preview",
    is_flag=True,
    help="With --online: ask Zuora what each item would come to, a request an item; estimates.",
)
@ordinary("--detailed-exitcode", is_flag=True, help="Exit with 10 if there is work to do.")
def plan(spec: Path, **flags: Unpack[Flags]) -> int:
    """Show what a spec would send, and send nothing.

    \b
    Examples:
      zbatch plan specs/month-end.yaml
      zbatch plan specs/month-end.yaml --markdown comment.md --out plan.json

    No network, unless --online asks the tenant. What earlier runs have settled is read from the
    ledger. Of a plan that was frozen with --out it is said whether it still is what its spec says.
    """
    changed = overrides(flags, warn)
    wanted = Wanted(flags["as_json"], flags["digest"], flags["markdown"], flags["out"])
    if wanted.products > 1:
        raise Refused("--json, --digest and --markdown - each want standard output: name one")
    document = document_at(spec)
    if document:
        found = look_at_frozen(document, changed)
        if isinstance(found, Stale):
            return _show_stale(found, wanted, strict=flags["strict"])
    else:
        found = choose(spec, changed)
    online = None
    if flags["with_preview"] and not flags["online"]:
        raise Refused("--preview asks the tenant: add --online")
    if flags["online"]:
        found, online = _asked(found, flags["state_dir"], with_preview=flags["with_preview"])
    view = show(found, flags["state_dir"], wanted, flags["against"], online)
    if flags["strict"] and view.warnings:
        return ExitCode.REFUSED
    return WORK if flags["detailed_exitcode"] and view.held.work else ExitCode.OK


def _asked(chosen: Chosen, state_dir: Path | None, *, with_preview: bool) -> tuple[Chosen, Online]:
    """Ask the tenant what it shows of a plan, and put the IDs in for its account numbers."""
    # Loaded here, because most plans need no network.
    from zbatch.app.looking import bureau_of, look_online
    from zbatch.app.numbers import with_ids

    bureau = bureau_of(chosen.spec, chosen.plan, state_dir, Asides(sys.stderr).event)
    resolved = with_ids(chosen.plan, bureau)
    online = look_online(bureau, resolved, preview=with_preview)
    return replace(chosen, plan=resolved.plan, counts=count_plan(resolved.plan)), online


def show(
    chosen: Chosen,
    state_dir: Path | None,
    wanted: Wanted,
    against: str | None = None,
    online: Online | None = None,
) -> Preview:
    """Show a plan in every way that is wanted; `run --dry-run` is this too."""
    view = preview(chosen, state_dir, against, wanted.wish)
    if online:
        view = with_online(view, online)
        if against and online.estimates:
            view = replace(view, swings=_swings(chosen, state_dir, against, online.estimates))
    if wanted.out:
        if view.held.changed:  # frozen, it could never be run
            raise Refused(f"--out: {refusal(view.held.altered, view.held.changed)}")
        keep(wanted.out, freeze(chosen.approved, chosen.spec, wanted.out.parent), "--out")
    comment = plan_markdown(view) if wanted.markdown else ""
    if wanted.markdown and wanted.markdown != STDOUT:
        keep(wanted.markdown, comment.encode(), "--markdown")
    for piece in _product(view, wanted, comment):
        click.echo(piece, nl=False)
    return view


def _swings(
    chosen: Chosen, state_dir: Path | None, named: str, estimates: Sequence[Estimated]
) -> Swings | None:
    """Hold estimates against the amounts in a run's report, or a spec's newest run's."""
    # Loaded here, because few plans are held against amounts.
    from zbatch.app.review.against import run_meant
    from zbatch.app.review.swings import billed_in, expected_of, swings
    from zbatch.report.kept import NotKept, read_lines

    root = State.of(find_project(chosen.spec).root, state_dir).root
    run = run_meant(named, chosen.plan, root / chosen.plan.tenant.folder)
    if run is None:
        return None  # no amounts are known
    try:
        then = billed_in(read_lines(run.report))
    except NotKept:
        return None
    return swings(run.run_id, then, expected_of(estimates))


def _product(view: Preview, wanted: Wanted, comment: str) -> Iterator[str]:
    if wanted.digest:
        yield f"{view.digest}\n"
    elif wanted.as_json:
        yield from plan_json(view)
    elif wanted.markdown == STDOUT:
        yield comment
    else:
        yield plan_text(view)


def _show_stale(stale: Stale, wanted: Wanted, *, strict: bool) -> int:
    if wanted.out or wanted.markdown or wanted.digest:
        raise Refused(
            "--out, --markdown and --digest are of a plan that may be run, and this one is stale:\n"
            + "\n".join(stale.why)
        )
    click.echo(stale_json(stale) if wanted.as_json else stale_text(stale), nl=False)
    return ExitCode.REFUSED if strict else ExitCode.OK
