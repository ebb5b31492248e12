"""Runs are found by what people have at hand of them, and never touched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from zbatch.app.review.frozen import KIND, VERSION
from zbatch.app.runs import find_run, is_a_spec, later_runs, list_runs
from zbatch.app.state import State
from zbatch.errors import NothingSelected

OLD, NEW = "20261125T220000Z-27cf", "20261126T070125Z-0a1b"


@pytest.fixture
def state(tmp_path: Path) -> State:
    """Make a state folder with two runs of one spec, the newer one still open."""
    state = State(tmp_path / ".zbatch")
    keep(state, OLD, {"spec": {"file": "specs/month-end.yaml"}, "finished_at": "2026-11-25T23:00Z"})
    keep(state, NEW, {"spec": {"file": "../specs/month-end.yaml"}, "finished_at": None})
    return state


def keep(state: State, run_id: str, record: object) -> None:
    folder = state.run_folder(run_id)
    text = record if isinstance(record, str) else json.dumps(record)
    (folder / "run.json").write_text(text, "utf-8")


def test_the_newest_run_comes_first(state: State) -> None:
    """IDs sort by time; a file beside the folders is no run."""
    (state.root / "runs" / "zzz.txt").write_text("")
    runs = list(list_runs(state))
    assert [run.run_id for run in runs] == [NEW, OLD]
    assert [run.ended for run in runs] == [False, True]
    assert runs[1].report == state.root / "runs" / OLD / "report.jsonl"


@pytest.mark.parametrize(
    ("named", "found"),
    [
        (OLD, OLD),
        ("27cf", OLD),
        ("20261126", NEW),
        ("latest", NEW),
        ("specs/month-end.yaml", NEW),
        ("month-end.yaml", None),
        ("other.yaml", None),
        ("9999", None),
        ("x" * 300, None),
        ("", None),
    ],
)
def test_a_run_is_named_by_id_part_latest_or_spec(
    state: State, monkeypatch: pytest.MonkeyPatch, named: str, found: str | None
) -> None:
    """A spec means its newest run, from whichever folder that was started."""
    monkeypatch.chdir(state.root.parent)
    if found is None:
        with pytest.raises(NothingSelected, match="is known in"):
            find_run(state, named)
    else:
        assert find_run(state, named).run_id == found


def of_spec(path: str | None, file: str) -> dict[str, object]:
    return {"spec": {"file": file, "path": path}}


def test_a_spec_is_known_by_its_path_from_its_project(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How it was typed says nothing: specs of one name are many, and a link is another name."""
    root = state.root.parent
    for part in ("us", "eu"):
        (root / "specs" / part).mkdir(parents=True)
    (root / "tenants.yaml").touch()
    (root / "current.yaml").symlink_to("specs/us/month-end.yaml")
    us, eu = f"{OLD}-us", f"{NEW}-eu"
    keep(state, us, of_spec("specs/us/month-end.yaml", "../plans/../specs/us/month-end.yaml"))
    keep(state, eu, of_spec("specs/eu/month-end.yaml", "month-end.yaml"))
    monkeypatch.chdir(root)
    for named in ("specs/us/month-end.yaml", "specs/eu/../us/month-end.yaml", "current.yaml"):
        assert find_run(state, named).run_id == us
    assert find_run(state, "specs/eu/month-end.yaml").run_id == eu
    with pytest.raises(NothingSelected, match="is known in"):
        find_run(state, "month-end.yaml")
    monkeypatch.chdir(root / "specs" / "us")
    assert find_run(state, "month-end.yaml").run_id == us


def test_of_two_projects_with_one_state_each_has_its_own_runs(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their specs may be called alike, and bill others; one that was moved is known by its path."""
    for name in ("a", "b"):
        (state.root.parent / name / "specs").mkdir(parents=True)
        (state.root.parent / name / "tenants.yaml").touch()
    path = "specs/month-end.yaml"
    for second, name in enumerate("aba"):
        record = of_spec(path, path) | {"given": {"project": f"../{name}"}}
        keep(state, f"20261128T01000{second}Z-000{name}", record)
    first, of_b, newest = sorted(list_runs(state), key=lambda run: run.run_id)[2:]
    assert list(later_runs(state, first)) == [newest]
    assert [list(later_runs(state, one)) for one in (of_b, newest)] == [[]] * 2
    monkeypatch.chdir(state.root.parent / "b")
    assert find_run(state, path) == of_b
    monkeypatch.chdir(state.root.parent / "a")
    assert find_run(state, path) == newest
    (state.root.parent / "b").rename(state.root.parent / "moved")
    monkeypatch.chdir(state.root.parent / "moved")
    assert find_run(state, path) == of_b


def test_an_older_run_is_known_by_the_end_of_what_was_typed(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its record does not say where the spec was from the project's root."""
    monkeypatch.chdir(state.root.parent)
    keep(state, f"{NEW}-older", of_spec(None, "../plans/../specs/month-end.yaml"))
    assert find_run(state, "specs/month-end.yaml").run_id == f"{NEW}-older"


def test_a_file_that_is_no_run_is_told_what_it_is(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a frozen plan the commands that take it are named; a run of the same name comes first."""
    monkeypatch.chdir(state.root.parent)
    Path("plan.json").write_text(json.dumps({"kind": KIND, "version": VERSION}, indent=2))
    with pytest.raises(NothingSelected, match=r"^plan\.json is a frozen plan, not a run"):
        find_run(state, "plan.json")
    Path("27c").touch()
    assert find_run(state, "27c").run_id == OLD
    Path("report.jsonl").touch()
    with pytest.raises(NothingSelected, match=r"^no run of report\.jsonl is known in"):
        find_run(state, "report.jsonl")


def test_a_spec_may_be_called_anything(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run has billed is found by the name that it was billed by."""
    monkeypatch.chdir(state.root.parent)
    for number, name in enumerate(("h.YAML", "month-end", "spec.json")):
        keep(state, f"{NEW}-{number}", of_spec(name, name))
        assert is_a_spec(name) is (name == "h.YAML")  # it is not there
        Path(name).touch()
        assert is_a_spec(name)
        assert find_run(state, name).run_id == f"{NEW}-{number}"
    for name in ("latest", "27cf", "20261125T220000Z-27cf"):
        Path(name).touch()
        assert not is_a_spec(name)
    assert not is_a_spec(".")
    Path("dec").touch()
    assert is_a_spec("./dec")
    with pytest.raises(NothingSelected, match=r"^no run has dec in its ID; for .* write \./dec$"):
        find_run(state, "dec")


def test_runs_of_one_second_come_in_the_order_of_their_start(state: State) -> None:
    """Their IDs begin alike and end by chance; the record knows the milliseconds."""
    second = NEW.partition("-")[0]
    for tail, millis in (("ffff", "125"), ("0000", "498"), ("aaaa", "301")):
        keep(state, f"{second}-{tail}", {"started_at": f"2026-11-26T07:01:25.{millis}Z"})
    tails = [run.run_id.partition("-")[2] for run in list_runs(state)]
    assert tails == ["0000", "aaaa", "ffff", "0a1b", "27cf"]
    assert find_run(state, "latest").run_id == f"{second}-0000"


def test_a_part_of_several_ids_names_them(state: State) -> None:
    """Nothing is guessed; the whole ID is always taken."""
    with pytest.raises(NothingSelected, match=f"part of 2 runs: {NEW}, {OLD}"):
        find_run(state, "2026112")
    keep(state, f"{OLD}-more", {})
    assert find_run(state, OLD).run_id == OLD
    for number in range(5):
        keep(state, f"{OLD}-{number}", {})
    with pytest.raises(NothingSelected, match=r"part of 7 runs: .* and 2 more"):
        find_run(state, "27cf")


@pytest.mark.parametrize("record", ["", "[]", "{", '{"spec": 7}', '{"spec": {"file": 7}}'])
def test_a_damaged_record_hides_no_run(state: State, record: str) -> None:
    """It is listed and found by ID, of no spec, and not ended."""
    keep(state, NEW, record)
    run = find_run(state, "latest")
    assert (run.run_id, run.spec_file, run.ended) == (NEW, None, False)


def test_a_folder_without_state_has_no_runs(tmp_path: Path) -> None:
    """Nothing is made by looking."""
    state = State(tmp_path / "none")
    assert list(list_runs(state)) == []
    with pytest.raises(NothingSelected, match=r"no run is known in .*; name the spec of one"):
        find_run(state, "latest")
    assert not state.root.exists()


def test_of_one_second_the_record_tells_the_newest(state: State) -> None:
    """The tail of an ID is drawn, and says nothing of the time."""
    for tail, began in (("aaaa", ".900Z"), ("ffff", ".100Z"), ("0000", ".500Z")):
        keep(state, f"20261127T010000Z-{tail}", {"started_at": f"2026-11-27T01:00:00{began}"})
    assert [run.run_id[-4:] for run in list_runs(state)][:3] == ["aaaa", "0000", "ffff"]
    assert find_run(state, "latest").run_id.endswith("aaaa")


def test_a_later_run_of_the_same_is_known(state: State) -> None:
    """Of the same spec, month and tenant, that does the same; the newest first."""
    runs = {run.run_id: run for run in list_runs(state)}
    assert list(later_runs(state, runs[NEW])) == []
    assert list(later_runs(state, runs[OLD])) == []  # what was typed is no proof
    record: dict[str, Any] = {
        "spec": {"path": "specs/k.yaml", "period": "2026-11"},
        "tenant": {"host": "a"},
    }
    others: tuple[dict[str, Any], ...] = (
        {"verb": "reconcile"},
        {"tenant": {"host": "b"}},
        {"spec": {"path": "specs/k.yaml"}},
    )
    for minute, more in enumerate([{}, {}, {}, *others]):
        keep(state, f"20261128T0100{minute:02}Z-0000", record | more)
    first, second, newest, *rest = sorted(list_runs(state), key=lambda run: run.run_id)[2:]
    assert list(later_runs(state, first)) == [newest, second]
    assert [list(later_runs(state, one)) for one in (newest, *rest)] == [[]] * 4
