"""Fill the blocks of docs/watching.md that show a command while it is under way.

Each of them follows a comment `live: REHEARSAL SECONDS COLUMNSxROWS COMMAND`: it shows the terminal
of the command so many seconds after it has begun, while that rehearsal is served. What stands
behind ` || ` is run beside it then, and shown instead. Commands run in a fresh clone of what is
committed. It needs git, make and tmux.
"""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "watching.md"
BLOCK = re.compile(r"(<!-- live: (.+?) -->\n```\w+\n).*?(^```$)", re.M | re.S)
CLIENT = "ZUORA_CLIENT_ID=emulator ZUORA_CLIENT_SECRET=emulator"
LONGEST = 60.0  # seconds for one command


def live(project: Path, commands: Path, wanted: str) -> str:
    """Give what a terminal shows; `commands` is the folder in which zbatch is."""
    rehearsal, seconds, size, command = wanted.split(maxsplit=3)
    command, _, beside = command.partition(" || ")
    columns, rows = map(int, size.split("x"))
    line = f"PATH={commands}:$PATH; {CLIENT} {command}; sleep {LONGEST:.0f}"
    with _served(project, commands, rehearsal), _terminal(project, line, columns, rows) as captured:
        time.sleep(float(seconds))
        if not beside:
            return "\n".join((f"$ {command}", *captured(), ""))
        words = ["sh", "-c", f"PATH={commands}:$PATH; {beside}"]
        done = subprocess.run(words, cwd=project, check=True, capture_output=True, text=True)
        return f"$ {beside}\n{done.stdout}"


@contextmanager
def _served(project: Path, commands: Path, rehearsal: str) -> Iterator[None]:
    """Serve a rehearsal afresh where its tenants.yaml looks for it, while the body runs."""
    for old in (".zbatch/emulator-server", "specs/rehearsals/.zbatch"):
        shutil.rmtree(project / old, ignore_errors=True)
    faults = f"specs/rehearsals/{rehearsal}.faults.yaml"
    words = [str(commands / "zbatch"), "emulator", "--faults", faults]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(words, cwd=project, stdout=subprocess.PIPE, stderr=quiet) as server:
        try:
            if server.stdout is None or not server.stdout.readline():
                raise SystemExit(f"{rehearsal} is not served")
            yield
        finally:
            server.terminate()


@contextmanager
def _terminal(
    project: Path, line: str, columns: int, rows: int
) -> Iterator[Callable[[], list[str]]]:
    """Run a line on a terminal while the body runs, which may ask what stands there."""
    tmux = ("tmux", "-L", f"zbatch-live-{secrets.token_hex(4)}", "-f", "/dev/null")
    size = ("-x", str(columns), "-y", str(rows))
    subprocess.run([*tmux, "new-session", "-d", *size, "-c", project, line], check=True)

    def captured() -> list[str]:
        pane = subprocess.run([*tmux, "capture-pane", "-p"], check=True, capture_output=True)
        return [line.rstrip() for line in pane.stdout.decode().rstrip().splitlines()]

    try:
        yield captured
    finally:
        subprocess.run([*tmux, "kill-server"], check=False)


def main() -> None:
    """Fill the blocks, in their order."""
    with tempfile.TemporaryDirectory(prefix="live-") as folder:
        project = Path(folder) / "zbatch"
        subprocess.run(["git", "clone", "--quiet", ROOT, project], check=True)
        subprocess.run(["make", "--directory", project, ".venv/.run"], check=True)
        commands = project / ".venv" / "bin"
        text = PAGE.read_text("utf-8")
        text = BLOCK.sub(
            lambda found: f"{found[1]}{live(project, commands, found[2])}{found[3]}", text
        )
    PAGE.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
