"""A bundle proves a run: the same each time, without a secret, and no change stays unseen."""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.accounts import account
from support.repository import git
from support.runs import Project
from zbatch.app.evidence import MANIFEST, SEAL, Bundle, bundle_of
from zbatch.app.evidence_check import MOST_FILES, check_bundle
from zbatch.app.reporting import past_run
from zbatch.errors import CannotStart, Refused

CANARY = "c4n4ry-s3cr3t"
NAMES = {
    "run.json",
    "report.jsonl",
    "plan.jsonl",
    "spec/specs/month-end.yaml",
    "spec/specs/list.csv",
    "ledger/items.jsonl",
    "ledger/keys.jsonl",
    "ledger/attempts.jsonl",
    "ledger/runs.jsonl",
}


@pytest.fixture
def spec(project: Project) -> Path:
    """Run a spec with a list, with failures among it."""
    (project.root / "specs").mkdir()
    (project.root / "specs" / "list.csv").write_text(f"account_id\n{account(1)}\n{account(2)}\n")
    project.book(a2="Canceled,due,1,0s")
    path = project.spec(3, {"file": "list.csv"})
    project.run(path)
    return path


def gathered(spec: Path) -> Bundle:
    return bundle_of(past_run(str(spec), spec.parent, None))


def findings(data: bytes, folder: Path) -> tuple[str, ...]:
    path = folder / "bundle.zip"
    path.write_bytes(data)
    return check_bundle(path).findings


def sealed(archive: Callable[[zipfile.ZipFile], object], data: bytes | None = None) -> bytes:
    """Write a bundle as a forger would who knows how a seal is made."""
    buffer = io.BytesIO(data or b"")
    with zipfile.ZipFile(buffer, "a") as file:
        archive(file)
        file.comment = f"{SEAL}{'0' * 64}".encode()
    before = buffer.getvalue()[:-64]
    return before + hashlib.sha256(before).hexdigest().encode()


def changed(data: bytes, name: str, content: bytes | None) -> bytes:
    """Change, add or take a file, and seal the whole anew."""
    old = zipfile.ZipFile(io.BytesIO(data))
    held = {one: old.read(one) for one in old.namelist()}
    held |= {name: content} if content is not None else {}
    if content is None:
        del held[name]

    def write(file: zipfile.ZipFile) -> None:
        for one, its in held.items():
            file.writestr(one, its)

    return sealed(write)


def test_a_bundle_holds_all_that_proves_a_run(spec: Path, tmp_path: Path) -> None:
    """Record, report, plan, spec, lists and ledger, each with its digest; and it checks."""
    bundle = gathered(spec)
    with zipfile.ZipFile(io.BytesIO(bundle.data)) as archive:
        assert set(archive.namelist()) == NAMES | {MANIFEST}
        listed = json.loads(archive.read(MANIFEST))["files"]
        for one in listed:
            assert hashlib.sha256(archive.read(one["name"])).hexdigest() == one["sha256"]
        assert archive.read("spec/specs/month-end.yaml") == spec.read_bytes()
    path = tmp_path / "bundle.zip"
    path.write_bytes(bundle.data)
    checked = check_bundle(path)
    assert (checked.findings, checked.files, checked.seal) == ((), len(NAMES), bundle.seal)
    assert bundle.missing == checked.missing == {}
    assert gathered(spec).data == bundle.data


def test_a_list_that_is_named_twice_is_in_it_once(project: Project, tmp_path: Path) -> None:
    """A spec may bill one list for one date more, and write its name otherwise each time."""
    (project.root / "specs").mkdir()
    (project.root / "specs" / "list.csv").write_text(f"account_id\n{account(1)}\n{account(2)}\n")
    october = {"dates": [{"target_date": "2026-10-31"}], "reason": "October was forgotten"}
    spec = project.spec({"file": "list.csv"}, {"file": "../specs/list.csv", **october})
    assert project.run(spec).outcomes == {"invoiced": 4}
    bundle = gathered(spec)
    assert bundle.files == len(NAMES)
    assert findings(bundle.data, tmp_path) == ()


def test_no_secret_is_in_it(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the client's secret nor a token, in any file of it."""
    monkeypatch.setenv("ZUORA_CLIENT_SECRET", CANARY)
    spec = project.spec(1)
    project.run(spec)
    with zipfile.ZipFile(io.BytesIO(gathered(spec).data)) as archive:
        text = b"".join(archive.read(name) for name in archive.namelist())
    for secret in (CANARY.encode(), b"Bearer", b"access_token", b"client_secret"):
        assert secret not in text


def test_every_changed_byte_is_found(spec: Path, tmp_path: Path) -> None:
    """Wherever it stands: content, names, times, the archive's own tables, the seal."""
    data = gathered(spec).data
    for at in [*range(0, len(data), 97), *range(len(data) - len(SEAL) - 70, len(data))]:
        assert findings(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], tmp_path), at
    assert findings(data[:-1], tmp_path)
    assert findings(data + b"\0", tmp_path)
    assert findings(b"", tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("ledger/items.jsonl", None, "ledger/items.jsonl is listed and not there"),
        ("ledger/items.jsonl", b"{}\n", "ledger/items.jsonl is not what was listed"),
        ("note.txt", b"", "note.txt is there and not listed"),
        ("run.json", None, "there is no run.json in it"),
        ("run.json", b"{}", "run.json is not what this version of zbatch writes"),
        ("report.jsonl", b"", "the lines of the report do not come to the totals of run.json"),
        ("report.jsonl", b"[]", "the lines of the report do not come to the totals of run.json"),
        ("report.jsonl", b"[]\n", "it is no bundle, or a damaged one: TypeError"),
        ("plan.jsonl", b"{}\n", "the ledger's plan has 1 items, run.json 3"),
        ("spec/specs/list.csv", None, "spec/specs/list.csv, which the run read, is not there"),
        ("spec/specs/list.csv", b"x", "spec/specs/list.csv is not what the run read"),
        (MANIFEST, None, "there is no MANIFEST.json in it"),
        (MANIFEST, b"{}", "its MANIFEST.json is not what this version of zbatch writes"),
        (MANIFEST, b'{"kind":"zbatch-evidence","version":1}', "its MANIFEST.json lists no files"),
        (MANIFEST, b"{" * 100_000, "it is no bundle, or a damaged one: JSONDecodeError"),
    ],
)  # fmt: skip
def test_what_is_changed_and_sealed_anew_is_found(
    spec: Path, tmp_path: Path, name: str, content: bytes | None, found: str
) -> None:
    """The digests and totals are held against each other, not only the seal."""
    assert found in findings(changed(gathered(spec).data, name, content), tmp_path)


@pytest.mark.parametrize(
    ("key", "forged"),
    [("invoice_id", "f" * 32), ("account_id", "e" * 32), ("attempts", 7), ("track_id", "other")],
)
def test_a_report_that_was_changed_before_it_was_gathered_is_found(
    spec: Path, tmp_path: Path, key: str, forged: object
) -> None:
    """Its lines are held against the ledger: the totals alone would still add up."""
    run = past_run(str(spec), spec.parent, None).run
    first, *others = run.report.read_text("ascii").splitlines()
    line = json.dumps(json.loads(first) | {key: forged})
    run.report.write_text("\n".join([line, *others, ""]), "ascii")
    (found,) = findings(gathered(spec).data, tmp_path)
    assert found.startswith("the report is not what the ledger holds: ")


def test_a_failure_told_as_an_invoice_is_found(spec: Path, tmp_path: Path) -> None:
    """Also where the totals were changed to fit."""
    run = past_run(str(spec), spec.parent, None).run
    lines = [json.loads(line) for line in run.report.read_text("ascii").splitlines()]
    told = [line | {"outcome": "invoiced", "success": True} for line in lines]
    run.report.write_text("".join(json.dumps(line) + "\n" for line in told), "ascii")
    record = json.loads((run.folder / "run.json").read_text("utf-8"))
    record["outcomes"] |= {"invoiced": 3, "failed": 0}
    (run.folder / "run.json").write_text(json.dumps(record), "utf-8")
    found = findings(gathered(spec).data, tmp_path)
    assert found == (f"the report is not what the ledger holds: {account(2)} 2026-11-30",)


def test_what_later_runs_have_settled_is_no_change_of_the_report(
    project: Project, tmp_path: Path
) -> None:
    """What failed, and is invoiced since, was failed when the run told it."""
    project.book(a2="Canceled,due,1,0s")
    spec = project.spec(1, 2)
    first = project.run(spec).result.run_id
    project.book()
    assert project.run(spec, retry_failed=True).outcomes == {"invoiced": 2}
    assert findings(bundle_of(past_run(first, project.root, None)).data, tmp_path) == ()


def test_what_is_open_again_is_no_change_of_the_report(
    project: Project, spec: Path, tmp_path: Path
) -> None:
    """The ledger still names the run that had settled it, and no outcome."""
    (path,) = project.state.glob("**/ledger.sqlite3")
    with closing(sqlite3.connect(path)) as ledger, ledger:
        ledger.execute("UPDATE item SET outcome = NULL WHERE outcome = 'failed'")
    assert findings(gathered(spec).data, tmp_path) == ()


REDATED = [{"target_date": "2026-11-30", "invoice_date": "2026-12-01"}]


def plan_of(project: Project, run_id: str) -> tuple[Bundle, list[dict[str, Any]]]:
    bundle = bundle_of(past_run(run_id, project.root, None))
    with zipfile.ZipFile(io.BytesIO(bundle.data)) as archive:
        return bundle, [json.loads(line) for line in archive.read("plan.jsonl").splitlines()]


def test_a_plan_is_told_as_its_run_planned_it(project: Project, tmp_path: Path) -> None:
    """With its dates, charges, reason and place, whatever later runs have made of the items."""
    project.book(a1="Canceled,due,1,0s")
    first = project.run(project.spec(1, charges={"usage": False})).result.run_id
    project.book()
    again = {"id": 1, "dates": REDATED, "reason": "it failed"}
    assert project.run(project.spec(again, name="again")).outcomes == {"invoiced": 1}
    third = project.run(project.spec({**again, "reason": "once more"}, name="more")).result.run_id
    bundle, (row,) = plan_of(project, first)
    assert findings(bundle.data, tmp_path) == ()
    assert (row["invoice_date"], row["usage"], row["reason"]) == ("2026-11-30", 0, None)
    assert (Path(row["source_file"]).name, row["from"]) == ("month-end.yaml", "report")
    bundle, (row,) = plan_of(project, third)
    assert findings(bundle.data, tmp_path) == ()
    assert (row["invoice_date"], row["usage"], row["reason"]) == ("2026-12-01", 1, "once more")
    assert Path(row["source_file"]).name == "more.yaml"


def test_what_a_broken_off_run_never_told_is_told_as_it_is_held_now(
    project: Project, spec: Path, tmp_path: Path
) -> None:
    """Each line says which it is, and the bundle checks, though the report ends within a line.

    A record of an older version has no charges.
    """
    run = past_run(str(spec), spec.parent, None).run
    first, *_ = run.report.read_text("ascii").splitlines()
    run.report.write_text(f'{first}\n{{"version":1,"ru', "ascii")
    record = json.loads((run.folder / "run.json").read_text("utf-8"))
    record |= {"finished_at": None, "outcomes": None}
    del record["spec"]["charges"]
    (run.folder / "run.json").write_text(json.dumps(record), "utf-8")
    bundle, rows = plan_of(project, run.run_id)
    assert [row["from"] for row in rows].count("ledger") == 2
    assert {(row["one_time"], row["recurring"], row["usage"]) for row in rows} == {(1, 1, 1)}
    assert findings(bundle.data, tmp_path) == ()


@pytest.mark.parametrize(
    "forged",
    [{"invoice_date": "2026-12-01"}, {"reason": "x"}, {"source_line": 70}, {"account_number": "A"}],
)
def test_a_plan_that_is_not_what_the_report_tells_is_found(
    project: Project, spec: Path, tmp_path: Path, forged: dict[str, Any]
) -> None:
    """Also if the seal was made anew; a plan of an older version is the ledger's word alone."""
    run_id = past_run(str(spec), spec.parent, None).run.run_id
    bundle, rows = plan_of(project, run_id)
    rows[0] |= forged
    data = changed(bundle.data, "plan.jsonl", lines_of(rows))
    told = f"the plan is not what the report tells of it: {rows[0]['account_id']} 2026-11-30"
    assert told in findings(data, tmp_path)
    for row in rows:
        del row["from"]
    older = changed(bundle.data, "plan.jsonl", lines_of(rows))
    assert told not in findings(older, tmp_path)


def lines_of(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def test_a_record_of_another_run_is_found(spec: Path, tmp_path: Path) -> None:
    """A list and a record that do not belong together prove nothing."""
    data = gathered(spec).data
    record = json.loads(zipfile.ZipFile(io.BytesIO(data)).read("run.json")) | {"run_id": "other"}
    forged = changed(data, "run.json", json.dumps(record).encode())
    assert "run.json is of another run" in findings(forged, tmp_path)


def link(file: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    file.writestr(info, "/etc/passwd")


def twice(file: zipfile.ZipFile) -> None:
    file.writestr("a.txt", "1")
    with pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("a.txt", "2")


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out", "a\\b", "a/", "./a", ".."])
def test_a_name_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    """Nothing is unpacked, and nobody else should."""
    (found,) = findings(sealed(lambda file: file.writestr(name, "x")), tmp_path)
    assert "is no file within the bundle" in found


@pytest.mark.parametrize(
    ("write", "why"),
    [
        (link, "is no file within the bundle"),
        (twice, "two entries have one name"),
        (
            lambda file: file.writestr("bomb", b"\0" * 4_000_000, zipfile.ZIP_DEFLATED),
            "would unpack to far more than it is",
        ),
        (
            lambda file: [file.writestr(f"{n}", b"") for n in range(MOST_FILES + 1)],
            "more than any bundle does",
        ),
        (lambda file: file.writestr("a.txt", "x"), "there is no MANIFEST.json in it"),
    ],
)
def test_an_archive_that_means_harm_is_refused(
    tmp_path: Path, write: Callable[[zipfile.ZipFile], object], why: str
) -> None:
    """Before anything of it is unpacked."""
    (found,) = findings(sealed(write), tmp_path)
    assert why in found


def test_an_encrypted_entry_is_refused(tmp_path: Path) -> None:
    """What cannot be read cannot be checked."""
    data = bytearray(sealed(lambda file: file.writestr("a.txt", "x")))
    central = data.rindex(b"PK\x01\x02")
    data[central + 8] |= 1
    before = bytes(data[:-64])
    (found,) = findings(before + hashlib.sha256(before).hexdigest().encode(), tmp_path)
    assert "is encrypted" in found


def test_a_spec_that_was_changed_since_comes_from_git(
    project: Project, spec: Path, tmp_path: Path
) -> None:
    """As it was at the run's commit; where it is nowhere, the bundle says that it is missing."""

    git(project.root, "init", "-q")
    git(project.root, "add", "specs")
    git(project.root, "commit", "-q", "-m", "x")
    first = project.run(spec).result.run_id
    before = spec.read_bytes()
    spec.write_bytes(before + b"# changed\n")
    bundle = bundle_of(past_run(first, project.root, None))
    assert bundle.missing == {}
    assert zipfile.ZipFile(io.BytesIO(bundle.data)).read("spec/specs/month-end.yaml") == before
    second = project.run(spec).result.run_id
    spec.unlink()
    bundle = bundle_of(past_run(second, project.root, None))
    assert list(bundle.missing) == ["specs/month-end.yaml"]
    path = tmp_path / "bundle.zip"
    path.write_bytes(bundle.data)
    checked = check_bundle(path)
    assert (checked.findings, checked.missing) == ((), bundle.missing)


def test_a_reconciliation_without_a_spec_has_its_bundle(
    project: Project, spec: Path, tmp_path: Path
) -> None:
    """There is no spec in it, and none is missed."""
    told = project.reconcile()
    bundle = bundle_of(past_run(told.result.run_id, project.root, None))
    assert bundle.missing == {}
    assert findings(bundle.data, tmp_path) == ()


def test_a_ledger_that_does_not_know_the_run_is_no_evidence(project: Project, spec: Path) -> None:
    """It was lost, and the next run began another one: such a bundle would never pass its check."""
    past = past_run(str(spec), spec.parent, None)
    (past.tenant_folder / "ledger.sqlite3").unlink()
    project.run(spec)
    with pytest.raises(CannotStart, match=f"does not know run {past.run.run_id}"):
        bundle_of(past)


def test_without_a_ledger_there_is_no_evidence(project: Project, spec: Path) -> None:
    """Nor without a report; a file that is not there cannot be checked."""
    past = past_run(str(spec), spec.parent, None)
    (past.tenant_folder / "ledger.sqlite3").unlink()
    with pytest.raises(CannotStart, match="there is no ledger"):
        bundle_of(past)
    past.run.report.unlink()
    with pytest.raises(CannotStart, match="cannot be read"):
        bundle_of(past)
    with pytest.raises(Refused, match="cannot be read"):
        check_bundle(project.root / "none.zip")
