"""What was perhaps meant by a value that breaks the schema, as it would be written."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from zbatch.spec.breach import Breach
from zbatch.spec.values import ACCOUNT_NUMBER

KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a map",
}
_ENTRIES = {
    "dates": "{target_date: 2026-11-30}",
    "exclude": '{id: "2c93808457d787030157e0306be53a75", reason: dispute}',
}
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*|[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]+[a-z/]+")
_LONGEST = 20  # characters of a number; what is longer is rather an ID with a slip


def example_of(breach: Breach) -> str:
    """Show how a list or a map is written, where the schema has an example."""
    if breach.limit not in ("array", "object") or not breach.path:
        return ""
    name = breach.path[-1]
    if isinstance(name, int):
        entry = _ENTRIES.get(str(breach.path[-2]))
        return f"such as `{entry}`" if entry else ""
    examples = breach.schema.get("examples")
    return f"such as `{name}: {_flow(examples[0])}`" if examples else ""


def account_meant(breach: Breach) -> str:
    """Suggest a number or a file where one stands in the place of an account's ID."""
    value, path = breach.value, breach.path
    entry = isinstance(path[-1], int) and path[-2] == "accounts"
    if not entry and path[-1] != "id":
        return ""
    if value.lower().endswith(".csv"):
        key, written = "file", value if _PLAIN.fullmatch(value) else json.dumps(value)
    elif len(value) <= _LONGEST and ACCOUNT_NUMBER.fullmatch(value):
        key, written = "number", json.dumps(value)
    else:
        return ""
    pair = f"{key}: {written}"
    return f"did you mean `{{{pair}}}`?" if entry else f"did you mean `{pair}`?"


def names_near(value: str, names: Sequence[str]) -> list[str]:
    """Return the names whose words begin as those of a value, or the one that is spelled like it.

    Where the first words differ, such as `us` and `eu`, names are not alike.
    """
    words = value.split("-")
    begun = [name for name in names if _begins(name.split("-"), words)]
    if value and begun:
        return begun if len(begun) <= 2 else []
    near = get_close_matches(value, names, n=1)
    return [name for name in near if len(words) == 1 or name.split("-")[0] == words[0]]


def _begins(name: list[str], words: list[str]) -> bool:
    pairs = zip(name, words, strict=False)
    return len(words) <= len(name) and all(whole.startswith(word) for whole, word in pairs)


def _flow(value: Any) -> str:
    """Write an example as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    return json.dumps(value)
