"""Faults of tokens, of limits, and of what the tenant's data show."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from zbatch.emulator import gateway
from zbatch.emulator.exchange import reasons, zuora_fault
from zbatch.emulator.faults import GENERATE, QUERY, Deed, HttpDate, Mishap
from zbatch.emulator.known import CALLS, Known, Seconds
from zbatch.emulator.limits import too_many_at_once
from zbatch.emulator.schedule import ANY, TOKEN

_FIVE_SECONDS = Seconds(5.0)
_TEN_MINUTES = Seconds(600.0)

RATE_LIMITED = reasons(429, 70, "API Rate limit exceeded for the minute").body

_LOOP = "Each page of a query says that there is one more."

TOKENS = (TOKEN,)
QUERIES = (QUERY,)


class Turn(StrEnum):
    """Which of two comes first."""

    BEFORE = "before"
    AFTER = "after"


# Tokens


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


def _shaped(shape: str) -> Callable[..., Mishap]:
    def build() -> Mishap:
        return Mishap(shape=shape)

    return build


_TOKENS: tuple[tuple[str, str, bool, str], ...] = (
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

# Limits


def throttled(
    retry_after: str = "120", status: int = 429, executed: bool = False, stored: bool = False
) -> Mishap:
    """The answer is a 429, or 503, with this Retry-After, whatever it is."""
    headers = (("Retry-After", retry_after),)
    body = too_many_at_once().body
    return Mishap(executed=executed, status=status, stored=stored, body=body, headers=headers)


def throttled_until_date(wait: Seconds = _FIVE_SECONDS) -> Mishap:
    """The answer is a 429 whose Retry-After is a date."""
    headers = (("Retry-After", HttpDate(wait)),)
    return Mishap(executed=False, status=429, body=too_many_at_once().body, headers=headers)


def throttled_two_headers(first: str = "1", second: str = "2") -> Mishap:
    """The answer is a 429 with Retry-After twice."""
    headers = (("Retry-After", first), ("Retry-After", second))
    return Mishap(executed=False, status=429, body=too_many_at_once().body, headers=headers)


def throttled_reset_only(reset: str = "5") -> Mishap:
    """The answer is a 429 without Retry-After: only ratelimit-reset says how long to wait."""
    headers = (("ratelimit-reset", reset),)
    return Mishap(executed=False, status=429, body=RATE_LIMITED, headers=headers)


def concurrency_left(left: int = 0, limit: int = 40) -> Mishap:
    """The reply says that so many concurrent requests are left."""
    headers = (
        ("Concurrency-Limit-Type", "Default"),
        ("Concurrency-Limit-Limit", str(limit)),
        ("Concurrency-Limit-Remaining", str(left)),
    )
    return Mishap(headers=headers)


# State


def stale_replica(by: Seconds = _TEN_MINUTES) -> Mishap:
    """A query is answered by a replica that is so far behind."""
    return Mishap(lag=by)


def generating(age: Seconds = _TEN_MINUTES) -> Mishap:
    """A query shows invoices younger than this as still Generating."""
    return Mishap(generating=age)


def query_fault(code: str = "UNKNOWN_ERROR", message: str = "Operation failed.") -> Mishap:
    """A query is refused as a whole, with a fault."""
    return Mishap(executed=False, status=400, body=zuora_fault(code, message).body)


def billed_by_others(turn: Turn = Turn.BEFORE) -> Mishap:
    """A bill run of somebody else bills the call's accounts, just before the call or after."""
    return Mishap(deed=Deed.BILL_BEFORE if turn is Turn.BEFORE else Deed.BILL_AFTER)


def invoice_deleted() -> Mishap:
    """What was made under the call's key is deleted before the key is replayed."""
    return Mishap(deed=Deed.DELETE_INVOICES)


def key_evicted() -> Mishap:
    """The call's key is forgotten before its time."""
    return Mishap(deed=Deed.FORGET_KEY)


_CALLS = (GENERATE, QUERY, ANY)

TENANT = (
    Known("unauthorized", unauthorized, ("F55", "F56"), _CALLS, ({},)),
    Known("tokens_revoked", tokens_revoked, ("F54", "F55"), _CALLS, ({},)),
    Known("wrong_secret", wrong_secret, ("F58",), TOKENS),
    Known("client_revoked", client_revoked, ("F59",), TOKENS),
    *(
        Known(name, _shaped(name), (number,), TOKENS, ({},) if drawn else (), says)
        for name, number, drawn, says in _TOKENS
    ),
    Known(
        "throttled",
        throttled,
        ("F57", "F63", "F64", "F66", "F67", "F69", "F71"),
        CALLS,
        tuple({"retry_after": text} for text in ("0", "1", "-1", "NaN")),
    ),
    Known("throttled_until_date", throttled_until_date, ("F64",), CALLS, ({"wait": "1s"},)),
    Known("throttled_two_headers", throttled_two_headers, ("F64",), CALLS, ({"second": "1"},)),
    Known("throttled_reset_only", throttled_reset_only, ("F65",), CALLS, ({"reset": "1"},)),
    Known("concurrency_left", concurrency_left, ("F68",), _CALLS, ({},)),
    Known("stale_replica", stale_replica, ("F73", "F74"), QUERIES),
    Known("generating", generating, ("F73",), QUERIES, ({"age": "1s"},)),
    Known("query_fault", query_fault, ("F74",), QUERIES, ({},)),
    Known("paging_loop", _shaped("paging_loop"), ("F74",), QUERIES, (), _LOOP),
    Known("billed_by_others", billed_by_others, ("F76",)),
    Known("invoice_deleted", invoice_deleted, ("F50",)),
    Known("key_evicted", key_evicted, ("F77",)),
)
