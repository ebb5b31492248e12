"""The reviewed text determines the plan: how it is written down does not."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from support.budget import examples
from support.spec_text import specs, written
from zbatch.model import Plan
from zbatch.spec import builtin_emulator, check_spec, make_plan
from zbatch.zuora.request import make_call

TENANT = builtin_emulator()
ONCE = specs().flatmap(lambda spec: st.tuples(st.just(spec), written(spec)))
TWICE = specs().flatmap(lambda spec: st.tuples(st.just(spec), written(spec), written(spec)))


def plan_of(text: str) -> Plan:
    """Plan a spec as its text says."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spec.yaml"
        path.write_bytes(text.encode())
        spec, findings = check_spec(path)
        assert spec is not None, "\n".join([*map(str, findings), text])
        return make_plan(spec, TENANT)


def keys_of(plan: Plan) -> list[str]:
    """Mint the first key of each of its calls."""
    calls = [tuple(plan.items[position] for position in group) for group in plan.groups]
    return [make_call(TENANT, items, 0).key for items in calls]


@examples(60)
@given(TWICE)
def test_how_a_spec_is_written_does_not_matter(drawn: tuple[dict[str, Any], str, str]) -> None:
    """Order of keys, blanks, quotes, comments, line ends, case of IDs: same items, calls, keys."""
    _, first, second = drawn
    one, other = plan_of(first), plan_of(second)
    assert one.digest == other.digest
    assert one.groups == other.groups
    assert keys_of(one) == keys_of(other)
    assert [
        (item.identity, item.invoice_date, item.charges, item.reason) for item in one.items
    ] == [(item.identity, item.invoice_date, item.charges, item.reason) for item in other.items]


@examples(25)
@given(ONCE)
def test_the_same_text_is_the_same_plan(drawn: tuple[dict[str, Any], str]) -> None:
    """Planning knows neither time nor chance."""
    _, text = drawn
    one, other = plan_of(text), plan_of(text)
    assert (one.digest, one.spec.digest) == (other.digest, other.spec.digest)
    assert (one.items[0].identity, one.groups) == (other.items[0].identity, other.groups)


@examples(50)
@given(ONCE)
def test_a_plan_is_what_the_spec_says(drawn: tuple[dict[str, Any], str]) -> None:
    """Accounts stand in their order, each with an item for each of its dates, earliest first."""
    spec, text = drawn
    expected = []
    for account in spec["accounts"]:
        own = account if isinstance(account, dict) else {"id": account}
        for pair in sorted(own.get("dates", spec["dates"]), key=lambda pair: pair["target_date"]):
            target = pair["target_date"]
            invoice = pair.get("invoice_date", target)
            expected.append((own["id"], target, own.get("revision", 1), invoice))
    found = [
        (
            item.identity.account_id,
            item.identity.target_date.isoformat(),
            item.identity.revision,
            item.invoice_date.isoformat(),
        )
        for item in plan_of(text).items
    ]
    assert found == expected


@examples(50)
@given(ONCE)
def test_calls_are_cut_as_rule_r12_says(drawn: tuple[dict[str, Any], str]) -> None:
    """Each item in one call, none larger than asked, no account twice, dates never overtaking."""
    spec, text = drawn
    size = spec.get("limits", {}).get("objects_per_call", 1)
    plan = plan_of(text)
    assert sorted(p for group in plan.groups for p in group) == list(range(len(plan.items)))
    last: dict[str, date] = {}
    for group in plan.groups:
        identities = [plan.items[position].identity for position in group]
        assert 1 <= len(group) <= size
        assert len({identity.account_id for identity in identities}) == len(group)
        for identity in identities:
            assert last.get(identity.account_id, date.min) <= identity.target_date
            last[identity.account_id] = identity.target_date
