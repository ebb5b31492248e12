"""Items by account, and the unusual ones: the same from a plan's compact items as one by one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings

from support.accounts import account
from support.spec_text import specs
from zbatch.spec import builtin_emulator, load_spec, make_plan
from zbatch.spec.listing import by_account, unusual
from zbatch.spec.totals import count_again


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(specs())
def test_the_quick_way_is_the_plain_way(tmp_path: Path, values: dict[str, Any]) -> None:
    """Both ways give the same accounts with the same dates, and the same unusual items."""
    path = tmp_path / "spec.yaml"
    path.write_text(json.dumps(values), "utf-8")
    items = make_plan(load_spec(path), builtin_emulator()).items
    assert [*by_account(items)] == [*by_account(tuple(items))]
    assert [*unusual(items)] == [*unusual(tuple(items))]
    assert count_again(items) == count_again(tuple(items))


def test_accounts_with_several_dates_are_one(tmp_path: Path) -> None:
    """However its dates are written, an account is there once, with all of them ascending."""
    path = tmp_path / "spec.yaml"
    path.write_text(
        "version: 1\nname: x\ntenant: emulator\n"
        "dates: [{target_date: 2026-11-30}, {target_date: 2026-10-31}]\naccounts:\n"
        f"  - {{id: {account(1)}, revision: 2, reason: again}}\n"
        f"  - {account(2)}\n"
        f"  - {{id: {account(1)}, dates: [{{target_date: 2026-11-15}}], reason: early}}\n",
        "utf-8",
    )
    items = make_plan(load_spec(path), builtin_emulator()).items
    listed = dict(by_account(items))
    assert [*listed] == [account(1), account(2)]
    said = [(str(target), revision) for target, _, revision in listed[account(1)]]
    assert said == [("2026-10-31", 2), ("2026-11-15", 1), ("2026-11-30", 2)]
    assert len([*unusual(items)]) == 3
    assert count_again(items) == 2
