"""The lock files are complete, hashed, and say nothing about where they were made."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

Lock = dict[str, Requirement]
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


LOCKS = (
    "requirements/run.txt",
    "requirements/dev.txt",
    "requirements/mutation.txt",
    "requirements/docs.txt",
    "benchmarks/rivals.txt",
    "tests/processes/system/clients/requirements.txt",
)


def entries(path: Path) -> list[list[str]]:
    """Split a lock into its entries, each as the requirement followed by its hashes."""
    text = path.read_text("utf-8").replace("\\\n", "\0")
    return [[part.strip() for part in line.split("\0")] for line in text.splitlines()]


def read_lock(path: Path) -> Lock:
    """Read the requirements of a lock by canonical name."""
    requirements = [Requirement(entry[0]) for entry in entries(path)]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def pinned(requirement: Requirement) -> str:
    """Return the one version that a locked requirement allows."""
    (specifier,) = requirement.specifier
    assert specifier.operator == "=="
    return specifier.version


@pytest.fixture
def locks(root: Path) -> tuple[Lock, Lock]:
    """Read the lock of those who run zbatch, and of those who change it."""
    return read_lock(root / "requirements/run.txt"), read_lock(root / "requirements/dev.txt")


@pytest.mark.parametrize("name", LOCKS)
def test_every_entry_is_pinned_and_hashed(root: Path, name: str) -> None:
    """Each line is a name, one exact version and at least one SHA-256, and nothing else."""
    found = entries(root / name)
    assert found
    for requirement, *hashes in found:
        assert pinned(Requirement(requirement))
        assert hashes, requirement
        assert [text for text in hashes if not HASH.fullmatch(text)] == []


@pytest.mark.parametrize("name", LOCKS)
def test_no_lock_names_a_place(root: Path, name: str) -> None:
    """A lock holds no address, no path and no option but hashes: any index may serve it."""
    text = (root / name).read_text("utf-8")
    assert "/" not in text
    assert "@" not in text
    assert set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", text)) == {"--hash"}


def test_the_locks_cover_what_pyproject_asks_for(
    pyproject: dict[str, Any], locks: tuple[Lock, Lock]
) -> None:
    """Each declared dependency is locked at a version that its bounds allow."""
    run, dev = locks
    build = pyproject["build-system"]["requires"]
    runtime = pyproject["project"]["dependencies"]
    extra = pyproject["project"]["optional-dependencies"]["dev"]
    for lock, declared in ((run, [*build, *runtime]), (dev, [*build, *runtime, *extra])):
        for wanted in map(Requirement, declared):
            assert pinned(lock[canonicalize_name(wanted.name)]) in wanted.specifier


def test_the_locks_agree(locks: tuple[Lock, Lock]) -> None:
    """Installing the second lock over the first changes no version."""
    run, dev = locks
    assert {name: pinned(dev[name]) for name in run} == {name: pinned(run[name]) for name in run}


def test_runtime_dependencies_are_bounded(pyproject: dict[str, Any]) -> None:
    """Each runtime dependency has a lower and an upper bound."""
    for text in pyproject["project"]["dependencies"]:
        operators = {specifier.operator for specifier in Requirement(text).specifier}
        assert operators == {">=", "<"}, text


def test_the_build_requirements_are_said_once_over(root: Path, pyproject: dict[str, Any]) -> None:
    """The file that the locks read for building says the same as pyproject.toml."""
    lines = (root / "requirements/build.in").read_text("utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == (
        pyproject["build-system"]["requires"]
    )
