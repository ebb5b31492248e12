"""A quick yes for the entries of long lists, compiled from the schema that also says no."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from zbatch.spec.schema import Schema

Accepts = Callable[[Any], bool]

_TYPES: dict[str, type] = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "array": list,
    "object": dict,
}
_ANNOTATIONS = {"description", "examples", "default", "errorMessage", "doNotSuggest", "writeOnly"}
_WITHIN = {"type", "additionalProperties"}  # taken together with the keywords that need them


def compile_rows(schema: Schema) -> Accepts:
    """Return a function that tells as jsonschema does whether a typed value is valid.

    It exists because jsonschema takes some 60 us an entry. Only the keywords that our entries use
    are known; any other raises KeyError here, so that no rule of the schema is passed over.
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
        return all(check(value) for check in checks)

    return accepts


def _one_of(branches: list[Schema], _schema: Schema) -> Accepts:
    if all(branch.keys() == {"required"} for branch in branches):
        named = [branch["required"] for branch in branches]
        return lambda value: sum(all(key in value for key in keys) for keys in named) == 1
    by_type = {_TYPES[branch["type"]]: compile_rows(branch) for branch in branches}
    if len(by_type) != len(branches):
        raise KeyError("oneOf with two branches for one kind of value")
    return lambda value: type(value) in by_type and by_type[type(value)](value)


def _properties(properties: Schema, schema: Schema) -> Accepts:
    known = {name: compile_rows(sub) for name, sub in properties.items()}
    if schema.get("additionalProperties") is not False:
        raise KeyError("properties without additionalProperties: false")
    return lambda value: all(name in known and known[name](sub) for name, sub in value.items())


def _items(items: Schema, _schema: Schema) -> Accepts:
    accepts = compile_rows(items)
    return lambda value: all(map(accepts, value))


def _pattern(pattern: str, _schema: Schema) -> Accepts:
    search = re.compile(pattern).search
    return lambda value: search(value) is not None


def _beside(needs: Schema, _schema: Schema) -> Accepts:
    pairs = [(given, key) for given, keys in needs.items() for key in keys]
    return lambda value: all(key in value for given, key in pairs if given in value)


_KEYWORDS: dict[str, Callable[[Any, Schema], Accepts]] = {
    "oneOf": _one_of,
    "properties": _properties,
    "items": _items,
    "pattern": _pattern,
    "required": lambda keys, _: lambda value: all(key in value for key in keys),
    "dependentRequired": _beside,
    "not": lambda _limit, _: lambda _value: False,
    "minLength": lambda least, _: lambda value: len(value) >= least,
    "maxLength": lambda most, _: lambda value: len(value) <= most,
    "minimum": lambda least, _: lambda value: value >= least,
    "maximum": lambda most, _: lambda value: value <= most,
    "minItems": lambda least, _: lambda value: len(value) >= least,
}
