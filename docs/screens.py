"""Fill the pages' blocks with what the files hold and what the commands print.

Each block follows a comment that says what it is: `file: PATH`, `screen: COMMAND`, which may go on
with `, then Ctrl-C after N s` or, at a question, `, then "TEXT" after N s`, or `report: PATTERN
OUTCOME`. Commands run one after the other in the project of the `scene` that a comment above names:
a folder of docs/scenes/, begun anew at each such comment; `empty`, a folder without a file; or
`checkout`, a fresh clone of what is committed. Where a scene has an `emulator.faults.yaml`, an
emulator plays it at the port that the scene's tenants.yaml names.

`--check` writes nothing and ends with 1 where a page shows something else than is printed by now;
times, IDs, digests, sums and how far Ctrl-C lets a run come are not compared. Needs git, make and
tmux.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path

ROOT = Path(__file__).parents[1]
SCENES = ROOT / "docs" / "scenes"
CHECKOUT, EMPTY = "checkout", "empty"
MARK = re.compile(
    r"<!-- scene: (?P<scene>[\w-]+) -->\n"
    r"|(?P<head><!-- (?P<kind>file|screen|report): (?P<what>.+?) -->\n```\w+\n).*?^```$",
    re.M | re.S,
)
TYPED = re.compile(r'(?P<command>.+), then (?:Ctrl-C|"(?P<text>\w+)") after (?P<seconds>[\d.]+) s')
PORT = "8080"  # of a scene's emulator, on the pages
COLUMNS, ROWS = 100, 60
LONGEST = 60.0  # seconds for one command
# What differs from one time to the next.
PASSING = re.compile(
    r"\d{8}T\d{6}(?:Z-[0-9a-f]{4})?"  # also where a line was cut
    r"|(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d(?:\.\d+)?Z?(?: UTC)?"
    r"|(?:\bunder )?\b\d+(?:\.\d+)? (?:s|GB)\b|\b[0-9a-f]{24,64}\b"
    r"|[a-z]+-[0-9a-f]{24}-[0-9a-f]{4}-\d+"
    r"|[\d,]+\.\d\d(?= [A-Z]{3} in \d)"  # who is first is billed the first amount
    r"|\b[\d.]+/s|/tmp/\S+?/|\b\d+ ms\b|process \d+|\"duration_ms\": ?\d+"
)


@dataclass
class Scene:
    """A project in which commands are run, and how a shell there finds zbatch."""

    folder: Path
    commands: Path
    port: str = PORT
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def surroundings(self) -> dict[str, str]:
        """The environment of its commands: nothing of this one that zbatch would look at."""
        plain = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("MAKE", "MFLAGS", "ZBATCH_", "ZUORA_"))
        }
        for name in ("CI", "GITHUB_ACTIONS", "NO_COLOR", "FORCE_COLOR", "TMUX"):
            plain.pop(name, None)
        path = f"{self.commands}:{plain['PATH']}"
        return {**plain, "PATH": path, "PS1": "$ ", **self.environment}

    def file(self, name: str) -> str:
        """Give a file of the project as it is on the pages."""
        return (self.folder / name).read_text("utf-8").replace(f":{self.port}", f":{PORT}")

    def screen(self, what: str) -> str:
        """Run a command on a terminal of its own and give what stands there afterwards."""
        typed = TYPED.fullmatch(what)
        command = typed["command"] if typed else what
        # a server of its own: one that is just ending takes no session
        tmux = ("tmux", "-L", f"zbatch-screens-{secrets.token_hex(4)}", "-f", "/dev/null")
        ended = Path(tempfile.gettempdir()) / f"zbatch-screens-{secrets.token_hex(8)}"
        line = f"trap : INT; {command}; touch {ended}; sleep {LONGEST:.0f}"
        size = ("-x", str(COLUMNS), "-y", str(ROWS))
        session = [*tmux, "new-session", "-d", *size, "-c", str(self.folder), "sh", "-c", line]
        subprocess.run(session, check=True, env=self.surroundings)
        try:
            begun = time.monotonic()
            while not ended.exists():
                if time.monotonic() > begun + LONGEST:
                    raise SystemExit(f"{command} takes longer than {LONGEST:.0f} s")
                due = typed and time.monotonic() > begun + float(typed["seconds"])
                if typed and due and awaits(shown(tmux), typed["text"]):
                    keys = (typed["text"], "Enter") if typed["text"] else ("C-c",)
                    subprocess.run([*tmux, "send-keys", *keys], check=True)
                    typed = None
                time.sleep(0.05)
            pane = shown(tmux)
        finally:
            ended.unlink(missing_ok=True)
            subprocess.run([*tmux, "kill-server"], check=False)
        text = re.sub(f"([:_]){self.port}", f"\\g<1>{PORT}", pane)
        text = text.replace(f"{self.folder}/", "").replace(str(self.folder), ".")
        lines = [line.rstrip() for line in text.rstrip().splitlines()]
        return "\n".join((f"$ {command}", *lines, ""))

    def report(self, wanted: str) -> str:
        """Give the last line with this outcome in the reports of a spec, wrapped by field."""
        spec, outcome = wanted.split()
        found = []
        for record in sorted(self.folder.glob(".zbatch/runs/*/run.json")):
            if spec in record.read_text("utf-8"):
                text = record.with_name("report.jsonl").read_text("utf-8")
                found += [json.loads(line) for line in text.split("\n") if line]
        line = next(line for line in found if line["outcome"] == outcome)
        fields = [f"{json.dumps(name)}: {json.dumps(line[name])}" for name in line]
        return "{" + wrapped(fields) + "}\n"


def awaits(screen: str, text: str | None) -> bool:
    """Tell whether a terminal is ready for what is typed, however slow this machine.

    A word is an answer only to a question, and Ctrl-C is shown in a run that has begun.
    """
    return screen.rstrip().endswith("?") if text else " · run " in screen


def shown(tmux: tuple[str, ...]) -> str:
    """Give what stands on a terminal; what it has wrapped is joined: readers have other widths."""
    pane = subprocess.run([*tmux, "capture-pane", "-pJ"], check=True, capture_output=True)
    return pane.stdout.decode()


def wrapped(fields: list[str]) -> str:
    """Put as many fields on each line as have room."""
    lines = [fields[0]]
    for text in fields[1:]:
        if len(lines[-1]) + len(text) + 4 > COLUMNS:
            lines[-1] += ","
            lines.append(f" {text}")
        else:
            lines[-1] += f", {text}"
    return "\n".join(lines)


@contextmanager
def begun(name: str, clone: Path) -> Iterator[Scene]:
    """Begin a scene: its files in a folder of their own, and its emulator until it is over."""
    commands = clone / ".venv" / "bin"
    if name == CHECKOUT:
        yield Scene(clone, commands)
        return
    with tempfile.TemporaryDirectory(prefix="scene-") as above, ExitStack() as stack:
        scene = Scene(Path(above) / "billing", commands)
        if name == EMPTY:
            scene.folder.mkdir()
        else:
            shutil.copytree(SCENES / name, scene.folder)
        faults = scene.folder / "emulator.faults.yaml"
        if faults.exists():
            scene.port = stack.enter_context(serving(faults, scene))
            scene.environment = {f"ZUORA_CLIENT_{one}": "emulator" for one in ("ID", "SECRET")}
            tenants = scene.folder / "tenants.yaml"
            text = tenants.read_text("utf-8").replace(f":{PORT}", f":{scene.port}")
            tenants.write_text(text, "utf-8")
        yield scene


@contextmanager
def serving(faults: Path, scene: Scene) -> Iterator[str]:
    """Let an emulator play faults, and give its port."""
    play = faults.rename(faults.parent.parent / faults.name)
    words = [str(scene.commands / "zbatch"), "emulator", "--port", "0", "--faults", str(play)]
    words += ["--data", str(play.parent / "tenant")]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=scene.surroundings
    ) as server:
        assert server.stdout is not None  # noqa: S101 - for mypy: it is a pipe
        try:
            yield server.stdout.readline().strip().rpartition(":")[2]
        finally:
            server.terminate()


def filled(text: str, clone: Path) -> str:
    """Replace the inside of every block of a page, in their order."""
    with ExitStack() as stack:
        scene = stack.enter_context(begun(CHECKOUT, clone))

        def fill(match: re.Match[str]) -> str:
            nonlocal scene
            if match["scene"]:
                stack.close()
                scene = stack.enter_context(begun(match["scene"], clone))
                return match[0]
            makers: dict[str, Callable[[str], str]] = {
                "file": scene.file,
                "screen": scene.screen,
                "report": scene.report,
            }
            return f"{match['head']}{makers[match['kind']](match['what'])}```"

        return MARK.sub(fill, text)


def pages() -> list[Path]:
    """Name the pages that have a block."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in found if "```" in page.read_text("utf-8") and blocks(page)]


def blocks(page: Path) -> list[str]:
    """Give the kinds of the blocks of a page."""
    return [found["kind"] for found in MARK.finditer(page.read_text("utf-8")) if found["kind"]]


def lasting(page: str) -> str:
    """Leave out what differs from one time to the next, as how far Ctrl-C lets a run come."""
    text = MARK.sub(lambda block: _end(block[0]) if _interrupted(block) else block[0], page)
    return PASSING.sub("…", re.sub(r"[ \n]+", " ", text))


def _interrupted(block: re.Match[str]) -> bool:
    typed = TYPED.fullmatch(block["what"] or "")
    return typed is not None and typed["text"] is None


def _end(block: str) -> str:
    """Keep what a screen ends with, which has the exit code."""
    return "\n".join(block.splitlines()[-2:])


def main(arguments: list[str]) -> int:
    """Fill the pages, or those that are named; with `--check` only compare."""
    named = {(ROOT / one).resolve() for one in arguments if one != "--check"}
    other = []
    with tempfile.TemporaryDirectory(prefix="screens-") as folder:
        clone = Path(folder) / "zbatch"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        subprocess.run(["make", "--directory", clone, ".venv/.run"], check=True)
        for page in pages():
            if named and page not in named:
                continue
            before = page.read_text("utf-8")
            after = filled(before, clone)
            if "--check" not in arguments:
                page.write_text(after, "utf-8")
            elif lasting(before) != lasting(after):
                other.append(page.relative_to(ROOT))
                lines = (before.splitlines(keepends=True), after.splitlines(keepends=True))
                sys.stderr.writelines(unified_diff(*lines))
    for page in other:
        print(f"{page} shows another screen than there is by now: make screens", file=sys.stderr)
    return 1 if other else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
