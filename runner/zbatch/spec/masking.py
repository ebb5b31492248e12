"""What of a line of YAML may be repeated: keys, and values that the schemas know as no secret.

A finding's line may hold a password that stands where none belongs, beside the finding or under
it, and in a text that is not even YAML. So a line is read by itself, and what is not known to be
harmless is hidden: values under keys that no schema knows, under `writeOnly`, and comments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from zbatch.spec.schema import Schema, load_schema

Path = tuple[str, ...]  # the keys that lead to a place; lists are passed through

KINDS = ("spec", "tenants", "faults")
_SCALARS = {"string", "integer", "boolean", "number"}
_TOKEN = re.compile(
    r"(?P<space>[ \t]+)"
    r"|(?P<comment>\#.*)"
    r'|(?P<quoted>"(?:\\.|[^"\\])*"?|' + r"'(?:''|[^'])*'?)"
    r"|(?P<mark>[-?](?=[ \t]|$)|:(?=[ \t,\[\]{}]|$)|[\[\]{},])"
    r"|(?P<plain>(?:(?!:(?:[ \t,\[\]{}]|$)|[ \t]+(?:\#|$))[^,\[\]{}])+|.)"
)
_COLON = re.compile(r"[ \t]*:(?=[ \t,\[\]{}]|$)")
_FIRST = re.compile(
    r"(?P<indent> *)(?P<dash>-[ \t]+)?"
    r"(?P<key>\"(?:\\.|[^\"\\])*\"|'(?:''|[^'])*'"
    r"|(?!-[ \t])[^\s#:,\[\]{}\"'](?:[^:#\n]|:(?=\S)|(?<=\S)\#)*?)"
    r"[ \t]*:(?=[ \t]|$)"
)


class Piece(NamedTuple):
    """A part of a line, from `start` up to `end`, and what it is."""

    start: int
    end: int
    shown: bool
    key: bool = False
    comment: bool = False


@dataclass(frozen=True, slots=True)
class _Level:
    """A key that has opened a block: where it stands, and where its list's dash does."""

    column: int
    dash: bool
    key: str


class Outline:
    """Follows the lines of a file by their indentation, and knows the keys above each."""

    def __init__(self) -> None:
        self._levels: list[_Level] = []

    def enter(self, line: str) -> Path:
        """Take the next line; return the keys that it stands under."""
        text = line.lstrip(" ")
        if not text or text.startswith("#"):
            return self._path()
        self._leave(len(line) - len(text), text.startswith(("- ", "-\t")) or text == "-")
        above = self._path()
        if ":" in text and (match := _FIRST.match(line)):
            if match["dash"]:
                self._levels.append(_Level(match.end("indent"), True, ""))
            self._levels.append(_Level(match.start("key"), False, _unquoted(match["key"])))
        return above

    def _leave(self, column: int, dash: bool) -> None:
        while self._levels:
            top = self._levels[-1]
            # a list may stand right below its key, in the same column
            if top.column < column or (top.column == column and dash and not top.dash):
                return
            self._levels.pop()

    def _path(self) -> Path:
        return tuple(level.key for level in self._levels if not level.dash)


def pieces(line: str, above: Path) -> Iterator[Piece]:
    """Cut a line into what may be shown and what may not; `above` are the keys it stands under."""
    stack = [above]
    path, fresh, trusted = above, True, True
    for token in _TOKEN.finditer(line):
        kind, start, end = token.lastgroup, token.start(), token.end()
        if kind == "space":
            yield Piece(start, end, True)
        elif kind == "comment":
            yield Piece(start, end, False, comment=True)
        elif kind == "mark":
            yield Piece(start, end, True)
            mark = token[0]
            fresh = mark not in ":]}"
            if mark in "[{":
                stack.append(path)
            elif mark in "]}" and len(stack) > 1:
                path = stack.pop()
            elif mark == "," and len(stack) > 1:
                path = stack[-1]
            elif mark == ",":  # of a text, or of a list that has begun in another line
                trusted = trusted and may_show(path)
        elif fresh and _COLON.match(line, end):
            path, fresh = (*stack[-1], _unquoted(token[0])), False
            yield Piece(start, end, trusted, key=True)
        else:
            fresh = False
            yield from _value(token[0], start, trusted and may_show(path), path == above)


def _value(text: str, start: int, shown: bool, alone: bool) -> Iterator[Piece]:
    end = start + len(text)
    word = text.split(maxsplit=1)[0] if text.strip() else ""
    if shown or text in ("---", "..."):
        yield Piece(start, end, True)
    elif alone and word in _names():  # `tenant emulator`, where a colon is missing
        rest = start + len(text) - len(text.removeprefix(word).lstrip())
        yield Piece(start, rest, True)
        if rest < end:
            yield Piece(rest, end, False)
    else:
        yield Piece(start, end, False)


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] in "\"'" and text[-1] == text[0] else text


@cache
def may_show(path: Path) -> bool:
    """Tell whether some kind of file has a value at the path, and it is no secret in any."""
    found = [schema for kind in KINDS for schema in _reach(load_schema(kind), path)]
    return (
        bool(found)
        and all(not schema.get("writeOnly") for schema in found)
        and any(_is_scalar(branch) for schema in found for branch in _branches(schema))
    )


def _reach(schema: Schema, path: Path) -> Iterator[Schema]:
    """Find what a path leads to; at a secret the way ends, and all below is part of it."""
    if not path or schema.get("writeOnly"):
        yield schema
        return
    for branch in _branches(schema):
        known = branch.get("properties", {})
        if path[0] in known:
            yield from _reach(known[path[0]], path[1:])
            continue
        for pattern, sub in branch.get("patternProperties", {}).items():
            if re.search(pattern, path[0]):
                yield from _reach(sub, path[1:])


def _branches(schema: Schema) -> Iterator[Schema]:
    yield schema
    inside = schema.get("items")
    listed = [inside] if isinstance(inside, dict) else []
    for sub in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *listed):
        yield from _branches(sub)


def _is_scalar(schema: Schema) -> bool:
    return schema.get("type") in _SCALARS or bool({"enum", "const", "not"} & {*schema})


@cache
def _names() -> frozenset[str]:
    return frozenset(name for kind in KINDS for name in _all_names(load_schema(kind)))


def _all_names(schema: Schema) -> Iterator[str]:
    for branch in _branches(schema):
        for name, sub in branch.get("properties", {}).items():
            yield name
            yield from _all_names(sub)
        for sub in branch.get("patternProperties", {}).values():
            yield from _all_names(sub)
