"""What verifying came to as JSON, for other programs: `zbatch schema verify` describes it."""

from __future__ import annotations

import json
from typing import Any

from zbatch.app.verify import Verified
from zbatch.cli.amounts import mixed
from zbatch.engine.money import Sum
from zbatch.model import Item
from zbatch.report.lines import item_json, timestamp
from zbatch.report.record import tenant_json

VERSION = 1


def verify_json(verified: Verified) -> str:
    """Write it as one object, its findings in the order of the items."""
    document = {
        "version": VERSION,
        "subject": verified.what,
        "run_id": verified.run_id,
        "reconciled_by": list(verified.reconciled_by),
        "tenant": tenant_json(verified.tenant),
        "asked_at": timestamp(verified.asked_at),
        "exit_code": int(verified.exit_code),
        "items": verified.items,
        "outcomes": {outcome.value: count for outcome, count in verified.outcomes.items()},
        "findings": [
            {
                "code": found.code.value,
                **_item(item),
                "message": found.message,
                "invoice_ids": list(found.invoice_ids),
            }
            for item, found in verified.findings
        ],
        "unknown": [_item(item) for item in verified.in_doubt],
        "at_work": verified.at_work and verified.at_work.run.run_id,
        "under_way": [_item(item) for item in verified.under_way],
        "totals": [_total(one) for one in verified.totals],
        "questions": verified.asked,
    }
    return json.dumps(document, indent=2)


def _item(item: Item) -> dict[str, Any]:
    return {
        **item_json(item),
        "source": {"file": item.source.file, "line": item.source.line},
    }


def _total(one: Sum) -> dict[str, Any]:
    return {
        "currency": one.currency,
        "invoices": one.invoices,
        "amount": None if mixed(one) or one.untold == one.invoices else one.text,
        "without_amount": one.untold,
    }
