"""A spec's limits under its tenant's ceilings: the written must fit, the rest gives way."""

from __future__ import annotations

from dataclasses import replace

from zbatch.model import Ceilings, Limits, Spec, Tenant
from zbatch.spec.diagnostics import Diagnostic, Related, SpecError

NAMES = ("concurrency", "rate", "objects_per_call")


def under_ceilings(spec: Spec, tenant: Tenant) -> Spec:
    """Return the spec with no limit above its tenant's ceilings, and `lowered` saying which were.

    A limit that the spec itself writes is refused, with both places, by SpecError. Defaults are
    lowered, and so is everything where the spec names another tenant than this one: whoever
    reviewed its limits did not mean them for this tenant.
    """
    if tenant.ceilings is None:
        return spec
    limits = _under(spec.limits, tenant.ceilings)
    changed = tuple(name for name in NAMES if getattr(limits, name) != getattr(spec.limits, name))
    meant = spec.limit_sources if spec.tenant == tenant.name else {}
    written = [name for name in changed if name in meant]
    if written:
        raise SpecError(_refusal(spec, tenant, tenant.ceilings, name) for name in written)
    return replace(spec, limits=limits, lowered=changed)


def _under(limits: Limits, ceilings: Ceilings) -> Limits:
    rates = (limits.rate, ceilings.rate or limits.rate)
    return replace(
        limits,
        concurrency=min(limits.concurrency, ceilings.concurrency or limits.concurrency),
        rate=min(rates, key=lambda rate: rate.per_second),
        objects_per_call=min(
            limits.objects_per_call, ceilings.objects_per_call or limits.objects_per_call
        ),
    )


def _refusal(spec: Spec, tenant: Tenant, ceilings: Ceilings, name: str) -> Diagnostic:
    at, asked, most = spec.limit_sources[name], getattr(spec.limits, name), getattr(ceilings, name)
    message = f"`{name}` is {asked}, above the ceiling of the tenant `{tenant.name}`"
    also = ceilings.sources.get(name)
    places = (Related("ceiling", also.file, also.line, also.column),) if also else ()
    hint = f"write {most} or less"
    return Diagnostic(at.file, at.line, at.column, "ZB340", message, hint, places)
