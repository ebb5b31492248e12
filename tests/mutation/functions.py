"""Let mutmut mutate the functions, and read what became of its mutants."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from mutation.scratch import BODY, ROOT, SCRATCH, lay_out, modules
from mutation.trial import Trial

MUTMUT = str(Path(sys.executable).parent / "mutmut")
# Run while the module is loaded, before mutmut switches a mutant on: tried once more, as source.
WHILE_LOADING = ("x__again", "x__halt", "x__burn_row")
_VERDICTS = {0: "survived", 1: "killed", 3: "killed", 33: "survived"}


def run(children: int, log: Path, again: bool = False) -> None:
    """Make the mutants of all modules and try them, so many at a time.

    `again` tries what has changed since the last run, and what survived it.
    """
    lay_out(again)
    # which tests reach which function is learnt anew: a changed function may have new ones
    (SCRATCH / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
    _run(children, log)
    survivors = [name for _, name, code in _found() if code == 0]
    if again and survivors:
        _run(children, log, *survivors)


def _run(children: int, log: Path, *names: str) -> None:
    with log.open("w") as said:
        command = [MUTMUT, "run", "--max-children", str(children), *names]
        subprocess.run(command, cwd=SCRATCH, stdout=said, check=True)


def results() -> Iterator[Trial]:
    """Read what became of each mutant; survivors are told with the line and the change."""
    for module, name, code in _found():
        yield _trial(module, name, code)


def _found() -> Iterator[tuple[str, str, int | None]]:
    for module in modules():
        meta = SCRATCH / "mutants" / "zbatch" / f"{module}.meta"
        found: dict[str, int | None] = json.loads(meta.read_text("utf-8"))["exit_code_by_key"]
        for name, code in found.items():
            yield module, name, code


def _trial(module: str, name: str, code: int | None) -> Trial:
    function = name.rpartition(".")[2].rpartition("__mutmut_")[0]
    verdict = "timeout" if code is None or code < 0 else _VERDICTS.get(code, "timeout")
    if verdict == "survived" and function in WHILE_LOADING:
        verdict = _as_source(module, name)
    if verdict == "killed":
        return Trial(module, function, "", verdict)
    diff = _mutmut("show", name)
    before = [line[1:].strip() for line in diff if line[0] == "-" and line[:3] != "---"]
    after = [line[1:].strip() for line in diff if line[0] == "+" and line[:3] != "+++"]
    line = _line(ROOT / "runner" / "zbatch" / module, function, before)
    return Trial(module, str(line), change(" ".join(before), " ".join(after)), verdict)


def _mutmut(*arguments: str) -> list[str]:
    done = subprocess.run(
        [MUTMUT, *arguments], cwd=SCRATCH, capture_output=True, text=True, check=True
    )
    return [line for line in done.stdout.splitlines() if line]


def _as_source(module: str, name: str) -> str:
    """Write a mutant into the copy's source and run its tests in a new process."""
    path = SCRATCH / "zbatch" / module
    held = path.read_text("utf-8")
    try:
        _mutmut("apply", name)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "tests/engine"],
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
