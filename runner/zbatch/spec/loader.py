"""The one door: a file in, a frozen `Spec` or every problem out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from zbatch.model import Account, Charges, DatePair, Limits, Settling, Source, Spec
from zbatch.spec.accounts import AccountReader
from zbatch.spec.diagnostics import Diagnostic, SpecError, tidy
from zbatch.spec.nodes import Document, Mapping, child
from zbatch.spec.parsing import parse
from zbatch.spec.reading import read_text
from zbatch.spec.schema import load_schema, load_shape, typed, with_defaults
from zbatch.spec.structure import check_structure
from zbatch.spec.values import parse_duration, parse_rate


def load_spec(path: Path) -> Spec:
    """Return the spec in a file, or raise SpecError with all that is wrong with it."""
    spec, findings = check_spec(path)
    if spec is None:
        raise SpecError(finding for finding in findings if not finding.warning)
    return spec


def check_spec(path: Path) -> tuple[Spec | None, tuple[Diagnostic, ...]]:
    """Return the spec, if it is one, and everything there is to say about it, warnings too."""
    try:
        _require_text(path)
        document, value, problems = load_document(path, "spec")
    except SpecError as error:
        return None, tidy(error.diagnostics)
    root = document.root
    reader = AccountReader(document.file)
    reader.text(child(root, "name"))
    reader.text(child(root, "tenant"))
    dates = reader.dates(child(root, "dates"))
    accounts = reader.accounts(child(root, "accounts"), dates)
    findings = tidy([*problems, *reader.problems])
    if has_errors(findings):
        return None, findings
    return _spec(document, value, dates, accounts), findings


def blank_spec(name: str, tenant: str) -> Spec:
    """Return a spec that no file holds: it lists nothing, and has the defaults of the schema."""
    document = Document("", hashlib.sha256(b"").hexdigest(), Mapping(1, 1, {}))
    return _spec(document, {"name": name, "tenant": tenant}, (), ())


def _spec(
    document: Document, value: Any, dates: tuple[DatePair, ...], accounts: tuple[Account, ...]
) -> Spec:
    head = with_defaults({**value, "accounts": None}, load_schema("spec"))
    limits, reconcile = head["limits"], head["reconcile"]
    return Spec(
        name=head["name"],
        tenant=head["tenant"],
        accounts=accounts,
        dates=dates,
        charges=Charges(**head["charges"]),
        limits=Limits(
            concurrency=limits["concurrency"],
            rate=parse_rate(limits["rate"]),
            objects_per_call=limits["objects_per_call"],
            timeout=parse_duration(limits["timeout"]),
        ),
        max_attempts=head["retry"]["max_attempts"],
        file=document.file,
        digest=document.digest,
        settling=Settling(
            settle=parse_duration(reconcile["settle"]), wait=parse_duration(reconcile["wait"])
        ),
        tenant_source=_tenant_source(document),
        limit_sources=_limit_sources(document),
    )


def _require_text(path: Path) -> None:
    """Refuse a path that is not text: each item's source stands in ledger and report."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError as error:
        message = "the path is not UTF-8; give the file and its folders other names"
        raise SpecError([Diagnostic(str(path), 1, 1, "ZB101", message)]) from error


def load_document(path: Path, kind: str) -> tuple[Document, Any, list[Diagnostic]]:
    """Return a file's tree, its typed value, and what reading and schema have against it.

    Raises SpecError where there is no tree to speak of.
    """
    document, problems = parse(read_text(path))
    value = typed(document.root, load_shape(kind))
    # where the reader has refused something, the schema only sees what was put in its place
    refused = {(problem.line, problem.column) for problem in problems}
    for problem in check_structure(document, value, kind):
        if (problem.line, problem.column) not in refused:
            problems.append(problem)
    return document, value, problems


def has_errors(findings: Iterable[Diagnostic]) -> bool:
    """Tell whether any finding is more than a warning."""
    return any(not finding.warning for finding in findings)


def _tenant_source(document: Document) -> Source | None:
    node = child(document.root, "tenant")
    return Source(document.file, node.line, node.column) if node else None


def _limit_sources(document: Document) -> dict[str, Source]:
    limits = child(document.root, "limits")
    entries = limits.entries.items() if isinstance(limits, Mapping) else ()
    return {name: Source(document.file, at.line, at.column) for name, (_, at) in entries}
