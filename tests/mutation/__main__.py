"""Run all mutants and write docs/mutation.md: `PYTHONPATH=tests python -m mutation`."""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version

from mutation import functions
from mutation.page import Report, killed, page
from mutation.scratch import ROOT
from mutation.tables import all_mutants
from mutation.trial import Trial, path_of, tried

LEAST = 90.0
PAGE = ROOT / "docs" / "mutation.md"
KEPT = ROOT / "build" / "mutants"
PARTS = ("functions", "tables")


def main() -> int:
    """Run, write the page, and fail for a survivor without a reason."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("part", nargs="*", help="functions, tables; without: both")
    options.add_argument("--children", type=int, default=1, help="processes at a time of mutmut")
    options.add_argument("--again", action="store_true", help="try what changed or survived")
    options.add_argument("--only", nargs="+", default=[], help="modules, as engine/age.py")
    options.add_argument("--sample", type=int, metavar="N", help="so many mutants of functions")
    options.add_argument("--seed", type=int, default=0, help="by which a sample is drawn")
    options.add_argument("--read", action="store_true", help="try nothing, write what was found")
    chosen = options.parse_args()
    os.chdir(ROOT)
    KEPT.mkdir(parents=True, exist_ok=True)
    parts = () if chosen.read else chosen.part or PARTS
    again, only = chosen.again, chosen.only
    log = KEPT / "mutmut.log"
    if "functions" in parts and chosen.sample:
        wish = functions.Sample(chosen.sample, chosen.seed)
        sample, trials = functions.sampled(chosen.children, log, wish)
        _keep("functions", trials, again=False, only=(), sample=sample)
    elif "functions" in parts:
        _keep("functions", functions.tried(chosen.children, log, again, only), again, only)
    if "tables" in parts:
        wanted = (one for one in all_mutants() if not only or path_of(one.module) in only)
        _keep("tables", tried(wanted), again=False, only=only)
    return _ended()


def _keep(
    part: str,
    trials: Iterable[Trial],
    again: bool,
    only: Sequence[str],
    sample: functions.Sample | None = None,
) -> None:
    """Keep what was found and the processor time that it took, all runs of it together."""
    known, seconds = _kept(part)
    before = _processor() - (seconds if again or only else 0.0)
    others = [one for one in known if only and one.module not in only]
    found = [asdict(one) for one in (*others, *trials)]
    drawn = asdict(sample) if sample else None
    kept = {"seconds": _processor() - before, "trials": found, "sample": drawn}
    (KEPT / f"{part}.json").write_text(json.dumps(kept), "utf-8")


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _kept(part: str) -> tuple[list[Trial], float]:
    path = KEPT / f"{part}.json"
    if not path.exists():
        return [], 0.0
    kept = json.loads(path.read_text("utf-8"))
    return [Trial(**one) for one in kept["trials"]], kept["seconds"]


def _sample() -> functions.Sample | None:
    path = KEPT / "functions.json"
    drawn = json.loads(path.read_text("utf-8")).get("sample") if path.exists() else None
    return functions.Sample(**drawn) if drawn else None


def _ended() -> int:
    (of_functions, first), (of_tables, second) = map(_kept, PARTS)
    report = Report(
        of_functions,
        of_tables,
        f"{datetime.now(UTC):%Y-%m-%d}",
        f"mutmut {version('mutmut')}, Python {sys.version.split()[0]}",
        f"{(first + second) / 60:.0f} minutes of one core",
        _sample(),
    )
    text = page(report)
    print(text)
    if not (of_functions and of_tables):
        return 0
    PAGE.write_text(text, "utf-8")
    low = [part for part in (of_functions, of_tables) if killed(part) < LEAST]
    return 1 if low or report.unexplained else 0


if __name__ == "__main__":
    raise SystemExit(main())
