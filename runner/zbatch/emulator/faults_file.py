"""A faults file as values: how the tenant is set up, and what goes wrong in it when."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from zbatch.emulator.catalogue import CATALOGUE
from zbatch.emulator.config import (
    Conflict,
    CurrencyField,
    Drafts,
    EmulatorConfig,
    Modes,
    OtherBody,
    ReplayDate,
    SecondGenerate,
    ServerLimits,
    SourceField,
    Stored,
    TaxFields,
    Temporary,
)
from zbatch.emulator.drawn import draw_faults
from zbatch.emulator.durations import read_duration
from zbatch.emulator.schedule import Scheduled
from zbatch.errors import Refused
from zbatch.model import Rate

Place = tuple[str | int, ...]
Values = Mapping[str, Any]
NONE: Values = MappingProxyType({})

_RATE = re.compile(r"([1-9][0-9]{0,8})/(s|min|h|day)")
_RATE_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "day": 86_400.0}
_WORDS = {
    "stored": Stored,
    "conflict": Conflict,
    "second_generate": SecondGenerate,
    "other_body": OtherBody,
    "replay_date": ReplayDate,
    "drafts": Drafts,
    "source_field": SourceField,
    "currency_field": CurrencyField,
    "tax_fields": TaxFields,
    "temporary": Temporary,
}
_SCHEDULE = ("at", "every", "action", "account", "times", "skip")
_OF_SCHEDULE = (*_SCHEDULE, "chance", "after", "until")
_OF_LIMITS = ("concurrency", "token_life", "key_life", "cut_off")


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong at a place of the file, which is a path of keys and positions."""

    place: Place
    message: str


class FaultsRefused(Refused):
    """A faults file asks for what cannot be played; `mistakes` holds all of it."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(mistake.message for mistake in mistakes))


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a faults file says; `setting` are the fields of a config that it names."""

    name: str
    modes: Modes
    limits: ServerLimits
    setting: Values
    faults: tuple[Scheduled, ...]

    def on(self, config: EmulatorConfig) -> EmulatorConfig:
        """Return the config of a tenant in which this is played."""
        faults = (*config.faults, *self.faults)
        setting = dict(self.setting)
        return replace(config, modes=self.modes, limits=self.limits, faults=faults, **setting)


def read_faults(value: Values, seed: int) -> Rehearsal:
    """Read a file that the schema accepts, durations and rates as texts.

    Raises `FaultsRefused` for faults that cannot be played as they are written.
    """
    faults: list[Scheduled] = []
    mistakes: list[Mistake] = []
    for position, one in enumerate(value.get("faults", ())):
        try:
            faults.append(_scheduled(one))
        except ValueError as error:
            mistakes.append(Mistake(("faults", position), str(error)))
    if mistakes:
        raise FaultsRefused(tuple(mistakes))
    if value.get("random"):
        faults += draw_faults(seed)
    limits = value.get("limits", NONE)
    return Rehearsal(
        name=value["name"],
        modes=_modes(value.get("modes", NONE)),
        limits=_limits(limits),
        setting={**dict(_setting(limits)), **_entities(value)},
        faults=tuple(faults),
    )


def random_faults(seed: int) -> Rehearsal:
    """Return a rehearsal of which the seed says everything."""
    return read_faults({"name": f"random-{seed}", "random": True}, seed)


def _scheduled(one: Values) -> Scheduled:
    known = CATALOGUE[one["fault"]]
    when = {name: one[name] for name in _SCHEDULE if name in one}
    when |= {name: _seconds(one[name]) for name in ("after", "until") if name in one}
    if "chance" in one:
        when["chance"] = float(one["chance"].removesuffix("%")) / 100
    own = {n: v for n, v in one.items() if n not in _OF_SCHEDULE and n != "fault"}
    action = when.setdefault("action", known.actions[0])
    if action not in known.actions:
        raise ValueError(
            f"{known.name} happens to {', '.join(known.actions)} only, not to {action}"
        )
    return Scheduled(known.make(own), **when)


def _modes(values: Values) -> Modes:
    given = dict(values)
    for name, words in _WORDS.items():
        if name in given:
            given[name] = words(given[name])
    for name in ("read_lag", "generating"):
        if name in given:
            given[name] = _seconds(given[name])
    return Modes(**given)


def _limits(values: Values) -> ServerLimits:
    given = {name: _plain(values[name]) for name in _OF_LIMITS if name in values}
    if "rate" in values:
        given["rates"] = (_rate(values["rate"]),)
    if "token_rate" in values:
        given["token_rate"] = _rate(values["token_rate"])
    return ServerLimits(**given)


def _setting(values: Values) -> Iterator[tuple[str, Any]]:
    """Give what stands among the limits and belongs to the tenant itself."""
    for name in ("latency", "query_latency", "page"):
        if name in values:
            yield name, _plain(values[name])


def _entities(value: Values) -> Values:
    """Give the entities of which a request must name one, if the tenant has any."""
    return {"entities": tuple(value["entities"])} if value.get("entities") else NONE


def _plain(value: Any) -> Any:
    return _seconds(value) if isinstance(value, str) else value


def _seconds(text: str) -> float:
    seconds = read_duration(text)
    if seconds is None:
        raise ValueError(f"{text!r} is no duration")
    return seconds


def _rate(text: str) -> Rate:
    found = _RATE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no rate")
    return Rate(int(found[1]), _RATE_SECONDS[found[2]])
