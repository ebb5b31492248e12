"""Name the headers of a call, and build those that a request carries."""

from __future__ import annotations

from zbatch.model import Tenant

GENERATE_PATH = "/v1/action/generate"
GENERATE_QUERY = "rejectUnknownFields=true"
QUERY_PATH = "/v1/action/query"
QUERY_MORE_PATH = "/v1/action/queryMore"  # the casing matters
PREVIEW_PATH = "/v1/operations/billing-preview"
TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path, not a secret

IDEMPOTENCY_KEY = "Idempotency-Key"
ACCEPT_ENCODING = "Accept-Encoding"
CONTENT_ENCODING = "Content-Encoding"
CONTENT_TYPE = "Content-Type"
AUTHORIZATION = "Authorization"
ENTITY_IDS = "Zuora-Entity-Ids"
TRACK_ID = "Zuora-Track-Id"
WSDL_VERSION = "X-Zuora-WSDL-Version"

GZIP = "gzip"
JSON = "application/json"

RATE_PREFIXES = ("ratelimit-", "rate-limit-", "x-ratelimit-", "x-rate-limit-")

CONCURRENCY_LIMIT = "concurrency-limit-limit"
CONCURRENCY_REMAINING = "concurrency-limit-remaining"

KEPT = frozenset(
    {
        "date",
        "age",
        "content-type",
        "retry-after",
        "zuora-request-id",
        "zuora-track-id",
        CONCURRENCY_LIMIT,
        CONCURRENCY_REMAINING,
        *(prefix + part for prefix in RATE_PREFIXES for part in ("limit", "remaining", "reset")),
    }
)
"""The reply headers worth keeping, in lower case."""


def request_headers(tenant: Tenant, key: str, track_id: str, token: str) -> dict[str, str]:
    """Build the headers of one send; `token` is the bearer token in clear."""
    headers = query_headers(tenant, track_id, token)
    headers[IDEMPOTENCY_KEY] = key
    return headers


def query_headers(tenant: Tenant, track_id: str, token: str, wsdl: int = 0) -> dict[str, str]:
    """Build the headers of one question: never a key, under which an old answer would return.

    `wsdl` is the least version that the question needs.
    """
    headers = {
        AUTHORIZATION: f"Bearer {token}",
        TRACK_ID: track_id,
        WSDL_VERSION: str(max(tenant.wsdl_version, wsdl)),
        CONTENT_TYPE: JSON,
        CONTENT_ENCODING: GZIP,
        ACCEPT_ENCODING: GZIP,
    }
    if tenant.entity_id:
        headers[ENTITY_IDS] = tenant.entity_id
    return headers
