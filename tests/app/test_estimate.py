"""How long a plan says that it takes, beside how long a run on virtual time then takes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from support.accounts import account
from support.engine import Bench, ScriptedServer, item, success, works_of
from support.mishaps import DROP_AFTER
from support.runs import Away, Project
from zbatch.app.loading import Overrides
from zbatch.app.outstanding import Wish
from zbatch.app.review.approval import choose
from zbatch.app.review.estimate import estimate
from zbatch.app.review.in_turn import INVOICE_SECONDS, InTurn
from zbatch.app.review.load import Load
from zbatch.app.review.preview import preview
from zbatch.cli.plan_words import requests
from zbatch.emulator import Mishap, Scheduled
from zbatch.engine.order import Work
from zbatch.engine.settings import ask_life
from zbatch.model import Limits, Rate
from zbatch.zuora.wire import Fault, Reply, Request

DATES = ("2026-09-30", "2026-10-31", "2026-11-30")
NEAR = 0.15  # of the time that the run takes


class Uneven(ScriptedServer):
    """Takes now longer, now less long for an invoice, so that answers do not come together."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type] # as it was given
        self._random = Random(1)

    async def send(self, request: Request) -> Reply | Fault:
        self.latency = INVOICE_SECONDS * self._random.uniform(0.5, 1.5)
        return await super().send(request)


def limits(concurrency: int, per_second: int, objects: int = 1) -> Limits:
    return Limits(concurrency, Rate(per_second, 1.0), objects, 150.0)


@pytest.mark.parametrize(
    ("each", "bound", "decided_by"),
    [
        ([1] * 50, limits(10, 10), "concurrency"),
        ([1] * 200, limits(40, 1000), "concurrency"),
        ([1] * 700, limits(40, 1000), "concurrency"),
        ([1] * 200, limits(40, 2), "rate"),
        ([12] * 2, limits(10, 10), "account"),
        ([4] * 30, limits(10, 10), "concurrency"),
        ([4] * 30, limits(10, 2), "rate"),
        ([2] * 300, limits(10, 10), "concurrency"),
        ([2] * 300, limits(10, 2), "rate"),
        ([4] * 150, limits(40, 100), "concurrency"),
        ([1] * 350 + [2] * 50, limits(10, 10), "concurrency"),
        ([2] * 50 + [1] * 350, limits(10, 10), "concurrency"),
    ],
)
def test_a_run_asks_and_takes_as_its_plan_said(
    each: list[int], bound: Limits, decided_by: str
) -> None:
    """It begins with few, and an account's dates wait for each other.

    The next dates are asked about with those of other accounts, as long as some are to come.
    """
    days = [(account, day) for account, dates in enumerate(each) for day in range(1, dates + 1)]
    works = [Work(place, (item(*one),), 0) for place, one in enumerate(days)]
    bench = Bench(limits=bound, ask_latency=INVOICE_SECONDS, make_server=Uneven)
    run = bench.run(works, lambda request, before: success())
    in_turn = InTurn.of(each, bound)
    load = Load.of(len(works), len(works), 0, bound, in_turn)
    told = estimate(load, bound, in_turn.most)
    assert load.questions == pytest.approx(run.ending.asked, rel=0.2)
    assert told.seconds == pytest.approx(run.elapsed, rel=NEAR)
    assert told.decided_by == decided_by


@pytest.mark.parametrize(
    "rate",
    [Rate(10, 3600.0), Rate(12, 3600.0), Rate(30, 3600.0), Rate(1, 60.0), Rate(2, 60.0)],
)
def test_at_a_slow_rate_a_question_grows_old_before_all_of_its_items_have_left(rate: Rate) -> None:
    """At ten an hour each item has a question of its own, and the run takes twice as long."""
    bound, works = Limits(10, rate, 1, 150.0), works_of([item(n) for n in range(40)])
    life = ask_life(bound) + 1.0
    bench = Bench(bound, ask_latency=INVOICE_SECONDS, latency=INVOICE_SECONDS, ask_life=life)
    run = bench.run(works, lambda request, before: success())
    load = Load.of(40, 40, 0, bound, InTurn.of([1] * 40, bound))
    assert load.questions == pytest.approx(run.ending.asked, abs=1.0)
    assert estimate(load, bound).seconds == pytest.approx(run.elapsed, rel=NEAR)


def test_calls_of_several_objects_are_asked_about_by_the_call() -> None:
    """The next dates of fifty accounts are one call and one question, whenever they come."""
    whole = InTurn.of([3] * 200, limits(10, 10, objects=50))
    assert whole.questions_of(600) == 600 // 50
    few = InTurn.of([1, 1, 1, 2] * 5, limits(10, 10, objects=10))
    assert few.questions_of(25) == 2, "two calls at first, and one of five items after them"


def test_questions_read_back_what_came_of_calls() -> None:
    """A hundred items each, or what is settled within a minute: then they are not waited for.

    At least it is one for a hundred items, since nobody knows how fast a tenant is.
    """
    assert Load.of(1000, 1000, 1000, limits(10, 10), InTurn()) == Load(1000, 20, 10)
    slow = Limits(10, Rate(6, 60.0), 1, 150.0)
    assert Load.of(70, 70, 70, slow, InTurn()) == Load(70, 2, 10)
    assert Load.of(0, 100, 0, slow, InTurn()) == Load(0, 2)
    alone = Limits(1, Rate(100, 1.0), 1, 150.0)
    assert Load.of(9600, 9600, 9600, alone).limited == 9888, "a day of an API sandbox holds it"


def test_what_is_only_asked_about_takes_no_calls() -> None:
    """And what is not even asked about takes no time."""
    asked = estimate(Load(0, 2), limits(10, 10))
    assert (asked.seconds, asked.decided_by) == (INVOICE_SECONDS + 0.1, "rate")
    assert estimate(Load(0, 0), limits(10, 10)).decided_by is None


def test_who_waits_for_whom() -> None:
    """Accounts with nothing to send wait for nobody, as does the first of each."""
    assert InTurn.of([], limits(10, 10)) == InTurn()
    assert InTurn.of([1, 0, 1], limits(10, 10)) == InTurn(1)
    assert InTurn.of([0, 1, 3, 2], limits(10, 10)) == InTurn(3, 3, last=6, questions=4)


def test_a_plan_tells_as_many_questions_as_its_run_asks(project: Project) -> None:
    """About later dates, to look numbers up, and to read back what was invoiced."""
    project.tenants()
    pairs = [{"target_date": one} for one in DATES]
    one = project.spec(1, 2, {"id": 3, "dates": pairs, "reason": "late"}, dates=DATES[:1])
    told = preview(choose(one, Overrides())).load
    assert (told.calls, told.questions) == (5, 4)
    ran = project.run(one)
    assert (ran.result.sent, ran.result.asked) == (told.calls, told.questions)
    assert preview(choose(one, Overrides())).load.limited == 0


def test_what_is_tried_again_goes_alone(project: Project) -> None:
    """However many items a call may have, and whatever new ones there are beside it."""
    project.tenants()
    project.book(a1="Canceled,due,1,0s", a2="Canceled,due,1,0s")
    two: dict[str, Any] = {"limits": {"objects_per_call": 2}}
    project.run(project.spec(1, 2, **two))
    spec, wish = project.spec(1, 2, 3, 4, **two), Wish(retry_failed=True)
    told = preview(choose(spec, Overrides()), wish=wish)
    assert (told.held.to_send, told.load.calls) == (4, 3)
    assert project.run(spec, retry_failed=True).result.sent == told.load.calls


def test_a_plan_knows_which_items_wait(project: Project) -> None:
    """Those of an account with several dates; of what is done nothing waits any more."""
    project.tenants()
    pairs = [{"target_date": one} for one in DATES]
    spec = project.spec(1, 2, {"id": 3, "dates": pairs, "reason": "late"}, dates=DATES[:1])
    before = preview(choose(spec, Overrides()))
    assert (before.counts.in_turn, before.held.in_turn) == (InTurn(3, 2, 5, 3), None)
    assert before.estimate.decided_by == "account"
    project.run(project.spec(1, 2, 3, name="first", dates=DATES[:1]))
    after = preview(choose(spec, Overrides()))
    assert after.held.in_turn == InTurn(2, 1, 2, 2)
    assert after.estimate.seconds < before.estimate.seconds
    project.run(spec)
    assert preview(choose(spec, Overrides())).held.in_turn == InTurn()


def test_a_plan_asks_nothing_about_what_is_done_beside_whom_it_knows_by_number(
    project: Project,
) -> None:
    """Their dates wait for each other, and those of accounts that are billed already do not."""
    book = "".join(f"{account(one)},A{one:08d},0s\n" for one in range(1, 8))
    (project.root / "book.csv").write_text(f"account_id,account_number,latency\n{book}")
    project.tenants()
    project.run(project.spec(*range(1, 7), dates=DATES))
    spec = project.spec(*range(1, 7), {"number": "A00000007"}, dates=DATES[:2])
    told = preview(choose(spec, Overrides()))
    assert told.estimate.most == 2
    assert (told.held.in_turn, told.load.calls) == (InTurn(2, 1, 2, 2), 2)
    ran = project.run(spec)
    assert (ran.result.sent, ran.result.asked) == (told.load.calls, told.load.questions)


BOOK = "".join(f"{account(one)},A{one:08d},0s\n" for one in range(1, 20))
BY_NUMBER = [{"number": f"A{one:08d}"} for one in range(11, 14)]


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ([1, 4], [*range(1, 8)]),  # calls of three that are billed in part, and one that is not
        ([1, 2, 3], [*range(1, 8)]),  # a whole one
        ([], BY_NUMBER),  # one call a date, though an account has two of them
        ([], [1, *BY_NUMBER]),
        ([], [BY_NUMBER[0]]),
    ],
)
def test_a_plan_tells_as_many_calls_as_its_run_sends(
    before: list[Any], now: list[Any], project: Project
) -> None:
    """A call has no account twice, and what is left of one that is billed in part goes alone."""
    (project.root / "book.csv").write_text(f"account_id,account_number,latency\n{BOOK}")
    project.tenants()
    two: dict[str, Any] = {"limits": {"objects_per_call": 3}, "dates": DATES[:2]}
    if before:
        project.run(project.spec(*before, name="before", **two))
    spec = project.spec(*now, **two)
    told = preview(choose(spec, Overrides()))
    assert project.run(spec).result.sent == told.load.calls
    if not before:
        assert told.counts.calls == told.load.calls


@pytest.mark.parametrize("now", [[1, 2], [1, 2, 3], [1, 2, 3, 4]])
def test_a_call_that_is_ready_is_sent_whole_or_taken_apart(
    now: list[int], project: Project, tenant: Callable[..., Away]
) -> None:
    """It was turned away; once not all of its items are listed any more, each goes alone."""
    slow = Mishap(executed=False, status=429, headers=(("Retry-After", "7200"),))
    tenant(faults=(Scheduled(slow, at=1),))
    three: dict[str, Any] = {"tenant": "real", "limits": {"objects_per_call": 3}}
    assert project.run(project.spec(1, 2, 3, **three)).outcomes == {"not_attempted": 3}
    spec = project.spec(*now, **three)
    told = preview(choose(spec, Overrides()))
    assert project.run(spec).result.sent == told.load.calls == 2 - (now == [1, 2, 3])


def test_a_call_that_is_not_full_takes_less_time(project: Project) -> None:
    """Seven accounts of which each is left alone take no time of fifty."""
    project.tenants()
    fifty: dict[str, Any] = {"limits": {"objects_per_call": 50, "concurrency": 1}}
    few = preview(choose(project.spec(*range(1, 3), **fifty), Overrides()))
    assert (few.load.calls, few.load.objects) == (1, 2.0)
    assert few.estimate.seconds < 5 * INVOICE_SECONDS
    whole = preview(choose(project.spec(*range(1, 29), **fifty), Overrides()))
    assert whole.estimate.seconds > 28 * INVOICE_SECONDS


def test_what_waits_for_doubt_is_not_surely_sent(
    project: Project, tenant: Callable[..., Away]
) -> None:
    """The next run may find it too early to settle that, and sends nothing of the account then."""
    tenant(faults=(Scheduled(DROP_AFTER, at=1),))
    spec = project.spec(1, tenant="real", retry={"max_attempts": 1}, dates=DATES)
    assert project.run(spec).outcomes == {"unknown": 1, "not_attempted": 2}
    told = preview(choose(spec, Overrides()))
    assert (told.held.to_send, told.held.behind, told.load.calls) == (2, 2, 3)
    assert ": 0 to 3 generate calls" in requests(told)
