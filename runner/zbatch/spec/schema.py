"""The JSON Schemas as the one source of structure, defaults and bounds."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pkgutil import get_data  # importlib.resources takes as long to load as all schemas to read
from typing import TYPE_CHECKING, Any

from zbatch.spec import nodes

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

Schema = Mapping[str, Any]

SCHEMAS = (
    "spec",
    "tenants",
    "plan",
    "faults",
    "report",
    "run",
    "events",
    "status",
    "diagnostics",
    "verify",
)

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?")
_BOOLEANS = {"true": True, "false": False}


def schema_text(kind: str) -> str:
    """Read one of the schemas that are installed with the package; `kind` is one of `SCHEMAS`."""
    data = get_data("zbatch.schemas", f"{kind}.schema.json")
    if data is None:
        raise FileNotFoundError(f"the schema {kind} is not installed")
    return data.decode("utf-8")


@cache
def load_schema(kind: str) -> Schema:
    """Return the schema of a kind of file, one of `SCHEMAS`, with its `$ref`s written out."""
    schema = json.loads(schema_text(kind))
    definitions = schema.pop("$defs", {})
    inlined: Schema = _inline(schema, definitions)
    return inlined


def _inline(value: Any, definitions: Schema) -> Any:
    if isinstance(value, list):
        return [_inline(item, definitions) for item in value]
    if not isinstance(value, dict):
        return value
    reference = value.get("$ref")
    if reference is None:
        return {name: _inline(sub, definitions) for name, sub in value.items()}
    beside = {name: sub for name, sub in value.items() if name != "$ref"}
    return _inline(definitions[reference.removeprefix("#/$defs/")] | beside, definitions)


def compile_validator(schema: Schema) -> Draft202012Validator:
    """Return a validator that fetches nothing: neither over a network nor from files."""
    # Loaded here, because only what breaks the schema needs it, and it takes a third of a start.
    from jsonschema import Draft202012Validator
    from referencing import Registry

    return Draft202012Validator(schema, registry=Registry())


@dataclass(frozen=True, slots=True)
class Shape:
    """What the schema expects at a place, as far as typing a text needs to know."""

    integer: bool = False
    number: bool = False
    boolean: bool = False
    items: Shape | None = None
    keys: Mapping[str, Shape] = field(default_factory=dict)
    others: Shape | None = None


@cache
def load_shape(kind: str) -> Shape:
    """Return the shape of a whole file."""
    return _shape(load_schema(kind))


def _shape(schema: Schema) -> Shape:
    branches = (schema, *schema.get("oneOf", ()))
    keys = {name: sub for branch in branches for name, sub in branch.get("properties", {}).items()}
    items = next((branch["items"] for branch in branches if "items" in branch), None)
    others = next(iter(schema.get("patternProperties", {}).values()), None)
    return Shape(
        integer=any(branch.get("type") == "integer" for branch in branches),
        number=any(branch.get("type") == "number" for branch in branches),
        boolean=any(branch.get("type") == "boolean" for branch in branches),
        items=_shape(items) if items else None,
        keys={name: _shape(sub) for name, sub in keys.items()},
        others=_shape(others) if others else None,
    )


def typed(node: nodes.Node, shape: Shape | None) -> Any:
    """Return a tree as JSON values: text, but for what the schema wants as number or boolean."""
    if isinstance(node, nodes.Scalar):
        return _typed_scalar(node, shape) if shape else node.value
    if isinstance(node, nodes.Sequence):
        below = shape.items if shape else None
        return [typed(item, below) for item in node.items]
    keys, others = (shape.keys, shape.others) if shape else ({}, None)
    return {name: typed(value, keys.get(name, others)) for name, (_, value) in node.entries.items()}


def _typed_scalar(node: nodes.Scalar, shape: Shape) -> str | int | float | bool:
    if node.plain and shape.integer and _INTEGER.fullmatch(node.value):
        return int(node.value)
    if node.plain and shape.number and _NUMBER.fullmatch(node.value):
        return float(node.value)
    if node.plain and shape.boolean:
        return _BOOLEANS.get(node.value, node.value)
    return node.value


def with_defaults(value: Any, schema: Schema) -> Any:
    """Return a valid map with every absent key that has a default, at every depth of maps."""
    if not isinstance(value, dict):
        return value
    known = dict(schema.get("properties", {}))
    for sub in schema.get("patternProperties", {}).values():
        known |= {name: sub for name in value if name not in known}
    full = {name: sub["default"] for name, sub in known.items() if "default" in sub} | value
    return {name: with_defaults(below, known[name]) for name, below in full.items()}
