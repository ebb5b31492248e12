"""Where Zuora lives: its documented hosts by name, and what a base URL may say."""

from __future__ import annotations

import ipaddress
import re

# Zuora's "Introduction" page, "Endpoints"
DATA_CENTERS: dict[str, str] = {
    "us-production-cloud-1": "https://rest.na.zuora.com",
    "us-production-cloud-2": "https://rest.zuora.com",
    "eu-production": "https://rest.eu.zuora.com",
    "apac-production": "https://rest.ap.zuora.com",
    "us-api-sandbox-cloud-1": "https://rest.sandbox.na.zuora.com",
    "us-api-sandbox-cloud-2": "https://rest.apisandbox.zuora.com",
    "eu-api-sandbox": "https://rest.sandbox.eu.zuora.com",
    "us-central-sandbox": "https://rest.test.zuora.com",
    "eu-central-sandbox": "https://rest.test.eu.zuora.com",
    "apac-central-sandbox": "https://rest.test.ap.zuora.com",
}
DEFAULT_PORTS = {"http": 80, "https": 443}

PRODUCTION = "production"
CENTRAL_SANDBOX = "central-sandbox"
DEVELOPER_SANDBOX = "developer-sandbox"
API_SANDBOX = "api-sandbox"
KINDS = (PRODUCTION, CENTRAL_SANDBOX, DEVELOPER_SANDBOX, API_SANDBOX)

# the same page has developer and central sandboxes at the same hosts
_KINDS_AT = {
    "-production": (PRODUCTION,),
    "-api-sandbox": (API_SANDBOX,),
    "-central-sandbox": (CENTRAL_SANDBOX, DEVELOPER_SANDBOX),
}

_URL = re.compile(r"(?P<scheme>[a-z]+)://(?P<authority>[^/?#\\]*)(?P<rest>.*)", re.DOTALL)
_AUTHORITY = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")


def canonical_url(text: str) -> tuple[str, str]:
    """Return a base URL and its host in canonical form, or raise ValueError with the reason.

    Canonical is lower case, without the scheme's default port and without a slash at the end.
    Punycode (`xn--…`) is taken as written, never decoded. The reason never repeats the text,
    which may hold a password.
    """
    scheme, host, suffix = _parts(text, "https://")
    if scheme == "http" and not is_loopback(host):
        raise ValueError("is plain http, which is accepted on this machine's loopback alone")
    return f"{scheme}://{host}{suffix}", f"{host}{suffix}"


def canonical_proxy(text: str) -> str:
    """Return a proxy's URL in the same form, or raise ValueError; it may be plain http anywhere.

    What goes through a proxy is encrypted all the way to the tenant.
    """
    scheme, host, suffix = _parts(text, "http:// or https://")
    return f"{scheme}://{host}{suffix}"


def kinds_at(base_url: str) -> tuple[str, ...]:
    """Give the kinds of tenants at a canonical base URL; any where it is none of Zuora's."""
    for center, url in DATA_CENTERS.items():
        if url == base_url:
            return next(kinds for word, kinds in _KINDS_AT.items() if word in center)
    return KINDS


def is_loopback(host: str) -> bool:
    """Tell whether a host can only be this machine: 127.0.0.0/8, ::1, localhost."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return (address.version == 4 and address.is_loopback) or address == ipaddress.ip_address("::1")


def _parts(text: str, starts: str) -> tuple[str, str, str]:
    """Take a URL apart: scheme, host, and `:port` unless it is the scheme's own."""
    if not text.isascii():
        raise ValueError("has a character outside ASCII; write the host in its xn-- form")
    parts = _URL.fullmatch(text.lower())
    if parts is None or parts["scheme"] not in DEFAULT_PORTS:
        raise ValueError(f"must be a URL that starts with {starts}")
    if "@" in parts["authority"]:
        raise ValueError("holds a user or a password; only scheme, host and port belong there")
    if parts["rest"] not in ("", "/"):
        raise ValueError("has a path or a query; only scheme, host and port belong there")
    host, port = _split(parts["authority"])
    suffix = "" if port in (None, DEFAULT_PORTS[parts["scheme"]]) else f":{port}"
    return parts["scheme"], host, suffix


def _split(authority: str) -> tuple[str, int | None]:
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise ValueError("has no proper host name")
    port = int(parts["port"]) if parts["port"] else None
    if port is not None and not 1 <= port <= 65535:
        raise ValueError("has a port that is not between 1 and 65535")
    return _host(parts["host"]), port


def _host(text: str) -> str:
    if text.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(text[1:-1])}]"
        except ValueError:
            raise ValueError("has an IPv6 address that is none") from None
    labels = text.split(".")
    if len(text) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("has no proper host name")
    if _NUMERIC.fullmatch(labels[-1]):
        # 127.1, 0x7f.1 and 2130706433 mean an address to some resolvers and a name to others
        try:
            return str(ipaddress.IPv4Address(text))
        except ValueError:
            raise ValueError("has an IPv4 address that is none") from None
    return text
