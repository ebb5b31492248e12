"""Let mutmut mutate the functions, and read what became of its mutants."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from mutation.scratch import BODY, ROOT, SCRATCH, lay_out, modules
from mutation.trial import Trial

FIRST = "engine.backoff"
MUTMUT = str(Path(sys.executable).parent / "mutmut")
# Run while the module is loaded, before mutmut switches a mutant on: tried once more, as source.
WHILE_LOADING = ("x__again", "x__halt", "x__burn_row")
AS_SOURCE = ("tests/engine/test_verdict.py",)
TIMEOUTS = (-24, -9, 24, 36, 152, 255)  # as mutmut counts them: by signal and by its own clock
_VERDICTS = {0: "survived", 2: "survived", 5: "survived", 33: "survived"}  # 5, 33: no test
_SHOW = """
import json, sys
from mutmut.mutation.diff_apply import get_diff_for_mutant
print(json.dumps({name: get_diff_for_mutant(name) for name in sys.argv[1:]}))
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """So many mutants, drawn by a seed; `of` says, once they are drawn, out of how many."""

    size: int
    seed: int
    of: int = 0

    def drawn(self, names: Iterable[str]) -> list[str]:
        """Draw the mutants, each with the same chance."""
        every = sorted(names)
        return sorted(Random(self.seed).sample(every, min(self.size, len(every))))


def sampled(children: int, log: Path, sample: Sample) -> tuple[Sample, list[Trial]]:
    """Make the mutants of all modules, and try those of a sample.

    The mutants of one small module are tried first: they bring the names of all, and which tests
    reach which function.
    """
    lay_out()
    _run(children, log, f"zbatch.{FIRST}.*")
    names = sample.drawn(name for _, name, _ in _found())
    _run(children, log, *names)
    return replace(sample, of=sum(1 for _ in _found())), list(results(names=names))


def tried(
    children: int, log: Path, again: bool = False, only: Collection[str] = ()
) -> Iterator[Trial]:
    """Make the mutants of all modules, try them, so many at a time, and tell what became of each.

    `again` tries what has changed since the last run, and what survived it; `only` tries those of
    some modules, whatever is known of them.
    """
    lay_out(again or bool(only))
    # which tests reach which function is learnt anew: a changed function may have new ones
    (SCRATCH / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
    _run(children, log, *(f"zbatch.{name[:-3].replace('/', '.')}.*" for name in only))
    survivors = [name for _, name, code in _found() if code == 0]
    if again and survivors:
        _run(children, log, *survivors)
    yield from results(only)


def _run(children: int, log: Path, *names: str) -> None:
    with log.open("w") as said:
        command = [MUTMUT, "run", "--max-children", str(children), *names]
        subprocess.run(command, cwd=SCRATCH, stdout=said, check=True)


def results(only: Collection[str] = (), names: Collection[str] = ()) -> Iterator[Trial]:
    """Read what became of each mutant; those not killed are told with the line and the change."""
    named = frozenset(names)
    wanted = [
        one for one in _found() if (not only or one[0] in only) and (not named or one[1] in named)
    ]
    found = [(module, name, _verdict(module, name, code)) for module, name, code in wanted]
    diffs = _diffs([name for _, name, verdict in found if verdict != "killed"])
    for module, name, verdict in found:
        yield _trial(module, name, verdict, diffs.get(name, []))


def _found() -> Iterator[tuple[str, str, int | None]]:
    for module in modules():
        meta = SCRATCH / "mutants" / "zbatch" / f"{module}.meta"
        found: dict[str, int | None] = json.loads(meta.read_text("utf-8"))["exit_code_by_key"]
        for name, code in found.items():
            yield module, name, code


def _verdict(module: str, name: str, code: int | None) -> str:
    if code is None:
        raise ValueError(f"{name} has not been tried")
    if code == 0 and _function(name) in WHILE_LOADING:
        return _as_source(module, name)
    return "timeout" if code in TIMEOUTS else _VERDICTS.get(code, "killed")


def _trial(module: str, name: str, verdict: str, diff: list[str]) -> Trial:
    before = [line[1:].strip() for line in diff if line[0] == "-" and line[:3] != "---"]
    after = [line[1:].strip() for line in diff if line[0] == "+" and line[:3] != "+++"]
    line = _line(ROOT / "runner" / "zbatch" / module, _function(name), before)
    return Trial(module, str(line), change(" ".join(before), " ".join(after)), verdict)


def _function(name: str) -> str:
    return name.rpartition(".")[2].rpartition("__mutmut_")[0]


def _diffs(names: list[str]) -> dict[str, list[str]]:
    """Ask mutmut what it has changed in each mutant, in one process for all."""
    done = subprocess.run(
        [sys.executable, "-c", _SHOW, *names], cwd=SCRATCH, capture_output=True, check=True
    )
    diffs: dict[str, str] = json.loads(done.stdout)
    return {name: [line for line in diff.splitlines() if line] for name, diff in diffs.items()}


def _as_source(module: str, name: str) -> str:
    """Write a mutant into the copy's source and run its tests in a new process."""
    path = SCRATCH / "zbatch" / module
    held = path.read_text("utf-8")
    try:
        subprocess.run([MUTMUT, "apply", name], cwd=SCRATCH, capture_output=True, check=True)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", *AS_SOURCE],
            cwd=SCRATCH,
            env={**os.environ, "PYTHONPATH": "."},
            capture_output=True,
            check=False,
        )
    finally:
        path.write_text(held, "utf-8")
    return "killed" if done.returncode else "survived"


def change(before: str, after: str) -> str:
    """Tell what differs between two lines, cut to whole words."""
    start = _alike(before, after)
    end = _alike(before[start:][::-1], after[start:][::-1])
    while start and _in_word(before[start - 1]):
        start -= 1
    while end and _in_word(before[-end]):
        end -= 1
    cut = slice(start, -end or None)
    return f"`{before[cut].strip() or '…'}` → `{after[cut].strip() or '…'}`"


def _alike(one: str, other: str) -> int:
    """Count the characters with which both begin."""
    return next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )


def _in_word(character: str) -> bool:
    return character.isalnum() or character in "_\"'.<>=!"


def _line(path: Path, mangled: str, before: list[str]) -> int:
    """Find the line of the source that a mutant has changed."""
    name = mangled.removeprefix("x_").rpartition("ǁ")[2].removesuffix(BODY)
    source = path.read_text("utf-8")
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                if before and lines[number - 1].strip() == before[0]:
                    return number
            return node.lineno
    return 0
