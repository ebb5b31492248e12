"""Faults of the network and of HTTP: what becomes of connections and of the bytes of a reply."""

from __future__ import annotations

from enum import StrEnum

from zbatch.emulator.catalogue.known import CALLS, WIRE, Known, Seconds
from zbatch.emulator.exchange import Delivery
from zbatch.emulator.faults import Mishap, Twice
from zbatch.emulator.wire import (
    Around,
    BadChunks,
    Cut,
    Framing,
    Garbled,
    Last,
    Nothing,
    Styled,
    Trickle,
)

_SECOND = Seconds(1.0)
_CENTISECOND = Seconds(0.01)
_MOMENT = Seconds(0.05)
_TWO_SECONDS = Seconds(2.0)
_AT_ONCE = Seconds(0.0)

EXTRA_RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"


class When(StrEnum):
    """When a connection ends."""

    BEFORE_READ = "before_read"
    BEFORE_EXECUTION = "before_execution"
    AFTER_EXECUTION = "after_execution"


class Seen(StrEnum):
    """Which of two replies the caller sees."""

    FIRST = "first"
    SECOND = "second"


class End(StrEnum):
    """How a connection ends after a cut."""

    CLOSE = "close"
    RESET = "reset"


def _ended(when: When, delivery: Delivery, last: Last) -> Mishap:
    if when is When.BEFORE_READ:
        return Mishap(executed=False, unread=True, way=Nothing(last))
    return Mishap(executed=when is When.AFTER_EXECUTION, delivery=delivery)


def reset(when: When = When.AFTER_EXECUTION) -> Mishap:
    """The connection breaks with RST, without a byte of a reply."""
    return _ended(when, Delivery.RESET, Last.RESET)


def fin(when: When = When.AFTER_EXECUTION) -> Mishap:
    """The connection ends in good order, without a byte of a reply."""
    return _ended(when, Delivery.CLOSED, Last.CLOSE)


def silence(when: When = When.AFTER_EXECUTION) -> Mishap:
    """Nothing comes, and the connection stays open."""
    return _ended(when, Delivery.SILENT, Last.HOLD)


def half_open(offset: int = 40) -> Mishap:
    """After so many bytes of the reply nothing more comes, and the connection stays open."""
    return Mishap(way=Cut(offset, last=Last.HOLD))


def slow_bytes(size: int = 1, pause: Seconds = _SECOND) -> Mishap:
    """The reply comes a few bytes at a time, with a pause between."""
    return Mishap(way=Trickle(max(1, size), pause))


def truncated(offset: int = -1, framing: Framing = Framing.LENGTH, end: End = End.CLOSE) -> Mishap:
    """Only the first bytes of the reply's head and body get through (below 0: all but so many)."""
    return Mishap(way=Cut(offset, framing, Last(end)))


def broken_chunks() -> Mishap:
    """The body is chunked, and one of the chunks is none."""
    return Mishap(way=BadChunks())


def endless_chunks(size: int = 1000, pause: Seconds = _CENTISECOND) -> Mishap:
    """The body is chunked and never ends."""
    return Mishap(way=BadChunks(endless=True, size=size, pause=pause))


def garbage_status_line(text: str = "HTTP/1.1 abc def") -> Mishap:
    """The first line of the reply is no status line."""
    return Mishap(way=Garbled(line=text.encode("utf-8")))


def huge_header(size: int = 100_000) -> Mishap:
    """A header of the reply is far larger than any client takes."""
    return Mishap(way=Garbled(padding=size))


def informational(count: int = 3) -> Mishap:
    """So many 1xx replies come before the reply."""
    return Mishap(way=Around(PROCESSING, count))


def endless_informational(pause: Seconds = _MOMENT) -> Mishap:
    """One 1xx reply comes after the other, and the reply never."""
    return Mishap(way=Around(PROCESSING, None, pause))


def extra_response() -> Mishap:
    """A second reply that nobody asked for follows the reply on the same connection."""
    return Mishap(way=Around(count=0, behind=EXTRA_RESPONSE))


def slow_close(pause: Seconds = _TWO_SECONDS) -> Mishap:
    """The reply says that the connection closes, which takes so long."""
    return Mishap(way=Styled(more=b"Connection: close\r\n", after=pause))


def idle_close(pause: Seconds = _AT_ONCE) -> Mishap:
    """The connection, good for further requests by the reply, closes so soon after it."""
    return Mishap(way=Styled(after=pause))


def old_protocol() -> Mishap:
    """The reply is HTTP/1.0, and the connection closes."""
    return Mishap(way=Styled(protocol="HTTP/1.0"))


def connection_close() -> Mishap:
    """The reply says that the connection closes, and so it does."""
    return Mishap(way=Styled(more=b"Connection: close\r\n"))


def cookie_storm(count: int = 50) -> Mishap:
    """The reply sets so many cookies."""
    cookies = b"".join(b"Set-Cookie: c%d=%d; Path=/\r\n" % (n, n) for n in range(count))
    return Mishap(way=Styled(more=cookies, keep=True))


def delay(latency: Seconds, jitter: Seconds = _AT_ONCE) -> Mishap:
    """The reply leaves late, by up to `jitter` more."""
    return Mishap(late=latency, jitter=jitter)


def delivered_twice(apart: Seconds = _AT_ONCE, reply: Seen = Seen.FIRST) -> Mishap:
    """The call reaches the tenant twice, the second time so long after the first."""
    return Mishap(twice=Twice(apart, reply is Seen.SECOND))


_EACH_WHEN = tuple({"when": when.value} for when in When)

NETWORK = (
    Known("reset", reset, ("F5", "F6", "F7", "F15"), WIRE, _EACH_WHEN),
    Known("fin", fin, ("F8",), WIRE, _EACH_WHEN[1:]),
    Known("silence", silence, ("F10", "F16", "F17"), WIRE, _EACH_WHEN[1:]),
    Known("half_open", half_open, ("F17",), CALLS, ({}, {"offset": 200})),
    Known("slow_bytes", slow_bytes, ("F11", "F19"), CALLS, ({"size": 50, "pause": "20ms"},)),
    Known(
        "truncated",
        truncated,
        ("F12", "F13", "F14", "F19"),
        CALLS,
        tuple({"offset": at, "framing": f.value} for f in Framing for at in (-1, -10, 30)),
    ),
    Known("broken_chunks", broken_chunks, ("F13",), CALLS, ({},)),
    Known("endless_chunks", endless_chunks, ("F29",), CALLS, ({"size": 100_000},)),
    Known("garbage_status_line", garbage_status_line, ("F27",), CALLS, ({},)),
    Known("huge_header", huge_header, ("F27",), CALLS, ({},)),
    Known("informational", informational, ("F27",), CALLS, ({},)),
    Known("endless_informational", endless_informational, ("F27",), CALLS, ({},)),
    Known("extra_response", extra_response, ("F31",), CALLS, ({},)),
    Known("slow_close", slow_close, ("F19",), CALLS, ({},)),
    Known("idle_close", idle_close, ("F9",), CALLS, ({}, {"pause": "5ms"})),
    Known("old_protocol", old_protocol, ("F34",), CALLS, ({},)),
    Known("connection_close", connection_close, ("F34",), CALLS, ({},)),
    Known("cookie_storm", cookie_storm, ("F34",), CALLS, ({},)),
    Known("delay", delay, ("F19",), CALLS, ({"latency": "50ms", "jitter": "300ms"},)),
    Known(
        "delivered_twice",
        delivered_twice,
        ("F18",),
        random=tuple({"reply": seen.value, "apart": "5ms"} for seen in Seen),
    ),
)
