"""Hold the tenant against the ledger, item by item: only questions, and nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from zbatch.app.asking import PATIENCE, Bureau
from zbatch.app.comparing import Comparing, Telling
from zbatch.app.loading import Overrides, emulator_book
from zbatch.app.numbers import with_ids
from zbatch.app.outside import Outside
from zbatch.app.status import Status
from zbatch.app.subject import Known, Subject, known_of, subject_of
from zbatch.engine.agreement import Agreement, Code, Difference
from zbatch.engine.money import Sum, as_own, sums
from zbatch.model import ExitCode, Item, Outcome, Tenant

WAIT = 60.0  # seconds for what is being generated, or cannot be read yet
MOST_LOOKS = 3  # at what the ledger has come to hold meanwhile: an item is sent, and then settled

# What a run that bills meanwhile may have accounted for: more than the ledger held, or nothing yet.
_ACCOUNTED_FOR_LATER = frozenset({Code.UNRECORDED, Code.DUPLICATE, Code.MISSING})


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What is to be verified: a spec's items, or those of a run.

    `what` is the file of a spec, or names a run; `folder` says from where the project is looked
    for then. `wait` is for how many seconds what is not finished is asked about again, `patience`
    for how many a host that cannot be reached is tried; `outside` gives the time and its jitter.
    No flag sets these two, nor the folder: it is the current one.
    """

    what: str
    folder: Path = Path()
    tenant: str | None = None
    period: str | None = None
    state_dir: Path | None = None
    wait: float = WAIT
    patience: float = PATIENCE
    tell: Callable[[str], None] = lambda _: None
    outside: Outside = field(default_factory=Outside)


@dataclass(frozen=True, slots=True)
class Verified:
    """What verifying came to.

    `reconciled_by` names the reconciliations since the run whose items were compared as well.
    `findings` are the differences in the order of the items, `in_doubt` the items whose outcome
    the ledger does not know, but for those `under_way`: they are of calls that have no answer so
    far, of the run `at_work`. `totals` are of the invoices that are the items' own. `asked` counts
    the questions.
    """

    what: str
    run_id: str | None
    reconciled_by: tuple[str, ...]
    tenant: Tenant
    asked_at: datetime
    outcomes: Mapping[Outcome, int]
    findings: tuple[tuple[Item, Difference], ...]
    in_doubt: tuple[Item, ...]
    totals: tuple[Sum, ...]
    asked: int
    under_way: tuple[Item, ...] = ()
    at_work: Status | None = None

    @property
    def items(self) -> int:
        """How many items were held against the tenant."""
        return sum(self.outcomes.values())

    @property
    def exit_code(self) -> ExitCode:
        """Tell how it ended: doubt outweighs findings, and so does what is under way."""
        if self.in_doubt or self.under_way:
            return ExitCode.UNKNOWN
        return ExitCode.FAILURES if self.findings else ExitCode.OK


def verify(options: VerifyOptions) -> Verified:
    """Hold the tenant against the ledger.

    Raises `Refused` and `SpecError` for what is to be verified, `NothingSelected` where no such
    run is known, `CannotStart` where ledger or tenant do not answer, `Interrupted` by a signal.
    """
    overrides = Overrides(tenant=options.tenant, period=options.period)
    subject = subject_of(options.what, options.folder, options.state_dir, overrides)
    telling, book = Telling(options.tell), emulator_book(subject.project)
    bureau = Bureau(subject.folder, book, telling.event, options.outside, options.patience)
    resolved = with_ids(subject.plan, bureau, overrides)
    asked_at = options.outside.clock.now()
    comparing = Comparing(bureau, resolved.plan, telling, options.wait, resolved.pace)
    known, compared, asked = _held_against(
        lambda: known_of(subject, resolved.plan, options.outside.clock), comparing
    )
    told = _told(options.what, subject, asked_at, compared, resolved.asked + asked)
    return _beside_a_run(told, known)


def _held_against(
    read: Callable[[], Known], comparing: Comparing
) -> tuple[Known, list[tuple[Item, Agreement]], int]:
    """Compare what the ledger holds, and again what it has come to hold while the tenant was asked.

    A run that bills meanwhile writes down what it does before the tenant can show it: of what is
    shown and not in the ledger by then, no run of this ledger knows.
    """
    known = read()
    items = [item for item, _ in known.entries]
    found, asked = comparing.compared([one for _, one in known.entries])
    for _ in range(MOST_LOOKS):
        outdated = {one.entry.identity: one.entry for one in found.values() if _may_be_late(one)}
        known = read() if outdated else known
        later = [one for _, one in known.entries if outdated.get(one.identity, one) != one]
        if not later:
            break
        again, more = comparing.compared(later)
        found, asked = found | again, asked + more
    return known, [(item, found[item.identity]) for item in items], asked


def _may_be_late(one: Agreement) -> bool:
    """Tell whether a run may have settled by now what the ledger did not know of an item."""
    unknown = any(found.code in _ACCOUNTED_FOR_LATER for found in one.differences)
    return unknown or one.entry.outcome is Outcome.UNKNOWN


def _beside_a_run(told: Verified, known: Known) -> Verified:
    """Tell the calls of a run that is at work from what nobody is about to settle.

    That the ledger does not hold their invoices yet is no finding.
    """
    under_way = known.under_way
    return replace(
        told,
        findings=tuple(
            (item, found)
            for item, found in told.findings
            if not (item.identity in under_way and found.code is Code.UNRECORDED)
        ),
        in_doubt=tuple(one for one in told.in_doubt if one.identity not in under_way),
        under_way=tuple(one for one in told.in_doubt if one.identity in under_way),
        at_work=known.at_work,
    )


def _told(
    what: str,
    subject: Subject,
    asked_at: datetime,
    compared: Sequence[tuple[Item, Agreement]],
    asked: int,
) -> Verified:
    outcomes = Counter(one.entry.outcome or Outcome.NOT_ATTEMPTED for _, one in compared)
    return Verified(
        what=what,
        run_id=subject.run.run_id if subject.run else None,
        reconciled_by=tuple(run.run_id for run in subject.since),
        tenant=subject.plan.tenant,
        asked_at=asked_at,
        outcomes={outcome: outcomes[outcome] for outcome in Outcome},
        findings=tuple((item, one) for item, found in compared for one in found.differences),
        in_doubt=tuple(i for i, one in compared if one.entry.outcome is Outcome.UNKNOWN),
        totals=sums(as_own(invoice) for _, one in compared for invoice in one.invoices),
        asked=asked,
    )
