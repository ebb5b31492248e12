"""What the schema has against a value, in the words of a diagnostic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from zbatch.spec.breach import Breach
from zbatch.spec.breaches import tell
from zbatch.spec.diagnostics import Diagnostic
from zbatch.spec.nodes import Node, node_at
from zbatch.spec.schema import Schema, compile_validator

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

Place = tuple[str | int, ...]

_JSON_TYPES = {str: "string", int: "integer", bool: "boolean", list: "array", dict: "object"}


class Refuser:
    """Tells what a schema has against values of a file."""

    def __init__(self, schema: Schema, file: str) -> None:
        self._validator = compile_validator(schema)
        self._file = file

    def findings(self, value: Any, node: Node, above: Place = ()) -> Iterator[Diagnostic]:
        """Tell what is wrong with a value that is written at a node, which stands `above`."""
        for error in self._validator.iter_errors(value):
            for leaf in _leaves(error):
                breach = _breach(leaf, node, above)
                within = "/".join("[]" if isinstance(step, int) else step for step in breach.path)
                for finding in tell(breach):
                    yield replace(finding.at(self._file), within=f"/{within}")


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


def _breach(error: ValidationError, node: Node, above: Place) -> Breach:
    """Find where an error is; `node` is what was checked, and `above` where that stands."""
    within = tuple(error.absolute_path)
    schema: Any = error.schema
    return Breach(
        keyword=str(error.validator),
        limit=error.validator_value,
        schema=schema,
        value=error.instance,
        path=(*above, *within),
        node=node_at(node, within),
        parent=node_at(node, within[:-1]),
    )
