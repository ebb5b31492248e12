"""The pages that say property by property what a schema says, made from the schemas themselves.

    ../.venv/bin/python -m support.references

in tests/ writes them anew, after a change in schemas/.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zbatch.spec.schema import load_schema

DOCS = Path(__file__).parents[2] / "docs"
NOTE = "<!-- Made from schemas/{}.schema.json by python -m support.references in tests/. -->"

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reference:
    """A page about one schema: its name, its title, and what it says before the first key."""

    kind: str
    file: str
    title: str
    introduction: str


REFERENCES = (
    Reference(
        "spec",
        "spec-schema.md",
        "Spec reference",
        "Every key of a spec, with what it may hold. [The spec, key by key](spec.md) explains\n"
        "them in the order in which one needs them, with an example of each.",
    ),
    Reference(
        "tenants",
        "tenants-schema.md",
        "tenants.yaml reference",
        "Every key of `tenants.yaml`, with what it may hold. [Your tenants](tenants.md) says how\n"
        "they are used.",
    ),
    Reference(
        "report",
        "report-schema.md",
        "Report reference",
        "Every field of a line of `report.jsonl`. All fields are in every line; what is not known\n"
        "is `null`. [What the codes in `error` mean](errors.md).",
    ),
)


@dataclass(frozen=True, slots=True)
class _Key:
    """A key at its place, such as `limits.rate` or `accounts[].id`."""

    path: str
    schema: Schema
    needed: bool


def page(reference: Reference) -> str:
    """Write the page on a schema."""
    return "\n".join(_page(reference)) + "\n"


def _page(reference: Reference) -> Iterator[str]:
    schema = load_schema(reference.kind)
    yield f"# {reference.title}"
    yield ""
    yield NOTE.format(reference.kind)
    yield ""
    yield reference.introduction
    yield ""
    yield schema["description"]
    told: set[str] = set()
    for key in _keys(schema, schema, ""):
        if key.path not in told:
            told.add(key.path)
            yield from _section(key)


def _section(key: _Key) -> Iterator[str]:
    level = "##" if "." not in key.path and "[" not in key.path else "###"
    yield ""
    yield f"{level} `{key.path}`"
    if "description" in key.schema:
        yield ""
        yield key.schema["description"]
    yield ""
    yield from (f"- {fact}" for fact in _facts(key))


def _facts(key: _Key) -> Iterator[str]:
    schema = key.schema
    kinds = _kinds(schema)
    yield ", ".join([*([kinds] if kinds else []), "required" if key.needed else "optional"])
    if "const" in schema:
        yield f"always `{json.dumps(schema['const'])}`"
    if "enum" in schema:
        yield "one of " + ", ".join(f"`{one}`" for one in schema["enum"])
    if schema.get("default") not in (None, {}):
        yield f"by default `{_written(schema['default'])}`"
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None:
        yield f"from {least:,}" + (f" to {most:,}" if most is not None else " up")
    if "errorMessage" in schema:
        yield schema["errorMessage"]
    elif "pattern" in schema:
        yield f"matches `{schema['pattern']}`"
    if examples := schema.get("examples"):
        yield "such as " + ", ".join(f"`{_written(one)}`" for one in examples)


def _kinds(schema: Schema) -> str:
    names = {"object": "a map", "array": "a list", "integer": "a whole number", "null": "`null`"}
    names |= {"string": "text", "boolean": "`true` or `false`", "number": "a number"}
    kinds = schema.get("type", ())
    return " or ".join(names[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds))


def _written(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.replace("|", "\\|")


def _keys(schema: Schema, root: Schema, above: str) -> Iterator[_Key]:
    """Give each key below a schema, the outer one before those within it."""
    required = schema.get("required", ())
    for name, inner in schema.get("properties", {}).items():
        if "not" not in inner:  # what is refused, to say why, is no key
            yield from _key(f"{above}{name}", _resolved(inner, root), root, needed=name in required)
    for inner in schema.get("patternProperties", {}).values():
        yield from _key(f"{above}NAME", _resolved(inner, root), root, needed=False)
    for inner in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        yield from _keys(_resolved(inner, root), root, above)


def _key(path: str, schema: Schema, root: Schema, *, needed: bool) -> Iterator[_Key]:
    yield _Key(path, schema, needed)
    yield from _keys(schema, root, f"{path}.")
    if "items" in schema:
        yield from _keys(_resolved(schema["items"], root), root, f"{path}[].")


def _resolved(schema: Schema, root: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    found = root["$defs"][schema["$ref"].rpartition("/")[2]]
    return {**_resolved(found, root), **{k: v for k, v in schema.items() if k != "$ref"}}


if __name__ == "__main__":
    for one in REFERENCES:
        (DOCS / one.file).write_text(page(one), "utf-8")
