"""What a look at one thing has found, and at all of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from zbatch.model import ExitCode


class Mark(StrEnum):
    """How a thing is."""

    OK = "ok"
    NOTE = "note"  # no fault, and good to know
    PROBLEM = "problem"
    SKIPPED = "skipped"  # something else must be mended before it can be looked at


@dataclass(frozen=True, slots=True)
class Check:
    """One thing in one line: what was found, and where it is wrong what to do."""

    name: str
    mark: Mark
    found: str
    advice: str = ""

    @property
    def line(self) -> str:
        """Both in one sentence."""
        return f"{self.found}: {self.advice}" if self.advice else self.found


def ok(name: str, found: str) -> Check:
    """Say that a thing is as it should be."""
    return Check(name, Mark.OK, found)


def note(name: str, found: str) -> Check:
    """Say what is good to know."""
    return Check(name, Mark.NOTE, found)


def problem(name: str, found: str, advice: str = "") -> Check:
    """Say what is wrong, and what to do."""
    return Check(name, Mark.PROBLEM, found.rstrip("."), advice)


def skipped(name: str, found: str) -> Check:
    """Say why a thing was not looked at."""
    return Check(name, Mark.SKIPPED, found)


@dataclass(frozen=True, slots=True)
class Examination:
    """All that was found of a tenant; `unasked` where the tenant itself has given no answer."""

    tenant: str
    host: str
    checks: tuple[Check, ...]
    unasked: bool = False

    @property
    def problems(self) -> int:
        """How many things are wrong."""
        return sum(check.mark is Mark.PROBLEM for check in self.checks)

    @property
    def exit_code(self) -> ExitCode:
        """0 healthy, 1 findings, 6 the tenant could not be asked."""
        if self.unasked:
            return ExitCode.CANNOT_START
        return ExitCode.FAILURES if self.problems else ExitCode.OK
