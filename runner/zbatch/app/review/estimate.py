"""How long a load takes at given limits, and whether a quota can hold it: pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from zbatch.app.review.counts import Load
from zbatch.engine.pacing import Pace
from zbatch.errors import Refused
from zbatch.model import Limits, Plan, Rate, Tenant
from zbatch.zuora.quotas import quota_of

INVOICE_SECONDS = 2.0  # assumed of Zuora for one invoice, and said wherever it is used


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long a load takes, in seconds, if an invoice takes `INVOICE_SECONDS`.

    `by_rate` says what decides: the rate, or else the concurrency.
    """

    seconds: float
    by_rate: bool

    @property
    def decided_by(self) -> str | None:
        """Name the limit that decides, as a spec does; None where nothing is left to send."""
        if not self.seconds:
            return None
        return "rate" if self.by_rate else "concurrency"


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


def estimate(load: Load, limits: Limits) -> Estimate:
    """Tell how long a load takes, if all goes well.

    Calls leave in waves of as many as may be in flight, and no wave is shorter than one call. The
    rate lets the last one leave, which then takes its time as well.
    """
    if not load.limited:
        return Estimate(0.0, by_rate=False)
    call = INVOICE_SECONDS * limits.objects_per_call
    last = call if load.calls else INVOICE_SECONDS
    by_rate = (load.limited - 1) / limits.rate.per_second + last
    questions = ceil(load.questions / limits.concurrency) * INVOICE_SECONDS
    by_concurrency = ceil(load.calls / limits.concurrency) * call + questions
    return Estimate(max(by_rate, by_concurrency), by_rate >= by_concurrency)


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
