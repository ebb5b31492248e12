"""The last block of a run: what happened, where the report is, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.text import Text

from zbatch.app.api import FailureGroup, RunHeader, RunResult
from zbatch.cli.advice import advice, if_listed, is_undecided, reconcile_all, run_command, when
from zbatch.cli.amounts import invoiced
from zbatch.cli.called import CALLED, RETRY_NOTHING, Called, Verb
from zbatch.cli.decision import item_argument
from zbatch.cli.words import (
    DOUBT_LIMIT,
    MESSAGE_LIMIT,
    OUTCOMES,
    counted,
    duration,
    item_name,
    path_text,
    problem_text,
    tally,
)
from zbatch.model import ItemRecord, Outcome, Plan
from zbatch.report.differences import read_back_text
from zbatch.report.summary import Message
from zbatch.zuora.codes import MEANINGS
from zbatch.zuora.text import one_line

FIRST_CAUSES = 20
FIRST_UNKNOWN = 20
FIRST_RUNS = 3

_STYLES = {
    Outcome.INVOICED: "green",
    Outcome.ALREADY_INVOICED: "green",
    Outcome.FAILED: "red",
    Outcome.UNKNOWN: "bold red",
    Outcome.NOT_ATTEMPTED: "yellow",
}


def first_line(header: RunHeader, verb: Verb = Verb.RUN) -> Text:
    """Say what begins: which run, and how much of it is left to do."""
    planned = counted(len(header.plan.items), "item")
    title = _title(header.plan, header.run_id)
    if verb is Verb.RECONCILE:
        return Text(f"{title} · {planned} in doubt to ask about")
    held = len(header.plan.items) - header.outstanding - header.settled
    # what is in doubt may take the same call once more, or none
    to_send = header.outstanding - header.in_doubt
    parts = [
        f"{header.settled:,} settled earlier" if header.settled else "",
        f"{held:,} in doubt or held back" if held else "",
        f"{header.in_doubt:,} in doubt to settle" if header.in_doubt else "",
        f"{to_send:,} to send" if to_send or not header.in_doubt else "",
    ]
    return Text(f"{title} · {planned}: {', '.join(filter(None, parts))}{_approved(header)}")


def _approved(header: RunHeader) -> str:
    """Say, on lines of their own, what the run is held to, and that it goes on with it."""
    approval = header.approval
    if approval is None:
        return ""
    said = f"\n  as approved: {approval.digest}"
    if approval.earlier:
        said += (
            f"\n  this plan was run before, last by {approval.earlier[-1]}: it goes on from there"
        )
    return said


def last_block(result: RunResult, here: Path, called: Called = CALLED) -> Iterator[Text]:
    """Say how a run ended; `here` is the folder that paths are named from."""
    yield Text(_what_it_took(result, called.verb), "bold")
    yield _counts(result, called.verb)
    if why := _why_nothing_was_sent(result, called.verb):
        yield Text(f"  {why}")
    if said := invoiced(result.amounts):
        # A run that sends nothing may have found what the lost call of an earlier one has made.
        yield Text(f"  {'invoiced by this run' if result.sent else 'found to be invoiced'}: {said}")
    if result.stop:
        yield Text(f"  stopped early: {one_line(result.stop)}", "yellow")
    if result.unread:
        text = one_line(result.unread)
        yield Text(f"  UNKNOWN  {text}; what else is in doubt is not known", "bold red")
    yield from _failures(result.failures)
    yield from _nothing(result, called)
    yield from _waiting(result, called.verb)
    yield from _unseen(result.unseen)
    yield from _unknown("UNKNOWN", result.unknown, "in the report")
    yield from _strays(result, called)
    yield from _undecided(result, called)
    if said := read_back_text(result.read_back):
        yield Text(f"  {said}", "yellow")
    yield Text(f"  report {path_text(result.report, here)}")
    yield Text(f"next: {advice(result, called)}   (exit {int(result.exit_code)})", "bold")


def _title(plan: Plan, run_id: str) -> str:
    return f"{one_line(plan.tenant.name, 80)} · {one_line(plan.spec.name, 80)} · run {run_id}"


def _what_it_took(result: RunResult, verb: Verb) -> str:
    took = duration((result.finished_at - result.started_at).total_seconds())
    requests = [] if verb is Verb.RECONCILE else [counted(result.sent, "call")]
    if result.asked or verb is Verb.RECONCILE:
        requests.append(counted(result.asked, "question"))
    return f"{_title(result.plan, result.run_id)} · {took} · {', '.join(requests)}"


def _counts(result: RunResult, verb: Verb) -> Text:
    totals = result.totals
    if verb is Verb.RECONCILE and not totals.planned:
        return Text(f"  nothing{' of this spec' if result.strays else ''} is in doubt")
    line = Text(" ")
    for outcome, word in OUTCOMES.items():
        style = _STYLES.get(outcome, "") if totals[outcome] else ""
        line.append(f" {word} {totals[outcome]:,}", style)
        line.append("  ")
    of = "of {:,} in doubt" if verb is Verb.RECONCILE else "{:,} planned"
    return line.append(f"({of.format(totals.planned)})")


def _why_nothing_was_sent(result: RunResult, verb: Verb) -> str | None:
    settled = {outcome: result.totals[outcome] for outcome in Outcome if outcome.settled}
    done = sum(settled.values()) == result.totals.planned
    if verb is Verb.RECONCILE or result.sent or not done:
        return None
    runs = result.settled_by
    more = f" and {len(runs) - FIRST_RUNS} more" if len(runs) > FIRST_RUNS else ""
    before, planned = result.settled_earlier, result.totals.planned
    ours = f", {planned - before:,} by this one" if before < planned else ""
    many = f"{before:,} " if ours else ""
    earlier = f" ({many}earlier by run {', '.join(runs[:FIRST_RUNS])}{more}{ours})" if runs else ""
    items = counted(result.totals.planned, "item")
    return f"nothing was sent: all {items} are settled{earlier}: {tally(settled)}"


def _failures(groups: tuple[FailureGroup, ...]) -> Iterator[Text]:
    for group in groups[:FIRST_CAUSES]:
        meaning = MEANINGS.get(group.code, "")
        yield Text(f"  {group.count:,} × {one_line(group.code, 80)}  {meaning}".rstrip(), "red")
        for message in group.messages:
            yield Text(f"      {_message(message)}")
        rest = group.count - sum(message.count for message in group.messages)
        if rest:
            yield Text(f"      … and {rest:,} with other messages in the report")
    if len(groups) > FIRST_CAUSES:
        yield Text(f"  … and {counted(len(groups) - FIRST_CAUSES, 'more cause')} in the report")


def _message(message: Message) -> str:
    names = ", ".join(one_line(name, 80) for name in message.accounts)
    rest = message.count - len(message.accounts)
    more = f", +{rest:,}" if rest else ""
    return f"“{one_line(message.text, MESSAGE_LIMIT)}”  {names}{more}"


def _nothing(result: RunResult, called: Called) -> Iterator[Text]:
    if result.nothing_since:
        since = f"{result.nothing_since:%Y-%m-%d %H:%M:%S} UTC"
        run, listed = run_command(result, called, (RETRY_NOTHING,)), if_listed(result)
        yield Text(f"  nothing to bill as of {since}: usage rated later is billed by {run}{listed}")


def _waiting(result: RunResult, verb: Verb) -> Iterator[Text]:
    """Name the first items that wait, and for what: a date, and where a spec lists it."""
    if result.stop or verb is Verb.RECONCILE:
        return
    for record in result.waiting:
        problem = problem_text(record.error, DOUBT_LIMIT)
        yield Text(f"  waits  {item_name(record)}  {problem}", "yellow")
    if more := result.totals[Outcome.NOT_ATTEMPTED] - len(result.waiting):
        yield Text(f"  … and {counted(more, 'more item')} in the report")


def _unseen(records: tuple[ItemRecord, ...]) -> Iterator[Text]:
    """Name the first items whose invoice may be gone, so that they may have to be billed."""
    for record in records[:FIRST_UNKNOWN]:
        problem = problem_text(record.error, DOUBT_LIMIT)
        yield Text(f"  not shown  {item_name(record, whole=True)}  {problem}", "yellow")
    if more := len(records[FIRST_UNKNOWN:]):
        yield Text(f"  … and {counted(more, 'more item')} not shown in the report")


def _unknown(word: str, records: tuple[ItemRecord, ...], where: str) -> Iterator[Text]:
    for record in records[:FIRST_UNKNOWN]:
        sent = f" (sent {record.started_at:%Y-%m-%d %H:%M:%SZ})" if record.started_at else ""
        problem = problem_text(record.error, DOUBT_LIMIT)
        yield Text(f"  {word}  {item_name(record, whole=True)}{sent}  {problem}", "bold red")
    if len(records) > FIRST_UNKNOWN:
        yield Text(f"  … and {len(records) - FIRST_UNKNOWN:,} more unknown {where}")


def _strays(result: RunResult, called: Called) -> Iterator[Text]:
    if result.strays:
        yield from _unknown("UNKNOWN, not in this spec", result.strays, "in the ledger")
        command = reconcile_all(result, called)
        if command not in advice(result, called):
            rested = when(result, result.strays_settle_at)
            yield Text(f"  {command}   settles what this spec does not list{rested}")


def _undecided(result: RunResult, called: Called) -> Iterator[Text]:
    """Show how to decide what no further question can, for the first such item."""
    for record in (*result.unknown, *result.strays):
        if is_undecided(record):
            command = reconcile_all(result, called)
            item = item_argument(record.item)
            yield Text(f"  a person decides: {command} --accept {item}=INVOICE_ID --reason TEXT")
            return
