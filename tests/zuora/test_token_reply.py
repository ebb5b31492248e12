"""The answers of the token endpoint."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zbatch.zuora.token_reply import (
    DEFAULT_LIFE,
    MAX_LIFE,
    MIN_LIFE,
    TokenDenied,
    TokenGranted,
    TokenLater,
    life_of,
    read_token_reply,
)

CANARY = "canary-token-5f1c"


def test_a_token_is_taken_with_its_life() -> None:
    """The documented reply gives a token and its seconds, and keeps the token out of its repr."""
    body = json.dumps({"access_token": CANARY, "token_type": "bearer", "expires_in": 3599})
    answer = read_token_reply(200, body.encode())
    assert answer == TokenGranted(CANARY, 3599.0)
    assert CANARY not in repr(answer)


@pytest.mark.parametrize(
    ("expires_in", "life"),
    [
        (3599, 3599.0),
        ("3599.0", 3599.0),
        (None, DEFAULT_LIFE),
        (0, DEFAULT_LIFE),
        (-5, DEFAULT_LIFE),
        ("soon", DEFAULT_LIFE),
        (True, DEFAULT_LIFE),
        ([1], DEFAULT_LIFE),
        (float("nan"), DEFAULT_LIFE),
        ("NaN", DEFAULT_LIFE),
        (1e99, MAX_LIFE),
        ("inf", MAX_LIFE),
        (float("inf"), MAX_LIFE),
        (0.001, MIN_LIFE),
    ],
)
def test_f60_the_life_is_defaulted_and_clamped(expires_in: object, life: float) -> None:
    """An odd expires_in never makes a token eternal or a loop of requests."""
    assert life_of(expires_in) == life


@pytest.mark.parametrize(
    "token",
    ["", "a\r\nX: y", "a\nb", "a b", "é", "\u202e", "a\x00", "a" * 8193, 7, None, ["a"]],
)
def test_f61_an_unusable_token_is_denied(token: object) -> None:
    """A token that could break a header, or is none, is refused and not repeated to people."""
    answer = read_token_reply(200, json.dumps({"access_token": token}).encode())
    assert isinstance(answer, TokenDenied)
    assert answer.problem.code == "NO_TOKEN"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"null", b"[]", b'{"access_token":"a","access_token":"b"}', b"[" * 99999],
)
def test_a_2xx_without_a_token_is_denied(body: bytes) -> None:
    """A login page, or anything else in place of a token, will not become one by asking again."""
    assert isinstance(read_token_reply(200, body), TokenDenied)


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 405])
def test_a_refusal_is_final_and_says_why(status: int) -> None:
    """Wrong credentials or a wrong host are denied with what the body says."""
    answer = read_token_reply(status, b'{"message":"Invalid client id"}')
    assert isinstance(answer, TokenDenied)
    assert answer.problem.message == "Invalid client id"
    oauth = read_token_reply(status, b'{"error":"invalid_client","error_description":"No."}')
    assert isinstance(oauth, TokenDenied)
    assert (oauth.problem.code, oauth.problem.message) == ("invalid_client", "No.")


@pytest.mark.parametrize("status", [300, 302, 399])
def test_f22_a_redirect_instead_of_a_token_says_what_to_check(status: int) -> None:
    """It is the first request of a run, so that a wrong host is most often met here."""
    answer = read_token_reply(status, b"<html>")
    assert isinstance(answer, TokenDenied)
    assert answer.problem.message.startswith(f"HTTP {status} ")
    assert ": compare base_url in tenants.yaml" in answer.problem.message
    refused = read_token_reply(400, b"<html>")
    assert isinstance(refused, TokenDenied)
    assert refused.problem.message == "HTTP 400 Bad Request"


@pytest.mark.parametrize("status", [408, 425, 429, 499, 500, 502, 503, 504])
def test_a_passing_trouble_is_not_a_refusal(status: int) -> None:
    """Server trouble and limits at the token endpoint may pass."""
    answer = read_token_reply(status, b"<html>")
    assert isinstance(answer, TokenLater)
    assert answer.problem.code == f"HTTP_{status}"


@given(st.integers(0, 999), st.binary(max_size=100))
def test_reading_a_token_reply_is_total(status: int, body: bytes) -> None:
    """Any bytes under any status are read without an exception."""
    answer = read_token_reply(status, body)
    assert isinstance(answer, TokenGranted | TokenDenied | TokenLater)


@pytest.mark.parametrize(
    ("scope", "home"),
    [
        (
            "entity.11E6-43f4 x.write tenant.12270 user.2c92",
            {"tenant": "12270", "entity": "11e643f4"},
        ),
        ("tenant.12270 tenant.12270", {"tenant": "12270"}),
        ("entity.11e6 entity.22f7 tenant.12270", {"tenant": "12270"}),
        ("entity.11e6 tenant.12270 tenant.33405", {"entity": "11e6"}),
        ("tenant. tenant.a/b user.tenant.12270", {}),
        ("platform.write", {}),
        (["tenant.12270"], {}),
        (None, {}),
    ],
)
def test_l19_tenant_and_entity_are_those_that_the_scope_names(
    scope: object, home: dict[str, str]
) -> None:
    """Several are none: nobody knows of which the calls would be."""
    answer = read_token_reply(200, json.dumps({"access_token": "a", "scope": scope}).encode())
    assert isinstance(answer, TokenGranted)
    assert answer.home == home
