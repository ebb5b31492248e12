"""Run the tests that must catch saboteurs: each without its saboteur, then with it.

`python -m support.saboteurs.trial NAME…`, from the folder `tests`, prints what came of it as
JSON, one line a saboteur.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support.saboteurs import SABOTEURS
from support.saboteurs.bench import Bench, own_fault
from support.saboteurs.saboteur import Saboteur

ROOT = Path(__file__).parents[3]
OPTIONS = (
    "--import-mode=importlib",
    "-q",
    "-o",
    "addopts=",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:cov",
)


@dataclass(slots=True)
class Runs:
    """How runs of one test went; `blunders` are failures that prove nothing about the product."""

    passed: int = 0
    failures: list[str] = field(default_factory=list)
    blunders: list[str] = field(default_factory=list)
    reached: int = 0


class _Plugin:
    def __init__(self, saboteur: Saboteur | None) -> None:
        self._saboteur = saboteur
        self.runs = Runs()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, Any, Any]:
        with ExitStack() as stack:
            bench = stack.enter_context(self._saboteur.apply()) if self._saboteur else Bench()
            done = yield
        self.runs.reached += bench.reached
        self.runs.blunders += [f"{type(error).__name__}: {error}" for error in bench.blunders]
        return done

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.excinfo is not None:
            told = f"{item.name} ({call.when}): {call.excinfo.exconly(tryshort=True)}"[:500]
            wrong = own_fault(call.excinfo.value) or report.skipped or call.when == "setup"
            wrong = wrong or "from pytest-timeout" in told  # it hangs: that may be anything
            (self.runs.blunders if wrong else self.runs.failures).append(told)
        elif call.when == "call":
            self.runs.passed += 1
        return report


def play(test: str, saboteur: Saboteur | None) -> Runs:
    """Run one test, broken by a saboteur or as it is."""
    plugin = _Plugin(saboteur)
    told = io.StringIO()
    with redirect_stdout(told), redirect_stderr(told):
        code = pytest.main([*OPTIONS, f"--rootdir={ROOT}", str(ROOT / test)], [plugin])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        plugin.runs.blunders.append(told.getvalue()[-2000:])
    return plugin.runs


def main(names: Sequence[str]) -> int:
    """Try the named saboteurs, or all."""
    for one in SABOTEURS:
        if not names or one.name in names:
            without, sabotaged = play(one.test, None), play(one.test, one)
            print(json.dumps([one.name, asdict(without), asdict(sabotaged)]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
