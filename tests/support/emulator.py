"""A tenant on virtual time, its store in memory: time passes only where a test says so."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from zbatch.emulator import Conflict, EmulatorConfig, Exchange, Invoice
from zbatch.emulator.book import Book, parse_book
from zbatch.emulator.exchange import Answer, Request
from zbatch.emulator.history import Arrival, Reply, read_arrivals, read_history, read_replies
from zbatch.emulator.invoices import Execution, read_executions, read_invoices
from zbatch.emulator.store import Store
from zbatch.emulator.tenant import Tenant
from zbatch.emulator.visit import Pending

NOON = 1_795_867_200.0  # 2026-11-28 12:00 UTC
GENERATE = "/v1/action/generate"
PROMISED = (Conflict.EMPTY, Conflict.ROWS)  # what the pages say of a key whose call is at work

BOOK = """\
account_id,status,charges,invoices,latency,note
000000000000000000000000000000d0,Active,due,1,1s,
000000000000000000000000000000d1,Active,due,1,1s,
000000000000000000000000000000d2,Active,due,1,1s,
000000000000000000000000000000d3,Active,due,3,1s,
000000000000000000000000000000e0,Active,none,,0s,
000000000000000000000000000000c0,Canceled,due,,0s,
000000000000000000000000000000f0,Active,due,1,150s,
"""


def account(tail: str) -> str:
    """Return the ID of the book that ends so."""
    return tail.rjust(32, "0")


def row(tail: str, target: str = "2026-11-30", **fields: Any) -> dict[str, Any]:
    """Return one object of a generate call."""
    return {
        "AccountId": account(tail),
        "InvoiceDate": "2026-11-30",
        "TargetDate": target,
        **fields,
    }


class Driver:
    """Sends requests to a tenant; a stored answer or an error fails the test that expects none."""

    def __init__(
        self, config: EmulatorConfig, connection: sqlite3.Connection, listed: str | None = BOOK
    ) -> None:
        self.now = NOON
        self.config = config
        self._db = connection
        book = Book() if listed is None else parse_book(listed, "book.csv", latency=1.0)
        self.store = Store(connection, config.seed)
        self.tenant = Tenant(config, book, self.store)
        self.bearer = ""

    def log_in(self, **form: str) -> Answer:
        """Ask for a token, and use it from here on if one is given."""
        pairs = {
            "client_id": "emulator",
            "client_secret": "emulator",
            "grant_type": "client_credentials",
            **form,
        }
        body = "&".join(f"{name}={value}" for name, value in pairs.items()).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = self.arrive(Request("POST", "/oauth/token", {}, headers, body))
        assert isinstance(answer, Answer)
        if answer.status == 200:
            self.bearer = json.loads(answer.body)["access_token"]
        return answer

    def request(
        self, body: object, key: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Request:
        """Build a generate request; `headers` are lower case and win."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"authorization": f"Bearer {self.bearer}", "content-type": "application/json"}
        if key is not None:
            given["idempotency-key"] = key
        return Request("POST", GENERATE, {}, {**given, **(headers or {})}, content)

    def arrive(self, request: Request) -> Answer | Pending:
        """Hand a request to the tenant now."""
        return self.tenant.arrive(request, self.now)

    def begin(self, *rows: dict[str, Any], key: str | None = None, **headers: str) -> Pending:
        """Begin a generate and leave it in execution."""
        pending = self.arrive(self._generate(rows, key, headers))
        assert isinstance(pending, Pending)
        return pending

    def refused(self, *rows: dict[str, Any], key: str | None = None, **headers: str) -> Answer:
        """Send a generate that is answered at once."""
        answer = self.arrive(self._generate(rows, key, headers))
        assert isinstance(answer, Answer)
        return answer

    def finish(self, pending: Pending) -> Answer:
        """Let the time of an execution pass and complete it."""
        self.now = max(self.now, pending.due)
        return self.tenant.complete(pending, self.now)

    def generate(self, *rows: dict[str, Any], key: str | None = None, **headers: str) -> Answer:
        """Send a generate and let it finish."""
        return self.finish(self.begin(*rows, key=key, **headers))

    def ask(self, query: str, key: str | None = None) -> Any:
        """Query the tenant and read the answer, which must be a good one."""
        answer = self.refuse_query(query, key)
        assert answer.status == 200, answer.body
        return json.loads(_plain(answer))

    def ask_more(self, locator: str) -> Any:
        """Query the tenant for a further page."""
        answer = self._action("queryMore", {"queryLocator": locator})
        assert answer.status == 200, answer.body
        return json.loads(_plain(answer))

    def refuse_query(self, query: str, key: str | None = None) -> Answer:
        """Query the tenant, whatever the answer."""
        return self._action("query", {"queryString": query}, key)

    def _action(self, name: str, body: object, key: str | None = None) -> Answer:
        arrived = self.arrive(replace(self.request(body, key), path=f"/v1/action/{name}"))
        return arrived if isinstance(arrived, Answer) else self.finish(arrived)

    def restart(self) -> None:
        """Kill the tenant and open its store anew."""
        fresh = Driver(self.config, self._db)
        self.store, self.tenant = fresh.store, fresh.tenant

    def copy(self, other: sqlite3.Connection) -> None:
        """Copy all that is on record into another file."""
        self._db.backup(other)

    @property
    def invoices(self) -> list[Invoice]:
        """The invoices that exist."""
        return read_invoices(self._db)

    @property
    def executions(self) -> list[Execution]:
        """Every time that an account was billed."""
        return read_executions(self._db)

    @property
    def history(self) -> list[Exchange]:
        """What the tenant has answered."""
        return read_history(self._db)

    @property
    def arrivals(self) -> list[Arrival]:
        """What has arrived at the tenant."""
        return read_arrivals(self._db)

    @property
    def replies(self) -> list[Reply]:
        """What each arrival was answered."""
        return read_replies(self._db)

    def _generate(
        self, rows: tuple[dict[str, Any], ...], key: str | None, headers: Mapping[str, str]
    ) -> Request:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request({"objects": list(rows), "type": "Invoice"}, key, names)


@contextmanager
def driving(*, listed: Any = BOOK, **settings: Any) -> Iterator[Driver]:
    """Drive a tenant that is logged in; `listed` is its account book, None for no book."""
    config = EmulatorConfig(Path("unused"), **settings)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        driver = Driver(config, connection, listed)
        assert driver.log_in().status == 200
        yield driver


def rows_of(answer: Answer) -> list[dict[str, Any]]:
    """Read an answer's rows, compressed or not."""
    rows: list[dict[str, Any]] = json.loads(_plain(answer))
    return rows


def _plain(answer: Answer) -> bytes:
    packed = answer.headers.get("Content-Encoding") == "gzip"
    return gzip.decompress(answer.body) if packed else answer.body


def errors_of(answer: Answer) -> list[str]:
    """Read the error code of each row; empty for a success."""
    return [r["Errors"][0]["Code"] if "Errors" in r else "" for r in rows_of(answer)]
