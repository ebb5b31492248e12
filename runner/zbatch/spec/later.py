"""What the schema knows and this version does not do yet: refused, never passed over."""

from __future__ import annotations

from collections.abc import Iterator

from zbatch.spec.diagnostics import Diagnostic
from zbatch.spec.nodes import Document, Mapping, Node, Sequence, child

_KEYS = ("period", "timezone", "exclude", "expect", "stop", "stages")
_IN_ACCOUNTS = ("number", "file")


def refused_keys(document: Document) -> Iterator[Diagnostic]:
    """Tell each key of a spec that would be accepted and ignored."""
    yield from _within(document, document.root, _KEYS)
    accounts = child(document.root, "accounts")
    for entry in accounts.items if isinstance(accounts, Sequence) else ():
        yield from _within(document, entry, _IN_ACCOUNTS)


def _within(document: Document, node: Node, keys: tuple[str, ...]) -> Iterator[Diagnostic]:
    for name in keys:
        if isinstance(node, Mapping) and name in node.entries:
            at = node.entries[name][0]
            message = f"`{name}` is not supported by this version of zbatch"
            yield Diagnostic(document.file, at.line, at.column, "ZB203", message)
