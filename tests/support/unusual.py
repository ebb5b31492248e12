"""Put a value into words for a person: only what is unlike the usual, which is the default."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from typing import Any


def unusual(value: Any, usual: Any = None, but: str = "") -> str:
    """Name the fields that are unlike those of `usual` or the defaults, all `but` the one."""
    return ", ".join(_differing(value, usual, but))


def _differing(value: Any, usual: Any, but: str) -> Iterator[str]:
    for one in fields(value):
        held = getattr(value, one.name)
        plain = _default(one) if usual is None else getattr(usual, one.name)
        if one.name == but or held == plain:
            continue
        if isinstance(held, bool):
            yield one.name if held else f"not {one.name}"
        else:
            yield f"{one.name} {_word(held)}"


def _default(one: Field[Any]) -> Any:
    return one.default if one.default_factory is MISSING else one.default_factory()


def _word(value: Any) -> str:
    if isinstance(value, Enum):
        return value.name.lower()
    if is_dataclass(value):
        return f"({unusual(value)})"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_word, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)
