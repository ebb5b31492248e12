"""The schema's verdict on a file: each breach at the place where people wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jsonschema.exceptions import ValidationError

from zbatch.spec.breaches import Breach, tell
from zbatch.spec.diagnostics import Diagnostic
from zbatch.spec.nodes import Document, Node, node_at
from zbatch.spec.rows import compile_rows
from zbatch.spec.schema import Schema, compile_validator, load_schema

Place = tuple[str | int, ...]

EXAMINED = 1000  # bad entries of `accounts` that are looked at one by one
_JSON_TYPES = {str: "string", int: "integer", bool: "boolean", list: "array", dict: "object"}


def check_structure(document: Document, value: Any, kind: str) -> Iterator[Diagnostic]:
    """Hold a file's typed value against the schema of its kind."""
    schema = load_schema(kind)
    accounts = value.get("accounts") if kind == "spec" and isinstance(value, dict) else None
    if isinstance(accounts, list):
        yield from _entries(document, accounts, schema["properties"]["accounts"]["items"])
        schema = _without_entries(schema)
    for error in compile_validator(schema).iter_errors(value):
        yield from _told(error, document, ())


def _entries(document: Document, entries: list[Any], schema: Schema) -> Iterator[Diagnostic]:
    accepts = compile_rows(schema)
    validator = compile_validator(schema)
    bad = [position for position, entry in enumerate(entries) if not accepts(entry)]
    for position in bad[:EXAMINED]:
        for error in validator.iter_errors(entries[position]):
            yield from _told(error, document, ("accounts", position))
    if len(bad) > EXAMINED:
        node = node_at(document.root, ("accounts", bad[EXAMINED]))
        message = f"and {len(bad) - EXAMINED:,} more entries of `accounts` are wrong from here on"
        place = (document.file, node.line, node.column)
        yield Diagnostic(*place, "ZB212", message, count=len(bad) - EXAMINED)


def _without_entries(schema: Schema) -> Schema:
    accounts = {**schema["properties"]["accounts"]}
    del accounts["items"]
    return {**schema, "properties": {**schema["properties"], "accounts": accounts}}


def _told(error: ValidationError, document: Document, above: Place) -> Iterator[Diagnostic]:
    for leaf in _leaves(error):
        for finding in tell(_breach(leaf, document.root, above)):
            yield finding.at(document.file)


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    """Enter the branch of a `oneOf` that was meant, judged by the kind of value alone."""
    branches: Any = error.validator_value if error.context else ()
    wanted = _JSON_TYPES.get(type(error.instance))
    meant = [n for n, branch in enumerate(branches) if branch.get("type") == wanted]
    if not meant:
        yield error
        return
    for below in error.context:
        if below.schema_path[0] == meant[0]:
            yield from _leaves(below)


def _breach(error: ValidationError, root: Node, above: Place) -> Breach:
    path = (*above, *error.absolute_path)
    schema: Any = error.schema
    return Breach(
        keyword=str(error.validator),
        limit=error.validator_value,
        schema=schema,
        value=error.instance,
        path=path,
        node=node_at(root, path),
        parent=node_at(root, path[:-1]),
    )
