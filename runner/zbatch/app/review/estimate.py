"""How long a load takes at given limits, and whether a quota can hold it: pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from zbatch.app.review.in_turn import INVOICE_SECONDS
from zbatch.app.review.load import Load
from zbatch.engine.concurrency import GROWTH, START
from zbatch.engine.pacing import Pace
from zbatch.errors import Refused
from zbatch.model import Limits, Plan, Rate, Tenant
from zbatch.zuora.quotas import quota_of


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long a load takes, in seconds, if an invoice takes `INVOICE_SECONDS`.

    `decided_by` names the limit that decides, as a spec does, or `account`, whose items go one
    after the other: `most` of one; None where nothing is left to send.
    """

    seconds: float
    decided_by: str | None
    most: int = 0


@dataclass(frozen=True, slots=True)
class Use:
    """What a load uses of a quota for one stretch of time, at the given rate."""

    stretch: str
    seconds: int
    uses: int
    allowed: int

    @property
    def each(self) -> str:
        """For how long it is, in words."""
        return f"an {self.stretch}" if self.stretch == "hour" else f"a {self.stretch}"

    @property
    def fits(self) -> bool:
        """Whether the quota holds it, if nobody else uses the tenant."""
        return self.uses <= self.allowed


def estimate(load: Load, limits: Limits, most: int = 0) -> Estimate:
    """Tell how long a load takes, if all goes well; `most` items of it are of one account.

    Calls leave in waves of as many as may be in flight, and no wave is shorter than one call. The
    rate lets the last one leave, which then takes its time as well; the last question reads back
    what came of it. Each item that waits for another of its account is asked about once that one
    is done.
    """
    if not load.limited:
        return Estimate(0.0, None)
    call = load.call_seconds
    last = call if load.calls else INVOICE_SECONDS
    read_back = bool(load.after)
    rounds = ceil(load.before / limits.concurrency)
    seconds = {  # of equals the first decides
        "rate": (load.limited - read_back - 1) / limits.rate.per_second + last,
        "concurrency": _waves(load.calls, limits.concurrency) * call + rounds * INVOICE_SECONDS,
        "account": most * (INVOICE_SECONDS + call),
    }
    by = max(seconds, key=seconds.__getitem__)
    return Estimate(seconds[by] + read_back * INVOICE_SECONDS, by, most)


def _waves(calls: int, most: int) -> int:
    """Tell in how many waves calls leave: of few at first, and of half as many again each time."""
    waves, at_once = 0, float(min(START, most))
    while calls > 0 and at_once < most:
        calls -= int(at_once)
        at_once += GROWTH * int(at_once)
        waves += 1
    return waves + ceil(max(calls, 0) / most)


def pace_of(plan: Plan) -> Pace:
    """Make the pace of a run: the rate, and the quotas of the tenant's kind."""
    return Pace(plan.spec.limits.rate, (Rate(calls, s) for _, s, calls in _quotas(plan.tenant)))


def uses(load: Load, limits: Limits, tenant: Tenant) -> tuple[Use, ...]:
    """Hold a load against each quota of the tenant's kind; a tenant of no kind has none.

    Of an hour or a minute it uses what the rate lets through in that time.
    """
    return tuple(
        Use(name, seconds, min(load.limited, int(limits.rate.per_second * seconds)), allowed)
        for name, seconds, allowed in _quotas(tenant)
    )


def _quotas(tenant: Tenant) -> list[tuple[str, int, int]]:
    """Give each quota of a tenant's kind: its stretch of time, in seconds too, and its calls."""
    quota = quota_of(tenant.kind)
    if quota is None:
        return []
    stretches = (
        ("minute", 60, quota.calls_a_minute),
        ("hour", 3600, quota.calls_an_hour),
        ("day", 86400, quota.calls_a_day),
    )
    return [(name, seconds, allowed) for name, seconds, allowed in stretches if allowed is not None]


def too_much(load: Load, limits: Limits, tenant: Tenant) -> Iterator[str]:
    """Say of each quota that cannot hold a load what would, as sentences."""
    for use in uses(load, limits, tenant):
        if use.fits:
            continue
        part = f"{use.uses:,} of the" if use.uses < load.limited else "all"
        what = f"{part} {load.limited:,} calls and questions fall into one {use.stretch}"
        most = f"a tenant of kind {tenant.kind} has a quota of {use.allowed:,} {use.each}"
        yield f"{what}, and {most}: {_way_out(use)}"


def refuse_too_much(plan: Plan, load: Load) -> None:
    """Raise `Refused` where a quota of the tenant's kind cannot hold what a plan still needs."""
    said = [*too_much(load, plan.spec.limits, plan.tenant)]
    if said:
        raise Refused("; ".join(said))


def _way_out(use: Use) -> str:
    if use.stretch == "day":
        return "split the spec over several days, or take accounts out"
    short = {"minute": "min", "hour": "h"}[use.stretch]
    return f"tighten the rate to {use.allowed}/{short}, with limits.rate or --rate"
