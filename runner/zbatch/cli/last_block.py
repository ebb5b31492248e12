"""The last block of a run: what happened, where the report is, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.text import Text

from zbatch.app.api import FailureGroup, RunHeader, RunResult
from zbatch.cli.words import (
    MESSAGE_LIMIT,
    OUTCOMES,
    account,
    counted,
    duration,
    path_text,
    problem_text,
    tally,
)
from zbatch.model import ExitCode, ItemRecord, Outcome, Plan, Totals
from zbatch.report.summary import Cause
from zbatch.zuora.codes import MEANINGS
from zbatch.zuora.text import one_line

FIRST_CAUSES = 20
FIRST_UNKNOWN = 20
FIRST_RUNS = 3

# What to do next, by exit code; {spec} is the spec as given on the command line.
NEXT = {
    ExitCode.OK: "nothing is left to do; the same command again sends nothing",
    ExitCode.FAILURES: "mend the causes above with those who own them; "
    "a failed item is not sent again by itself",
    ExitCode.UNKNOWN: "zbatch run {spec}   asks again under the same keys; "
    "bill nothing of this by hand meanwhile",
    ExitCode.STOPPED: "zbatch run {spec}   goes on where this run stopped",
    ExitCode.CANNOT_START: "mend the cause, then zbatch run {spec}",
    ExitCode.INTERNAL: "report this bug with run.json, and bill nothing of this by hand; "
    "the ledger holds what was sent",
    ExitCode.HANGUP: "zbatch run {spec}   goes on where this run stopped",
    ExitCode.INTERRUPTED: "zbatch run {spec}   goes on where this run stopped",
    ExitCode.TERMINATED: "zbatch run {spec}   goes on where this run stopped",
}

_STYLES = {
    Outcome.INVOICED: "green",
    Outcome.ALREADY_INVOICED: "green",
    Outcome.FAILED: "red",
    Outcome.UNKNOWN: "bold red",
    Outcome.NOT_ATTEMPTED: "yellow",
}


def first_line(header: RunHeader) -> Text:
    """Say what begins: which run, and how much of it is left to send."""
    planned = counted(len(header.plan.items), "item")
    held = len(header.plan.items) - header.outstanding - header.settled
    parts = [
        f"{header.settled:,} settled earlier" if header.settled else "",
        f"{held:,} in doubt or held back" if held else "",
        f"{header.outstanding:,} to send",
    ]
    left = ", ".join(filter(None, parts))
    return Text(f"{_title(header.plan, header.run_id)} · {planned}: {left}")


def last_block(result: RunResult, here: Path) -> Iterator[Text]:
    """Say how a run ended; `here` is the folder that paths are named from."""
    took = (result.finished_at - result.started_at).total_seconds()
    yield Text(f"{_title(result.plan, result.run_id)} · {duration(took)}", "bold")
    yield _counts(result.totals)
    if why := _why_nothing_was_sent(result):
        yield Text(f"  {why}")
    if result.stop:
        yield Text(f"  stopped early: {one_line(result.stop)}", "yellow")
    yield from _failures(result.failures)
    yield from _unknown(result.unknown)
    yield Text(f"  report {path_text(result.report, here)}")
    yield _next(result)


def _title(plan: Plan, run_id: str) -> str:
    return f"{one_line(plan.tenant.name, 80)} · {one_line(plan.spec.name, 80)} · run {run_id}"


def _counts(totals: Totals) -> Text:
    line = Text(" ")
    for outcome, word in OUTCOMES.items():
        style = _STYLES.get(outcome, "") if totals[outcome] else ""
        line.append(f" {word} {totals[outcome]:,}", style)
        line.append("  ")
    return line.append(f"({totals.planned:,} planned)")


def _why_nothing_was_sent(result: RunResult) -> str | None:
    settled = {outcome: result.totals[outcome] for outcome in Outcome if outcome.settled}
    if result.sent or sum(settled.values()) != result.totals.planned:
        return None
    runs = result.settled_by
    by = f" by run {', '.join(runs[:FIRST_RUNS])}" if runs else ""
    more = f" and {len(runs) - FIRST_RUNS} more" if len(runs) > FIRST_RUNS else ""
    items = counted(result.totals.planned, "item")
    return f"nothing was sent: all {items} were settled earlier{by}{more}: {tally(settled)}"


def _failures(groups: tuple[FailureGroup, ...]) -> Iterator[Text]:
    for group in groups[:FIRST_CAUSES]:
        meaning = MEANINGS.get(group.code, "")
        yield Text(f"  {group.count:,} × {one_line(group.code, 80)}  {meaning}".rstrip(), "red")
        for cause in group.causes:
            yield Text(f"      {_cause(cause)}")
        rest = group.count - sum(cause.count for cause in group.causes)
        if rest:
            yield Text(f"      … and {rest:,} with other messages in the report")
    if len(groups) > FIRST_CAUSES:
        yield Text(f"  … and {counted(len(groups) - FIRST_CAUSES, 'more cause')} in the report")


def _cause(cause: Cause) -> str:
    names = ", ".join(one_line(name, 80) for name in cause.accounts)
    rest = cause.count - len(cause.accounts)
    more = f", +{rest:,}" if rest else ""
    return f"“{one_line(cause.message, MESSAGE_LIMIT)}”  {names}{more}"


def _unknown(records: tuple[ItemRecord, ...]) -> Iterator[Text]:
    for record in records[:FIRST_UNKNOWN]:
        name = f"{account(record)} {record.item.identity.target_date}"
        sent = f" (sent {record.started_at:%H:%M:%SZ})" if record.started_at else ""
        yield Text(f"  UNKNOWN  {name}{sent}  {problem_text(record.error)}", "bold red")
    if len(records) > FIRST_UNKNOWN:
        yield Text(f"  … and {len(records) - FIRST_UNKNOWN:,} more unknown in the report")


def _next(result: RunResult) -> Text:
    spec = one_line(result.plan.spec.file)
    advice = NEXT.get(result.exit_code, "see the report").replace("{spec}", spec)
    return Text(f"next: {advice}   (exit {int(result.exit_code)})", "bold")
