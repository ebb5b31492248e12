"""`zbatch doctor`: is all there that a run on a tenant needs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zbatch.cli import completing
from zbatch.cli.options import ordinary, state_folder
from zbatch.cli.words import counted
from zbatch.errors import Refused
from zbatch.zuora.text import one_line

if TYPE_CHECKING:
    from zbatch.app.doctor.check import Examination

LONGEST = 1000  # characters of a line


@click.command()
@ordinary(
    "--tenant",
    metavar="NAME",
    help="Look at this tenant of tenants.yaml.",
    shell_complete=completing.tenants,
)
@state_folder
@ordinary("--json", "as_json", is_flag=True, help="Print what was found as one JSON object.")
def doctor(tenant: str | None, state_dir: Path | None, as_json: bool) -> int:
    """Check credentials, tenant, clock, limits, state folder and versions.

    \b
    Examples:
      zbatch doctor --tenant emulator
      zbatch doctor --tenant emulator --json

    One line for each thing, and for what is wrong also what to do. Nothing is made in the tenant:
    it is asked for a token and, once, for the invoices of an account that no tenant has. No
    credential is shown.

    \b
    Exit codes:
      0  all is well               2  usage, or a tenant that nobody knows
      1  something is to be mended  6  the tenant could not be asked
    """
    # Loaded here, because the help needs no network and no ledger.
    from zbatch.app.doctor.examine import DoctorOptions, examine
    from zbatch.app.loading import known_tenants
    from zbatch.cli.paper import say_lines
    from zbatch.spec import find_project

    if tenant is None:
        known = sorted(known_tenants(find_project(Path("spec").absolute())))
        raise Refused(f"name the tenant to look at with --tenant; known: {', '.join(known)}")
    found = examine(DoctorOptions(tenant, os.environ, state_dir=state_dir))
    if as_json:
        click.echo(_json(found))
    else:
        say_lines(_text(found), sys.stdout, os.environ)
    return found.exit_code


def _text(found: Examination) -> Iterator[str]:
    width = max(len(check.name) for check in found.checks)
    for check in found.checks:
        mark = check.mark.upper() if check.mark == "problem" else check.mark.value
        yield f"{mark:7}  {check.name:{width}}  {one_line(check.line, LONGEST)}"
    yield _last(found)


def _last(found: Examination) -> str:
    told = f"{counted(found.problems, 'problem')} of tenant {found.tenant}"
    if found.unasked:
        told += ", which could not be asked"
    return f"{told}   (exit {int(found.exit_code)})"


def _json(found: Examination) -> str:
    checks = [
        {
            "check": check.name,
            "result": check.mark.value,
            "found": one_line(check.found, LONGEST),
            "advice": check.advice or None,
        }
        for check in found.checks
    ]
    told = {
        "version": 1,
        "tenant": found.tenant,
        "host": found.host or None,
        "exit_code": int(found.exit_code),
        "problems": found.problems,
        "checks": checks,
    }
    return json.dumps(told, ensure_ascii=False, indent=2)
