"""What a run has left behind, gathered for a report: nothing is sent, locked or changed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from zbatch.app.runs import RECORD, PastRun, find_run, is_a_spec
from zbatch.app.state import State
from zbatch.app.worth import totals, worth
from zbatch.errors import CannotStart
from zbatch.ledger.glance import Glance, Sent, glance
from zbatch.model import Outcome
from zbatch.model.tenants import folder_of
from zbatch.report.amounts import Total
from zbatch.report.beside import Beside
from zbatch.report.kept import NotKept, RunHead, read_both, read_head, read_lines
from zbatch.report.lines import Line
from zbatch.report.reasons import Reason, own_reason
from zbatch.report.since import Change, Key, changes, key_of, open_lines
from zbatch.spec.project import Project, find_project
from zbatch.zuora.codes import MENDERS
from zbatch.zuora.explained import zuora_codes

VERSION = 1  # of the JSON document


@dataclass(frozen=True)
class Past:
    """A run as it can be told afterwards; all that reads a file raises `CannotStart`."""

    run: PastRun
    state: State
    project: Project

    @cached_property
    def head(self) -> RunHead:
        """What the run record says."""
        try:
            return read_head(self.run.folder / RECORD)
        except NotKept as error:
            raise self._unreadable(error) from error

    def lines(self) -> Iterator[Line]:
        """Read the report anew, line by line."""
        try:
            yield from read_lines(self.run.report)
        except NotKept as error:
            raise self._unreadable(error) from error

    def texts(self) -> Iterator[str]:
        """Read the report anew, line by line as it stands there."""
        try:
            for _, text in read_both(self.run.report):
                yield text.decode("utf-8")
        except NotKept as error:
            raise self._unreadable(error) from error

    @cached_property
    def counts(self) -> Mapping[Outcome, int]:
        """How many lines of the report have come to what."""
        return Counter(line.outcome for line in self.lines())

    @cached_property
    def totals(self) -> tuple[Total, ...]:
        """What all invoices of the report come to."""
        return totals(self.lines())

    def beside(self) -> Beside:
        """Give what a rendering is told beside the run's own files."""
        return Beside(explain, worth, self.totals, self.changes())

    @property
    def tenant_folder(self) -> Path:
        """Where the ledger of the run's tenant is."""
        return self.state.root / folder_of(self.head.host, self.head.entity_id)

    def sends(self) -> tuple[Sent, ...]:
        """Give what the ledger holds of the run's sends; without a readable ledger none."""
        try:
            return glance(self.tenant_folder, self._sends) or ()
        except CannotStart:
            return ()

    def _sends(self, ledger: Glance) -> tuple[Sent, ...]:
        return tuple(ledger.sends(self.run.run_id))

    def changes(self) -> tuple[Change, ...]:
        """Tell what has become of open items since; without a readable ledger nothing."""
        waiting = open_lines(self.lines())
        wanted = {key_of(line) for line in waiting}

        def read(ledger: Glance) -> dict[Key, tuple[Outcome, str | None]]:
            held: dict[Key, tuple[Outcome, str | None]] = {}
            for row in ledger.extract("items", self.run.run_id):
                key = (row["account_id"], row["target_date"], row["revision"])
                if key in wanted and row["outcome"]:
                    held[key] = (Outcome(row["outcome"]), row["settled_by"])
            return held

        try:
            found = glance(self.tenant_folder, read) if wanted else None
        except CannotStart:
            found = None
        return changes(waiting, found or {})

    def _unreadable(self, error: NotKept) -> CannotStart:
        return CannotStart(f"the run {self.run.run_id} cannot be reported: {error}")


def past_run(named: str, here: Path, state_dir: Path | None) -> Past:
    """Find a run by what a person calls it; raises `NothingSelected`.

    A spec means its own project, anything else the one around the folder `here`.
    """
    project = find_project(here.absolute() / (named if is_a_spec(named) else "spec"))
    state = State.of(project.root, state_dir)
    return Past(find_run(state, named), state, project)


@cache
def explain(code: str) -> Reason | None:
    """Say what a code means and who usually mends it: Zuora's, or one of zbatch's own."""
    zuoras = zuora_codes().get(code)
    if zuoras:
        return Reason(zuoras.meaning, MENDERS[code], zuoras.mend)
    return own_reason(code)


def as_document(past: Past) -> Iterator[str]:
    """Write a run as one JSON object, piece by piece: record, items one a line, and totals."""
    run = json.dumps(past.head.raw, allow_nan=False)
    yield f'{{"version": {VERSION}, "run": {run}, "items": ['
    before = "\n"
    for text in past.texts():
        yield before + text.rstrip("\n")
        before = ",\n"
    yield f'\n], "totals": {json.dumps([_total(one) for one in past.totals])}}}\n'


def _total(total: Total) -> dict[str, Any]:
    amount = total.amount
    return {
        "outcome": total.outcome.value,
        "currency": amount.currency,
        "invoices": amount.invoices,
        "amount": amount.text,
        "without_amount": amount.untold,
        "appended": amount.appended,
    }
