"""A plan as JSON for machines: every item of it, one a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from zbatch.app.altered import Altered
from zbatch.app.review.approval import Stale
from zbatch.app.review.counts import PlanCounts, pairs_of
from zbatch.app.review.online import Estimated, Online
from zbatch.app.review.preview import Preview
from zbatch.app.review.swings import Swings
from zbatch.engine.money import plain
from zbatch.model import Account, Charges, Expect, Item, Outcome, Plan, StopRules
from zbatch.report.lines import timestamp
from zbatch.report.record import files_json, limits_json, tenant_json
from zbatch.spec.plan_diff import Dates, Named, PlanDiff

VERSION = 1


def plan_json(view: Preview) -> Iterator[str]:
    """Lay a plan out for machines, piece by piece: a million items fit no memory twice."""
    head = json.dumps(_head(view), indent=2, allow_nan=False)
    yield head.removesuffix("\n}")
    yield from _lines("items", map(_item, view.plan.items))
    later = (_later(view, account) for account in view.plan.unresolved)
    yield from _lines("unresolved", chain.from_iterable(later))
    yield from _lines("calls", map(list, view.plan.groups))
    yield "\n}\n"


def stale_json(stale: Stale) -> str:
    """Lay out a frozen plan that its spec has left behind, and why."""
    document = {"version": VERSION, "stale": list(stale.why), "frozen": stale.frozen}
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def _lines(name: str, values: Iterable[object]) -> Iterator[str]:
    yield f',\n  "{name}": ['
    separator = "\n"
    for value in values:
        yield f"{separator}    {json.dumps(value, allow_nan=False)}"
        separator = ",\n"
    yield "\n  ]"


def _head(view: Preview) -> dict[str, Any]:
    """Lay out all but the items; the keys of the parts stand in a row, in the order of a review."""
    return {
        "version": VERSION,
        "digest": view.digest,
        **_where(view.plan),
        **_rules(view),
        **_counts(view.counts),
        "ledger": _ledger(view),
        "online": view.online and _online(view.online),
        "estimates_against": view.swings and _swings(view.swings),
        **_load(view),
        "warnings": [{"code": one.code, "message": one.message} for one in view.warnings],
        "against": view.difference and _difference(view.difference),
        "dates": [entry.as_json() for entry in view.counts.dates],
        "sources": [{"file": one.file, "items": one.items} for one in view.counts.sources],
    }


def _where(plan: Plan) -> dict[str, Any]:
    spec = plan.spec
    return {
        "spec": {
            "name": spec.name,
            "file": spec.file,
            "period": spec.period,
            "timezone": spec.timezone,
            "digest": spec.digest,
        },
        "files": files_json(spec.files),
        "tenant": {**tenant_json(plan.tenant), "kind": plan.tenant.kind},
        "plan_digest": plan.digest,
    }


def _rules(view: Preview) -> dict[str, Any]:
    spec = view.plan.spec
    return {
        "limits": limits_json(spec.limits),
        "expect": spec.expect and _expect(view, spec.expect),
        "stages": ["rest" if cut is None else cut for cut in spec.stages],
        "stop": _stop(spec.stop),
    }


def _counts(counts: PlanCounts) -> dict[str, Any]:
    return {
        "items_planned": counts.items,
        "accounts": counts.accounts,
        "calls_planned": counts.calls,
        "accounts_digest": counts.accounts_digest,
        "accounts_by_number": counts.by_number,
        "excluded": _reasons(counts.excluded),
        "to_exclude": _reasons(counts.to_exclude),
        "billed_again": counts.again,
    }


def _reasons(reasons: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    return [{"reason": reason, "accounts": number} for reason, number in reasons]


def _load(view: Preview) -> dict[str, Any]:
    load, limits = view.load, view.plan.spec.limits
    return {
        "calls_expected": load.calls,
        "questions_expected": load.questions,
        "requests_expected": load.requests,
        "seconds_expected": round(view.estimate.seconds, 3),
        "decided_by": view.estimate.decided_by,
        "seconds_at_least": round(load.limited / limits.rate.per_second, 3),
        "rate_decides_below_seconds": round(limits.concurrency / limits.rate.per_second, 3),
        "quotas": [
            {"stretch": use.stretch, "uses": use.uses, "allowed": use.allowed, "fits": use.fits}
            for use in view.uses
        ],
    }


def _expect(view: Preview, expect: Expect) -> dict[str, Any]:
    return {
        "accounts": expect.accounts,
        "items": expect.items,
        "accounts_digest": expect.accounts_digest,
        "checked": view.plan.resolved,
    }


def _stop(rules: StopRules) -> dict[str, Any]:
    return {
        "failures": rules.failures,
        "failure_ratio": rules.failure_ratio,
        "min_sample": rules.min_sample,
        "unknown": rules.unknown,
        "consecutive_failures": rules.consecutive_failures,
        "deadline_seconds": rules.deadline,
    }


def _ledger(view: Preview) -> dict[str, Any]:
    held = view.held
    return {
        "outcomes": {one.value: held.counts.get(one, 0) for one in Outcome},
        "to_send": held.to_send,
        "held_back": held.held_back,
        "missed": held.missed,
        "changed": held.changed,
        "changes": [_change(one) for one in held.altered],
        "runs": list(held.runs),
        "at_work": held.at_work and held.at_work.run.run_id,
        "under_way": held.under_way,
        "unread": held.unread,
    }


def _online(found: Online) -> dict[str, Any]:
    return {
        "asked_at": timestamp(found.asked_at),
        "requests": found.requests,
        "items": found.items,
        "unknown": [_item(item) for item in found.unknown],
        "inactive": [
            {"account_id": one.id, "account_number": one.number, "status": one.status}
            for one in found.inactive
        ],
        "there": [{**_item(one.item), "invoice_ids": list(one.invoice_ids)} for one in found.there],
        "drafts": list(found.drafts),
        "estimates": found.estimates and [_estimated(one) for one in found.estimates],
    }


def _swings(found: Swings) -> dict[str, Any]:
    return {
        "run_id": found.run_id,
        "currencies": [
            {
                "currency": one.currency,
                "accounts": one.accounts,
                "then": plain(one.then),
                "now": plain(one.now),
            }
            for one in found.changes
        ],
        "far": [
            {
                "account_id": one.account_id,
                "currency": one.currency,
                "then": plain(one.then),
                "now": plain(one.now),
            }
            for one in found.far
        ],
    }


def _estimated(one: Estimated) -> dict[str, Any]:
    return {
        "account_id": one.item.identity.account_id,
        "target_date": one.item.identity.target_date.isoformat(),
        "revision": one.item.identity.revision,
        "amount": None if one.amount is None else plain(one.amount),
        "currency": one.currency,
        "error": one.problem and {"code": one.problem.code, "message": one.problem.message},
    }


def _change(one: Altered) -> dict[str, Any]:
    identity = one.item.identity
    return {
        "account_id": identity.account_id,
        "target_date": identity.target_date.isoformat(),
        "revision": identity.revision,
        "state": one.state,
        "before": _payload(one.was),
        "now": _payload(one.item),
    }


def _difference(difference: PlanDiff) -> dict[str, Any]:
    return {
        "label": difference.before.label,
        "accounts": difference.before.accounts,
        "items": difference.before.items,
        "dates_relative_to_period": difference.relative,
        "gone": _named(difference.gone),
        "excluded": [
            {"reason": reason, **_named(accounts)} for reason, accounts in difference.excluded
        ],
        "new": _named(difference.new),
        "other_dates": difference.redated,
        "changes": [
            {
                "before": _dates(change.before),
                "after": _dates(change.after),
                **_named(change.accounts),
            }
            for change in difference.changed
        ],
    }


def _named(accounts: Named) -> dict[str, Any]:
    return {"count": accounts.count, "first": list(accounts.first)}


def _dates(dates: Dates) -> list[dict[str, Any]]:
    return [
        {"target_date": str(target), "invoice_date": str(invoice), "revision": revision}
        for target, invoice, revision in dates
    ]


def _later(view: Preview, account: Account) -> Iterator[dict[str, Any]]:
    """Lay out the items of an account that is named by number and not looked up yet."""
    for pair in pairs_of(view.plan.spec, account):
        yield {
            "account_number": account.number,
            "target_date": pair.target_date.isoformat(),
            "invoice_date": pair.invoice_date.isoformat(),
            "revision": account.revision,
            "reason": account.reason,
            "source": {"file": account.source.file, "line": account.source.line},
        }


def _item(item: Item) -> dict[str, Any]:
    return {
        "account_id": item.identity.account_id,
        "account_number": item.account_number,
        "target_date": item.identity.target_date.isoformat(),
        "invoice_date": item.invoice_date.isoformat(),
        "revision": item.identity.revision,
        "charges": _charges(item.charges),
        "reason": item.reason,
        "source": {"file": item.source.file, "line": item.source.line},
    }


def _payload(item: Item) -> dict[str, Any]:
    return {
        "invoice_date": item.invoice_date.isoformat(),
        "charges": _charges(item.charges),
    }


def _charges(charges: Charges) -> dict[str, bool]:
    return {
        "one_time": charges.one_time,
        "recurring": charges.recurring,
        "usage": charges.usage,
    }
