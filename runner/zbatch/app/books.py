"""The report and the totals of a run: what stood before it, part by part, and how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from zbatch.app.backlog import Backlog
from zbatch.app.doubt import DoubtOf, in_doubt
from zbatch.app.ending import Closing, final_records
from zbatch.app.parts import Part
from zbatch.app.recorder import Recorder
from zbatch.ledger.store import Store
from zbatch.model import ItemRecord, Standing
from zbatch.report.summary import Fold, Summary

AT_ONCE = 1000  # items whose lines are made together


class Books:
    """Opened before the first call and closed after the last.

    What is invoiced is read once: nothing in the ledger changes that. Of each part that is invoiced
    as a whole only the runs are kept that have done it.
    """

    def __init__(self, todo: Backlog, store: Store, recorder: Recorder, run_id: str) -> None:
        self._todo = todo
        self._store = store
        self._recorder = recorder
        self._run_id = run_id
        self._runs: dict[Part, tuple[str, ...]] = {}

    def open(self) -> None:
        """Report the outcomes that stand."""
        for part, records in self._todo.settled(self._store):
            if part in self._todo.invoiced:
                self._runs[part] = tuple(self._repeat(part, records))
            else:
                self._recorder.add_all(records)

    def _repeat(self, part: Part, records: Iterator[ItemRecord]) -> dict[str, None]:
        """Report what is invoiced as a whole, and tell which runs have done it."""
        runs: dict[str, None] = {}
        for start in range(part.start, part.stop, AT_ONCE):
            stop = min(start + AT_ONCE, part.stop)
            repeated = self._store.repeated(self._run_id, self._todo.plan.items, start, stop)
            if repeated is None:
                break
            self._recorder.repeat(start, repeated)
            runs.update((one.settlement.run_id or "", None) for one in repeated)
        else:
            return runs
        for record in records:  # what has its line is passed over
            self._recorder.add(record)
            runs[record.run_id or ""] = None
        return runs

    def close(self, closing: Closing, doubt_of: DoubtOf = in_doubt) -> Summary:
        """Fold the final records of all items, adding the report lines that are still missing."""
        plan, fold = self._todo.plan, Fold(self._run_id)
        self._take_invoiced()
        others = final_records(self._changing(), self._todo.held_back, closing, doubt_of)
        for part in self._todo.parts:
            count = part.stop - part.start
            if part in self._runs:
                fold.add_invoiced(count, self._runs[part])
                continue
            for record in islice(others, count):
                self._recorder.add(record)
                fold.add(record)
        return fold.summary(len(plan.items))

    def _take_invoiced(self) -> None:
        """Find the parts that are invoiced by now and reported: no record of them is read again.

        What the engine has left as it was has no outcome there, or an open key.
        """
        items, run = self._todo.plan.items, self._run_id
        for part in self._todo.parts:
            reported = part not in self._runs and self._recorder.has_all(part.start, part.stop)
            if reported and self._store.all_invoiced(items, part.start, part.stop, run):
                self._runs[part] = self._store.settled_by(run, part.start, part.stop)

    def _changing(self) -> Iterator[Standing]:
        """Read again what may have changed since the start."""
        parts = (part for part in self._todo.parts if part not in self._runs)
        items = (item for part in parts for item in part.items(self._todo.plan))
        return self._store.standing(items)
