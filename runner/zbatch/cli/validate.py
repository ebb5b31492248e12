"""`zbatch validate`: every problem of every file, offline."""

from __future__ import annotations

from pathlib import Path

import click

from zbatch.app import validate as offline
from zbatch.cli.words import counted
from zbatch.model import ExitCode


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH…")
def validate(paths: tuple[Path, ...]) -> int:
    """Check specs offline and name every problem with its place.

    \b
    Examples:
      zbatch validate specs/month-end.yaml
      zbatch validate specs tenants.yaml

    Folders are searched for .yaml and .yml files; a file named tenants.yaml is checked as one.
    Problems go to standard output, one a line: file:line:column code message. Exit code 0: no
    errors, 1: some, 2: a path does not exist.
    """
    findings = offline.validate(paths)
    for diagnostic in findings.diagnostics:
        click.echo(str(diagnostic))
    errors = sum(not diagnostic.warning for diagnostic in findings.diagnostics)
    warnings = len(findings.diagnostics) - errors
    click.echo(
        f"{counted(errors, 'error')}, {counted(warnings, 'warning')} "
        f"in {counted(findings.files, 'file')}",
        err=True,
    )
    return ExitCode.FAILURES if errors else ExitCode.OK
