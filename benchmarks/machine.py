"""The machine that is measured on: its cores, its compiler, and what may be said of it."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]
HERE = Path(__file__).parent
BUILD = ROOT / "build" / "bench"  # a disk, where a folder for temporary files may be none
ZBATCH = str(Path(sys.executable).with_name("zbatch"))
SHARED = -1  # no core of its own


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took: seconds of CPU, user and system, seconds, and MB at its peak."""

    cpu: float
    wall: float
    peak: float


def cores() -> tuple[int, int]:
    """Give the core of the clients and that of the servers, or `SHARED` where there is but one."""
    if not hasattr(os, "sched_getaffinity"):
        return SHARED, SHARED
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else (SHARED, SHARED)


CLIENT, SERVER = cores()  # taken before anything is pinned


def pin(core: int) -> None:
    """Keep this process and its children on a core."""
    if core != SHARED:
        os.sched_setaffinity(0, {core})


@cache
def _spawner() -> subprocess.Popen[str]:
    """Start who starts the programs; it ends with this process, when its input does."""
    words = [sys.executable, "-I", "-S", str(HERE / "spawner.py")]
    return subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )


def measured(
    words: list[str],
    environ: Mapping[str, str] | None = None,
    out: Path | None = None,
    terminal: Path | None = None,
) -> Cost:
    """Run a program to its end, in a process of its own, and tell what it took.

    Where there is a `terminal`, it says there what it has to say. Raise where it does not end
    with 0.
    """
    spawner, err = _spawner(), terminal or scratch("stderr")
    if spawner.stdin is None or spawner.stdout is None:
        raise RuntimeError("a process was started without its pipes")
    whole = {**_environ(), **(environ or {})}
    order = {"words": words, "environ": whole, "out": str(out or os.devnull), "err": str(err)}
    spawner.stdin.write(json.dumps(order) + "\n")
    spawner.stdin.flush()
    told = json.loads(spawner.stdout.readline())
    if told["code"]:
        said = "" if terminal else err.read_text("utf-8", "replace")[:4000]
        raise RuntimeError(f"{words[:4]} ended with {told['code']}: {said}")
    return Cost(told["cpu"], told["wall"], told["peak"])


def _environ() -> dict[str, str]:
    """Give the environment that people have: an interpreter that keeps its bytecode."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def compile_all() -> None:
    """Compile zbatch to bytecode, as pip does where it installs it."""
    words = [sys.executable, "-m", "compileall", "-q", str(ROOT / "runner" / "zbatch")]
    subprocess.run(words, check=True, env=_environ())


def scratch(name: str) -> Path:
    """Name a file of this process alone, in a folder that is there; `clear` takes it away."""
    BUILD.mkdir(parents=True, exist_ok=True)
    return BUILD / f"{name}-{os.getpid()}"


def clear() -> None:
    """Take away what this process has left."""
    for path in BUILD.glob(f"*-{os.getpid()}"):
        path.unlink()


def compiled(source: str, *options: str) -> Path:
    """Compile one of the C files beside this one, unless it is there already and newer than all."""
    path, made = HERE / source, BUILD / source.removesuffix(".c")
    BUILD.mkdir(parents=True, exist_ok=True)
    written = max(one.stat().st_mtime for one in HERE.glob("*.[ch]"))
    if made.exists() and made.stat().st_mtime > written:
        return made
    compiler = next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), None)
    if compiler is None:
        raise SystemExit(
            "make bench needs a C compiler and zlib; on Debian and Ubuntu: apt install gcc"
            " zlib1g-dev"
        )
    fresh = made.with_name(f"{made.name}.{os.getpid()}")
    subprocess.run([compiler, "-O2", "-o", str(fresh), str(path), *options], check=True)
    fresh.replace(made)
    return made


@contextmanager
def folder(name: str) -> Iterator[Path]:
    """Give an empty folder on the disk, and take it away again."""
    path = scratch(name)
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def described() -> str:
    """Tell the kind of machine and the versions, and nothing that names this one."""
    cpu = platform.machine()
    if (info := Path("/proc/cpuinfo")).exists():
        names = [line for line in info.read_text("utf-8").splitlines() if "model name" in line]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    packages = ", ".join(f"{name} {version(name)}" for name in ("aiohttp", "pyyaml", "jsonschema"))
    return (
        f"{platform.system()}, {os.cpu_count()} cores ({cpu}); Python {platform.python_version()},"
        f" {packages}, SQLite {sqlite3.sqlite_version}"
    )
