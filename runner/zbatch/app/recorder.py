"""Write each planned item's report line once, when its outcome is durable and read back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from zbatch.errors import ReportFailure
from zbatch.model import ItemRecord, Plan, Repeated
from zbatch.report.lines import to_line, to_lines
from zbatch.report.summary import Fold
from zbatch.spec.places import Places

AT_ONCE = 256  # lines of a report in memory, some 700 bytes each


class Lines(Protocol):
    """Where report lines go: `zbatch.report.writer.ReportWriter`, or what stands in for it.

    Both methods raise `ReportFailure`.
    """

    def write(self, lines: bytes) -> None:
        """Append a line, or several at once."""
        ...

    def close(self) -> None:
        """Make all lines durable."""
        ...


class Recorder:
    """The report of one run, open for appending.

    `failure` is what the disk said when it refused; from then on the ledger alone holds the
    truth, and no further line is written. `counted` folds what each item was first told as,
    `settled_earlier` counts those of them whose outcomes earlier runs had settled.
    """

    def __init__(self, writer: Lines, plan: Plan, run_id: str) -> None:
        self._writer = writer
        self._run_id = run_id
        self._places = Places(plan.items)
        self._written = bytearray(len(plan.items))  # a set of identities would be 200 bytes each
        self.counted = Fold(run_id)
        self.settled_earlier = 0
        self.failure: ReportFailure | None = None

    def add(self, record: ItemRecord) -> None:
        """Append the line of an item of the plan that has none yet."""
        self._write(self._line_of(record))

    def add_all(self, records: Iterable[ItemRecord]) -> None:
        """Append the lines of several items, one after the other."""
        for record in records:
            self.add(record)

    def add_at_once(self, records: Sequence[ItemRecord]) -> None:
        """Append the lines of some items, a few hundred in one go."""
        for start in range(0, len(records), AT_ONCE):
            some = records[start : start + AT_ONCE]
            self._write(b"".join(map(self._line_of, some)))

    def _line_of(self, record: ItemRecord) -> bytes:
        """Take a record in, and give its line unless there is one, or none is written any more."""
        place = self._places.of(record.item.identity)
        if place is None or self._written[place]:
            return b""
        self._written[place] = True
        self.counted.add(record)
        self.settled_earlier += record.outcome.settled and record.run_id not in (None, self._run_id)
        return b"" if self.failure else to_line(record, self._run_id)

    def repeat(self, start: int, repeated: Sequence[Repeated]) -> None:
        """Append the lines of items that earlier runs have invoiced, from that position on.

        None of them has a line yet.
        """
        self._written[start : start + len(repeated)] = b"\1" * len(repeated)
        self.settled_earlier += len(repeated)
        runs = dict.fromkeys(one.settlement.run_id for one in repeated)
        self.counted.add_invoiced(len(repeated), (run or "" for run in runs))
        self._write(b"" if self.failure else to_lines(repeated, self._run_id))

    def _write(self, lines: bytes) -> None:
        if self.failure or not lines:
            return
        try:
            self._writer.write(lines)
        except ReportFailure as failure:
            self.failure = failure

    def has_all(self, start: int, stop: int) -> bool:
        """Tell whether each item of the plan from `start` to before `stop` has its line."""
        return 0 not in self._written[start:stop]

    def close(self) -> None:
        """Bring the report to the disk."""
        try:
            self._writer.close()
        except ReportFailure as failure:
            self.failure = self.failure or failure
