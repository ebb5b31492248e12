"""`zbatch status`: how far a run is, seen from another terminal."""

from __future__ import annotations

import json
import os
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zbatch.cli import completing
from zbatch.cli.options import ordinary, state_folder

if TYPE_CHECKING:
    from zbatch.app.runs import PastRun
    from zbatch.app.status import Status

VERSION = 1
SHOWN = 20  # runs in a list; --json has all


@click.command()
@click.argument(
    "named", required=False, metavar="[SPEC|RUN]", shell_complete=completing.specs_and_runs
)
@state_folder
@ordinary("--json", "as_json", is_flag=True, help="Print it as JSON: zbatch schema status.")
def status(named: str | None, state_dir: Path | None, as_json: bool) -> int:
    """Show how far a run is, or list the runs; nothing is touched.

    \b
    Examples:
      zbatch status
      zbatch status specs/month-end.yaml

    It reads what the run writes beside its report once a second, and neither its lock nor its
    ledger, so it can be asked at any time. A run is named by its ID, a part of it that no other
    has, or latest; a spec stands for its newest run. Of a run that was killed it says that it is
    gone.
    """
    # Loaded here, because the help needs none of it.
    from zbatch.app.clock import SystemClock
    from zbatch.app.runs import find_run, is_a_spec, list_runs
    from zbatch.app.state import State
    from zbatch.app.status import gone_on_by, status_of
    from zbatch.model import ExitCode
    from zbatch.spec import find_project

    now = SystemClock().now()
    beside = Path(named) if named and is_a_spec(named) else Path("spec")
    root = find_project(beside.absolute()).root
    state = State.of(root, state_dir)
    if named is not None:
        one = status_of(find_run(state, named), now)
        later = gone_on_by(state, one, now)
        if as_json:
            _print_json(_as_json(one, later))
        else:
            _print_one(one, state_dir, root, later)
        return ExitCode.OK
    runs = list_runs(state)
    if as_json:
        statuses = (status_of(run, now) for run in runs)
        told = [_as_json(one, gone_on_by(state, one, now)) for one in statuses]
        _print_json({"version": VERSION, "runs": told})
        return ExitCode.OK
    shown = [status_of(run, now) for run in islice(runs, SHOWN)]
    _print_list(shown, sum(1 for _ in runs), state.root)
    return ExitCode.OK


def _print_one(one: Status, state_dir: Path | None, root: Path, later: PastRun | None) -> None:
    from zbatch.app.clock import SystemClock
    from zbatch.cli.called import Called
    from zbatch.cli.paper import Paper, console_for
    from zbatch.cli.status_words import one_run

    paper = Paper(console_for(sys.stdout, os.environ))
    called = Called(state_dir=state_dir)
    for line in one_run(one, SystemClock().now(), Path.cwd(), called, root, later):
        paper.say(line)


def _print_list(statuses: list[Status], more: int, root: Path) -> None:
    from zbatch.app.clock import SystemClock
    from zbatch.app.runs import ELSEWHERE
    from zbatch.cli.paper import Paper, console_for, say_lines
    from zbatch.cli.status_words import table
    from zbatch.cli.words import counted, path_text

    paper = Paper(console_for(sys.stdout, os.environ))
    for line in table(statuses, SystemClock().now()):
        paper.say(line)
    if not statuses:
        none = f"no run is known in {path_text(root, Path.cwd())}; {ELSEWHERE}"
        say_lines([none], sys.stderr, os.environ)
    if more:
        click.echo(f"… and {counted(more, 'older run')}: --json lists all", err=True)


def _print_json(data: dict[str, Any]) -> None:
    click.echo(json.dumps(data, indent=2, allow_nan=False))


def _as_json(one: Status, later: PastRun | None) -> dict[str, Any]:
    from zbatch.app.live_json import to_json
    from zbatch.report.lines import timestamp

    record, process = one.run.record, one.process
    return {
        "version": VERSION,
        "run_id": one.run.run_id,
        "verb": record.get("verb"),
        "state": one.state.value,
        "spec": record.get("spec"),
        "tenant": record.get("tenant"),
        "started_at": record.get("started_at"),
        "finished_at": record.get("finished_at"),
        "exit_code": one.exit_code,
        "stop": record.get("stop"),
        "gone_on_by": later and later.run_id,
        "at": one.at and timestamp(one.at),
        "process": process and {"pid": process.pid, "machine": process.machine},
        "figures": one.figures and to_json(one.figures),
        "report": str(one.run.report),
    }
