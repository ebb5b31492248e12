"""How close a run comes to what its limits allow: the rate, and the slots."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from benchmarks.figures import Row, Sizes
from benchmarks.inputs import Sheet
from benchmarks.runs import Run, whole_run
from benchmarks.tenant import Latency

RATES = (100, 833)
AT_RATE = Latency(20.0)
SLOTS = 40
AT_SLOTS = {"fixed": Latency(400.0), "log-normal, sigma 0.5": Latency(400.0, 0.5)}
EDGE = 1.01  # of a second, beyond one call
NO_TIME = "A rate is kept as long as the client's core has time for it."


def by_rate(sizes: Sizes) -> Iterator[Row]:
    """Let the rate bind, with answers that are fast."""
    for rate in RATES if sizes.spare else RATES[1:]:
        sheet = Sheet(round(rate * sizes.seconds), rate=rate)
        runs = [whole_run(sheet, AT_RATE) for _ in range(sizes.pairs)]
        phases = tuple(run.traffic.of_rate(rate) for run in runs)
        worst = tuple(run.traffic.worst_second(rate) for run in runs)
        what = f"sending phase ÷ requests/rate, {rate}/s"
        yield Row(what, 1.005, phases, told=_told(runs), why=NO_TIME)
        yield Row(f"busiest second beyond one call ÷ rate, {rate}/s", EDGE, worst)


def by_slots(sizes: Sizes) -> Iterator[Row]:
    """Let the slots bind, with answers that are slow."""
    for name, latency in list(AT_SLOTS.items())[0 if sizes.spare else 1 :]:
        sheet = Sheet(round(SLOTS * sizes.seconds / latency.mean * 1000), concurrency=SLOTS)
        runs = [whole_run(sheet, latency) for _ in range(sizes.pairs)]
        phases = tuple(run.traffic.of_slots(SLOTS) for run in runs)
        what = f"sending phase ÷ the same delays in {SLOTS} slots, 400 ms {name}"
        even = median(run.traffic.of_delays(SLOTS) for run in runs)
        yield Row(what, 1.02, phases, told=f"{_told(runs)}; {even:.3f} times delays/slots")


def _told(runs: list[Run]) -> str:
    """Say what is reported apart: the run around the phase, and the questions in it."""
    last = runs[-1]
    traffic = last.traffic
    around = last.cost.wall - traffic.seconds
    return (
        f"{traffic.calls:,} calls and {traffic.questions:,} questions in {traffic.seconds:.1f} s,"
        f" {around:.1f} s around it; at most {traffic.most_in_flight()} in flight;"
        f" {last.cost.cpu / last.cost.wall:.0%} of a core"
    )
