"""The tenant held against the ledger: every difference is found, and nothing is changed by it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.accounts import account
from support.behind import Shortly
from support.plans import NOON
from support.runs import GENERATE, QUERY, TARGET, Away, Project, Watch, accepting
from zbatch.app.api import RunOptions
from zbatch.app.comparing import Telling
from zbatch.app.outside import Outside
from zbatch.app.run import run
from zbatch.app.verify import Verified, VerifyOptions, verify
from zbatch.emulator import (
    CurrencyField,
    Drafts,
    Modes,
    Scheduled,
    SecondGenerate,
    TaxFields,
    Temporary,
    delete_invoice,
    history,
    set_status,
)
from zbatch.emulator.catalogue import fault
from zbatch.errors import CannotStart, NothingSelected, Refused
from zbatch.ledger.place import LEDGER_FILE
from zbatch.model import ExitCode, Outcome

LOST = fault("reset")
CROSSED = fault("crossed_answer")
GUARDED = Modes(second_generate=SecondGenerate.NOTHING_TO_BILL)


@dataclass
class Asked:
    """A project whose tenant is asked, and what was told meanwhile."""

    project: Project
    told: list[str] = field(default_factory=list)

    def verify(self, what: Path | str, **options: Any) -> Verified:
        """Verify, and hold that nothing but questions has left and no file was changed."""
        before = self._files()
        values = {"wait": 0.0, "folder": self.project.root, **options}
        found = verify(VerifyOptions(str(what), tell=self.told.append, **values))
        assert self._files() == before
        return found

    def _files(self) -> dict[str, bytes]:
        folders = self.project.state.glob("*")
        mine = [one for one in folders if not (one / "emulator.sqlite3").exists()]
        files = (path for one in mine for path in one.rglob("*") if path.is_file())
        return {str(path): path.read_bytes() for path in files}


@pytest.fixture
def server(tenant: Callable[..., Away]) -> Away:
    """Run a tenant that bills whoever asks."""
    return tenant()


@pytest.fixture
def asked(project: Project) -> Asked:
    """Give a project whose tenant is asked."""
    return Asked(project)


def codes(found: Verified) -> list[tuple[str, str]]:
    """Name what was found of which account."""
    numbers = {account(number): str(number) for number in range(1, 10)}
    return [(numbers[item.identity.account_id], one.code.value) for item, one in found.findings]


def test_a_run_that_is_as_the_ledger_says(asked: Asked, server: Away) -> None:
    """All agree: exit 0, one question, no call, and the sum of what was billed."""
    spec = asked.project.spec(1, 2, 3, tenant="real")
    run = asked.project.run(spec)
    calls = len(history(server.billing.folder))
    found = asked.verify(spec)
    assert (found.exit_code, found.findings, found.items) == (ExitCode.OK, (), 3)
    assert found.outcomes[Outcome.INVOICED] == 3
    (total,) = found.totals
    cents = sum(one.cents for one in server.billing.invoices)
    assert (total.currency, total.text) == ("USD", f"{cents // 100}.{cents % 100:02}")
    mine = history(server.billing.folder)[calls:]
    assert [one.path for one in mine if one.path != "/oauth/token"] == [QUERY]
    assert found.asked == 1
    again = asked.verify(run.result.run_id[-6:])
    assert (again.run_id, again.exit_code, again.items) == (run.result.run_id, ExitCode.OK, 3)
    assert again.totals == found.totals


def test_what_is_finished_is_not_asked_about_again(asked: Asked, server: Away) -> None:
    """However long is waited for what is not: here everything is there at once."""
    spec = asked.project.spec(1, 2, tenant="real")
    asked.project.run(spec)
    server.billing.by_hand(2)
    found = asked.verify(spec, wait=1.5)
    assert (codes(found), found.asked, asked.told) == ([("2", "duplicate")], 1, [])


def test_a_hundred_accounts_are_one_question(asked: Asked, server: Away) -> None:
    """Items are asked about in questions of a hundred, in the order of the ledger."""
    spec = asked.project.spec(*range(1, 205), tenant="real")
    assert asked.verify(spec).asked == 3
    texts = [one.content or b"" for one in history(server.billing.folder) if one.path == QUERY]
    assert sorted(text.count(b"AccountId =") for text in texts) == [4, 100, 100]
    assert not server.billing.exchanges(GENERATE)


def test_a_key_that_the_server_forgot_early(asked: Asked, tenant: Callable[..., Away]) -> None:
    """D24: the one duplicate that no client can prevent is found, with both invoices."""
    forgotten = Scheduled(fault("key_evicted"), every=1, account=account(1))
    server = tenant(faults=(Scheduled(LOST, at=1), forgotten))
    spec = asked.project.spec(1, 2, tenant="real", limits={"concurrency": 1})
    assert _billed_twice(asked.project, spec) == {"invoiced": 2}
    both = server.billing.of(1)
    assert len(both) == 2
    found = asked.verify(spec)
    assert found.exit_code is ExitCode.FAILURES
    ((item, duplicate),) = found.findings
    assert (item.identity.account_id, duplicate.code) == (account(1), "duplicate")
    assert sorted(duplicate.invoice_ids) == sorted(both)
    assert "it was sent 2 times" in duplicate.message


def test_a_key_that_the_server_forgot_after_a_conflict(
    asked: Asked, tenant: Callable[..., Away]
) -> None:
    """A 409 is the word of another send, of which nobody knows: that one may have billed."""
    faults = (Scheduled(fault("conflict"), at=1), Scheduled(fault("key_evicted"), at=2))
    server = tenant(faults=faults)
    spec = asked.project.spec(1, tenant="real")
    assert _billed_twice(asked.project, spec) == {"invoiced": 1}
    assert len(server.billing.of(1)) == 2
    assert codes(asked.verify(spec)) == [("1", "duplicate")]


def test_an_invoice_made_while_a_call_waited(asked: Asked, tenant: Callable[..., Away]) -> None:
    """A wait that the tenant asks for is no part of the call: what others make then is theirs."""
    throttled = Scheduled(fault("throttled", retry_after="3", executed=True), at=1)
    evicted = Scheduled(fault("key_evicted"), at=2)
    server = tenant(faults=(throttled, evicted))
    spec = asked.project.spec(1, tenant="real")
    assert _billed_twice(asked.project, spec) == {"invoiced": 1}
    assert len(server.billing.of(1)) == 2
    assert codes(asked.verify(spec)) == [("1", "duplicate")]


def _billed_twice(project: Project, spec: Path) -> dict[str, int]:
    """Run where the tenant bills an account twice, which the harness would not let pass."""
    result = run(RunOptions(spec), Watch())
    return {one.value: n for one, n in result.totals.counts.items() if n}


def test_what_a_run_was_shown_is_not_waited_for(asked: Asked, server: Away) -> None:
    """An invoice that was read back and is not there now has been deleted: it is no late one."""
    spec = asked.project.spec(1, tenant="real")
    asked.project.run(spec)
    delete_invoice(server.billing.folder, server.billing.of(1)[0])
    found = asked.verify(spec, wait=600.0)
    ((_, difference),) = found.findings
    assert difference.message.endswith("deleted since the run, which saw it as Draft")
    assert asked.told == []


def test_what_people_have_done_since(asked: Asked, server: Away) -> None:
    """Canceled, deleted, billed once more, in error, of an unknown status: each is found."""
    spec = asked.project.spec(*range(1, 8), tenant="real")
    asked.project.run(spec)
    folder, billing = server.billing.folder, server.billing
    delete_invoice(folder, billing.of(1)[0])
    set_status(folder, billing.of(2)[0], "Canceled", 1_790_000_000.0)
    billing.by_hand(3)
    set_status(folder, billing.of(4)[0], "Error", 1_790_000_000.0)
    set_status(folder, billing.of(5)[0], "Quarantined", 1_790_000_000.0)
    set_status(folder, billing.of(6)[0], "Posted", 1_790_000_000.0)
    found = asked.verify(spec)
    assert codes(found) == [
        *(("1", "not_shown"), ("2", "canceled"), ("3", "duplicate")),
        *(("4", "canceled"), ("5", "status_unknown")),
    ]
    assert found.exit_code is ExitCode.FAILURES
    assert found.asked == 2  # the second one is about the whole account of what is not shown


def test_money_and_tax(project: Project) -> None:
    """A failed tax and an amount of zero are found; sums are exact, a currency each."""
    (project.root / "book.csv").write_text(
        "account_id,currency,amount,tax\n"
        f"{account(1)},EUR,0.10,\n{account(2)},EUR,0.20,\n{account(3)},JPY,1000.00,failed\n"
        f"{account(4)},USD,0.00,\n{account(5)},USD,-5.10,\n"
    )
    spec = project.spec(*range(1, 6))
    project.run(spec)
    found = Asked(project).verify(spec)
    assert codes(found) == [("3", "tax_failed"), ("4", "zero_amount")]
    assert [(one.currency, one.text, one.invoices) for one in found.totals] == [
        ("EUR", "0.30", 2),
        ("JPY", "1000.00", 1),
        ("USD", "-5.10", 2),
    ]


def test_all_that_differs_of_one_item(project: Project) -> None:
    """Each thing is found, not the first alone: here the tax and the amount."""
    (project.root / "book.csv").write_text(
        f"account_id,currency,amount,tax\n{account(1)},EUR,0.00,failed\n"
    )
    spec = project.spec(1)
    project.run(spec)
    assert codes(Asked(project).verify(spec)) == [("1", "tax_failed"), ("1", "zero_amount")]


def test_a_tenant_without_currency_and_tax(asked: Asked, tenant: Callable[..., Away]) -> None:
    """What it does not tell is not claimed; everything else is."""
    tenant(modes=Modes(currency_field=CurrencyField.ABSENT, tax_fields=TaxFields.ABSENT))
    spec = asked.project.spec(1, tenant="real")
    asked.project.run(spec)
    found = asked.verify(spec)
    assert found.exit_code is ExitCode.OK
    assert [(one.currency, one.invoices) for one in found.totals] == [(None, 1)]


@pytest.mark.parametrize(
    ("faults", "wanted", "invoices"),
    [((), [], 3), ((Scheduled(LOST, at=1),), [("1", "duplicate")], 1)],
    ids=["told", "lost"],
)
def test_several_invoices_of_one_call(
    asked: Asked,
    tenant: Callable[..., Away],
    tmp_path: Path,
    faults: tuple[Scheduled, ...],
    wanted: list[tuple[str, str]],
    invoices: int,
) -> None:
    """Where one call made three, they are the item's own; after a lost reply nobody knows."""
    book = tmp_path / "three.csv"
    book.write_text(f"account_id,invoices\n{account(1)},3\n")
    tenant(faults=faults, modes=GUARDED, book=book)
    spec = asked.project.spec(1, tenant="real")
    asked.project.run(spec)
    found = asked.verify(spec)
    assert codes(found) == wanted
    assert [one.invoices for one in found.totals] == [invoices]


def test_what_others_made_while_a_refused_call_waited_is_no_part_of_it(
    asked: Asked, tenant: Callable[..., Away]
) -> None:
    """L9: only the call that was let in can have billed, not the time since the first send."""
    refused = Scheduled(fault("throttled", retry_after="3"), at=1)
    server = tenant(faults=(refused,))
    spec = asked.project.spec(1, tenant="real")
    line = asked.project.run(spec).line(1)
    assert line["attempts"] == 2
    first = datetime.fromisoformat(line["started_at"]).timestamp()
    server.billing.by_hand(1, source="API", at=first + 0.2)
    assert codes(asked.verify(spec)) == [("1", "duplicate")]


def test_charges_that_were_appended(asked: Asked, tenant: Callable[..., Away]) -> None:
    """An older draft whose ID came back is found by its account, and agrees."""
    modes = Modes(drafts=Drafts.APPENDED, second_generate=SecondGenerate.BILLS_AGAIN)
    server = tenant(modes=modes)
    server.billing.by_hand(1, "2026-10-31", source="API")
    spec = asked.project.spec(1, tenant="real")
    asked.project.run(spec)
    found = asked.verify(spec)
    assert (codes(found), found.asked) == ([], 2)


@pytest.mark.parametrize(("ours_first", "code"), [(False, "unrecorded"), (True, "duplicate")])
def test_a_hand_made_draft_that_a_later_date_went_into(
    asked: Asked, tenant: Callable[..., Away], ours_first: bool, code: str
) -> None:
    """It bills its own date as well: that one is neither missing nor billed once only."""
    modes = Modes(drafts=Drafts.APPENDED, second_generate=SecondGenerate.BILLS_AGAIN)
    server = tenant(modes=modes)
    if ours_first:
        asked.project.run(asked.project.spec(1, tenant="real", dates=["2026-10-31"]))
    server.billing.by_hand(1, "2026-10-31")
    asked.project.run(asked.project.spec(1, tenant="real", dates=["2026-11-30"]))
    spec = asked.project.spec(1, tenant="real", dates=["2026-10-31", "2026-11-30"])
    assert codes(asked.verify(spec)) == [("1", code)]


def test_an_amount_that_a_later_date_has_raised(asked: Asked, tenant: Callable[..., Away]) -> None:
    """The next month is appended to the draft of the last one: ledger and tenant agree on that."""
    server = tenant(modes=Modes(drafts=Drafts.APPENDED))
    asked.project.run(asked.project.spec(1, tenant="real", dates=["2026-10-31"]))
    spec = asked.project.spec(1, tenant="real", dates=["2026-10-31", "2026-11-30"])
    asked.project.run(spec)
    assert codes(asked.verify(spec)) == []
    with closing(sqlite3.connect(server.billing.folder / "emulator.sqlite3")) as held, held:
        held.execute("UPDATE invoices SET cents = cents + 100")
    assert codes(asked.verify(spec)) == [("1", "changed")] * 2


def test_an_invoice_that_is_for_another_date(asked: Asked, server: Away) -> None:
    """What a run was told of is there, and bills another date: that is said, and which."""
    spec = asked.project.spec(1, 2, tenant="real")
    run = asked.project.run(spec)
    with closing(sqlite3.connect(server.billing.folder / "emulator.sqlite3")) as tenant, tenant:
        tenant.execute(
            "UPDATE invoices SET target_date = '2026-10-31' WHERE id = ?",
            (run.line(1)["invoice_id"],),
        )
    found = asked.verify(spec)
    assert (found.exit_code, codes(found)) == (ExitCode.FAILURES, [("1", "changed")])
    assert "target date 2026-10-31" in found.findings[0][1].message


def test_another_invoice_date(asked: Asked, server: Away) -> None:
    """Edited in the tenant, or in the spec since: neither passes for agreement."""
    spec = asked.project.spec(1, 2, tenant="real")
    run = asked.project.run(spec)
    moved = asked.project.spec(
        *(1, 2), tenant="real", dates=[{"target_date": TARGET, "invoice_date": "2026-11-20"}]
    )
    assert codes(asked.verify(moved)) == [("1", "changed"), ("2", "changed")]
    with closing(sqlite3.connect(server.billing.folder / "emulator.sqlite3")) as held, held:
        held.execute(
            "UPDATE invoices SET invoice_date = '2026-12-01' WHERE account_id = ?", (account(1),)
        )
    assert codes(asked.verify(run.result.run_id)) == [("1", "changed")]


def test_a_draft_that_a_person_has_accepted_may_be_of_another_date(
    asked: Asked, tenant: Callable[..., Away]
) -> None:
    """It was decided upon with a reason; verify does not ask for it each time."""
    server = tenant(faults=(Scheduled(LOST, at=1),))
    spec = asked.project.spec(1, tenant="real", retry={"max_attempts": 1})
    run = asked.project.run(spec)
    assert run.outcomes == {"unknown": 1}
    draft = server.billing.by_hand(1, "2026-10-31")
    decided = asked.project.reconcile(spec, accept=(accepting(1, draft),))
    assert decided.outcomes == {"invoiced": 1}
    assert "changed" not in [code for _, code in codes(asked.verify(spec))]


@pytest.mark.parametrize("temporary", list(Temporary))
def test_what_is_still_being_generated(
    asked: Asked, tenant: Callable[..., Away], temporary: Temporary
) -> None:
    """It is waited for, and for no longer than was asked; temporary invoices beside it are none."""
    tenant(modes=Modes(generating=1.5, temporary=temporary))
    spec = asked.project.spec(1, tenant="real")
    asked.project.run(spec, read_back=0.0)
    young = asked.verify(spec)
    assert codes(young) == [("1", "generating")]
    untold = int(temporary is Temporary.OWN)  # as long as the number is not its own
    assert [(one.invoices, one.untold) for one in young.totals] == [(1, untold)]
    assert asked.told == []
    found = asked.verify(spec, wait=2.0)
    assert (codes(found), found.exit_code) == ([], ExitCode.OK)
    assert "asking again until " in asked.told[0]


def test_revisions_of_one_account_and_date(asked: Asked, server: Away) -> None:
    """Each has an invoice of its own, which is no duplicate of the other's; a third one is."""
    first = asked.project.run(asked.project.spec(1, tenant="real"))
    again = {"id": 1, "revision": 2, "reason": "a further charge, FIN-1"}
    spec = asked.project.spec(again, tenant="real")
    assert asked.project.run(spec).outcomes == {"invoiced": 1}
    assert len(server.billing.of(1)) == 2
    for what in (spec, first.result.run_id):
        assert codes(asked.verify(what)) == []
    server.billing.by_hand(1)
    for what in (spec, first.result.run_id):
        assert codes(asked.verify(what)) == [("1", "duplicate")]


def test_what_was_never_billed(asked: Asked, server: Away) -> None:
    """Without any run every item is missing, and what others billed is not in the ledger."""
    spec = asked.project.spec(1, 2, tenant="real")
    server.billing.by_hand(2)
    found = asked.verify(spec)
    assert codes(found) == [("1", "missing"), ("2", "unrecorded")]
    assert found.outcomes[Outcome.NOT_ATTEMPTED] == 2


def test_what_failed_is_no_difference(asked: Asked, server: Away) -> None:
    """Ledger and tenant agree that there is nothing; what somebody has billed since is told."""
    server.faults.switch([Scheduled(fault("account_canceled"), at=1)])
    spec = asked.project.spec(1, tenant="real")
    assert asked.project.run(spec).code == 1
    assert asked.verify(spec).exit_code is ExitCode.OK
    server.billing.by_hand(1)
    assert codes(asked.verify(spec)) == [("1", "unrecorded")]


def test_doubt_outweighs_findings(asked: Asked, server: Away) -> None:
    """What the ledger does not know is exit 3, whatever else was found."""
    server.faults.switch([Scheduled(LOST, account=account(1), every=1)])
    spec = asked.project.spec(1, 2, tenant="real", retry={"max_attempts": 1})
    assert asked.project.run(spec).code == 3
    server.billing.by_hand(2)
    server.faults.switch()
    found = asked.verify(spec)
    assert codes(found) == [("1", "unrecorded"), ("2", "duplicate")]
    assert [item.identity.account_id for item in found.in_doubt] == [account(1)]
    assert found.exit_code is ExitCode.UNKNOWN


def test_a_tenant_that_does_not_answer(asked: Asked, server: Away) -> None:
    """It could not be asked: that is no agreement, and nothing was sent."""
    spec = asked.project.spec(1, tenant="real")
    asked.project.run(spec)
    refusing = fault("query_fault", code="INVALID_TYPE", message="no")
    server.faults.switch([Scheduled(refusing, every=1, action="query")])
    with pytest.raises(CannotStart, match=r"does not tell what invoices it has.*nothing was sent"):
        asked.verify(spec)


def test_trouble_on_the_way(asked: Asked, server: Away) -> None:
    """Questions are simply asked again: lost answers, limits and faults change nothing."""
    spec = asked.project.spec(1, tenant="real")
    asked.project.run(spec)
    for name in ("reset", "truncated", "query_fault", "tokens_revoked"):
        server.faults.switch([Scheduled(fault(name), every=1, times=1, action="query")])
        found = asked.verify(spec)
        assert (found.exit_code, found.asked) == (ExitCode.OK, 2)


@pytest.mark.parametrize("times", [1, 2])
def test_the_answer_to_another_question_tells_nothing(
    asked: Asked, server: Away, times: int
) -> None:
    """R8: no invoice of ours is in it. None of them is gone, and none that is there is missed."""
    server.faults.switch([Scheduled(fault("account_canceled"), account=account(2), every=1)])
    spec = asked.project.spec(1, 2, tenant="real")
    assert asked.project.run(spec).code == 1
    server.billing.by_hand(2)
    server.faults.switch([Scheduled(CROSSED, every=1, times=times, action="query")])
    assert codes(asked.verify(spec)) == [("2", "unrecorded")]


def test_nothing_but_answers_to_other_questions(asked: Asked, server: Away) -> None:
    """R8: the tenant does not tell, and that is no difference."""
    spec = asked.project.spec(1, tenant="real")
    asked.project.run(spec)
    server.faults.switch([Scheduled(CROSSED, every=1, action="query")])
    with pytest.raises(CannotStart, match="which was not asked for"):
        asked.verify(spec, outside=Outside(random=Shortly()))


def test_account_numbers_are_looked_up(asked: Asked, server: Away) -> None:
    """A spec may name accounts by number; the tenant is asked for them first."""
    number = f"A{account(1).upper()}"
    spec = asked.project.spec({"number": number}, tenant="real")
    asked.project.run(spec)
    found = asked.verify(spec)
    assert (found.exit_code, found.asked) == (ExitCode.OK, 2)


def test_an_account_has_the_number_that_the_ledger_knows(asked: Asked, server: Away) -> None:
    """Some run has looked it up: whoever reads of the account later need not do so by hand."""
    by_number = {"number": f"A{account(1).upper()}"}
    asked.project.run(asked.project.spec(by_number, tenant="real", dates=["2026-10-31"]))
    spec = asked.project.spec(1, 2, tenant="real")
    found = asked.verify(spec)
    assert codes(found) == [("1", "missing"), ("2", "missing")]
    numbers = [item.account_number for item, _ in found.findings]
    assert numbers == [by_number["number"], None]


def test_a_run_that_cannot_be_verified(asked: Asked, server: Away) -> None:
    """An unknown run, one of another tenant, and one whose tenant is not known any more."""
    with pytest.raises(NothingSelected):
        asked.verify("latest")
    asked.project.run(asked.project.spec(1, tenant="real"))
    with pytest.raises(Refused, match="another host or entity"):
        asked.verify("latest", tenant="emulator")
    url, entity = server.emulator.base_url, "0f6e3a52-7c1d-4b9e-8a60-2d5c91f7b3e4"
    other = f"{{base_url: '{url}', entity_id: {entity}}}"
    asked.project.tenants(f"tenants: {{real: {{base_url: '{url}'}}, other: {other}}}")
    with pytest.raises(Refused, match="tenant other is another host or entity"):
        asked.verify("latest", tenant="other")
    asked.project.tenants()
    with pytest.raises(Refused, match="not known here"):
        asked.verify("latest")


def test_a_run_whose_ledger_is_gone(asked: Asked, server: Away) -> None:
    """It cannot be verified: there is nothing to hold the tenant against."""
    asked.project.run(asked.project.spec(1, tenant="real"))
    for path in asked.project.state.rglob("ledger.sqlite3*"):
        path.unlink()
    with pytest.raises(CannotStart, match="there is no ledger"):
        verify(VerifyOptions("latest", folder=asked.project.root))


def test_latest_after_a_reconciliation_is_all_that_was_billed(asked: Asked, server: Away) -> None:
    """A reconciliation has but what was in doubt: the run before it is meant, as it stands now."""
    project = asked.project
    server.faults.switch([Scheduled(LOST, account=account(2), every=1)])
    first = project.run(project.spec(1, 2, tenant="real", retry={"max_attempts": 1})).result
    server.faults.switch()
    second = project.run(project.spec(3, 4, tenant="real", name="other")).result
    project.let_pass(first, server.billing, 2.0)
    reconciled = project.reconcile(tenant="real").result
    found = asked.verify("latest")
    assert (found.run_id, found.reconciled_by) == (second.run_id, (reconciled.run_id,))
    assert (found.exit_code, found.items, found.outcomes[Outcome.INVOICED]) == (ExitCode.OK, 3, 3)
    again = project.reconcile(tenant="real").result
    assert asked.verify("latest").reconciled_by == (reconciled.run_id, again.run_id)
    alone = asked.verify(reconciled.run_id)
    assert (alone.items, alone.reconciled_by) == (1, ())
    whole = project.run(project.spec(1, 2, tenant="real")).result
    found = asked.verify("latest")
    assert (found.run_id, found.items, found.reconciled_by) == (whole.run_id, 2, ())


def test_a_run_of_which_the_ledger_has_no_item(asked: Asked, server: Away) -> None:
    """Nothing compared is nothing that agrees: after a reconciliation, or with another ledger."""
    spec = asked.project.spec(1, 2, tenant="real")
    run = asked.project.run(spec).result
    nothing = asked.project.reconcile(spec).result
    with pytest.raises(NothingSelected, match="no items in the ledger"):
        asked.verify(nothing.run_id)
    (asked.project.state / run.plan.tenant.folder / LEDGER_FILE).unlink()
    asked.project.run(asked.project.spec(3, tenant="real", name="other"))
    calls = len(history(server.billing.folder))
    with pytest.raises(NothingSelected, match=f"run {run.run_id}: no items in the ledger"):
        asked.verify(run.run_id)
    assert len(history(server.billing.folder)) == calls


def test_what_is_waited_for_is_said_once_and_counted() -> None:
    """One item has, several have; the questions that follow say nothing anew."""
    for count, begins in ((1, "1 item has an invoice"), (1200, "1,200 items have an invoice")):
        said: list[str] = []
        telling = Telling(said.append)
        telling.waits(count, NOON)
        telling.waits(count, NOON + timedelta(seconds=1))
        (line,) = said
        assert line.startswith(begins)
        assert line.endswith(": asking again until 12:00:00 UTC at the latest")
