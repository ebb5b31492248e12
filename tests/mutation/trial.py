"""Try mutants: each in a process of its own, forked from one that has loaded the product."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from importlib import import_module
from pkgutil import walk_packages
from types import ModuleType

import pytest

import zbatch

QUIET = ("-p", "no:cacheprovider")
SECONDS = 120  # a mutant that takes longer than any test may has hung
HUNG = (signal.SIGALRM, signal.SIGXCPU)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed value of a module, and the tests that should notice, the likeliest first.

    `seen` tells that tests import the value by its name: they must be loaded after the change.
    """

    module: ModuleType
    name: str
    told: str
    value: object
    tests: tuple[str, ...]
    seen: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a mutant: killed, survived or timeout."""

    module: str
    place: str
    told: str
    verdict: str


def tried(mutants: Iterable[Mutant]) -> Iterator[Trial]:
    """Try each mutant, one after the other; before those that no test sees, load all tests."""
    for package in walk_packages(zbatch.__path__, "zbatch."):
        if not package.name.endswith("__main__"):
            import_module(package.name)
    warm: set[str] = set()
    for mutant in sorted(mutants, key=lambda mutant: not mutant.seen):
        if not mutant.seen and not warm.issuperset(mutant.tests):
            warm.update(mutant.tests)
            _collect(mutant.tests)
        yield Trial(path_of(mutant.module), mutant.name, mutant.told, _verdict(mutant))


def path_of(module: ModuleType) -> str:
    """Name a module as the page does: by its path within the package."""
    return module.__name__.removeprefix("zbatch.").replace(".", "/") + ".py"


def _collect(tests: Sequence[str]) -> None:
    with open(os.devnull, "w") as silence, redirect_stdout(silence), redirect_stderr(silence):
        code = pytest.main(["--collect-only", "-qqq", *QUIET, *tests])
    if code:
        raise RuntimeError(f"pytest cannot collect {', '.join(tests)}")


def _verdict(mutant: Mutant) -> str:
    child = os.fork()
    if child == 0:
        os._exit(_in_child(mutant))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "timeout" if os.WTERMSIG(status) in HUNG else "killed"
    try:
        return verdict_of(os.waitstatus_to_exitcode(status))
    except ValueError as error:
        raise RuntimeError(f"{mutant.name}, {mutant.told}: {error}") from error


def verdict_of(code: int) -> str:
    """Tell what an exit code of pytest says; a ValueError where no test has judged the mutant."""
    if code == pytest.ExitCode.OK:
        return "survived"
    if code in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED):  # or not even collected
        return "killed"
    raise ValueError(f"pytest ended with {code}")


def _in_child(mutant: Mutant) -> int:
    signal.alarm(SECONDS)
    # the tests' own alarms take the place of this one, and a loop may catch what they raise
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silence, stream)
    _put(mutant)
    with suppress(Exception):
        return int(pytest.main(["-x", "-q", *QUIET, *mutant.tests]))
    return int(pytest.ExitCode.INTERNAL_ERROR)


def _put(mutant: Mutant) -> None:
    """Change the value wherever it was imported to under its name."""
    old = vars(mutant.module)[mutant.name]
    for name, module in list(sys.modules.items()):
        if name.startswith("zbatch") and vars(module).get(mutant.name) is old:
            setattr(module, mutant.name, mutant.value)
