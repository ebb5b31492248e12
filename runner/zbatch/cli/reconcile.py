"""`zbatch reconcile`: settle what is in doubt, by questions alone."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import click

from zbatch.cli import completing
from zbatch.cli.called import Called, Verb
from zbatch.cli.decision import ACCEPT, Decision, as_given, check_decisions
from zbatch.cli.options import (
    EXIT_CODES,
    LEFT_TO_RUN,
    NOT_IN_DOUBT,
    Confirming,
    acknowledgement,
    confirming,
    ordinary,
    period,
    report_copy,
    state_folder,
)
from zbatch.cli.watching import Watching, watched, watchers


class Flags(Confirming, Watching):
    """What the command line says beside the spec."""

    tenant: str | None
    period: str | None
    accept: tuple[Decision, ...]
    reason: str | None
    report: Path | None
    state_dir: Path | None


@click.command(epilog=EXIT_CODES + LEFT_TO_RUN + NOT_IN_DOUBT)
@click.argument(
    "spec", required=False, type=click.Path(path_type=Path), shell_complete=completing.specs
)
@ordinary(
    "--tenant",
    metavar="NAME",
    help="Ask this tenant, instead of the spec's or without one.",
    shell_complete=completing.tenants,
)
@period
@acknowledgement(
    "--accept",
    type=ACCEPT,
    multiple=True,
    metavar="ITEM=INVOICE_ID",
    help="Decide that an item in doubt is this invoice; may be repeated. "
    "ITEM is ACCOUNT_ID:TARGET_DATE[:REVISION].",
)
@acknowledgement(
    "--reason", metavar="TEXT", help="Say why, for all that is accepted; the ledger keeps it."
)
@confirming
@report_copy
@state_folder
@watched
def reconcile(spec: Path | None, **flags: Unpack[Flags]) -> int:
    """Settle what is in doubt by asking the tenant; nothing is sent.

    \b
    Examples:
      zbatch reconcile specs/month-end.yaml
      zbatch reconcile --tenant emulator

    Without a spec all that the ledger holds in doubt is asked about. What the tenant's own data
    proves is settled; of the rest it says why it is not, and from when it can be.

    Where several invoices may be an item's, a person looks and decides with --accept and
    --reason. The tenant must show that invoice, and no key is ever renewed by it.
    """
    # Loaded here, because the help needs no network and no ledger.
    from zbatch.app.api import Acceptance, Confirmation, ReconcileOptions
    from zbatch.app.reconcile import reconcile as settle
    from zbatch.app.task import ListedElsewhere
    from zbatch.cli.advice import without_spec

    reason = check_decisions(flags["accept"], flags["reason"])
    options = ReconcileOptions(
        spec=spec,
        tenant=flags["tenant"],
        period=flags["period"],
        report=flags["report"],
        state_dir=flags["state_dir"],
        accept=tuple(Acceptance(d.identity, d.invoice_id, reason) for d in flags["accept"]),
        confirmation=Confirmation(flags["confirm"]),
    )
    called = Called(Verb.RECONCILE, flags["tenant"], flags["state_dir"], period=flags["period"])
    try:
        with watchers(called, flags) as (_, watch):
            return settle(options, watch).exit_code
    except ListedElsewhere as error:
        decided = as_given(flags["accept"], reason)
        error.command = without_spec(called, str(spec or ""), error.tenant, decided)
        raise
