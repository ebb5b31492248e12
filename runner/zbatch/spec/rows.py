"""A quick yes for whole files and entries of long lists, compiled from the schema that says no."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from zbatch.spec.schema import Schema

Accepts = Callable[[Any], bool]

_TYPES: dict[str, type] = {
    "string": str,
    "integer": int,
    "number": float,  # as which a number is typed, whole or not
    "boolean": bool,
    "array": list,
    "object": dict,
}
_ANNOTATIONS = {
    *("$schema", "title", "description", "examples", "default", "errorMessage", "writeOnly"),
    *("doNotSuggest", "defaultSnippets"),
}
_WITHIN = {"type", "additionalProperties"}  # taken together with the keywords that need them


def compile_rows(schema: Schema) -> Accepts:
    """Return a function that tells as jsonschema does whether a typed value is valid.

    It exists because jsonschema takes some 60 us an entry, and a fifth of a second to be loaded.
    Only the keywords that specs and tenants use are known; any other raises KeyError here, so that
    no rule of the schema is passed over.
    """
    checks = [
        _KEYWORDS[keyword](limit, schema)
        for keyword, limit in schema.items()
        if keyword not in _ANNOTATIONS and keyword not in _WITHIN
    ]
    wanted = _TYPES.get(schema.get("type", ""))

    def accepts(value: Any) -> bool:
        if wanted is not None and type(value) is not wanted:
            return False
        for check in checks:  # noqa: SIM110 - `all` over a generator takes twice as long
            if not check(value):
                return False
        return True

    return accepts


def _anything(_value: Any) -> bool:
    return True


def _one_of(branches: list[Schema], _schema: Schema) -> Accepts:
    if all(branch.keys() == {"required"} and len(branch["required"]) == 1 for branch in branches):
        keys = {branch["required"][0] for branch in branches}
        return lambda value: len(keys & value.keys()) == 1
    by_type = {_TYPES[branch["type"]]: compile_rows(branch) for branch in branches}
    if len(by_type) != len(branches):
        raise KeyError("oneOf with two branches for one kind of value")
    return lambda value: type(value) in by_type and by_type[type(value)](value)


def _properties(properties: Schema, schema: Schema) -> Accepts:
    known = {name: compile_rows(sub) for name, sub in properties.items()}
    if schema.get("additionalProperties") is not False:
        raise KeyError("properties without additionalProperties: false")

    def accepts(value: Any) -> bool:
        for name, sub in value.items():  # noqa: SIM110 - as above
            if name not in known or not known[name](sub):
                return False
        return True

    return accepts


def _named_freely(properties: Schema, schema: Schema) -> Accepts:
    if schema.get("additionalProperties") is not False or len(properties) != 1:
        raise KeyError("patternProperties without additionalProperties: false, or several")
    (pattern, below), *_ = properties.items()
    known = schema.get("properties", {})
    named = re.compile(pattern).search
    others = compile_rows(below)
    beside = {name: compile_rows(sub) for name, sub in known.items()}

    def accepts(value: Any) -> bool:
        return all(
            (name in beside or named(name))
            and (name not in beside or beside[name](sub))
            and (not named(name) or others(sub))
            for name, sub in value.items()
        )

    return accepts


def _items(items: Schema, _schema: Schema) -> Accepts:
    accepts = compile_rows(items)
    return lambda value: all(map(accepts, value))


def _pattern(pattern: str, _schema: Schema) -> Accepts:
    search: Callable[[str], re.Match[str] | None] | None = None

    def accepts(value: Any) -> bool:
        nonlocal search
        if search is None:  # most files use few of the patterns, and each takes long to compile
            search = re.compile(pattern).search
        return search(value) is not None

    return accepts


def _one_value(wanted: object, _schema: Schema) -> Accepts:
    return lambda value: type(value) is type(wanted) and value == wanted


def _choice(names: list[object], _schema: Schema) -> Accepts:
    if not all(type(name) is str for name in names):
        raise KeyError("enum of what is no text")
    return lambda value: type(value) is str and value in names


def _required(keys: list[str], _schema: Schema) -> Accepts:
    wanted = set(keys)
    return lambda value: wanted <= value.keys()


def _beside(needs: Schema, _schema: Schema) -> Accepts:
    pairs = [(given, set(keys)) for given, keys in needs.items()]

    def accepts(value: Any) -> bool:
        for given, keys in pairs:  # noqa: SIM110 - as above
            if given in value and not keys <= value.keys():
                return False
        return True

    return accepts


_KEYWORDS: dict[str, Callable[[Any, Schema], Accepts]] = {
    "oneOf": _one_of,
    "properties": lambda properties, schema: (
        _anything if "patternProperties" in schema else _properties(properties, schema)
    ),
    "patternProperties": _named_freely,
    "const": _one_value,
    "enum": _choice,
    "items": _items,
    "pattern": _pattern,
    "required": _required,
    "dependentRequired": _beside,
    "not": lambda _limit, _: lambda _value: False,
    "minLength": lambda least, _: lambda value: len(value) >= least,
    "maxLength": lambda most, _: lambda value: len(value) <= most,
    "minimum": lambda least, _: lambda value: value >= least,
    "maximum": lambda most, _: lambda value: value <= most,
    "minItems": lambda least, _: lambda value: len(value) >= least,
}
