"""The start of a project: a first spec, a tenants file, their schemas, and what git leaves out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from pathlib import Path

from zbatch.errors import CannotStart, Refused
from zbatch.report.files import write_new
from zbatch.spec import TENANTS_FILE, find_project
from zbatch.spec.schema import schema_text

SPEC = "specs/month-end.yaml"
_IGNORED = frozenset({".zbatch", ".zbatch/", "/.zbatch", "/.zbatch/"})

# By the name in the project: a dot would hide a template from whoever looks for it.
_TEMPLATES = {SPEC: SPEC, TENANTS_FILE: TENANTS_FILE, ".gitignore": "gitignore"}
_SCHEMAS = ("spec", "tenants")


class Fate(StrEnum):
    """What became of one file."""

    WRITTEN = "wrote"
    KEPT = "kept"
    OTHER = "kept, which is not what this version writes"
    UNPROTECTED = "kept, which does not name .zbatch/: add that line, lest a ledger gets into git"


@dataclass(frozen=True, slots=True)
class Begun:
    """The files of a project, by their names in it."""

    folder: Path
    fates: dict[str, Fate]

    @property
    def needs_a_hand(self) -> bool:
        """Tell whether something that was kept must be changed by somebody."""
        return Fate.UNPROTECTED in self.fates.values()


def begin_project(folder: Path) -> Begun:
    """Write what a project needs and does not have yet; what is there stays as it is.

    Raise `Refused` within another project, since a tenants file of its own would give the specs
    below it another ledger, and `CannotStart` where nothing can be written.
    """
    _refuse_within(folder)
    return Begun(folder, {name: _written(folder / name, text) for name, text in _contents()})


def _written(path: Path, text: str) -> Fate:
    try:
        return _begin(path, text)
    except OSError as error:
        raise CannotStart(f"{path}: cannot be written: {error.strerror}") from error


def _refuse_within(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise Refused(f"{folder}: is there, and is no folder")
    project = find_project(folder / SPEC)
    there = project.tenants_file
    if there and project.root not in (_real(folder), _real(folder / "specs")):
        raise Refused(
            f"{folder} is within the project of {there}: a tenants file of its own would give "
            f"its specs another ledger, and what was billed would be forgotten there; "
            f"put a new spec into {project.root / 'specs'}"
        )


def _real(folder: Path) -> Path:
    return Path(os.path.realpath(folder))


def _contents() -> Iterator[tuple[str, str]]:
    templates = files("zbatch").joinpath("templates")
    for name, template in _TEMPLATES.items():
        yield name, templates.joinpath(template).read_text("utf-8")
    for kind in _SCHEMAS:
        yield f"schemas/{kind}.schema.json", schema_text(kind)


def _begin(path: Path, text: str) -> Fate:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_new(path, text.encode(), 0o666)  # never half of it, which would be kept next time
    except FileExistsError:
        return _kept(path, text)
    return Fate.WRITTEN


def _kept(path: Path, text: str) -> Fate:
    try:
        there = path.read_text("utf-8", errors="replace")
    except OSError:
        return Fate.OTHER
    if path.name == ".gitignore":
        named = {line.strip() for line in there.splitlines()} & _IGNORED
        return Fate.KEPT if named else Fate.UNPROTECTED
    return Fate.KEPT if there == text or path.suffix == ".yaml" else Fate.OTHER
