"""The schema's verdict on a file, in plain words and at the place where people wrote it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any

from jsonschema.exceptions import ValidationError

from zbatch.spec.diagnostics import Diagnostic, quote
from zbatch.spec.nodes import Document, Mapping, Node, Sequence, node_at
from zbatch.spec.schema import compile_validator, load_schema

KINDS = {
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a map",
}
_JSON_TYPES = {str: "string", int: "integer", bool: "boolean", list: "array", dict: "object"}
_EXPRESSION = re.compile(r"(start|end)_of_|today|now|tomorrow|yesterday|[+-][0-9]+d", re.IGNORECASE)

Finding = tuple[Node, str, str]  # where, code, message


def check_structure(document: Document, value: Any, kind: str) -> Iterator[Diagnostic]:
    """Hold a file's typed value against the schema of its kind."""
    schema = load_schema(kind)
    for top in compile_validator(schema).iter_errors(value):
        for error in _leaves(top):
            tell = _TELL.get(str(error.validator), _other)
            for node, code, message in tell(error, document.root):
                yield Diagnostic(document.file, node.line, node.column, code, message)


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    """Enter the branch of a `oneOf` that was meant, judged by the kind of value alone."""
    wanted = _JSON_TYPES.get(type(error.instance))
    meant = [
        index
        for index, branch in enumerate(error.validator_value if error.context else ())
        if branch.get("type") == wanted
    ]
    if not meant:
        yield error
        return
    for below in error.context:
        if below.schema_path[0] == meant[0]:
            yield from _leaves(below)


def _label(error: ValidationError) -> str:
    path = list(error.absolute_path)
    if not path:
        return "the file"
    if isinstance(path[-1], int):
        return f"entry {path[-1] + 1} of `{path[-2]}`"
    return f"`{path[-1]}`"


def _at(error: ValidationError, root: Node) -> Node:
    return node_at(root, list(error.absolute_path))


def _key_at(error: ValidationError, root: Node, key: str | int) -> Node:
    parent = node_at(root, list(error.absolute_path))
    return parent.entries[str(key)][0] if isinstance(parent, Mapping) else parent


def _this_is(node: Node, error: ValidationError) -> str:
    if isinstance(node, Sequence):
        return "this is a list"
    if isinstance(node, Mapping):
        return "this is a map"
    if node.plain and not node.value:
        return "nothing stands here"
    if error.schema.get("writeOnly"):
        return "this is something else"
    return f"this is {quote(node.value)}{'' if node.plain else ' in quotes'}"


def _required(error: ValidationError, root: Node) -> Iterator[Finding]:
    node = _at(error, root)
    inside = "" if not error.absolute_path else f" in {_label(error)}"
    for key in error.validator_value:
        if key not in error.instance:
            yield node, "ZB201", f"the key `{key}` is missing{inside}"


def _unknown(error: ValidationError, root: Node) -> Iterator[Finding]:
    known = error.schema.get("properties", {})
    patterns = error.schema.get("patternProperties", {})
    usable = [name for name, sub in known.items() if "not" not in sub]
    for key in error.instance:
        if key in known or any(re.search(pattern, key) for pattern in patterns):
            continue
        node = _key_at(error, root, key)
        if patterns:
            yield node, "ZB205", f"{quote(key)} cannot be a name: letters, digits, `.`, `_`, `-`"
        else:
            yield node, "ZB202", f"the key {quote(key)} is unknown{_suggest(key, usable)}"


def _suggest(key: str, usable: list[str]) -> str:
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key[:80]).lower().replace("-", "_")
    near = get_close_matches(snake, usable, n=1)
    if near:
        return f"; did you mean `{near[0]}`?"
    return f"; known here: {', '.join(f'`{name}`' for name in usable)}"


def _not_here(error: ValidationError, root: Node) -> Iterator[Finding]:
    path = list(error.absolute_path)
    parent = node_at(root, path[:-1])
    node = parent.entries[str(path[-1])][0] if isinstance(parent, Mapping) else parent
    why = error.schema.get("errorMessage", "is not supported by this version of zbatch")
    yield node, "ZB203", f"`{path[-1]}` {why}"


def _kind(error: ValidationError, root: Node) -> Iterator[Finding]:
    node = _at(error, root)
    wanted = KINDS[error.validator_value]
    yield node, "ZB204", f"{_label(error)} must be {wanted}; {_this_is(node, error)}"


def _either(error: ValidationError, root: Node) -> Iterator[Finding]:
    node = _at(error, root)
    if "errorMessage" in error.schema:
        yield node, "ZB211", f"{_label(error)} {error.schema['errorMessage']}"
    else:
        yield node, "ZB204", f"{_label(error)} must be text or a map; {_this_is(node, error)}"


def _form(error: ValidationError, root: Node) -> Iterator[Finding]:
    node = _at(error, root)
    value = str(error.instance)
    if str(error.absolute_path[-1]).endswith("_date") and _EXPRESSION.match(value):
        message = "dates by expression are not supported by this version of zbatch"
        yield node, "ZB210", f"{message}: write {quote(value)} out as YYYY-MM-DD"
        return
    why = error.schema.get("errorMessage", "does not have the form that is asked for")
    length = f", {len(value)} characters long" if "minLength" in error.schema else ""
    yield node, "ZB205", f"{_label(error)} {why}; {_this_is(node, error)}{length}"


def _length(error: ValidationError, root: Node) -> Iterator[Finding]:
    if "pattern" in error.schema and error.validator == "minLength":
        return
    if "minLength" in error.schema and "pattern" in error.schema:
        if not re.search(error.schema["pattern"], error.instance):
            return
        yield from _form(error, root)
        return
    node = _at(error, root)
    if error.validator in ("minLength", "minItems"):
        yield node, "ZB207", f"{_label(error)} must not be empty"
    else:
        least = f"at most {error.validator_value} characters"
        yield node, "ZB207", f"{_label(error)} must have {least}; it has {len(error.instance)}"


def _bounds(error: ValidationError, root: Node) -> Iterator[Finding]:
    low, high = error.schema["minimum"], error.schema["maximum"]
    message = f"{_label(error)} must be between {low} and {high}; this is {error.instance}"
    yield _at(error, root), "ZB206", message


def _choice(error: ValidationError, root: Node) -> Iterator[Finding]:
    node = _at(error, root)
    near = get_close_matches(str(error.instance)[:80].lower(), error.validator_value, n=1)
    hint = f"; did you mean `{near[0]}`?" if near else f": {', '.join(error.validator_value)}"
    given = _this_is(node, error)
    yield node, "ZB208", f"{_label(error)} must be one of the known names, {given}{hint}"


def _version(error: ValidationError, root: Node) -> Iterator[Finding]:
    node = _at(error, root)
    if isinstance(error.instance, int):
        message = f"this zbatch reads version 1 of the format; the file says {error.instance}"
        yield node, "ZB209", message


def _other(error: ValidationError, root: Node) -> Iterator[Finding]:
    yield _at(error, root), "ZB205", f"{_label(error)} breaks the schema's `{error.validator}`"


_TELL: dict[str, Callable[[ValidationError, Node], Iterator[Finding]]] = {
    "required": _required,
    "additionalProperties": _unknown,
    "not": _not_here,
    "type": _kind,
    "oneOf": _either,
    "pattern": _form,
    "minLength": _length,
    "maxLength": _length,
    "minItems": _length,
    "minimum": _bounds,
    "maximum": _bounds,
    "enum": _choice,
    "const": _version,
}
