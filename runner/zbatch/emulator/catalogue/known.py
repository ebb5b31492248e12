"""A fault by its name: what it is called, what it may be told, and which calls it is for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from inspect import Parameter, signature
from typing import Any, NewType, get_type_hints

from zbatch.emulator.durations import read_duration
from zbatch.emulator.faults import GENERATE, QUERY, Mishap
from zbatch.emulator.schedule import ANY, CONNECTION, TOKEN

Seconds = NewType("Seconds", float)
Settings = Mapping[str, object]

CALLS = (GENERATE, QUERY, TOKEN, ANY)
WIRE = (*CALLS, CONNECTION)
AUTHORIZED = (GENERATE, QUERY, ANY)  # those that carry a token


@dataclass(frozen=True)
class Known:
    """A fault of the catalogue.

    `build` makes it from its settings, each of which has a default; the first line of its
    docstring says what happens. `covers` are numbers of the list of faults, `actions` the calls
    it is for, the usual ones first. `random` are the settings under which chance may draw it:
    those that a run and its repetition get over.
    """

    name: str
    build: Callable[..., Mishap]
    covers: tuple[str, ...]
    actions: tuple[str, ...] = (GENERATE,)
    random: tuple[Settings, ...] = ()
    says: str = ""

    @property
    def sentence(self) -> str:
        """Say what happens, in a sentence."""
        return self.says or (self.build.__doc__ or "").partition("\n")[0]

    @cached_property
    def kinds(self) -> Mapping[str, Any]:
        """The kind of value of each setting."""
        hints = get_type_hints(self.build)
        return {name: hints[name] for name in signature(self.build).parameters}

    @cached_property
    def required(self) -> frozenset[str]:
        """The settings without a default."""
        found = signature(self.build).parameters.items()
        return frozenset(name for name, one in found if one.default is Parameter.empty)

    def make(self, settings: Settings) -> Mishap:
        """Build the fault; raises ValueError for settings that it does not have."""
        for name in settings:
            if name not in self.kinds:
                those = ", ".join(self.kinds) or "none"
                raise ValueError(f"{self.name} has no setting `{name}`; it has {those}")
        if missing := sorted(self.required - settings.keys()):
            raise ValueError(f"{self.name} needs `{missing[0]}`")
        values = {name: _value(name, self.kinds[name], value) for name, value in settings.items()}
        return replace(self.build(**values), name=self.name)


def shaped(name: str, number: str, actions: tuple[str, ...], drawn: bool, says: str) -> Known:
    """Describe the fault that bends a body into the shape of its name.

    What answers a generate may be stored under its key, bent as it is.
    """

    def build(stored: bool = False) -> Mishap:
        return Mishap(shape=name, stored=stored)

    def unstored() -> Mishap:
        return Mishap(shape=name)

    made = build if GENERATE in actions else unstored
    return Known(name, made, (number,), actions, ({},) if drawn else (), says)


def _value(name: str, kind: Any, value: object) -> object:
    """Read a setting as the kind of value that it has."""
    if kind is Seconds and isinstance(value, str):
        if (seconds := read_duration(value)) is not None:
            return seconds
    elif kind is Seconds and isinstance(value, float):  # from code, not from a file
        return value
    elif kind == tuple[int, ...] and isinstance(value, list | tuple):
        if all(isinstance(one, int) and not isinstance(one, bool) for one in value):
            return tuple(value)
    elif isinstance(kind, type) and issubclass(kind, StrEnum):
        if isinstance(value, str) and value in list(kind):
            return kind(value)
        raise ValueError(f"`{name}` is none of {', '.join(kind)}")
    elif isinstance(kind, type) and type(value) is kind:
        return value
    raise ValueError(f"`{name}` is not {_KINDS[kind]}")


_KINDS: Mapping[Any, str] = {
    Seconds: "a duration like 800ms, 2s or 5m",
    tuple[int, ...]: "a list of whole numbers",
    int: "a whole number",
    bool: "true or false",
    str: "a text",
}
