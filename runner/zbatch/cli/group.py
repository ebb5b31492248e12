"""The command itself: its verbs, each loaded only when it is called for."""

from __future__ import annotations

from importlib import import_module

import click

from zbatch import __version__
from zbatch.cli import garbage

# In the order of work; the sentence stands here so that `--help` need not load the verbs.
VERBS = {
    "init": "Write a first spec, tenants.yaml, schemas for your editor, and .gitignore.",
    "validate": "Check specs offline and name every problem with its place.",
    "plan": "Show what a spec would send, and send nothing.",
    "run": "Bill what is outstanding; safe to repeat at any time, on any outcome.",
    "reconcile": "Settle what is in doubt by asking the tenant; nothing is sent.",
    "verify": "Hold the tenant against the ledger, item by item; nothing is sent.",
    "doctor": "Check credentials, tenant, clock, limits, state folder and versions.",
    "status": "Show how far a run is, or list the runs; nothing is touched.",
    "report": "Render a run again as a page, tables, JUnit, Markdown or JSON.",
    "emulator": "Serve a local Zuora to rehearse and test against.",
    "explain": "Say what the code of a problem means, and how to mend it.",
    "schema": "Print a JSON Schema for editors and other tools.",
}

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class LazyGroup(click.Group):
    """A group whose verbs are modules of this package, each holding a command of its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as click calls it
        """Name the verbs in the order of work."""
        return list(VERBS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - as click calls it
        cmd_name: str,
    ) -> click.Command | None:
        """Load a verb."""
        if cmd_name not in VERBS:
            return None
        with garbage.loading():
            command: click.Command = getattr(import_module(f"zbatch.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - as click calls it
        formatter: click.HelpFormatter,
    ) -> None:
        """List the verbs without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group("zbatch", cls=LazyGroup, context_settings=CONTEXT, no_args_is_help=True)
@click.version_option(__version__, message="%(prog)s %(version)s")
def zbatch() -> None:
    """Bill a reviewed list of accounts on Zuora, each exactly once, and prove it with a report.

    \b
    Examples:
      zbatch plan specs/month-end.yaml
      zbatch run specs/month-end.yaml

    A spec names the accounts and dates; a run bills what is outstanding and may be repeated at
    any time. People read standard error, standard output carries only what was asked for.
    """
