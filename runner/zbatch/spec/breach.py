"""A keyword of the schema that a value breaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zbatch.spec.diagnostics import quote
from zbatch.spec.nodes import Mapping, Node, Sequence
from zbatch.spec.schema import Schema


@dataclass(frozen=True, slots=True)
class Breach:
    """A keyword that a value breaks: the keyword and what it asks for, the value and its place.

    `schema` is the part of the schema that holds the keyword. Its `errorMessage`, which editors
    show too, says in words what is asked for; a value under `writeOnly` is never repeated.
    """

    keyword: str
    limit: Any
    schema: Schema
    value: Any
    path: tuple[str | int, ...]
    node: Node
    parent: Node

    @property
    def label(self) -> str:
        """What people call the place."""
        if not self.path:
            return "the file"
        if isinstance(self.path[-1], int):
            return f"entry {self.path[-1] + 1} of `{self.path[-2]}`"
        return f"`{self.path[-1]}`"

    @property
    def given(self) -> str:
        """What stands there."""
        if isinstance(self.node, Sequence):
            return "this is a list"
        if isinstance(self.node, Mapping):
            return "this is a map"
        if not self.node.value:
            return "nothing stands here"
        if self.schema.get("writeOnly"):
            return "this is not shown"
        return f"this is {quote(self.node.value)}{'' if self.node.plain else ', in quotes'}"
