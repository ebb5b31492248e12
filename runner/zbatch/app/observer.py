"""Who is told what happens in a run: report and watcher, and whoever looks between its stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zbatch.app.api import Watcher
from zbatch.app.gate import Gate, Seen
from zbatch.app.readback import Reader
from zbatch.app.recorder import Recorder
from zbatch.app.worth import Purse, known_of
from zbatch.engine.ending import StopReason
from zbatch.engine.events import Event, Settled
from zbatch.engine.loop import Engine
from zbatch.engine.stages import Choice, StageEnd
from zbatch.errors import LedgerFailure
from zbatch.model import Detail, ItemRecord, Outcome, Plan
from zbatch.spec.totals import count_accounts


class RunObserver:
    """Take the engine's events: the report first, then whoever watches.

    `invoiced` is what the invoices come to of the items that this run has settled so; where it has
    stages it is added up from look to look, too.
    """

    def __init__(self, recorder: Recorder, watch: Watcher, plan: Plan, run_id: str) -> None:
        self._recorder = recorder
        self._watch = watch
        self._run_id = run_id
        self.engine: Engine | None = None
        self.reader: Reader | None = None
        # Two dates of an account may have come to one invoice; two accounts never have.
        self._once = count_accounts(plan.items) == len(plan.items)
        self.invoiced = Purse(once=self._once)
        self._lately = Purse(once=self._once) if plan.spec.stages else None

    def __call__(self, event: Event) -> None:
        if type(event) is Settled:
            record = event.record.of_run(self._run_id)
            event = Settled(record)
            if self.reader and record.outcome.success and record.invoices is None:
                self.reader.take(record)  # whose line waits for what the tenant shows of it
            else:
                self.write([record])
        self._watch.event(event)

    def write(self, records: Sequence[ItemRecord]) -> None:
        """Write the lines of items; the run stops where the disk does not take them."""
        self._recorder.add_at_once(records)
        for record in records:
            if record.outcome is Outcome.INVOICED:
                self._count(known_of(record.invoices, record.invoice_ids))
        failure = self._recorder.failure
        if failure and self.engine:
            self.engine.stop(StopReason.DISK, str(failure))

    def _count(self, invoices: Sequence[Detail]) -> None:
        self.invoiced.put(invoices)
        if self._lately is not None:
            self._lately.put(invoices)

    def seen(self) -> Seen:
        """Tell what has been seen since this was told last."""
        seen = self.reader.seen() if self.reader else Seen()
        lately, self._lately = self._lately or Purse(), Purse(once=self._once)
        return replace(seen, amounts=lately.amounts)

    def fail(self, error: Exception) -> None:
        """Stop the run where what was read back cannot be kept; whatever is settled stays so."""
        reason = StopReason.DISK if isinstance(error, LedgerFailure) else StopReason.INTERNAL
        if self.engine:
            self.engine.stop(reason, str(error))


class ReadBackFirst:
    """Read back what came of a stage before anybody looks at it."""

    def __init__(self, gate: Gate, observer: RunObserver) -> None:
        self._gate = gate
        self._observer = observer

    async def look(self, end: StageEnd) -> Choice | None:
        """Tell how the run is to go on, once the stage's invoices are known."""
        if reader := self._observer.reader:
            await reader.catch_up()
        return await self._gate.look(end, self._observer.seen())
