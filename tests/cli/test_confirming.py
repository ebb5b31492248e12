"""How a protected tenant is confirmed on the command line."""

from __future__ import annotations

import io
import os
import select
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, TextIO

import pytest

from zbatch.app.loading import Overrides
from zbatch.app.protection import Question
from zbatch.app.review.approval import Chosen
from zbatch.app.review.counts import count_plan
from zbatch.app.review.frozen import approved
from zbatch.app.state import State
from zbatch.cli.confirming import confirmation, in_ci
from zbatch.model import Account, Plan, Source


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


class Damaged(io.TextIOWrapper):
    """A terminal on which something is typed that is no text."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a terminal break no line that these tests look for."""
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def question(story: Any) -> Question:
    return about(story.plan(1249))


def about(plan: Plan) -> Question:
    """Ask about a plan."""
    counts = count_plan(plan)
    chosen = Chosen(plan, Path(plan.spec.file), counts, approved(plan, counts, Overrides()))
    return Question(chosen, State(Path("/p/.zbatch")), new_ledger=False)


@pytest.mark.parametrize(
    ("value", "runner"),
    [("true", True), ("1", True), ("True", True), ("x", True), ("", False), ("0", False),
     ("false", False), ("FALSE", False), ("no", False), (" ", False)],
)  # fmt: skip
def test_the_variable_ci_says_so(value: str, runner: bool) -> None:
    """CI=true is how runners tell; people switch it off by emptying it or by false."""
    assert in_ci({"CI": value}) is runner
    assert not in_ci({})


def test_in_a_terminal_the_name_is_typed(question: Question) -> None:
    """What will be billed stands above the prompt; what is typed is the answer, without its end."""
    out = Terminal()
    asked = confirmation(None, None, (Terminal("production \nmore"), out), {})
    assert asked.ask
    assert asked.ask(question) == "production"
    assert out.getvalue() == (
        "production is protected: 1,249 items for 2026-11-30 at rest.na.zuora.com, "
        f"digest {question.chosen.digest[:12]}\n"
        "Type the tenant's name to bill, anything else to stop: "
    )


@pytest.mark.parametrize(
    ("days", "told"),
    [([], "0 items at"), ([1], "1 item for 2026-11-01 at"), ([30, 1, 15], "to 2026-11-30 at")],
)
def test_the_dates_are_part_of_the_question(question: Question, days: list[int], told: str) -> None:
    """First and last target date are said, if there are any."""
    plan = question.chosen.plan
    item = plan.items[0]
    items = tuple(
        replace(item, identity=replace(item.identity, target_date=date(2026, 11, day)))
        for day in days
    )
    out = Terminal()
    asked = confirmation(None, None, (Terminal("x\n"), out), {})
    assert asked.ask
    asked.ask(about(replace(plan, items=items)))
    assert told in out.getvalue()


def test_accounts_by_number_are_part_of_the_question(question: Question) -> None:
    """What is looked up only later is counted too."""
    plan = question.chosen.plan
    named = Account(None, Source("spec.yaml", 9), None, None, 1, "A00991201")
    out = Terminal()
    asked = confirmation(None, None, (Terminal("x\n"), out), {})
    assert asked.ask
    asked.ask(about(replace(plan, unresolved=(named,))))
    assert "1,250 items for 2026-11-30" in out.getvalue()


def test_a_new_ledger_is_part_of_the_question(question: Question) -> None:
    """Who types the name has read that no ledger is there."""
    out = Terminal()
    asked = confirmation(None, None, (Terminal("x\n"), out), {})
    assert asked.ask
    asked.ask(replace(question, new_ledger=True))
    assert "There is no ledger of production in /p/.zbatch: a new one begins." in out.getvalue()


@pytest.mark.parametrize(
    "typed", [Terminal(""), Terminal("\n"), Damaged(io.BytesIO(b"\xff\n"), "utf-8")]
)
def test_no_answer_is_no_name(question: Question, typed: TextIO) -> None:
    """The end of the input, an empty line, and what is no text are wrong names."""
    asked = confirmation(None, None, (typed, Terminal()), {})
    assert asked.ask
    assert asked.ask(question) == ""


@pytest.mark.parametrize(
    ("streams", "environ"),
    [
        ((io.StringIO("production\n"), Terminal()), {}),
        ((Terminal("production\n"), io.StringIO()), {}),
        ((None, Terminal()), {}),
        ((Terminal("production\n"), Terminal()), {"CI": "true"}),
    ],
)
def test_nobody_is_asked_who_cannot_answer(
    streams: tuple[io.StringIO | None, io.StringIO], environ: dict[str, str]
) -> None:
    """Without a terminal on both sides, and in CI, there is no prompt."""
    assert confirmation(None, None, streams, environ).ask is None


def test_flags_are_taken_as_they_are(question: Question) -> None:
    """A flag names the tenant, and what is worth knowing is said although nobody is asked."""
    out = io.StringIO()
    given = confirmation("production", "other", (None, out), {"CI": "1"})
    assert (given.tenant, given.new_ledger, given.thrown_away) == ("production", "other", True)
    assert given.tell
    given.tell(question)
    assert out.getvalue() == ""
    given.tell(replace(question, new_ledger=True))
    assert out.getvalue().startswith("There is no ledger of production in /p/.zbatch")


def test_a_ledger_that_is_there_is_not_said_to_begin(question: Question, tmp_path: Path) -> None:
    """A damaged ledger may have billed: nobody is told that a new one begins in its place."""
    state = State(tmp_path)
    question = replace(question, state=state, new_ledger=True)
    state.ledger(question.tenant).parent.mkdir()
    state.ledger(question.tenant).write_bytes(b"cut off")
    out = io.StringIO()
    given = confirmation("production", None, (None, out), {})
    assert given.tell
    given.tell(question)
    assert "ledger.sqlite3, tells of no run: it is new, cut off or damaged" in out.getvalue()
    assert "begins" not in out.getvalue()


def test_what_was_typed_before_the_question_is_no_answer(question: Question) -> None:
    """A name that waits in the terminal was meant for something else; what comes after counts."""
    ours, theirs = os.openpty()

    class Screen(Terminal):
        def flush(self) -> None:
            os.write(ours, b"stop\n")

    os.write(ours, b"production\n")
    with open(theirs, encoding="utf-8") as source:
        assert select.select([theirs], [], [], 10)[0]
        asked = confirmation(None, None, (source, Screen()), {}).ask
        assert asked is not None
        assert asked(question) == "stop"
    os.close(ours)
