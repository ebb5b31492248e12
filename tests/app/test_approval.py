"""What was approved is run, and nothing else: by a frozen plan, and by its digest."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from support.accounts import account
from support.runs import Project
from support.spec_text import specs
from zbatch.app.keeping import keep
from zbatch.app.loading import Overrides, load_plan
from zbatch.app.review.approval import Chosen, Stale, choose, choose_approved, look_at_frozen
from zbatch.app.review.counts import count_plan
from zbatch.app.review.frozen import approved, document_at, freeze, is_frozen, thaw
from zbatch.app.review.held import held
from zbatch.errors import Refused
from zbatch.model import Rate
from zbatch.spec import SpecError
from zbatch.spec.schema import schema_text

NOTHING = Overrides()


def looked_at(path: Path) -> Chosen | Stale:
    """Look at a frozen plan as `zbatch plan` does."""
    document = document_at(path)
    assert document is not None
    return look_at_frozen(document, NOTHING)


def frozen(project: Project, overrides: Overrides = NOTHING) -> Path:
    """Freeze a plan of three accounts."""
    spec = project.spec(1, 2, 3)
    path = project.root / "plan.json"
    chosen = choose(spec, overrides)
    path.write_bytes(freeze(chosen.approved, spec, path.parent))
    return path


def codes(error: Exception) -> list[str]:
    assert isinstance(error, SpecError)
    return [one.code for one in error.diagnostics]


def refused(path: Path, overrides: Overrides = NOTHING, digest: str | None = None) -> list[str]:
    """Give the codes with which an approval is refused."""
    with pytest.raises(SpecError) as refusal:
        choose_approved(path, overrides, digest)
    assert "Traceback" not in str(refusal.value)
    return codes(refusal.value)


def test_a_frozen_plan_keeps_its_schema(project: Project) -> None:
    """What is written is what the schema describes, and is the same whenever it is written."""
    path = frozen(project)
    Draft202012Validator(json.loads(schema_text("plan"))).validate(json.loads(path.read_bytes()))
    assert frozen(project).read_bytes() == path.read_bytes()
    assert thaw(path)["approved"]["items"] == 3


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(specs())
def test_any_plan_comes_back_as_it_was_frozen(project: Project, values: dict[str, Any]) -> None:
    """Whatever a spec says, its frozen plan is read as what was approved, and approves it."""
    spec = project.root / "any.yaml"
    spec.write_text(json.dumps(values), "utf-8")
    chosen = choose(spec, NOTHING)
    path = project.root / "plan.json"
    path.write_bytes(freeze(chosen.approved, spec, path.parent))
    assert thaw(path)["approved"] == chosen.approved
    assert choose_approved(path, NOTHING, chosen.digest).plan == chosen.plan


@pytest.mark.parametrize(
    ("digest", "why"),
    [("", "is empty"), ("abc", "is not 64 hexadecimal"), ("A" * 64, "in small letters")],
)
def test_a_digest_that_is_none_is_said_to_be_none(project: Project, digest: str, why: str) -> None:
    """An empty variable is told from a plan that has changed, for a spec and a frozen plan."""
    for path in (frozen(project), project.spec(1, 2, 3)):
        with pytest.raises(SpecError, match=why):
            choose_approved(path, NOTHING, digest)


def test_a_frozen_plan_is_run_once_and_then_gone_on_with(project: Project) -> None:
    """The second run of a plan names the first, and sends nothing again."""
    path = frozen(project)
    first = project.run(path)
    assert first.outcomes == {"invoiced": 3}
    assert first.header.approval is not None
    assert first.header.approval.earlier == ()
    record = json.loads(first.result.run_record.read_text("utf-8"))
    assert record["approved_digest"] == thaw(path)["digest"] == first.header.approval.digest
    second = project.run(path)
    assert second.result.sent == 0
    assert second.header.approval is not None
    assert second.header.approval.earlier == (first.result.run_id,)


def test_a_reconciliation_has_not_carried_a_plan_out(project: Project) -> None:
    """Neither the run nor the plan tells it as one that the next goes on from."""
    spec = project.spec(1)
    first = project.run(spec).result.run_id
    project.reconcile(spec)
    chosen = choose(spec, NOTHING)
    assert held(chosen.plan, 1, project.state / "emulator").runs == (first,)
    told = project.run(spec, plan_digest=chosen.digest)
    assert told.header.approval is not None
    assert told.header.approval.earlier == (first,)


def test_a_digest_approves_a_spec(project: Project) -> None:
    """The digest alone does as well, and stands in the run's record."""
    spec = project.spec(1, 2)
    digest = choose(spec, NOTHING).digest
    told = project.run(spec, plan_digest=digest)
    assert told.outcomes == {"invoiced": 2}
    assert json.loads(told.result.run_record.read_text("utf-8"))["approved_digest"] == digest


def test_without_an_approval_none_is_told(project: Project) -> None:
    """A run that was held to nothing says so."""
    told = project.run(project.spec(1))
    assert told.header.approval is None
    assert json.loads(told.result.run_record.read_text("utf-8"))["approved_digest"] is None


@pytest.mark.parametrize("digest", ["", "0" * 64, "x"])
def test_another_digest_is_refused(project: Project, digest: str) -> None:
    """Nothing is run under a digest that is not its own: an empty one is not no digest."""
    path = frozen(project)
    assert refused(path, digest=digest) == ["ZB509"]
    assert refused(project.spec(1, 2, 3), digest=digest) == ["ZB509"]
    with pytest.raises(Refused):
        project.run(path, plan_digest=digest)
    assert not project.state.exists()


def test_the_digest_of_the_items_is_no_approval(project: Project) -> None:
    """The digest in run.json says nothing of limits and tenant, and the refusal says which does."""
    spec = project.spec(1)
    with pytest.raises(SpecError, match="of the items alone"):
        choose_approved(spec, NOTHING, choose(spec, NOTHING).plan.digest)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(where=st.integers(0, 10_000), byte=st.integers(1, 255))
def test_one_changed_byte_of_the_spec_is_refused(project: Project, where: int, byte: int) -> None:
    """Whatever byte it is, of a comment too, the plan is not run; put back, it is."""
    path = frozen(project)
    spec = project.root / "specs" / "month-end.yaml"
    good = spec.read_bytes()
    bad = bytearray(good)
    bad[where % len(bad)] ^= byte
    spec.write_bytes(bad)
    with pytest.raises(Refused):
        choose_approved(path, NOTHING)
    digest = thaw(path)["digest"]
    with pytest.raises(Refused):
        choose_approved(spec, NOTHING, digest)
    spec.write_bytes(good)
    assert choose_approved(path, NOTHING).digest == digest == choose(spec, NOTHING).digest


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(where=st.integers(0, 10_000), byte=st.integers(1, 255))
def test_one_changed_byte_of_the_plan_is_refused(project: Project, where: int, byte: int) -> None:
    """Whoever edits a frozen plan, or loses a byte of it, has no plan; paths may be corrected."""
    path = frozen(project)
    good = path.read_bytes()
    bad = bytearray(good)
    bad[where % len(bad)] ^= byte
    path.write_bytes(bad)
    try:
        same = choose_approved(path, NOTHING).approved == json.loads(good)["approved"]
    except Refused:
        same = True
    assert same


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(where=st.integers(0, 10_000), byte=st.integers(1, 255))
def test_one_changed_byte_of_a_list_is_refused(project: Project, where: int, byte: int) -> None:
    """A list is part of what was approved, to its last byte; a line end is one too."""
    spec = with_list(project)
    path = project.root / "plan.json"
    path.write_bytes(freeze(choose(spec, NOTHING).approved, spec, path.parent))
    rows = spec.with_name("new.csv")
    bad = bytearray(rows.read_bytes())
    bad[where % len(bad)] ^= byte
    rows.write_bytes(bad)
    with pytest.raises(Refused):
        choose_approved(path, NOTHING)
    with_list(project)
    assert choose_approved(path, NOTHING).counts.items == 3


def with_list(project: Project) -> Path:
    """Write a spec that names a list beside it."""
    spec = project.root / "listed.yaml"
    rows = spec.with_name("new.csv")
    rows.write_text(f"account_id\n{account(2)}\n{account(3)}\n", "utf-8")
    spec.write_text(
        "version: 1\nname: listed\ntenant: emulator\ndates: [{target_date: end_of_month}]\n"
        f'accounts: ["{account(1)}", {{file: new.csv}}]\nperiod: 2026-11\n',
        "utf-8",
    )
    return spec


def test_a_list_that_changed_is_named(project: Project) -> None:
    """The refusal says which list, and how many rows it had and has."""
    spec = with_list(project)
    path = project.root / "plan.json"
    path.write_bytes(freeze(choose(spec, NOTHING).approved, spec, path.parent))
    rows = spec.with_name("new.csv")
    rows.write_text(rows.read_text("utf-8") + f"{account(4)}\n", "utf-8")
    with pytest.raises(SpecError, match=r"the list new\.csv changed .* 2 rows then, 3 now"):
        choose_approved(path, NOTHING)
    assert refused(path) == ["ZB504"]
    other = rows.rename(rows.with_name("other.csv"))
    spec.write_text(spec.read_text("utf-8").replace("new.csv", other.name), "utf-8")
    assert refused(path) == ["ZB503", "ZB504", "ZB504"]


def test_a_period_from_the_command_line_is_frozen(project: Project) -> None:
    """A plan made for a month is run for that month alone, and needs no flag for it."""
    spec = with_list(project)
    spec.write_text(spec.read_text("utf-8").replace("period: 2026-11\n", ""), "utf-8")
    path = project.root / "plan.json"
    november = Overrides(period="2026-11")
    chosen = choose(spec, november)
    path.write_bytes(freeze(chosen.approved, spec, path.parent))
    assert choose_approved(path, NOTHING).plan.spec.period == "2026-11"
    assert choose_approved(path, november).digest == chosen.digest
    assert refused(path, Overrides(period="2026-12")) == ["ZB507"]
    assert refused(spec, Overrides(period="2026-12"), chosen.digest) == ["ZB509"]
    told = project.run(path)
    assert {line["target_date"] for line in told.lines} == {"2026-11-30"}
    assert json.loads(told.result.run_record.read_text("utf-8"))["spec"]["period"] == "2026-11"


def _comment(project: Project) -> None:
    spec = project.root / "specs" / "month-end.yaml"
    spec.write_text(spec.read_text("utf-8") + "# looked at\n", "utf-8")


def _fewer(project: Project) -> None:
    project.spec(1, 2)


def _tenant(project: Project) -> None:
    project.tenants(real="https://rest.zuora.com")
    project.spec(1, 2, 3, tenant="real")


def _away(project: Project) -> None:
    (project.root / "specs" / "month-end.yaml").unlink()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_comment, ["ZB503"]),
        (_fewer, ["ZB503"]),
        (_tenant, ["ZB503", *["ZB506"] * 3]),
        (_away, ["ZB508"]),
    ],
)
def test_the_refusal_names_what_changed(
    project: Project, change: Callable[[Project], None], expected: list[str]
) -> None:
    """Each change is told by its own code, and the same is seen in the plan that is shown."""
    path = frozen(project)
    change(project)
    assert refused(path) == expected
    stale = looked_at(path)
    assert isinstance(stale, Stale)
    assert len(stale.why) == len(expected)
    assert stale.frozen["approved"]["items"] == 3


TENANT = "tenants: {real: {base_url: 'https://rest.zuora.com'%s}}"


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (
            ", base_url: 'https://rest.na.zuora.com'",
            r"tenant\.base_url was https://rest\.zuora\.com",
        ),
        (", entity_id: 11e643f4-a3ee-8bad-b061-0025904c57d6", r"tenant\.entity_id was not set"),
        (", kind: production", r"tenant\.kind was not set"),
        (", wsdl_version: 80", r"tenant\.wsdl_version was 79"),
        (", proxy: 'http://proxy.example:3128'", r"tenant\.proxy was not set"),
        (", protected: true", r"tenant\.protected was False"),
        (", ceilings: {concurrency: 2}", r"limits\.concurrency was 10 .*and is 2"),
    ],
)
def test_a_tenant_that_is_another_one_is_named(project: Project, now: str, said: str) -> None:
    """What tenants.yaml says of the tenant is part of what was approved, value by value."""
    project.tenants(TENANT % "")
    spec = project.spec(1, tenant="real")
    path = project.root / "plan.json"
    path.write_bytes(freeze(choose(spec, NOTHING).approved, spec, path.parent))
    text = TENANT % now
    if "base_url" in now:
        text = text.replace("base_url: 'https://rest.zuora.com', ", "")
    project.tenants(text)
    with pytest.raises(SpecError, match=said):
        choose_approved(path, NOTHING)


def test_whom_to_trust_is_approved(project: Project) -> None:
    """The content of `ca_file` counts, and not where it lies; without it others are trusted."""
    first, second = (trustme.CA().cert_pem.bytes() for _ in range(2))
    for name in ("a.pem", "b.pem"):
        (project.root / name).write_bytes(first)
    project.tenants(TENANT % ", ca_file: a.pem")
    spec = project.spec(1, tenant="real")
    path = project.root / "plan.json"
    path.write_bytes(freeze(choose(spec, NOTHING).approved, spec, path.parent))
    thaw(path)
    project.tenants(TENANT % ", ca_file: b.pem")
    choose_approved(path, NOTHING)
    (project.root / "b.pem").write_bytes(second)
    with pytest.raises(SpecError, match=rf"tenant\.ca_file was {sha256(first).hexdigest()}"):
        choose_approved(path, NOTHING)
    project.tenants(TENANT % "")
    with pytest.raises(SpecError, match=r"tenant\.ca_file was .* and is not set"):
        choose_approved(path, NOTHING)


def test_a_trust_that_cannot_be_read_is_refused(tmp_path: Path, project: Project) -> None:
    """It was there when tenants.yaml was read, and is gone a moment later."""
    plan = load_plan(project.spec(1), NOTHING)
    gone = replace(plan, tenant=replace(plan.tenant, ca_file=tmp_path / "gone.pem"))
    with pytest.raises(Refused, match="cannot read the `ca_file`"):
        approved(gone, count_plan(plan), NOTHING)


def test_where_credentials_are_found_is_not_approved(project: Project) -> None:
    """Another name for a variable changes nothing of what is billed where."""
    project.tenants(TENANT % "")
    spec = project.spec(1, tenant="real")
    digest = choose(spec, NOTHING).digest
    project.tenants(TENANT % ", credentials: {client_id_env: A, client_secret_env: B}")
    assert choose_approved(spec, NOTHING, digest).digest == digest


def test_overrides_are_frozen(project: Project) -> None:
    """A plan made for another tenant runs there, and nowhere else."""
    project.tenants(real="https://rest.zuora.com")
    spec = project.spec(1, tenant="real")
    path = project.root / "plan.json"
    path.write_bytes(freeze(choose(spec, Overrides(tenant="emulator")).approved, spec, path.parent))
    assert project.run(path).result.plan.tenant.name == "emulator"
    assert refused(path, Overrides(tenant="real")) == ["ZB507"]
    assert choose_approved(path, Overrides(tenant="emulator")).plan.tenant.name == "emulator"
    digest = thaw(path)["digest"]
    assert refused(spec, digest=digest) == ["ZB509"]
    assert choose_approved(spec, Overrides(tenant="emulator"), digest).digest == digest


def test_a_period_is_frozen(project: Project) -> None:
    """A plan made for a period that the spec leaves open runs for it, and for no other."""
    spec = project.spec(1, dates=["end_of_month"])
    path = project.root / "plan.json"
    asked = Overrides(period="2026-11")
    path.write_bytes(freeze(choose(spec, asked).approved, spec, path.parent))
    item = project.run(path).result.plan.items[0]
    assert item.identity.target_date.isoformat() == "2026-11-30"
    assert choose_approved(path, asked).digest == thaw(path)["digest"]
    assert refused(path, Overrides(period="2026-12")) == ["ZB507"]
    with pytest.raises(SpecError, match="ZB330"):
        choose_approved(spec, NOTHING)
    assert refused(spec, Overrides(period="2026-12"), thaw(path)["digest"]) == ["ZB509"]


def test_a_run_may_press_less_than_was_approved(project: Project) -> None:
    """Slower needs no approval, faster than the plan says has none."""
    slow = Overrides(rate=Rate(5, 1.0))
    path = frozen(project, slow)
    slower = Overrides(rate=Rate(1, 1.0))
    chosen = choose_approved(path, slower)
    assert str(chosen.plan.spec.limits.rate) == "1/s"
    assert chosen.digest == thaw(path)["digest"]
    assert str(choose_approved(path, NOTHING).plan.spec.limits.rate) == "5/s"
    with pytest.raises(Refused, match="--rate 10/s is more"):
        choose_approved(path, Overrides(rate=Rate(10, 1.0)))
    spec = project.spec(1, 2, 3)
    whole = choose(spec, NOTHING).digest
    assert choose_approved(spec, slower, whole).digest == whole
    assert choose_approved(spec, slow, thaw(path)["digest"]).digest == thaw(path)["digest"]
    assert refused(spec, slower, thaw(path)["digest"]) == ["ZB509"]


def test_the_spec_is_found_from_elsewhere(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the current folder first, else from beside the plan; a digest does not go by paths."""
    monkeypatch.chdir(project.root)
    project.spec(1)
    spec = Path("specs/month-end.yaml")
    chosen = choose(spec, NOTHING)
    Path("plan.json").write_bytes(freeze(chosen.approved, spec, Path()))
    assert chosen.digest == choose(project.root / spec, NOTHING).digest
    monkeypatch.chdir(tmp_path)
    assert isinstance(looked_at(project.root / "plan.json"), Chosen)
    (tmp_path / "down").mkdir()
    os.replace(project.root / "plan.json", tmp_path / "down" / "plan.json")
    assert refused(tmp_path / "down" / "plan.json") == ["ZB508"]
    monkeypatch.chdir(project.root)
    assert isinstance(looked_at(tmp_path / "down" / "plan.json"), Chosen)


def test_the_ledger_is_that_of_the_project_around_the_spec(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a second checkout it is that one's, unless its state is named."""
    monkeypatch.chdir(project.root)
    project.spec(1)
    spec = Path("specs/month-end.yaml")
    Path("plan.json").write_bytes(freeze(choose(spec, NOTHING).approved, spec, Path()))
    plan, second = project.root / "plan.json", tmp_path / "second"
    shutil.copytree(project.root, second)
    monkeypatch.chdir(second)
    assert project.run(plan, state_dir=project.state).outcomes == {"invoiced": 1}
    assert not (second / ".zbatch").exists()
    assert project.run(plan).result.run_record.is_relative_to(second)


def _without(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda document: {key: value for key, value in document.items() if key != name}


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (_without("digest"), "ZB501"),
        (lambda document: {**document, "version": 2}, "ZB501"),
        (lambda document: {**document, "surplus": 1}, "ZB501"),
        (lambda document: {**document, "digest": "0" * 64}, "ZB502"),
        (lambda document: {**document, "approved": {**document["approved"], "items": 2}}, "ZB502"),
    ],
)
def test_what_is_no_frozen_plan_is_refused(project: Project, damage: Any, code: str) -> None:
    """Damaged, of a later version, or edited by hand: never half believed."""
    path = frozen(project)
    path.write_text(json.dumps(damage(json.loads(path.read_bytes()))), "utf-8")
    assert refused(path) == [code]
    path.write_bytes(path.read_bytes()[:-30])
    assert refused(path) == ["ZB501"]


def test_a_spec_written_as_json_is_a_spec(project: Project) -> None:
    """The name ends in .json, and still it is no plan."""
    spec = project.root / "specs" / "month-end.json"
    project.spec(1)
    spec.write_text(
        '{"version": 1, "name": "zbatch-plan", "tenant": "emulator",'
        ' "dates": [{"target_date": "2026-11-30"}],'
        ' "accounts": ["2c93808457d787030157e03000000001"]}',
        "utf-8",
    )
    assert not is_frozen(spec)
    assert choose_approved(spec, NOTHING).counts.items == 1


def test_another_schema_is_named(project: Project) -> None:
    """A zbatch that reads specs otherwise does not run what another one had approved."""
    path = frozen(project)
    document = json.loads(path.read_bytes())
    document["approved"]["schemas"]["spec"] = "0" * 64
    spec = project.root / "specs" / "month-end.yaml"
    path.write_bytes(freeze(document["approved"], spec, path.parent))
    assert refused(path) == ["ZB505"]
    document["approved"]["schemas"] = choose(spec, NOTHING).approved["schemas"]
    document["approved"]["plan_digest"] = "0" * 64
    path.write_bytes(freeze(document["approved"], spec, path.parent))
    assert refused(path) == ["ZB510"]


def test_a_quota_that_cannot_hold_it_is_refused(project: Project) -> None:
    """What a tenant's kind does not allow is refused before anything is sent."""
    kind = ", kind: api-sandbox"
    project.tenants(TENANT.replace("https://rest.zuora.com", "http://127.0.0.1:9") % kind)
    spec = project.spec(*range(1, 2502), tenant="real")
    with pytest.raises(Refused, match=r"2,500 a minute: tighten the rate to 2500/min"):
        project.run(spec)
    assert not project.runs()


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """What is there stays; the very same once more is no trouble; nothing else is left behind."""
    path = tmp_path / "plan.json"
    keep(path, b"one", "--out")
    keep(path, b"one", "--out")
    with pytest.raises(Refused, match=r"--out .*plan\.json exists and holds something else"):
        keep(path, b"two", "--out")
    assert path.read_bytes() == b"one"
    assert [*tmp_path.iterdir()] == [path]
    (tmp_path / "link").symlink_to(path)
    for other in (tmp_path / "link", tmp_path):
        with pytest.raises(Refused, match="exists"):
            keep(other, b"two", "--out")
    with pytest.raises(Refused, match="cannot be written: No such file"):
        keep(tmp_path / "no" / "plan.json", b"", "--out")
