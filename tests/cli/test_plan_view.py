"""A plan as people and machines read it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from zbatch.app.preview import preview
from zbatch.cli.plan_view import plan_json, plan_text


def test_plan_as_text(story: Any, golden: Callable[[str, str], None]) -> None:
    """Counts first, then dates, cost, and the first items; what is left out is said."""
    golden("plan", plan_text(preview(story.plan(1249))))


def test_plan_as_json(story: Any, golden: Callable[[str, str], None]) -> None:
    """The JSON has every item, and the calls as positions among them."""
    text = plan_json(preview(story.plan(3, objects=2)))
    golden("plan_json", text)
    document = json.loads(text)
    assert document["calls"] == [[0, 1], [2]]
    assert document["items_planned"] == len(document["items"]) == 3
    assert document["requests_expected"] == 4
    assert document["questions_expected"] == 1


@pytest.mark.parametrize(("items", "questions"), [(0, 0), (1, 1), (50, 1), (51, 2)])
def test_questions_are_counted(items: int, questions: int, story: Any) -> None:
    """50 items go into a question, and questions take their share of the rate."""
    view = preview(story.plan(items))
    assert view.questions == questions
    assert view.requests == items + questions + 1
    assert view.estimate.seconds == pytest.approx((items + questions) / 10)


def test_what_ceilings_have_lowered_is_said(story: Any) -> None:
    """A default that gave way to a tenant's ceiling is seen in the plan; else there is no word."""
    plan = story.plan(2)
    lowered = replace(plan, spec=replace(plan.spec, lowered=("concurrency", "rate")))
    line = "lowered   to the ceilings of the tenant: concurrency, rate"
    assert line in plan_text(preview(lowered)).splitlines()
    assert "lowered" not in plan_text(preview(plan))


def test_hostile_names_are_neutralised(story: Any) -> None:
    """What a spec or tenant is called cannot move the cursor."""
    story.names = {"spec": "\x1b[2J", "tenant": "\u202ex", "file": "a\x1b]0;b\x07"}
    text = plan_text(preview(story.plan(2)))
    assert all(line.isprintable() for line in text.splitlines())


def test_revision_is_seen_in_review(story: Any) -> None:
    """Who reads a plan sees what is billed again, and why."""
    plan = story.plan(2)
    items = (plan.items[0], story.item(2, "draft cancelled, FIN-4821", revision=2))
    lines = plan_text(preview(replace(plan, items=items))).splitlines()
    assert lines[-1].endswith(":12  revision 2  draft cancelled, FIN-4821")
    assert "revision" not in lines[-2]
