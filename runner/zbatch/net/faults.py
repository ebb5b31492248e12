"""Turn foreign exceptions into faults: here and only here.

What a fault tells is made of class names and fixed words. The text of a foreign exception is
never taken over, since some hold the request's headers, and with them the token.
"""

from __future__ import annotations

import errno
import ssl
from collections.abc import Callable

import aiohttp

from zbatch.net.connection import Flight
from zbatch.net.transport import Garbled
from zbatch.zuora.text import one_line
from zbatch.zuora.wire import Fault, FaultKind

Detail = Callable[[BaseException], str]


def _plain(text: str) -> Detail:
    return lambda error: f"{text} ({type(error).__name__}{_errno(error)})"


def _certificate(error: BaseException) -> str:
    cause = getattr(error, "certificate_error", None)
    words = cause.verify_message if isinstance(cause, ssl.SSLCertVerificationError) else ""
    return one_line(f"the host could not prove who it is: {words or 'certificate refused'}")


def _proxy(error: BaseException) -> str:
    status = getattr(error, "status", 0)
    why = "it asks for a password, which is not supported" if status == 407 else f"HTTP {status}"
    return f"the proxy let nothing through: {why}"


def _errno(error: BaseException) -> str:
    number = error.errno if isinstance(error, OSError) else None
    name = errno.errorcode.get(number) if number is not None else None
    return f" {name}" if name else ""


# The first match counts, so the order is part of the table: TimeoutError is an OSError, aiohttp's
# connector errors are too, and a certificate error is a connector error.
_TABLE: tuple[tuple[type[BaseException], FaultKind, Detail], ...] = (
    (aiohttp.ClientConnectorCertificateError, FaultKind.CERTIFICATE, _certificate),
    (aiohttp.ClientConnectorDNSError, FaultKind.CONNECT, _plain("the host name has no address")),
    (aiohttp.ClientConnectorSSLError, FaultKind.CONNECT, _plain("the TLS handshake failed")),
    (aiohttp.ClientProxyConnectionError, FaultKind.CONNECT, _plain("no connection to the proxy")),
    (aiohttp.ClientHttpProxyError, FaultKind.CONNECT, _proxy),
    (aiohttp.ClientConnectorError, FaultKind.CONNECT, _plain("no connection")),
    (aiohttp.ConnectionTimeoutError, FaultKind.CONNECT, _plain("no connection in time")),
    (TimeoutError, FaultKind.TIMEOUT, _plain("no whole reply in time")),
    (aiohttp.ClientPayloadError, FaultKind.GARBLED, _plain("the reply is cut short or broken")),
    # aiohttp reports what its parser refuses as a reply with status 400
    (aiohttp.ClientResponseError, FaultKind.GARBLED, _plain("the reply is not HTTP")),
    (aiohttp.ClientConnectionError, FaultKind.DISCONNECT, _plain("the connection broke")),
    (OSError, FaultKind.DISCONNECT, _plain("the connection broke")),
    (Garbled, FaultKind.GARBLED, str),
)


def fault_of(error: Exception, flight: Flight) -> Fault:
    """Tell what an exception around a send means; `sent` is False only where that is proved."""
    kind, detail = FaultKind.INTERNAL, f"unexpected {type(error).__name__}"
    for known, known_kind, describe in _TABLE:
        if isinstance(error, known):
            kind, detail = known_kind, describe(error)
            break
    if kind is FaultKind.TIMEOUT and not flight.sent:
        kind, detail = FaultKind.CONNECT, "no free connection in time"
    return Fault(kind, flight.sent, detail, flight.started_at)
