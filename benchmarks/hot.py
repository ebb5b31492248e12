"""Where the time goes, for the page: shares of parts and functions, by a profiler."""

from __future__ import annotations

import json
import pstats
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from benchmarks.inputs import CREDENTIALS, Sheet, write_project
from benchmarks.machine import ROOT, ZBATCH, folder, measured, scratch
from benchmarks.tenant import tenant

MOST_PARTS, MOST_FUNCTIONS = 10, 12
IMPORTED = re.compile(r"import time:\s*(\d+) \|\s*\d+ \|\s*(\S+)")
Function = tuple[str, int, str]  # file, line, name; built-in functions have the file "~"


def hot_run(sheet: Sheet, name: str) -> str:
    """Tell where a whole run spends its time."""
    calls = -(-sheet.accounts // sheet.objects)
    with folder("hot") as place, tenant(sheet.objects, calls) as server:
        spec = write_project(place, sheet, server.url)
        return _profiled(["run", str(spec)], f"a whole run of {sheet.accounts:,} accounts, {name}")


def hot_command(sheet: Sheet, verb: str, name: str) -> str:
    """Tell where a command that needs no tenant spends its time."""
    with folder("hot") as place:
        spec = write_project(place, sheet)
        return _profiled([verb, str(spec)], f"{name}, {sheet.accounts:,} accounts")


def hot_project(spec: Path, name: str) -> str:
    """Tell where a run over a project as it is spends its time."""
    return _profiled(["run", str(spec)], name)


def held_by_project(spec: Path, name: str) -> str:
    """Tell what holds the memory of such a run at its peak."""
    return _held(["run", str(spec)], name)


def hot_memory(sheet: Sheet, verb: str, name: str) -> str:
    """Tell what holds the memory of a command at its peak."""
    calls = -(-sheet.accounts // sheet.objects)
    with folder("hot") as place, tenant(sheet.objects, calls) as server:
        spec = write_project(place, sheet, server.url)
        return _held([verb, str(spec)], f"{name}, {sheet.accounts:,} accounts")


def _held(words: list[str], name: str) -> str:
    out = scratch("memory")
    command = [sys.executable, "-m", "benchmarks.profiled", str(out), *words]
    measured(command, {**CREDENTIALS, "PYTHONPATH": str(ROOT), "MEMORY": "1"})
    lines = [((file, line, ""), size) for file, line, size in json.loads(out.read_text("utf-8"))]
    total = sum(size for _, size in lines)
    parts: Counter[str] = Counter()
    for place, size in lines:
        parts[_part(place)] += size
    named = [(_line(place), size) for place, size in lines[:MOST_FUNCTIONS]]
    return (
        f"*{name[0].upper()}{name[1:]}*, what holds {total / 1e6:.0f} MB at the peak, by part:"
        f" {_shares(parts.most_common(MOST_PARTS), total)}. By line: {_shares(named, total)}."
    )


def hot_start(words: list[str], name: str) -> str:
    """Tell what a start imports, by the interpreter's own clock."""
    command = [sys.executable, "-X", "importtime", ZBATCH, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    shares: Counter[str] = Counter()
    for line in done.stderr.splitlines():
        if found := IMPORTED.match(line):
            shares[_package(found[2])] += int(found[1])
    return f"*Imports of {name}*: {_shares(shares.most_common(MOST_PARTS), shares.total())}."


def _package(module: str) -> str:
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "zbatch" else parts[0]


def _profiled(words: list[str], name: str) -> str:
    out = scratch("profile")
    command = [sys.executable, "-m", "benchmarks.profiled", str(out), *words]
    measured(command, {**CREDENTIALS, "PYTHONPATH": str(ROOT)})
    stats = pstats.Stats(str(out))
    own = _own_times(stats)
    parts: Counter[str] = Counter()
    for function, seconds in own.items():
        parts[_part(function)] += seconds  # type: ignore[assignment]  # a Counter adds floats too
    total = sum(own.values())
    functions = sorted(own.items(), key=lambda one: -one[1])[:MOST_FUNCTIONS]
    named = [(_named(function), seconds) for function, seconds in functions]
    called = stats.total_calls  # type: ignore[attr-defined]  # typeshed does not name it
    return (
        f"*{name[0].upper()}{name[1:]}*, {called:,} calls of functions, by part:"
        f" {_shares(parts.most_common(MOST_PARTS), total)}."
        f" By function: {_shares(named, total)}."
    )


def _shares(found: Iterable[tuple[str, float]], total: float) -> str:
    return ", ".join(f"{name} {part / total:.0%}" for name, part in found if part / total >= 0.01)


def _own_times(stats: pstats.Stats) -> dict[Function, float]:
    """Give each function its own time and that of the built-in functions that it calls itself.

    The event loop's wait is left out: it costs nothing.
    """
    own: Counter[Function] = Counter()
    for function, (_, _, seconds, _, callers) in stats.stats.items():  # type: ignore[attr-defined]
        if "poll" in function[2] and function[0] == "~":
            continue
        if function[0] != "~" or not callers:
            own[function] += seconds
            continue
        for caller, (_, _, part, _) in callers.items():
            own[caller] += part
    return dict(own)


def _part(function: Function) -> str:
    path = Path(function[0])
    parts = path.parts
    if "zbatch" in parts:
        return "zbatch." + (*parts[len(parts) - parts[::-1].index("zbatch") :], "")[0].removesuffix(
            ".py"
        )
    if "site-packages" in parts:
        return parts[parts.index("site-packages") + 1].removesuffix(".py")
    if path.suffix == ".py" and path.parent.name.startswith("python"):
        return path.stem
    return path.parent.name if path.suffix == ".py" else "the interpreter"


def _line(place: Function) -> str:
    path = Path(place[0])
    if path.suffix != ".py":
        return "the code of modules"
    return f"`{path.parent.name}/{path.name}:{place[1]}`"


def _named(function: Function) -> str:
    path = Path(function[0])
    where = f"{path.parent.name}/{path.name}" if path.suffix == ".py" else ""
    return f"`{where} {function[2]}`".replace("` ", "`")
