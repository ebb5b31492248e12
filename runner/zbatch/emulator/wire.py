"""What goes over the wire in place of a plain reply: steps as values, for a server to play."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from itertools import repeat
from typing import Protocol

from zbatch.emulator.exchange import Answer, Delivery

CRLF = b"\r\n"
CHUNKS_END = b"0\r\n\r\n"


class Framing(StrEnum):
    """How a reply says where its body ends."""

    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"  # at the end of the connection, so that a cut looks like an end


class Last(StrEnum):
    """What becomes of the connection after the bytes."""

    KEEP = "keep"  # it serves the next request
    CLOSE = "close"  # FIN
    RESET = "reset"  # RST
    HOLD = "hold"  # nothing more comes, and it stays open until the caller leaves


@dataclass(frozen=True, slots=True)
class Send:
    """Write these bytes."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Write nothing for so many seconds."""

    seconds: float


Step = Send | Pause | Last


class Way(Protocol):
    """What becomes of the bytes of a reply.

    `steps` ends with a `Last`, or never ends; `delivery` sums it up for those who read no bytes.
    """

    @property
    def delivery(self) -> Delivery:
        """Tell what a caller gets."""
        ...

    def steps(self, answer: Answer) -> Iterator[Step]:
        """Give what a server does, one after the other."""
        ...


def render(answer: Answer, framing: Framing = Framing.LENGTH) -> bytes:
    """Write a whole reply as it goes over the wire."""
    return head(answer, framing) + _body(answer, framing)


def head(answer: Answer, framing: Framing, protocol: str = "HTTP/1.1", more: bytes = b"") -> bytes:
    """Write a reply's first line and headers, with `more` lines among them."""
    phrase = HTTPStatus(answer.status).phrase
    framed = {
        Framing.LENGTH: f"Content-Length: {len(answer.body)}",
        Framing.CHUNKED: "Transfer-Encoding: chunked",
        Framing.CLOSE: "Connection: close",
    }[framing]
    pairs = [*answer.headers.items(), *answer.more]
    lines = [f"{protocol} {answer.status} {phrase}", "Server: zbatch-emulator", framed]
    lines += [f"{name}: {value}" for name, value in pairs]
    return "\r\n".join([*lines, ""]).encode("latin-1") + more + CRLF


def _body(answer: Answer, framing: Framing) -> bytes:
    if framing is Framing.CHUNKED:
        return (chunk(answer.body) if answer.body else b"") + CHUNKS_END
    return answer.body


def chunk(data: bytes) -> bytes:
    """Write one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


@dataclass(frozen=True, slots=True)
class Nothing:
    """No byte of the reply gets through, and the connection ends so."""

    last: Last

    @property
    def delivery(self) -> Delivery:
        """Tell how the silence ends."""
        ends = {Last.RESET: Delivery.RESET, Last.CLOSE: Delivery.CLOSED}
        return ends.get(self.last, Delivery.SILENT)

    def steps(self, answer: Answer) -> Iterator[Step]:  # noqa: ARG002 - whatever the reply was
        """End at once."""
        yield self.last


@dataclass(frozen=True, slots=True)
class Cut:
    """Only the first `at` bytes of head and body get through; below 0 is counted from the end."""

    at: int
    framing: Framing = Framing.LENGTH
    last: Last = Last.CLOSE

    @property
    def delivery(self) -> Delivery:
        """A caller who waits for the rest does so in vain."""
        return Delivery.SILENT if self.last is Last.HOLD else Delivery.CUT_SHORT

    def steps(self, answer: Answer) -> Iterator[Step]:
        """Send what gets through."""
        yield Send(render(answer, self.framing)[: self.at])
        yield self.last


@dataclass(frozen=True, slots=True)
class Trickle:
    """The reply comes `size` bytes at a time, with so many seconds between."""

    size: int
    pause: float

    @property
    def delivery(self) -> Delivery:
        """All of it comes, to who waits long enough."""
        return Delivery.SLOW

    def steps(self, answer: Answer) -> Iterator[Step]:
        """Send piece by piece."""
        data = render(answer)
        for start in range(0, len(data), self.size):
            if start:
                yield Pause(self.pause)
            yield Send(data[start : start + self.size])
        yield Last.KEEP


@dataclass(frozen=True, slots=True)
class Around:
    """A good reply with other bytes before it, `count` times (None: for ever), and behind it."""

    before: bytes = b""
    count: int | None = 1
    pause: float = 0.0
    behind: bytes = b""

    @property
    def delivery(self) -> Delivery:
        """The reply comes unless what is before it never ends."""
        return Delivery.SILENT if self.count is None else Delivery.WHOLE

    def steps(self, answer: Answer) -> Iterator[Step]:
        """Send what stands around the reply too."""
        endless = self.count is None
        for _ in repeat(None) if endless else range(self.count or 0):
            yield Send(self.before)
            if self.pause:
                yield Pause(self.pause)
        yield Send(render(answer) + self.behind)
        yield Last.KEEP


@dataclass(frozen=True, slots=True)
class Styled:
    """A good reply written in another way; the connection closes `after` so many seconds."""

    protocol: str = "HTTP/1.1"
    more: bytes = b""
    keep: bool = False
    after: float = 0.0

    @property
    def delivery(self) -> Delivery:
        """All of it comes."""
        return Delivery.WHOLE

    def steps(self, answer: Answer) -> Iterator[Step]:
        """Send the reply, and close late if at all."""
        yield Send(head(answer, Framing.LENGTH, self.protocol, self.more))
        yield Send(_body(answer, Framing.LENGTH))
        if self.keep:
            yield Last.KEEP
            return
        if self.after:
            yield Pause(self.after)
        yield Last.CLOSE


@dataclass(frozen=True, slots=True)
class Garbled:
    """Bytes that are no reply: `line` in place of the first line, or a head too large."""

    line: bytes = b""
    padding: int = 0

    @property
    def delivery(self) -> Delivery:
        """No reply can be read."""
        return Delivery.GARBLED

    def steps(self, answer: Answer) -> Iterator[Step]:
        """Send what cannot be read."""
        more = b"X-Padding: %b\r\n" % (b"x" * self.padding) if self.padding else b""
        written = head(answer, Framing.LENGTH, more=more) + answer.body
        if self.line:
            written = self.line + CRLF + written.partition(CRLF)[2]
        yield Send(written)
        yield Last.CLOSE


@dataclass(frozen=True, slots=True)
class BadChunks:
    """A chunked reply with a chunk that is none, or, `endless`, chunk after chunk for ever."""

    endless: bool = False
    size: int = 1000
    pause: float = 0.01

    @property
    def delivery(self) -> Delivery:
        """No body can be read."""
        return Delivery.GARBLED

    def steps(self, answer: Answer) -> Iterator[Step]:
        """Send the true body as a first chunk, then the bad ones."""
        yield Send(head(answer, Framing.CHUNKED) + (chunk(answer.body) if answer.body else b""))
        if not self.endless:
            yield Send(b"zz\r\nno chunk\r\n" + CHUNKS_END)
            yield Last.CLOSE
            return
        while True:
            yield Send(chunk(b" " * self.size))
            if self.pause:
                yield Pause(self.pause)


def way_of(answer: Answer) -> Way | None:
    """Return the way that an answer takes; None is the plain one."""
    if answer.way is not None:
        return answer.way
    last = {Delivery.RESET: Last.RESET, Delivery.CLOSED: Last.CLOSE, Delivery.SILENT: Last.HOLD}
    return Nothing(last[answer.delivery]) if answer.delivery in last else None
