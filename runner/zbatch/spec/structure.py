"""The schema's verdict on a file: each breach at the place where people wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from zbatch.spec.diagnostics import Diagnostic, SpecError
from zbatch.spec.nodes import Document, Node
from zbatch.spec.rows import compile_rows
from zbatch.spec.schema import Schema, load_schema

if TYPE_CHECKING:
    from zbatch.spec.refusing import Refuser

_QUICK = frozenset({"spec", "tenants"})  # kinds of which each keyword is known to `compile_rows`


def check_structure(
    document: Document, value: Any, kind: str, streamed: Iterable[str] = ()
) -> Iterator[Diagnostic]:
    """Hold a file's typed value against the schema of its kind, but for `streamed` entries."""
    schema = load_schema(kind)
    for key in streamed:
        schema = _without_entries(schema, key)
    if kind in _QUICK and compile_rows(schema)(value):
        return
    yield from _refuser(schema, document.file).findings(value, document.root)


class EntryCheck:
    """Holds the entries of a long list against the schema, with a quick yes for the good ones."""

    EXAMINED = 1000  # bad entries that are looked at one by one
    MOST = 100_000  # bad entries beyond those that are counted

    def __init__(self, file: str, schema: Schema, key: str) -> None:
        self.accepts = compile_rows(schema)
        self._file = file
        self._schema = schema
        self._key = key
        self._bad: list[tuple[int, Node, Any]] = []
        self._more = 0
        self._first_more: Node | None = None

    def refuse(self, position: int, node: Node, value: Any) -> None:
        """Keep an entry that was not accepted, or count it."""
        if len(self._bad) < self.EXAMINED:
            self._bad.append((position, node, value))
        else:
            self._first_more = self._first_more or node
            self._more += 1
            if self._more == self.MOST:
                message = "so many entries are wrong up to here that reading stops"
                stops = Diagnostic(self._file, node.line, node.column, "ZB318", message)
                raise SpecError([*self.findings(), stops])

    def findings(self) -> Iterator[Diagnostic]:
        """Tell what is wrong with the entries that were refused."""
        if self._bad:
            yield from self._examined()
        if self._first_more is not None:
            at = (self._file, self._first_more.line, self._first_more.column)
            message = f"and {self._more:,} more entries of `{self._key}` are wrong from here on"
            yield Diagnostic(*at, "ZB212", message, count=self._more)

    def _examined(self) -> Iterator[Diagnostic]:
        refuser = _refuser(self._schema, self._file)
        for position, node, value in self._bad:
            yield from refuser.findings(value, node, (self._key, position))


def _without_entries(schema: Schema, key: str) -> Schema:
    entries = {**schema["properties"][key]}
    del entries["items"]
    return {**schema, "properties": {**schema["properties"], key: entries}}


def _refuser(schema: Schema, file: str) -> Refuser:
    from zbatch.spec.refusing import Refuser  # what is right needs none, and is told sooner

    return Refuser(schema, file)
