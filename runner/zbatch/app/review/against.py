"""What a plan is held against: an earlier spec, the same spec at a git revision, or a run."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from pathlib import Path

from zbatch.app.review.counts import pairs_of
from zbatch.app.review.revision import Repository, at_revision
from zbatch.app.runs import LATEST, PastRun, find_run, is_a_spec, run_in
from zbatch.app.state import State
from zbatch.app.told import told_in
from zbatch.errors import CannotStart, NothingSelected, Refused
from zbatch.ledger.glance import Glance, KnownRun, Listed, glance
from zbatch.model import Plan
from zbatch.spec import SpecError, load_spec, make_plan
from zbatch.spec.listing import by_account
from zbatch.spec.plan_diff import Dates, Listing, PlanDiff, compare
from zbatch.zuora.text import one_line

RUN, GIT = "run:", "git:"
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Then:
    """A spec at a git revision: the commit, and the spec's path in the repository."""

    repository: Repository
    revision: str
    commit: str
    path: str


def against(name: str, plan: Plan, folder: Path) -> PlanDiff:
    """Hold a plan against what `name` names: a file, a run of the ledger in `folder`, a revision.

    Raises `Refused` where it names nothing or two things, and for a spec that is none.
    """
    numbers = _numbers(folder)
    if not name.startswith((RUN, GIT)) and os.path.lexists(name):
        return compare(_of_spec(Path(name), one_line(name), plan, numbers), _of_plan(plan, numbers))
    run = None if name.startswith(GIT) else _run(name.removeprefix(RUN), folder)
    then = None if name.startswith(RUN) else _then(name.removeprefix(GIT), plan)
    if run and then:
        raise Refused(
            f"--against {one_line(name)}: this names a run and a git revision; write"
            f" {RUN}{one_line(name)} or {GIT}{one_line(name)}"
        )
    if run:
        return _with_run(run, plan, folder)
    if then:
        return _with_then(then, plan, numbers)
    if name.removeprefix(RUN) == LATEST:
        raise Refused(
            f"--against {one_line(name)}: the ledger of tenant {one_line(plan.tenant.name, 80)} has"
            " no run yet; name a spec to compare with, or leave --against out this time"
        )
    raise Refused(
        f"--against {one_line(name)}: there is no such file, no run in this tenant's ledger whose"
        " ID has this in it, and no such git revision"
    )


def run_meant(name: str, plan: Plan, folder: Path) -> PastRun | None:
    """Find the run whose amounts `name` means, at the plan's tenant: itself, or a spec's newest.

    A git revision means none, nor does a spec that was not run there from here.
    """
    if name.startswith(GIT):
        return None
    if name.startswith(RUN) or not os.path.lexists(name):
        run = _run(name.removeprefix(RUN), folder)
        return run_in(folder.parent, run.id) if run else None
    place = plan.tenant.host, plan.tenant.entity_id
    try:
        return find_run(State(folder.parent), name, place) if is_a_spec(name) else None
    except NothingSelected:
        return None


def _with_run(run: KnownRun, plan: Plan, folder: Path) -> PlanDiff:
    label = f"run {run.id} ({one_line(run.spec_name, 80)})"
    past = run_in(folder.parent, run.id)
    period = past.period

    def read(ledger: Glance) -> PlanDiff:
        before = Listing(label, period, _of_run(ledger.listed(run.id, told_in(past.report))))
        return compare(before, _of_plan(plan, ledger.numbers()))

    found = glance(folder, read)
    if found is None:
        raise CannotStart("the ledger has gone while it was read")
    return found


def _with_then(then: Then, plan: Plan, numbers: Mapping[str, str]) -> PlanDiff:
    label = f"{then.path} at {then.revision}"
    with at_revision(then.repository, then.commit, then.path) as spec:
        top = str(spec)[: -len(then.path)]
        try:
            before = _of_spec(spec, one_line(label), plan, numbers)
        except SpecError as error:
            raise SpecError(
                replace(one, file=f"{then.revision}:{one.file.removeprefix(top)}")
                for one in error.diagnostics
            ) from error
        return compare(before, _of_plan(plan, numbers))


def _numbers(folder: Path) -> Mapping[str, str]:
    """Give the account IDs that earlier runs have found for numbers; without a ledger none."""
    try:
        return glance(folder, Glance.numbers) or {}
    except CannotStart:
        return {}


def _run(part: str, folder: Path) -> KnownRun | None:
    """Find a run by its ID, a part of it that no other has, or as the latest that was to bill."""
    runs = glance(folder, Glance.runs) or ()
    if part == LATEST:
        return next((run for run in reversed(runs) if _was_to_bill(run, folder)), None)
    if not part:
        return None
    found = [run for run in runs if part in run.id]
    exact = [run for run in found if run.id == part]
    if len(found) > 1 and not exact:
        named = ", ".join(run.id for run in found[-_MOST_NAMED:])
        more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        raise Refused(
            f"--against {one_line(part)}: several runs have this in their ID: {named}{more}"
        )
    return next(iter(exact or found), None)


def _was_to_bill(run: KnownRun, folder: Path) -> bool:
    """Tell a run from a reconciliation, which lists no more than what was in doubt."""
    return run.items > 0 and not run_in(folder.parent, run.id).reconciles


def _then(name: str, plan: Plan) -> Then | None:
    """Find a revision of the repository that the spec lies in; `name` may end in `:PATH`."""
    spec = Path(os.path.realpath(plan.spec.file))
    repository = Repository.around(spec)
    if repository is None:
        return None
    revision, _, path = name.partition(":")
    commit = repository.commit(revision) if revision else None
    if commit is None:
        return None
    here = spec.relative_to(os.path.realpath(repository.top)).as_posix()
    return Then(repository, revision, commit, os.path.normpath(path) if path else here)


def _of_spec(path: Path, label: str, plan: Plan, numbers: Mapping[str, str]) -> Listing:
    """List a spec; which tenant it names decides nothing here, so the plan's own stands for it."""
    return replace(_of_plan(make_plan(load_spec(path), plan.tenant), numbers), label=label)


def _of_plan(plan: Plan, numbers: Mapping[str, str]) -> Listing:
    excluded = {
        key: one.reason
        for one in plan.spec.exclusions
        for key in (one.named, numbers.get(one.named, one.named))
    }
    listed = (one for one in _accounts(plan, numbers) if one[0] not in excluded)
    return Listing("this plan", plan.spec.period, listed, excluded)


def _accounts(plan: Plan, numbers: Mapping[str, str]) -> Iterator[tuple[str, Dates]]:
    """Give each account once with its dates: by ID where that is known, else by number.

    A spec may name one account by ID for one date and by number for another.
    """
    unresolved: dict[str, list[tuple[date, date, int]]] = defaultdict(list)
    for account in plan.unresolved:
        key = numbers.get(account.named, account.named)
        unresolved[key] += (
            (pair.target_date, pair.invoice_date, account.revision)
            for pair in pairs_of(plan.spec, account)
        )
    for key, dates in by_account(plan.items):
        more = unresolved.pop(key, ())
        yield key, tuple(sorted((*dates, *more))) if more else dates
    for key, left in unresolved.items():
        yield key, tuple(sorted(left))


def _of_run(listed: Iterator[Listed]) -> Iterator[tuple[str, Dates]]:
    for account_id, items in groupby(listed, key=lambda one: one.account_id):
        yield account_id, tuple((one.target_date, one.invoice_date, one.revision) for one in items)
