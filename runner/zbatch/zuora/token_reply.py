"""Read the answer to a token request (Create an OAuth token)."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from zbatch.model import Problem
from zbatch.zuora.problems import problem_in, problem_of_status, sent_on
from zbatch.zuora.strict_json import NotJson, parse_json

DEFAULT_LIFE = 600.0
MIN_LIFE = 5.0
MAX_LIFE = 24 * 3600.0

# What may stand in a header after "Bearer ": visible ASCII, so never a line break.
_ACCESS_TOKEN = re.compile(r"[!-~]{1,8192}")
_ENTITY = "entity."
_HOME = re.compile(r"(tenant|entity)\.([0-9A-Za-z-]{1,40})")
_PASSING = frozenset({408, 425, 429, 499})


@dataclass(frozen=True, slots=True)
class TokenGranted:
    """A token and the seconds that it lives from the request on.

    `entities` are those that its scope names, or none where it names none. `home` is the tenant and
    the entity that it names, without those of which it names several.
    """

    access_token: str = field(repr=False)
    life: float
    entities: frozenset[str] = frozenset()
    home: Mapping[str, str] = field(default_factory=dict)

    def admits(self, entity_id: str | None) -> bool:
        """Tell whether the scope, where it names entities, names this one."""
        return not entity_id or not self.entities or _plain(entity_id) in self.entities


@dataclass(frozen=True, slots=True)
class TokenDenied:
    """The same request would be answered alike: a person must change something."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class TokenLater:
    """The token endpoint has a passing problem."""

    problem: Problem


def read_token_reply(
    status: int, body: bytes, hide: Callable[[bytes], bytes] = bytes
) -> TokenGranted | TokenDenied | TokenLater:
    """Read a reply of the token endpoint; total, and no secret of the body in a problem.

    `hide` takes our credentials out of a body that tells a problem.
    """
    if status >= 500 or status in _PASSING:
        return TokenLater(_told(status, hide(body)))
    if not 200 <= status < 300:
        return TokenDenied(_told(status, hide(body)))
    document = _document(body)
    if isinstance(document, dict):
        token = document.get("access_token")
        if isinstance(token, str) and _ACCESS_TOKEN.fullmatch(token):
            life = life_of(document.get("expires_in"))
            words = _words(document.get("scope"))
            return TokenGranted(token, life, _entities(words), _home(words))
    return TokenDenied(Problem("NO_TOKEN", "The reply to the token request holds no usable token."))


def _words(scope: object) -> Sequence[str]:
    """Cut a scope such as `entity.<uuid> tenant.1234` into its words."""
    return scope.split() if isinstance(scope, str) else ()


def _home(words: Sequence[str]) -> dict[str, str]:
    named = {(found[1], _plain(found[2])) for found in map(_HOME.fullmatch, words) if found}
    kinds = Counter(kind for kind, _ in named)
    return {kind: name for kind, name in sorted(named) if kinds[kind] == 1}


def _entities(words: Sequence[str]) -> frozenset[str]:
    return frozenset(
        _plain(word.removeprefix(_ENTITY)) for word in words if word.startswith(_ENTITY)
    )


def _plain(uuid: str) -> str:
    return uuid.replace("-", "").lower()


def _told(status: int, body: bytes) -> Problem:
    if problem := problem_in(_document(body)):
        return problem
    told = problem_of_status(status)
    return sent_on(told) if 300 <= status < 400 else told


def _document(body: bytes) -> object:
    try:
        return parse_json(body)
    except NotJson:
        return None


def life_of(expires_in: object) -> float:
    """Read `expires_in` as seconds, clamped to sense; a default where it is no positive number."""
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float | str):
        return DEFAULT_LIFE
    try:
        seconds = float(expires_in)
    except ValueError:
        return DEFAULT_LIFE
    if math.isnan(seconds) or seconds <= 0:
        return DEFAULT_LIFE
    return min(max(seconds, MIN_LIFE), MAX_LIFE)
