"""A file of any kind as a tree, held against its schema."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from zbatch.spec.alike import Entries
from zbatch.spec.diagnostics import Diagnostic
from zbatch.spec.nodes import Document
from zbatch.spec.parsing import parse
from zbatch.spec.reading import read_text
from zbatch.spec.schema import load_shape, typed
from zbatch.spec.structure import check_structure


def load_document(
    path: Path, kind: str, streamed: dict[str, Entries] | None = None, *, copying: bool = False
) -> tuple[Document, Any, list[Diagnostic]]:
    """Return a file's tree, its typed value, and what reading and schema have against it.

    What is `streamed` is not in the value and not held against the schema: that is for who takes
    it. Raises SpecError where there is no tree to speak of, and `Unlike` with `copying`.
    """
    document, problems = parse(read_text(path), streamed=streamed, copying=copying)
    value = typed(document.root, load_shape(kind))
    found = check_structure(document, value, kind, streamed=tuple(streamed or ()))
    return document, value, [*problems, *but_refused(found, problems)]


def but_refused(found: Iterable[Diagnostic], refused: list[Diagnostic]) -> list[Diagnostic]:
    """Leave out what the schema finds where the reader has refused something.

    There it only sees what was put in its place.
    """
    places = {(problem.line, problem.column) for problem in refused}
    return [problem for problem in found if (problem.line, problem.column) not in places]


def has_errors(findings: Iterable[Diagnostic]) -> bool:
    """Tell whether any finding is more than a warning."""
    return any(not finding.warning for finding in findings)
