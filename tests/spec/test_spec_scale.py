"""Long lists: linear time, and findings with a count."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from zbatch.spec import check_spec, load_spec, make_plan, resolve_tenant
from zbatch.spec.project import Project

Write = Callable[[str | bytes], Path]
COUNT = 50_000


def test_f129_fifty_thousand_maps_in_linear_time(write: Write, head: str) -> None:
    """50,000 accounts as maps load and plan within 12 s of CPU (2.5 s on a desk, 4 s here)."""
    row = '  - {{id: "{:032x}", dates: [{{target_date: 2026-11-15}}], reason: moved out}}\n'
    path = write(head + "accounts:\n" + "".join(row.format(n) for n in range(COUNT)))
    start = time.process_time()
    spec = load_spec(path)
    plan = make_plan(spec, resolve_tenant(spec, Project(path.parent, None)))
    assert time.process_time() - start < 12
    assert len(plan.items) == len(plan.groups) == COUNT
    assert plan.items[-1].source.line == 5 + COUNT


def test_f129_the_same_account_many_times(write: Write, head: str) -> None:
    """20,000 duplicates are found in linear time: a thousand are told, the rest counted."""
    rows = f'  - "{"a" * 32}"\n' * 20_000
    spec, findings = check_spec(write(head + "accounts:\n" + rows))
    assert spec is None
    assert len(findings) == 1001
    assert findings[0].line == 7
    assert str(findings[0]).endswith(f"is listed twice (first listed here: {findings[0].file}:6:5)")
    assert sum(finding.count for finding in findings) == 19_999
    assert findings[-1].message.startswith("and 18,999 more of this kind from here on")


def test_wrong_entries_of_a_long_list_are_counted(write: Write, head: str) -> None:
    """Of 20,000 wrong entries a thousand are told, and all accounted for."""
    rows = "".join(f'  - {{id: "{n:031x}"}}\n' for n in range(20_000))
    spec, findings = check_spec(write(head + "accounts:\n" + rows))
    assert spec is None
    assert [finding.code for finding in findings] == ["ZB205"] * 1000 + ["ZB212"]
    assert sum(finding.count for finding in findings) == 20_000
    assert findings[-1].message.startswith("and 19,000 more entries of `accounts`")


def test_a_hundred_thousand_accounts_validate_in_time(write: Write, head: str) -> None:
    """100,000 inline accounts take 0.6 s of CPU on a desk; four times as much is a fault."""
    path = write(head + "accounts:\n" + "".join(f'  - "{n:032x}"\n' for n in range(100_000)))
    start = time.process_time()
    spec, findings = check_spec(path)
    assert time.process_time() - start < 2.5
    assert spec is not None
    assert findings == ()


def _taken(path: Path, count: int) -> tuple[int, int]:
    """Return the bytes that the plan of a file of so many accounts keeps, and takes at most."""
    rows = (f"{n * 7919 % 2**61:032x}\n" for n in range(count))
    (path.parent / "many.csv").write_text("account_id\n" + "".join(rows))
    tracemalloc.start()
    spec = load_spec(path)
    plan = make_plan(spec, resolve_tenant(spec, Project(path.parent, None)))
    peak = tracemalloc.get_traced_memory()[1]
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(plan.items) == count
    assert plan.items[-1].source.line == count + 1
    return kept, peak


def test_a_long_file_plans_in_little_memory(write: Write, head: str) -> None:
    """Each further row takes some 60 bytes, and 22 from then on; as objects, over a thousand."""
    path = write(head + "accounts: [{file: many.csv}]\n")
    _taken(path, 10)  # what is loaded once
    many, few = _taken(path, 9_000), _taken(path, 3_000)
    kept, peak = ((much - little) / 6_000 for much, little in zip(many, few, strict=True))
    assert kept < 27
    assert peak < 120
