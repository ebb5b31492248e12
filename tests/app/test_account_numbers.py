"""Accounts named by number: asked for before anything is sent, and never guessed."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.accounts import account
from support.behind import Shortly
from support.runs import IMPATIENT, QUERY, Away, Project, Watch, away
from zbatch.app.api import RunOptions
from zbatch.app.run import run
from zbatch.app.signals import SIGNALS
from zbatch.emulator import Delivery, Mishap, Scheduled
from zbatch.emulator.catalogue import fault
from zbatch.engine.events import Event, Gated, Resolving
from zbatch.errors import CannotStart, Interrupted
from zbatch.spec import Diagnostic, SpecError

Start = Callable[..., Away]


def number_of(one: int) -> str:
    """Give the number of an account in the books of these tests."""
    return f"A{one:08d}"


def book(project: Project, *lines: tuple[int, str], name: str = "book.csv") -> Path:
    """Write an account book: accounts by their number here, each with its number there."""
    path = project.root / name
    body = "".join(f"{account(one)},{number},0s\n" for one, number in lines)
    path.write_text(f"account_id,account_number,latency\n{body}", "utf-8")
    return path


def numbered(project: Project, count: int) -> Path:
    """Write a book of so many accounts, numbered in order."""
    return book(project, *((one, number_of(one)) for one in range(1, count + 1)))


def named(*ones: int) -> list[dict[str, Any]]:
    """Name accounts by their numbers."""
    return [{"number": number_of(one)} for one in ones]


def problems(error: SpecError) -> list[tuple[str, int, int, str]]:
    """Give place and code of each diagnostic."""
    return [
        (Path(found.file).name, found.line, found.column, found.code)
        for found in sorted(error.diagnostics)
    ]


@pytest.fixture
def numbers(project: Project, tenant: Start) -> Away:
    """Give a tenant of 250 numbered accounts that is reached as a real one."""
    return tenant(book=numbered(project, 250))


def test_accounts_named_by_number_are_billed_by_their_ids(project: Project, numbers: Away) -> None:
    """250 numbers are three questions before the first call; the report has number and ID."""
    told = project.run(project.spec(*named(*range(1, 251)), tenant="real"))
    assert (told.code, told.outcomes) == (0, {"invoiced": 250})
    assert told.events[0] == Resolving(250)
    for one in (1, 250):
        line = told.line(one)
        assert (line["account_number"], line["account_id"]) == (number_of(one), account(one))
    asked = [
        json.loads(one.content or b"")["queryString"] for one in numbers.billing.exchanges(QUERY)
    ]
    counts = [text.count("AccountNumber = ") for text in asked]
    assert (sorted(counts[:3]), set(counts[3:])) == ([50, 100, 100], {0})
    assert "from Invoice" in asked[3]
    assert told.result.asked == len(asked)


def test_a_second_run_asks_again_and_sends_nothing(project: Project, numbers: Away) -> None:
    """The ledger knows IDs, and a number may have gone to another account since."""
    spec = project.spec(*named(1, 2), tenant="real")
    assert project.run(spec).outcomes == {"invoiced": 2}
    again = project.run(spec)
    assert (again.code, again.result.sent, again.result.asked) == (0, 0, 1)
    assert [line["account_number"] for line in again.lines] == [number_of(1), number_of(2)]


def test_the_embedded_tenant_resolves_numbers_too(project: Project) -> None:
    """The built-in emulator knows the numbers of its book."""
    project.tenants()
    numbered(project, 3)
    told = project.run(project.spec(*named(3), 1))
    assert (told.code, told.outcomes) == (0, {"invoiced": 2})
    assert [line["account_number"] for line in told.lines] == [number_of(3), None]


def test_numbers_from_a_file_are_resolved(project: Project, numbers: Away) -> None:
    """A column account_number names accounts as {number: …} does."""
    (project.root / "accounts.csv").write_text(f"account_number\n{number_of(7)}\n{number_of(8)}\n")
    told = project.run(project.spec({"file": "../accounts.csv"}, 9, tenant="real"))
    assert told.outcomes == {"invoiced": 3}
    assert told.line(7)["source"]["file"].endswith("accounts.csv")
    assert told.line(8)["account_number"] == number_of(8)


def test_every_number_that_is_not_one_account_is_told(project: Project, tenant: Start) -> None:
    """Each at its own place in spec and CSV, unknown or ambiguous; nothing is sent."""
    served = tenant(book=book(project, (1, "A1"), (2, "B2"), (3, "B2"), (4, "C4")))
    (project.root / "accounts.csv").write_text("account_number\nC4\nX9\nB2\n")
    spec = project.spec(
        *[{"number": "A1"}, {"number": "X7"}, {"number": "X8"}, {"file": "../accounts.csv"}],
        tenant="real",
        exclude=[{"number": "X6", "reason": "dispute"}],
    )
    with pytest.raises(SpecError) as refused:
        project.run(spec)
    assert [(file, line, code) for file, line, _, code in problems(refused.value)] == [
        ("accounts.csv", 3, "ZB520"),
        ("accounts.csv", 4, "ZB521"),
        ("month-end.yaml", 8, "ZB520"),
        ("month-end.yaml", 9, "ZB520"),
        ("month-end.yaml", 15, "ZB520"),
    ]
    told = str(refused.value)
    assert f'the number "B2" is that of 2 accounts: {account(2)} (Active), {account(3)}' in told
    assert "no account of tenant real (" in told
    assert (served.billing.exchanges(), project.runs()) == ([], [])


def test_more_wrong_numbers_than_ten_are_told_one_by_one(project: Project, numbers: Away) -> None:
    """Only the tenant can tell them, so nobody sends for each ten of them again."""
    wrong = [{"number": f"X{n}"} for n in range(30)]
    with pytest.raises(SpecError) as refused:
        project.run(project.spec(*wrong, tenant="real"))
    assert str(refused.value).count("ZB520") == 30


def test_an_account_by_id_and_by_number_is_one(project: Project, numbers: Away) -> None:
    """Only with its ID it turns out to be listed twice, and both places are told."""
    spec = project.spec(1, 2, *named(2), tenant="real")
    with pytest.raises(SpecError) as refused:
        project.run(spec)
    (found,) = refused.value.diagnostics
    assert (found.code, found.line) == ("ZB302", 9)
    assert [place.line for place in found.related] == [8]
    assert numbers.billing.exchanges() == []


def test_an_account_by_number_in_a_file_and_by_id_is_one(project: Project, numbers: Away) -> None:
    """The same across the spec and its list."""
    (project.root / "accounts.csv").write_text(f"account_number\n{number_of(5)}\n")
    spec = project.spec(5, {"file": "../accounts.csv"}, tenant="real")
    with pytest.raises(SpecError) as refused:
        project.run(spec)
    assert [found.code for found in refused.value.diagnostics] == ["ZB302"]
    assert numbers.billing.exchanges() == []


@pytest.mark.parametrize(("listed_by", "by"), [("id", "number"), ("number", "id"), ("number",) * 2])
def test_who_is_kept_out_is_kept_out_under_either_name(
    project: Project, numbers: Away, listed_by: str, by: str
) -> None:
    """An exclusion by number keeps out an account by ID, and the other way round."""
    one = {"number": number_of(1)} if by == "number" else {"id": account(1)}
    listed = [1, 2] if listed_by == "id" else named(1, 2)
    spec = project.spec(*listed, tenant="real", exclude=[{**one, "reason": "dispute"}])
    told = project.run(spec)
    assert [line["account_id"] for line in told.lines] == [account(2)]
    assert numbers.billing.of(1) == []


def idle(*, by_number: bool) -> tuple[list[Any], list[dict[str, Any]]]:
    """Give accounts and exclusions with other kinds of names: one of use, idle, and twice."""
    ids, numbers = [1, 2], named(1, 2)
    outs = [{"id": account(one)} if by_number else named(one)[0] for one in (1, 3)]
    again = named(1)[0] if by_number else {"id": account(1)}
    listed = numbers if by_number else ids
    return listed, [{**one, "reason": "dispute"} for one in (*outs, again)]


@pytest.mark.parametrize("by_number", [False, True])
def test_exclusions_that_keep_nobody_out_are_told_once_numbers_are_known(
    project: Project, numbers: Away, *, by_number: bool
) -> None:
    """What only the tenant's answer shows is a warning before the first call, and once."""
    listed, exclude = idle(by_number=by_number)
    told: list[Diagnostic] = []
    spec = project.spec(*listed, tenant="real", exclude=exclude)
    assert project.run(spec, warn=told.extend).outcomes == {"invoiced": 1}
    lines = spec.read_text().splitlines()
    assert [one.code for one in told] == ["ZB915", "ZB916"]
    assert [
        str(exclude[at].get("id") or exclude[at]["number"]) in one.message
        for at, one in zip((1, 2), told, strict=True)
    ] == [True, True]
    assert all("dispute" in lines[one.line] for one in told)


def test_an_idle_exclusion_that_is_seen_offline_is_told_once(
    project: Project, numbers: Away
) -> None:
    """Where all are named by number the tenant's answer adds nothing to what was said before."""
    told: list[Diagnostic] = []
    exclude = [{**named(3)[0], "reason": "dispute"}]
    project.run(project.spec(*named(1), tenant="real", exclude=exclude), warn=told.extend)
    assert [one.code for one in told] == ["ZB915"]


def test_under_strict_an_idle_exclusion_sends_nothing(project: Project, numbers: Away) -> None:
    """A warning that comes with the tenant's answer is an error like any other."""
    listed, exclude = idle(by_number=False)
    spec = project.spec(*listed, tenant="real", exclude=exclude)
    with pytest.raises(SpecError) as refused:
        project.run(spec, strict=True)
    assert [found.code for found in refused.value.diagnostics] == ["ZB915", "ZB916"]
    assert all(numbers.billing.of(one) == [] for one in (1, 2))


def test_totals_are_held_against_what_numbers_come_to(project: Project, numbers: Away) -> None:
    """`expect` counts accounts, and which these are is known only now."""
    spec = project.spec(
        *[1, 2],
        *named(3),
        tenant="real",
        expect={"accounts": 2},
        exclude=[{"number": number_of(2), "reason": "dispute"}],
    )
    assert project.run(spec).outcomes == {"invoiced": 2}
    wrong = project.spec(*named(3, 4), tenant="real", name="other", expect={"accounts": 3})
    with pytest.raises(SpecError, match="ZB3"):
        project.run(wrong)
    assert numbers.billing.of(4) == []


# What goes wrong while numbers are asked for


@pytest.mark.parametrize(
    "mishap",
    [
        Mishap(executed=False, delivery=Delivery.RESET),
        Mishap(executed=False, status=500),
        Mishap(executed=False, status=429, headers=(("Retry-After", "0"),)),
        Mishap(executed=False, status=401),
        fault("garbage_status_line"),
    ],
    ids=["reset", "500", "429", "401", "garbage"],
)
def test_passing_trouble_is_asked_through(project: Project, numbers: Away, mishap: Mishap) -> None:
    """A question only reads, so it is asked again; each account is billed once."""
    numbers.faults.switch([Scheduled(mishap, at=1, action="query")])
    told = project.run(project.spec(*named(1, 2), tenant="real"), chance=Shortly())
    assert (told.code, told.outcomes) == (0, {"invoiced": 2})
    assert (len(numbers.billing.of(1)), len(numbers.billing.of(2))) == (1, 1)


@pytest.mark.parametrize(
    ("mishap", "action", "told"),
    [
        (Mishap(executed=False, status=403), "query", "a question was not answered"),
        (fault("redirect"), "query", "a question was not answered"),
        (fault("wrong_secret"), "token", "variable ZUORA_CLIENT_ID and the .* ZUORA_CLIENT_SECRET"),
        (fault("paging_loop"), "query", "promises something; nothing"),
    ],
    ids=["refused", "redirect", "token", "loop"],
)
def test_where_the_tenant_does_not_tell_nothing_is_sent(
    project: Project, numbers: Away, mishap: Mishap, action: str, told: str
) -> None:
    """Exit 6, and no run is begun."""
    numbers.faults.switch([Scheduled(mishap, every=1, action=action)])
    spec = project.spec(*named(1), tenant="real")
    with pytest.raises(CannotStart, match=told) as error:
        project.run(spec, patience=IMPATIENT, chance=Shortly())
    assert str(error.value).endswith("nothing was sent")
    assert (numbers.billing.exchanges(), project.runs()) == ([], [])


def test_where_the_tenant_cannot_be_reached_nothing_is_sent(project: Project) -> None:
    """Exit 6 where nobody listens."""
    project.tenants(real="http://127.0.0.1:1")
    with pytest.raises(CannotStart, match="nothing was sent"):
        project.run(project.spec(*named(1), tenant="real"), patience=IMPATIENT)
    assert project.runs() == []


# Interruptions, and numbers that change hands


class Interrupter(Watch):
    """Sends signals to this process while a question waits for its time."""

    def __init__(self, *signals: signal.Signals) -> None:
        super().__init__()
        self.signals = signals

    def event(self, event: Event) -> None:
        super().event(event)
        if isinstance(event, Gated):
            for number in self.signals:
                os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_numbers_are_asked_for_ends_at_once(
    project: Project, numbers: Away, number: signal.Signals
) -> None:
    """Nothing was sent and no run begun; the signals' handlers are as they were."""
    before = [signal.getsignal(one) for one in SIGNALS]
    throttled = Mishap(executed=False, status=429, headers=(("Retry-After", "600"),))
    numbers.faults.switch([Scheduled(throttled, every=1, action="query")])
    watch = Interrupter(number, number)
    with pytest.raises(Interrupted, match="nothing was sent") as error:
        run(RunOptions(project.spec(*named(1), tenant="real")), watch)
    assert error.value.signal == number
    assert "started" not in watch.order
    assert (numbers.billing.exchanges(), project.runs()) == ([], [])
    assert [signal.getsignal(one) for one in SIGNALS] == before


class Slow(Watch):
    """Lets time pass while numbers are asked for."""

    def event(self, event: Event) -> None:
        super().event(event)
        if isinstance(event, Resolving):
            time.sleep(1.1)


def test_the_deadline_of_a_run_counts_the_asking_for_numbers(
    project: Project, numbers: Away
) -> None:
    """Asking took longer than the deadline: nothing is sent, and running again may go on."""
    spec = project.spec(*named(1), tenant="real", stop={"deadline": "1s"})
    result = run(RunOptions(spec), Slow())
    assert (result.exit_code, result.sent) == (4, 0)
    assert result.stop is not None
    assert "have passed since the run began (stop.deadline is 1 s" in result.stop
    assert numbers.billing.exchanges() == []


def test_no_wait_that_outlasts_the_deadline_is_begun_while_numbers_are_asked_for(
    project: Project, numbers: Away
) -> None:
    """The tenant wants ten minutes, the run has one: it ends at once, and nothing was sent."""
    throttled = Mishap(executed=False, status=429, headers=(("Retry-After", "600"),))
    numbers.faults.switch([Scheduled(throttled, every=1, action="query")])
    spec = project.spec(*named(1), tenant="real", stop={"deadline": "1m"})
    began = time.monotonic()
    with pytest.raises(CannotStart, match="a wait of 600 s would outlast the run's deadline"):
        run(RunOptions(spec), Watch())
    assert time.monotonic() - began < 60.0
    assert numbers.billing.exchanges() == []


def test_a_number_that_changes_hands_is_another_account(project: Project, tmp_path: Path) -> None:
    """What is in doubt under the old ID is named and keeps the exit code; the new one is billed."""
    lost = Mishap(executed=True, delivery=Delivery.RESET)
    spec = project.spec({"number": "A1"}, tenant="real", retry={"max_attempts": 1})
    with away(tmp_path / "tenant", book=book(project, (1, "A1"), (2, "B2"))) as before:
        project.tenants(real=before.url)
        before.faults.switch([Scheduled(lost, every=1)])
        told = project.run(spec, chance=Shortly())
        assert (told.code, told.line(1)["outcome"]) == (3, "unknown")
        assert told.line(1)["account_number"] == "A1"
    port = int(before.url.rpartition(":")[2])
    named_anew = book(project, (1, "B2"), (2, "A1"))
    with away(tmp_path / "tenant", book=named_anew, port=port) as after:
        again = project.run(spec)
        assert (again.code, again.line(2)["outcome"]) == (3, "invoiced")
        assert again.line(2)["account_number"] == "A1"
        (stray,) = again.result.strays
        assert (stray.item.identity.account_id, stray.item.account_number) == (account(1), "A1")
    assert (len(after.billing.of(1)), len(after.billing.of(2))) == (1, 1)


def test_a_reconciliation_asks_for_numbers_too(project: Project, numbers: Away) -> None:
    """It settles items that its spec names by number, and reports them by both names."""
    lost = Mishap(executed=True, delivery=Delivery.RESET)
    spec = project.spec(*named(1), tenant="real", retry={"max_attempts": 1})
    numbers.faults.switch([Scheduled(lost, every=1)])
    first = project.run(spec, chance=Shortly())
    assert first.code == 3
    numbers.faults.switch()
    project.let_pass(first.result, numbers.billing, 2.0)
    told = project.reconcile(spec)
    assert (told.code, told.line(1)["outcome"]) == (0, "invoiced")
    assert told.line(1)["account_number"] == number_of(1)
    assert told.result.asked == 3  # for the number, to settle it, and to read it back
