"""Protected tenants: billed by those alone who name them, and never without their ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from support.runs import QUERY, Away, Billing, Project, accepting
from zbatch.app.api import Confirmation
from zbatch.app.loading import Overrides, load_plan
from zbatch.app.protection import Question
from zbatch.app.review.approval import choose
from zbatch.errors import NothingSelected, Refused
from zbatch.ledger.place import LEDGER_FILE
from zbatch.model import Rate

Start = Callable[..., Away]
NAMED = Confirmation("real")
IN_CI = Confirmation("real", thrown_away=True)


@pytest.fixture
def away(project: Project, tenant: Start) -> Away:
    """Start a tenant that is protected as `real`, beside one that is not."""
    away = tenant()
    project.tenants(
        f"tenants:\n  real: {{base_url: '{away.url}', protected: true}}\n"
        "  rehearsal: {base_url: 'http://127.0.0.1:9'}\n"
    )
    return away


@pytest.mark.parametrize(
    ("confirmation", "told"),
    [
        (Confirmation(), "repeat its name with --confirm real"),
        (Confirmation("Real"), "--confirm Real: the tenant is real"),
        (Confirmation(""), "--confirm : the tenant is real"),
        (Confirmation(ask=lambda question: "yes"), "that is not the tenant's name"),
        (Confirmation(ask=lambda question: ""), "that is not the tenant's name"),
        (Confirmation("rehearsal", ask=lambda question: "real"), "--confirm rehearsal"),
        (Confirmation(new_ledger="real"), "repeat its name with --confirm real"),
        (Confirmation("real", new_ledger="rehearsal"), "--confirm-new-ledger rehearsal"),
        (IN_CI, "restore the folder of the last run"),
        (replace(IN_CI, tenant=None, new_ledger="real"), "repeat its name with --confirm real"),
    ],
)
def test_who_does_not_name_it_sends_nothing(
    project: Project, away: Away, confirmation: Confirmation, told: str
) -> None:
    """Without the tenant's very name a run is refused: no question is asked, no folder made."""
    with pytest.raises(Refused, match=told):
        project.run(project.spec(1, tenant="real"), confirmation=confirmation)
    assert away.billing.exchanges() == away.billing.exchanges(QUERY) == []
    assert not project.state.exists()


def test_who_names_it_bills(project: Project, away: Away) -> None:
    """With its name, by flag or typed, a run is a run like any other; each run asks anew."""
    seen: list[Question] = []

    def ask(question: Question) -> str:
        seen.append(question)
        return "real"

    spec = project.spec(1, tenant="real")
    assert project.run(spec, confirmation=Confirmation(ask=ask)).outcomes == {"invoiced": 1}
    assert project.run(spec, confirmation=Confirmation(ask=ask)).code == 0
    with pytest.raises(Refused):
        project.run(spec)
    assert [question.new_ledger for question in seen] == [True, False]
    assert len(away.billing.invoices) == 1


def test_a_new_ledger_is_told_where_nobody_is_asked(project: Project, away: Away) -> None:
    """Outside CI a first run needs no more than the name, and says that a ledger begins."""
    told: list[bool] = []
    spec = project.spec(1, tenant="real")
    for _ in range(2):
        confirmation = Confirmation("real", tell=lambda question: told.append(question.new_ledger))
        assert project.run(spec, confirmation=confirmation).code == 0
    assert told == [True, False]


def test_a_ci_runner_needs_the_ledger_of_the_last_run(project: Project, away: Away) -> None:
    """A lost ledger is found out before anything is sent; only a first run may do without."""
    spec = project.spec(1, tenant="real")
    first = replace(IN_CI, new_ledger="real")
    assert project.run(spec, confirmation=first).code == 0
    assert project.run(spec, confirmation=IN_CI).code == 0
    with pytest.raises(Refused, match="there is a ledger"):  # a flag left on would be no guard
        project.run(spec, confirmation=first)
    with pytest.raises(Refused, match="no ledger of the protected tenant real"):
        project.run(spec, confirmation=IN_CI, state_dir=project.root / "elsewhere")
    assert not (project.root / "elsewhere").exists()


@pytest.mark.parametrize("kept", [0, 100, -4096, -1])
def test_a_ledger_that_was_cut_off_is_none(project: Project, away: Away, kept: int) -> None:
    """A copy that broke off has forgotten what was billed, though there is a file."""
    spec = project.spec(1, tenant="real")
    project.run(spec, confirmation=NAMED)
    (ledger,) = project.state.rglob(LEDGER_FILE)
    billed = len(away.billing.exchanges())
    ledger.write_bytes(ledger.read_bytes()[:kept])
    with pytest.raises(Refused, match=r"is there and holds no run\), and this machine"):
        project.run(spec, confirmation=IN_CI)
    with pytest.raises(Refused, match=r"holds no run\), so nothing of it can be in doubt here"):
        project.reconcile(spec)
    assert len(away.billing.exchanges()) == billed


def test_an_unprotected_tenant_asks_for_nothing(project: Project) -> None:
    """The emulator needs no name, in CI neither; a wrong one is refused all the same."""
    spec = project.spec(1)
    with pytest.raises(Refused, match="--confirm real: the tenant is emulator"):
        project.run(spec, confirmation=NAMED)
    assert project.run(spec, confirmation=Confirmation(thrown_away=True)).code == 0
    assert project.run(spec, confirmation=Confirmation("emulator")).code == 0


def test_no_flag_leads_a_spec_to_a_protected_tenant(project: Project, away: Away) -> None:
    """`--tenant` may lead to the emulator or an unprotected tenant, never to a protected one."""
    spec = project.spec(1, tenant="rehearsal")
    with pytest.raises(Refused, match="this tenant is protected, and the spec names rehearsal"):
        project.run(spec, tenant="real", confirmation=NAMED)
    with pytest.raises(Refused, match="protected"):
        project.reconcile(spec, tenant="real", confirmation=NAMED)
    assert away.billing.exchanges() == away.billing.exchanges(QUERY) == []
    assert project.run(spec, tenant="emulator").outcomes == {"invoiced": 1}
    spec = project.spec(1, tenant="real")
    assert load_plan(spec, Overrides(tenant="rehearsal")).tenant.name == "rehearsal"
    assert project.run(spec, tenant="real", confirmation=NAMED).outcomes == {"invoiced": 1}


def test_no_alias_leads_around(project: Project, away: Away) -> None:
    """Another name for a protected host is refused with the file, whatever the spec names."""
    project.tenants(
        f"tenants:\n  real: {{base_url: '{away.url}', protected: true}}\n"
        f"  alias: {{base_url: '{away.url.upper()}/'}}\n"
    )
    for name in ("alias", "real"):
        with pytest.raises(Refused, match="ZB341"):
            project.run(project.spec(1, tenant=name), confirmation=Confirmation(name))
    assert away.billing.exchanges() == []


def test_questions_need_no_name(project: Project, away: Away) -> None:
    """Reconciling changes nothing in the tenant: it asks for no name, only for a ledger."""
    spec = project.spec(1, tenant="real")
    for named in (spec, None):
        with pytest.raises(Refused, match="no ledger of the protected tenant real"):
            project.reconcile(named, tenant="real", confirmation=NAMED)
    assert not project.state.exists()
    project.run(spec, confirmation=NAMED)
    assert project.reconcile(spec).code == 0
    assert project.reconcile().code == 0


def test_a_decision_needs_the_name(project: Project, away: Away) -> None:
    """What a person accepts for a protected tenant is accepted under its name."""
    spec = project.spec(1, tenant="real")
    project.run(spec, confirmation=NAMED)
    accept = (accepting(1, "f" * 32),)
    with pytest.raises(Refused, match="repeat its name with --confirm real"):
        project.reconcile(spec, accept=accept)
    with pytest.raises(Refused, match="--confirm other"):
        project.reconcile(spec, accept=accept, confirmation=Confirmation("other"))
    with pytest.raises(NothingSelected):  # nothing is in doubt here
        project.reconcile(spec, accept=accept, confirmation=NAMED)


def test_credentials_go_where_the_entry_says_alone(
    project: Project, tenant: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A spec led elsewhere takes that tenant's own credentials along, never those of its own."""
    away = tenant()
    project.tenants(
        "tenants:\n  production:\n    data_center: us-production-cloud-2\n    protected: true\n"
        "    credentials: {client_id_env: PROD_ID, client_secret_env: PROD_SECRET}\n"
        f"  real: {{base_url: '{away.url}'}}\n"
    )
    monkeypatch.delenv("PROD_ID", raising=False)
    spec = project.spec(1, tenant="production")
    assert project.run(spec, tenant="real").outcomes == {"invoiced": 1}
    assert Billing(away.billing.folder).of(1)


def test_flags_tighten_what_the_ceilings_leave(project: Project) -> None:
    """The plan holds the limits that apply: ceilings first, then flags, which may only tighten."""
    project.tenants(
        "tenants: {real: {base_url: 'http://127.0.0.1:9', ceilings: {concurrency: 4, rate: 2/s}}}"
    )
    spec = project.spec(1, tenant="real", limits={"rate": "1/s"})
    plan = choose(spec, Overrides()).plan
    assert (plan.spec.limits.concurrency, plan.spec.lowered) == (4, ("concurrency",))
    assert choose(spec, Overrides(concurrency=3)).plan.spec.limits.concurrency == 3
    with pytest.raises(Refused, match=r"--concurrency 5 is more than is allowed here \(4\)"):
        choose(spec, Overrides(concurrency=5))
    spec = project.spec(1, tenant="real", limits={"rate": "3/s"})
    with pytest.raises(Refused, match=r"ZB340 `rate` is 3/s.*\(ceiling: .*tenants.yaml:3:"):
        choose(spec, Overrides(rate=Rate(1, 1.0)))
    assert choose(spec, Overrides(tenant="emulator")).plan.spec.limits.rate == Rate(3, 1.0)


ENTITY = "11e643f4-a3ee-8bad-b061-0025904c57d6"


@pytest.mark.parametrize(("before", "after"), [("", ENTITY), (ENTITY, "")])
def test_a_tenant_whose_entity_is_written_anew_begins_no_ledger_unasked(
    project: Project, tenant: Start, before: str, after: str
) -> None:
    """Its keys would be others: what is in doubt in the ledger of before would be billed again."""
    away = tenant()

    def write(entity: str) -> None:
        named = f", entity_id: {entity}" if entity else ""
        project.tenants(f"tenants:\n  real: {{base_url: '{away.url}'{named}}}\n")

    write(before)
    spec = project.spec(1, tenant="real")
    project.run(spec)
    write(after)
    calls = len(away.billing.exchanges())
    with pytest.raises(Refused, match="be billed again"):
        project.run(spec)
    assert len(away.billing.exchanges()) == calls
    told = project.run(spec, confirmation=Confirmation(new_ledger="real"))
    assert told.outcomes == {"already_invoiced": 1}
    project.run(spec)  # from then on it has its ledger
