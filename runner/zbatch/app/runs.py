"""The runs that a state folder holds, found by ID, by a unique part of it, by `latest` or by spec.

Nothing is locked, made or changed: a run may be at work in the folder meanwhile.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, takewhile
from pathlib import Path, PurePath
from typing import Any

from zbatch.app.state import State
from zbatch.errors import NothingSelected
from zbatch.spec import find_project, path_in_project
from zbatch.spec.expressions import PERIOD

LATEST = "latest"
RECORD, REPORT = "run.json", "report.jsonl"
ELSEWHERE = "name the spec of one, or the folder of its state with --state-dir"
SPEC_SUFFIXES = frozenset({".yaml", ".yml"})
Place = tuple[object, object]
"""Host and entity of a tenant."""

_ID_PART = re.compile("[0-9TZ]*-?[0-9a-f]*")
_MOST_SHOWN = 5
_SECOND = len("20261130T201502Z")


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run's folder and its record `run.json`; the record of a damaged one is empty."""

    run_id: str
    folder: Path
    record: Mapping[str, Any]

    @property
    def report(self) -> Path:
        """Where the report's lines are."""
        return self.folder / REPORT

    @property
    def spec_file(self) -> str | None:
        """The spec as it was named on the command line."""
        return self._of_spec("file")

    @property
    def spec_path(self) -> str | None:
        """The spec from its project's root; older runs did not record it."""
        return self._of_spec("path")

    @property
    def project(self) -> Path | None:
        """The root of the project that it was called for, which may not be there any more.

        It is told from the state folder, so that both may be moved together; older runs did not
        record it.
        """
        told = self.part("given").get("project")
        if not isinstance(told, str):
            return None
        return Path(os.path.realpath(self.folder.parent.parent / told))

    @property
    def period(self) -> str | None:
        """The month that it billed, written YYYY-MM, if it was told one."""
        period = self._of_spec("period")
        return period if period and PERIOD.fullmatch(period) else None

    @property
    def tenant_name(self) -> str | None:
        """The tenant, by the name that its project knew."""
        name = self.part("tenant").get("name")
        return name if isinstance(name, str) else None

    @property
    def started_at(self) -> str:
        """When it began, as a text that sorts by time; "" where the record is damaged."""
        started = self.record.get("started_at")
        return started if isinstance(started, str) else ""

    @property
    def reconciles(self) -> bool:
        """Tell whether it only asked: then its report is of what was in doubt, not of a spec."""
        return self.record.get("verb") == "reconcile"

    @property
    def ended(self) -> bool:
        """Tell whether the run has written its last word; one that was killed never has."""
        return self.record.get("finished_at") is not None

    @property
    def place(self) -> Place:
        """Host and entity of its tenant; other tenants may have the very same account IDs."""
        tenant = self.part("tenant")
        return tenant.get("host"), tenant.get("entity_id")

    def part(self, name: str) -> Mapping[str, Any]:
        """Give an object within the record, such as `tenant`; an empty one where it has none."""
        value = self.record.get(name)
        return value if isinstance(value, dict) else {}

    def _of_spec(self, name: str) -> str | None:
        value = self.part("spec").get(name)
        return value if isinstance(value, str) else None


def run_in(root: Path, run_id: str) -> PastRun:
    """Give the run of this ID from a state folder; without a record if it has none there."""
    folder = root / "runs" / run_id
    return PastRun(run_id, folder, _read(folder / RECORD))


def to_bill(root: Path, run_ids: Iterable[str]) -> Iterator[str]:
    """Leave the reconciliations out of some runs; one whose record is gone is taken for none."""
    return (run_id for run_id in run_ids if not run_in(root, run_id).reconciles)


def is_a_spec(named: str) -> bool:
    """Tell whether a person names a spec's file, which may have any name, not a run."""
    if PurePath(named).suffix.lower() in SPEC_SUFFIXES:
        return True
    if named == LATEST or _ID_PART.fullmatch(named) or not os.path.isfile(named):
        return False
    # Loaded here, because a run that is found needs nothing of plans.
    from zbatch.app.review.frozen import is_frozen

    return not is_frozen(Path(named))


def list_runs(state: State) -> Iterator[PastRun]:
    """Give the runs of a state folder, the newest first.

    An ID tells the second; of one second, the record tells which was later.
    """
    for _, names in groupby(sorted(state.runs(), reverse=True), key=lambda name: name[:_SECOND]):
        runs = [run for name in names if (run := run_in(state.root, name)).folder.is_dir()]
        yield from sorted(runs, key=lambda run: run.started_at, reverse=True)


def later_runs(state: State, run: PastRun) -> Iterator[PastRun]:
    """Give the runs that were to do the same as one since: of its spec, month and tenant.

    The newest comes first.
    """

    def what(one: PastRun) -> tuple[object, ...]:
        return one.project, one.spec_path, one.period, one.place, one.reconciles

    if run.spec_path is None:
        return iter(())
    since = takewhile(lambda one: one.run_id != run.run_id, list_runs(state))
    return (one for one in since if what(one) == what(run))


def find_run(state: State, named: str, place: Place | None = None) -> PastRun:
    """Find a run by its ID, a unique part of it or `latest`, or the newest run of a spec's file.

    A spec's run is one that was to bill it: a reconciliation has no report of all its items.
    With a `place` it is one of that tenant: a spec may have been rehearsed at another.

    Raises `NothingSelected` where there is none, or more than one that is meant equally.
    """
    runs = (run for run in list_runs(state) if place in (None, run.place))
    if is_a_spec(named):
        path = path_in_project(named)
        of_spec = (run for run in runs if _is_of(run, path, Path(named)) and not run.reconciles)
        return _found(next(of_spec, None), f"no run of {named} is known in {state.root}")
    if named == LATEST:
        return _found(next(runs, None), f"no run is known in {state.root}", ELSEWHERE)
    alike = [run for run in runs if named and named in run.run_id]
    exact = [run for run in alike if run.run_id == named]
    if len(alike) > 1 and not exact:
        shown = ", ".join(run.run_id for run in alike[:_MOST_SHOWN])
        more = f" and {len(alike) - _MOST_SHOWN} more" if len(alike) > _MOST_SHOWN else ""
        raise NothingSelected(f"{named} is a part of {len(alike)} runs: {shown}{more}")
    if not alike and named and os.path.isfile(named):
        raise NothingSelected(_of_a_file(Path(named)))
    return _found(next(iter(exact or alike), None), f"no run {named!r} is known in {state.root}")


def _of_a_file(path: Path) -> str:
    """Say what a file is that was named as if it were a run."""
    # Loaded here, because a run that is found needs nothing of plans.
    from zbatch.app.review.frozen import is_frozen

    if is_frozen(path):
        return (
            f"{path} is a frozen plan, not a run: zbatch plan {path} shows it, zbatch run {path}"
            " carries it out; a run is named by its spec, its ID, a part of that, or latest"
        )
    return f"no run has {path} in its ID; for the file of this name write ./{path}"


def _found(
    run: PastRun | None, otherwise: str, hint: str = "zbatch status lists the runs"
) -> PastRun:
    if run is None:
        raise NothingSelected(f"{otherwise}; {hint}")
    return run


def _is_of(run: PastRun, path: str | None, spec: Path) -> bool:
    """Tell whether a run's spec is a file, by its path from its project's root.

    Of another project it is another one, unless that is not there any more: it may have been moved.
    Of an older run only what was typed is known, from whichever folder that was.
    """
    if run.spec_path is not None:
        root = run.project
        near = root is None or not root.is_dir() or root == find_project(spec).root
        return near and run.spec_path == path
    if run.spec_file is None:
        return False
    typed = PurePath(os.path.normpath(run.spec_file)).parts
    parts = [part for part in typed if part != ".."]
    return bool(parts) and list(spec.resolve().parts[-len(parts) :]) == parts


def _read(path: Path) -> Mapping[str, Any]:
    try:
        record = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}
