"""`zbatch plan --online`: what the tenant shows of a plan, asked for and never changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.accounts import account
from support.runs import GENERATE, IMPATIENT, QUERY, Away, Project, Watch
from zbatch.app.loading import Overrides
from zbatch.app.looking import bureau_of, look_online
from zbatch.app.numbers import Resolved, with_ids
from zbatch.app.review.approval import choose
from zbatch.app.review.held import Held
from zbatch.app.review.online import Online
from zbatch.app.review.preview import look, with_online
from zbatch.errors import CannotStart
from zbatch.spec import SpecError

Start = Callable[..., Away]
UNKNOWN = 99  # an account that no book has


def asked(spec: Path, **settings: Any) -> Online:
    """Ask for a plan, its account numbers first, and hold that nothing was sent by it."""
    chosen = choose(spec, Overrides())
    bureau = replace(bureau_of(spec, chosen.plan, None, Watch().event), **settings)
    return look_online(bureau, with_ids(chosen.plan, bureau))


def test_accounts_invoices_and_drafts_are_told(project: Project, tenant: Start) -> None:
    """Who is not there, who is not billed, what is there already, and where a draft is open."""
    project.book(a2="Canceled,due,1,0s")
    real = tenant(book=project.root / "book.csv")
    invoice = real.billing.by_hand(3)
    real.billing.by_hand(4, "2026-10-31")  # a draft of another date
    found = asked(project.spec(1, 2, 3, 4, UNKNOWN, tenant="real"))
    assert [item.identity.account_id for item in found.unknown] == [account(UNKNOWN)]
    assert [(one.id, one.status) for one in found.inactive] == [(account(2), "Canceled")]
    assert [(one.item.identity.account_id, one.invoice_ids) for one in found.there] == [
        (account(3), (invoice,))
    ]
    assert set(found.drafts) == {account(3), account(4)}
    assert (found.items, found.requests) == (5, 2)


def test_nothing_is_changed_by_it(project: Project, tenant: Start) -> None:
    """Questions alone reach the tenant; no ledger, lock or run is made, and a run then bills."""
    real = tenant(book=project.root / "book.csv")
    spec = project.spec(1, 2, tenant="real")
    asked(spec)
    assert real.billing.exchanges(GENERATE) == []
    assert len(real.billing.exchanges(QUERY)) == 2
    assert not project.state.exists()
    assert project.run(spec).outcomes == {"invoiced": 2}


def test_what_the_ledger_has_settled_is_not_asked_for(project: Project, tenant: Start) -> None:
    """Invoiced by zbatch is settled for good; what others have done is asked about again."""
    real = tenant(book=project.root / "book.csv")
    real.billing.by_hand(2)
    spec = project.spec(1, 2, tenant="real")
    assert project.run(spec).outcomes == {"invoiced": 1, "already_invoiced": 1}
    more = project.spec(1, 2, 3, tenant="real")
    found = asked(more)
    assert found.items == 2
    assert [one.item.identity.account_id for one in found.there] == [account(2)]
    settled = project.spec(1, tenant="real")
    requests = len(real.billing.exchanges(QUERY))
    assert asked(settled).items == 0
    assert len(real.billing.exchanges(QUERY)) == requests


def test_account_numbers_are_resolved_on_the_way(project: Project, tenant: Start) -> None:
    """A number becomes its account; one that nobody has is a problem with its place."""
    (project.root / "book.csv").write_text(
        f"account_id,account_number,latency\n{account(1)},A1,0s\n{account(2)},A2,0s\n"
    )
    tenant(book=project.root / "book.csv")
    found = asked(project.spec({"number": "A1"}, 2, tenant="real"))
    assert (found.items, found.unknown, found.requests) == (2, (), 3)
    with pytest.raises(SpecError, match="ZB520"):
        asked(project.spec({"number": "A3"}, tenant="real"))


def test_many_accounts_take_few_questions(project: Project, tenant: Start) -> None:
    """200 accounts are in one question, the invoices of 50 items in another."""
    tenant()
    found = asked(project.spec(*range(1, 251), tenant="real"))
    assert (found.items, found.requests) == (250, 2 + 5)


def test_a_tenant_that_does_not_answer_is_no_clean_bill(project: Project) -> None:
    """Who asks and gets no answer is told so, as a command that could not start."""
    project.tenants(real="http://127.0.0.1:9")
    with pytest.raises(CannotStart, match="does not tell what is there"):
        asked(project.spec(1, tenant="real"), patience=IMPATIENT)


def test_accounts_that_cannot_be_billed_are_warned_of(project: Project, tenant: Start) -> None:
    """So `--strict` refuses them; an invoice that is there is no fault of the spec."""
    project.book(a2="Canceled,due,1,0s")
    real = tenant(book=project.root / "book.csv")
    real.billing.by_hand(1)
    spec = project.spec(1, 2, UNKNOWN, tenant="real")
    chosen = choose(spec, Overrides())
    view = with_online(look(chosen.plan, chosen.digest, chosen.counts, Held()), asked(spec))
    assert [one.code for one in view.warnings] == ["ZB930", "ZB931"]
    assert account(UNKNOWN) in view.warnings[0].message
    assert f"{account(2)} (Canceled)" in view.warnings[1].message


def previewed(spec: Path) -> dict[str, tuple[str | None, str | None, str]]:
    chosen = choose(spec, Overrides())
    bureau = bureau_of(spec, chosen.plan, None, Watch().event)
    found = look_online(bureau, Resolved(chosen.plan), preview=True)
    return {
        one.item.identity.account_id: (
            None if one.amount is None else str(one.amount),
            one.currency,
            one.problem.message if one.problem else "",
        )
        for one in found.estimates or ()
    }


def test_estimates_are_those_of_the_tenant(project: Project, tenant: Start) -> None:
    """Amount and currency of each item, nothing where nothing is due, and why there is none."""
    rows = (
        f"{account(1)},Active,due,2,0s,EUR,119.00",
        f"{account(2)},Active,none,1,0s,USD,5.00",
        f"{account(3)},Canceled,due,1,0s,USD,5.00",
    )
    head = "account_id,status,charges,invoices,latency,currency,amount"
    (project.root / "book.csv").write_text("\n".join((head, *rows)) + "\n")
    real = tenant(book=project.root / "book.csv")
    found = previewed(project.spec(1, 2, 3, UNKNOWN, tenant="real"))
    assert {one[:2] for one in found.values()} == {
        ("238.00", "EUR"),
        ("0", "USD"),
        (None, "USD"),
        (None, None),
    }
    assert "status is Canceled" in found[account(3)][2]
    assert "Cannot find entity" in found[account(UNKNOWN)][2]
    assert real.billing.exchanges(GENERATE) == []
    assert len(real.billing.exchanges("/v1/operations/billing-preview")) == 4
    assert real.billing.invoices == []


def test_a_preview_leaves_out_what_the_item_does(project: Project, tenant: Start) -> None:
    """An item without any charges is previewed as one that bills nothing."""
    tenant(book=project.root / "book.csv")
    none = {"one_time": False, "recurring": False, "usage": True}
    spec = project.spec(1, tenant="real", charges=none)
    (amount, _, _) = previewed(spec)[account(1)]
    assert amount not in (None, "0")


def test_what_was_estimated_is_what_is_billed(project: Project, tenant: Start) -> None:
    """Where the tenant knows the amount beforehand; zbatch promises it nowhere."""
    head = "account_id,status,charges,invoices,latency,currency,amount"
    (project.root / "book.csv").write_text(f"{head}\n{account(1)},Active,due,1,0s,EUR,119.00\n")
    real = tenant(book=project.root / "book.csv")
    spec = project.spec(1, tenant="real")
    assert previewed(spec)[account(1)][:2] == ("119.00", "EUR")
    assert project.run(spec).outcomes == {"invoiced": 1}
    (invoice,) = real.billing.invoices
    assert invoice.cents == 11_900
