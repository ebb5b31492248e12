"""A ledger that cannot be read to its end: what was told stays told, and the rest is doubt."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from support.accounts import account
from support.mishaps import DROP_AFTER
from support.runs import TARGET, Away, Project, Told, Watch, lines_of
from zbatch.app.api import RunOptions
from zbatch.app.run import run
from zbatch.emulator import Scheduled
from zbatch.engine.events import Event, Settled
from zbatch.errors import CannotStart
from zbatch.ledger.store import LEDGER_FILE

Start = Callable[..., Away]
ONCE = {"max_attempts": 1}
BASELINE = "UPDATE item SET baseline = '{' WHERE account_id = ?"
WIRE = (
    "UPDATE call SET wire = x'00' WHERE id = (SELECT call_id FROM call_item"
    " JOIN item ON item.id = item_id WHERE account_id = ?)"
)
STARTED = (
    "UPDATE attempt SET started_at = 'x' WHERE call_id = (SELECT call_id FROM call_item"
    " JOIN item ON item.id = item_id WHERE account_id = ?)"
)
NOT_KNOWN = "what else is in doubt is not known"


def spoil(folder: Path, statement: str, number: int) -> None:
    """Turn what the ledger in `folder` holds of an account into what zbatch never writes."""
    with closing(sqlite3.connect(folder / LEDGER_FILE)) as connection, connection:
        assert connection.execute(statement, (account(number),)).rowcount > 0


def ledger_of(project: Project, told: Told) -> Path:
    return project.state / told.result.plan.tenant.folder


class Spoiling(Watch):
    """Damages the ledger as soon as a first outcome is told."""

    def __init__(self, folder: Path, number: int) -> None:
        super().__init__()
        self._folder = folder
        self._number = number

    def event(self, event: Event) -> None:
        if isinstance(event, Settled) and not any(isinstance(e, Settled) for e in self.events):
            spoil(self._folder, BASELINE, self._number)
        super().event(event)


@pytest.mark.parametrize("damage", [BASELINE, WIRE, STARTED])
@pytest.mark.parametrize("sent", [1, 0])
def test_doubt_beyond_the_spec_that_cannot_be_read_is_doubt(
    project: Project, tenant: Start, damage: str, sent: int
) -> None:
    """R14: no run ends with 0 while the ledger may hold doubt, and it says why in words."""
    tenant(faults=(Scheduled(DROP_AFTER, at=1),))
    one = project.spec(1, tenant="real", name="one", retry=ONCE)
    two = project.spec(2, tenant="real", name="two")
    first = project.run(one)
    assert first.code == 3
    if not sent:
        project.run(two)
    spoil(ledger_of(project, first), damage, 1)
    result = run(RunOptions(two), Watch())
    assert (result.exit_code, result.sent) == (3, sent)
    assert [line["outcome"] for line in lines_of(result.report)] == ["invoiced"]
    assert result.stop is None
    assert account(1) in (result.unread or "")
    record = json.loads(result.run_record.read_text())
    assert (record["exit_code"], record["stop"]) == (3, f"{result.unread}; {NOT_KNOWN}")
    with pytest.raises(CannotStart, match=f"{account(1)}.*nothing was sent"):
        project.run(one)


def test_doubt_that_can_be_read_is_named_beside_doubt_that_cannot(
    project: Project, tenant: Start
) -> None:
    """What stands before the damage is not lost with it."""
    tenant(faults=tuple(Scheduled(DROP_AFTER, at=number) for number in (1, 2)))
    limits = {"concurrency": 1}
    lost = project.run(project.spec(1, 2, tenant="real", name="lost", retry=ONCE, limits=limits))
    assert lost.outcomes == {"unknown": 2}
    spoil(ledger_of(project, lost), BASELINE, 2)
    told = project.run(project.spec(3, tenant="real"))
    assert told.code == 3
    assert [stray.item.identity.account_id for stray in told.result.strays] == [account(1)]
    assert account(2) in (told.result.unread or "")


def test_totals_are_those_of_the_report_when_the_last_read_fails(project: Project) -> None:
    """What the report says already is counted as it says; only the rest is unknown.

    The rest is a date that waits for a failed one, since nothing is told of it before the end.
    """
    project.book(a2="Canceled,due,1,0s")
    earlier = project.run(project.spec(9, name="earlier"))
    watch = Spoiling(ledger_of(project, earlier), 1)
    result = run(RunOptions(project.spec(1, 2, 9, dates=(TARGET, "2026-12-31"))), watch)
    assert (result.exit_code, result.sent) == (3, 4)
    told = Counter(line["outcome"] for line in lines_of(result.report))
    assert told == Counter(invoiced=4, failed=1, unknown=1)
    record = json.loads(result.run_record.read_text())
    assert Counter(record["outcomes"]) == told
    assert record["stop"].endswith(NOT_KNOWN)
    assert record["finished_at"]
    assert result.settled_by == (earlier.result.run_id,)
    assert sum(group.count for group in result.failures) == 1
    assert [one.error.code for one in result.unknown if one.error] == ["LEDGER_UNREADABLE"]


def test_what_is_invoiced_and_reported_needs_no_last_read(project: Project) -> None:
    """Damage to what was known before the calls changes nothing of outcomes that are durable."""
    watch = Spoiling(ledger_of(project, project.run(project.spec(9, name="earlier"))), 1)
    result = run(RunOptions(project.spec(1, 2, 9, dates=(TARGET, "2026-12-31"))), watch)
    assert (result.exit_code, result.sent) == (0, 5)
    assert {line["outcome"] for line in lines_of(result.report)} == {"invoiced"}


def test_a_damaged_outcome_keeps_a_run_from_starting(project: Project, tenant: Start) -> None:
    """What an earlier run has invoiced cannot be reported then, so nothing is sent at all."""
    tenant()
    told = project.run(project.spec(1))
    finished = "UPDATE item SET finished_at = 'x' WHERE account_id = ?"
    spoil(ledger_of(project, told), finished, 1)
    with pytest.raises(CannotStart, match=f"{account(1)}.*nothing was sent"):
        project.run(project.spec(1))
    with closing(sqlite3.connect(ledger_of(project, told) / LEDGER_FILE)) as connection:
        codes = connection.execute("SELECT exit_code FROM run ORDER BY exit_code").fetchall()
    assert codes == [(0,), (6,)]
