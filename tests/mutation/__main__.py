"""Run all mutants and write docs/mutation.md: `PYTHONPATH=tests python -m mutation`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version

from mutation import functions
from mutation.page import Report, killed, page
from mutation.scratch import ROOT
from mutation.tables import all_mutants
from mutation.trial import Trial, tried

LEAST = 90.0
PAGE = ROOT / "docs" / "mutation.md"
KEPT = ROOT / "build" / "mutants"


def main() -> int:
    """Run, write the page, and fail for a survivor without a reason."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("part", nargs="*", help="functions, tables; without: both")
    options.add_argument("--children", type=int, default=1, help="processes at a time of mutmut")
    options.add_argument("--again", action="store_true", help="try what changed or survived")
    chosen = options.parse_args()
    os.chdir(ROOT)
    os.environ["CI"] = "true"  # hypothesis then draws the same examples each time, without haste
    KEPT.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    if not chosen.part or "functions" in chosen.part:
        functions.run(chosen.children, KEPT / "mutmut.log", chosen.again)
        _keep("functions", list(functions.results()))
    if not chosen.part or "tables" in chosen.part:
        _keep("tables", list(tried(all_mutants())))
    return _ended(time.monotonic() - began, whole=not chosen.part)


def _keep(part: str, trials: Sequence[Trial]) -> None:
    (KEPT / f"{part}.json").write_text(json.dumps([asdict(one) for one in trials]), "utf-8")


def _kept(part: str) -> list[Trial]:
    path = KEPT / f"{part}.json"
    return [Trial(**one) for one in json.loads(path.read_text("utf-8"))] if path.exists() else []


def _ended(seconds: float, whole: bool) -> int:
    report = Report(
        _kept("functions"),
        _kept("tables"),
        f"{datetime.now(UTC):%Y-%m-%d}",
        f"mutmut {version('mutmut')}, Python {sys.version.split()[0]}",
        f"{seconds / 60:.0f} minutes",
    )
    text = page(report)
    (KEPT / "mutation.md").write_text(text, "utf-8")
    if whole:
        PAGE.write_text(text, "utf-8")
    print(text)
    low = [part for part in (report.functions, report.tables) if killed(part) < LEAST]
    return 1 if low or report.unexplained else 0


if __name__ == "__main__":
    raise SystemExit(main())
