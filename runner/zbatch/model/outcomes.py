"""What a run can come to: the words of the report, and the exit codes."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Outcome(StrEnum):
    """What an item has come to, in the words of the report."""

    INVOICED = "invoiced"
    ALREADY_INVOICED = "already_invoiced"
    NOTHING_TO_BILL = "nothing_to_bill"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_ATTEMPTED = "not_attempted"

    @property
    def success(self) -> bool:
        """Whether an invoice is known to exist."""
        return self in (Outcome.INVOICED, Outcome.ALREADY_INVOICED)

    @property
    def settled(self) -> bool:
        """Whether a run has nothing left to do here.

        A later run still asks about what zbatch did not invoice itself: `already_invoiced` is sent
        once its invoice is gone, and `nothing_to_bill` may have been invoiced since.
        """
        return self in (
            Outcome.INVOICED,
            Outcome.ALREADY_INVOICED,
            Outcome.NOTHING_TO_BILL,
            Outcome.FAILED,
        )


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
