"""What verifying came to as JSON, for other programs: `zbatch schema verify` describes it."""

from __future__ import annotations

import json
from typing import Any

from zbatch.app.verify import Verified
from zbatch.engine.money import Sum
from zbatch.model import Item
from zbatch.report.lines import timestamp

VERSION = 1


def verify_json(verified: Verified) -> str:
    """Write it as one object, its findings in the order of the items."""
    tenant = verified.tenant
    document = {
        "version": VERSION,
        "subject": verified.what,
        "run_id": verified.run_id,
        "tenant": {"name": tenant.name, "host": tenant.host, "entity_id": tenant.entity_id},
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
        "totals": [_total(one) for one in verified.totals],
        "questions": verified.asked,
    }
    return json.dumps(document, indent=2)


def _item(item: Item) -> dict[str, Any]:
    identity = item.identity
    return {
        "account_id": identity.account_id,
        "account_number": item.account_number,
        "target_date": identity.target_date.isoformat(),
        "revision": identity.revision,
        "source": {"file": item.source.file, "line": item.source.line},
    }


def _total(one: Sum) -> dict[str, Any]:
    return {
        "currency": one.currency,
        "invoices": one.invoices,
        "amount": one.text,
        "without_amount": one.untold,
    }
