"""Every fault that the emulator knows by name, in whole runs over real sockets.

`NAMED_FAULTS=all` plays each fault of a question and of a token request too, one run each.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import product

import pytest

from support.accounts import account
from support.asked import unasked
from support.behind import SHORT, Behind
from zbatch.emulator import (
    Conflict,
    Modes,
    Scheduled,
    SecondGenerate,
    ServerLimits,
    Stored,
    history,
)
from zbatch.emulator.catalogue import CATALOGUE
from zbatch.emulator.faults import GENERATE, QUERY, Mishap
from zbatch.emulator.schedule import TOKEN

Start = Callable[..., Behind]
ALL = os.environ.get("NAMED_FAULTS") == "all"


def named(action: str) -> dict[str, Mishap]:
    """Give the faults of an action under all settings that a run gets over, by a name for each."""
    return {
        f"{action} {known.name} {settings or ''}".strip(): known.make(settings)
        for known in CATALOGUE.values()
        for settings in known.random
        if action in known.actions
    }


NO_WINDOW = ServerLimits(rates=())  # its headers would let a run wait for the end of the minute
OTHERS = {**named(QUERY), **named(TOKEN)}
SAMPLE = sorted(OTHERS) if ALL else sorted(OTHERS)[::24]

READINGS = (
    list(product(Conflict, Stored))
    if ALL
    else [(Conflict.EMPTY, Stored.ALL), (Conflict.ROWS, Stored.EXECUTED)]
)


@pytest.mark.parametrize(("conflict", "stored"), READINGS)
def test_all_faults_of_a_call_in_one_run(behind: Start, stored: Stored, conflict: Conflict) -> None:
    """Each befalls the first call of an account of its own; in the end all are billed, once.

    None is failed. A stored 401 may stop a run, until the server has forgotten its key.
    """
    mishaps = [one for one in named(GENERATE).values() if not one.unread]
    faults = tuple(
        Scheduled(mishap, at=1, account=account(number)) for number, mishap in enumerate(mishaps, 1)
    )
    modes = Modes(stored=stored, conflict=conflict, second_generate=SecondGenerate.BILLS_AGAIN)
    bench = behind(direct=True, modes=modes, faults=faults, limits=NO_WINDOW)
    spec = bench.spec(*range(1, len(mishaps) + 1), limits={"concurrency": 40, **SHORT})
    told = bench.run(spec)
    assert {"invoiced", "unknown", "not_attempted"} >= set(told.outcomes)
    bench.heal(spec, hours=5)


@pytest.mark.parametrize("name", SAMPLE)
def test_faults_of_questions_and_tokens(behind: Start, name: str) -> None:
    """Whatever befalls the first question, or the first token request, nothing is sent blindly."""
    mishap = OTHERS[name]
    bench = behind(
        direct=True,
        limits=NO_WINDOW,
        faults=(Scheduled(mishap, at=1, action=name.partition(" ")[0]),),
    )
    spec = bench.spec(1, 2, 3, limits=SHORT)
    told = bench.run(spec, patience=10.0)
    assert {"invoiced", "not_attempted"} >= set(told.outcomes)
    bench.heal(spec)
    assert unasked(history(bench.billing.folder)) == set()
