"""What a plan is compared with: by file, by run, and by git revision."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.accounts import account
from support.engine import item
from support.mishaps import DROP_AFTER
from support.plans import NOON, a_plan
from support.repository import git
from support.runs import Away, Project
from zbatch.app.loading import Overrides
from zbatch.app.review.against import against, run_meant
from zbatch.app.review.approval import choose
from zbatch.app.review.held import held
from zbatch.app.review.preview import preview
from zbatch.emulator import Scheduled
from zbatch.errors import Refused
from zbatch.ledger.store import open_store
from zbatch.model import Outcome
from zbatch.spec import SpecError
from zbatch.spec.plan_diff import Named, PlanDiff


def compared(project: Project, spec: Path, name: str) -> PlanDiff:
    found = preview(choose(spec, Overrides()), None, name).difference
    assert found is not None
    return found


def commit(folder: Path) -> None:
    if not (folder / ".git").exists():
        git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "x", "--allow-empty")


def gone(difference: PlanDiff) -> tuple[str, ...]:
    return difference.gone.first


def test_against_the_spec_of_last_month(project: Project) -> None:
    """A file that exists is a spec, whatever tenant it names."""
    last = project.spec(1, 2, 3, name="october", dates=["2026-10-31"], tenant="gone")
    found = compared(project, project.spec(2, 3, 4), str(last))
    assert gone(found) == (account(1),)
    assert found.new.first == (account(4),)
    assert found.before.label == str(last)
    assert found.redated == 2


def test_against_a_spec_that_is_none(project: Project) -> None:
    """Its problems are told as ever: a comparison with half a list would be none."""
    last = project.root / "old.yaml"
    last.write_text("version: 1\n", "utf-8")
    with pytest.raises(SpecError, match=r"old\.yaml:1:1 ZB201"):
        compared(project, project.spec(1), str(last))


def test_against_a_run(project: Project) -> None:
    """A run is named by its ID, by a part of it that no other has, or as the latest."""
    first = project.run(project.spec(1, 2, name="october", dates=["2026-10-31"])).result
    second = project.run(project.spec(1, 2, 3)).result
    spec = project.spec(3, 4)
    for name in (second.run_id, "latest", f"run:{second.run_id[-4:]}", second.run_id[-6:]):
        found = compared(project, spec, name)
        assert gone(found) == (account(1), account(2))
        assert found.before.label == f"run {second.run_id} (month-end)"
    assert gone(compared(project, spec, first.run_id)) == (account(1), account(2))
    with pytest.raises(Refused, match=f"several runs .*{first.run_id}, {second.run_id}"):
        compared(project, spec, first.run_id[:5])


def test_a_run_is_compared_as_it_was_planned(project: Project) -> None:
    """A later run of its items with other dates changes nothing of what it had."""
    project.book(a1="Canceled,due,1,0s")
    first = project.run(project.spec(1)).result
    project.book()
    spec = project.spec(1, dates=[{"target_date": "2026-11-30", "invoice_date": "2026-12-01"}])
    assert compared(project, spec, first.run_id).redated == 1
    assert project.run(spec).outcomes == {"invoiced": 1}
    assert compared(project, spec, first.run_id).redated == 1
    assert compared(project, spec, "latest").redated == 0
    first.report.unlink()  # then the ledger is all that is left
    assert compared(project, spec, first.run_id).redated == 0


def test_the_latest_run_is_one_that_was_to_bill(
    project: Project, tenant: Callable[..., Away]
) -> None:
    """A reconciliation lists what was in doubt: held against it, nearly every account is new."""
    started = tenant(faults=(Scheduled(DROP_AFTER, at=1),))
    spec = project.spec(1, 2, 3, tenant="real", retry={"max_attempts": 1})
    told = project.run(spec)
    project.let_pass(told.result, started.billing, 2.0)
    settled = project.reconcile(spec)
    assert settled.outcomes == {"invoiced": 1}
    found = compared(project, spec, "latest")
    assert found.before.label == f"run {told.result.run_id} (month-end)"
    assert (found.before.accounts, found.new.count) == (3, 0)
    assert compared(project, spec, settled.result.run_id).new.count == 2


def test_amounts_are_of_a_run_at_the_tenant_of_the_plan(
    project: Project, tenant: Callable[..., Away]
) -> None:
    """A rehearsal at the emulator since bills nothing that a real plan could be held against."""
    tenant()
    spec = project.spec(1, 2, tenant="real")
    (project.root / "old.txt").write_bytes(spec.read_bytes())
    real = project.run(spec).result.run_id
    rehearsal = project.run(project.spec(1, 2)).result.run_id
    for name, meant in (("real", real), ("emulator", rehearsal)):
        plan = choose(spec, Overrides(tenant=name)).plan
        folder = project.state / plan.tenant.folder
        for named in (str(spec), "latest", "run:latest", f"run:{meant}", meant):
            found = run_meant(named, plan, folder)
            assert found is not None
            assert found.run_id == meant
        other = rehearsal if meant == real else real
        assert run_meant(other, plan, folder) is None
        for named in ("git:HEAD", "HEAD", str(project.root / "old.txt"), str(project.root)):
            assert run_meant(named, plan, folder) is None
        late = project.spec(1, name="late", tenant=name)
        assert run_meant(str(late), plan, folder) is None


def test_a_run_remembers_its_period(project: Project) -> None:
    """Where both have a period, the end of one month is as good as that of another."""
    dates = ["end_of_month"]
    last = project.spec(1, 2, name="october", dates=dates, period="2026-10")
    told = project.run(last).result
    spec = project.spec(1, 2, dates=dates, period="2026-11")
    for name in ("latest", str(last)):
        found = compared(project, spec, name)
        assert (found.relative, found.redated) == (True, 0)
    for damaged in (b"", b"[]", b'{"spec": {"period": "x"}}'):
        told.run_record.write_bytes(damaged)
        found = compared(project, spec, "latest")
        assert (found.relative, found.redated) == (False, 2)


def test_against_a_git_revision(project: Project) -> None:
    """The spec as it was, named by any revision; with another name, by REVISION:PATH."""
    spec = project.spec(1, 2, 3)
    commit(project.root)
    git(project.root, "tag", "october")
    project.spec(1, 2)
    os.rename(spec, spec.with_name("november.yaml"))
    commit(project.root)
    spec = spec.with_name("november.yaml")
    assert compared(project, spec, "HEAD").gone.count == 0
    found = compared(project, spec, "october:specs/month-end.yaml")
    assert gone(found) == (account(3),)
    assert found.before.label == "specs/month-end.yaml at october"
    assert gone(compared(project, spec, "git:HEAD~1:specs/month-end.yaml")) == (account(3),)
    with pytest.raises(Refused, match=r"no file specs/november\.yaml; .*REVISION:PATH"):
        compared(project, spec, "october")


def test_the_lists_are_those_of_the_revision(project: Project) -> None:
    """What a list held then is compared, whatever it holds now; the work tree is not touched."""
    (project.root / "specs" / "accounts").mkdir(parents=True)
    rows = project.root / "specs" / "accounts" / "emea.csv"
    rows.write_text(f"account_id\n{account(2)}\n{account(3)}\n", "utf-8")
    spec = project.spec(1)
    listed = "accounts:\n- {file: accounts/emea.csv}\n"
    spec.write_text(spec.read_text("utf-8").replace("accounts:\n", listed), "utf-8")
    commit(project.root)
    rows.write_text(f"account_id\n{account(3)}\n{account(4)}\n", "utf-8")
    found = compared(project, spec, "HEAD")
    assert (gone(found), found.new.first) == ((account(2),), (account(4),))
    assert found.before.accounts == 3
    assert rows.read_text("utf-8").endswith(f"{account(4)}\n")


def test_a_spec_that_was_broken_then_is_told_with_its_revision(project: Project) -> None:
    """A mistake in an old spec is pointed at where it is, not in a folder that is gone."""
    spec = project.spec(1)
    good = spec.read_text("utf-8")
    spec.write_text(good + "surplus: 1\n", "utf-8")
    commit(project.root)
    spec.write_text(good, "utf-8")
    with pytest.raises(SpecError) as refusal:
        compared(project, spec, "HEAD")
    (line,) = str(refusal.value).splitlines()
    assert line.startswith("HEAD:specs/month-end.yaml:")


@pytest.mark.parametrize("name", ["nobody", "run:", "git:", "run:HEAD", "-h", ""])
def test_what_names_nothing_is_refused(project: Project, name: str) -> None:
    """The refusal says what it might have been."""
    spec = project.spec(1)
    commit(project.root)
    with pytest.raises(Refused, match=r"no such file, no run .* no such git revision"):
        against(name, choose(spec, Overrides()).plan, project.state / "emulator")


@pytest.mark.parametrize("name", ["latest", "run:latest"])
def test_before_the_first_run_there_is_none_to_compare_with(project: Project, name: str) -> None:
    """The first month end has no last one: that is said, and not that a name is wrong."""
    plan = choose(project.spec(1), Overrides()).plan
    with pytest.raises(Refused, match=r"the ledger of tenant emulator has no run yet; name a spec"):
        against(name, plan, project.state / "emulator")


def test_what_names_two_things_is_refused(project: Project) -> None:
    """A branch that is called like a run is asked about, not guessed."""
    told = project.run(project.spec(1, 2)).result
    spec = project.spec(2)
    commit(project.root)
    git(project.root, "branch", told.run_id)
    with pytest.raises(Refused, match=f"write run:{told.run_id} or git:{told.run_id}"):
        compared(project, spec, told.run_id)
    assert compared(project, spec, f"run:{told.run_id}").gone.count == 1
    assert compared(project, spec, f"git:{told.run_id}").gone.count == 0


def test_numbers_are_compared_under_the_ids_that_runs_have_found(project: Project) -> None:
    """An account that a run has looked up is the same by number and by ID; others are not."""
    known = replace(item(1), account_number="A00000001")
    folder = project.state / "emulator"
    folder.mkdir(parents=True)
    with closing(open_store(folder)) as store:
        store.start_run("20261031T120000Z-0001", a_plan([known]), NOON)
    head = "version: 1\nname: x\ntenant: emulator\ndates: [{target_date: 2026-11-30}]\naccounts:\n"
    spec, last = project.root / "numbers.yaml", project.root / "ids.yaml"
    spec.write_text(head + "  - {number: A00000001}\n  - {number: A00000002}\n", "utf-8")
    last.write_text(f'{head}  - "{known.identity.account_id}"\n  - "{account(2)}"\n', "utf-8")
    found = compared(project, spec, str(last))
    assert (gone(found), found.new.first, found.redated) == ((account(2),), ("A00000002",), 0)
    view = preview(choose(spec, Overrides()))
    assert (view.counts.by_number, view.counts.items, view.held.to_send) == (2, 2, 2)
    assert view.counts.accounts_digest is None


def test_a_run_by_number_and_a_plan_by_id_are_of_the_same_accounts(project: Project) -> None:
    """A run has found the IDs of its numbers, so each account is the same under either name."""
    project.tenants()
    lines = "".join(f"{account(one)},A0000000{one},0s\n" for one in (1, 2, 3))
    (project.root / "book.csv").write_text(f"account_id,account_number,latency\n{lines}", "utf-8")
    numbers: list[Any] = [{"number": f"A0000000{one}"} for one in (1, 2, 3)]
    by_number = project.run(project.spec(*numbers[:2], name="october")).result.run_id
    by_id = project.run(project.spec(1, 2, name="november", dates=["2026-11-30"])).result.run_id
    for run, listed in ((by_number, [1, 3]), (by_id, [numbers[0], numbers[2]]), (by_id, [1, 3])):
        found = compared(project, project.spec(*listed, name="now"), run)
        assert gone(found) == (account(2),)
        assert found.new.count == 1


def test_an_account_under_both_its_names_is_one(project: Project) -> None:
    """By ID for one date and by number for another, whichever date is the earlier."""
    project.tenants()
    (project.root / "book.csv").write_text(
        f"account_id,account_number,latency\n{account(1)},A00000001,0s\n", "utf-8"
    )
    for day, name in (("2026-10-31", "october"), ("2026-12-31", "december")):
        other = {"dates": [{"target_date": day}], "reason": "one date more"}
        spec = project.spec(1, {"number": "A00000001", **other}, name=name)
        run = project.run(spec).result.run_id
        for named in (run, str(spec)):
            found = compared(project, spec, named)
            assert (found.new.count, found.gone.count, found.redated) == (0, 0, 0)
            assert (found.before.accounts, found.after.items) == (1, 2)
        by_number = project.spec({"number": "A00000001"}, name="less")
        assert compared(project, by_number, run).redated == 1


def test_who_is_kept_out_under_another_name_is_not_listed(project: Project) -> None:
    """An exclusion by ID of an account by number, or the reverse, counts where a run knows both."""
    project.tenants()
    lines = "".join(f"{account(one)},A0000000{one},0s\n" for one in (1, 2))
    (project.root / "book.csv").write_text(f"account_id,account_number,latency\n{lines}", "utf-8")
    numbers: list[Any] = [{"number": f"A0000000{one}"} for one in (1, 2)]
    run = project.run(project.spec(*numbers)).result.run_id
    for listed, out in ((numbers, {"id": account(2)}), ([1, 2], numbers[1])):
        spec = project.spec(*listed, exclude=[{**out, "reason": "dispute"}])
        found = compared(project, spec, run)
        assert (found.gone.count, found.new.count, found.after.items) == (0, 0, 1)
        assert found.excluded == (("dispute", Named(1, (account(2),))),)


def test_what_the_ledger_holds_of_a_plan(project: Project) -> None:
    """Each item is counted once: by its outcome, or as to send."""
    project.book(a2="Active,none,1,0s", a3="Canceled,due,1,0s")
    told = project.run(project.spec(1, 2, 3))
    spec = project.spec(1, 2, 3, 4, 5)
    chosen = choose(spec, Overrides())
    found = held(chosen.plan, chosen.counts.items, project.state / "emulator")
    assert found.counts == {Outcome.INVOICED: 1, Outcome.NOTHING_TO_BILL: 1, Outcome.FAILED: 1}
    assert (found.to_send, found.changed, found.runs) == (2, 0, ())
    assert held(told.result.plan, 3, project.state / "emulator").runs == (told.result.run_id,)
    other = project.spec(1, 3, dates=[{"target_date": "2026-11-30", "invoice_date": "2026-12-01"}])
    chosen = choose(other, Overrides())
    found = held(chosen.plan, 2, project.state / "emulator")
    assert (found.counts, found.to_send, found.changed) == ({Outcome.INVOICED: 1}, 1, 1)
