"""What a run can come to: the words of the report, and the exit codes."""

from __future__ import annotations

from enum import IntEnum, StrEnum

_SUCCESSES = ("invoiced", "already_invoiced")
_SETTLED = (*_SUCCESSES, "nothing_to_bill", "failed")


class Outcome(StrEnum):
    """What an item has come to, in the words of the report.

    It is a `success` where an invoice is known to exist, and `settled` where a run has nothing left
    to do. A later run still asks about what zbatch did not invoice itself: `already_invoiced` is
    sent once its invoice is gone, and `nothing_to_bill` may have been invoiced since.
    """

    INVOICED = "invoiced"
    ALREADY_INVOICED = "already_invoiced"
    NOTHING_TO_BILL = "nothing_to_bill"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_ATTEMPTED = "not_attempted"

    def __init__(self, word: str) -> None:
        self.success = word in _SUCCESSES
        self.settled = word in _SETTLED


class ExitCode(IntEnum):
    """The exit codes of the command line, `docs/exit-codes.md`."""

    OK = 0
    FAILURES = 1
    REFUSED = 2
    UNKNOWN = 3
    STOPPED = 4
    NO_MATCH = 5
    CANNOT_START = 6
    INTERNAL = 70
    HANGUP = 129
    INTERRUPTED = 130
    TERMINATED = 143
