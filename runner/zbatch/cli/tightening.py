"""Options that change what a spec says: another tenant, tighter limits, the absent month."""

from __future__ import annotations

from typing import Any, TypedDict

import click

from zbatch.app.loading import Overrides, Warn
from zbatch.cli import completing
from zbatch.cli.options import Command, ordinary, period, strictness
from zbatch.model import Rate
from zbatch.spec.values import parse_rate


class Tightening(TypedDict):
    """What `tightening` adds to a command."""

    tenant: str | None
    concurrency: int | None
    rate: Rate | None
    period: str | None
    strict: bool


def overrides(flags: Tightening, warn: Warn) -> Overrides:
    """Gather what `tightening` adds; `warn` is told of warnings."""
    return Overrides(
        tenant=flags["tenant"],
        concurrency=flags["concurrency"],
        rate=flags["rate"],
        strict=flags["strict"],
        warn=warn,
        period=flags["period"],
    )


class RateType(click.ParamType[Rate]):
    """A rate such as `20/s`, `600/min`, `5000/h`."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Rate:
        """Read a rate."""
        if isinstance(value, Rate):
            return value
        try:
            return parse_rate(str(value))
        except ValueError:
            self.fail("a rate is written 20/s, 600/min or 5000/h", param, ctx)


def tightening(command: Command) -> Command:
    """Add the options that point a spec at another tenant, press less hard or allow less."""
    options = [
        ordinary(
            "--tenant",
            metavar="NAME",
            help="Use this tenant instead of the spec's.",
            shell_complete=completing.tenants,
        ),
        ordinary(
            "--concurrency",
            type=click.IntRange(1, 40),
            metavar="N",
            help="At most N requests in flight; no more than the spec allows.",
        ),
        ordinary(
            "--rate",
            type=RateType(),
            metavar="RATE",
            help="At most so many requests a time (20/s, 600/min); no more than the spec allows.",
        ),
    ]
    for option in reversed([*options, period, strictness]):
        command = option(command)
    return command
