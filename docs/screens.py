"""Fill the README's blocks with what the files hold and what the commands print.

Each block follows a comment that says what it is: `file: PATH`, `screen: COMMAND` or
`report: PATTERN OUTCOME`. Commands run in a fresh clone of what is committed, one after the other.
It needs git, make and tmux.
"""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- (file|screen|report): (.+?) -->\n```\w+\n).*?(^```$)", re.M | re.S)
COLUMNS, ROWS = 100, 60
LONGEST = 60.0  # seconds for one command


def screen(project: Path, command: str) -> str:
    """Run a command on a terminal of its own and give what stands there afterwards."""
    # a server of its own: one that is just ending takes no session
    tmux = ("tmux", "-L", f"zbatch-screens-{secrets.token_hex(4)}", "-f", "/dev/null")
    ended = project / "build" / "ended"
    ended.parent.mkdir(exist_ok=True)
    line = f"{command}; touch {ended}; sleep {LONGEST:.0f}"
    size = ("-x", str(COLUMNS), "-y", str(ROWS))
    subprocess.run([*tmux, "new-session", "-d", *size, "-c", project, line], check=True)
    try:
        give_up = time.monotonic() + LONGEST
        while not ended.exists():
            if time.monotonic() > give_up:
                raise SystemExit(f"{command} takes longer than {LONGEST:.0f} s")
            time.sleep(0.2)
        # -J joins what the terminal has wrapped: readers have other widths.
        pane = subprocess.run([*tmux, "capture-pane", "-pJ"], check=True, capture_output=True)
    finally:
        ended.unlink(missing_ok=True)
        subprocess.run([*tmux, "kill-server"], check=False)
    lines = [line.rstrip() for line in pane.stdout.decode().rstrip().splitlines()]
    return "\n".join((f"$ {command}", *lines, ""))


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
    """Fill all blocks of the README, in their order."""
    with tempfile.TemporaryDirectory(prefix="screens-") as folder:
        project = Path(folder) / "zbatch"
        subprocess.run(["git", "clone", "--quiet", ROOT, project], check=True)
        subprocess.run(["make", "--directory", project, ".venv/.run"], check=True)
        text = filled(
            README.read_text("utf-8"),
            {
                "file": lambda path: (ROOT / path).read_text("utf-8"),
                "screen": lambda command: screen(project, command),
                "report": lambda wanted: report(project, wanted),
            },
        )
    README.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
