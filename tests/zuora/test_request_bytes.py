"""What a generate call sends, pinned byte by byte."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import re
import zlib
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zbatch.model import Charges, Credentials, Identity, Item, Source, Tenant
from zbatch.zuora.headers import KEPT, request_headers
from zbatch.zuora.request import (
    body_of,
    echo_matches,
    idempotency_key,
    make_call,
    track_id,
    wire_of,
)

ACCOUNT = "2c93808457d787030157e0306be53a75"
OTHER = "2c93808457d787030157e0306be53a76"
TENANT = Tenant("prod", "https://rest.zuora.com", "rest.zuora.com", Credentials("ID", "SECRET"))
SAMPLE = (
    b'{"objects":[{"AccountId":"2c93808457d787030157e0306be53a75",'
    b'"InvoiceDate":"2016-10-20","TargetDate":"2016-10-20"}],"type":"Invoice"}'
)


def item(
    account: str = ACCOUNT, day: int = 20, revision: int = 1, charges: Charges | None = None
) -> Item:
    """Build an item of October 2016."""
    when = date(2016, 10, day)
    identity = Identity(account, when, revision)
    return Item(identity, when, charges or Charges(), Source("spec.yaml", 1))


def test_body_is_the_sample_of_the_page() -> None:
    """The body of a plain item is the request sample of Action POSTgenerate."""
    assert body_of([item()]) == SAMPLE


def test_body_names_only_charges_switched_off() -> None:
    """A charge kind left at its default is not sent, one switched off is."""
    body = json.loads(body_of([item(charges=Charges(one_time=False, usage=False))]))
    assert body["objects"][0] == {
        "AccountId": ACCOUNT,
        "InvoiceDate": "2016-10-20",
        "TargetDate": "2016-10-20",
        "IncludesOneTime": False,
        "IncludesUsage": False,
    }


def test_body_holds_items_in_order() -> None:
    """Objects stand in the order of the items, since rows come back by position."""
    body = json.loads(body_of([item(OTHER), item()]))
    assert [entry["AccountId"] for entry in body["objects"]] == [OTHER, ACCOUNT]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("one_time", "IncludesOneTime"),
        ("recurring", "IncludesRecurring"),
        ("usage", "IncludesUsage"),
    ],
)
def test_each_charge_kind_is_switched_off_by_its_own_name(kind: str, name: str) -> None:
    """A kind that is off is named as the page names it, alone."""
    (entry,) = json.loads(body_of([item(charges=Charges(**{kind: False}))]))["objects"]
    assert {key: value for key, value in entry.items() if key.startswith("Includes")} == {
        name: False
    }


@pytest.mark.parametrize("count", [0, 51])
def test_body_takes_one_to_fifty(count: int) -> None:
    """No call is empty and none carries more than 50 objects."""
    items = [item(f"{number:032x}") for number in range(count)]
    with pytest.raises(ValueError, match="1 to 50"):
        body_of(items)
    assert body_of([item(f"{number:032x}") for number in range(50)])


def test_body_refuses_an_account_twice() -> None:
    """One account never stands in a call twice, whatever the dates."""
    with pytest.raises(ValueError, match="twice"):
        body_of([item(day=20), item(day=21)])


def test_wire_is_gzip_without_time_or_system() -> None:
    """The wire bytes are gzip of the body, the same every time, with a fixed header."""
    wire = wire_of(SAMPLE)
    assert gzip.decompress(wire) == SAMPLE
    assert wire == wire_of(SAMPLE)
    assert wire[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"


@pytest.mark.parametrize("size", [0, 1, 130, 249, 250, 251, 511, 512, 1_023, 5_000, 32_506, 90_000])
def test_the_wire_bytes_are_those_of_the_whole_window(size: int) -> None:
    """A window that is cut to the body changes no byte of what any version has sent."""
    chance = random.Random(size)
    noise = f"{chance.getrandbits(8 * size + 8):x}".encode()[: max(0, size - 20)]
    body = noise + noise[:20]  # what is repeated from as far as can be
    assert wire_of(body)[10:] == zlib.compress(body, level=1, wbits=31)[10:]


ENTITY = replace(TENANT, entity_id="11e643f4-a3ee-8bad-b061-0025904c57d6")
GOLDEN = {
    "plain": (
        (TENANT, [item()], 0),
        "zb1-f5946993df3c5c6b8822e5abe2571a33d56d60ec79b48937a22602c7d63c4483",
    ),
    "next generation": (
        (TENANT, [item()], 1),
        "zb1-4bdc92c22b3d19e66ca7ab9b3af28136e768fb980f0b3d247109fc85dba07148",
    ),
    "revision": (
        (TENANT, [item(revision=2)], 0),
        "zb1-2abe131fb2936df6d9f13de43fb0e9eeebebca9c618943a904f6eaeea3295d85",
    ),
    "two items": (
        (TENANT, [item(), item(OTHER, revision=3)], 0),
        "zb1-f8d9ff9ec04ac2415af8ed42fe82ccd68a6b28bf200b7a040ee73dfe31310bca",
    ),
    "entity": (
        (ENTITY, [item()], 0),
        "zb1-5b2e4f3911bf597778ba060bed86dc988f04ee0c128cb156cd01f4e2d6389db5",
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_keys_are_pinned(name: str) -> None:
    """A key never changes for the same call; a change here needs a new prefix."""
    arguments, key = GOLDEN[name]
    assert make_call(*arguments).key == key


def test_key_is_the_digest_of_length_prefixed_parts() -> None:
    """The key is made of host, entity, revisions, generation and body, each with its length."""
    text = b"14:rest.zuora.com0:1:11:0" + b"%d:" % len(SAMPLE) + SAMPLE
    key = idempotency_key("rest.zuora.com", None, [item()], 0, SAMPLE)
    assert key == "zb1-" + hashlib.sha256(text).hexdigest()


def test_keys_of_different_calls_differ() -> None:
    """Host, entity, revision, generation and payload each make another key; the name does not."""
    calls = [make_call(*arguments) for arguments, _ in GOLDEN.values()]
    calls += [
        make_call(TENANT, [item(day=21)], 0),
        make_call(TENANT, [item(charges=Charges(usage=False))], 0),
        make_call(Tenant("p", "https://x", "x", TENANT.credentials), [item()], 0),
    ]
    assert len({call.key for call in calls}) == len(calls)
    alias = Tenant("alias", "https://REST.zuora.com", TENANT.host, TENANT.credentials)
    assert make_call(alias, [item()], 0).key == GOLDEN["plain"][1]


def test_call_refuses_a_generation_below_zero() -> None:
    """Generations count from 0."""
    with pytest.raises(ValueError, match="generation"):
        make_call(TENANT, [item()], -1)


@given(st.from_regex(r"[0-9A-Za-z]{1,24}", fullmatch=True), st.integers(0, 10**9))
def test_track_id_is_what_the_header_allows(tail: str, attempt: int) -> None:
    """A track ID has at most 64 visible ASCII characters and none of the four forbidden ones."""
    key = GOLDEN["plain"][1]
    name = track_id(key, tail, attempt)
    assert len(name) <= 64
    assert re.fullmatch(r"[!-~]+", name)
    assert not set(name) & set(":;\"'")
    assert echo_matches(key, name)


@pytest.mark.parametrize("tail", ["", "a:b", "a b", "é", "a" * 25, "a-b", "a\n"])
def test_track_id_refuses_an_odd_run(tail: str) -> None:
    """A run's tail that could spoil the header or the echo check is a mistake of ours."""
    with pytest.raises(ValueError, match="track ID"):
        track_id(GOLDEN["plain"][1], tail, 1)


def test_track_id_refuses_an_endless_attempt() -> None:
    """No attempt number pushes a track ID beyond its 64 characters, and it may have all of them."""
    key = GOLDEN["plain"][1]
    longest = track_id(key, "a" * 24, 10**10)
    assert longest == f"zb-{key.removeprefix('zb1-')[:24]}-{'a' * 24}-{10**10}"
    assert len(longest) == 64
    with pytest.raises(ValueError, match="64"):
        track_id(key, "a" * 24, 10**11)


def test_echo_of_any_attempt_matches_and_another_key_does_not() -> None:
    """Replays carry an earlier attempt's or another host's track ID; another key's is crossed."""
    key, other = GOLDEN["plain"][1], make_call(TENANT, [item(OTHER)], 0).key
    assert echo_matches(key, None)
    assert echo_matches(key, "")
    assert echo_matches(key, track_id(key, "elsewhere", 7))
    stranger = track_id(other, "elsewhere", 7)
    for echoed in (
        stranger,
        "x",
        "elsewhere-7",
        key,
        track_id(key, "a", 1) + ", " + stranger,
        f"zb-{key[4:28]}-",
    ):
        assert not echo_matches(key, echoed)


def test_request_carries_every_header_of_the_page() -> None:
    """The headers are those of Action POSTgenerate, the entity only where the tenant has one."""
    plain = request_headers(TENANT, "zb1-k", "zb-t", "secret")
    assert plain == {
        "Authorization": "Bearer secret",
        "Idempotency-Key": "zb1-k",
        "Zuora-Track-Id": "zb-t",
        "X-Zuora-WSDL-Version": "79",
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
        "Accept-Encoding": "gzip",
    }
    entity = Tenant("e", "https://h", "h", TENANT.credentials, entity_id="e-1", wsdl_version=100)
    headers = request_headers(entity, "zb1-k", "zb-t", "secret")
    assert (headers["Zuora-Entity-Ids"], headers["X-Zuora-WSDL-Version"]) == ("e-1", "100")


def test_kept_headers_are_lower_case() -> None:
    """Replies are looked up by lower-case names, so the kept ones are."""
    assert all(name == name.lower() for name in KEPT)
    assert {"ratelimit-reset", "rate-limit-reset", "x-ratelimit-reset"} <= KEPT
