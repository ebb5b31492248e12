"""The engine as a whole, on virtual time."""

from __future__ import annotations

from support.engine import Bench, item, success, works_of


def test_each_item_is_sent_once_and_settled(bench: Bench) -> None:
    """A run without trouble sends one call an item and tells each outcome once."""
    run = bench.run(works_of([item(n) for n in range(25)]), lambda request, before: success())
    assert run.ending.stop is None
    assert run.ending.sent == 25
    assert len(set(run.server.keys)) == 25
    assert len(run.records) == 25
