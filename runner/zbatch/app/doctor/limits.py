"""What a tenant allows, by the headers of its answer and by the quota of its kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from zbatch.app.doctor.check import Check, note, ok, problem
from zbatch.model import Tenant
from zbatch.zuora.allowance import Allowance, allowance
from zbatch.zuora.limits import at_once, date_of
from zbatch.zuora.quotas import quota_of


def check_limits(tenant: Tenant, headers: Mapping[str, str]) -> Check:
    """Tell how much is left, and where a ceiling in tenants.yaml is above it."""
    calls, slots = allowance(headers, date_of(headers)), at_once(headers)
    told = [*_calls(calls), *_slots(headers), *_quota(tenant)]
    if calls and calls.remaining == 0:
        advice = f"wait {calls.reset:.0f} s, and see what else uses this tenant's quota"
        return problem("limits", "no request is left in this window", advice)
    ceiling = tenant.ceilings.concurrency if tenant.ceilings else None
    if slots and ceiling and ceiling > slots.limit:
        advice = f"lower ceilings.concurrency in tenants.yaml to {slots.limit}"
        return problem(
            "limits", f"{ceiling} at once in tenants.yaml, {slots.limit} by the tenant", advice
        )
    if not (calls or slots):
        return note("limits", "; ".join(["the answer tells of none", *told]))
    return ok("limits", "; ".join(told))


def _calls(calls: Allowance | None) -> Iterator[str]:
    if calls:
        of = f" of {calls.limit:,}" if calls.limit else ""
        yield f"{calls.remaining:,}{of} requests left for {calls.reset:.0f} s"


def _slots(headers: Mapping[str, str]) -> Iterator[str]:
    slots = at_once(headers)
    if slots:
        yield f"{slots.limit} at once, {slots.remaining} of them free"


def _quota(tenant: Tenant) -> Iterator[str]:
    quota = quota_of(tenant.kind)
    if quota and quota.calls_a_day:
        yield f"{quota.calls_a_day:,} a day for a {tenant.kind}"
