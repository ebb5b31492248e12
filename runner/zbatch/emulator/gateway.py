"""What the gateway in front of the tenant refuses and says, before and around any execution."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from zbatch.emulator.exchange import Answer, Request, client_error, reasons

LONGEST_KEY = 255
LONGEST_TRACK_ID = 64
NOT_IN_TRACK_ID = frozenset(":;\"'")


def sign_in_first() -> Answer:
    """Build the 401 of a missing, unknown or expired bearer token, as recorded."""
    return reasons(401, 90000011, "this resource is protected, please sign in first")


def refuse_entity(request: Request, entities: Collection[str]) -> Answer | None:
    """Refuse a call without the right `Zuora-Entity-Ids` where the tenant has entities."""
    if not entities or request.headers.get("zuora-entity-ids") in entities:
        return None
    return reasons(403, 90000020, "the entity is missing or not accessible: Zuora-Entity-Ids")


def refuse_track_id(request: Request) -> Answer | None:
    """Refuse a track ID that Zuora's rules for the header do not allow."""
    track_id = request.headers.get("zuora-track-id")
    if track_id is None or _good_track_id(track_id):
        return None
    return client_error(
        "Zuora-Track-Id must be at most 64 US-ASCII characters without : ; double quote and quote"
    )


def refuse_key(request: Request) -> Answer | None:
    """Refuse a key that is no key, or on a method that takes none."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if request.method not in ("POST", "PATCH"):
        return client_error(
            f"Request method '{request.method}' not supported with Idempotency-Key header"
        )
    if not 1 <= len(key) <= LONGEST_KEY or not _printable(key):
        return client_error("Idempotency-Key must be 1 to 255 printable US-ASCII characters")
    return None


def key_in_progress(process: str) -> Answer:
    """Build the 409 that says nothing but that the first use of the key is under way."""
    message = "A request with the same Idempotency-Key is in progress."
    return reasons(409, 50000050, message, process)


def key_of_another_url(process: str) -> Answer:
    """Build the 422 of a key that belongs to another tenant, URL or method."""
    message = "The Idempotency-Key was used with another tenant, URL or method."
    return reasons(422, 50000020, message, process)


def key_of_another_body(process: str) -> Answer:
    """Build the 422 of a key that came with another payload."""
    message = "The Idempotency-Key was used with a different request payload."
    return reasons(422, 50000020, message, process)


def timed_out() -> Answer:
    """Build the 504 that a request gets when the server cuts it off."""
    return Answer(504, b"Gateway Timeout\n", {"Content-Type": "text/plain;charset=utf-8"})


def date_of(now: float) -> str:
    """Return the time as the `Date` of an answer tells it."""
    return _told(datetime.fromtimestamp(now, UTC).replace(microsecond=0))


@lru_cache(maxsize=64)  # much is answered in the same second
def _told(second: datetime) -> str:
    return format_datetime(second, usegmt=True)


def ids(request: Request, request_id: str) -> dict[str, str]:
    """Return the answer's own ID, and the caller's track ID if it may be echoed."""
    headers = {"Zuora-Request-Id": request_id}
    track_id = request.headers.get("zuora-track-id")
    if track_id is not None and _good_track_id(track_id):
        headers["Zuora-Track-Id"] = track_id
    return headers


def visible(text: str | None) -> str | None:
    """Return a header's text fit for the history: one that is no printable ASCII is escaped."""
    return text if text is None or _printable(text) else ascii(text)


def _printable(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _good_track_id(track_id: str) -> bool:
    short = len(track_id) <= LONGEST_TRACK_ID
    return short and _printable(track_id) and not NOT_IN_TRACK_ID.intersection(track_id)
