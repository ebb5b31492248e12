"""Where a spec belongs: its project's folder, and the tenant that it names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from zbatch.model import EMULATOR, Source, Spec, Tenant
from zbatch.spec.diagnostics import Diagnostic, SpecError, quote
from zbatch.spec.tenants import builtin_emulator, load_tenants

TENANTS_FILE = "tenants.yaml"


@dataclass(frozen=True, slots=True)
class Project:
    """The folder that state and paths are relative to; both paths are absolute and real."""

    root: Path
    tenants_file: Path | None


def find_project(spec_path: Path) -> Project:
    """Return the project of a spec, following symbolic links to where the spec really is.

    Its root is the nearest folder with `tenants.yaml`, else the nearest with `.git`, else the
    spec's own.
    """
    folder = Path(os.path.realpath(spec_path)).parent
    above = (folder, *folder.parents)
    # lexists: a broken link named tenants.yaml must be complained about, never passed over
    for candidate in above:
        if os.path.lexists(candidate / TENANTS_FILE):
            return Project(candidate, candidate / TENANTS_FILE)
    root = next((candidate for candidate in above if (candidate / ".git").exists()), folder)
    return Project(root, None)


def elsewhere(root: Path, here: Path) -> Path | None:
    """Give a project's root where a command without a spec, called `here`, is for another one."""
    return None if find_project(here.absolute() / "spec").root == root else root


def path_in_project(spec: str) -> str | None:
    """Name a spec from its project's root, the same from wherever it is called; "" is no spec."""
    if not spec:
        return None
    return os.path.relpath(os.path.realpath(spec), find_project(Path(spec)).root)


def resolve_tenant(spec: Spec, project: Project) -> Tenant:
    """Return the tenant that the spec names, or raise SpecError.

    The built-in `emulator` needs no tenants file.
    """
    return find_tenant(spec.tenant, spec.tenant_source or Source(spec.file, 1), project)


def find_tenant(name: str, at: Source, project: Project) -> Tenant:
    """Return the tenant of a name that is written somewhere, or raise SpecError."""
    if name == EMULATOR:
        return builtin_emulator()
    tenants = load_tenants(project.tenants_file).tenants if project.tenants_file else {}
    if name in tenants:
        return tenants[name]
    where = f"in {project.tenants_file}" if project.tenants_file else "and there is no tenants.yaml"
    message = f"the tenant {quote(name)} is not known {where}"
    hint = _nearest(name, sorted([EMULATOR, *tenants]))
    raise SpecError([Diagnostic(at.file, at.line, at.column, "ZB303", message, hint)])


def _nearest(name: str, known: list[str]) -> str:
    from difflib import get_close_matches  # only what is wrong needs it

    near = get_close_matches(name, known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"known: {', '.join(known)}"
