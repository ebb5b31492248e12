"""The command as a process of its own: pipes, terminals, signals, what it loads."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import IO

import pytest

ROOT = Path(__file__).parents[2]
REHEARSALS = shutil.ignore_patterns("rehearsals")  # they bring an emulator along
ZBATCH = str(Path(sys.executable).with_name("zbatch"))
SPEC = "specs/fast.yaml"
HEAD = "version: 1\nname: fast\ntenant: emulator\ndates: [{target_date: 2026-11-30}]\n"
ACCOUNTS = "".join(f'  - "2c93808457d787030157e0306be53a0{n}"\n' for n in (1, 2, 3, 8))
LIMIT = 60  # seconds that any of these processes may take


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a copy of the sample project with a spec that takes no time."""
    for name in ("specs", "emulator"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=REHEARSALS)
    shutil.copy(ROOT / "tenants.yaml", tmp_path)
    (tmp_path / SPEC).write_text(f"{HEAD}limits: {{rate: 50000/min}}\naccounts:\n{ACCOUNTS}")
    return tmp_path


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ZBATCH")}
    for name in ("NO_COLOR", "FORCE_COLOR"):
        kept.pop(name, None)
    path = f"{Path(ZBATCH).parent}{os.pathsep}{kept.get('PATH', '')}"
    return kept | {"PATH": path, "TERM": "xterm"} | variables


def report_of(project: Path) -> list[dict[str, object]]:
    (report,) = (project / ".zbatch" / "runs").glob("*/report.jsonl")
    return [json.loads(line) for line in report.read_bytes().split(b"\n")[:-1]]


def test_without_a_terminal_there_are_plain_lines(project: Path) -> None:
    """In a pipe neither a carriage return nor an escape is written."""
    done = subprocess.run(
        [ZBATCH, "run", SPEC], cwd=project, env=environment(), capture_output=True, timeout=LIMIT
    )
    assert done.returncode == 0
    assert done.stdout == b""
    lines = done.stderr.decode().split("\n")
    assert all(line.isprintable() for line in lines)
    assert lines[0].endswith("4 items: 4 to send")
    assert len(report_of(project)) == 4


def test_nobody_reading_does_not_end_a_run(project: Path) -> None:
    """With both outputs closed by their readers the run completes, and its report too."""
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [ZBATCH, "run", SPEC, "--json", "-v"],
        cwd=project,
        env=environment(),
        stdout=writer,
        stderr=writer,
    )
    os.close(writer)
    os.close(reader)
    assert process.wait(LIMIT) == 0
    assert {line["outcome"] for line in report_of(project)} == {"invoiced", "nothing_to_bill"}


def test_closed_outputs_do_not_reach_the_ledger(project: Path) -> None:
    """Without standard input, output and error no file of the run gets their numbers."""
    command = f"exec '{ZBATCH}' run {SPEC} --json <&- >&- 2>&-"
    done = subprocess.run(["sh", "-c", command], cwd=project, env=environment(), timeout=LIMIT)
    assert done.returncode == 0
    assert len(report_of(project)) == 4


@pytest.mark.parametrize("command", ["plan big.yaml --json", "validate broken.yaml", "--help"])
def test_head_gets_its_lines_and_nothing_is_said(command: str, project: Path) -> None:
    """`| head` ends neither in a traceback nor in a failure of zbatch."""
    accounts = "".join(f'  - "{number:032x}"\n' for number in range(3000))
    (project / "big.yaml").write_text(f"{HEAD}accounts:\n{accounts}")
    (project / "broken.yaml").write_text("version: 2\n")
    with subprocess.Popen(
        ["sh", "-c", f"'{ZBATCH}' {command}; echo $? >&2"],
        cwd=project,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        told = process.stderr.read().decode()
    assert "Traceback" not in told
    assert "Exception" not in told
    assert told.splitlines()[-1] == ("1" if "validate" in command else "0")


def test_full_disk_behind_standard_output_is_told(project: Path) -> None:
    """A product that could not be delivered is not a success."""
    if not Path("/dev/full").exists():
        pytest.skip("only Linux has /dev/full")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [ZBATCH, "plan", SPEC],
            cwd=project,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=LIMIT,
        )
    assert done.returncode == 3
    assert done.stderr == b"zbatch: cannot write to standard output: No space left on device\n"


@pytest.mark.parametrize(
    ("variables", "bar", "coloured"),
    [({}, True, True), ({"NO_COLOR": "1"}, True, False), ({"TERM": "dumb"}, False, False)],
)
def test_terminal_gets_a_bar(
    variables: dict[str, str], bar: bool, coloured: bool, project: Path
) -> None:
    """On a terminal a bar is drawn; colour and cursor movement follow the environment."""
    drawn, code = _on_terminal([ZBATCH, "run", SPEC], project, environment(**variables))
    assert code == 0
    assert ("━" in drawn) is bar
    assert bool(re.search(r"\x1b\[[0-9;]*m", drawn)) is coloured
    assert "(exit 0)" in drawn.splitlines()[-1]


def _on_terminal(argv: list[str], cwd: Path, env: dict[str, str]) -> tuple[str, int]:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(argv, cwd=cwd, env=env, stderr=theirs)
    os.close(theirs)
    drawn = b""
    try:
        while chunk := os.read(ours, 65536):
            drawn += chunk
    except OSError:  # Linux says that the other side is closed with EIO
        pass
    os.close(ours)
    return drawn.decode(), process.wait(LIMIT)


PROTECTED = """version: 1
tenants: {production: {base_url: "http://127.0.0.1:9", protected: true}}
"""


@pytest.mark.parametrize(
    ("typed", "ci", "told"),
    [
        (b"production\n", "", "The environment variable ZUORA_CLIENT_ID is not set"),
        (b"Production\n", "false", "that is not the tenant's name, production: nothing was sent"),
        (b"\x04", "", "that is not the tenant's name, production: nothing was sent"),
        (b"production\n", "true", "there is no ledger of the protected tenant production"),
    ],
)
def test_a_protected_tenant_asks_for_its_name_in_a_terminal(
    typed: bytes, ci: str, told: str, project: Path
) -> None:
    """The name is typed once it is asked for; a wrong one, the end of the input, or CI: exit 2."""
    (project / "tenants.yaml").write_text(PROTECTED)
    (project / SPEC).write_text((project / SPEC).read_text().replace("emulator", "production"))
    ours, theirs = pty.openpty()
    variables = environment(CI=ci)
    variables.pop("ZUORA_CLIENT_ID", None)
    with subprocess.Popen(
        [ZBATCH, "run", SPEC],
        cwd=project,
        env=variables,
        stdin=theirs,
        stderr=subprocess.PIPE if ci == "true" else theirs,
    ) as process:
        os.close(theirs)
        said = process.stderr.read() if process.stderr else b""
        try:
            while chunk := os.read(ours, 65536):
                said += chunk
                if typed and b"anything else to stop: " in said:
                    os.write(ours, typed)
                    typed = b""
        except OSError:  # Linux says that the other side is closed with EIO
            pass
        os.close(ours)
        assert process.wait(LIMIT) == (6 if "not set" in told else 2)
    words = " ".join(said.decode().split())
    assert told in words
    assert ("Type the tenant's name" in words) == (ci != "true")


@pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        ["run", "--help"],
        ["reconcile", "--help"],
        ["validate", "specs"],
        ["plan", SPEC],
        ["schema", "spec"],
    ],
)
def test_offline_verbs_load_no_network_library(argv: list[str], project: Path) -> None:
    """Help and the offline verbs start fast: neither aiohttp nor rich nor sqlite3 is loaded."""
    program = (
        "import sys; from zbatch.cli import main; code = main(sys.argv[1:]); "
        "heavy = {'aiohttp', 'asyncio', 'rich', 'sqlite3'} & set(sys.modules); "
        "sys.exit(code or ' '.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *argv],
        cwd=project,
        env=environment(),
        capture_output=True,
        timeout=LIMIT,
    )
    assert (done.returncode, done.stderr.decode().splitlines()[1:]) == (0, [])


def test_validating_loads_nothing_of_plans_and_runs(project: Path) -> None:
    """Each noun, and each room, that it has no use for would take its share of a short command."""
    program = (
        "import sys; from zbatch.cli import main; code = main(['validate', 'specs']); "
        "rooms = ['zbatch.' + room for room in ('engine', 'ledger', 'net', 'report')]; "
        "nouns = ['zbatch.model.' + noun for noun in ('accounts', 'calls', 'plan', 'problems')]; "
        "sys.exit(code or ' '.join(sys.modules.keys() & {*rooms, *nouns}) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=project,
        env=environment(),
        capture_output=True,
        timeout=LIMIT,
    )
    assert (done.returncode, done.stderr.decode().splitlines()[1:]) == (0, [])


@pytest.mark.parametrize("verb", ["", "validate", "plan", "run", "reconcile", "schema"])
def test_examples_work_as_printed(verb: str, project: Path) -> None:
    """Each example of a help text runs in the sample project and succeeds.

    What settles doubt does so after a run.
    """
    words = [ZBATCH, *verb.split(), "--help"]
    text = subprocess.run(words, capture_output=True, text=True, check=True, timeout=LIMIT).stdout
    examples = re.findall(r"^    (zbatch .*)$", text, re.MULTILINE)
    assert len(examples) == 2
    before = [f"zbatch run {SPEC}"] if verb == "reconcile" else []
    for example in before + examples:
        subprocess.run(
            ["sh", "-c", example],
            cwd=project,
            env=environment(),
            check=True,
            capture_output=True,
            timeout=LIMIT,
        )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_emulator_serves_until_it_is_stopped(number: signal.Signals, project: Path) -> None:
    """The emulator says where it listens, answers there, and ends cleanly when told to."""
    words = [ZBATCH, "emulator", "--port", "0", "--accounts", "emulator/accounts.csv"]
    with subprocess.Popen(
        words,
        cwd=project,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        base_url = _line(process.stdout)
        form = b"grant_type=client_credentials&client_id=emulator&client_secret=emulator"
        with urllib.request.urlopen(f"{base_url}/oauth/token", form, timeout=LIMIT) as reply:  # noqa: S310 - loopback
            assert json.load(reply)["access_token"]
        process.send_signal(number)
        assert process.wait(LIMIT) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    assert (project / ".zbatch" / "emulator-server" / "emulator.sqlite3").exists()


def _line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline().strip()
