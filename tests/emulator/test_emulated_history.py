"""The complete history: arrivals, replies, executions, and what it must never hold."""

from __future__ import annotations

import gzip
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from support.emulator import NOON, Driver, account, driving, row
from support.mishaps import DROP_AFTER, DROP_BEFORE
from zbatch.emulator import (
    Mishap,
    Modes,
    Scheduled,
    SecondGenerate,
    arrivals,
    bill_by_hand,
    bodies_of_keys,
    executions,
    history,
    replies,
)
from zbatch.emulator.catalogue import fault
from zbatch.emulator.exchange import Answer
from zbatch.emulator.files import open_store
from zbatch.emulator.invoices import Order
from zbatch.emulator.schema import VERSION
from zbatch.emulator.visit import Pending
from zbatch.errors import CannotStart

UNGUARDED = Modes(second_generate=SecondGenerate.BILLS_AGAIN)
_DAY = date(2026, 11, 30)
FORMAT_2 = Path(__file__).with_name("format_2.sql")


def test_what_is_still_in_execution_has_arrived(driver: Driver) -> None:
    """A pending call is in the history with its content before anything is executed."""
    driver.begin(row("d0"), key="k")
    (arrived,) = driver.arrivals[-1:]
    assert (arrived.method, arrived.path, arrived.key) == ("POST", "/v1/action/generate", "k")
    assert arrived.arrived_at == NOON
    assert arrived.content is not None
    assert json.loads(arrived.content)["objects"] == [row("d0")]
    assert arrived.number not in [reply.arrival for reply in driver.replies]
    driver.restart()
    assert driver.arrivals[-1] == arrived


def test_a_reply_and_an_execution_name_the_arrival(driver: Driver) -> None:
    """What was answered and what was billed lead back to the request that asked for it."""
    driver.generate(row("d0"), key="a")
    answer = driver.generate(row("d1"), key="b")
    arrived, reply, execution = driver.arrivals[-1], driver.replies[-1], driver.executions[-1]
    assert arrived.key == "b"
    assert (reply.arrival, execution.arrival) == (arrived.number, arrived.number)
    assert (reply.status, reply.body, reply.delivery) == (200, answer.body, "whole")
    exchange = driver.history[-1]
    assert (exchange.arrival, exchange.content) == (arrived.number, arrived.content)
    assert (exchange.body, exchange.delivery) == (reply.body, reply.delivery)


@pytest.mark.parametrize(
    ("mishap", "delivery", "status"),
    [(DROP_AFTER, "reset", 200), (DROP_BEFORE, "reset", 0), (fault("silence"), "silent", 200)],
)
def test_a_reply_tells_what_became_of_it(mishap: Mishap, delivery: str, status: int) -> None:
    """A lost reply is on record as it was decided, with what happened on its way."""
    with driving(modes=UNGUARDED, faults=(Scheduled(mishap, at=1),)) as driver:
        arrived = driver.arrive(
            driver.request({"objects": [row("d0")], "type": "Invoice"}, key="k")
        )
        if isinstance(arrived, Pending):
            driver.finish(arrived)
        reply = driver.replies[-1]
        assert (reply.status, reply.delivery) == (status, delivery)
        assert (b'"Success":true' in (reply.body or b"")) is (status == 200)


def test_a_body_is_kept_as_decided_before_compression(driver: Driver) -> None:
    """A long reply that went out packed is plain in the history."""
    for _ in range(20):
        bill(driver)
    packed = driver.request({"queryString": "select Id, AccountId from Invoice"})
    headers = {**packed.headers, "accept-encoding": "gzip"}
    sent = driver.arrive(replace(packed, path="/v1/action/query", headers=headers))
    assert isinstance(sent, Answer)
    assert sent.headers["Content-Encoding"] == "gzip"
    assert json.loads(driver.replies[-1].body or b"")["size"] == 20


def bill(driver: Driver) -> None:
    """Let somebody bill an account."""
    with driver.store.transaction():
        driver.store.invoices.create(Order(account("d0"), _DAY, _DAY), 1, driver.now)


def test_content_is_kept_unpacked_or_as_it_came(driver: Driver) -> None:
    """Packed content is kept plain under the hash of the plain; what cannot be read stays raw."""
    plain = driver.request({"objects": [row("d0")], "type": "Invoice"}, key="k")
    packed = {**plain.headers, "content-encoding": "gzip"}
    driver.arrive(plain)
    driver.arrive(replace(plain, headers=packed, body=gzip.compress(plain.body)))
    driver.arrive(replace(plain, headers=packed, body=b"no gzip"))
    first, second, third = driver.arrivals[-3:]
    assert (first.content, first.readable) == (plain.body, True)
    assert (second.content, second.readable) == (plain.body, True)
    assert (third.content, third.readable) == (b"no gzip", False)
    assert bodies_of_keys(driver.arrivals) == {"k": [first.body_hash, third.body_hash]}
    assert first.body_hash == second.body_hash


def test_no_secret_is_in_the_history(tmp_path: Path) -> None:
    """Neither token nor client secret is in the file, nor a hash that could be guessed at."""
    with driving() as driver:
        driver.log_in(client_secret="hush-hush")
        driver.generate(row("d0"), key="k")
        token = driver.bearer
        with closing(sqlite3.connect(tmp_path / "copy")) as copy:
            driver.copy(copy)
        content = (tmp_path / "copy").read_bytes()
        asked = driver.arrivals[-2]
        assert (asked.path, asked.content, asked.body_hash) == ("/oauth/token", None, b"")
        assert driver.replies[-2].body is None
    for secret in (token, token[::-1], "hush-hush", "client_secret", "Bearer"):
        assert secret.encode() not in content


def test_a_file_of_format_2_is_brought_up_to_date(tmp_path: Path) -> None:
    """What an older release wrote is kept: executions, keys, and each line of its history."""
    path = tmp_path / "emulator.sqlite3"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(FORMAT_2.read_text())
    with open_store(tmp_path, 0) as store:
        kept = store.recall("k0", 0.0)
        assert kept is not None
        assert b'"Success":true' in kept.answer.body
    assert [one.number for one in arrivals(tmp_path)] == [1, 2, 3, 4, 5, 7]
    assert [one.arrival for one in replies(tmp_path)] == [1, 2, 3, 4, 5, 5, 7]
    assert [(one.status, one.key) for one in history(tmp_path)] == [
        *((200, None), (200, "k0"), (200, "k1"), (200, None)),
        *((504, "slow"), (200, "slow"), (200, None)),
    ]
    assert all(one.content is None for one in arrivals(tmp_path))
    assert arrivals(tmp_path)[0].body_hash == b""
    assert [one.arrival for one in executions(tmp_path)] == [None] * 4
    with closing(sqlite3.connect(path)) as new:
        assert new.execute("pragma user_version").fetchone() == (VERSION,)


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    """A file that is not what its number says is refused, and is what it was."""
    path = tmp_path / "emulator.sqlite3"
    with closing(sqlite3.connect(path)) as old:
        old.executescript("create table history (n integer); pragma user_version = 2;")
    with pytest.raises(CannotStart, match="cannot be used"), open_store(tmp_path, 0):
        pass
    with closing(sqlite3.connect(path)) as same:
        names = [name for (name,) in same.execute("select name from sqlite_master")]
        assert names == ["history"]


def test_by_hand_has_no_arrival(tmp_path: Path) -> None:
    """What nobody called for leads back to no arrival."""
    with open_store(tmp_path, 0):
        bill_by_hand(tmp_path, Order(account("d0"), _DAY, _DAY), NOON)
    assert [one.arrival for one in executions(tmp_path)] == [None]
