"""Whatever the token endpoint answers, it is a token with a sensible life or a clean refusal."""

from __future__ import annotations

import time

from hypothesis import example, given
from hypothesis import strategies as st

from support.budget import examples
from support.replies import ANY_TEXT, CODES, MESSAGES, STATUSES, VALUES, as_bytes, bodies
from zbatch.zuora.text import MESSAGE_LIMIT
from zbatch.zuora.token_reply import (
    MAX_LIFE,
    MIN_LIFE,
    TokenDenied,
    TokenGranted,
    TokenLater,
    read_token_reply,
)

CANARY = "canary-Zq8x1f0c3d5e7b9a"
TOKENS = st.one_of(
    st.just(CANARY),
    st.sampled_from(["a\r\nX: y", "tökén", "", " ", "a b", "x" * 8193, "x" * 8192, "\ud800"]),
    VALUES,
)
LIVES = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from(["3599.0", "3599", "1_000", "٣٦", "inf", "nan", "-0", "1e400", "", " 60 "]),
    VALUES,
)
GRANTS = st.fixed_dictionaries(
    {},
    optional={
        "access_token": TOKENS,
        "expires_in": LIVES,
        "scope": ANY_TEXT,
        "error": CODES,
        "error_description": MESSAGES,
    },
)
BODIES = st.one_of(GRANTS.map(as_bytes), GRANTS.map(as_bytes), bodies(1), st.binary())


@examples(500)
@given(STATUSES, BODIES)
@example(200, as_bytes({"access_token": CANARY, "expires_in": 10**25}))
@example(200, b'{"access_token":"a","expires_in":1e400}')
@example(200, as_bytes({"access_token": CANARY, "expires_in": "1" * 5000}))
def test_any_reply_is_a_token_or_a_clean_refusal(status: int, body: bytes) -> None:
    """A token fits into a header and lives between 5 seconds and a day; all else is one line."""
    began = time.process_time()
    answer = read_token_reply(status, body)
    assert time.process_time() - began < 2.0
    if isinstance(answer, TokenGranted):
        assert 200 <= status < 300
        assert MIN_LIFE <= answer.life <= MAX_LIFE
        assert answer.access_token.isascii()
        assert answer.access_token.isprintable()
        assert " " not in answer.access_token
        return
    assert isinstance(answer, TokenDenied | TokenLater)
    assert len(answer.problem.message) <= MESSAGE_LIMIT
    assert answer.problem.message.isprintable()
    assert answer.problem.code


@examples(300)
@given(STATUSES, GRANTS.map(lambda grant: as_bytes({**grant, "access_token": CANARY})))
def test_no_refusal_tells_the_token(status: int, body: bytes) -> None:
    """A token that comes with an error, or cannot be used, is not repeated to anybody."""
    assert CANARY not in repr(read_token_reply(status, body))
