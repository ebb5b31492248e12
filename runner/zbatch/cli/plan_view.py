"""A plan as text for people and as JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from zbatch.app.preview import Preview
from zbatch.cli.words import counted, duration, revision
from zbatch.model import Item
from zbatch.report.record import limits_json
from zbatch.zuora.text import one_line

VERSION = 1
FIRST_ITEMS = 20


def plan_text(view: Preview) -> str:
    """Lay a plan out for people: counts first, the first items last."""
    return "\n".join([*_heading(view), "", *_dates(view), "", *_cost(view), "", *_items(view), ""])


def plan_json(view: Preview) -> str:
    """Lay a plan out for machines, every item of it."""
    return json.dumps(_as_json(view), indent=2, allow_nan=False) + "\n"


def _heading(view: Preview) -> Iterator[str]:
    plan = view.plan
    entity = f" entity {plan.tenant.entity_id}" if plan.tenant.entity_id else ""
    yield (
        f"{counted(len(plan.items), 'item')} · {counted(view.accounts, 'account')} · "
        f"{counted(len(plan.groups), 'call')}"
    )
    yield f"spec    {one_line(plan.spec.name)} ({one_line(plan.spec.file)})"
    yield f"tenant  {one_line(plan.tenant.name)} ({one_line(plan.tenant.host)}{one_line(entity)})"
    yield f"digest  {plan.digest}"


def _dates(view: Preview) -> Iterator[str]:
    yield "target date  invoice date  items"
    for entry in view.dates:
        yield f"{entry.target_date}   {entry.invoice_date}   {entry.items:>6,}"


def _cost(view: Preview) -> Iterator[str]:
    limits, estimate = view.plan.spec.limits, view.estimate
    calls = counted(len(view.plan.groups), "generate call")
    asked = counted(view.questions, "question")
    yield f"requests  {view.requests:,} if all goes well: {calls}, {asked} and a token"
    yield (
        f"sending   takes {duration(estimate.seconds)} or more: the rate of {limits.rate} decides "
        f"while a call takes up to {estimate.rate_decides_below:.3g} s,"
    )
    yield f"          beyond that the concurrency of {limits.concurrency} does"
    if lowered := view.plan.spec.lowered:
        yield f"lowered   to the ceilings of the tenant: {', '.join(lowered)}"


def _items(view: Preview) -> Iterator[str]:
    items = view.plan.items
    yield "account                           target date  invoice date  from"
    for item in items[:FIRST_ITEMS]:
        again = f" {revision(item)}" if item.identity.revision > 1 else ""
        reason = f"  {one_line(item.reason, 60)}" if item.reason else ""
        yield (
            f"{item.identity.account_id}  {item.identity.target_date}   {item.invoice_date}    "
            f"{one_line(item.source.file)}:{item.source.line}{again}{reason}"
        )
    if len(items) > FIRST_ITEMS:
        yield f"… and {len(items) - FIRST_ITEMS:,} more (--json has them all)"


def _as_json(view: Preview) -> dict[str, Any]:
    plan = view.plan
    return {
        "version": VERSION,
        "spec": {"name": plan.spec.name, "file": plan.spec.file, "digest": plan.spec.digest},
        "tenant": {
            "name": plan.tenant.name,
            "host": plan.tenant.host,
            "entity_id": plan.tenant.entity_id,
        },
        "plan_digest": plan.digest,
        "limits": limits_json(plan.spec.limits),
        "items_planned": len(plan.items),
        "accounts": view.accounts,
        "calls_planned": len(plan.groups),
        "questions_expected": view.questions,
        "requests_expected": view.requests,
        "seconds_at_least": round(view.estimate.seconds, 3),
        "rate_decides_below_seconds": round(view.estimate.rate_decides_below, 3),
        "dates": [
            {
                "target_date": entry.target_date.isoformat(),
                "invoice_date": entry.invoice_date.isoformat(),
                "items": entry.items,
            }
            for entry in view.dates
        ],
        "items": [_item(item) for item in plan.items],
        "calls": [list(group) for group in plan.groups],
    }


def _item(item: Item) -> dict[str, Any]:
    return {
        "account_id": item.identity.account_id,
        "account_number": item.account_number,
        "target_date": item.identity.target_date.isoformat(),
        "invoice_date": item.invoice_date.isoformat(),
        "revision": item.identity.revision,
        "charges": {
            "one_time": item.charges.one_time,
            "recurring": item.charges.recurring,
            "usage": item.charges.usage,
        },
        "reason": item.reason,
        "source": {"file": item.source.file, "line": item.source.line},
    }
