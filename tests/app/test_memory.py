"""What a run keeps in memory of items that are settled: next to nothing."""

from __future__ import annotations

import tracemalloc
from contextlib import closing
from pathlib import Path

from support.engine import item
from support.plans import NOON, a_plan, a_record, a_run_id
from zbatch.app.api import RunOptions, RunResult
from zbatch.app.loading import Overrides, load_plan
from zbatch.app.observer import RunObserver
from zbatch.app.recorder import Recorder
from zbatch.app.run import run
from zbatch.app.state import State
from zbatch.ledger.store import open_store
from zbatch.model import ExitCode, Outcome

MOST = 150  # bytes an item, with all that reading and planning it takes
SPEC = """\
version: 1
name: month-end
tenant: emulator
dates: [{target_date: 2026-11-30}]
accounts: [{file: accounts.csv}]
"""
# As runs leave them, but for the calls, which nobody reads of what is invoiced.
INVOICED = """
UPDATE item SET outcome = 'invoiced', invoice_id = account_id, attempts = 1, settled_by = ?,
    invoice_ids = json_array(account_id), finished_at = '2026-11-30T12:00:00.000000+00:00'
"""


class Nobody:
    """Watches nothing."""

    def started(self, header: object) -> None:
        """Look away."""

    def event(self, event: object) -> None:
        """Look away."""

    def finished(self, result: RunResult) -> None:
        """Look away."""


def a_finished_month(folder: Path, count: int) -> Path:
    """Write a spec of so many accounts, and a ledger in which each is invoiced."""
    folder.mkdir()
    spec = folder / "spec.yaml"
    spec.write_text(SPEC)
    # spread out, as IDs are
    accounts = (f"{number * 0x9E3779B97F4A7C15 % 2**64:032x}\n" for number in range(count))
    (folder / "accounts.csv").write_text("account_id\n" + "".join(accounts))
    plan = load_plan(spec, Overrides())
    state = State.of(folder, None)
    with closing(open_store(state.tenant_folder(plan.tenant))) as store:
        earlier = a_run_id()
        store.start_run(earlier, plan, NOON)
        store._connection.execute(INVOICED, (earlier,))
    return spec


def peak_of(spec: Path) -> int:
    """Run a spec, and give the most bytes that its objects took at any time."""
    tracemalloc.start()
    try:
        result = run(RunOptions(spec), Nobody())
        assert result.exit_code is ExitCode.OK
        assert result.totals[Outcome.INVOICED] == len(result.plan.items)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_what_is_settled_takes_next_to_no_memory(tmp_path: Path) -> None:
    """A run over a finished ledger grows by some bytes an item, not by an object."""
    few, many = (
        a_finished_month(tmp_path / "few", 5_000),
        a_finished_month(tmp_path / "many", 15_000),
    )
    peak_of(few)  # what is loaded and made once is loaded and made
    each = (peak_of(many) - peak_of(few)) / 4_000
    assert each <= MOST, f"{each:.0f} bytes an item"


class Nowhere:
    """Takes lines and keeps none."""

    def write(self, lines: bytes) -> None:
        """Look away."""

    def close(self) -> None:
        """Look away."""


def test_what_a_run_has_invoiced_is_added_up_in_next_to_no_memory() -> None:
    """No ID is kept for the sum: where each account is billed once, no invoice comes twice."""
    plan = a_plan([item(number) for number in range(4_000)])
    observer = RunObserver(Recorder(Nowhere(), plan, "run"), Nobody(), plan, "run")
    tracemalloc.start()
    try:
        for at, one in enumerate(plan.items):
            if at == 2_000:  # caches of a thousand are full
                before = tracemalloc.get_traced_memory()[0]
            observer.write([a_record(one, invoice_id=f"{at:032x}", invoice_ids=(f"{at:032x}",))])
        each = (tracemalloc.get_traced_memory()[0] - before) / 2_000
    finally:
        tracemalloc.stop()
    assert observer.invoiced.amounts[0].invoices == 4_000
    assert each <= 20, f"{each:.0f} bytes an invoice"
