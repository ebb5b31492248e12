"""The figures of a run as JSON, for other programs and for `zbatch status`, and read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zbatch.app.figures import Figures, LimitBy, Oldest, Wait
from zbatch.engine.events import Hold
from zbatch.model import Outcome


def to_json(figures: Figures) -> dict[str, Any]:
    """Arrange figures as `$defs/figures` of `events.schema.json`."""
    wait, oldest = figures.wait, figures.oldest
    return {
        "planned": figures.planned,
        "earlier": figures.earlier,
        "done": figures.done,
        "outcomes": {outcome.value: figures.counts.get(outcome, 0) for outcome in Outcome},
        "open": figures.open,
        "in_flight": figures.in_flight,
        "in_flight_allowed": figures.allowed,
        "requests": figures.requests,
        "requests_per_second": round(figures.rate, 3),
        "limit_per_second": round(figures.limit, 3),
        "limit_by": figures.limit_by.value,
        "limits_met": figures.limited,
        "waited_ms": _ms(figures.waited),
        "waiting": wait
        and {"ms": _ms(wait.seconds), "reason": wait.reason, "hold": wait.hold.value},
        "items_per_second": round(figures.speed, 3),
        "elapsed_ms": _ms(figures.elapsed),
        "left_ms": None if figures.left is None else _ms(figures.left),
        "deadline_ms": None if figures.deadline is None else _ms(figures.deadline),
        "oldest": oldest
        and {"account": oldest.account, "ms": _ms(oldest.seconds), "others": oldest.others},
        "stopping": figures.stopping,
    }


def from_json(data: Mapping[str, Any]) -> Figures:
    """Read figures back; raise `KeyError`, `TypeError` or `ValueError` where they are none."""
    wait, oldest = data["waiting"], data["oldest"]
    left, deadline = data["left_ms"], data["deadline_ms"]
    return Figures(
        planned=int(data["planned"]),
        earlier=int(data["earlier"]),
        done=int(data["done"]),
        counts={Outcome(name): int(count) for name, count in data["outcomes"].items()},
        open=int(data["open"]),
        in_flight=int(data["in_flight"]),
        allowed=int(data["in_flight_allowed"]),
        requests=int(data["requests"]),
        rate=float(data["requests_per_second"]),
        limit=float(data["limit_per_second"]),
        limit_by=LimitBy(data["limit_by"]),
        limited=int(data["limits_met"]),
        waited=_seconds(data["waited_ms"]),
        wait=wait and Wait(_seconds(wait["ms"]), str(wait["reason"]), Hold(wait["hold"])),
        speed=float(data["items_per_second"]),
        elapsed=_seconds(data["elapsed_ms"]),
        left=None if left is None else _seconds(left),
        deadline=None if deadline is None else _seconds(deadline),
        oldest=oldest
        and Oldest(str(oldest["account"]), _seconds(oldest["ms"]), int(oldest["others"])),
        stopping=None if data["stopping"] is None else str(data["stopping"]),
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _seconds(milliseconds: Any) -> float:
    return int(milliseconds) / 1000
