"""From text to a `Spec` to a `Plan`: the one door for what people write.

What lays a plan out is loaded when it is first asked for: `zbatch validate` has no use for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from zbatch.spec.ceilings import under_ceilings
from zbatch.spec.diagnostics import CODES, SHOWN, Diagnostic, Related, SpecError, tidy
from zbatch.spec.documents import load_document
from zbatch.spec.loader import blank_spec, check_spec, load_spec
from zbatch.spec.nodes import node_at
from zbatch.spec.project import (
    TENANTS_FILE,
    Project,
    elsewhere,
    find_project,
    path_in_project,
    resolve_tenant,
)
from zbatch.spec.tenants import TenantsFile, builtin_emulator, check_tenants, load_tenants
from zbatch.spec.warnings import Claims, misplaced

if TYPE_CHECKING:
    from zbatch.spec.idle import idle_once_resolved
    from zbatch.spec.plan import make_plan, resolve_plan

_PLACE = {"idle_once_resolved": "idle", "make_plan": "plan", "resolve_plan": "plan"}

__all__ = [
    "CODES",
    "SHOWN",
    "TENANTS_FILE",
    "Claims",
    "Diagnostic",
    "Project",
    "Related",
    "SpecError",
    "TenantsFile",
    "blank_spec",
    "builtin_emulator",
    "check_spec",
    "check_tenants",
    "elsewhere",
    "find_project",
    "idle_once_resolved",
    "load_document",
    "load_spec",
    "load_tenants",
    "make_plan",
    "misplaced",
    "node_at",
    "path_in_project",
    "resolve_plan",
    "resolve_tenant",
    "tidy",
    "under_ceilings",
]


def __getattr__(name: str) -> object:
    """Load what lays a plan out, and keep it here."""
    if name not in _PLACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"zbatch.spec.{_PLACE[name]}"), name)
    globals()[name] = found
    return found
