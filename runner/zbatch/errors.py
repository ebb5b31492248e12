"""The error tree, named by who must act; the command line turns each class into an exit code."""

from __future__ import annotations


class ZbatchError(Exception):
    """Tell one person, in one sentence, what is wrong and what to do about it.

    `command` is what to type instead, where there is such a thing: quoted for a shell.
    """

    command = ""


class Refused(ZbatchError):
    """The input must be changed by its author; nothing was sent (exit 2)."""


class NothingSelected(ZbatchError):
    """A selection matches no item; nothing was sent (exit 5)."""


class CannotStart(ZbatchError):
    """The surroundings must be put right first: lock, credentials, network, folder (exit 6)."""


class Interrupted(ZbatchError):
    """A signal came before anything was sent (exit 128 and the number of the signal)."""

    def __init__(self, message: str, signal: int) -> None:
        super().__init__(message)
        self.signal = signal


class LedgerFailure(ZbatchError):
    """The ledger can no longer be trusted to store; sending stops at once (exit 3, or 6 unsent)."""


class ReportFailure(ZbatchError):
    """The report could not be written though the ledger holds its facts (exit 3)."""
