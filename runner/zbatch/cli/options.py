"""Options that several verbs share, and how their values are written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import click

from zbatch.cli import completing
from zbatch.spec.expressions import PERIOD
from zbatch.spec.values import parse_duration

Command = TypeVar("Command", bound=Callable[..., Any])

# What `run` and `reconcile` end with alike; each adds its own, and the whole table is in
# docs/exit-codes.md.
EXIT_CODES = """\b
Exit codes:
  0  everything settled               6  could not start, nothing was sent
  1  some items failed               70  internal error
  2  refused, nothing was sent      129, 130, 143  interrupted and drained
  3  an outcome is unknown
"""
STOPPED = "  4  stopped early, run again to go on\n"
LEFT_TO_RUN = "  4  proved not billed, zbatch run sends it; or stopped early\n"
NOT_IN_DOUBT = "  5  --accept names an item that is not in doubt\n"


class Confirming(TypedDict):
    """What `confirming` adds to a command."""

    confirm: str | None


class DurationType(click.ParamType[float]):
    """A duration such as `500ms`, `30s`, `5m`."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read a duration as seconds."""
        try:
            return value if isinstance(value, float) else parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class PeriodType(click.ParamType[str]):
    """A month such as `2026-11`."""

    name = "period"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read a month."""
        if not PERIOD.fullmatch(str(value)):
            self.fail("a period is a month from 2000-01 to 2099-12, written YYYY-MM", param, ctx)
        return str(value)


def plan_argument(command: Command) -> Command:
    """Add the spec, or the plan that was frozen from one."""
    return click.argument(
        "spec",
        type=click.Path(path_type=Path),
        metavar="SPEC|PLAN.JSON",
        shell_complete=completing.specs,
    )(command)


def period(command: Command) -> Command:
    """Add the month that stands in for an absent one."""
    return ordinary(
        "--period",
        type=PeriodType(),
        metavar="YYYY-MM",
        help="The month that date expressions mean, where the spec has no period of its own.",
    )(command)


def strictness(command: Command) -> Command:
    """Add the wish to be refused where there would be a warning."""
    return ordinary("--strict", is_flag=True, help="Take warnings for errors.")(command)


def confirming(command: Command) -> Command:
    """Add the flag that names a protected tenant."""
    return acknowledgement(
        "--confirm",
        metavar="NAME",
        help="Name the protected tenant that is meant; in a terminal it can be typed instead.",
    )(command)


def starting_ledger(command: Command) -> Command:
    """Add the flag for the first run of a protected tenant on a CI runner."""
    return acknowledgement(
        "--confirm-new-ledger",
        metavar="NAME",
        help="Let this tenant, protected, start a ledger on a CI runner: for its first run alone.",
    )(command)


def report_copy(command: Command) -> Command:
    """Add where a copy of the report goes."""
    return ordinary(
        "--report",
        type=click.Path(path_type=Path),
        metavar="PATH",
        help="Write a copy of the report to PATH, which must not exist.",
    )(command)


def state_folder(command: Command) -> Command:
    """Add where ledger and reports are."""
    return ordinary(
        "--state-dir",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Keep ledger and reports in DIR instead of the project's .zbatch.",
    )(command)


def acknowledgement(*names: str, **settings: Any) -> Callable[[Command], Command]:
    """Make an option that stands in the command itself: no variable sets it unseen."""
    return click.option(*names, **settings)


def ordinary(*names: str, of: str = "", **settings: Any) -> Callable[[Command], Command]:
    """Make an option that the environment can set too, as ZBATCH_ and its long name.

    `of` is the verb, where the same option of another verb takes other values.
    """
    long = next(name for name in names if name.startswith("--"))
    variable = "_".join(filter(None, ("ZBATCH", of, long.removeprefix("--").replace("-", "_"))))
    return click.option(*names, envvar=variable.upper(), show_envvar=True, **settings)
