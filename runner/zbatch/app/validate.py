"""What can be said offline: the problems of specs, what a spec would send, and the schemas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from zbatch.errors import Refused
from zbatch.model import Limits, Plan, Rate, Tenant
from zbatch.spec import (
    TENANTS_FILE,
    Claims,
    Diagnostic,
    SpecError,
    check_spec,
    check_tenants,
    find_project,
    make_plan,
    misplaced,
    resolve_tenant,
    tidy,
    under_ceilings,
)
from zbatch.spec.schema import schema_text as schema_text  # others ask for it here

SUFFIXES = frozenset({".yaml", ".yml"})
FAULTS_SUFFIXES = (".faults.yaml", ".faults.yml")
KINDS = ("spec", "tenants", "plan", "faults", "report", "diagnostics")


@dataclass(frozen=True, slots=True)
class Findings:
    """The problems of so many files, file by file and in the order of their places."""

    files: int
    diagnostics: tuple[Diagnostic, ...]


Warn = Callable[[tuple[Diagnostic, ...]], None]


def unheard(warnings: tuple[Diagnostic, ...]) -> None:
    """Tell nobody of warnings."""


@dataclass(frozen=True, slots=True)
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


def validate(paths: Iterable[Path], period: str | None = None) -> Findings:
    """Check files, and all YAML files in folders; raise `Refused` where there is none.

    `period` takes the place of an absent one in each spec.
    """
    found: dict[Diagnostic, None] = {}
    claims = Claims()
    count = 0
    for path in _yaml_files(paths):
        count += 1
        found.update(dict.fromkeys(_check(path, claims, period)))
    return Findings(count, tuple(found))


def load_plan(path: Path, overrides: Overrides) -> Plan:
    """Read a spec and lay out what it sends; raise `SpecError` or `Refused`."""
    spec, findings = check_spec(path, overrides.period)
    if spec is None:
        strict = overrides.strict
        raise SpecError(findings if strict else _errors(findings), strict=strict)
    name = overrides.tenant or spec.tenant
    tenant = resolve_tenant(replace(spec, tenant=name), find_project(path))
    if name != spec.tenant and tenant.protected:
        raise Refused(_not_here(tenant, spec.tenant))
    if name == spec.tenant:
        findings = tidy((*findings, *misplaced(spec, tenant)))
    _heed(findings, overrides)
    spec = under_ceilings(spec, tenant)
    limits = tighten(spec.limits, overrides)
    return make_plan(replace(spec, tenant=name, limits=limits), tenant)


def _heed(warnings: tuple[Diagnostic, ...], overrides: Overrides) -> None:
    if warnings and overrides.strict:
        raise SpecError(warnings, strict=True)
    if warnings:
        overrides.warn(warnings)


def _errors(findings: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    return (finding for finding in findings if not finding.warning)


def _yaml_files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        inside = [found for found in sorted(path.rglob("*")) if _is_yaml(found, path)]
        if not inside:
            raise Refused(f"{path}: no .yaml or .yml file in this folder")
        yield from inside


def _is_yaml(path: Path, below: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(below).parts)
    return path.suffix in SUFFIXES and not hidden and path.is_file()


def _check(path: Path, claims: Claims, period: str | None) -> tuple[Diagnostic, ...]:
    if not path.exists():
        raise Refused(f"{path}: no such file or folder")
    if path.suffix.lower() == ".csv":
        raise Refused(
            f"{path}: this is a CSV file; give the spec that names it, which is checked with it"
        )
    if path.name == TENANTS_FILE:
        return check_tenants(path)[1]
    if path.name.endswith(FAULTS_SUFFIXES):
        # Loaded here, because specs need no emulator, which brings a web server along.
        from zbatch.app.faults import check_faults

        return check_faults(path)
    spec, diagnostics = check_spec(path, period)
    if spec is None:
        return diagnostics
    try:
        tenant = resolve_tenant(spec, find_project(path))
        under_ceilings(spec, tenant)
    except SpecError as error:
        return tidy((*diagnostics, *error.diagnostics))
    return tidy((*diagnostics, *misplaced(spec, tenant), *claims.against(spec, tenant)))


def _not_here(tenant: Tenant, named: str) -> str:
    return (
        f"--tenant {tenant.name}: this tenant is protected, and the spec names {named}. "
        f"A protected tenant is billed only by a spec that names it itself"
    )


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
