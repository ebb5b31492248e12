"""The setup file: modes and faults as JSON, for an emulator in a process of its own."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from zbatch.emulator import (
    Conflict,
    Delivery,
    Drafts,
    EmulatorConfig,
    Mishap,
    Modes,
    OtherBody,
    Scheduled,
    SecondGenerate,
    SourceField,
    Stored,
    load_setup,
)
from zbatch.emulator.setup_file import SetupRefused, parse_setup
from zbatch.errors import Refused

EVERY_MODE: dict[str, Any] = {
    "stored": "all",
    "conflict": "rows",
    "second_generate": "bills_again",
    "other_body": "refuse",
    "drafts": "appended",
    "source_field": "absent",
    "read_lag": 2,
    "generating": 0.5,
    "evict_after": 7,
}


def test_every_mode_can_be_set() -> None:
    """The file says each mode in the word that the mode has."""
    modes, faults = parse_setup(json.dumps(EVERY_MODE), "setup.json")
    assert set(EVERY_MODE) == {field.name for field in fields(Modes)}
    assert faults == ()
    assert modes == Modes(
        stored=Stored.ALL,
        conflict=Conflict.ROWS,
        second_generate=SecondGenerate.BILLS_AGAIN,
        other_body=OtherBody.REFUSE,
        drafts=Drafts.APPENDED,
        source_field=SourceField.ABSENT,
        read_lag=2,
        generating=0.5,
        evict_after=7,
    )


def test_faults_stand_beside_the_modes(tmp_path: Path) -> None:
    """A fault names its calls and what goes wrong with them; the rest of the config stays."""
    file = tmp_path / "setup.json"
    file.write_text(
        json.dumps(
            {
                "faults": [
                    {"at": 3, "status": 503, "executed": False, "stored": True, "retry_after": 5},
                    {"every": 2, "code": "UNKNOWN_ERROR", "rows": [1]},
                    {"at": 1, "action": "query", "delivery": "cut_short", "length": 9},
                ]
            }
        )
    )
    config = load_setup(EmulatorConfig(tmp_path, port=1), file)
    assert (config.port, config.modes) == (1, Modes())
    assert config.faults == (
        Scheduled(Mishap(executed=False, status=503, stored=True, retry_after=5), at=3),
        Scheduled(Mishap(code="UNKNOWN_ERROR", rows=(1,)), every=2),
        Scheduled(Mishap(delivery=Delivery.CUT_SHORT, length=9), at=1, action="query"),
    )


WRONG: list[tuple[object, str]] = [
    ([], "the file is not a JSON object"),
    ({"read_leg": 1}, "no mode 'read_leg'"),
    ({"stored": "some"}, "'some' is not a valid Stored"),
    ({"stored": 1}, "1 is not a valid Stored"),
    ({"read_lag": "1"}, "read_lag is not a number of seconds"),
    ({"read_lag": -1}, "read_lag is not a number of seconds"),
    ({"read_lag": float("nan")}, "read_lag is not a number of seconds"),
    ({"generating": True}, "generating is not a number of seconds"),
    ({"evict_after": 0}, "evict_after is not a count from 1"),
    ({"evict_after": 1.5}, "evict_after is not a count from 1"),
    ({"faults": {}}, "faults is not a list"),
    ({"faults": [1]}, "a fault is not a JSON object"),
    ({"faults": [{"at": 1, "when": 2}]}, "a fault has no 'when'"),
    ({"faults": [{"at": 1, "status": "500"}]}, "status of a fault"),
    ({"faults": [{"at": True, "status": 500}]}, "at of a fault"),
    ({"faults": [{"at": 1, "delivery": "late"}]}, "'late' is not a valid Delivery"),
    ({"faults": [{"status": 500}]}, "scheduled at a call"),
    ({"faults": [{"at": 1, "every": 2, "status": 500}]}, "scheduled at a call"),
    ({"faults": [{"at": 0, "status": 500}]}, "scheduled at a call"),
    ({"faults": [{"at": 1, "status": 500, "action": "x"}]}, "no mishaps of 'x'"),
    ({"faults": [{"at": 1, "status": 799}]}, "799 is not a status"),
    ({"faults": [{"at": 1, "status": 500, "code": "X"}]}, "not both"),
    ({"faults": [{"at": 1, "executed": False}]}, "has no answer"),
    ({"faults": [{"at": 1, "delivery": "reset", "stored": True}]}, "can be stored"),
]


@pytest.mark.parametrize(("content", "words"), WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_told(content: object, words: str) -> None:
    """An error in the file is refused by name, never guessed."""
    with pytest.raises(SetupRefused, match=r"^setup\.json: ") as refused:
        parse_setup(json.dumps(content), "setup.json")
    assert words in str(refused.value)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000])
def test_a_file_that_is_no_json(text: str) -> None:
    """What is no JSON is refused as such."""
    with pytest.raises(SetupRefused, match=r"^setup\.json: "):
        parse_setup(text, "setup.json")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing setup file is told by name."""
    with pytest.raises(Refused, match=r"none\.json: cannot be read: No such file"):
        load_setup(EmulatorConfig(tmp_path), tmp_path / "none.json")
