"""What a report comes to, folded from its lines: counts, causes, and the one sentence to begin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from zbatch.model import ExitCode, Outcome
from zbatch.report.kept import RunHead
from zbatch.report.lines import Line
from zbatch.report.since import OPEN
from zbatch.report.summary import is_unseen

FIRST_ACCOUNTS = 5
FIRST_MESSAGES = 3
MOST_CAUSES = 100

_VERDICTS = {
    ExitCode.OK: "Everything is settled.",
    ExitCode.FAILURES: "Some items failed; none of them was billed.",
    ExitCode.REFUSED: "Refused before anything was sent.",
    ExitCode.UNKNOWN: "An outcome is unknown: reconcile it, and bill nothing by hand.",
    ExitCode.STOPPED: "It ended before all was done; running the spec again goes on from there.",
    ExitCode.CANNOT_START: "It could not start, and nothing was sent.",
    ExitCode.INTERNAL: "zbatch met an error of its own; what was sent is in the ledger.",
}
_BILLED_TWICE = (
    "All is settled, but an item may be billed twice: more than one invoice counts for it."
)
_WAITING = "Some items wait for what is named with them: settle that, then run again."
_NO_DOUBT = "Nothing is left in doubt."
_DISPROVED = "Nothing is left in doubt; a run of the spec sends what was proved not to be there."
NOT_WHOLE = (
    "This report is not whole: its lines do not come to the totals in run.json. Lines were lost or"
    " changed after the run, or the disk did not take them; run the spec again for a new report."
)
_SIGNALLED = "It was interrupted, and nothing is in doubt; running it again goes on from there."


@dataclass(frozen=True, slots=True)
class Cause:
    """All items of one outcome that came with one code, and the first of their accounts."""

    outcome: Outcome
    code: str
    count: int
    accounts: tuple[str, ...]
    messages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Digest:
    """The sentence to begin with, the counts of all outcomes, and why what failed has failed.

    `causes` are ordered by gravity and then by how many items they hit; `without` counts the
    items that have no line: the run is under way, or was killed. `earlier` are items that an
    earlier run has settled, and that are only repeated here.
    """

    verdict: str
    planned: int
    counts: Mapping[Outcome, int]
    causes: tuple[Cause, ...]
    without: int
    earlier: int = 0


@dataclass(slots=True)
class _Group:
    count: int = 0
    accounts: dict[str, None] = field(default_factory=dict)
    messages: dict[str, None] = field(default_factory=dict)


def digest_of(head: RunHead, lines: Iterable[Line]) -> Digest:
    """Fold the lines of a run."""
    counts: Counter[Outcome] = Counter()
    groups: dict[tuple[Outcome, str], _Group] = {}
    repeated = unseen = 0
    for line in lines:
        counts[line.outcome] += 1
        if line.outcome.settled and line.finished_at and line.finished_at < head.started_at:
            repeated += 1
        unseen += is_unseen(line.outcome, line.error)
        if line.error and line.outcome in OPEN:
            group = groups.setdefault((line.outcome, line.error.code), _Group())
            group.count += 1
            if len(group.accounts) < FIRST_ACCOUNTS:
                group.accounts[line.account_number or line.account_id] = None
            if len(group.messages) < FIRST_MESSAGES:
                group.messages[line.error.message] = None
    causes = [
        Cause(outcome, code, one.count, tuple(one.accounts), tuple(one.messages))
        for (outcome, code), one in groups.items()
    ]
    causes.sort(key=lambda cause: (OPEN.index(cause.outcome), -cause.count, cause.code))
    without = max(0, head.planned - counts.total())
    said = _verdict(head, without, counts)
    if unseen:
        said = f"{said} {_unseen(unseen)}"
    if not is_whole(head, counts):
        said = f"{NOT_WHOLE} The run itself: {said}"
    earlier = _settled_earlier(head, repeated)
    return Digest(said, head.planned, counts, tuple(causes[:MOST_CAUSES]), without, earlier)


def _unseen(count: int) -> str:
    items = "1 item is" if count == 1 else f"{count:,} items are"
    return (
        f"But {items} told as already invoiced whose invoice the tenant did not show any more:"
        " running the spec again, from the time that is named with it, bills what is gone by then."
    )


def is_whole(head: RunHead, counts: Mapping[Outcome, int]) -> bool:
    """Tell whether lines of such counts are all that the run has told; an open run tells no end."""
    told = head.outcomes
    return told is None or all(counts.get(one, 0) == number for one, number in told.items())


def _settled_earlier(head: RunHead, repeated: int) -> int:
    """Tell how many items an earlier run has settled; of an open or older record as it seems.

    A last answer of before says little: an item in doubt has it too, whoever settles it. A
    reconciliation has no others.
    """
    if head.settled_earlier is not None:
        return head.settled_earlier
    return 0 if head.verb == "reconcile" else repeated


def _verdict(head: RunHead, without: int, counts: Mapping[Outcome, int]) -> str:
    if head.exit_code is None:
        return (
            f"The run is under way, or ended before it could say how: {without:,} of"
            f" {head.planned:,} items have no outcome here. What was sent is in the ledger."
        )
    if head.exit_code >= ExitCode.HANGUP:
        return _SIGNALLED
    twice = head.read_back and head.read_back.duplicates
    if head.exit_code == ExitCode.FAILURES and twice and not counts.get(Outcome.FAILED):
        return _BILLED_TWICE
    asked = head.verb == "reconcile"
    if head.exit_code == ExitCode.OK and asked:
        return _NO_DOUBT
    if head.exit_code == ExitCode.STOPPED and head.stop is None:
        return _DISPROVED if asked else _WAITING
    known = {int(code): said for code, said in _VERDICTS.items()}
    return known.get(head.exit_code, f"It ended with exit {head.exit_code}.")
