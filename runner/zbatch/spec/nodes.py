"""The YAML text as a tree of plain values that know where they stand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Scalar(NamedTuple):
    """A text; `plain` if it stands without quotes and not as a block."""

    line: int
    column: int
    value: str
    plain: bool


class Sequence(NamedTuple):
    """A list."""

    line: int
    column: int
    items: list[Node]


class Mapping(NamedTuple):
    """A map: each key's text leads to the key where it is written, and to its value."""

    line: int
    column: int
    entries: dict[str, tuple[Scalar, Node]]


Node = Scalar | Sequence | Mapping


class Document(NamedTuple):
    """A file's tree; `file` is the path as given, `digest` the SHA-256 of its bytes."""

    file: str
    digest: str
    root: Node


def child(node: Node | None, key: str) -> Node | None:
    """Return the value of a key, or None where there is no map or no such key in it."""
    if not isinstance(node, Mapping) or key not in node.entries:
        return None
    return node.entries[key][1]


def node_at(root: Node, path: Iterable[str | int]) -> Node:
    """Return the node at a path of keys and positions, as far as the path exists."""
    node = root
    for step in path:
        if isinstance(node, Mapping) and step in node.entries:
            node = node.entries[str(step)][1]
        elif isinstance(node, Sequence) and isinstance(step, int):
            node = node.items[step]
    return node
