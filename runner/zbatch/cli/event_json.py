"""What a run tells, as JSON objects: those of `zbatch schema events`, and of a log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from zbatch.app.api import RunHeader, RunResult
from zbatch.app.clock import SystemClock
from zbatch.engine.events import (
    Answered,
    Event,
    Gated,
    InFlight,
    Leaving,
    Limited,
    Paced,
    Resolving,
    Retrying,
    Settled,
    Stopping,
)
from zbatch.model import Attempt, Item, Outcome
from zbatch.report.lines import as_json, item_json, line_of, timestamp
from zbatch.report.record import tenant_json
from zbatch.zuora.text import one_line

REASON_LIMIT = 1000

_CLOCK = SystemClock()

Told = Mapping[str, Any]


def started(header: RunHeader) -> Told:
    """Say what begins."""
    plan = header.plan
    return {
        "event": "started",
        "run_id": header.run_id,
        "spec": {"name": plan.spec.name, "file": plan.spec.file, "digest": plan.spec.digest},
        "tenant": tenant_json(plan.tenant),
        "planned": len(plan.items),
        "settled": header.settled,
        "to_send": header.outstanding,
        "report": str(header.report),
    }


def finished(result: RunResult) -> Told:
    """Say how it ended."""
    return {
        "event": "finished",
        "run_id": result.run_id,
        "exit_code": int(result.exit_code),
        "stop": result.stop,
        "outcomes": {outcome.value: result.totals[outcome] for outcome in Outcome},
        "calls_sent": result.sent,
        "questions": result.asked,
        "report": str(result.report),
    }


def told(event: Event) -> Told | None:
    """Say what goes on, item by item; None for what is only of single calls."""
    match event:
        case Settled(record):
            return {"event": "settled", "item": as_json(line_of(record, record.run_id or ""))}
        case Resolving(numbers):
            return {"event": "resolving", "numbers": numbers}
        case Retrying(items, reason, wait):
            return {
                "event": "retrying",
                "items": _named(items),
                "reason": _line(reason),
                "wait_ms": _ms(wait),
            }
        case Gated(reason, wait, hold):
            return {
                "event": "waiting",
                "hold": hold.value,
                "reason": _line(reason),
                "wait_ms": _ms(wait),
            }
        case Limited(reason):
            return {"event": "limited", "reason": _line(reason)}
        case Paced(per_second, by):
            return {"event": "paced", "per_second": round(per_second, 3), "by": by.value}
        case Stopping(reason, in_flight):
            return {"event": "stopping", "reason": _line(reason), "in_flight": in_flight}
        case Leaving() | Answered() | InFlight():
            return None


def logged(event: Event) -> Told | None:
    """Say what goes on for who follows single calls: IDs, times and codes, no text of a server.

    None for what is only counted.
    """
    match event:
        case Settled(record):
            return {
                "event": "settled",
                **item_json(record.item),
                "outcome": record.outcome.value,
                "invoice_id": record.invoice_id,
                "code": record.error.code if record.error else None,
                "attempts": record.attempts,
                "key": record.idempotency_key,
                "track_id": record.track_id,
                "request_id": record.request_id,
            }
        case Leaving(items, key, attempt):
            return {"event": "leaving", **_of_attempt(key, attempt), "items": _named(items)}
        case Answered(items, key, attempt, verdict):
            return {
                "event": "answered",
                **_of_attempt(key, attempt),
                "items": _named(items),
                "request_id": attempt.request_id,
                "status": attempt.http_status,
                "answer": attempt.answer,
                "sent": attempt.sent,
                "code": attempt.problem.code if attempt.problem else None,
                "verdict": verdict,
                "duration_ms": _took(attempt),
            }
        case Retrying(items, _, wait):
            return {"event": "retrying", "items": _named(items), "wait_ms": _ms(wait)}
        case Gated(_, wait, hold):
            return {"event": "waiting", "hold": hold.value, "wait_ms": _ms(wait)}
        case Limited():
            return {"event": "limited"}
        case Stopping(_, in_flight):
            return {"event": "stopping", "in_flight": in_flight}
        case Resolving() | Paced():
            return told(event)
        case InFlight():
            return None


def now() -> str:
    """Give the time as events have it."""
    return timestamp(_CLOCK.now())


def _of_attempt(key: str, attempt: Attempt) -> Told:
    return {"key": key, "track_id": attempt.track_id, "attempt": attempt.number}


def _named(items: Iterable[Item]) -> list[Told]:
    return [item_json(item) for item in items]


def _took(attempt: Attempt) -> int | None:
    if attempt.finished_at is None:
        return None
    return max(0, _ms((attempt.finished_at - attempt.started_at).total_seconds()))


def _line(text: str) -> str:
    return one_line(text, REASON_LIMIT)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
