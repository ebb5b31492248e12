"""`zbatch run`: bill what is outstanding."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import click

from zbatch.app.loading import unheard
from zbatch.app.review.approval import choose_approved
from zbatch.app.review.frozen import document_at
from zbatch.cli import garbage
from zbatch.cli.called import RETRY_FAILED, RETRY_NOTHING, Called, Verb
from zbatch.cli.findings import warn
from zbatch.cli.options import (
    EXIT_CODES,
    STOPPED,
    Confirming,
    DurationType,
    acknowledgement,
    confirming,
    ordinary,
    plan_argument,
    report_copy,
    starting_ledger,
    state_folder,
)
from zbatch.cli.tightening import Tightening, overrides, tightening
from zbatch.cli.watching import Watching, watched, watchers
from zbatch.model import ExitCode


class Flags(Tightening, Confirming, Watching):
    """What the command line says beside the spec."""

    confirm_new_ledger: str | None
    dry_run: bool
    plan_digest: str | None
    report: Path | None
    retry_failed: bool
    retry_nothing: bool
    state_dir: Path | None
    read_back: float


@click.command(epilog=EXIT_CODES + STOPPED)
@plan_argument
@ordinary(
    "-n",
    "--dry-run",
    is_flag=True,
    help="Show the plan and send nothing, like zbatch plan; the --retry flags count as in a run.",
)
@tightening
@acknowledgement(  # an empty variable would be none, and whatever is there would be run
    "--plan-digest",
    metavar="HEX",
    help="Run only what was approved under this digest; zbatch plan --digest prints it.",
)
@confirming
@starting_ledger
@report_copy
@acknowledgement(
    RETRY_FAILED,
    is_flag=True,
    help="Send failed items too, under new keys: once the causes are mended.",
)
@acknowledgement(
    RETRY_NOTHING,
    is_flag=True,
    help="Send again what had nothing to bill: once more usage is rated.",
)
@state_folder
@ordinary(
    "--read-back",
    type=DurationType(),
    default="30s",
    show_default=True,
    metavar="DURATION",
    help="At the end, wait so long for invoices that are still being generated or not shown yet.",
)
@watched
def run(spec: Path, **flags: Unpack[Flags]) -> int:
    """Bill what is outstanding; safe to repeat at any time, on any outcome.

    \b
    Examples:
      zbatch run specs/month-end.yaml
      zbatch run specs/month-end.yaml --dry-run

    What an earlier run has invoiced is never sent again, and what it has left in doubt is settled
    first. What was already invoiced, or had nothing to bill, is asked about again: an invoice that
    was deleted or canceled since is billed anew. The report has a line for each planned item; where
    it is, and what to do next, is said at the end. In place of a spec it takes a
    plan that zbatch plan --out has frozen, which is run only as it was approved.
    """
    return _show(spec, flags) if flags["dry_run"] else _converge(spec, flags)


def _show(spec: Path, flags: Flags) -> int:
    # Loaded here, because a run shows no plan.
    from zbatch.app.outstanding import Wish
    from zbatch.cli.plan import Wanted, show

    wish = Wish(flags["retry_failed"], flags["retry_nothing"])
    chosen = choose_approved(spec, overrides(flags, warn), flags["plan_digest"])
    show(chosen, flags["state_dir"], Wanted(as_json=flags["as_json"], wish=wish))
    return ExitCode.OK


def _converge(spec: Path, flags: Flags) -> int:
    # Loaded here, because a dry run needs no network and no ledger.
    with garbage.loading():
        from zbatch.app.api import RunOptions
        from zbatch.app.run import run as converge
        from zbatch.cli.confirming import confirmation
        from zbatch.cli.stage_gate import gate_for

    streams = (sys.stdin, sys.stderr)
    document = document_at(spec)
    options = RunOptions(
        spec=document or spec,
        tenant=flags["tenant"],
        report=flags["report"],
        state_dir=flags["state_dir"],
        concurrency=flags["concurrency"],
        rate=flags["rate"],
        period=flags["period"],
        plan_digest=flags["plan_digest"],
        retry_failed=flags["retry_failed"],
        retry_nothing=flags["retry_nothing"],
        strict=flags["strict"],
        read_back=flags["read_back"],
        warn=unheard if flags["quiet"] else warn,
        confirmation=confirmation(
            flags["confirm"], flags["confirm_new_ledger"], streams, os.environ
        ),
    )
    said = document.frozen["approved"]["overrides"] if document else flags
    path = spec if document else None
    wished = {RETRY_FAILED: flags["retry_failed"], RETRY_NOTHING: flags["retry_nothing"]}
    retry = tuple(flag for flag, given in wished.items() if given)
    called = Called(
        Verb.RUN,
        said["tenant"],
        flags["state_dir"],
        path,
        said["period"],
        retry,
        flags["plan_digest"],
        str(flags["rate"]) if flags["rate"] else None,
        flags["concurrency"],
    )
    with watchers(called, flags) as (screen, watch):
        result = converge(replace(options, gate=gate_for(screen, streams, os.environ)), watch)
    return result.exit_code
