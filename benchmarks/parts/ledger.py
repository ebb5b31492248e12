"""What the ledger costs, at the rate that a tenant takes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from statistics import median
from typing import Any

from benchmarks.figures import NOISE, Row, Sizes
from benchmarks.inputs import Sheet
from benchmarks.machine import ROOT, measured, scratch
from benchmarks.runs import whole_run
from benchmarks.tenant import Latency, tenant

RATE = 833
LATENCY = Latency(20.0)


def share(sizes: Sizes) -> Iterator[Row]:
    """Hold the engine with the ledger against the engine with one that forgets."""
    calls = round(RATE * sizes.seconds)
    pairs = _pairs(sizes.pairs, calls)
    each = [median(pair[kind]["cpu"] for pair in pairs) for kind in ("durable", "forgetful")]
    aside, books = (median(pair["durable"][part] for pair in pairs) for part in ("aside", "books"))
    yield Row(
        f"CPU of a call with the ledger ÷ with one that forgets, {RATE}/s",
        1.15,
        tuple(pair["durable"]["cpu"] / pair["forgetful"]["cpu"] for pair in pairs),
        noise=NOISE,
        told=f"{each[0]:.0f} ÷ {each[1]:.0f} µs, {aside:.0f} µs of it on the ledger's thread; the"
        f" plan's own rows, once before and once after: {books:.0f} µs an item",
    )


def syncs(sizes: Sizes) -> Iterator[Row]:
    """Count what a whole run brings to the disk while it sends."""
    sheet = Sheet(round(RATE * sizes.seconds), rate=RATE)
    runs = [whole_run(sheet, LATENCY, syncs=True) for _ in range(sizes.pairs)]
    each = tuple(len(run.syncs_sending) / run.traffic.seconds for run in runs)
    first = tuple(float(sum(on_loop for _, on_loop in run.syncs_sending)) for run in runs)
    yield Row(f"syncs a second while sending, {RATE}/s", 25, each)
    yield Row("of them, that the event loop waits for", 0, first)


def _pairs(pairs: int, calls: int) -> list[dict[str, dict[str, Any]]]:
    """Take them in a process of their own, on the clients' core, with nothing else in it."""
    out = scratch("ledger")
    with tenant(1, calls, LATENCY) as server:
        words = [sys.executable, "-m", "benchmarks.ledger_cost", server.url, "--rate", str(RATE)]
        words += ["--pairs", str(pairs), "--calls", str(calls)]
        measured(words, {"PYTHONPATH": str(ROOT)}, out)
    return [json.loads(line) for line in out.read_text("utf-8").splitlines()]
