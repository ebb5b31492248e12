"""A plan as people and machines read it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from support.accounts import account
from zbatch.app.altered import Altered
from zbatch.app.review.counts import count_plan
from zbatch.app.review.held import Held
from zbatch.app.review.in_turn import InTurn
from zbatch.app.review.preview import Preview, look
from zbatch.app.review.swings import CurrencyChange, Swing, Swings
from zbatch.cli.plan_json import plan_json
from zbatch.cli.plan_markdown import plan_markdown
from zbatch.cli.plan_view import WIDTH, plan_text
from zbatch.model import (
    Account,
    DatePair,
    Exclusion,
    Expect,
    Limits,
    Outcome,
    Plan,
    Rate,
    Source,
    StopRules,
)
from zbatch.spec.plan_diff import Dates, Listing, PlanDiff, compare
from zbatch.zuora.hosts import API_SANDBOX

ROOT = Path(__file__).parents[2]
OCTOBER, NOVEMBER = date(2026, 10, 31), date(2026, 11, 30)
DIGEST = "d" * 64


def seen(plan: Plan, done: Held | None = None, difference: PlanDiff | None = None) -> Preview:
    """Look at a plan of which the ledger holds nothing, or so much."""
    counts = count_plan(plan)
    if done and done.calls is None:
        done = replace(done, calls=done.to_send)  # one object a call
    return look(plan, DIGEST, counts, done or Held(to_send=counts.items), difference)


def of_kind(plan: Plan, kind: str) -> Plan:
    return replace(plan, tenant=replace(plan.tenant, kind=kind))


def on(day: date) -> Dates:
    return ((day, day, 1),)


def a_difference(gone: int = 412, new: int = 18, redated: int = 3, same: int = 1228) -> PlanDiff:
    """Make what a month's end may look like against the last one."""
    kept = [(account(n), on(OCTOBER)) for n in range(same)]
    moved = [(account(n), on(date(2026, 10, 15))) for n in range(same, same + redated)]
    lost = [(account(5000 + n), on(OCTOBER)) for n in range(gone)]
    now = [(account(n), on(NOVEMBER)) for n in range(same + redated)]
    found = [(account(9000 + n), on(NOVEMBER)) for n in range(new)]
    return compare(
        Listing("specs/2026-10.yaml", "2026-10", [*kept, *moved, *lost]),
        Listing("this plan", "2026-11", [*now, *found]),
    )


def numbered(plan: Plan) -> Plan:
    """Name two accounts of a plan by number, and keep three out."""
    place = Source("specs/accounts/emea.csv", 3)
    pair = (DatePair(NOVEMBER, NOVEMBER),)
    unresolved = (
        Account(None, place, None, None, 1, "A00991201"),
        Account(None, place, pair, "early termination", 2, "A00991202"),
    )
    excluded = tuple(
        Exclusion(None, f"A{n}", "dispute" if n else "moved to another entity", place)
        for n in range(3)
    )
    spec = replace(plan.spec, period="2026-11")
    return replace(plan, spec=spec, unresolved=unresolved, excluded=excluded)


def test_plan_as_text(story: Any, golden: Callable[[str, str], None]) -> None:
    """Counts first, then dates, cost, and the first items; what is left out is said."""
    golden("plan", plan_text(seen(story.plan(1249))))


def test_plan_in_full(story: Any, golden: Callable[[str, str], None]) -> None:
    """What disappeared stands at the top, and warnings before any table."""
    plan = of_kind(numbered(story.plan(11_249)), API_SANDBOX)
    counts = {Outcome.INVOICED: 1000, Outcome.FAILED: 2, Outcome.UNKNOWN: 1}
    now = plan.items[0]
    first = Altered(now, replace(now, invoice_date=OCTOBER), "invoiced")
    done = Held(counts, 10_238, changed=4, held_back=10, altered=(first,))
    text = plan_text(seen(plan, done, a_difference()))
    assert text.startswith("412 accounts disappeared, 18 new, 3 with other dates\n11,251 items · ")
    golden("plan_full", text)


def test_a_terminal_of_80_columns_shows_it_whole(story: Any) -> None:
    """No line is longer, whatever the spec and its files are called."""
    story.names = {"spec": "n" * 60, "file": f"specs/{'long/' * 12}month-end.yaml", "tenant": "t"}
    plan = of_kind(numbered(story.plan(11_249)), API_SANDBOX)
    lines = plan_text(seen(plan, difference=a_difference())).splitlines()
    assert [line for line in lines if len(line) > WIDTH and " " in line[10:]] == []


def test_plan_as_json(story: Any, golden: Callable[[str, str], None]) -> None:
    """The JSON has every item, and the calls as positions among them."""
    text = "".join(plan_json(seen(story.plan(3, objects=2))))
    golden("plan_json", text)
    document = json.loads(text)
    assert document["calls"] == [[0, 1], [2]]
    assert document["items_planned"] == len(document["items"]) == 3
    assert document["requests_expected"] == 5
    assert document["questions_expected"] == 2


def test_json_has_what_text_leaves_out(story: Any) -> None:
    """Numbers to be looked up, exclusions, and the accounts that changed are there by name."""
    view = seen(numbered(story.plan(1)), difference=a_difference())
    document = json.loads("".join(plan_json(view)))
    assert [one["account_number"] for one in document["unresolved"]] == ["A00991201", "A00991202"]
    assert document["unresolved"][1]["revision"] == 2
    assert document["excluded"] == [
        {"reason": "dispute", "accounts": 2},
        {"reason": "moved to another entity", "accounts": 1},
    ]
    against = document["against"]
    assert (against["gone"]["count"], len(against["gone"]["first"])) == (412, 412)
    assert against["changes"][0]["before"][0]["target_date"] == "2026-10-15"
    assert {one["code"] for one in document["warnings"]} == {"ZB921"}


@pytest.mark.parametrize(
    ("items", "questions"), [(0, 0), (1, 2), (50, 2), (51, 3), (100, 3), (101, 5)]
)
def test_questions_are_counted(items: int, questions: int, story: Any) -> None:
    """50 items go into one before their calls, 100 into one after them; both count at the rate."""
    view = seen(story.plan(items))
    assert view.load.questions == questions
    assert view.load.requests == items + questions + 1


def test_what_is_settled_takes_no_time(story: Any) -> None:
    """Cost is of what is left: what was invoiced by zbatch is not even asked about."""
    view = seen(story.plan(3), Held({Outcome.INVOICED: 3}, 0))
    assert not view.held.work
    assert "nothing is left to do" in plan_text(view)
    view = seen(story.plan(3), Held({Outcome.INVOICED: 1, Outcome.NOTHING_TO_BILL: 2}, 0))
    assert (view.load.calls, view.load.questions) == (0, 1)


def test_what_has_failed_is_not_said_to_be_done(story: Any) -> None:
    """Nothing is sent of it until somebody asks for that, and the plan says how that is done."""
    found = Held({Outcome.INVOICED: 2, Outcome.FAILED: 1}, 0, retries=1)
    text = " ".join(plan_text(seen(story.plan(3), found)).split())
    assert "nothing is left to do" not in text
    assert text.count("none: what failed is sent with --retry-failed only") == 2
    text = " ".join(plan_text(seen(story.plan(3), replace(found, retries=0))).split())
    assert text.count("none: what failed is not sent with --retry-failed either") == 2


@pytest.mark.parametrize(
    ("to_send", "ledger", "requests"),
    [
        (0, "3 UNKNOWN (to be settled); 0 to send", "at most 6 if all goes well: 0 to 3 generate"),
        (4, "3 UNKNOWN (to be settled); 4 to send", "at most 10 if all goes well: 4 to 7 generate"),
    ],
)
def test_what_is_in_doubt_is_settled_by_a_call_or_by_none(
    to_send: int, ledger: str, requests: str, story: Any
) -> None:
    """Nobody reads that nothing is to be sent beside calls that are, nor that all of them are."""
    view = seen(story.plan(7), Held({Outcome.INVOICED: 4 - to_send, Outcome.UNKNOWN: 3}, to_send))
    text = " ".join(plan_text(view).split())
    assert ledger in text
    assert f"requests {requests} calls, 2 questions and a token" in text


def test_what_ceilings_have_lowered_is_said(story: Any) -> None:
    """A default that gave way to a tenant's ceiling is seen in the plan; else there is no word."""
    plan = story.plan(2)
    lowered = replace(plan, spec=replace(plan.spec, lowered=("concurrency", "rate")))
    line = "lowered   to the ceilings of the tenant: concurrency, rate"
    assert line in plan_text(seen(lowered)).splitlines()
    assert "lowered" not in plan_text(seen(plan))


def test_hostile_names_are_neutralised(story: Any) -> None:
    """What a spec or tenant is called cannot move the cursor."""
    story.names = {"spec": "\x1b[2J", "tenant": "\u202ex", "file": "a\x1b]0;b\x07"}
    text = plan_text(seen(story.plan(2)))
    assert all(line.isprintable() for line in text.splitlines())


def test_revision_is_seen_in_review(story: Any) -> None:
    """Who reads a plan sees what is billed again, and why."""
    plan = story.plan(2)
    items = (plan.items[0], story.item(2, "draft cancelled, FIN-4821", revision=2))
    text = plan_text(seen(replace(plan, items=items)))
    assert text.splitlines()[-1] == "  revision 2: draft cancelled, FIN-4821"
    assert text.count("revision") == 1
    assert "again     1 item billed once before" in text


def test_who_is_kept_out_by_number_is_not_billed(story: Any) -> None:
    """Numbers are looked up for exclusions too, and those are no accounts to bill."""
    plan = numbered(story.plan(1))
    out = Exclusion(None, "A00991201", "dispute", plan.unresolved[0].source)
    spec = replace(plan.spec, exclusions=(out,))
    kept_out = replace(plan, spec=spec, unresolved_exclusions=(out,))
    view = seen(replace(kept_out, unresolved=plan.unresolved[1:]))
    assert (view.counts.by_number, view.counts.items) == (1, 2)
    assert "A00991201" not in plan_text(view) + "".join(plan_json(view))


@pytest.mark.parametrize(
    ("items", "objects", "seconds"),
    [
        (0, 1, 0),
        (1, 1, 6),
        (5, 1, 6),
        (10, 1, 8),
        (11, 1, 8),
        (13, 1, 10),
        (50, 50, 104),
        (3000, 1, 616),
    ],
)
def test_no_estimate_is_shorter_than_a_call(
    items: int, objects: int, seconds: int, story: Any
) -> None:
    """Questions and calls go in waves, of five calls at first, and each takes a call's time.

    The last question reads back what came of the last calls.
    """
    limits = Limits(10, Rate(100, 1.0), objects, 150.0)
    plan = story.plan(items, objects)
    view = seen(replace(plan, spec=replace(plan.spec, limits=limits)))
    assert view.estimate.seconds == seconds


def test_the_last_call_takes_its_time_at_the_rate(story: Any) -> None:
    """Where the rate decides, the call that it lets out last is still waited for."""
    plan = story.plan(50)
    limits = replace(plan.spec.limits, rate=Rate(1, 1.0))
    view = seen(replace(plan, spec=replace(plan.spec, limits=limits)))
    assert (view.estimate.decided_by, view.estimate.seconds) == ("rate", 54)
    assert "the rate of 1/s decides" in plan_text(view)


def test_an_account_with_many_dates_that_decides_is_named(story: Any) -> None:
    """They go one after the other, each with a question of its own, whatever the limits are."""
    plan = story.plan(12)
    first = plan.items[0].identity
    items = tuple(
        replace(item, identity=replace(first, target_date=date(2026, month, 28)))
        for month, item in enumerate(plan.items, 1)
    )
    view = seen(replace(plan, items=items))
    assert (view.estimate.decided_by, view.estimate.seconds) == ("account", 50.0)
    text = " ".join(plan_text(view).split())
    assert "about 50 s; the 12 items of one account, one after the other, decide, if an" in text
    alone = seen(replace(plan, items=items), Held(to_send=3, in_turn=InTurn(3, 2, 3, 3)))
    assert alone.estimate.seconds == 14.0


def test_a_ceiling_that_decides_is_named(story: Any) -> None:
    """Whoever wants a run to be faster learns that the spec is not where to change it."""
    plan = story.plan(50)
    limits = replace(plan.spec.limits, rate=Rate(1, 1.0))
    lowered = replace(plan.spec, limits=limits, lowered=("rate",))
    text = plan_text(seen(replace(plan, spec=lowered)))
    assert "the rate of 1/s, the tenant's ceiling, decides" in text


def test_a_file_is_named_alike_on_every_line(story: Any) -> None:
    """A longer line number does not take its folder away."""
    plan = story.plan(2)
    items = tuple(
        replace(item, source=Source("specs/month-end.yaml", line))
        for item, line in zip(plan.items, (9, 10), strict=True)
    )
    words = plan_text(seen(replace(plan, items=items))).split()
    assert [word for word in words if "month-end.yaml:" in word] == [
        "month-end.yaml:9",
        "month-end.yaml:10",
    ]


def test_where_nothing_is_left_no_limit_decides(story: Any) -> None:
    """A plan that is carried out takes no time."""
    assert seen(story.plan(0)).estimate.decided_by is None


@pytest.mark.parametrize(("deadline", "warned"), [(None, False), (300.0, False), (240.0, True)])
def test_a_deadline_that_comes_too_early_is_said(
    deadline: float | None, warned: bool, story: Any
) -> None:
    """What takes longer than the spec lets a run take is known beforehand, if roughly."""
    plan = story.plan(1249)
    stop = replace(plan.spec.stop, deadline=deadline)
    view = seen(replace(plan, spec=replace(plan.spec, stop=stop)))
    assert [one.code for one in view.warnings] == ["ZB923"] * warned
    said = [one.message for one in view.warnings]
    assert all("about 0:04:20 h" in one and "after 0:04:00 h" in one for one in said)


def test_an_unread_ledger_is_no_empty_one(story: Any) -> None:
    """Where the ledger cannot be read, that is said in place of what it holds."""
    text = plan_text(seen(story.plan(1), Held(to_send=1, unread="cannot read the ledger x: busy")))
    assert "ledger    not known: cannot read the ledger x: busy" in text


RULES = StopRules(40, 0.02, 50, 3, 10, 10800.0)
TOTALS = Expect(1251, 1251, "a" * 64)


def ruled(plan: Plan) -> Plan:
    """Give a plan all that a spec may hold a run to."""
    spec = replace(plan.spec, period="2026-11", timezone="Europe/Berlin")
    return replace(plan, spec=replace(spec, stages=(5, 50, None), stop=RULES, expect=TOTALS))


@pytest.mark.parametrize("laid_out", [plan_text, plan_markdown])
def test_who_approves_sees_what_holds_a_run(laid_out: Callable[[Preview], str], story: Any) -> None:
    """Stages, stop rules, expected totals and the timezone stand in the text and the comment."""
    said = " ".join(laid_out(seen(ruled(story.plan(3)))).replace("`", "").split())
    for sentence in (
        "2026-11, Europe/Berlin",
        "5, then 50, then the rest; a person looks at each stage before the next begins",
        "at 40 failures, at a failure ratio of 0.02 (from 50 items on), at 3 unknown,"
        " at 10 failures in a row, after 3 h 00 min",
        f"1,251 accounts, 1,251 items, the accounts of digest {'a' * 64}; it comes to that",
    ):
        assert sentence in said
    plain = laid_out(seen(story.plan(3)))
    assert not any(word in plain for word in ("expect  ", "stages", "stop"))


def test_what_is_by_number_may_be_billed_already(story: Any) -> None:
    """The ledger is read by ID: nobody is told that it holds nothing of an account."""
    plan = numbered(story.plan(3))
    text = " ".join(plan_text(seen(plan, Held({Outcome.INVOICED: 3}, 2, by_number=2))).split())
    assert "3 invoiced; 2 to send, 2 of them by number: zbatch plan --online tells" in text
    alone = replace(plan, items=(), groups=())
    text = " ".join(plan_text(seen(alone, Held({}, 2, by_number=2))).split())
    assert "2 to send, 2 of them by number: zbatch plan --online tells whether those" in text
    assert "nothing yet" not in text


def test_totals_of_numbers_are_checked_later(story: Any) -> None:
    """As long as a number may turn out to be any account, no total is said to hold."""
    plan = ruled(numbered(story.plan(3)))
    assert "checked once the numbers are looked up" in " ".join(plan_text(seen(plan)).split())
    assert json.loads("".join(plan_json(seen(plan))))["expect"]["checked"] is False


def test_json_has_what_holds_a_run(story: Any) -> None:
    """A program that approves is told the same."""
    document = json.loads("".join(plan_json(seen(ruled(story.plan(3))))))
    assert document["spec"]["timezone"] == "Europe/Berlin"
    assert document["stages"] == [5, 50, "rest"]
    assert document["expect"]["accounts"] == 1251
    assert document["expect"]["checked"] is True
    assert document["stop"] == {
        "failures": 40,
        "failure_ratio": 0.02,
        "min_sample": 50,
        "unknown": 3,
        "consecutive_failures": 10,
        "deadline_seconds": 10800.0,
    }


def test_estimates_beside_what_a_run_billed(story: Any) -> None:
    """From so much to so much, a currency each; of accounts that differ far the first, by name."""
    swings = Swings(
        "20261031T201502Z-7f3a",
        (CurrencyChange("EUR", 1200, Decimal("1250433.50"), Decimal("1300000")),),
        tuple(Swing(account(n), "EUR", Decimal(10), Decimal(100 - n)) for n in range(7)),
    )
    view = seen(story.plan(2))
    expected = f"""\
amounts   1,200 accounts: from 1,250,433.50 EUR in run 20261031T201502Z-7f3a to
          1,300,000.00 EUR expected now
          7 accounts differ by more than a fifth, the greatest difference first:
          {account(0)}: from 10.00 to 100.00 EUR
          {account(1)}: from 10.00 to 99.00 EUR
          {account(2)}: from 10.00 to 98.00 EUR
          {account(3)}: from 10.00 to 97.00 EUR
          {account(4)}: from 10.00 to 96.00 EUR
          and 2 more accounts
requests """
    assert expected in plan_text(replace(view, swings=swings))
    alone = replace(swings, far=swings.far[:1])
    assert "          1 account differs by more" in plan_text(replace(view, swings=alone))


def test_the_page_shows_estimates_beside_what_a_run_billed(story: Any) -> None:
    """What stands in docs/reviewing.md is what is printed."""
    swings = Swings(
        "20261126T131123Z-201d",
        (CurrencyChange("USD", 4, Decimal("4038"), Decimal("3725.06")),),
        (
            _swing("a02", "287.25", "987.43"),
            _swing("a07", "2443.03", "1852.95"),
            _swing("a01", "574.79", "199.16"),
        ),
    )
    page = (ROOT / "docs" / "reviewing.md").read_text("utf-8")
    shown = page.partition("<!-- shown by tests/cli/test_plan_view.py -->\n```text\n")[2]
    block = shown.partition("```")[0]
    assert block.count("\n") == 6
    assert block in plan_text(replace(seen(story.plan(2)), swings=swings))


def _swing(account_id: str, then: str, now: str) -> Swing:
    whole = f"2c93808457d787030157e0306be53{account_id}"
    return Swing(whole, "USD", Decimal(then), Decimal(now))
