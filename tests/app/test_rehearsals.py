"""The rehearsals that come with the product: each ends with every account billed exactly once."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from support.behind import SOON, Shortly
from support.runs import Away, Project, Told, away
from zbatch.app.faults import RANDOM, load_faults
from zbatch.emulator import EmulatorConfig
from zbatch.emulator.catalogue import CATALOGUE
from zbatch.emulator.faults_file import Rehearsal

FOLDER = Path(__file__).parents[2] / "specs" / "rehearsals"
FILES = sorted(FOLDER.glob("*.faults.yaml"))
MOST_RUNS = 10
SPECS = {"half-billed": "month-end-in-fives.yaml"}

# A rehearsal takes a person's time; a test does not wait where nothing is learnt from it.
QUICKER = {
    "rate: 1200/min": "rate: 50000/min",
    "timeout: 3s": "timeout: 1s",
    "settle: 10s": "settle: 1200ms",
}
QUICKLY: dict[str, Any] = {"chance": Shortly(), "probe": SOON}


def spec_of(name: str, project: Project, url: str) -> Path:
    """Copy a rehearsal's spec into a project, with shorter times."""
    text = (FOLDER / SPECS.get(name, "month-end.yaml")).read_text("utf-8")
    for long, short in QUICKER.items():
        assert text.count(long) == 1
        text = text.replace(long, short)
    (project.root / "tenants.yaml").write_text(
        f"version: 1\ntenants: {{rehearsal: {{base_url: '{url}'}}}}\n"
    )
    path = project.root / "month-end.yaml"
    path.write_text(text + "  wait: 3s\n")
    return path


def rehearse(found: Rehearsal, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Told]:
    """Run again and again, as somebody does who trusts exit codes, until all is settled."""
    monkeypatch.setenv("ZUORA_CLIENT_ID", "emulator")
    monkeypatch.setenv("ZUORA_CLIENT_SECRET", "emulator")
    config = found.on(EmulatorConfig(folder / "tenant"))
    settings = {
        name: getattr(config, name)
        for name in ("modes", "limits", "faults", "latency", "query_latency", "page", "seed")
    }
    project = Project(folder / "project")
    project.root.mkdir()
    with away(folder / "tenant", **settings) as server:
        spec = spec_of(found.name, project, server.url)
        runs: list[Told] = []
        while not runs or not settled(runs[-1]):
            assert len(runs) < MOST_RUNS, [told.code for told in runs]
            failed = bool(runs) and runs[-1].code == 1
            runs.append(project.run(spec, retry_failed=failed, **QUICKLY))
        check(runs[-1], server)
    return runs


def settled(told: Told) -> bool:
    """Tell whether all is well; where a colleague was first, that is known by the next run."""
    return told.code == 0 and all(line["success"] for line in told.lines)


def check(told: Told, server: Away) -> None:
    """Each account was billed once and no more, and the report names that invoice."""
    billed = Counter(one.account_id for one in server.billing.executions)
    assert set(billed.values()) == {1}
    there = {one.id: one.account_id for one in server.billing.invoices}
    assert len(told.lines) == len(billed) == len(there)
    for line in told.lines:
        assert line["success"]
        assert there[line["invoice_id"]] == line["account_id"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.partition(".")[0])
def test_each_rehearsal_ends_well(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong, repeating the run bills each account exactly once."""
    rehearse(load_faults(path, seed=0), tmp_path, monkeypatch)


@pytest.mark.parametrize("seed", range(3))
def test_what_a_seed_draws_ends_well(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is with trouble that chance alone has chosen."""
    rehearse(load_faults(RANDOM, seed), tmp_path, monkeypatch)


PAGE = (FOLDER.parents[1] / "docs" / "rehearsals.md").read_text("utf-8")


def test_each_rehearsal_has_its_page() -> None:
    """The page for billing teams names each file, and the files that it names are there."""
    named = re.findall(
        r"^\| `([a-z-]+)` \| .* \| .* \|$", PAGE.partition("## Lead")[0], re.MULTILINE
    )
    assert sorted(named) == [path.name.removesuffix(".faults.yaml") for path in FILES]


def test_the_page_tells_each_fault() -> None:
    """The table has each fault of the catalogue, its sentence, its settings, and its calls."""
    lines = PAGE.partition("## What can go wrong")[2].splitlines()
    table = dict(re.findall(r"^\| `([a-z0-9_]+)` \| (.*) \|$", "\n".join(lines), re.MULTILINE))
    assert list(table) == list(CATALOGUE)
    for name, known in CATALOGUE.items():
        says, settings, actions = table[name].split(" | ")
        assert says == known.sentence
        assert re.findall(r"`([a-z_]+): [^`]+`", settings) == list(known.kinds)
        assert actions == ", ".join(known.actions)


def test_the_page_s_own_file_can_be_played(tmp_path: Path) -> None:
    """The example of a file is a good one."""
    path = tmp_path / "own.faults.yaml"
    path.write_text(PAGE.partition("```yaml\n")[2].partition("```")[0])
    assert len(load_faults(path, 0).faults) == 4
