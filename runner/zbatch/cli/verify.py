"""`zbatch verify`: the tenant held against the ledger, by questions alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from zbatch.cli import completing
from zbatch.cli.called import Called, Verb
from zbatch.cli.options import DurationType, ordinary, period, state_folder

EXIT_CODES = """\b
Exit codes:
  0  tenant and ledger agree          5  no such run
  1  there are findings               6  the tenant could not be asked
  2  refused: usage, spec            70  internal error
  3  an outcome is unknown          129, 130, 143  interrupted
"""


@click.command(epilog=EXIT_CODES)
@click.argument("what", metavar="SPEC|RUN", shell_complete=completing.specs_and_runs)
@ordinary("--tenant", metavar="NAME", help="Ask this tenant, instead of the spec's or the run's.")
@period
@ordinary(
    "--wait",
    type=DurationType(),
    default="60s",
    show_default=True,
    metavar="DURATION",
    help="Ask again for so long about what is still being generated or cannot be read yet.",
)
@state_folder
@ordinary("--json", "as_json", is_flag=True, help="Print what is found as one JSON object.")
def verify(
    what: str,
    tenant: str | None,
    period: str | None,
    wait: float,
    state_dir: Path | None,
    as_json: bool,
) -> int:
    """Hold the tenant against the ledger, item by item; nothing is sent.

    \b
    Examples:
      zbatch verify specs/month-end.yaml
      zbatch verify latest

    RUN is the ID of a run, a part of it that no other has, or latest. The tenant is asked which
    invoices it has for each account and target date, and nothing is changed: neither there nor in
    the ledger. What differs, and what a person should look at, goes to standard output.
    """
    # Loaded here, because the help needs no network and no ledger.
    from zbatch.app.verify import VerifyOptions
    from zbatch.app.verify import verify as hold
    from zbatch.cli.paper import say_lines
    from zbatch.cli.verify_json import verify_json
    from zbatch.cli.verify_words import findings_text, summary_text

    verified = hold(
        VerifyOptions(
            what,
            tenant=tenant,
            period=period,
            state_dir=state_dir,
            wait=wait,
            tell=lambda text: say_lines([text], sys.stderr, os.environ),
        )
    )
    called = Called(Verb.VERIFY, tenant, state_dir, period=period)
    if as_json:
        click.echo(verify_json(verified))
    else:
        say_lines(findings_text(verified, called), sys.stdout, os.environ)
    say_lines(summary_text(verified, called), sys.stderr, os.environ)
    return verified.exit_code
