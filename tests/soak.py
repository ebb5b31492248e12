"""The long proof, some hours on two cores: what each run of the build server does, and far more.

Run it as `make soak`, or in parts as `make soak ARGS="--only WORD"`. Each step is a command that
people can run alone; three of them run at a time. What a step says goes into `build/soak/`, and
what it came to into docs/reliability.md, with the day and the commit: there a step that was not
played keeps its last result.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import repeat
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOGS = ROOT / "build" / "soak"
PAGE = ROOT / "docs" / "reliability.md"
RESULT = re.compile(r"(<!-- soak -->\n)(.*?)(<!-- end of soak -->)", re.S)
BIN = Path(sys.executable).parent
AT_ONCE = 3  # two cores: some of the steps mostly wait

# What makes a test play all that it knows, where it plays a part of it otherwise.
EVERYTHING = {
    "SOAK": "1",
    "HYPOTHESIS_PROFILE": "soak",
    "CUT_MODES": "all",
    "NAMED_FAULTS": "all",
    "SABOTEURS": "all",
}

# Each of these tests is played whole in a step of its own: here their order is what counts.
AS_EVER = tuple((name, "") for name in ("SOAK", "CUT_MODES", "NAMED_FAULTS", "SABOTEURS"))
EACH_TIME = (*AS_EVER, ("HYPOTHESIS_PROFILE", "ci"))

# Seeds go on from soak to soak, so that no two of them play the same histories.
FIRST_DAY = date(2026, 1, 1)
SEEDS_A_DAY = 1_000_000


@dataclass(frozen=True, slots=True)
class Step:
    """One command from the folder `tests`; `says` finds the figure in its output, the last one.

    With `shuffles` the tests that it names are run so often, each time in another order.
    """

    name: str
    command: tuple[str, ...]
    says: str = r"^(?:=+ )?(\d+ (?:passed|failed|skipped|error).*? in [\d.]+s.*?)(?: =+)?$"
    variables: tuple[tuple[str, str], ...] = ()
    shuffles: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """What a step came to, and on which code."""

    step: Step
    code: int
    seconds: float
    figure: str
    commit: str

    @property
    def row(self) -> str:
        """The step's line in the page's table."""
        result = "passed" if self.code == 0 else "**FAILED**"
        when = f"{datetime.now(UTC):%Y-%m-%d}, {self.commit}"
        return f"| {self.step.name} | {result} | {self.seconds:.0f} s | {when} | {self.figure} |"


def pytest(*arguments: str) -> tuple[str, ...]:
    """Give the command that runs some tests on one core."""
    return (str(BIN / "pytest"), "-p", "no:cacheprovider", "-q", *arguments)


def tool(name: str, *arguments: str) -> tuple[str, ...]:
    """Give the command that runs one of the tests' own tools."""
    return (sys.executable, "-m", name, *arguments)


def steps(first: int, seeds: int) -> Iterable[Step]:
    """Give all steps, the longest first."""
    half = seeds // 2
    for name, start in (("one half", first), ("other half", first + half)):
        yield Step(
            f"simulation, {name} of the seeds",
            tool("support.simulation", "--seeds", f"{start}:{start + half}"),
            says=r"^(.*runs/s.*)$",
        )
    yield Step(
        "mutation run",
        tool("mutation"),
        says=r"^(.*%.*)$",
        variables=(("HYPOTHESIS_PROFILE", "ci"), ("SOAK", "")),
    )
    yield Step(
        "5,000 SIGKILLs with real sockets",
        pytest("-s", "processes/system/test_kills.py"),
        variables=(("KILLS", "5000"),),
    )
    yield Step("every pair of crash points", pytest("exactly_once/test_crash_sweep.py"))
    yield Step("property tests, many examples", pytest("properties"))
    yield Step(
        "named tests of faults, ten times shuffled",
        pytest("-k", "test_f"),
        variables=EACH_TIME,
        shuffles=10,
    )
    yield Step("every fault by name in whole runs", pytest("faults/test_every_fault.py"))
    yield Step("replies cut at every byte, four modes", pytest("faults/test_byte_cuts.py"))
    yield Step("every saboteur", pytest("saboteurs"))
    yield Step(
        "saboteurs, histories searched anew",
        tool("support.saboteurs.search", "--tell"),
        says=r"^(.* seen, .*)$",
    )
    yield Step("10,000 items over sockets, 5 % faults", pytest("processes/system/test_scale.py"))


def commands(step: Step) -> Iterable[tuple[str, ...]]:
    """Give the command of a step, or one for each order of its tests."""
    if not step.shuffles:
        return (step.command,)
    orders = range(1, step.shuffles + 1)
    return [(*step.command, "-p", "randomly", f"--randomly-seed={n}") for n in orders]


def play(step: Step, commit: str) -> Done:
    """Run one step to its end, or to its first failure."""
    log = LOGS / f"{re.sub('[^a-z0-9]+', '-', step.name.lower()).strip('-')}.log"
    code, began = 0, time.monotonic()
    with log.open("wb") as output:
        for command in commands(step):
            done = subprocess.run(
                command,
                cwd=ROOT / "tests",
                env={**os.environ, **EVERYTHING, **dict(step.variables)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
            code = code or done.returncode
    found = re.findall(step.says, log.read_text("utf-8", "replace"), re.M)
    result = Done(step, code, time.monotonic() - began, found[-1] if found else "", commit)
    verdict = "passed" if result.code == 0 else f"FAILED ({result.code})"
    print(f"{verdict}: {step.name}, {result.seconds:.0f} s: {result.figure}", flush=True)
    return result


def table(known: str, done: Sequence[Done], names: Iterable[str]) -> str:
    """Write the page's table: of each step what it came to now, or else what the page knew."""
    rows = {line.split("|")[1].strip(): line for line in known.splitlines() if line[:2] == "| "}
    rows |= {one.step.name: one.row for one in done}
    head = ("| step | result | time | day, commit | what it said |", "|---|---|---|---|---|")
    never = "| {} | not played | | | |"
    return "\n".join((*head, *(rows.get(name, never.format(name)) for name in names), ""))


def code_played() -> str:
    """Name the commit, and say so where files differ from it."""
    words = ("git", "describe", "--always", "--abbrev=7", "--exclude=*", "--dirty=, changed")
    return subprocess.run(
        words, cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()


def main() -> int:
    """Run all steps, or those whose name holds a word, and write down what they came to."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--seeds", type=int, default=60_000, help="how many histories to play")
    parser.add_argument("--first", type=int, help="the first seed; by the day unless given")
    parser.add_argument("--only", default="", help="steps with this word in their name")
    arguments = parser.parse_args()
    day = (datetime.now(UTC).date() - FIRST_DAY).days
    first = day * SEEDS_A_DAY if arguments.first is None else arguments.first
    LOGS.mkdir(parents=True, exist_ok=True)
    every = list(steps(first, arguments.seeds))
    chosen = [step for step in every if arguments.only in step.name]
    if not chosen:
        parser.error(f"no step has {arguments.only!r} in its name")
    commit = code_played()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(play, chosen, repeat(commit)))
    text = PAGE.read_text("utf-8")
    names = [step.name for step in every]
    PAGE.write_text(
        RESULT.sub(lambda m: f"{m[1]}{table(m[2], results, names)}{m[3]}", text), "utf-8"
    )
    return int(any(one.code for one in results))


if __name__ == "__main__":
    sys.exit(main())
