"""Secrets and server text, through whole runs: what no file, no line and no terminal may get."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from support.disclosure import files_in, found_in
from support.processes import CANARY, Parent, Project, Tenant

Serve = Callable[..., Tenant]
ProjectAt = Callable[..., Project]
Answer = Callable[[str, str], tuple[int, dict[str, str], bytes]]

TOKEN = "token+canary/0123=Zz"
HOSTILE = (
    "\x1b[2J\x1b]8;;http://elsewhere.example\x07click\x1b]8;;\x07"
    "\r\nzbatch: all is well\u2028\u202e\u0085" + "x" * 2**20
)

# One fault a call, each of which makes the client say something of what it has sent or seen.
FAULTS: tuple[dict[str, object], ...] = (
    {"fault": "status", "status": 401},
    {"fault": "status", "status": 500},
    {"fault": "status", "status": 502, "executed": True},
    {"fault": "reset", "when": "after_execution"},
    {"fault": "reset", "when": "before_execution"},
    {"fault": "silence", "when": "after_execution"},
    {"fault": "status", "status": 400},
    {"fault": "row_error", "code": "LOCK_COMPETITION"},
    {"fault": "row_error", "code": "UNKNOWN_ERROR", "executed": True},
    {"fault": "row_error", "code": "ACCOUNTING_PERIOD_CLOSED"},
    {"fault": "status", "status": 422},
)


@pytest.mark.parametrize("debug", ["", "1"])
def test_f142_no_fault_brings_a_secret_out(debug: str, serve: Serve, project_at: ProjectAt) -> None:
    """F142: secret and tokens are in no file and no output, whatever went wrong."""
    served = serve(faults=[{**one, "at": n} for n, one in enumerate(FAULTS, 1)])
    project = project_at(served)
    project.env["ZBATCH_DEBUG"] = debug
    project.write(range(20), concurrency=1, timeout="1s")
    words = ("spec.yaml", "-v", "--json", "--log-file", "log.jsonl")
    codes = [project.run(*words).code for _ in range(3)]
    assert set(codes) <= {0, 1, 3, 4}
    assert (project.folder / "log.jsonl").stat().st_size > 1000
    assert len(served.tokens) > 1
    assert "Traceback" not in "".join(path.read_text() for path in project.said.glob("*.err"))


@pytest.mark.parametrize("debug", ["", "1"])
def test_f142_a_secret_that_is_refused(debug: str, serve: Serve, project_at: ProjectAt) -> None:
    """F142: what does not open the door is not shown either."""
    project = project_at(serve())
    project.env |= {"ZUORA_CLIENT_SECRET": f"{CANARY}-old", "ZBATCH_DEBUG": debug}
    project.write(range(2))
    assert project.run("spec.yaml", "-v").code == 6


def test_f141_a_secret_as_an_argument(serve: Serve, project_at: ProjectAt) -> None:
    """F141: there is no option for it, and the refusal does not repeat it."""
    project = project_at(serve())
    project.write([0])
    for words in (["--client-secret", CANARY], [f"--client-secret={CANARY}"]):
        client = project.run("spec.yaml", *words)
        assert client.code == 2
        assert "No such option" in client.said


@pytest.mark.parametrize("secret", [CANARY, TOKEN])
def test_f142_a_secret_that_is_written_down_is_found(secret: str) -> None:
    """F142: escaped or anywhere within a base64 text; no test of this room looks past it."""
    spelled = [secret, quote(secret, safe=""), quote_plus(secret), json.dumps({"a": secret})]
    spelled += [secret.encode().hex(), f"Authorization: Bearer {secret}"]
    for before in range(4):
        for pack in (base64.b64encode, base64.urlsafe_b64encode):
            spelled.append(pack(b"id:!"[:before] + secret.encode() + b" and more").decode())
    outputs = {one: f"before {one} after".encode() for one in spelled}
    assert found_in(outputs, ["something else", secret]) == list(outputs)
    assert found_in({"none": secret[:-1].encode()}, [secret]) == []


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """Serve a tenant that gives tokens, finds nothing, and answers calls as a test says."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            del body
            status, headers, said = self._answer()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(said)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)

        def _answer(self) -> tuple[int, dict[str, str], bytes]:
            if self.path.startswith("/oauth"):
                granted = {"access_token": TOKEN, "token_type": "bearer", "expires_in": 3600}
                return 200, {}, json.dumps(granted).encode()
            if "query" in self.path:
                return 200, {}, b'{"records": [], "size": 0, "done": true}'
            return answer(self.headers["Authorization"], self.headers["Zuora-Track-Id"])

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its own name
            """Keep standard error clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _row(code: str, message: str) -> bytes:
    return json.dumps([{"Success": False, "Errors": [{"Code": code, "Message": message}]}]).encode()


def _echoed_in_a_row(bearer: str, track: str) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, _row("INVALID_VALUE", f"you sent Authorization: {bearer}")


def _echoed_by_a_gateway(bearer: str, track: str) -> tuple[int, dict[str, str], bytes]:
    return 400, {"Content-Type": "text/plain"}, f"bad request\nAuthorization: {bearer}\n".encode()


def _echoed_in_headers(bearer: str, track: str) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Zuora-Request-Id": bearer, "Zuora-Track-Id": track}, _row("INVALID_VALUE", "no")


@pytest.mark.parametrize("echo", [_echoed_in_a_row, _echoed_by_a_gateway, _echoed_in_headers])
def test_f142_f143_a_server_that_says_our_token_back(
    echo: Answer, tmp_path: Path, warm: Parent
) -> None:
    """F142, F143: what a server repeats of our request is kept and shown without it."""
    with answering(echo) as url:
        project = Project(tmp_path / "project", url, warm)
        project.write([0])
        client = project.run("spec.yaml", "-v", "--json")
    assert client.code in (1, 3), client.said
    assert found_in(files_in(project.folder, project.said), [TOKEN, CANARY]) == []


@pytest.mark.parametrize("code", ["INVALID_VALUE", "UNKNOWN_ERROR", HOSTILE[:200]])
@pytest.mark.parametrize("arguments", [["-v"], ["--progress", "bar"], ["--json"]])
def test_f144_server_text_acts_on_no_terminal(
    code: str, arguments: list[str], tmp_path: Path, warm: Parent
) -> None:
    """F144: escapes, links, line breaks, direction marks, a megabyte: one short, harmless line.

    In the report it is one JSON line, whose text reads back.
    """
    with answering(lambda bearer, track: (200, {}, _row(code, HOSTILE))) as url:
        project = Project(tmp_path / "project", url, warm)
        project.write([0, 1], settle="0s")
        client = project.run("spec.yaml", *arguments)
    assert client.code in (1, 3, 4), client.said
    for told in (client.said, client.out.read_text("utf-8")):
        assert all(line.isprintable() for line in told.split("\n"))
        assert "\x1b" not in told
        assert len(told) < 20_000
        assert not any(line.startswith("zbatch: all is well") for line in told.split("\n"))
    lines = project.report()
    assert len(lines) == 2
    for line in lines:
        message = line["error"]["message"]
        assert len(message) < 2000
        assert message.isprintable()
