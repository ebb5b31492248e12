"""A client that knows sockets and nothing of HTTP: it sees the bytes as they come."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from zbatch.emulator import RunningEmulator

QUIET = 0.15  # seconds without a byte after which nothing more is expected
LONG = 5.0
LISTENS = 300_000_000  # bytes after which a client has heard enough, unless it says less
TARGET = "2026-11-30"
PATHS = {"generate": "/v1/action/generate", "query": "/v1/action/query", "token": "/oauth/token"}


@dataclass(frozen=True)
class Heard:
    """What came over a connection, and its end: `fin`, `reset`, or still `open`."""

    data: bytes
    end: str
    seconds: float = 0.0

    @property
    def status(self) -> int | None:
        """The status of the first reply, None where there is none."""
        line = self.data.partition(b"\r\n")[0].split(b" ")
        good = len(line) > 1 and line[0].startswith(b"HTTP/") and line[1].isdigit()
        return int(line[1]) if good else None

    @property
    def head(self) -> bytes:
        """The first reply's head."""
        return self.data.partition(b"\r\n\r\n")[0]

    @property
    def body(self) -> bytes:
        """All that follows the head."""
        return self.data.partition(b"\r\n\r\n")[2]

    def headers(self, name: str) -> list[str]:
        """Give the values of a header."""
        lines = [line.partition(b": ") for line in self.head.split(b"\r\n")[1:]]
        return [value.decode("latin-1") for key, _, value in lines if key.lower() == name.encode()]


class RawClient:
    """One connection at a time to an emulator."""

    def __init__(self, emulator: RunningEmulator, bearer: str = "") -> None:
        address = urlsplit(emulator.base_url)
        assert address.hostname is not None
        assert address.port is not None
        self._address = (address.hostname, address.port)
        self._client = (emulator.client_id, emulator.client_secret)
        self.bearer = bearer

    def connect(self) -> socket.socket:
        """Open a connection."""
        return socket.create_connection(self._address, LONG)

    def log_in(self) -> str:
        """Ask for a token, and use it from here on."""
        with self.connect() as connection:
            connection.sendall(self.token_request())
            self.bearer = json.loads(listen(connection, LONG, one_reply=True).body)["access_token"]
        return self.bearer

    def token_request(self) -> bytes:
        """Write a token request."""
        name, secret = self._client
        form = f"client_id={name}&client_secret={secret}&grant_type=client_credentials"
        return self._request(
            PATHS["token"], form.encode(), "Content-Type: application/x-www-form-urlencoded\r\n"
        )

    def generate(self, *accounts: str, key: str = "k", track_id: str = "t") -> bytes:
        """Write a generate for some accounts."""
        row = {"InvoiceDate": TARGET, "TargetDate": TARGET}
        body = {"type": "Invoice", "objects": [{"AccountId": one, **row} for one in accounts]}
        more = f"Idempotency-Key: {key}\r\nZuora-Track-Id: {track_id}\r\n"
        return self._request(PATHS["generate"], json.dumps(body).encode(), self._signed + more)

    def query(self, text: str) -> bytes:
        """Write a query."""
        content = json.dumps({"queryString": text}).encode()
        return self._request(PATHS["query"], content, self._signed)

    def say(self, request: bytes) -> Heard:
        """Send a request over a connection of its own, and hear one reply."""
        return self._exchange(request, LONG, LISTENS, one_reply=True)

    def overhear(self, request: bytes, quiet: float = QUIET, most: int = LISTENS) -> Heard:
        """Send a request over a connection of its own, and hear all until it is quiet."""
        return self._exchange(request, quiet, most, one_reply=False)

    def _exchange(self, request: bytes, quiet: float, most: int, one_reply: bool) -> Heard:
        try:
            with self.connect() as connection:
                began = time.monotonic()  # the server may be faster than the next line
                connection.sendall(request)
                return listen(connection, quiet, most, one_reply, began)
        except ConnectionResetError:
            return Heard(b"", "reset")

    @property
    def _signed(self) -> str:
        return f"Authorization: Bearer {self.bearer}\r\nContent-Type: application/json\r\n"

    def _request(self, path: str, body: bytes, headers: str) -> bytes:
        head = f"POST {path} HTTP/1.1\r\nHost: emulator\r\nContent-Length: {len(body)}\r\n"
        return f"{head}{headers}\r\n".encode() + body


def listen(
    connection: socket.socket,
    quiet: float = QUIET,
    most: int = LISTENS,
    one_reply: bool = False,
    began: float | None = None,
) -> Heard:
    """Read until the end, until it has been quiet for so long, or until enough is heard.

    Enough is so many bytes, or `one_reply` that says its length. What it took counts from `began`
    on, or from now.
    """
    began = time.monotonic() if began is None else began
    connection.settimeout(quiet)
    data, end = bytearray(), "open"
    while len(data) < most and not (one_reply and _is_reply(bytes(data))):
        try:
            piece = connection.recv(1 << 20)
        except TimeoutError:
            break
        except ConnectionResetError:
            end = "reset"
            break
        if not piece:
            end = "fin"
            break
        data += piece
    return Heard(bytes(data), end, time.monotonic() - began)


def _is_reply(data: bytes) -> bool:
    heard = Heard(data, "open")
    lengths = heard.headers("content-length")
    return b"\r\n\r\n" in data and bool(lengths) and len(heard.body) >= int(lengths[0])


def rows_in(heard: Heard) -> list[dict[str, Any]]:
    """Read the rows of a reply."""
    rows = json.loads(heard.body)
    assert isinstance(rows, list)
    return rows
