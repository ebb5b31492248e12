"""Build the sdist, from it the wheel, and show that the wheel works where nothing else is.

Run it as `make wheel-test`. What was tested is left in dist/.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet")
SDIST = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
# What zbatch decides, and does with sockets, signals and disks; long proofs; tests of the tests: an
# installation changes none of them.
DECIDE = ("engine", "ledger", "zuora", "net", "processes")
LONG = ("app/test_rehearsals.py", "packaging/test_benchmarks.py")
PROOFS = (*DECIDE, *LONG, "exactly_once", "faults", "mutation", "properties", "saboteurs")
WHERE = "import sys, zbatch; sys.exit(not zbatch.__file__.startswith(sys.prefix))"


def call(*command: str | Path, cwd: Path) -> None:
    """Run a command as a person would on a machine that has nothing of this checkout."""
    print("+", *(Path(command[0]).name, *command[1:]), flush=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    subprocess.run(command, cwd=cwd, check=True, stdin=subprocess.DEVNULL, env=environment)


def copy_checkout(target: Path) -> None:
    """Copy what git tracks or would track: a build from the checkout itself keeps old modules."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listing.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def build(work: Path) -> Path:
    """Build the sdist from a copy of the checkout, then the wheel from the sdist."""
    copy_checkout(work / "checkout")
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    call(sys.executable, "-c", SDIST, DIST, cwd=work / "checkout")
    (sdist,) = DIST.glob("*.tar.gz")
    options = ("--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", DIST)
    call(sys.executable, *PIP, "wheel", *options, sdist, cwd=work)
    (wheel,) = DIST.glob("*.whl")
    shutil.unpack_archive(sdist, work / "sdist")
    return wheel


def install(work: Path, wheel: Path) -> Path:
    """Install the wheel beside nothing but the runtime lock; return the folder of commands."""
    call(sys.executable, "-m", "venv", work / "venv", cwd=work)
    commands = work / "venv" / "bin"
    lock = ROOT / "requirements/run.txt"
    call(commands / "python", *PIP, "install", "--require-hashes", "-r", lock, cwd=work)
    call(commands / "python", *PIP, "install", "--no-deps", "--no-index", wheel, cwd=work)
    call(commands / "python", "-c", WHERE, cwd=work)
    return commands


def bill(commands: Path, work: Path) -> None:
    """Run a spec that stands alone in an empty folder, from another one, until it converges."""
    project, elsewhere = work / "project", work / "elsewhere"
    project.mkdir()
    elsewhere.mkdir()
    spec = shutil.copy2(ROOT / "specs/month-end.yaml", project)
    call(commands / "zbatch", "--version", cwd=elsewhere)
    call(commands / "zbatch", "validate", spec, cwd=elsewhere)
    call(commands / "zbatch", "explain", "ZB302", cwd=elsewhere)
    call(commands / "zbatch", "init", work / "begun", cwd=elsewhere)
    for _ in ("send", "converge"):
        call(commands / "zbatch", "run", spec, cwd=elsewhere)
    call(commands / "zbatch", "report", spec, "--out", elsewhere / "run.html", cwd=elsewhere)
    reports = sorted((project / ".zbatch").rglob("report.jsonl"))
    lines = [json.loads(line) for report in reports for line in report.read_bytes().splitlines()]
    if len(reports) != 2 or not lines or any(line["error"] for line in lines):
        sys.exit("the installed zbatch ran, but its reports are not those of two good runs")


def test_again(commands: Path, work: Path) -> None:
    """Run the rooms' own tests of the sdist against the installed wheel, from another folder."""
    source = next((work / "sdist").iterdir())
    lock = ROOT / "requirements/dev.txt"
    call(commands / "python", *PIP, "install", "--require-hashes", "-r", lock, cwd=work)
    options: tuple[str | Path, ...] = (
        *("-p", "no:cacheprovider", "-n", "4"),
        *("-c", source / "pyproject.toml"),
    )
    left = [f"--ignore={source / 'tests' / name}" for name in PROOFS]
    where: tuple[str | Path, ...] = ("--rootdir", source, *left, source / "tests")
    call(commands / "pytest", *options, *where, cwd=work / "elsewhere")


def main() -> None:
    """Go through the stages in a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="zbatch-wheel-") as folder:
        work = Path(folder).resolve()
        commands = install(work, build(work))
        bill(commands, work)
        test_again(commands, work)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as failure:
        sys.exit(f"wheel-test: the last command above ended with {failure.returncode}")
