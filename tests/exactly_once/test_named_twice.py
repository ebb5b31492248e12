"""An answer that names one invoice for two accounts is believed of neither."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from support.engine import item
from support.world import HOUR, LIMITS, World
from support.world_net import Trouble
from zbatch.zuora.wire import Reply

PAIR = (item(1), item(2))


def test_one_invoice_for_two_accounts_settles_neither(make_world: Callable[..., World]) -> None:
    """R12: both are asked about after the rest, and each is told with its own."""
    world = make_world()
    world.limits = replace(LIMITS, objects_per_call=2)
    rows = json.dumps([{"Success": True, "Id": "f" * 32}] * 2).encode()
    world.troubles = dict.fromkeys((1, 2), Trouble(instead=Reply(200, {}, rows, 1)))
    assert world.run(PAIR).outcomes == ["unknown", "unknown"]
    world.troubles = {}
    world.pass_time(2 * HOUR)
    run = world.run(PAIR)
    assert run.outcomes == ["invoiced", "invoiced"]
    ids = [record.invoice_id for record in run.records.values()]
    assert sorted(map(str, ids)) == sorted(invoice.id for invoice in world.invoices)
