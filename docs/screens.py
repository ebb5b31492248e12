"""Fill the blocks of some pages with what the files hold and what the commands print.

Each block follows a comment that says what it is: `file: PATH`, `screen: COMMAND`,
`report: PATTERN OUTCOME` or `live: REHEARSAL SECONDS COLUMNSxROWS COMMAND`, which shows the
terminal of a command so many seconds after it has begun, while that rehearsal is served; what
stands behind ` || ` runs beside it then, and is shown instead. Commands run in a fresh clone of
what is committed, one after the other. Without arguments it fills all pages that it knows. It
needs git, make and tmux.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/watching.md")
BLOCK = re.compile(r"(<!-- (file|screen|report|live): (.+?) -->\n```\w+\n).*?(^```$)", re.M | re.S)
COLUMNS, ROWS = 100, 60
LONGEST = 60.0  # seconds for one command


def screen(project: Path, command: str) -> str:
    """Run a command on a terminal of its own and give what stands there afterwards."""
    ended = project / "build" / "ended"
    ended.parent.mkdir(exist_ok=True)
    line = f"{command}; touch {ended}; sleep {LONGEST:.0f}"
    try:
        with terminal(project, line, COLUMNS, ROWS) as captured:
            give_up = time.monotonic() + LONGEST
            while not ended.exists():
                if time.monotonic() > give_up:
                    raise SystemExit(f"{command} takes longer than {LONGEST:.0f} s")
                time.sleep(0.2)
            # -J joins what the terminal has wrapped: readers have other widths.
            lines = captured("-J")
    finally:
        ended.unlink(missing_ok=True)
    return "\n".join((f"$ {command}", *lines, ""))


def live(project: Path, wanted: str) -> str:
    """Give the terminal of a command that is under way against a rehearsal."""
    rehearsal, seconds, size, command = wanted.split(maxsplit=3)
    command, _, beside = command.partition(" || ")
    columns, rows = map(int, size.split("x"))
    client = "ZUORA_CLIENT_ID=emulator ZUORA_CLIENT_SECRET=emulator"
    line = f"{client} {command}; sleep {LONGEST:.0f}"
    with served(project, rehearsal), terminal(project, line, columns, rows) as captured:
        time.sleep(float(seconds))
        if not beside:
            return "\n".join((f"$ {command}", *captured(), ""))
        done = subprocess.run(
            ["sh", "-c", f"PATH=.venv/bin:$PATH; {beside}"],
            cwd=project,
            check=True,
            capture_output=True,
            text=True,
        )
        return f"$ {beside}\n{done.stdout}"


@contextmanager
def served(project: Path, rehearsal: str) -> Iterator[None]:
    """Serve a rehearsal afresh where its tenants.yaml looks for it, while the body runs."""
    for old in (".zbatch/emulator-server", "specs/rehearsals/.zbatch"):
        shutil.rmtree(project / old, ignore_errors=True)
    faults = f"specs/rehearsals/{rehearsal}.faults.yaml"
    words = [str(project / ".venv/bin/zbatch"), "emulator", "--faults", faults]
    with subprocess.Popen(words, cwd=project, stdout=subprocess.PIPE) as server:
        if server.stdout is None or not server.stdout.readline():
            raise SystemExit(f"{rehearsal} is not served")
        try:
            yield
        finally:
            server.terminate()


@contextmanager
def terminal(
    project: Path, line: str, columns: int, rows: int
) -> Iterator[Callable[..., list[str]]]:
    """Run a line on a terminal while the body runs, which may ask what stands there."""
    # a server of its own: one that is just ending takes no session
    tmux = ("tmux", "-L", f"zbatch-screens-{secrets.token_hex(4)}", "-f", "/dev/null")
    size = ("-x", str(columns), "-y", str(rows))
    line = f"PATH=.venv/bin:$PATH; {line}"
    subprocess.run([*tmux, "new-session", "-d", *size, "-c", project, line], check=True)

    def captured(*options: str) -> list[str]:
        words = [*tmux, "capture-pane", "-p", *options]
        pane = subprocess.run(words, check=True, capture_output=True)
        return [line.rstrip() for line in pane.stdout.decode().rstrip().splitlines()]

    try:
        yield captured
    finally:
        subprocess.run([*tmux, "kill-server"], check=False)


def report(project: Path, wanted: str) -> str:
    """Give the last line with this outcome in the reports of a spec, wrapped by field."""
    spec, outcome = wanted.split()
    found = []
    for record in sorted(project.glob(".zbatch/runs/*/run.json")):
        if spec in record.read_text("utf-8"):
            text = record.with_name("report.jsonl").read_text("utf-8")
            found += [json.loads(line) for line in text.split("\n") if line]
    line = next(line for line in found if line["outcome"] == outcome)
    return "{" + wrapped([f"{json.dumps(name)}: {json.dumps(line[name])}" for name in line]) + "}\n"


def wrapped(fields: list[str]) -> str:
    """Put as many fields on each line as have room."""
    lines = [fields[0]]
    for field in fields[1:]:
        if len(lines[-1]) + len(field) + 4 > COLUMNS:
            lines[-1] += ","
            lines.append(f" {field}")
        else:
            lines[-1] += f", {field}"
    return "\n".join(lines)


def filled(text: str, makers: dict[str, Callable[[str], str]]) -> str:
    """Replace the inside of every block."""
    return BLOCK.sub(lambda m: f"{m[1]}{makers[m[2]](m[3])}{m[4]}", text)


def main() -> None:
    """Fill all blocks of the pages, in their order."""
    with tempfile.TemporaryDirectory(prefix="screens-") as folder:
        project = Path(folder) / "zbatch"
        subprocess.run(["git", "clone", "--quiet", ROOT, project], check=True)
        subprocess.run(["make", "--directory", project, ".venv/.run"], check=True)
        makers: dict[str, Callable[[str], str]] = {
            "file": lambda path: (ROOT / path).read_text("utf-8"),
            "screen": lambda command: screen(project, command),
            "report": lambda wanted: report(project, wanted),
            "live": lambda wanted: live(project, wanted),
        }
        for name in sys.argv[1:] or PAGES:
            page = ROOT / name
            page.write_text(filled(page.read_text("utf-8"), makers), "utf-8")


if __name__ == "__main__":
    main()
