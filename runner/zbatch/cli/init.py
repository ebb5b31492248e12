"""`zbatch init`: the files that a project starts with."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from zbatch.app.init import SPEC, Begun, Fate, begin_project
from zbatch.cli.words import path_text
from zbatch.model import ExitCode
from zbatch.zuora.text import one_line


@click.command()
@click.argument("folder", default=".", type=click.Path(path_type=Path), metavar="[DIR]")
def init(folder: Path) -> int:
    """Write a first spec, tenants.yaml, schemas for your editor, and .gitignore.

    \b
    Examples:
      zbatch init
      zbatch init billing

    The spec bills three accounts of the built-in emulator as it is. Nothing that is there is
    overwritten. Exit code 0: everything is in place, 1: a .gitignore of yours does not leave out
    .zbatch/, where the ledger is, 2: DIR is within another project, 6: it cannot be written.
    """
    begun = begin_project(folder)
    for name, fate in begun.fates.items():
        click.echo(_line(begun, name, fate), err=True)
    click.echo(f"next: {_next(folder)}", err=True)
    return ExitCode.FAILURES if begun.needs_a_hand else ExitCode.OK


def _line(begun: Begun, name: str, fate: Fate) -> str:
    verb, comma, why = fate.partition(",")
    line = f"{verb} {path_text(begun.folder / name, Path.cwd())}{comma}{why}"
    if fate is Fate.OTHER and (kind := name.removeprefix("schemas/")) != name:
        refresh = f"zbatch schema {kind.partition('.')[0]} > {_pasted(begun.folder / name)}"
        line += f"; to have that: {refresh}"
    return line


def _next(folder: Path) -> str:
    return f"zbatch run {_pasted(folder / SPEC)}"


def _pasted(path: Path) -> str:
    return one_line(shlex.quote(path_text(path, Path.cwd())))
