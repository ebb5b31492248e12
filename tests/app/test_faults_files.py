"""Faults files: what they say, where they are wrong, and that they are followed as they change."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from zbatch.app.faults import RANDOM, Watched, check_faults, load_faults
from zbatch.app.validate import validate
from zbatch.emulator import (
    Conflict,
    CurrencyField,
    Drafts,
    EmulatorConfig,
    Faults,
    Mishap,
    Modes,
    OtherBody,
    ReplayDate,
    Scheduled,
    SecondGenerate,
    ServerLimits,
    SourceField,
    Stored,
    TaxFields,
    Temporary,
)
from zbatch.emulator.catalogue import CATALOGUE, fault
from zbatch.emulator.catalogue.known import Seconds
from zbatch.model import Rate
from zbatch.spec import SpecError

WHOLE = """\
version: 1
name: bad-night
modes:
  stored: all
  conflict: rows
  second_generate: bills_again
  other_body: refuse
  replay_date: first
  drafts: appended
  source_field: absent
  currency_field: absent
  tax_fields: absent
  temporary: beside
  read_lag: 10m
  generating: 500ms
  evict_after: 7
limits:
  rate: 600/min
  concurrency: 20
  token_rate: 100/h
  token_life: 30m
  key_life: 24h
  cut_off: 120s
  latency: 0s
  query_latency: 20ms
  page: 100
faults:
  - {fault: reset, when: before_execution, every: 10, after: 5s, until: 1m, times: 3, skip: 2}
  - {fault: status, status: 504, executed: true, chance: 2.5%, action: any}
  - {fault: locked, at: 1, account: 2c93808457d787030157e0306be53a01}
  - {fault: expires_zero, every: 1}
"""
HEAD = "version: 1\nname: x\nfaults:\n"


def written(folder: Path, text: str, name: str = "x.faults.yaml") -> Path:
    """Write a faults file."""
    path = folder / name
    path.write_text(text)
    return path


def test_everything_that_a_file_can_say(tmp_path: Path) -> None:
    """Modes, limits and each way to schedule a fault."""
    found = load_faults(written(tmp_path, WHOLE), 0)
    assert found.name == "bad-night"
    assert found.modes == Modes(
        stored=Stored.ALL,
        conflict=Conflict.ROWS,
        second_generate=SecondGenerate.BILLS_AGAIN,
        other_body=OtherBody.REFUSE,
        replay_date=ReplayDate.FIRST,
        drafts=Drafts.APPENDED,
        source_field=SourceField.ABSENT,
        currency_field=CurrencyField.ABSENT,
        tax_fields=TaxFields.ABSENT,
        temporary=Temporary.BESIDE,
        read_lag=600.0,
        generating=0.5,
        evict_after=7,
    )
    rates = {"rates": (Rate(600, 60.0),), "token_rate": Rate(100, 3600.0)}
    assert found.limits == ServerLimits(concurrency=20, token_life=1800.0, **rates)  # type: ignore[arg-type] # the rest is rates
    reset = fault("reset", when="before_execution")
    account = "2c93808457d787030157e0306be53a01"
    assert found.faults == (
        Scheduled(reset, every=10, after=5.0, until=60.0, times=3, skip=2),
        Scheduled(fault("status", status=504, executed=True), chance=0.025, action="any"),
        Scheduled(fault("locked"), at=1, account=account),
        Scheduled(fault("expires_zero"), every=1, action="token"),
    )
    config = found.on(EmulatorConfig(tmp_path, port=1))
    assert (config.port, config.modes, config.limits) == (1, found.modes, found.limits)
    assert (config.latency, config.query_latency, config.page) == (0.0, 0.02, 100)
    assert config.faults == found.faults


WRONG = [
    ("", "1:1 ZB103"),
    ("version: 1\nname: [x]\n", "2:7 ZB204 `name` must be text"),
    ("version: 1\nname: x\nmodes: {read_leg: 1s}\n", "3:9 ZB202"),
    ("version: 1\nname: x\nmodes: {stored: some}\n", "3:17 ZB208"),
    ("version: 1\nname: x\nmodes: {read_lag: soon}\n", "3:19 ZB205"),
    ("version: 1\nname: x\nlimits: {rate: 600}\n", "3:16 ZB205"),
    (HEAD + "  - {fault: no_such, every: 1}\n", "4:13 ZB208"),
    (HEAD + "  - {every: 1}\n", "4:5 ZB201"),
    (HEAD + "  - {fault: reset}\n", "4:5 ZB211"),
    (HEAD + "  - {fault: reset, every: 1, at: 2}\n", "4:5 ZB211"),
    (HEAD + "  - {fault: reset, every: 0}\n", "4:27 ZB206"),
    (HEAD + "  - {fault: reset, chance: 0.5}\n", "4:28 ZB205"),
    (HEAD + "  - {fault: reset, every: 1, whom: me}\n", "4:30 ZB202"),
    (HEAD + "  - {fault: reset, every: 1, offset: 3}\n", "4:5 ZB309 reset has no setting `offset`"),
    (HEAD + "  - {fault: delay, every: 1}\n", "4:5 ZB309 delay needs `latency`"),
    (HEAD + "  - {fault: status, status: 299, every: 1}\n", "4:5 ZB309 299 is not a status"),
    (
        HEAD + "  - {fault: nan, every: 1, action: connection}\n",
        "4:5 ZB309 nan happens to",
    ),
    (
        HEAD + "  - {fault: reset, every: 1, after: 2s, until: 1s}\n",
        "4:5 ZB309 a mishap that",
    ),
]


@pytest.mark.parametrize(("text", "words"), WRONG, ids=range(len(WRONG)))
def test_a_mistake_is_told_with_its_place(text: str, words: str, tmp_path: Path) -> None:
    """What is wrong is refused with line and column, never guessed."""
    path = written(tmp_path, text)
    told = [str(one) for one in check_faults(path)]
    assert len(told) == 1, told
    assert told[0].startswith(f"{path}:{words}"), told
    with pytest.raises(SpecError):
        load_faults(path, 0)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Two faults that cannot be played are two findings."""
    text = HEAD + "  - {fault: delay, every: 1}\n" * 2
    assert [one.line for one in check_faults(written(tmp_path, text))] == [4, 5]


def test_validate_knows_a_faults_file_by_its_name(tmp_path: Path) -> None:
    """A folder with specs and faults is validated as a whole."""
    written(tmp_path, WHOLE)
    assert validate([tmp_path]).diagnostics == ()
    written(tmp_path, HEAD + "  - {fault: delay, every: 1}\n", "y.faults.yml")
    assert [one.code for one in validate([tmp_path]).diagnostics] == ["ZB309"]


def test_f82_the_tenant_s_entities_are_named_by_its_file(tmp_path: Path) -> None:
    """With them a request must name one, as test_server_state holds; what is no UUID is refused."""
    entity = "11e643f4-a3ee-8bad-b061-0025904c57d6"
    text = "version: 1\nname: x\nentities: ['{}']\n"
    config = EmulatorConfig(tmp_path)
    found = load_faults(written(tmp_path, text.format(entity)), 0)
    assert found.on(config).entities == (entity,)
    assert load_faults(written(tmp_path, "version: 1\nname: x\n"), 0).on(config).entities == ()
    (wrong,) = check_faults(written(tmp_path, text.format(entity.upper())))
    assert "UUID" in wrong.message


def test_json_is_yaml(tmp_path: Path) -> None:
    """A file that a program writes as JSON is read as well."""
    text = {"version": 1, "name": "x", "faults": [{"fault": "reset", "every": 2}]}
    found = load_faults(written(tmp_path, json.dumps(text)), 0)
    assert found.faults == (Scheduled(fault("reset"), every=2),)


def test_chance_alone_is_the_seed_s(tmp_path: Path) -> None:
    """The same seed draws the same faults, with or without a file; another one draws others."""
    path = written(tmp_path, "version: 1\nname: x\nrandom: true\n")
    assert load_faults(RANDOM, 7).faults == load_faults(path, 7).faults
    assert len({load_faults(RANDOM, seed).faults for seed in range(20)}) == 20
    for seed in range(200):
        drawn = load_faults(RANDOM, seed).faults
        assert 3 <= len(drawn) <= 8
        assert all(one.times and one.chance for one in drawn)


def schema() -> Any:
    """Read the schema."""
    return json.loads(files("zbatch.schemas").joinpath("faults.schema.json").read_text("utf-8"))


def test_the_schema_names_the_catalogue() -> None:
    """Each fault and each setting of the catalogue is in the schema, and nothing else is."""
    properties = schema()["$defs"]["fault"]["properties"]
    assert set(properties["fault"]["enum"]) == set(CATALOGUE)
    schedule = {"at", "every", "chance", "action", "account", "after", "until", "times", "skip"}
    settings = {name for known in CATALOGUE.values() for name in known.kinds}
    assert set(properties) == {"fault"} | schedule | settings
    assert not schedule & settings
    types = {int: "integer", bool: "boolean", str: "string", Seconds: "string"}
    for known in CATALOGUE.values():
        for name, kind in known.kinds.items():
            if kind in types:
                assert properties[name]["type"] == types[kind], (known.name, name)


def test_the_examples_of_the_schema_are_good() -> None:
    """Each setting has an example that its own rule accepts, and says what it is."""
    for name, one in schema()["$defs"]["fault"]["properties"].items():
        assert one["description"].endswith("."), name
        assert "enum" in one or one["examples"], name


@pytest.fixture
def told() -> list[str]:
    """Keep what is told."""
    return []


def test_a_file_is_followed_as_it_changes(tmp_path: Path, told: list[str]) -> None:
    """Trouble starts and stops with the file, and what cannot be used changes nothing."""
    path = written(tmp_path, HEAD + "  - {fault: reset, every: 1}\n")
    watched = Watched(path, 0, told.append)
    faults = Faults(watched.on(EmulatorConfig(tmp_path)).faults)
    watched.look(faults)
    assert (name_of(faults.next("generate")), told) == ("reset", [])
    path.write_text(HEAD + "  - {fault: locked, every: 1}\n  - {fault: nan, every: 1}\n")
    watched.look(faults)
    assert name_of(faults.next("generate")) == "locked"
    path.write_text(HEAD + "  - {fault: lock")
    watched.look(faults)
    watched.look(faults)
    assert name_of(faults.next("generate")) == "locked"
    path.write_text("version: 1\nname: x\n")
    watched.look(faults)
    assert faults.next("generate") is None
    path.unlink()
    watched.look(faults)
    assert [text.splitlines()[-1].removeprefix(f"{path}: ") for text in told] == [
        "2 faults from now on.",
        "The faults are what they were.",
        "no faults from now on.",
        "The faults are what they were.",
    ]
    assert faults.arrived() == 4


def test_modes_hold_from_the_start(tmp_path: Path, told: list[str]) -> None:
    """Other modes in the file are told to wait, and do not come in by the way."""
    path = written(tmp_path, "version: 1\nname: x\n")
    watched = Watched(path, 0, told.append)
    path.write_text("version: 1\nname: x\nmodes: {stored: all}\n")
    watched.look(Faults())
    assert told[-1].endswith("hold from the next start of the emulator.")
    assert watched.on(EmulatorConfig(tmp_path)).modes == Modes()


def name_of(mishap: Mishap | None) -> str:
    """Return the name of a fault."""
    assert mishap is not None
    return mishap.name


def test_the_file_of_the_schema_s_own_editor_line(tmp_path: Path) -> None:
    """A file of the schema's examples, each fault by itself, can be read."""
    entries = [
        {"fault": name, "every": 1, **{one: example(one) for one in CATALOGUE[name].required}}
        for name in CATALOGUE
    ]
    text = yaml.safe_dump({"version": 1, "name": "all", "faults": entries})
    assert len(load_faults(written(tmp_path, text), 0).faults) == len(CATALOGUE)


def example(name: str) -> Any:
    """Return the schema's example of a setting."""
    return schema()["$defs"]["fault"]["properties"][name]["examples"][0]
