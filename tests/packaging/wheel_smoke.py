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
# Where each folder of the checkout lies within the installed package.
FOLDERS = (("runner/zbatch", "."), ("schemas", "schemas"))
IMPORT_ALL = """
import importlib, pkgutil, sys, zbatch
for module in pkgutil.walk_packages(zbatch.__path__, "zbatch."):
    importlib.import_module(module.name)
sys.exit(not zbatch.__file__.startswith(sys.prefix))
"""


def call(*command: str | Path, cwd: Path) -> None:
    """Run a command as a person would on a machine that has nothing of this checkout."""
    print("+", *(Path(command[0]).name, *command[1:]), flush=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    subprocess.run(command, cwd=cwd, check=True, stdin=subprocess.DEVNULL, env=environment)


def files_of(folder: str = ".") -> list[str]:
    """List what git tracks or would track: a build from the checkout keeps old modules."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    names = filter(None, listing.stdout.split("\0"))
    return sorted(name for name in names if (ROOT / name).is_file())


def copy_checkout(target: Path) -> None:
    """Copy the checkout's files, and nothing else that lies in it."""
    for name in files_of():
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
    call(sys.executable, "-m", "venv", "--without-pip", work / "venv", cwd=work)
    commands = work / "venv" / "bin"
    pip = (sys.executable, *PIP, "--python", commands / "python")
    lock = ROOT / "requirements/run.txt"
    call(*pip, "install", "--require-hashes", "-r", lock, cwd=work)
    call(*pip, "install", "--no-deps", "--no-index", wheel, cwd=work)
    call(commands / "python", "-W", "error", "-c", IMPORT_ALL, cwd=work)
    return commands


def compare(commands: Path, work: Path) -> None:
    """Hold what is installed against the checkout: what was tested is what is there."""
    (package,) = (commands.parent / "lib").glob("python*/site-packages/zbatch")
    wanted = {
        package / inside / Path(name).relative_to(folder): ROOT / name
        for folder, inside in FOLDERS
        for name in files_of(folder)
    }
    there = {path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    wrong = there ^ wanted.keys()
    wrong |= {
        path for path in there & wanted.keys() if path.read_bytes() != wanted[path].read_bytes()
    }
    if wrong:
        sys.exit("not what the checkout has: " + ", ".join(map(str, sorted(wrong))))
    (source,) = (work / "sdist").iterdir()
    lost = [name for name in files_of("tests") if not (source / name).is_file()]
    if lost:
        sys.exit("the sdist has not: " + ", ".join(lost))
    print(f"{len(wanted)} files are installed as the checkout has them", flush=True)


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


def main() -> None:
    """Go through the stages in a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="zbatch-wheel-") as folder:
        work = Path(folder).resolve()
        commands = install(work, build(work))
        compare(commands, work)
        bill(commands, work)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as failure:
        sys.exit(f"wheel-test: the last command above ended with {failure.returncode}")
