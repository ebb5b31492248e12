"""Faults of tokens: those that are refused, and replies that bring none that is good."""

from __future__ import annotations

from zbatch.emulator import gateway
from zbatch.emulator.catalogue.known import AUTHORIZED, Known, shaped
from zbatch.emulator.exchange import reasons
from zbatch.emulator.faults import Deed, Mishap
from zbatch.emulator.schedule import TOKEN

_ISSUED = (TOKEN,)


def unauthorized(stored: bool = False) -> Mishap:
    """A live token is refused with 401."""
    body = gateway.sign_in_first().body
    return Mishap(executed=False, status=401, stored=stored, body=body)


def tokens_revoked() -> Mishap:
    """All tokens end at once, this call's too; new ones can be had."""
    return Mishap(deed=Deed.REVOKE_TOKENS)


def wrong_secret() -> Mishap:
    """The client's secret is refused."""
    body = reasons(401, 90000011, "Invalid client secret").body
    return Mishap(executed=False, status=401, body=body)


def client_revoked() -> Mishap:
    """The client's user has been deactivated."""
    body = reasons(403, 90000011, "The OAuth client is deactivated").body
    return Mishap(executed=False, status=403, body=body)


# name, number, whether a run gets over it, what happens
_SHAPES: tuple[tuple[str, str, bool, str], ...] = (
    ("expires_missing", "F60", True, "A token does not say when it expires."),
    ("expires_text", "F60", True, "A token's life is a text, and no whole number."),
    ("expires_zero", "F60", True, "A token says that it is over."),
    ("expires_negative", "F60", True, "A token says that it is long over."),
    ("expires_huge", "F60", True, "A token's life is 1e99 seconds."),
    ("expires_nan", "F60", True, "A token's life is NaN."),
    ("token_missing", "F61", False, "There is no token in the reply."),
    ("token_crlf", "F61", False, "A token holds a line break and a header."),
    ("token_non_ascii", "F61", False, "A token is not ASCII."),
    ("token_huge", "F61", False, "A token has a megabyte."),
    ("scope_other", "F62", False, "A token is for another tenant and entity."),
    ("scope_missing", "F62", True, "A token does not say what it is for."),
)

TOKENS = (
    Known("unauthorized", unauthorized, ("F55", "F56"), AUTHORIZED, ({},)),
    Known("tokens_revoked", tokens_revoked, ("F54", "F55"), AUTHORIZED, ({},)),
    Known("wrong_secret", wrong_secret, ("F58",), _ISSUED),
    Known("client_revoked", client_revoked, ("F59",), _ISSUED),
    *(shaped(name, number, _ISSUED, drawn, says) for name, number, drawn, says in _SHAPES),
)
