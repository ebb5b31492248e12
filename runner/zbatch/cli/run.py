"""`zbatch run`: bill what is outstanding."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Literal, Unpack

import click

from zbatch.app.validate import Overrides
from zbatch.cli.options import Tightening, ordinary, spec_argument, tightening
from zbatch.cli.plan import show
from zbatch.model import ExitCode


class Flags(Tightening):
    """What the command line says beside the spec."""

    dry_run: bool
    report: Path | None
    state_dir: Path | None
    as_json: bool
    progress: Literal["auto", "bar", "lines", "none"]
    quiet: bool
    verbose: bool


@click.command()
@spec_argument
@ordinary("-n", "--dry-run", is_flag=True, help="Show the plan and send nothing, like zbatch plan.")
@tightening
@ordinary(
    "--report",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Write a copy of the report to PATH, which must not exist.",
)
@ordinary(
    "--state-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep ledger and reports in DIR instead of the project's .zbatch.",
)
@ordinary("--json", "as_json", is_flag=True, help="At the end, print the run record as JSON.")
@ordinary(
    "--progress",
    type=click.Choice(["auto", "bar", "lines", "none"]),
    default="auto",
    show_default=True,
    help="How to show what goes on.",
)
@ordinary("-q", "--quiet", is_flag=True, help="Show errors and the last block only.")
@ordinary("-v", "--verbose", is_flag=True, help="Show every item and every retry.")
def run(spec: Path, **flags: Unpack[Flags]) -> int:
    """Bill what is outstanding; safe to repeat at any time, on any outcome.

    \b
    Examples:
      zbatch run specs/month-end.yaml
      zbatch run specs/month-end.yaml --dry-run

    What an earlier run has settled is never sent again. The report has a line for each planned
    item; where it is, and what to do next, is said at the end.

    \b
    Exit codes:
      0  everything settled               4  stopped early, run again to go on
      1  some items failed                6  could not start, nothing was sent
      2  refused, nothing was sent       70  internal error
      3  an outcome is unknown          129, 130, 143  interrupted and drained
    """
    tighter = Overrides(flags["tenant"], flags["concurrency"], flags["rate"])
    if flags["dry_run"]:
        show(spec, tighter, flags["as_json"])
        return ExitCode.OK
    return _converge(spec, flags)


def _converge(spec: Path, flags: Flags) -> int:
    # Loaded here, because a dry run needs no network and no ledger.
    from zbatch.app.api import RunOptions
    from zbatch.app.run import run as converge
    from zbatch.cli.screen import Wishes, screen_for

    options = RunOptions(
        spec=spec,
        tenant=flags["tenant"],
        report=flags["report"],
        state_dir=flags["state_dir"],
        concurrency=flags["concurrency"],
        rate=flags["rate"],
    )
    wishes = Wishes(flags["progress"], flags["quiet"], flags["verbose"])
    with screen_for(sys.stderr, wishes, os.environ) as screen:
        result = converge(options, screen)
    if flags["as_json"]:
        click.echo(result.run_record.read_text("utf-8"), nl=False)
    return result.exit_code
