"""Secrets on their way from the environment to the one request that needs them."""

from __future__ import annotations

import copy
import pickle

import pytest

from support.hostile import tenant_at
from zbatch.errors import CannotStart
from zbatch.net.credentials import read_credentials
from zbatch.net.secret import Secret

CANARY = "canary-3b9f"
TENANT = tenant_at("https://rest.test.zuora.com")


def test_credentials_are_read_by_name() -> None:
    """The variables that the tenant names give client ID and secret, in this order."""
    client_id, secret = read_credentials(TENANT, {"ID": "me", "SECRET": "s+/=", "OTHER": "x"})
    assert (client_id.reveal(), secret.reveal()) == ("me", "s+/=")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_one_trailing_line_end_is_dropped(end: str) -> None:
    """A value read from a file with its line end is the value without it."""
    assert read_credentials(TENANT, {"ID": "me", "SECRET": f"s{end}"})[1].reveal() == "s"


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        " ",
        "\n",
        f"{CANARY}\n\n",
        f" {CANARY}",
        f"{CANARY}\t",
        f"{CANARY}\r\nX: y",
        f"{CANARY}\x00",
        f"{CANARY}\u200b",
        f"{CANARY}\ud800",
    ],
)
def test_an_unusable_value_names_the_variable_only(value: str | None) -> None:
    """What is missing, empty or damaged is refused before anything starts, without its value."""
    environ = {"ID": "me"} | ({} if value is None else {"SECRET": value})
    with pytest.raises(CannotStart, match="SECRET") as caught:
        read_credentials(TENANT, environ)
    assert CANARY not in str(caught.value)


def test_a_secret_shows_itself_to_nobody() -> None:
    """Printing, formatting, pickling and copying a secret give none of it away."""
    secret = Secret(CANARY)
    assert secret.reveal() == CANARY
    for text in (
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r}",
        str([secret]),
    ):
        assert CANARY not in text
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            leak(secret)
