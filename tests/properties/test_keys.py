"""One key for one thing to bill: nothing else leads to it, and nothing beside it matters."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from support.budget import examples
from support.engine import TENANT, item
from zbatch.model import Charges, Credentials, Identity, Item, Source
from zbatch.zuora.request import (
    TRACK_LIMIT,
    body_of,
    echo_matches,
    idempotency_key,
    make_call,
    track_id,
    wire_of,
)

# texts that run into each other when they are put together without their lengths
CLASHING = st.text(st.sampled_from("01:,a"), max_size=4)
ITEMS = st.builds(
    Item,
    st.builds(
        Identity,
        st.sampled_from(["0" * 32, "0" * 31 + "1", "f" * 32]),
        st.dates(date(2026, 11, 29), date(2026, 12, 1)),
        st.integers(1, 12),
    ),
    st.dates(date(2026, 11, 29), date(2026, 12, 1)),
    st.builds(Charges, st.booleans(), st.booleans(), st.booleans()),
    st.builds(Source, st.text(max_size=5), st.integers(1, 9)),
    st.none() | st.text(max_size=5),
    st.none() | st.text(max_size=5),
)
CALLS = st.lists(ITEMS, min_size=1, max_size=3, unique_by=lambda one: one.identity.account_id)
ENTITIES = st.sampled_from(["1", "11", "e-1"])
WHERE = st.tuples(st.sampled_from(["a", "a1", "rest.zuora.com", "a:1"]), st.none() | ENTITIES)
KEY = re.compile(r"zb1-[0-9a-f]{64}")


Asked = tuple[tuple[str, str | None], list[Item], int]


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Asked, Asked]:
    """Draw two calls that differ in nothing, in little, or in all."""
    first = (draw(WHERE), draw(CALLS), draw(st.integers(0, 12)))
    second = (
        draw(st.just(first[0]) | WHERE),
        draw(st.just(first[1]) | CALLS),
        draw(st.just(first[2]) | st.integers(0, 12)),
    )
    return first, second


def identity_of(asked: Asked) -> object:
    """Tell what makes one call the same as another."""
    where, items, generation = asked
    return where, [(one.identity, one.invoice_date, one.charges) for one in items], generation


def key_of(asked: Asked) -> str:
    """Derive the key of a call."""
    where, items, generation = asked
    return idempotency_key(*where, items, generation, body_of(items))


@examples(250)
@given(pairs())
def test_keys_are_equal_only_for_the_same_call(drawn: tuple[Asked, Asked]) -> None:
    """Tenant, entity, items, dates, charges, revisions and generation each have a say."""
    first, second = drawn
    assert (key_of(first) == key_of(second)) == (identity_of(first) == identity_of(second))
    assert KEY.fullmatch(key_of(first))


@examples(400)
@given(*[CLASHING] * 2, st.integers(0, 111), st.binary(max_size=4), *[CLASHING] * 2)
def test_no_part_of_a_key_runs_into_the_next(
    host: str, entity: str, generation: int, body: bytes, other_host: str, other_entity: str
) -> None:
    """Each part counts with its length: characters that move over make another key."""
    first = idempotency_key(host, entity, [item(1)], generation, body)
    second = idempotency_key(other_host, other_entity, [item(1)], generation, body)
    assert (first == second) == ((host, entity) == (other_host, other_entity))


@examples(200)
@given(CALLS, st.text(max_size=9), st.text(max_size=9), st.integers(1, 9))
def test_a_key_does_not_know_who_asks(items: list[Item], name: str, reason: str, line: int) -> None:
    """Neither the tenant's name and credentials nor file, line, reason and number are in it."""
    alias = replace(TENANT, name=name, credentials=Credentials(name, reason), wsdl_version=line)
    copies = [
        replace(one, source=Source(name, line), reason=reason, account_number=name) for one in items
    ]
    first, second = make_call(TENANT, items, 0), make_call(alias, copies, 0)
    assert (first.key, first.body, first.wire) == (second.key, second.body, second.wire)


@examples(200)
@given(CALLS)
def test_bytes_are_a_function_of_the_items(items: list[Item]) -> None:
    """The body is ASCII and its compression knows neither time nor chance."""
    body = body_of(items)
    assert body.isascii()
    assert body_of(items) == body
    assert wire_of(body) == wire_of(bytes(body))


TAILS = st.from_regex(r"[0-9A-Za-z]{1,24}", fullmatch=True)


@examples(200)
@given(CALLS, CALLS, TAILS, st.integers(0, 10**8))
def test_an_echo_is_ours_only_if_it_names_our_key(
    items: list[Item], others: list[Item], tail: str, attempt: int
) -> None:
    """Any attempt of any run under the key is recognised, and no other key's ever is."""
    mine, other = make_call(TENANT, items, 0).key, make_call(TENANT, others, 0).key
    name = track_id(mine, tail, attempt)
    assert len(name) <= TRACK_LIMIT
    assert echo_matches(mine, name)
    assert echo_matches(other, name) == (mine == other)


@examples(300)
@given(st.text(st.characters(), max_size=80))
def test_any_echo_is_judged(echo: str) -> None:
    """No echo makes the judgement fail, and text that is no track ID of ours is not ours."""
    key = make_call(TENANT, [item(1)], 0).key
    assert echo_matches(key, echo) == (echo == "")
