"""Where a project keeps its state."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.engine import TENANT
from zbatch.app.state import State, run_id
from zbatch.errors import CannotStart
from zbatch.zuora.request import TRACK_LIMIT, track_id

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


def test_the_state_lies_in_the_project_unless_named(tmp_path: Path) -> None:
    """`--state-dir` wins, and nothing is made by choosing."""
    assert State.of(tmp_path, None).root == tmp_path / ".zbatch"
    assert State.of(tmp_path, tmp_path / "other").root == tmp_path / "other"
    assert list(tmp_path.iterdir()) == []


def test_a_relative_folder_is_taken_from_where_the_person_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder stays the same if the working directory changes later."""
    monkeypatch.chdir(tmp_path)
    assert State.of(Path("project"), Path("state")).root == tmp_path / "state"


def test_folders_are_made_for_their_owner_alone(tmp_path: Path) -> None:
    """Each folder that is made is 0700, under any umask; those that exist are left alone."""
    (tmp_path / "project").mkdir(mode=0o755)
    before = os.umask(0)
    try:
        state = State.of(tmp_path / "project", None)
        made = [state.tenant_folder(TENANT), state.run_folder("20261130T120000Z-7f3a")]
    finally:
        os.umask(before)
    for folder in (*made, state.root, state.root / "runs"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "project").stat().st_mode) != 0o700
    assert made == [state.root / "rest.test", state.root / "runs" / "20261130T120000Z-7f3a"]


def test_a_folder_that_exists_is_used_as_it_is(tmp_path: Path) -> None:
    """The second run finds what the first has made."""
    state = State.of(tmp_path, None)
    assert state.tenant_folder(TENANT) == state.tenant_folder(TENANT)


def test_f105_two_names_of_one_host_share_a_folder_and_entities_do_not(tmp_path: Path) -> None:
    """F105: ledger and lock go by canonical host and entity, not by what a tenant is called."""
    state = State.of(tmp_path, None)
    alias = replace(TENANT, name="other")
    entity = replace(TENANT, entity_id="11e64eef-a2e5-0c9f-bfbd-00259058c9cc")
    port = replace(TENANT, host="localhost:8080")
    assert state.tenant_folder(alias) == state.tenant_folder(TENANT)
    assert state.tenant_folder(entity) != state.tenant_folder(TENANT)
    assert state.tenant_folder(port).name == "localhost_8080"


@pytest.mark.parametrize("blocked", [".zbatch", ".zbatch/rest.test"])
def test_f98_a_file_in_the_folders_place_is_told_before_anything_is_sent(
    tmp_path: Path, blocked: str
) -> None:
    """F98: the message names the folder and the way out."""
    place = tmp_path / blocked
    place.parent.mkdir(exist_ok=True)
    place.write_text("a file")
    with pytest.raises(CannotStart, match=r"state folder .*zbatch"):
        State.of(tmp_path, None).tenant_folder(TENANT)
    assert place.read_text() == "a file"


def test_a_folder_name_that_no_disk_takes_is_told(tmp_path: Path) -> None:
    """A name that cannot be is an answer, not a traceback."""
    with pytest.raises(CannotStart, match="state folder"):
        State.of(tmp_path, tmp_path / ("x" * 300)).run_folder("run")


def test_a_run_is_named_by_its_time_and_a_tail() -> None:
    """The shape that reports, folders and track IDs rely on."""
    assert run_id(NOON, "7f3a") == "20261130T120000Z-7f3a"
    assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{4}", run_id(NOON, "7f3a"))


@pytest.mark.parametrize(
    ("names", "named"),
    [
        ((), "120000"),
        (("20261130T120000Z-7f3a", "20261129T235959Z-0000"), "120000"),
        (("20261130T125958Z-7f3a", "20261130T125959Z-0000", "20261130T110000Z-ffff"), "130000"),
        (("20269999T999999Z-7f3a", "99991231T235959Z-7f3a", "20991130T110000Z"), "120000"),
    ],
)
def test_a_run_is_named_as_later_than_those_before_it(
    names: tuple[str, ...], named: str, tmp_path: Path
) -> None:
    """A clock that was set back makes no older run the newest; damaged names tell no time."""
    state = State(tmp_path)
    for name in names:
        state.run_folder(name)
    assert run_id(state.in_order(NOON), "0000") == f"20261130T{named}Z-0000"


MOMENTS = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone itself
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone itself
    timezones=st.just(UTC),
)


@given(MOMENTS, st.timedeltas(timedelta(seconds=1), timedelta(days=4000)))
def test_run_ids_sort_by_time(moment: datetime, later: timedelta) -> None:
    """A list of names is a list of runs in order; and each tail fits into a track ID."""
    assert run_id(moment, "ffff") < run_id(moment + later, "0000")
    tail = run_id(moment, "ffff").rpartition("-")[2]
    assert len(track_id("zb1-" + "0" * 64, tail, 10**9)) <= TRACK_LIMIT


def test_the_runs_of_a_state_folder_are_known_by_their_folders(tmp_path: Path) -> None:
    """A new run never takes the ID of one that is there; without any there is nothing to avoid."""
    state = State(tmp_path / "state")
    assert state.runs() == frozenset()
    state.run_folder("20261130T220000Z-7f3a")
    assert state.runs() == {"20261130T220000Z-7f3a"}
