"""Build what a generate call sends: body, compressed bytes, idempotency key, track ID.

The page followed is Action POSTgenerate. Changing body bytes or keys needs a new key prefix.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Sequence

from zbatch.model import Call, Charges, Item, Tenant

MAX_OBJECTS = 50
KEY_PREFIX = "zb1-"
TRACK_PREFIX = "zb-"
TRACK_KEY_DIGITS = 24
TRACK_LIMIT = 64

# magic, deflate, no flags, no time, fastest, unknown system: what varies by platform is fixed
_GZIP_HEADER = bytes.fromhex("1f8b08000000000004ff")
_LEAST_WINDOW, _MOST_WINDOW = 9, 15  # bits
_LOOKAHEAD = 262  # bytes of a window that zlib keeps free
_AS_GZIP = 16
_RUN_TAIL = re.compile(r"[0-9A-Za-z]{1,24}")
_RUN_AND_ATTEMPT = re.compile(r"[0-9A-Za-z]{1,24}-[0-9]{1,20}")


def body_of(items: Sequence[Item]) -> bytes:
    """Write the request body, byte for byte the same for the same items.

    The charge kinds default to true at the server and are named only where switched off.
    Raise ValueError unless there are 1 to 50 items of as many accounts.
    """
    if not 1 <= len(items) <= MAX_OBJECTS:
        raise ValueError(f"a call carries 1 to {MAX_OBJECTS} items, not {len(items)}")
    if len({item.identity.account_id for item in items}) != len(items):
        raise ValueError("a call never carries one account twice")
    objects = ",".join(map(_object_of, items))
    return f'{{"objects":[{objects}],"type":"Invoice"}}'.encode("ascii")


def _object_of(item: Item) -> str:
    # A template is safe here because an identity holds hexadecimal digits and real dates only.
    identity = item.identity
    return (
        f'{{"AccountId":"{identity.account_id}",'
        f'"InvoiceDate":"{item.invoice_date.isoformat()}",'
        f'"TargetDate":"{identity.target_date.isoformat()}"'
        f"{_charges_off(item.charges)}}}"
    )


def _charges_off(charges: Charges) -> str:
    one_time = "" if charges.one_time else ',"IncludesOneTime":false'
    recurring = "" if charges.recurring else ',"IncludesRecurring":false'
    usage = "" if charges.usage else ',"IncludesUsage":false'
    return one_time + recurring + usage


def wire_of(body: bytes) -> bytes:
    """Compress the body as gzip without time or system: the same bytes for the same body.

    The window is no larger than the body needs. A larger one gives the same bytes, but to clear its
    memory costs more than to compress a small body.
    """
    window = min(_MOST_WINDOW, max(_LEAST_WINDOW, (len(body) + _LOOKAHEAD).bit_length()))
    packed = zlib.compress(body, level=1, wbits=_AS_GZIP + window)
    return _GZIP_HEADER + packed[len(_GZIP_HEADER) :]


def idempotency_key(
    tenant_host: str, entity: str | None, items: Sequence[Item], generation: int, body: bytes
) -> str:
    """Derive the key of a call: deterministic, so that a lost ledger lands on the same key."""
    revisions = ",".join([str(item.identity.revision) for item in items])
    texts = (tenant_host, entity or "", revisions, str(generation))
    parts = [*[text.encode("utf-8") for text in texts], body]
    told = b"".join([b"%d:%b" % (len(part), part) for part in parts])
    return KEY_PREFIX + hashlib.sha256(told).hexdigest()


def make_call(tenant: Tenant, items: Sequence[Item], generation: int) -> Call:
    """Build the call for these items under the key of this generation, counted from 0."""
    if generation < 0:
        raise ValueError("a generation counts from 0")
    body = body_of(items)
    key = idempotency_key(tenant.host, tenant.entity_id, items, generation, body)
    return Call(tuple(items), generation, key, body, wire_of(body))


def track_id(key: str, run_tail: str, attempt: int) -> str:
    """Name one attempt, within what Zuora-Track-Id allows: 64 of US-ASCII without ``: ; " '``.

    `run_tail` is the last part of the run's ID, 1 to 24 letters or digits.
    """
    if not _RUN_TAIL.fullmatch(run_tail) or attempt < 0:
        raise ValueError("a track ID takes 1 to 24 letters or digits and a counted attempt")
    name = f"{_track_stem(key)}{run_tail}-{attempt}"
    if len(name) > TRACK_LIMIT:
        raise ValueError(f"a track ID has at most {TRACK_LIMIT} characters")
    return name


def echo_matches(key: str, echoed: str | None) -> bool:
    """Tell whether an echoed track ID may belong to this key.

    Any run's and any attempt's does, since a stored reply carries the headers of the send that
    it was stored for; so does the lack of an echo. Everything else is another call's reply.
    """
    if not echoed:
        return True
    stem = _track_stem(key)
    rest = echoed.removeprefix(stem)
    return rest != echoed and _RUN_AND_ATTEMPT.fullmatch(rest) is not None


def _track_stem(key: str) -> str:
    digits = key.removeprefix(KEY_PREFIX)[:TRACK_KEY_DIGITS]
    return f"{TRACK_PREFIX}{digits}-"
