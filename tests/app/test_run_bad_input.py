"""Bad input and surroundings: a clear message, the right exit code, nothing sent or lost."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from support.runs import IMPATIENT, QUERY, Away, Billing, Project, Watch
from zbatch.app.desk import opened
from zbatch.app.loading import Overrides, load_plan
from zbatch.app.outstanding import Wish
from zbatch.app.state import State
from zbatch.app.task import to_converge
from zbatch.cli.exit_code import EXIT_CODES
from zbatch.emulator import Mishap, Scheduled
from zbatch.errors import CannotStart, Refused
from zbatch.ledger.lock import locked
from zbatch.ledger.store import LEDGER_FILE
from zbatch.model import ExitCode

Start = Callable[..., Away]
Damage = Callable[[Path], None]
LOOPBACK = "127.0.0.1"


def test_the_frame_knows_what_is_raised() -> None:
    """What is raised below becomes 2 and 6."""
    assert EXIT_CODES[Refused] is ExitCode.REFUSED
    assert EXIT_CODES[CannotStart] is ExitCode.CANNOT_START


# The spec


def _write(content: bytes) -> Damage:
    def damage(path: Path) -> None:
        path.write_bytes(content)

    return damage


def _mkdir(path: Path) -> None:
    path.unlink()
    path.mkdir()


GOOD = b"version: 1\nname: x\ntenant: emulator\ndates: [{target_date: 2026-11-30}]\n"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (Path.unlink, r"month-end\.yaml"),
        (_mkdir, r"month-end\.yaml"),
        (_write(b""), r"month-end\.yaml:1:1 "),
        (_write(b"# only a comment\n"), r"month-end\.yaml:\d+:\d+ "),
        (_write(bytes(range(256)) * 8), r"month-end\.yaml:1:\d+ "),
        (_write(GOOD + "name: Müller\n".encode("latin-1")), r"month-end\.yaml:5:\d+ .*UTF-8"),
        (_write(GOOD + b"accounts: []\n"), r"month-end\.yaml:5:\d+ "),
        (_write(GOOD + b"accounts: [" + b"[" * 100_000), r"month-end\.yaml:5:\d+ "),
        (_write(GOOD + b"accounts: ['2c93808457d787030157e03000000001']\nacounts: 1\n"), "acounts"),
        (
            _write(
                GOOD.replace(b"emulator", b"produktion") + b"accounts: ['" + b"a" * 32 + b"']\n"
            ),
            r"month-end\.yaml:3:9 .*produktion",
        ),
    ],
)
def test_a_spec_that_is_none_is_refused(project: Project, damage: Damage, said: str) -> None:
    """Exit 2, with file, line and column wherever there is one, and no state is made."""
    spec = project.spec(1)
    damage(spec)
    with pytest.raises(Refused, match=said) as refusal:
        project.run(spec)
    assert "Traceback" not in str(refusal.value)
    assert not project.state.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tenants: {real: {base_url: 'http://rest.zuora.com'}}", r"tenants\.yaml:3:.*(https|http)"),
        ("tenants: {real: {base_url: 'https://user:pass@rest.zuora.com'}}", r"tenants\.yaml:3:"),
        ("tenants: {real: {base_url: 'https://rest.zuora.com/v1'}}", r"tenants\.yaml:3:"),
        (
            "tenants: {other: {base_url: 'https://rest.zuora.com'}}",
            r'month-end\.yaml:3:9 .*"real" is not known',
        ),
    ],
)
def test_f131_a_tenant_that_may_not_be_reached_is_refused(
    project: Project, text: str, said: str
) -> None:
    """F131: plain http leaves this machine on no account, and credentials are never in a URL."""
    project.tenants(text)
    with pytest.raises(Refused, match=said) as refusal:
        project.run(project.spec(1, tenant="real"))
    assert "user:pass" not in str(refusal.value)
    assert not project.state.exists()


# Credentials


@pytest.mark.parametrize("missing", ["ZUORA_CLIENT_ID", "ZUORA_CLIENT_SECRET"])
@pytest.mark.parametrize("value", [None, ""])
def test_missing_credentials_are_named(
    project: Project,
    tenant: Start,
    monkeypatch: pytest.MonkeyPatch,
    missing: str,
    value: str | None,
) -> None:
    """The variable's name, never a value; not even a token is asked for, no run is recorded."""
    away = tenant()
    if value is None:
        monkeypatch.delenv(missing)
    else:
        monkeypatch.setenv(missing, value)
    with pytest.raises(CannotStart, match=missing):
        project.run(project.spec(1, tenant="real"))
    assert away.billing.exchanges("/oauth/token") == []
    assert project.runs() == []


def test_f58_a_wrong_secret_ends_before_anything_is_sent(
    project: Project, tenant: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F58: exit 6, the secret appears nowhere, and with the right one the run goes on."""
    away = tenant()
    spec = project.spec(1, 2, tenant="real")
    monkeypatch.setenv("ZUORA_CLIENT_SECRET", "c4n4ry-s3cr3t")
    told = project.run(spec)
    assert (told.code, told.result.sent, told.outcomes) == (6, 0, {"not_attempted": 2})
    assert told.result.stop
    assert "token" in told.result.stop
    assert len(away.billing.exchanges("/oauth/token")) == 1
    assert away.billing.exchanges(QUERY) == []
    for path in project.state.rglob("*"):
        assert not path.is_file() or b"c4n4ry" not in path.read_bytes(), path
    monkeypatch.setenv("ZUORA_CLIENT_SECRET", "emulator")
    assert project.run(spec).outcomes == {"invoiced": 2}


# The network


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[tuple[str, list[str]]]:
    """Serve one answer to whatever is asked, and keep what was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append(self.path)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its own name
            """Keep standard error clean."""

    with ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_host_that_nobody_answers_at_is_given_up(project: Project) -> None:
    """Exit 6 after the patience that the caller has; nothing was sent, so nothing is in doubt."""
    project.tenants(real=f"http://{LOOPBACK}:{unused_port()}")
    told = project.run(project.spec(1, 2, tenant="real"), patience=IMPATIENT)
    assert (told.code, told.result.sent, told.outcomes) == (6, 0, {"not_attempted": 2})
    assert told.error(1) == "RUN_STOPPED"
    assert told.result.stop
    assert re.search("connect|refused", told.result.stop, re.IGNORECASE)
    assert told.result.strays == ()


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (200, b"<html><title>Welcome to nginx!</title></html>", {"Content-Type": "text/html"}),
        (200, b"", {}),
        (404, b"<html>Not Found</html>", {"Content-Type": "text/html"}),
        (302, b"", {"Location": "http://example.invalid/login"}),
        (307, b"", {"Location": "/elsewhere"}),
    ],
)
def test_a_host_that_is_no_zuora_gets_no_call(
    project: Project, status: int, body: bytes, headers: dict[str, str]
) -> None:
    """Its answer to the token request ends the run: 6, and no redirect is followed."""
    with answering(status, body, **headers) as (url, asked):
        project.tenants(real=url)
        told = project.run(project.spec(1, tenant="real"), patience=IMPATIENT)
    assert (told.code, told.result.sent, told.outcomes) == (6, 0, {"not_attempted": 1})
    assert set(asked) == {"/oauth/token"}
    assert told.result.stop
    assert "html" not in told.result.stop.lower()


@pytest.mark.parametrize(("action", "sent", "code"), [("query", 0, 6), ("generate", 1, 3)])
def test_f22_a_redirect_stops_the_run(
    project: Project, tenant: Start, action: str, sent: int, code: int
) -> None:
    """F22: before anything was sent 6; of a call it leaves open whether it was executed: 3."""
    away = tenant(faults=(Scheduled(Mishap(executed=False, status=302), every=1, action=action),))
    spec = project.spec(1, 2, tenant="real", limits={"concurrency": 1})
    told = project.run(spec)
    assert (told.code, told.result.sent) == (code, sent)
    assert told.outcomes == ({"unknown": 1, "not_attempted": 1} if sent else {"not_attempted": 2})
    assert told.result.stop
    assert away.billing.executions == []
    away.faults.switch()
    assert project.run(spec).outcomes == {"invoiced": 2}
    assert len(away.billing.executions) == 2


def test_a_tenant_that_does_not_answer_questions_gets_no_call(
    project: Project, tenant: Start
) -> None:
    """Without knowing what is there nothing is sent: 6."""
    refused = Mishap(executed=False, status=403)
    away = tenant(faults=(Scheduled(refused, every=1, action="query"),))
    told = project.run(project.spec(1, tenant="real"))
    assert (told.code, told.result.sent, told.outcomes) == (6, 0, {"not_attempted": 1})
    assert away.billing.exchanges() == []


# State, report and lock


def test_a_state_folder_that_is_a_file_cannot_be_used(project: Project) -> None:
    """Exit 6, with the way out; the file is left alone."""
    project.state.write_text("mine")
    with pytest.raises(CannotStart, match=r"state folder .*\.zbatch"):
        project.run(project.spec(1))
    assert project.state.read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_state_folder_that_may_not_be_written_cannot_be_used(project: Project) -> None:
    """Exit 6 before anything is sent."""
    project.state.mkdir(0o500)
    with pytest.raises(CannotStart, match="cannot"):
        project.run(project.spec(1))


@pytest.mark.parametrize("content", [b"not a database", b"\0" * 4096])
def test_a_ledger_that_is_none_is_left_alone(project: Project, content: bytes) -> None:
    """Exit 6: what is in its place may be all that somebody has."""
    folder = project.state / "emulator"
    folder.mkdir(parents=True)
    (folder / LEDGER_FILE).write_bytes(content)
    with pytest.raises(CannotStart, match=LEDGER_FILE):
        project.run(project.spec(1))
    assert (folder / LEDGER_FILE).read_bytes() == content
    assert Billing(folder).exchanges() == []


def _file(path: Path) -> None:
    path.write_text("mine")


def _link(path: Path) -> None:
    path.symlink_to(path.with_name("elsewhere"))


@pytest.mark.parametrize("make", [_file, _link, os.mkfifo, Path.mkdir])
def test_f101_a_report_path_that_is_taken_is_refused(
    project: Project, tmp_path: Path, make: Damage
) -> None:
    """F101: exit 2; nothing is overwritten, followed or waited for, and nothing is sent."""
    path = tmp_path / "report.jsonl"
    make(path)
    before = path.lstat()
    with pytest.raises(Refused, match=r"report\.jsonl"):
        project.run(project.spec(1), report=path)
    assert path.lstat() == before or path.is_dir()
    assert not path.with_name("elsewhere").exists()
    assert Billing(project.state / "emulator").exchanges() == []
    assert project.runs() == []
    assert project.run(project.spec(1)).outcomes == {"invoiced": 1}


class Obstructed(State):
    """A state folder in which no run record can be written."""

    def run_folder(self, run_id: str) -> Path:
        folder = super().run_folder(run_id)
        (folder / "run.json").mkdir()
        return folder


def test_a_run_whose_record_cannot_be_written_leaves_nothing(
    project: Project, tmp_path: Path
) -> None:
    """Neither a report without a record, nor a copy that would be in the way of the next try."""
    plan, copy = load_plan(project.spec(1), Overrides()), tmp_path / "copy.jsonl"
    with opened(plan.tenant, Obstructed(project.state)) as desk:
        task = replace(to_converge(plan, desk.store, Wish()), report_copy=copy)
        with pytest.raises(CannotStart, match=r"run\.json: .*; nothing was sent"):
            desk.execute(task, project.root / "book.csv", Watch())
    assert [path.name for path in project.runs()[0].iterdir()] == ["run.json"]
    assert not copy.exists()


def test_a_report_in_a_folder_that_is_not_there_is_refused(
    project: Project, tmp_path: Path
) -> None:
    """No folder is made for it."""
    with pytest.raises(Refused, match=r"nowhere"):
        project.run(project.spec(1), report=tmp_path / "nowhere" / "report.jsonl")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("verb", ["run", "reconcile"])
def test_a_ledger_in_use_is_not_shared(project: Project, verb: str) -> None:
    """D14: exit 6 at once, naming the holder; when that is gone the run starts."""
    spec = project.spec(1)
    project.run(spec)
    holder = "run 20261130T120000Z-7f3a, process 4711"
    with (
        locked(project.state / "emulator", holder),
        pytest.raises(CannotStart, match="process 4711"),
    ):
        getattr(project, verb)(spec)
    assert getattr(project, verb)(spec).code == 0


def test_an_account_book_with_errors_is_refused(project: Project) -> None:
    """Exit 2, with file and line; the ledger holds the run as ended, and how."""
    spec = project.spec(1)
    (project.root / "book.csv").write_text("account_id,status\nabc,Active\n")
    with pytest.raises(Refused, match=r"book\.csv:2"):
        project.run(spec)
    ledger = project.state / "emulator" / LEDGER_FILE
    with closing(sqlite3.connect(ledger)) as connection:
        assert connection.execute("SELECT exit_code FROM run").fetchall() == [(2,)]
    project.book()
    assert project.run(spec).outcomes == {"invoiced": 1}


def test_a_flag_may_only_tighten(project: Project) -> None:
    """What was reviewed is the most that may be."""
    spec = project.spec(1, limits={"concurrency": 2})
    with pytest.raises(Refused, match="may only tighten"):
        project.run(spec, concurrency=3)
    assert project.run(spec, concurrency=1).code == 0
