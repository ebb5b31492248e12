"""The list of packages in pyproject.toml leaves nothing behind that an editable install hides."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any


def test_every_package_is_listed(root: Path, pyproject: dict[str, Any]) -> None:
    """Each folder with an `__init__.py` is in the list, and the list names no other."""
    runner = root / "runner"
    found = {
        ".".join(init.parent.relative_to(runner).parts) for init in runner.rglob("__init__.py")
    }
    assert set(pyproject["tool"]["setuptools"]["packages"]) == found | {"zbatch.schemas"}


def test_modules_live_in_packages(root: Path) -> None:
    """No module stands in a folder without `__init__.py`, where the wheel would miss it."""
    modules = (root / "runner").rglob("*.py")
    assert [m for m in modules if not (m.parent / "__init__.py").exists()] == []


def test_every_schema_is_installed(root: Path) -> None:
    """The installed schemas are those of the repository, byte by byte."""
    installed = {
        entry.name: entry.read_bytes()
        for entry in files("zbatch.schemas").iterdir()
        if entry.name.endswith(".json")
    }
    assert installed == {path.name: path.read_bytes() for path in (root / "schemas").glob("*.json")}


def data_files(folder: Path) -> dict[str, Path]:
    """Find all that lies in a package and is no code, by its path in it."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(folder).as_posix(): path for path in files if path.suffix != ".py"}


def test_all_data_is_packed(root: Path, pyproject: dict[str, Any]) -> None:
    """Explanations, schemas, templates: what is packed is all that lies in the packages."""
    setuptools = pyproject["tool"]["setuptools"]
    for package, patterns in setuptools["package-data"].items():
        folder = root / setuptools["package-dir"][package]
        packed = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
        assert packed == set(data_files(folder).values())


def test_all_data_is_installed(root: Path) -> None:
    """What is read at run time is there, byte by byte, also where a wheel was installed."""
    for name, path in data_files(root / "runner" / "zbatch").items():
        assert files("zbatch").joinpath(name).read_bytes() == path.read_bytes(), name


def test_types_are_announced() -> None:
    """The marker that tells type checkers to trust the annotations is installed."""
    assert files("zbatch").joinpath("py.typed").is_file()
