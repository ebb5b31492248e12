"""The totals at the end of a run: what is invoiced by then is counted, and not read once more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from support.engine import item
from support.plans import NOON, a_call, a_plan, a_record, a_run_id, a_send, settled
from zbatch.app import books
from zbatch.app.backlog import backlog_of
from zbatch.app.books import Books
from zbatch.app.ending import Closing
from zbatch.app.outstanding import Wish
from zbatch.app.recorder import Recorder
from zbatch.ledger.store import Store, open_store
from zbatch.model import Item, Outcome, Standing
from zbatch.report.lines import to_line

ITEMS = [item(number) for number in range(1, 7)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Give an empty ledger."""
    with closing(open_store(tmp_path)) as opened:
        yield opened


class Report:
    """A report that nobody reads from a disk."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def write(self, line: bytes) -> None:
        self.lines.append(line)

    def close(self) -> None:
        """Have nothing to bring anywhere."""


class Run:
    """A run of the six items, so many a part, as far as its books go."""

    def __init__(self, store: Store, size: int = 1) -> None:
        self.id = a_run_id()
        self._store = store
        plan = a_plan(ITEMS)
        self.report = Report()
        self._recorder = Recorder(self.report, plan, self.id)
        self.books = Books(backlog_of(plan, store, Wish(), size), store, self._recorder, self.id)
        store.start_run(self.id, plan, NOON)
        self.books.open()

    def settle(self, items: Sequence[Item], outcome: Outcome, *, told: bool = True) -> None:
        """Let items come to an outcome, and tell it."""
        for one in items:
            call = a_call(one)
            self._store.begin(self.id, [a_send(call)], NOON)
            self._store.finish(self.id, [settled(call, outcome)], NOON)
            if told:
                self._recorder.add(a_record(one, outcome, run_id=self.id))


def read_again(monkeypatch: pytest.MonkeyPatch) -> list[Item]:
    """Take note of the items whose standings are read from here on."""
    read: list[Item] = []
    real = Store.standing

    def standing(store: Store, items: Iterable[Item]) -> Iterator[Standing]:
        read.extend(chosen := tuple(items))
        return real(store, chosen)

    monkeypatch.setattr(Store, "standing", standing)
    return read


def test_only_what_is_not_invoiced_and_told_is_read_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has invoiced it; all else has its record folded, and its line where it has none."""
    first = Run(store)
    first.settle(ITEMS[:1], Outcome.INVOICED)
    second = Run(store)
    second.settle(ITEMS[1:3], Outcome.INVOICED)
    second.settle(ITEMS[3:4], Outcome.FAILED)
    second.settle(ITEMS[4:5], Outcome.INVOICED, told=False)
    read = read_again(monkeypatch)
    summary = second.books.close(Closing())
    assert read == ITEMS[3:]
    assert summary.totals.counts == {
        Outcome.INVOICED: 4,
        Outcome.FAILED: 1,
        Outcome.NOT_ATTEMPTED: 1,
    }
    assert summary.settled_by == (first.id,)
    assert [group.count for group in summary.failures] == [1]
    told = b"".join(second.report.lines).decode()
    assert [told.count(one.identity.account_id) for one in ITEMS] == [1] * len(ITEMS)


def as_records_say(run: Run, store: Store) -> list[bytes]:
    """Give the lines of the six items as each record makes its own."""
    return [to_line(record, run.id) for record in store.outcomes(ITEMS)]


def test_what_is_invoiced_is_reported_without_its_items(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines are those of the records, some at a time, and of none of them a record is made."""
    monkeypatch.setattr(books, "AT_ONCE", 2)
    first = Run(store)
    first.settle(ITEMS, Outcome.INVOICED)
    with monkeypatch.context() as patched:
        patched.setattr(Store, "outcomes", lambda *_: pytest.fail("records were made"))
        again = Run(store, size=6)
        summary = again.books.close(Closing())
    assert b"".join(again.report.lines) == b"".join(as_records_say(again, store))
    assert len(again.report.lines) == 3
    assert summary.totals.counts == {Outcome.INVOICED: 6}
    assert summary.settled_by == (first.id,)


def test_where_one_stretch_cannot_be_repeated_each_item_is_looked_at(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has its one line all the same, and every run is named that has settled any."""
    monkeypatch.setattr(books, "AT_ONCE", 2)
    first, second = Run(store), Run(store)
    first.settle(ITEMS[:1], Outcome.INVOICED)
    second.settle(ITEMS[1:], Outcome.INVOICED)
    real = Store.repeated
    monkeypatch.setattr(Store, "repeated", lambda *given: None if given[3] == 2 else real(*given))
    again = Run(store, size=6)
    summary = again.books.close(Closing())
    assert b"".join(again.report.lines) == b"".join(as_records_say(again, store))
    assert len(again.report.lines) == 5
    assert summary.settled_by == (first.id, second.id)
