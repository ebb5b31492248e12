"""Every fault that this server can play, by name."""

from __future__ import annotations

from collections.abc import Mapping

from zbatch.emulator.catalogue.known import Known
from zbatch.emulator.catalogue.limits import LIMITS
from zbatch.emulator.catalogue.misleading import MISLEADING
from zbatch.emulator.catalogue.network import NETWORK
from zbatch.emulator.catalogue.replies import REPLIES
from zbatch.emulator.catalogue.state import STATE
from zbatch.emulator.catalogue.stores import STORES
from zbatch.emulator.catalogue.tokens import TOKENS
from zbatch.emulator.faults import Mishap

# Seeds draw by position: in another order a seed tells another history.
CATALOGUE: Mapping[str, Known] = {
    known.name: known
    for known in (*NETWORK, *REPLIES, *TOKENS, *LIMITS, *STATE, *MISLEADING, *STORES)
}

# What no fault is needed for: how the tenant is set up, what is done to it, what is not its own.
ELSEWHERE: Mapping[str, str] = {
    "F1": "no server listens",
    "F2": "no server is found",
    "F3": "no server answers to a connection",
    "F4": "the server's certificate; this one speaks plain HTTP",
    "F20": "the client's own pool",
    "F21": "the client's own cancellations",
    "F41": "an account book with several invoices for an account",
    "F49": "any call under a key of another",
    "F72": "the client's own rate",
    "F75": "an invoice made by hand before",
    "F80": "two dates of one account",
    "F82": "a tenant with entities, as a faults file may name them",
}


def fault(name: str, **settings: object) -> Mishap:
    """Build a fault of the catalogue; raises ValueError for what there is not."""
    if name not in CATALOGUE:
        raise ValueError(f"there is no fault {name!r}")
    return CATALOGUE[name].make(settings)
