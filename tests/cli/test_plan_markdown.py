"""A plan as a comment on a pull request, which GitHub must take, whole and literally."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.accounts import account
from zbatch.app.loading import Overrides, load_plan
from zbatch.app.review.counts import count_plan
from zbatch.app.review.held import Held
from zbatch.app.review.preview import Preview, look
from zbatch.cli.plan_markdown import LIMIT, code, plan_markdown
from zbatch.model import DatePair, Exclusion, Outcome, Plan, Source
from zbatch.spec.plan_diff import Dates, Listing, PlanDiff, compare

DIGEST = "d" * 64
HOSTILE = "@octocat #123 | <b>x</b> `rm` [a](http://x.example) **b** \\| ~~c~~ GH-1 octo/repo#2"


def seen(plan: Plan, difference: PlanDiff | None = None, **done: Any) -> Preview:
    counts = count_plan(plan)
    held = Held(**{"to_send": counts.items, "calls": done.get("to_send"), **done})
    return look(plan, DIGEST, counts, held, difference)


def on(pair: DatePair) -> Dates:
    return ((pair.target_date, pair.invoice_date, 1),)


def differing(pair: DatePair, gone: int, new: int, label: str = "specs/2026-10.yaml") -> PlanDiff:
    before = [(account(n), on(pair)) for n in range(gone)]
    after = [(account(100_000 + n), on(pair)) for n in range(new)]
    return compare(Listing(label, None, before), Listing("this plan", None, after))


def outside_code(text: str) -> str:
    """Give what GitHub reads as Markdown: all but what stands in code spans."""
    left, rest = "", text
    while "`" in rest:
        before, _, rest = rest.partition("`")
        ticks = 1 + len(rest) - len(rest.lstrip("`"))
        fence = "`" * ticks
        rest = rest[ticks - 1 :]
        end = rest.find(fence)
        while rest[end + ticks : end + ticks + 1] == "`":
            end = rest.find(
                fence, end + ticks + len(rest[end + ticks :]) - len(rest[end + ticks :].lstrip("`"))
            )
        assert end >= 0, "a code span that does not end"
        left += before
        rest = rest[end + ticks :]
    return left + rest


def test_a_comment_on_a_pull_request(story: Any, golden: Callable[[str, str], None]) -> None:
    """Counts and what disappeared stand on line 1, the digest on the last."""
    plan = story.plan(40)
    items = (story.item(1, "draft cancelled, FIN-4821", revision=2), *plan.items[1:])
    excluded = (Exclusion(account(9), None, "dispute", Source("specs/month-end.yaml", 4)),)
    plan = replace(plan, items=items, excluded=excluded)
    difference = differing(plan.spec.dates[0], 60, 2)
    text = plan_markdown(seen(plan, difference, counts={Outcome.INVOICED: 3}, to_send=37))
    golden("plan_markdown", text)
    lines = text.splitlines()
    assert lines[0].startswith("**40 items · 40 accounts · 40 calls** · **60 accounts disappeared")
    assert lines[-1] == f"digest `{DIGEST}`"


def test_one_file_has_one_name(tmp_path: Path) -> None:
    """The table of digests names a file as the table of items above it does."""
    spec, listed = tmp_path / "specs/nov.yaml", tmp_path / "accounts/list.csv"
    for path in (spec, listed):
        path.parent.mkdir()
    (tmp_path / "tenants.yaml").write_text("version: 1\ntenants: {}\n")
    listed.write_text(f"account_id\n{account(1)}\n")
    spec.write_text(
        "version: 1\nname: nov\ntenant: emulator\ndates: [{target_date: 2026-11-30}]\n"
        f'accounts: [{{file: ../accounts/list.csv}}, "{account(2)}"]\n'
    )
    text = plan_markdown(seen(load_plan(spec, Overrides())))
    for name in ("list.csv", "specs/nov.yaml"):
        first, second = re.findall(rf"^\| `(.*{name})` \|", text, re.MULTILINE)
        assert first == second


def test_it_fits_however_much_there_is(story: Any) -> None:
    """A comment that is too long is no comment: lists are cut, and say so."""
    plan = story.plan(3000)
    items = tuple(story.item(n, HOSTILE + "x" * 300, revision=2) for n in range(1, 3001))
    difference = differing(plan.spec.dates[0], 30_000, 3000, "l" * 400)
    text = plan_markdown(seen(replace(plan, items=items), difference))
    assert len(text) < LIMIT
    assert len(text.encode("utf-16-le")) // 2 < LIMIT
    assert "30,000 accounts disappeared (showing 400 of 30,000)" in text
    assert "showing 100 of 3,000" in text
    assert text.splitlines()[-1] == f"digest `{DIGEST}`"


def test_what_has_no_room_is_left_out_aloud(story: Any) -> None:
    """Where even the cut lists are too long, the digest still stands at the end."""
    plan = story.plan(1)
    dates = on(plan.spec.dates[0])
    before = [(f"A{n:095d}", dates) for n in range(900)]
    after = [(f"B{n:095d}", dates) for n in range(900)]
    difference = compare(Listing("then", None, before), Listing("now", None, after))
    text = plan_markdown(seen(plan, difference))
    assert len(text) < LIMIT
    assert "\nMore is left out here" in text
    assert text.splitlines()[-1] == f"digest `{DIGEST}`"


@pytest.mark.parametrize("place", ["spec", "tenant", "file"])
def test_names_are_read_as_they_are(story: Any, place: str) -> None:
    """Nobody is mentioned, nothing is linked and no table broken by what a thing is called."""
    story.names = {place: HOSTILE}
    plan = story.plan(2)
    items = (story.item(1, HOSTILE), replace(story.item(2, HOSTILE), account_number=HOSTILE))
    excluded = (Exclusion(None, "A1", HOSTILE, Source("x", 1)),)
    plan = replace(plan, items=items, excluded=excluded)
    difference = differing(plan.spec.dates[0], 50, 2, HOSTILE)
    text = plan_markdown(seen(plan, difference, unread=HOSTILE))
    left = outside_code(text)
    for sign in ("@", "#", "<b>", "[", "](", "http", "octo", "~~"):
        assert sign not in left
    widths = [line.count("|") for line in text.splitlines() if line.startswith("| ")]
    assert set(widths) <= {3, 4, 5}


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_a_code_span_holds_any_text(text: str) -> None:
    """Whatever it is, it is one span on one line that ends where it should."""
    span = code(text)
    assert "|" not in span
    assert len(span.splitlines()) <= 1
    assert outside_code(f"a {span} b") == "a  b"
