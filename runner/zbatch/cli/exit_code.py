"""Which exit code an error has: by who must act."""

from __future__ import annotations

from zbatch.errors import (
    CannotStart,
    Interrupted,
    LedgerFailure,
    NothingSelected,
    Refused,
    ReportFailure,
    ZbatchError,
)
from zbatch.model import ExitCode

EXIT_CODES: dict[type[ZbatchError], ExitCode] = {
    Refused: ExitCode.REFUSED,
    NothingSelected: ExitCode.NO_MATCH,
    CannotStart: ExitCode.CANNOT_START,
    LedgerFailure: ExitCode.UNKNOWN,
    ReportFailure: ExitCode.UNKNOWN,
}


def exit_code_of(error: ZbatchError) -> ExitCode:
    """Give the exit code of an error of ours."""
    if isinstance(error, Interrupted):
        return ExitCode(128 + error.signal)
    kinds = (EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)
    return next(kinds, ExitCode.INTERNAL)
