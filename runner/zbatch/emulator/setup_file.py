"""The setup file: which reading of the pages a tenant plays, and what goes wrong in it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Any

from zbatch.emulator.config import Modes
from zbatch.emulator.exchange import Delivery
from zbatch.emulator.faults import Mishap
from zbatch.emulator.schedule import Scheduled
from zbatch.errors import Refused

FAULTS = "faults"

_WHEN = ("at", "every", "action")
_TYPES: Mapping[str, type] = {
    "at": int,
    "every": int,
    "action": str,
    "executed": bool,
    "status": int,
    "stored": bool,
    "retry_after": int,
    "code": str,
    "rows": list,
    "delivery": str,
    "length": int,
}


class SetupRefused(Refused):
    """The setup file has an error; the message names the file and what is wrong."""


def parse_setup(text: str, file: str) -> tuple[Modes, tuple[Scheduled, ...]]:
    """Read a JSON object of the fields of `Modes`, and a list `faults` beside them.

    Each fault has the fields of `Scheduled` and of `Mishap` in one object. Raises `SetupRefused`.
    """
    try:
        whole = _object(json.loads(text), "the file")
        faults = whole.pop(FAULTS, [])
        if not isinstance(faults, list):
            raise ValueError(f"{FAULTS} is not a list")
        modes = Modes(**_fields(Modes(), whole))
        return modes, tuple(_scheduled(_object(one, "a fault")) for one in faults)
    except (ValueError, RecursionError) as error:
        raise SetupRefused(f"{file}: {error}") from error


def _scheduled(one: dict[str, Any]) -> Scheduled:
    for name, value in one.items():
        if name not in _TYPES:
            raise ValueError(f"a fault has no {name!r}; it may have {', '.join(_TYPES)}")
        if type(value) is not _TYPES[name]:
            raise ValueError(f"{name} of a fault is not of the JSON type that it should be")
    when = {name: one.pop(name) for name in _WHEN if name in one}
    if "delivery" in one:
        one["delivery"] = Delivery(one["delivery"])
    one["rows"] = tuple(one.get("rows", ()))
    return Scheduled(Mishap(**one), **when)


def _fields(example: Modes, values: Mapping[str, Any]) -> dict[str, Any]:
    known = {field.name: getattr(example, field.name) for field in fields(example)}
    for name in values:
        if name not in known:
            raise ValueError(f"there is no mode {name!r}; the modes are {', '.join(known)}")
    return {name: _mode(name, known[name], value) for name, value in values.items()}


def _mode(name: str, example: object, value: Any) -> Any:
    if isinstance(example, StrEnum):
        return type(example)(value)
    whole = example is None
    kind = int if whole else (int, float)
    good = isinstance(value, kind) and not isinstance(value, bool) and math.isfinite(value)
    if not good or value < whole:
        raise ValueError(f"{name} is not a {'count from 1' if whole else 'number of seconds'}")
    return value


def _object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is not a JSON object")
    return value
