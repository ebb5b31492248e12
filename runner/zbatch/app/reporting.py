"""What a run has left behind, gathered for a report: nothing is sent, locked or changed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache, cached_property, partial
from itertools import takewhile
from pathlib import Path
from typing import Any

from zbatch.app.doubt import in_doubt
from zbatch.app.runs import RECORD, PastRun, find_run, is_a_spec, list_runs
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
from zbatch.report.since import (
    NOT_CREATED,
    UNREADABLE,
    Change,
    Key,
    Now,
    changes,
    key_of,
    key_of_item,
    open_lines,
)
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
        try:
            found = glance(self.tenant_folder, partial(self._since, waiting)) if waiting else None
        except CannotStart:
            found = None
        return changes(waiting, found or {})

    def _since(self, waiting: Sequence[Line], ledger: Glance) -> dict[Key, Now]:
        lines = {key_of(line): line for line in waiting}
        runs = ledger.runs_after(self.run.run_id) | {self.run.run_id}
        now: dict[Key, Now] = {}
        silent = set(lines)
        for row in ledger.extract("items", self.run.run_id):
            key = (row["account_id"], row["target_date"], row["revision"])
            if key not in lines or not row["outcome"]:
                continue
            silent.discard(key)
            # An outcome of before says nothing where the run has asked again, and found it unclear.
            if row["settled_by"] in runs or _is_unread(lines[key]):
                now[key] = (Outcome(row["outcome"]), row["settled_by"])
        if silent:
            doubted = {key for key in silent if lines[key].outcome is Outcome.UNKNOWN}
            now |= self._without_outcome(silent, doubted, ledger)
        return now

    def _without_outcome(
        self, silent: Set[Key], doubted: Set[Key], ledger: Glance
    ) -> dict[Key, Now]:
        """Tell what is in doubt by now, and of what was so it is proved that nothing was billed."""
        items = [one for one in ledger.items_of(self.run.run_id) if key_of_item(one) in silent]
        now: dict[Key, Now] = {}
        disproved: set[Key] = set()
        for standing in ledger.standings(items):
            key = key_of_item(standing.item)
            if in_doubt(standing):  # a key whose calls never left, or were turned away, is none
                now[key] = (Outcome.UNKNOWN, None)
            elif standing.record is None and standing.attempts and key in doubted:
                disproved.add(key)
        by = self._proved_by(disproved) if disproved else {}
        return now | {key: (Outcome.NOT_ATTEMPTED, by.get(key)) for key in disproved}

    def _proved_by(self, disproved: Set[Key]) -> dict[Key, str]:
        """Name the latest reconciliation that has proved each, as far as its report is there."""
        by = dict[Key, str]()
        newest_first = list_runs(self.state)
        for run in takewhile(lambda one: one.run_id != self.run.run_id, newest_first):
            if run.reconciles and run.place == self.run.place:
                for key in disproved & _proofs_in(run):
                    by.setdefault(key, run.run_id)
        return by

    def _unreadable(self, error: NotKept) -> CannotStart:
        return CannotStart(f"the run {self.run.run_id} cannot be reported: {error}")


def _is_unread(line: Line) -> bool:
    return line.error is not None and line.error.code == UNREADABLE


def _proofs_in(run: PastRun) -> set[Key]:
    """Name the items of which a reconciliation's report says that nothing was created."""
    try:
        lines = read_lines(run.report)
        return {key_of(line) for line in lines if line.error and line.error.code == NOT_CREATED}
    except NotKept:
        return set()


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
