"""The one door: a file in, a frozen `Spec` or every problem out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zbatch.model import DatePair, Source, Spec
from zbatch.spec.account_files import AccountFiles
from zbatch.spec.accounts import AccountReader, ExclusionReader, warn_retyped
from zbatch.spec.alike import Entries
from zbatch.spec.days import DateReader
from zbatch.spec.diagnostics import Diagnostic, SpecError, tidy
from zbatch.spec.documents import but_refused, has_errors, load_document
from zbatch.spec.duplicates import duplicates
from zbatch.spec.findings import Findings
from zbatch.spec.head import (
    charges_of,
    check_head,
    expect_of,
    limits_of,
    settling_of,
    source_of,
    sources_of,
    stages_of,
    stop_of,
)
from zbatch.spec.nodes import Document, Mapping, Scalar, child
from zbatch.spec.project import Project, find_tenant
from zbatch.spec.runs import Unlike
from zbatch.spec.schema import load_schema, with_defaults
from zbatch.spec.stopping import check_stopping
from zbatch.spec.warnings import DayWarnings

if TYPE_CHECKING:
    from zbatch.model import Account, AccountFile, Exclusion


def load_spec(path: Path) -> Spec:
    """Return the spec in a file, or raise SpecError with all that is wrong with it."""
    spec, findings = check_spec(path)
    if spec is None:
        raise SpecError(finding for finding in findings if not finding.warning)
    return spec


def check_spec(
    path: Path, period: str | None = None, project: Project | None = None
) -> tuple[Spec | None, tuple[Diagnostic, ...]]:
    """Return the spec, if it is one, and everything there is to say about it, warnings too.

    `period` takes the place of an absent one, and contradicts none. A `project` is asked for the
    tenant of what is no spec yet, lest that be the next thing to mend; that of a spec is for
    `resolve_tenant`.
    """
    try:
        return _checked(path, period, project, copying=True)
    except Unlike:
        return _checked(path, period, project, copying=False)


def _checked(
    path: Path, period: str | None, project: Project | None, *, copying: bool
) -> tuple[Spec | None, tuple[Diagnostic, ...]]:
    findings = Findings()
    files = AccountFiles(path, findings)
    warnings = DayWarnings(findings)
    reader = AccountReader(str(path), files, findings, warnings)
    try:
        _require_text(path)
        streamed: dict[str, Entries] = {"accounts": reader}
        document, value, problems = load_document(path, "spec", streamed, copying=copying)
    except SpecError as error:
        return None, tidy(error.diagnostics)
    problems += but_refused(reader.check.findings(), problems)
    root = document.root
    warn_retyped(child(root, "name"), document.file, findings)
    warn_retyped(child(root, "tenant"), document.file, findings)
    period = check_head(document, findings, period)
    dates = DateReader(document.file, findings, warnings).dates(child(root, "dates"), period)
    reader.finish(period)
    warnings.tell(period)
    roster = reader.builder.roster()
    exclusions = ExclusionReader(document.file, files, findings).exclusions(child(root, "exclude"))
    for finding in duplicates(roster, dates):
        findings.add(finding)
    problems += [*findings.all(), *check_stopping(document)]
    spec = None
    if not has_errors(problems):
        spec = _spec(document, value, dates, roster, period, exclusions, tuple(files.read))
        if exclusions or spec.expect:
            from zbatch.spec.offline import told_offline  # most specs have nothing to hold

            problems += told_offline(spec)
    if has_errors(problems):
        return None, tidy([*problems, *_of_tenant(document, project, problems)])
    return spec, tidy(problems)


def _of_tenant(
    document: Document, project: Project | None, problems: Sequence[Diagnostic]
) -> tuple[Diagnostic, ...]:
    """Say what keeps the tenant from being known, unless its name is refused already."""
    node = child(document.root, "tenant")
    if project is None or not isinstance(node, Scalar) or has_errors(_at(node, problems)):
        return ()
    try:
        find_tenant(node.value, Source(document.file, node.line, node.column), project)
    except SpecError as error:
        return error.diagnostics
    return ()


def _at(node: Scalar, problems: Sequence[Diagnostic]) -> list[Diagnostic]:
    return [one for one in problems if (one.line, one.column) == (node.line, node.column)]


def blank_spec(name: str, tenant: str) -> Spec:
    """Return a spec that no file holds: it lists nothing, and has the defaults of the schema."""
    document = Document("", hashlib.sha256(b"").hexdigest(), Mapping(1, 1, {}))
    return _spec(document, {"name": name, "tenant": tenant}, (), (), None, (), ())


def _spec(
    document: Document,
    value: Any,
    dates: tuple[DatePair, ...],
    accounts: Sequence[Account],
    period: str | None,
    exclusions: tuple[Exclusion, ...],
    files: tuple[AccountFile, ...],
) -> Spec:
    bare = {key: part for key, part in value.items() if key not in ("accounts", "exclude")}
    head = with_defaults(bare, load_schema("spec"))
    return Spec(
        name=head["name"],
        tenant=head["tenant"],
        accounts=accounts,
        dates=dates,
        charges=charges_of(head),
        limits=limits_of(head),
        max_attempts=head["retry"]["max_attempts"],
        file=document.file,
        digest=document.digest,
        settling=settling_of(head),
        tenant_source=source_of(document, "tenant"),
        limit_sources=sources_of(document, "limits"),
        stop=stop_of(document, head),
        period=period,
        timezone=head.get("timezone"),
        exclusions=exclusions,
        expect=expect_of(document, head),
        stages=stages_of(head),
        files=files,
    )


def _require_text(path: Path) -> None:
    """Refuse a path that is not text: each item's source stands in ledger and report."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError as error:
        message = "the path is not UTF-8; give the file and its folders other names"
        raise SpecError([Diagnostic(str(path), 1, 1, "ZB101", message)]) from error
