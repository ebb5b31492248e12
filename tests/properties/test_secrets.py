"""Whatever a server says back, in whatever spelling, no secret of ours is in what is kept of it."""

from __future__ import annotations

import asyncio
import base64
import html
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import aiohttp
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.budget import examples
from support.hostile import CANARY as BEARER
from support.hostile import always, exchange, reply_bytes
from zbatch.engine.kinds import problem_of
from zbatch.errors import CannotStart
from zbatch.model import Credentials, Tenant
from zbatch.net.connection import Flight
from zbatch.net.credentials import read_credentials
from zbatch.net.faults import fault_of
from zbatch.net.secret import HIDDEN, Secret
from zbatch.spec import check_spec, check_tenants
from zbatch.zuora.reply import Rows, read_reply
from zbatch.zuora.rows import INVOICE_ID
from zbatch.zuora.text import MESSAGE_LIMIT
from zbatch.zuora.token_reply import TokenGranted, read_token_reply
from zbatch.zuora.wire import Reply

CANARY = 'canary-Zq8x+1f/0c"3d=5e&7b\\9a'
PLAIN = "canary-Zq8x1f0c3d5e7b9a"
SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON, slashes too": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "JSON, all of it": lambda text: "".join(f"\\u{ord(c):04X}" for c in text),
    "URL": quote,
    "URL, slashes too": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "URL, all of it": lambda text: "".join(f"%{ord(c):02x}" for c in text),
    "HTML": html.escape,
    "HTML, all of it": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "HTML, hexadecimal": lambda text: "".join(f"&#x{ord(c):X};" for c in text),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "Basic": lambda text: base64.b64encode(f"id:{text}".encode()).decode(),
    "Basic, the user": lambda text: base64.b64encode(f"{text}:pw".encode()).decode(),
    "base64 within": lambda text: base64.b64encode(f"a {text} b".encode()).decode(),
}
SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40)
AROUND = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def readings(text: str) -> Iterator[str]:
    """Give what a text says to those who know how to read it."""
    yield text
    yield html.unescape(text)
    for start in range(len(text)):
        piece = text[start : start + 200]
        for end in (len(piece) - len(piece) % 4, len(piece)):
            padded = piece[:end].replace("-", "+").replace("_", "/")
            try:
                yield base64.b64decode(padded + "=" * (-len(padded) % 4)).decode("utf-8", "replace")
            except ValueError:
                continue


@examples(300)
@given(SECRETS, st.sampled_from(sorted(SPELLINGS)), AROUND, AROUND)
@example(CANARY, "as it is", "", "")
@example("aaaaaaaaaaaa", "base64 within", "", "")
def test_a_secret_is_hidden_in_any_spelling(
    value: str, spelling: str, before: str, after: str
) -> None:
    """What is read as the secret again is gone, and what stands around it is not."""
    said = f"{before} {SPELLINGS[spelling](value)} {after}"
    left = Secret(value).hide_in_text(said)
    assert HIDDEN.decode() in left
    assert SPELLINGS[spelling](value) not in left or value in HIDDEN.decode()
    assert left.startswith(before) or value in before


@examples(200)
@given(SECRETS, st.sampled_from(sorted(SPELLINGS)), st.binary(max_size=100), st.booleans())
def test_hiding_twice_is_hiding_once(value: str, spelling: str, around: bytes, there: bool) -> None:
    """Nothing is hidden by chance: what holds no secret, or none any more, stays as it is."""
    secret = Secret(value)
    data = around + (SPELLINGS[spelling](value).encode() if there else b"") + around
    once = secret.hide_in(data)
    assert secret.hide_in(once) == once
    if HIDDEN not in once:
        assert once == data
    assert not INVOICE_ID.fullmatch(HIDDEN.decode())


@examples(200)
@given(
    st.sampled_from([200, 400, 401, 403, 429, 500, 502]),
    st.sampled_from(sorted(SPELLINGS)),
    st.integers(0, 600),
    st.sampled_from(["message", "error", "error_description", "code", "reason"]),
)
@example(401, "as it is", MESSAGE_LIMIT - 8, "message")
@example(401, "JSON, all of it", 0, "message")
def test_a_token_endpoint_may_say_our_credentials_back(
    status: int, spelling: str, filler: int, field: str
) -> None:
    """Not even where the message is cut is the beginning of one left."""
    told = SPELLINGS[spelling](PLAIN)
    body = f'{{"{field}":"{"x" * filler} {told}"}}'.encode()
    answer = read_token_reply(status, body, Secret(PLAIN).hide_in)
    assert not isinstance(answer, TokenGranted)
    said = f"{answer.problem.code} {answer.problem.message}"
    for reading in readings(said):
        assert PLAIN[:12] not in reading


@pytest.mark.parametrize("status", ["200 OK", "401 Unauthorized", "409 Conflict", "502 Bad"])
@pytest.mark.parametrize("spelling", ["as it is", "JSON, all of it", "Basic", "HTML, all of it"])
def test_a_server_may_say_our_token_back(status: str, spelling: str) -> None:
    """Neither body nor headers of a reply carry the bearer token into ledger and report."""
    told = SPELLINGS[spelling](BEARER)
    body = f'{{"message":"{"x" * 480} Authorization: Bearer {told}"}}'.encode()
    headers = (f"Zuora-Request-Id: {told}", f"Retry-After: {'x' * 990}{told}")
    reply, _ = asyncio.run(exchange(always(reply_bytes(body, status, *headers))))
    assert isinstance(reply, Reply)
    answer = read_reply(reply, 1)
    for reading in readings(f"{reply.body!r} {dict(reply.headers)} {problem_of(answer)}"):
        assert BEARER[:10] not in reading


def test_an_invoice_that_is_named_like_our_token_is_no_invoice() -> None:
    """Hiding never makes an ID of what was none: such a row is not taken for a success."""
    rows = f'[{{"Success":true,"Id":"{BEARER}"}}]'.encode()
    reply, _ = asyncio.run(exchange(always(reply_bytes(rows))))
    assert isinstance(reply, Reply)
    assert not isinstance(read_reply(reply, 1), Rows)


ERRORS: list[Callable[[str], Exception]] = [
    ValueError,
    OSError,
    ConnectionResetError,
    TimeoutError,
    ZeroDivisionError,
    aiohttp.ClientPayloadError,
    aiohttp.ServerDisconnectedError,
    aiohttp.InvalidURL,
    lambda text: OSError(5, text, text),
    lambda text: UnicodeDecodeError("utf-8", text.encode(), 0, 1, text),
    lambda text: ExceptionGroup(text, [ValueError(text)]),
    lambda text: aiohttp.ClientResponseError(None, (), status=400, message=text),  # type: ignore[arg-type] # as its parser raises it
]


@examples(100)
@given(st.sampled_from(ERRORS), AROUND, st.booleans())
def test_no_exception_is_quoted(make: Callable[[str], Exception], around: str, sent: bool) -> None:
    """A fault is told by class names and fixed words, whatever the exception's text."""
    fault = fault_of(make(f"{around} Bearer {PLAIN}"), Flight(sent))
    assert PLAIN not in repr(fault)
    assert fault.detail.isprintable()


@examples(100)
@given(st.text(max_size=10), st.text(max_size=10))
def test_no_environment_variable_is_quoted(before: str, after: str) -> None:
    """A credential that cannot be used is refused by the name of its variable."""
    tenant = Tenant("t", "https://rest.test", "rest.test", Credentials("ID", "SECRET"))
    value = f"{before}{PLAIN}{after}"
    try:
        told = repr(read_credentials(tenant, {"ID": value, "SECRET": value}))
    except CannotStart as refusal:
        told = str(refusal)
    assert PLAIN not in told


@pytest.mark.parametrize(
    "text",
    [
        "tenants: {t: {base_url: 'https://user:SECRET@rest.zuora.com'}}",
        "tenants: {t: {base_url: 'https://rest.zuora.com/?key=SECRET'}}",
        "tenants: {t: {base_url: 'ftp://SECRET'}}",
    ],
)
def test_a_secret_in_an_address_is_not_repeated(tmp_path: Path, text: str) -> None:
    """An address that holds a password is refused without being quoted."""
    path = tmp_path / "tenants.yaml"
    path.write_text(f"version: 1\n{text}\n".replace("SECRET", PLAIN))
    found, findings = check_tenants(path)
    assert found is None
    assert PLAIN not in "".join(map(str, findings))


@pytest.mark.parametrize("key", ["client_secret", "client_secret_env", "password", "client_id_env"])
@pytest.mark.parametrize("kind", ["tenants", "spec"])
def test_a_secret_offered_in_a_file_is_refused_and_not_repeated(
    tmp_path: Path, key: str, kind: str
) -> None:
    """F143: files hold the names of variables; a value in their place is not told on."""
    path = tmp_path / "any.yaml"
    nested = f"{{{key}: '{CANARY}'}}"
    tenants = f"version: 1\ntenants: {{t: {{base_url: 'https://a.b', credentials: {nested}}}}}\n"
    path.write_text(tenants if kind == "tenants" else f"version: 1\ncredentials: {nested}\n")
    found, findings = check_tenants(path) if kind == "tenants" else check_spec(path)
    assert found is None
    assert "Zq8x" not in "".join(map(str, findings))
