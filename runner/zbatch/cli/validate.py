"""`zbatch validate`: every problem of every file, offline."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from zbatch.app import validate as offline
from zbatch.cli import completing
from zbatch.cli.findings import Format, Validation, chosen, told
from zbatch.cli.options import ordinary, period, strictness
from zbatch.model import ExitCode


@click.command()
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
    metavar="PATH…",
    shell_complete=completing.specs,
)
@ordinary(
    "--format",
    "wanted",
    type=click.Choice([one.value for one in Format]),
    default=Format.AUTO.value,
    show_default=True,
    help="How to write what is found; auto is github in GitHub Actions, and text elsewhere.",
)
@period
@strictness
def validate(paths: tuple[Path, ...], wanted: str, period: str | None, strict: bool) -> int:
    """Check specs offline and name every problem with its place.

    \b
    Examples:
      zbatch validate specs/month-end.yaml
      zbatch validate specs tenants.yaml

    Folders are searched for .yaml and .yml files; a file named tenants.yaml is checked as one.
    Problems go to standard output, and zbatch explain CODE says more of each kind. Exit code 0:
    no errors, 1: some, 2: a path does not exist.
    """
    checked = offline.validate(paths, period)
    validation = Validation(checked.diagnostics, checked.files, strict)
    format_ = chosen(Format(wanted), os.environ)
    for line in told(validation, format_, sys.stdout, os.environ):
        click.echo(line, color=True)
    click.echo(validation.summary, err=True)
    return ExitCode.FAILURES if validation.errors else ExitCode.OK
