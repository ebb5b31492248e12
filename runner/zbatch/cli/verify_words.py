"""What verifying came to, in plain words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from zbatch.app.status import Status
from zbatch.app.verify import Verified
from zbatch.cli.amounts import summed
from zbatch.cli.called import Called, Verb
from zbatch.cli.words import OUTCOMES, at_work, counted
from zbatch.model import Item, Outcome
from zbatch.report.differences import SAID
from zbatch.zuora.text import one_line

MESSAGE_LIMIT = 1000


def findings_text(verified: Verified, called: Called) -> Iterator[str]:
    """Write a line for each finding and each item in doubt, in the order of the items."""
    settle = " ".join(filter(None, (_once_ended(verified), _reconcile(verified, called))))
    unknown = f"the ledger does not know its outcome: {settle}"
    for item, found in verified.findings:
        yield _line(item, SAID[found.code], found.message)
    for item in verified.in_doubt:
        yield _line(item, "UNKNOWN", unknown)
    if verified.at_work:
        for item in verified.under_way:
            yield _line(item, "under way", at_work(verified.at_work))


def _reconcile(verified: Verified, called: Called) -> str:
    """Write the command that settles the doubt: of the spec, or all that a run's tenant has."""
    if verified.run_id:
        return called.command(Verb.RECONCILE, "", verified.tenant.name)
    return called.command(Verb.RECONCILE, verified.what)


def _once_ended(verified: Verified) -> str:
    """Say that a run is at work, which may settle the doubt itself and lets no other command."""
    run = verified.at_work
    return f"once run {run.run.run_id} has ended," if run else ""


def _line(item: Item, said: str, message: str) -> str:
    place = f"{item.source.file}:{item.source.line}"
    number = f" {item.account_number}" if item.account_number else ""
    return one_line(f"{place} {item.identity}{number}: {said}: {message}", MESSAGE_LIMIT)


def summary_text(verified: Verified, called: Called) -> Iterator[str]:
    """Write how many items were compared, what they come to, and what was found."""
    tenant = verified.tenant
    under_way = len(verified.under_way)
    outcomes = {**verified.outcomes}
    outcomes[Outcome.UNKNOWN] -= under_way
    counts = [f"{count:,} {OUTCOMES[outcome]}" for outcome, count in outcomes.items() if count]
    counts += [f"{under_way:,} under way"] if under_way else []
    if since := verified.reconciled_by:
        more = f" and {len(since) - 1:,} before" if len(since) > 1 else ""
        yield f"run {verified.run_id}, with what was reconciled since by {since[-1]}{more}"
    yield (
        f"{counted(verified.items, 'item')} held against tenant {tenant.name} ({tenant.host}) by"
        f" {counted(verified.asked, 'question')}: {', '.join(counts) or 'none'}"
    )
    for one in verified.totals:
        yield f"  {summed(one)}"
    kinds = Counter(found.code for _, found in verified.findings)
    if verified.in_doubt:
        doubt = f"{counted(len(verified.in_doubt), 'item')} in doubt"
        yield f"{doubt}: {_once_ended(verified) or 'first run'} {_reconcile(verified, called)}"
    if kinds:
        named = ", ".join(f"{count:,} {SAID[code]}" for code, count in kinds.items())
        yield f"{counted(len(verified.findings), 'finding')}: {named}"
    elif not (verified.in_doubt or under_way):
        yield "tenant and ledger agree"
    if verified.at_work:
        yield _meanwhile(verified, verified.at_work)


def _meanwhile(verified: Verified, run: Status) -> str:
    """Say that a run is at work, so that what was compared is of a moment that is over."""
    again = "verify again once it has ended"
    if verified.under_way:
        return f"{counted(len(verified.under_way), 'item')} under way: {at_work(run)}; {again}"
    return f"{at_work(run)}: what it has not sent is told as it was before; {again}"
