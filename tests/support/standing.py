"""What a ledger holds of one item."""

from __future__ import annotations

from zbatch.ledger.store import Store
from zbatch.model import Item, Standing


def standing(store: Store, one: Item) -> Standing:
    """Read the standing of one item."""
    (held,) = store.standing([one])
    return held
