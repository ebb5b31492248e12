"""What a process leaves behind that ends without a word."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from support.engine import item
from zbatch.ledger.store import open_store
from zbatch.model import KeyState, Outcome

# Begins a call, settles a second one, leaves a third in an open transaction, and is gone.
CRASH = """
import os, sys
from pathlib import Path
from support.engine import item
from support.plans import NOON, a_call, a_plan, a_send, settled
from zbatch.ledger import statements, rows
from zbatch.ledger.store import open_store
from zbatch.model import Outcome
items = [item(1), item(2), item(3)]
store = open_store(Path(sys.argv[1]))
store.start_run("run", a_plan(items), NOON)
store.begin("run", [a_send(a_call(one)) for one in items[:2]], NOON)
store.finish("run", [settled(a_call(items[1]), Outcome.INVOICED)], NOON)

def sends():
    yield a_send(a_call(items[2]))
    print("in a transaction", flush=True)
    if sys.argv[2] == "exit":
        os._exit(9)
    os.kill(os.getpid(), 9)

store.begin("run", sends(), NOON)
"""
TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("how", ["exit", "kill"])
def test_a_crash_keeps_what_was_committed_and_nothing_else(tmp_path: Path, how: str) -> None:
    """An intent and an outcome that were told as durable are there; a half group is not."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    crashed = subprocess.run(
        [sys.executable, "-c", CRASH, str(tmp_path), how],
        env=environment,
        stdout=subprocess.PIPE,
        check=False,
    )
    assert crashed.stdout == b"in a transaction\n"
    assert crashed.returncode in (9, -9)
    with closing(open_store(tmp_path)) as store:
        begun, invoiced, lost = store.standing([item(1), item(2), item(3)])
    assert begun.call is not None
    assert begun.call.states == (KeyState.LIVE,)
    assert begun.call.attempts[0].answer is None
    assert invoiced.record is not None
    assert invoiced.record.outcome is Outcome.INVOICED
    assert (lost.call, lost.record, lost.generation) == (None, None, 0)
