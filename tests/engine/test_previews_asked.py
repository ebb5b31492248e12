"""Previews go the way of questions: one pace, one token, asked again while they are not read."""

from __future__ import annotations

import json
from functools import partial

from support.engine import TENANT, HighRandom, VirtualClock, item, run_virtually
from support.in_hand import TokenInHand
from zbatch.engine.asking import Inquiry
from zbatch.engine.brake import Brake
from zbatch.engine.settings import Settings
from zbatch.model import Limits, Rate
from zbatch.zuora.preview import Previewed, preview_ask, read_preview
from zbatch.zuora.request import make_call
from zbatch.zuora.wire import Ask, Fault, Reply

ONE = item(1)
SHOWN = {"success": True, "invoiceItems": [{"chargeAmount": 7}]}


class Server(TokenInHand):
    """Answers a 401, then an internal error, then the preview."""

    def __init__(self) -> None:
        self.asks: list[Ask] = []

    async def ask(self, ask: Ask) -> Reply | Fault:
        self.asks.append(ask)
        internal = {"success": False, "reasons": [{"code": 53100060, "message": "again"}]}
        status, body = [(401, {}), (200, internal), (200, SHOWN)][len(self.asks) - 1]
        return Reply(status, {}, json.dumps(body).encode(), token=len(self.asks))

    async def send(self, request: object) -> Reply | Fault:
        raise AssertionError("nothing is sent")


def test_a_preview_is_asked_until_it_is_read() -> None:
    """With a newer token after a 401, and again after a passing trouble."""
    server, clock = Server(), VirtualClock()
    limits = Limits(10, Rate(600, 60.0), 1, 150.0)
    settings = Settings("0000", limits, 6, lambda items, n: make_call(TENANT, items, n))

    async def main() -> tuple[Previewed, ...]:
        inquiry = Inquiry(server, Brake(clock, HighRandom(), lambda event: None, settings), clock)
        reading = partial(read_preview, account_id=ONE.identity.account_id)
        return await inquiry.read(preview_ask(ONE), reading)

    assert run_virtually(main()) == (Previewed(("7",)),)
    assert [ask.stale_token for ask in server.asks] == [None, 1, 1]
