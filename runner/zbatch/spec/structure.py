"""The schema's verdict on a file: each breach at the place where people wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jsonschema.exceptions import ValidationError

from zbatch.spec.breaches import Breach, tell
from zbatch.spec.diagnostics import Diagnostic
from zbatch.spec.nodes import Document, Node, node_at
from zbatch.spec.schema import compile_validator, load_schema

_JSON_TYPES = {str: "string", int: "integer", bool: "boolean", list: "array", dict: "object"}


def check_structure(document: Document, value: Any, kind: str) -> Iterator[Diagnostic]:
    """Hold a file's typed value against the schema of its kind."""
    for error in compile_validator(load_schema(kind)).iter_errors(value):
        for leaf in _leaves(error):
            for node, code, message in tell(_breach(leaf, document.root)):
                yield Diagnostic(document.file, node.line, node.column, code, message)


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


def _breach(error: ValidationError, root: Node) -> Breach:
    path = tuple(error.absolute_path)
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
