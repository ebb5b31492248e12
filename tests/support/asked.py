"""Was a tenant asked about an account, and had it answered, before anything was sent for it?"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence

from support.runs import GENERATE, QUERY
from zbatch.emulator import Exchange

_NAMED = re.compile(r"AccountId = '([0-9a-f]{32})'")
_WHOLE = ("whole", "slow")


def unasked(exchanges: Sequence[Exchange], unseen: Collection[str] = ()) -> set[str]:
    """Name the accounts of which a call had arrived before a question about them was answered.

    An answer is one page. `unseen` are the track IDs of questions whose answers reached nobody.
    """
    answered: dict[str, float] = {}
    for one in exchanges:
        if one.path == QUERY and one.track_id not in unseen and _is_answer(one):
            for account in _NAMED.findall((one.content or b"").decode()):
                answered.setdefault(account, one.finished_at)
    return {
        entry["AccountId"]
        for one in exchanges
        if one.path == GENERATE
        for entry in json.loads(one.content or b"")["objects"]
        if one.arrived_at < answered.get(entry["AccountId"], float("inf"))
    }


def _is_answer(one: Exchange) -> bool:
    if one.status != 200 or one.delivery not in _WHOLE:
        return False
    try:
        told = json.loads((one.body or b"").decode())
    except (ValueError, RecursionError):  # no JSON, or nested too deeply
        return False
    return isinstance(told, dict) and isinstance(told.get("size"), int) and told.get("done") is True
