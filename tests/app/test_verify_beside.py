"""The tenant held against the ledger while a run bills: what it brings about meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.accounts import account
from support.runs import Away, Project
from zbatch.app import verify as module
from zbatch.app.comparing import Comparing
from zbatch.app.subject import known_of
from zbatch.app.verify import Verified, VerifyOptions, verify
from zbatch.emulator import Scheduled
from zbatch.emulator.catalogue import fault
from zbatch.engine.agreement import LedgerEntry
from zbatch.model import ExitCode, Outcome

Meanwhile = Callable[..., None]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Let things happen, one after each reading of the ledger, before the tenant is asked."""

    def after_each_reading(*happenings: Callable[[], object]) -> None:
        left = list(happenings)

        def read(*given: Any) -> Any:
            known = known_of(*given)
            if left:
                left.pop(0)()
            return known

        monkeypatch.setattr(module, "known_of", read)

    return after_each_reading


def verified(project: Project, spec: Path) -> Verified:
    return verify(VerifyOptions(str(spec), folder=project.root, wait=0.0))


def test_what_a_run_bills_while_the_tenant_is_asked_is_no_finding(
    project: Project, tenant: Callable[..., Away], meanwhile: Meanwhile
) -> None:
    """The ledger holds it once the answers are there: it is read again, and those are asked for."""
    away = tenant()
    spec = project.spec(1, 2, 3, tenant="real")
    meanwhile(lambda: project.run(spec))
    found = verified(project, spec)
    assert (found.findings, found.exit_code) == ((), ExitCode.OK)
    assert found.outcomes[Outcome.INVOICED] == 3
    assert [(one.currency, one.invoices) for one in found.totals] == [("USD", 3)]
    assert found.asked == 2
    assert [len(away.billing.of(number)) for number in (1, 2, 3)] == [1, 1, 1]


def test_what_a_run_bills_after_it_was_asked_about_is_not_missing(
    project: Project, tenant: Callable[..., Away], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer showed nothing, and was right; the ledger has it by the time it is told."""
    tenant()
    spec = project.spec(1, tenant="real")
    compared, runs = Comparing.compared, [project.run]

    def asked(self: Comparing, entries: list[LedgerEntry]) -> Any:
        found = compared(self, entries)
        while runs:
            runs.pop()(spec)
        return found

    monkeypatch.setattr(Comparing, "compared", asked)
    found = verified(project, spec)
    assert (found.findings, found.exit_code, found.asked) == ((), ExitCode.OK, 2)


def test_what_somebody_else_bills_meanwhile_is_told(
    project: Project, tenant: Callable[..., Away], meanwhile: Meanwhile
) -> None:
    """Only what the ledger knows by then is no finding; of that, nothing is asked again."""
    away = tenant()
    spec = project.spec(1, 2, tenant="real")
    meanwhile(lambda: away.billing.by_hand(1))
    found = verified(project, spec)
    told = [(item.identity.account_id, one.code.value) for item, one in found.findings]
    assert told == [(account(1), "unrecorded"), (account(2), "missing")]
    assert (found.exit_code, found.asked) == (ExitCode.FAILURES, 1)


def test_a_second_invoice_is_told_however_much_the_ledger_goes_on(
    project: Project, tenant: Callable[..., Away], meanwhile: Meanwhile
) -> None:
    """That the run has billed it meanwhile does not excuse what somebody else has made besides."""
    away = tenant()
    spec = project.spec(1, 2, tenant="real")

    def both() -> None:
        project.run(spec)
        away.billing.by_hand(2)

    meanwhile(both)
    found = verified(project, spec)
    told = [(item.identity.account_id, one.code.value) for item, one in found.findings]
    assert told == [(account(2), "duplicate")]


def test_what_a_run_settles_while_the_tenant_is_asked_is_in_doubt_no_more(
    project: Project, tenant: Callable[..., Away], meanwhile: Meanwhile
) -> None:
    """Nobody is sent to reconcile what is settled by then."""
    away = tenant(faults=(Scheduled(fault("reset", when="before_execution"), at=1),))
    spec = project.spec(1, tenant="real", retry={"max_attempts": 1})
    assert project.run(spec).outcomes == {"unknown": 1}
    meanwhile(lambda: project.run(spec))
    found = verified(project, spec)
    assert (found.in_doubt, found.findings, found.exit_code) == ((), (), ExitCode.OK)
    assert len(away.billing.of(1)) == 1
