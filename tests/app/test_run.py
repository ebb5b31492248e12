"""A run from the spec on disk to report, ledger and the tenant's own invoices.

`Project.run` itself holds every run against report schema, run record, control totals and ledger.
"""

from __future__ import annotations

import gc
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.accounts import account
from support.runs import QUERY, TARGET, Away, Billing, Project, Watch
from zbatch.app.api import RunOptions
from zbatch.app.event_loop import SELDOM
from zbatch.app.run import run
from zbatch.emulator import Delivery, Mishap, Scheduled, ServerLimits
from zbatch.emulator.catalogue import fault
from zbatch.engine.events import Event, InFlight, Settled
from zbatch.model import ExitCode, Item
from zbatch.spec.selection import Items

ROOT = Path(__file__).parents[2]
Start = Callable[..., Away]
UNAUTHORIZED = Mishap(executed=False, status=401)


def test_a_first_run_invoices_and_a_second_one_sends_nothing(project: Project) -> None:
    """The main path, on the embedded tenant: what is settled stands, and says by which run."""
    project.book(a3="Active,none,1,0s")
    spec = project.spec(1, 2, 3)
    first = project.run(spec)
    assert (first.code, first.result.sent, first.header.outstanding) == (0, 3, 3)
    assert first.outcomes == {"invoiced": 2, "nothing_to_bill": 1}
    assert first.result.nothing_since is not None

    second = project.run(spec)
    assert (second.code, second.result.sent, second.header.outstanding) == (0, 0, 0)
    assert second.header.settled == 3
    assert second.outcomes == first.outcomes
    assert second.result.settled_by == (first.result.run_id,)
    assert (first.result.settled_earlier, second.result.settled_earlier) == (0, 3)
    assert {line["run_id"] for line in second.lines} == {second.result.run_id}
    assert {line["idempotency_key"] for line in second.lines} == {
        line["idempotency_key"] for line in first.lines
    }

    billing = Billing(project.state / "emulator")
    assert sorted(one.id for one in billing.invoices) == sorted(
        line["invoice_id"] for line in first.lines if line["success"]
    )
    assert len(billing.exchanges()) == 3


def test_a_run_goes_through_its_items_five_times_at_most(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Items are made when asked: each way through them is paid again, by all of a long list."""
    made: list[int] = []
    make = Items._at

    def counted(items: Items, position: int) -> Item:
        made.append(position)
        return make(items, position)

    monkeypatch.setattr(Items, "_at", counted)
    assert run(RunOptions(project.spec(1, 2, 3)), Watch()).exit_code == 0
    assert len(made) <= 5 * 3


def test_a_run_spares_the_collector_only_while_it_sends(project: Project) -> None:
    """What was put aside for the run is swept like everything else once it is over."""
    before, often = gc.get_freeze_count(), gc.get_threshold()
    frozen: list[int] = []
    seldom: set[tuple[int, int, int]] = set()

    class Looking(Watch):
        def event(self, event: Event) -> None:
            frozen.append(gc.get_freeze_count())
            seldom.add(gc.get_threshold())

    assert run(RunOptions(project.spec(1)), Looking()).exit_code == 0
    assert min(frozen) > before
    assert seldom == {SELDOM}
    assert (gc.get_freeze_count(), gc.get_threshold()) == (before, often)


def test_a_run_of_what_is_invoiced_reaches_for_nothing(
    project: Project, tenant: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where every item is invoiced there is nothing to ask: not even credentials are needed."""
    spec = project.spec(1, 2, tenant="real")
    away = tenant()
    project.run(spec)
    asked = len(away.billing.exchanges(QUERY))
    monkeypatch.delenv("ZUORA_CLIENT_SECRET")
    again = project.run(spec)
    assert (again.code, again.result.sent, again.result.asked) == (0, 0, 0)
    assert len(away.billing.exchanges(QUERY)) == asked


def test_a_report_line_names_the_request_that_billed(project: Project, tenant: Start) -> None:
    """Key, request ID and invoice ID of a line lead an auditor to one exchange of the tenant."""
    away = tenant()
    told = project.run(project.spec(1, 2, 3, tenant="real"))
    assert told.outcomes == {"invoiced": 3}
    exchanges = {one.key: one for one in away.billing.exchanges()}
    billed = {one.id: one for one in away.billing.invoices}
    for line in told.lines:
        exchange = exchanges[line["idempotency_key"]]
        assert (exchange.request_id, exchange.track_id) == (line["request_id"], line["track_id"])
        assert exchange.status == line["http_status"] == 200
        invoice = billed[line["invoice_id"]]
        assert (invoice.account_id, invoice.key) == (line["account_id"], exchange.key)
        assert (line["attempts"], line["error"]) == (1, None)


def test_whoever_watches_is_told_after_the_ledger(project: Project, tenant: Start) -> None:
    """Each item's outcome is told once, with the run that settled it, and the flight ends empty."""
    tenant()
    told = project.run(project.spec(*range(1, 9), tenant="real"))
    settled = [event.record for event in told.events if isinstance(event, Settled)]
    assert sorted(r.item.identity.account_id for r in settled) == [account(n) for n in range(1, 9)]
    assert {record.run_id for record in settled} == {told.result.run_id}
    flights = [event.calls for event in told.events if isinstance(event, InFlight)]
    assert flights[-1] == 0


def test_failures_are_grouped_and_end_with_1(project: Project) -> None:
    """The sample spec with failures, as it is in the repository."""
    for name in ("specs", "emulator", "tenants.yaml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, project.root / name)
    told = project.run(project.root / "specs" / "with-failures.yaml")
    assert told.result.exit_code is ExitCode.FAILURES
    assert told.outcomes == {"invoiced": 2, "failed": 3}
    assert sum(group.count for group in told.result.failures) == 3
    again = project.run(project.root / "specs" / "with-failures.yaml")
    assert (again.code, again.result.sent, again.outcomes) == (1, 0, told.outcomes)


def test_a_copy_of_the_report_is_the_same_to_the_byte(project: Project, tmp_path: Path) -> None:
    """`--report` is one more file, and as private as the first."""
    copy = tmp_path / "copy.jsonl"
    told = project.run(project.spec(1, 2), report=copy)
    assert copy.read_bytes() == told.result.report.read_bytes()
    assert copy.stat().st_mode & 0o777 == 0o600


def test_state_is_for_its_owner_only(project: Project) -> None:
    """Ledger, report, run record and the folders around them."""
    told = project.run(project.spec(1))
    for path in (told.result.report, told.result.run_record, *project.state.rglob("ledger*")):
        assert path.stat().st_mode & 0o077 == 0, path
    for folder in (project.state, told.result.report.parent, project.state / "emulator"):
        assert folder.stat().st_mode & 0o777 == 0o700, folder


def test_state_may_be_somewhere_else(project: Project, tmp_path: Path) -> None:
    """`--state-dir` takes ledger and reports; the project's own folder stays untouched."""
    other = tmp_path / "elsewhere"
    told = project.run(project.spec(1), state_dir=other)
    assert told.result.report.is_relative_to(other)
    assert not project.state.exists()
    assert project.run(project.spec(1), state_dir=other).result.sent == 0


def test_a_plan_of_two_dates_is_billed_in_their_order(project: Project, tenant: Start) -> None:
    """D20: an account's earlier date is done before its later one leaves."""
    away = tenant()
    spec = project.spec(1, 2, 3, tenant="real", dates=["2026-11-30", "2026-11-15"])
    told = project.run(spec)
    assert (told.code, told.outcomes) == (0, {"invoiced": 6})
    for number in (1, 2, 3):
        billed = [one for one in away.billing.executions if one.account_id == account(number)]
        assert [one.target_date.isoformat() for one in billed] == ["2026-11-15", "2026-11-30"]


def test_f41_several_invoices_of_one_account_are_one_success(project: Project) -> None:
    """F41: the row names the first only, and nothing is generated to learn the others."""
    project.book(a1="Active,due,3,0s")
    told = project.run(project.spec(1))
    billing = Billing(project.state / "emulator")
    assert (told.code, told.result.sent) == (0, 1)
    assert told.line(1)["invoice_id"] == billing.of(1)[0]
    assert len(billing.of(1)) == 3


def test_groups_bill_each_member_for_itself(project: Project) -> None:
    """R12: in calls of ten, cancelled members fail and the others are invoiced."""
    project.book(a3="Canceled,due,1,0s", a7="Active,none,1,0s", a14="Canceled,due,1,0s")
    told = project.run(project.spec(*range(1, 21), limits={"objects_per_call": 10}))
    assert (told.code, told.result.sent) == (1, 2)
    assert told.outcomes == {"invoiced": 17, "failed": 2, "nothing_to_bill": 1}
    billing = Billing(project.state / "emulator")
    for number in range(1, 21):
        expected = [] if number in (3, 7, 14) else [told.line(number)["invoice_id"]]
        assert billing.of(number) == expected


def test_a_locked_member_of_a_group_is_repeated_alone(project: Project, tenant: Start) -> None:
    """D11: only its row is sent again, in its next generation, and nobody is billed twice."""
    locked = Mishap(executed=False, code="LOCK_COMPETITION", rows=(4,))
    away = tenant(faults=(Scheduled(locked, at=1),))
    told = project.run(project.spec(*range(1, 11), tenant="real", limits={"objects_per_call": 10}))
    assert (told.code, told.outcomes, told.result.sent) == (0, {"invoiced": 10}, 2)
    assert len({line["idempotency_key"] for line in told.lines}) == 2
    assert told.line(5)["attempts"] == 2
    assert all(len(away.billing.of(number)) == 1 for number in range(1, 11))
    assert len(away.billing.executions) == 10


def test_a_lock_is_renewed_because_the_server_would_replay_it(
    project: Project, tenant: Start
) -> None:
    """L4: the second send has another key, and the report tells both attempts."""
    away = tenant(faults=(Scheduled(fault("locked"), at=1),))
    told = project.run(project.spec(1, tenant="real"))
    keys = [one.key for one in away.billing.exchanges()]
    assert (told.code, len(set(keys)), told.line(1)["attempts"]) == (0, 2, 2)
    assert told.line(1)["idempotency_key"] == keys[-1]


def test_a_lost_reply_is_settled_by_the_same_key(project: Project, tenant: Start) -> None:
    """D1: the resend is the question; the tenant bills once though it would bill again."""
    away = tenant(faults=(Scheduled(Mishap(delivery=Delivery.RESET), at=1),))
    told = project.run(project.spec(1, tenant="real"))
    keys = [one.key for one in away.billing.exchanges()]
    assert (told.code, len(keys), len(set(keys))) == (0, 2, 1)
    assert [told.line(1)["invoice_id"]] == away.billing.of(1)
    assert told.line(1)["attempts"] == 2


def test_a_lost_reply_to_a_group_is_settled_by_the_same_bytes(
    project: Project, tenant: Start
) -> None:
    """D10: an unanswered call of many is never split while its key lives."""
    away = tenant(faults=(Scheduled(Mishap(delivery=Delivery.RESET), at=1),))
    told = project.run(project.spec(*range(1, 11), tenant="real", limits={"objects_per_call": 10}))
    exchanges = away.billing.exchanges()
    assert len({(one.key, one.body_hash) for one in exchanges}) == 1
    assert (told.code, told.outcomes) == (0, {"invoiced": 10})
    assert len(away.billing.executions) == 10


@pytest.mark.parametrize("action", ["generate", "query"])
def test_f55_a_token_that_is_refused_once_is_refreshed_once(
    project: Project, tenant: Start, action: str
) -> None:
    """One 401: a fresh token, the same key, and nothing else of it to be seen."""
    away = tenant(faults=(Scheduled(UNAUTHORIZED, at=1, action=action),))
    told = project.run(project.spec(1, 2, 3, tenant="real"))
    assert (told.code, told.outcomes) == (0, {"invoiced": 3})
    assert len(away.billing.exchanges("/oauth/token")) == 2
    assert len({one.key for one in away.billing.exchanges()}) == 3


def test_f54_a_token_may_expire_during_a_run(project: Project, tenant: Start) -> None:
    """F54, F55: earlier than promised, too; no item is lost or goes on under another key."""
    away = tenant(limits=ServerLimits(token_life=1.5))
    told = project.run(project.spec(*range(1, 9), tenant="real", limits={"rate": "4/s"}))
    assert (told.code, told.outcomes) == (0, {"invoiced": 8})
    calls, questions = away.billing.exchanges(), away.billing.exchanges(QUERY)
    refused = [one for one in (*calls, *questions) if one.status == 401]
    assert 2 <= len(away.billing.exchanges("/oauth/token")) <= 1 + len(refused)
    assert len({one.key for one in calls}) == len([one for one in calls if one.status == 200]) == 8


def test_f105_two_names_of_one_host_share_a_ledger(project: Project, tenant: Start) -> None:
    """F105: another alias of the tenant finds everything settled."""
    away = tenant()
    project.tenants(real=away.url, alias=away.url.upper().replace("HTTP", "http"))
    assert project.run(project.spec(1, 2, tenant="real")).result.sent == 2
    again = project.run(project.spec(1, 2, tenant="alias", name="copy"))
    assert (again.code, again.result.sent, again.outcomes) == (0, 0, {"invoiced": 2})


def test_the_run_record_tells_what_was_run(project: Project) -> None:
    """Spec and plan by their digests, the tenant by its host, the versions it ran on."""
    spec = project.spec(1)
    told = project.run(spec)
    record = json.loads(told.result.run_record.read_text("utf-8"))
    assert record["spec"]["file"] == str(spec)
    assert record["plan_digest"] == told.result.plan.digest
    assert record["tenant"] == {"name": "emulator", "host": "emulator", "entity_id": None}
    assert {"zbatch", "python", "aiohttp"} <= set(record["versions"])
    assert (record["stop"], record["exit_code"]) == (None, 0)
    assert told.line(1)["target_date"] == TARGET
