"""Read a spec and lay out what it sends, with what the command line changes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from zbatch.errors import Refused
from zbatch.model import Limits, Plan, Rate, Tenant
from zbatch.spec import (
    Diagnostic,
    Project,
    SpecError,
    blank_spec,
    builtin_emulator,
    check_spec,
    check_tenants,
    find_project,
    load_tenants,
    misplaced,
    resolve_tenant,
    tidy,
    under_ceilings,
)

Warn = Callable[[tuple[Diagnostic, ...]], None]


def unheard(warnings: tuple[Diagnostic, ...]) -> None:
    """Tell nobody of warnings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What the command line may change of a spec: another tenant, and tighter limits.

    `period` takes the place of an absent one. `strict` refuses a spec for its warnings too;
    otherwise `warn` is told of them.
    """

    tenant: str | None = None
    concurrency: int | None = None
    rate: Rate | None = None
    strict: bool = False
    warn: Warn = unheard
    period: str | None = None


def load_plan(path: Path, overrides: Overrides) -> Plan:
    """Read a spec and lay out what it sends; raise `SpecError` or `Refused`.

    Tighter limits are for `tighten`: a plan is approved with those of its spec.
    """
    project = find_project(path)
    spec, findings = check_spec(path, overrides.period, None if overrides.tenant else project)
    if spec is None:
        strict = overrides.strict
        raise SpecError(findings if strict else _errors(findings), strict=strict)
    name = overrides.tenant or spec.tenant
    tenant = resolve_tenant(replace(spec, tenant=name), project)
    if name != spec.tenant and tenant.protected:
        raise Refused(_not_here(tenant, spec.tenant))
    if name == spec.tenant:
        findings = (*findings, *misplaced(spec, tenant))
    heed(tidy((*findings, *_of_tenants(tenant, project))), overrides)
    from zbatch.spec.plan import make_plan  # the options of `validate` are here too

    return make_plan(replace(under_ceilings(spec, tenant), tenant=name), tenant)


def blank_plan(verb: str, tenant: Tenant) -> Plan:
    """Lay out nothing, under the tenant's ceilings: for a verb that asks without a spec."""
    spec = under_ceilings(blank_spec(verb, tenant.name), tenant)
    return Plan(spec, tenant, (), (), spec.digest)


def known_tenants(project: Project) -> dict[str, Tenant]:
    """Give by name all tenants that a project knows; raise `SpecError` for a bad tenants file."""
    named = {} if project.tenants_file is None else load_tenants(project.tenants_file).tenants
    return {one.name: one for one in (*named.values(), builtin_emulator())}


def emulator_book(project: Project) -> Path | None:
    """Find the account book that the project names for the built-in tenant."""
    if project.tenants_file is None:
        return None
    return load_tenants(project.tenants_file).emulator_accounts


def _of_tenants(tenant: Tenant, project: Project) -> tuple[Diagnostic, ...]:
    """Give the warnings of the file that a tenant is from."""
    if tenant.embedded or project.tenants_file is None:
        return ()
    return check_tenants(project.tenants_file)[1]


def heed(warnings: tuple[Diagnostic, ...], overrides: Overrides) -> None:
    """Tell of warnings, or raise `SpecError` where they are as good as errors."""
    if warnings and overrides.strict:
        raise SpecError(warnings, strict=True)
    if warnings:
        overrides.warn(warnings)


def _errors(findings: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    return (finding for finding in findings if not finding.warning)


def tighten(limits: Limits, overrides: Overrides) -> Limits:
    """Press less, as the command line asks; raise `Refused` where it asks for more."""
    concurrency = overrides.concurrency or limits.concurrency
    rate = overrides.rate or limits.rate
    if concurrency > limits.concurrency:
        raise Refused(
            f"--concurrency {concurrency} is more than is allowed here ({limits.concurrency}): "
            "a flag may only tighten what was reviewed"
        )
    if rate.per_second > limits.rate.per_second:
        raise Refused(
            f"--rate {rate} is more than is allowed here ({limits.rate}): "
            "a flag may only tighten what was reviewed"
        )
    return replace(limits, concurrency=concurrency, rate=rate)


def _not_here(tenant: Tenant, named: str) -> str:
    return (
        f"--tenant {tenant.name}: this tenant is protected, and the spec names {named}. "
        f"A protected tenant is billed only by a spec that names it itself"
    )
