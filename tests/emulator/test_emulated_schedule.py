"""When a fault hits: by number, by chance, for an account, for a while, and so many times."""

from __future__ import annotations

from typing import Any

import pytest

from zbatch.emulator import Delivery, Faults, Scheduled
from zbatch.emulator.catalogue import fault
from zbatch.emulator.chance import Draws, draw
from zbatch.emulator.faults import Mishap
from zbatch.emulator.schedule import CONNECTION

A = b'{"AccountId": "2C93808457D787030157E0306BE53A01"}'
B = b'{"AccountId": "2c93808457d787030157e0306be53a02"}'
OF_A = "2c93808457d787030157e0306be53a01"
LOCK = fault("locked")
SILENCE = fault("silence")
UNREAD = fault("reset", when="before_read")


def hits(faults: Faults, calls: int, action: str = "generate") -> list[int]:
    """Return the numbers of the calls that a fault hits."""
    return [number for number in range(1, calls + 1) if faults.next(action) is not None]


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"at": 3}, [3]),
        ({"every": 4}, [4, 8]),
        ({"every": 1, "skip": 7}, [8, 9]),
        ({"every": 3, "skip": 1}, [4, 7]),
        ({"every": 1, "times": 2}, [1, 2]),
        ({"chance": 1.0, "skip": 7}, [8, 9]),
        ({"chance": 0.0}, []),
        ({"every": 1, "action": "any"}, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ({"every": 1, "action": "query"}, []),
        ({"every": 1, "account": OF_A}, []),
    ],
)
def test_which_calls_are_hit(when: dict[str, Any], expected: list[int]) -> None:
    """Of nine calls, those that the schedule says."""
    assert hits(Faults([Scheduled(LOCK, **when)]), 9) == expected


def test_chance_is_drawn_from_seed_and_number() -> None:
    """The same seed hits the same calls, another one others, about as often as it should."""
    schedule = [Scheduled(LOCK, chance=0.2)]
    first, again, other = (hits(Faults(schedule, seed), 1000) for seed in (1, 1, 2))
    assert first == again != other
    assert 150 < len(first) < 250


def test_a_fault_lasts_for_a_while() -> None:
    """Seconds are counted from the start, or from the first call where nothing said so."""
    for started in (True, False):
        faults = Faults([Scheduled(LOCK, every=1, after=10.0, until=20.0)])
        if started:
            faults.start(100.0)
        faults.next("generate", 100.0)
        found = [faults.next("generate", 100.0 + s) is not None for s in (9.9, 10.0, 19.9, 20.0)]
        assert found == [False, True, True, False]


def test_an_account_has_its_own_count() -> None:
    """Only calls that name the account are hit, the first of them at 1."""
    faults = Faults([Scheduled(LOCK, at=2, account=OF_A)])
    found = [faults.next("generate", 0.0, one) is not None for one in (A, B, B, A, A)]
    assert found == [False, False, False, True, False]


def test_a_call_before_it_is_read() -> None:
    """It is counted once, whether the fault hits before or after its content is known."""
    faults = Faults([Scheduled(UNREAD, every=2), Scheduled(LOCK, every=3)])
    found = []
    for _ in range(6):
        unread = faults.unread("generate", 0.0)
        found.append(unread or faults.next("generate"))
    assert found == [None, UNREAD, LOCK, UNREAD, None, UNREAD]
    assert faults.arrived() == 6


def test_connections_are_no_calls() -> None:
    """What happens to any call happens to no connection, and the other way round."""
    faults = Faults([Scheduled(SILENCE, every=1, action=CONNECTION)])
    assert faults.next("generate") is None
    assert faults.next(CONNECTION) == SILENCE
    faults.switch([Scheduled(UNREAD, every=1, action=CONNECTION)])
    assert faults.next(CONNECTION) == UNREAD
    assert Faults([Scheduled(SILENCE, every=1, action="any")]).next(CONNECTION) is None


def test_jitter_is_drawn_for_each_call() -> None:
    """Each reply is late by its own share of the jitter, the same for the same seed."""
    late = Mishap(late=1.0, jitter=0.5)
    first, again = (Faults([Scheduled(late, every=1)], 3) for _ in range(2))
    drawn = [(first.next("generate"), again.next("generate")) for _ in range(20)]
    assert all(one == other for one, other in drawn)
    lates = {one.late for one, _ in drawn if one is not None}
    assert len(lates) == 20
    assert all(1.0 <= late < 1.5 for late in lates)


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ({}, "scheduled at a call"),
        ({"at": 1, "every": 2}, "scheduled at a call"),
        ({"at": 0}, "scheduled at a call"),
        ({"chance": 1.5}, "from 0 to 1"),
        ({"at": 1, "action": "x"}, "no mishaps of 'x'"),
        ({"at": 1, "account": OF_A, "action": "token"}, "nothing names an account"),
        ({"at": 1, "after": 2.0, "until": 2.0}, "over before it begins"),
    ],
)
def test_what_is_no_schedule(when: dict[str, Any], words: str) -> None:
    """A schedule that says nothing, or contradicts itself, is refused."""
    with pytest.raises(ValueError, match=words):
        Scheduled(LOCK, **when)


@pytest.mark.parametrize(
    ("mishap", "words"),
    [
        ({"status": 799}, "799 is not a status"),
        ({"status": 500, "code": "X"}, "not both"),
        ({"executed": False}, "has no answer"),
        ({"executed": False, "body": b"x"}, "has no answer"),
        ({"stored": True}, "can be stored"),
        ({"shape": "round"}, "no shape 'round'"),
        ({"executed": False, "unread": True, "delivery": "reset"}, "is not read"),
        ({"delivery": "garbled"}, "only a way says"),
        ({"delivery": "cut_short"}, "only a way says"),
    ],
)
def test_what_is_no_mishap(mishap: dict[str, Any], words: str) -> None:
    """What cannot happen is refused by name."""
    if "delivery" in mishap:
        mishap = {**mishap, "delivery": Delivery(mishap["delivery"])}
    with pytest.raises(ValueError, match=words):
        Mishap(**mishap)


def test_what_is_drawn_spreads_over_what_there_is() -> None:
    """Every number and every one of several comes up, and no other."""
    draws = Draws(5)
    assert {draws.between(2, 5) for _ in range(200)} == {2, 3, 4, 5}
    assert {draws.one_of("ab") for _ in range(50)} == {"a", "b"}
    assert 0 <= draw(0, "x") < 1
