"""The token desk: OAuth client credentials in, bearer tokens that expire out."""

from __future__ import annotations

import hmac
from urllib.parse import parse_qs

from zbatch.emulator.config import EmulatorConfig
from zbatch.emulator.exchange import Answer, Request, client_error, json_answer, reasons
from zbatch.emulator.gateway import refuse_track_id
from zbatch.emulator.limits import Quota
from zbatch.emulator.store import Store

TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path, not a secret
FORM = "application/x-www-form-urlencoded"


class TokenDesk:
    """Issues tokens and knows which still live (page "Create an OAuth token")."""

    def __init__(self, config: EmulatorConfig, store: Store) -> None:
        self._config = config
        self._store = store
        self._peers: dict[str, Quota] = {}

    def answer(self, request: Request, now: float) -> Answer:
        """Answer a token request; its own limit counts per address, good and bad alike."""
        quota = self._peers.setdefault(request.peer, Quota([self._config.limits.token_rate]))
        refusal = quota.count(now) or refuse_track_id(request)
        if refusal is not None:
            return refusal
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
            return client_error(f"a token request is a form: Content-Type {FORM}")
        return self._check(request.body, now)

    def admits(self, authorization: str, now: float) -> bool:
        """Tell whether the header carries a bearer token that lives."""
        scheme, _, token = authorization.partition(" ")
        return scheme.lower() == "bearer" and self._store.token_lives(token.strip(), now)

    def _check(self, body: bytes, now: float) -> Answer:
        form = {name: values[-1] for name, values in _form(body).items()}
        if form.get("grant_type") != "client_credentials":
            return json_answer(400, {"message": "Invalid grant type"})
        if not _same(form.get("client_id", ""), self._config.client_id):
            return json_answer(400, {"message": "Invalid client id"})
        if not _same(form.get("client_secret", ""), self._config.client_secret):
            return reasons(401, 90000011, "Invalid client secret")
        return self._issue(now)

    def _issue(self, now: float) -> Answer:
        life = self._config.limits.token_life
        token = self._store.issue_token(now, now + life)
        scope = " ".join(f"entity.{entity}" for entity in self._config.entities)
        return json_answer(
            200,
            {
                "access_token": token,
                "token_type": "bearer",
                "expires_in": max(0, int(life) - 1),
                "scope": f"{scope} tenant.1".strip(),
                "jti": token[::-1],
            },
        )


def _form(body: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(body.decode("utf-8", "replace"), max_num_fields=20)
    except ValueError:  # too many fields
        return {}


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())
