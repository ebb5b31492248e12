"""Saboteurs of what holds a run back: P3 the tenant's waits, P4 places, P5 the rate, P6 windows."""

from __future__ import annotations

from typing import Any

from support.saboteurs.bench import Bench
from support.saboteurs.saboteur import saboteur
from zbatch.engine.pacing import Pace, Slot
from zbatch.engine.places import Places
from zbatch.engine.settings import Settings
from zbatch.engine.windows import Windows

ENGINE = "tests/engine/"


@saboteur("P3", test="tests/faults/test_limits.py::test_f63_one_gate_for_all")
def no_gate_closes(bench: Bench) -> None:
    """A wait that the tenant asks for is passed over."""
    bench.method(Pace, "close", lambda self, now, until: False)


@saboteur("P4", test=f"{ENGINE}test_turns.py::test_a_turn_waits_for_a_place_in_flight")
def a_place_is_always_free(bench: Bench) -> None:
    """Whoever wants to leave leaves, however much is in flight."""

    def take(self: Any) -> bool:
        self._taken += 1
        return True

    bench.method(Places, "take", take)
    bench.method(Places, "stands", lambda self: True)
    bench.method(Settings, "workers", property(lambda settings: 100))


@saboteur(
    "P5",
    test=f"{ENGINE}test_pacing.py::test_f72_six_hundred_calls_at_one_a_second_keep_their_schedule",
)
def every_slot_is_now(bench: Bench) -> None:
    """Nothing is left between two requests, whatever the rate."""
    bench.method(Pace, "reserve", lambda self, now: Slot(max(now, self._opens), self._epoch))
    bench.method(Pace, "hastens", lambda self, slot, now: False)


@saboteur(
    "P6",
    test=f"{ENGINE}test_told_windows.py"
    "::test_no_call_is_one_too_many_however_the_end_of_a_window_is_rounded",
)
def the_tenants_windows_are_not_read(bench: Bench) -> None:
    """What a reply tells of the tenant's windows is passed over."""
    bench.method(Windows, "heard", lambda self, told, now, in_flight: None)
