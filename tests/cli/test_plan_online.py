"""What the tenant shows of a plan, as people and machines read it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from zbatch.app.review.counts import count_plan
from zbatch.app.review.held import Held
from zbatch.app.review.online import Estimated, Online, There
from zbatch.app.review.preview import Preview, look, with_online
from zbatch.cli import main
from zbatch.cli.plan_json import plan_json
from zbatch.cli.plan_markdown import plan_markdown
from zbatch.cli.plan_view import WIDTH, plan_text
from zbatch.model import Plan, Problem
from zbatch.zuora.numbers import FoundAccount

ASKED_AT = datetime(2026, 11, 30, 21, 4, 5, tzinfo=UTC)


def shown(plan: Plan, **found: Any) -> Preview:
    """Look at a plan of which the tenant shows so much."""
    counts = count_plan(plan)
    view = look(plan, "d" * 64, counts, Held(to_send=counts.items))
    return with_online(view, Online(ASKED_AT, 2, len(plan.items), **found))


def all_of_it(plan: Plan) -> Preview:
    one, two, three = plan.items[:3]
    return shown(
        plan,
        unknown=(one,),
        inactive=(FoundAccount(two.identity.account_id, "A00991202", "Canceled"),),
        there=(There(three, ("a" * 32,)),),
        drafts=(three.identity.account_id,),
    )


def online_lines(text: str) -> list[str]:
    lines = text.split("\n\n")[2].splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("online"))
    end = next(n for n, line in enumerate(lines) if line.startswith("requests"))
    return [line.strip() for line in lines[start:end]]


def test_text_says_what_is_there(story: Any) -> None:
    """What is wrong is a warning at the top; what a run would leave alone stands by its cost."""
    text = plan_text(all_of_it(story.plan(5)))
    assert text.count("WARNING") == 2
    said = " ".join(online_lines(text))
    assert said.startswith("online    asked about 5 items, 2026-11-30 21:04 UTC, 2 questions;")
    assert "1 item with an invoice there already" in said
    assert "1 account with an open draft" in said
    assert "there and active" not in said
    assert [line for line in text.splitlines() if len(line) > WIDTH] == []


def test_text_says_that_all_is_well(story: Any) -> None:
    """Who asked for it sees that it was asked."""
    said = " ".join(online_lines(plan_text(shown(story.plan(2)))))
    assert said.endswith("nothing was sent all of their accounts are there and active")


def test_nothing_left_is_said(story: Any) -> None:
    """Where the ledger holds all as settled nobody was asked."""
    plan = story.plan(2)
    counts = count_plan(plan)
    view = with_online(look(plan, "d" * 64, counts, Held()), Online(ASKED_AT, 0, 0))
    assert online_lines(plan_text(view)) == ["online    nothing is left to ask about"]


def test_json_names_every_one(story: Any) -> None:
    """Machines get whole items with their places; without --online the key is null."""
    plan = story.plan(5)
    found = json.loads("".join(plan_json(all_of_it(plan))))["online"]
    assert found["asked_at"] == "2026-11-30T21:04:05.000Z"
    assert (found["requests"], found["items"]) == (2, 5)
    assert found["unknown"][0]["account_id"] == plan.items[0].identity.account_id
    assert found["unknown"][0]["source"]["line"] == plan.items[0].source.line
    assert [one["status"] for one in found["inactive"]] == ["Canceled"]
    assert found["there"][0]["invoice_ids"] == ["a" * 32]
    assert found["drafts"] == [plan.items[2].identity.account_id]


def test_a_pull_request_is_told_too(story: Any) -> None:
    """The comment has the same sentences, and the warnings above its table."""
    text = plan_markdown(all_of_it(story.plan(5)))
    assert "ZB930" in text.split("|")[0]
    assert "1 item with an invoice there already" in text


def test_estimates_are_summed_by_currency(story: Any) -> None:
    """Euros and dollars are never added; what has no estimate is counted and named with its why."""
    plan = story.plan(5)
    problem = Problem("53100030", "the account is not active")
    view = shown(
        plan,
        estimates=(
            Estimated(plan.items[0], Decimal("0.10"), "EUR"),
            Estimated(plan.items[1], Decimal("0.20"), "EUR"),
            Estimated(plan.items[2], Decimal(0), "USD"),
            Estimated(plan.items[3], None, "USD", problem),
            Estimated(plan.items[4], Decimal(7), None),
        ),
    )
    text = " ".join(plan_text(view).split())
    assert "estimate 0.30 EUR for 2 accounts 0.00 USD for 1 account, 1 of them nothing" in text
    assert "not added up for 1 account: the tenant tells no currency" in text
    assert "none for 1 account, such as" in text
    assert "the account is not active Zuora's previews, no promise" in text
    found = json.loads("".join(plan_json(view)))["online"]["estimates"]
    assert [one["amount"] for one in found] == ["0.10", "0.20", "0.00", None, "7.00"]
    assert found[3]["error"] == {"code": "53100030", "message": "the account is not active"}
    assert "0.30 EUR" in plan_markdown(view)
    assert "of several dates" not in text


def test_an_account_with_several_dates_is_summed_once(story: Any) -> None:
    """A preview to the end of November takes in October's charges: only `--json` has both."""
    plan = story.plan(2)
    one, other = plan.items
    late = replace(one, identity=replace(one.identity, target_date=date(2026, 12, 31)))
    estimates = (
        Estimated(one, Decimal("0.10"), "EUR"),
        Estimated(late, Decimal("0.30"), "EUR"),
        Estimated(other, Decimal(1), "EUR"),
    )
    view = shown(plan, estimates=estimates)
    text = " ".join(plan_text(view).split())
    assert "estimate 1.30 EUR for 2 accounts of several dates the last one of an account" in text
    found = json.loads("".join(plan_json(view)))["online"]["estimates"]
    assert [one["amount"] for one in found] == ["0.10", "0.30", "1.00"]


def test_estimates_are_held_against_the_last_run(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Last month's amounts come from that run's report, by its ID, latest, or its spec."""
    november = project / "specs" / "month-end.yaml"
    december = project / "specs" / "december.yaml"
    december.write_text(november.read_text("utf-8").replace("2026-11", "2026-12"), "utf-8")
    asked = ["plan", str(december), "--online", "--preview", "--json", "--against"]
    assert main([*asked, str(november)]) == 0
    assert json.loads(capfd.readouterr().out)["estimates_against"] is None
    assert main(["run", str(november)]) == 0
    capfd.readouterr()
    for named in ("latest", str(november)):
        assert main([*asked, named]) == 0
        found = json.loads(capfd.readouterr().out)["estimates_against"]
        assert [(one["currency"], one["accounts"]) for one in found["currencies"]] == [("USD", 8)]
    (run,) = project.glob(".zbatch/runs/*")
    assert found["run_id"] == run.name
    assert main([*asked[:4], "--against", "latest"]) == 0
    text = " ".join(capfd.readouterr().out.split())
    assert "amounts 8 accounts: from " in text
    assert f" USD in run {run.name} to " in text
    assert "by more than a fifth, the greatest difference first:" in text


def test_amounts_are_of_the_run_that_the_plan_is_held_against(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not of a reconciliation that came later; a run may be named as one, a revision has none."""
    november = project / "specs" / "month-end.yaml"
    december = project / "specs" / "december.yaml"
    december.write_text(november.read_text("utf-8").replace("2026-11", "2026-12"), "utf-8")
    assert main(["run", str(november)]) == 0
    (run,) = (one.name for one in project.glob(".zbatch/runs/*"))
    assert main(["reconcile"]) == 0
    capfd.readouterr()
    asked = ["plan", str(december), "--online", "--preview", "--json", "--against"]
    for named in ("latest", "run:latest", f"run:{run}", run[-4:], str(november)):
        assert main([*asked, named]) == 0
        found = json.loads(capfd.readouterr().out)
        assert found["estimates_against"]["run_id"] == run
        assert found["estimates_against"]["currencies"]
        if named != str(november):
            assert run in found["against"]["label"]
    for one in project.glob(".zbatch/runs/*/report.jsonl"):
        one.unlink()
    assert main([*asked, "latest"]) == 0
    assert json.loads(capfd.readouterr().out)["estimates_against"] is None


def test_a_preview_needs_the_tenant(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Without --online nobody would be asked: exit 2, and the flag is named."""
    assert main(["plan", "specs/month-end.yaml", "--preview"]) == 2
    assert "add --online" in capfd.readouterr().err
    assert main(["plan", "specs/month-end.yaml", "--online", "--preview"]) == 0
    assert "estimate" in capfd.readouterr().out


def test_the_command_asks_the_emulator(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A plan of the sample accounts, asked for and told; with --strict nothing stands against."""
    assert main(["plan", "specs/month-end.yaml", "--online", "--strict"]) == 0
    out, err = capfd.readouterr()
    assert "all of their accounts are there and active" in " ".join(out.split())
    assert err == ""
