"""Options that several verbs share, and how their values are written."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import click

from zbatch.model import Rate

Command = TypeVar("Command", bound=Callable[..., Any])

_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}
_RATE = re.compile(r"([1-9][0-9]{0,8})/(s|min|h)", re.ASCII)


class Tightening(TypedDict):
    """What `tightening` adds to a command."""

    tenant: str | None
    concurrency: int | None
    rate: Rate | None


class RateType(click.ParamType[Rate]):
    """A rate such as `20/s`, `600/min`, `5000/h`."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Rate:
        """Read a rate."""
        if isinstance(value, Rate):
            return value
        match = _RATE.fullmatch(str(value))
        if match is None:
            self.fail("a rate is written 20/s, 600/min or 5000/h", param, ctx)
        return Rate(int(match[1]), _SECONDS[match[2]])


def spec_argument(command: Command) -> Command:
    """Add the spec, which is checked by the loader rather than here."""
    return click.argument("spec", type=click.Path(path_type=Path))(command)


def tightening(command: Command) -> Command:
    """Add the options that point a spec at another tenant or press less hard."""
    options = [
        ordinary("--tenant", metavar="NAME", help="Use this tenant instead of the spec's."),
        ordinary(
            "--concurrency",
            type=click.IntRange(1, 40),
            metavar="N",
            help="At most N calls in flight; no more than the spec allows.",
        ),
        ordinary(
            "--rate",
            type=RateType(),
            metavar="RATE",
            help="At most so many calls a time (20/s, 600/min); no more than the spec allows.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def ordinary(*names: str, **settings: Any) -> Callable[[Command], Command]:
    """Make an option that the environment can set too, as ZBATCH_ and its long name."""
    long = next(name for name in names if name.startswith("--"))
    variable = "ZBATCH_" + long.removeprefix("--").upper().replace("-", "_")
    return click.option(*names, envvar=variable, show_envvar=True, **settings)
