"""What must hold of any story, from the tenant's own tables and what the runs reported."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from zbatch.emulator.history import Exchange
from zbatch.emulator.invoices import Execution, Invoice
from zbatch.model import Identity, ItemRecord, Outcome

_CLAIMS_NOTHING = frozenset({Outcome.FAILED, Outcome.NOTHING_TO_BILL, Outcome.NOT_ATTEMPTED})
Billed = tuple[str, date]


@dataclass(frozen=True, slots=True)
class Ledgers:
    """What the tenant holds: all that counts as the truth of what was billed."""

    executions: Sequence[Execution]
    invoices: Sequence[Invoice]
    history: Sequence[Exchange]


@dataclass(slots=True)
class Story:
    """What happened, and the reports that runs gave, each with its time.

    `again` are what a person had billed anew by a revision, `others` tells that several hosts
    without a common ledger are at work, so that none can speak for the tenant.
    """

    lines: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    reports: list[tuple[float, str, ItemRecord]] = field(default_factory=list)
    allowed: dict[Billed, int] = field(default_factory=dict)
    several_ledgers: bool = False

    def note(self, line: str) -> None:
        """Add to the story."""
        self.lines.append(line)

    def wrong(self, line: str) -> None:
        """Take note of what must not be."""
        self.faults.append(line)

    def add(self, now: float, host: str, records: Iterable[ItemRecord]) -> None:
        """Take in the report of a run."""
        self.reports.extend((now, host, record) for record in records)

    def compare(self, told: Mapping[Identity, ItemRecord], finals: Iterable[ItemRecord]) -> None:
        """Hold the lines that were written as items settled against what the ledger says."""
        for final in finals:
            line = told.get(final.item.identity, final)
            if (line.outcome, line.invoice_id) != (final.outcome, final.invoice_id):
                self.wrong(f"{final.item.identity}: told {line.outcome}, held {final.outcome}")


def check(story: Story, ledgers: Ledgers) -> None:
    """Hold what must hold; an AssertionError tells what does not, and the story."""
    found = [
        *story.faults,
        *_billed_twice(story, ledgers),
        *_dates_out_of_order(ledgers),
        *_bodies(ledgers),
        *_untrue(story, ledgers),
    ]
    assert not found, "\n".join([*found, "after:", *story.lines[-100:]])


def _ours(ledgers: Ledgers) -> list[Execution]:
    return [execution for execution in ledgers.executions if execution.key is not None]


def _billed_twice(story: Story, ledgers: Ledgers) -> Iterable[str]:
    """At most one execution an item, whatever the keys."""
    times: dict[Billed, int] = defaultdict(int)
    for execution in _ours(ledgers):
        times[execution.account_id, execution.target_date] += 1
    for billed, count in times.items():
        if count > story.allowed.get(billed, 1):
            yield f"billed {count} times: {billed[0]} {billed[1]}"


def _dates_out_of_order(ledgers: Ledgers) -> Iterable[str]:
    """A later date is never billed before an earlier one."""
    latest: dict[str, date] = {}
    for execution in _ours(ledgers):
        if execution.target_date < latest.get(execution.account_id, execution.target_date):
            yield f"billed after a later date: {execution.account_id} {execution.target_date}"
        latest[execution.account_id] = execution.target_date


def _bodies(ledgers: Ledgers) -> Iterable[str]:
    """One key, one body; and every generate has a key."""
    bodies: dict[str, bytes] = {}
    for exchange in ledgers.history:
        if not exchange.path.endswith("generate"):
            if exchange.key is not None:
                yield f"a key on {exchange.path}"
            continue
        if exchange.key is None:
            yield "a generate without a key"
        elif bodies.setdefault(exchange.key, exchange.body_hash) != exchange.body_hash:
            yield f"two bodies under {exchange.key}"


def _untrue(story: Story, ledgers: Ledgers) -> Iterable[str]:
    """No success without an invoice that was there, no failure with one of ours behind it."""
    known = {invoice.id for invoice in ledgers.invoices}
    known |= {execution.invoice_id for execution in ledgers.executions}
    sent: dict[Billed, list[float]] = defaultdict(list)
    arrived = _arrivals(ledgers)
    for execution in _ours(ledgers):
        at = execution.at.timestamp()
        when = arrived.get((execution.key or "", round(at, 3)), at)
        sent[execution.account_id, execution.target_date].append(when)
    for now, host, record in story.reports:
        identity = record.item.identity
        if record.outcome.success and record.invoice_id not in known:
            yield f"{host}: {identity} {record.outcome} without an invoice: {record.invoice_id}"
        behind = [when for when in sent[identity.account_id, identity.target_date] if when <= now]
        allowed = story.allowed.get((identity.account_id, identity.target_date), 1) - 1
        lied = record.outcome in _CLAIMS_NOTHING and len(behind) > allowed
        if lied and not story.several_ledgers:
            yield f"{host}: {identity} {record.outcome} with an invoice of ours behind it"
        if record.outcome is Outcome.INVOICED and not behind and record.error is None:
            yield f"{host}: {identity} invoiced by none of our calls"


def _arrivals(ledgers: Ledgers) -> dict[tuple[str, float], float]:
    """Tell when the call arrived that was executed under a key at a time."""
    return {
        (exchange.key, round(exchange.finished_at, 3)): exchange.arrived_at
        for exchange in ledgers.history
        if exchange.key is not None
    }
