"""`zbatch plan`: what would be sent, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import click

from zbatch.app.preview import preview
from zbatch.app.validate import Overrides, load_plan
from zbatch.cli.findings import warn
from zbatch.cli.options import Tightening, ordinary, spec_argument, tightening
from zbatch.cli.plan_view import plan_json, plan_text


@click.command()
@spec_argument
@tightening
@ordinary("--json", "as_json", is_flag=True, help="Print all items as one JSON object.")
def plan(spec: Path, as_json: bool, **tighter: Unpack[Tightening]) -> None:
    """Show what a spec would send, and send nothing.

    \b
    Examples:
      zbatch plan specs/month-end.yaml
      zbatch plan specs/month-end.yaml --json

    No network, and the same text for the same spec every time. What earlier runs have settled
    is not looked up: the plan is what the spec asks for.
    """
    show(spec, Overrides(**tighter, warn=warn), as_json)


def show(spec: Path, overrides: Overrides, as_json: bool) -> None:
    """Print the plan of a spec; `run --dry-run` is this too."""
    view = preview(load_plan(spec, overrides))
    click.echo(plan_json(view) if as_json else plan_text(view), nl=False)
