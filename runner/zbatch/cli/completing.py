"""What a shell offers for an argument that is half typed: specs, tenants and runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zbatch.errors import ZbatchError
from zbatch.model import EMULATOR
from zbatch.spec import TENANTS_FILE, check_tenants, find_project

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    Offers = list[CompletionItem]

MOST = 200  # files looked at: whoever has more names them
_FOLDER = "specs"
_KINDS = frozenset({".yaml", ".yml"})


def specs(_context: click.Context, _parameter: click.Parameter, typed: str) -> Offers:
    """Offer the files of specs/, or any file where none of them begins so."""
    return _beginning(typed, _spec_files()) or [_offer(typed, "file")]


def tenants(_context: click.Context, _parameter: click.Parameter, typed: str) -> Offers:
    """Offer the names in tenants.yaml, as far as it can be read, and the built-in one."""
    return _beginning(typed, [EMULATOR, *_tenant_names()])


def runs(_context: click.Context, _parameter: click.Parameter, typed: str) -> Offers:
    """Offer the IDs of this project's runs, the latest first."""
    from zbatch.app.state import State  # every verb comes by here, and hardly any completes

    found = sorted(State.of(find_project(Path.cwd() / "spec").root, None).runs(), reverse=True)
    return _beginning(typed, ["latest", *found] if found else [])


def specs_and_runs(context: click.Context, parameter: click.Parameter, typed: str) -> Offers:
    """Offer both, where either may stand."""
    return runs(context, parameter, typed) + specs(context, parameter, typed)


def _beginning(typed: str, names: list[str]) -> Offers:
    return [_offer(name) for name in names if name.startswith(typed)]


def _offer(value: str, kind: str = "plain") -> CompletionItem:
    from click.shell_completion import CompletionItem  # as above

    return CompletionItem(value, type=kind)


def _spec_files() -> list[str]:
    return sorted(str(path) for path in _walk(Path(_FOLDER)))[:MOST]


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        faults = path.name.removesuffix(path.suffix).endswith(".faults")
        if path.suffix in _KINDS and path.name != TENANTS_FILE and not faults:
            yield path


def _tenant_names() -> list[str]:
    file = find_project(Path.cwd() / "spec").tenants_file
    try:
        found = check_tenants(file)[0] if file else None
    except ZbatchError:
        return []
    return sorted(found.tenants) if found else []
