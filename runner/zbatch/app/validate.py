"""Every problem of specs, tenants files and faults files, told offline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from zbatch.errors import Refused
from zbatch.spec import (
    TENANTS_FILE,
    Claims,
    Diagnostic,
    SpecError,
    check_spec,
    check_tenants,
    find_project,
    misplaced,
    resolve_tenant,
    tidy,
    under_ceilings,
)

SUFFIXES = frozenset({".yaml", ".yml"})
FAULTS_SUFFIXES = (".faults.yaml", ".faults.yml")


@dataclass(frozen=True, slots=True)
class Checked:
    """The problems of so many files, file by file and in the order of their places."""

    files: int
    diagnostics: tuple[Diagnostic, ...]


def validate(paths: Iterable[Path], period: str | None = None) -> Checked:
    """Check files, and all YAML files in folders; raise `Refused` where there is none.

    `period` takes the place of an absent one in each spec.
    """
    found: dict[Diagnostic, None] = {}
    claims = Claims()
    count = 0
    for path in _yaml_files(paths):
        count += 1
        found.update(dict.fromkeys(_check(path, claims, period)))
    return Checked(count, tuple(found))


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
    project = find_project(path)
    spec, diagnostics = check_spec(path, period, project)
    if spec is None:
        return diagnostics
    try:
        tenant = resolve_tenant(spec, project)
        under_ceilings(spec, tenant)
    except SpecError as error:
        return tidy((*diagnostics, *error.diagnostics))
    return tidy((*diagnostics, *misplaced(spec, tenant), *claims.against(spec, tenant)))
