"""Write the ledger fixture of one zbatch: real runs of its command against a scripted tenant.

    python tests/ledger/released/make.py path/to/zbatch tests/ledger/released/format-N

The first argument is the command of the version that the ledger shall come from.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PORT = 18649  # the same always: the host is part of every key
DATE = "2026-11-30"
DUE, INVALID, NOTHING, LOST, LOST_DONE, UNKNOWN, UNKNOWN_DONE, CRASH = (
    *("due", "invalid", "nothing", "lost", "lost, executed"),
    *("unknown", "unknown, executed", "crash, executed"),
)
SINGLES = {1: DUE, 2: INVALID, 3: NOTHING, 4: LOST_DONE, 5: LOST, 6: UNKNOWN_DONE, 7: UNKNOWN}
GROUP_LOST = {11: LOST_DONE, 12: LOST_DONE, 13: LOST_DONE}
GROUP_SPLIT = {21: DUE, 22: INVALID, 23: UNKNOWN}
KILLED = {31: CRASH}
FATES = SINGLES | GROUP_LOST | GROUP_SPLIT | KILLED

_ERRORS = {
    INVALID: ("INVALID_VALUE", "The account is not active."),
    NOTHING: ("INVALID_VALUE", "There are no charges due for this account."),
    UNKNOWN: ("UNKNOWN_ERROR", "An error occurred."),
    UNKNOWN_DONE: ("UNKNOWN_ERROR", "An error occurred."),
}


def account(number: int) -> str:
    """Give the ID of an account."""
    return f"2c93808457d787030157e030{number:08x}"


@dataclass
class Tenant:
    """What the scripted tenant has billed; `reached` is set when the call to be killed is in."""

    executions: list[dict[str, Any]] = field(default_factory=list)
    reached: threading.Event = field(default_factory=threading.Event)

    def row(self, entry: dict[str, str], key: str) -> dict[str, Any]:
        """Bill one object, or not, and give its row."""
        fate = FATES[int(entry["AccountId"][-8:], 16)]
        invoice_id = f"2c92c0f8{len(self.executions):024x}"
        if fate in (DUE, LOST_DONE, UNKNOWN_DONE, CRASH):
            self.executions.append(
                {
                    "account_id": entry["AccountId"],
                    "target_date": entry["TargetDate"],
                    "invoice_id": invoice_id,
                    "at": time.time(),
                    "key": key,
                }
            )
        if fate not in _ERRORS:
            return {"Success": True, "Id": invoice_id}
        code, message = _ERRORS[fate]
        return {"Success": False, "Errors": [{"Code": code, "Message": message}]}


def handler(tenant: Tenant) -> type[BaseHTTPRequestHandler]:
    """Make the handler of a server that plays this tenant."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.startswith("/oauth/token"):
                self._say({"access_token": "t" * 32, "expires_in": 3600, "scope": ""})
            elif self.path.startswith("/v1/action/query"):
                self._say({"size": 0, "records": [], "done": True})
            else:
                self._generate(json.loads(gzip.decompress(body))["objects"])

        def _generate(self, entries: list[dict[str, str]]) -> None:
            fates = {FATES[int(entry["AccountId"][-8:], 16)] for entry in entries}
            rows = [tenant.row(entry, self.headers["Idempotency-Key"]) for entry in entries]
            if CRASH in fates:
                tenant.reached.set()
                time.sleep(60)
            elif not fates & {LOST, LOST_DONE}:
                self._say(rows)
            self.close_connection = True

        def _say(self, document: object) -> None:
            data = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Zuora-Request-Id", f"request-{time.time_ns()}")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named so above
            """Say nothing."""

    return Handler


@contextmanager
def serving(tenant: Tenant) -> Iterator[None]:
    """Play the tenant on the fixed port."""
    server = ThreadingHTTPServer(("127.0.0.1", PORT), handler(tenant))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def spec(root: Path, name: str, fates: dict[int, str], size: int) -> Path:
    """Write a spec that bills these accounts, each tried once."""
    accounts = "".join(f'  - "{account(number)}"\n' for number in fates)
    path = root / f"{name}.yaml"
    path.write_text(
        f"version: 1\nname: {name}\ntenant: scripted\ndates: [{{target_date: {DATE}}}]\n"
        f"accounts:\n{accounts}limits: {{objects_per_call: {size}, timeout: 30s}}\n"
        "retry: {max_attempts: 1}\n"
    )
    return path


def bill(command: Path, root: Path, tenant: Tenant) -> None:
    """Run everything, and kill the last run while its call is at the tenant."""
    (root / "tenants.yaml").write_text(
        f'version: 1\ntenants: {{scripted: {{base_url: "http://127.0.0.1:{PORT}"}}}}\n'
    )
    environment = {**os.environ, "ZUORA_CLIENT_ID": "id", "ZUORA_CLIENT_SECRET": "secret"}
    for name, fates, size in (
        ("singles", SINGLES, 1),
        ("group-lost", GROUP_LOST, 3),
        ("group-split", GROUP_SPLIT, 3),
    ):
        words = [str(command), "run", "--quiet", str(spec(root, name, fates, size))]
        subprocess.run(words, env=environment, stderr=subprocess.DEVNULL, check=False)
    words = [str(command), "run", "--quiet", str(spec(root, "killed", KILLED, 1))]
    last = subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL)
    if not tenant.reached.wait(30):
        raise TimeoutError("the last call did not arrive")
    last.kill()
    last.wait()


def dump(path: Path) -> str:
    """Write a ledger as SQL, with what makes it one."""
    with closing(sqlite3.connect(path)) as ledger:
        marks = [
            f"PRAGMA {name} = {ledger.execute(f'PRAGMA {name}').fetchone()[0]};"
            for name in ("application_id", "user_version")
        ]
        return "\n".join([*ledger.iterdump(), *marks, ""])


def main(command: Path, target: Path) -> None:
    """Make the fixture."""
    tenant = Tenant()
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, serving(tenant):
        root = Path(folder)
        bill(command, root, tenant)
        (ledger,) = root.glob(".zbatch/*/ledger.sqlite3")
        (target / "ledger.sql").write_text(dump(ledger))
        first = min((root / ".zbatch/runs").iterdir())
        for name in ("report.jsonl", "run.json"):
            text = (first / name).read_text().replace(f"{folder}/", "")
            (target / name).write_text(text)
        sql = (target / "ledger.sql").read_text().replace(f"{folder}/", "")
        (target / "ledger.sql").write_text(sql)
    truth = {"host": f"127.0.0.1:{PORT}", "executions": tenant.executions}
    (target / "tenant.json").write_text(json.dumps(truth, indent=1) + "\n")


if __name__ == "__main__":
    found = shutil.which(sys.argv[1])
    if found is None:
        sys.exit(f"there is no command {sys.argv[1]}")
    main(Path(found).absolute(), Path(sys.argv[2]))
