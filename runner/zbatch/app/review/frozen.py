"""A plan that was approved, frozen as digests and counts: a document of its own."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, cast

from zbatch import __version__
from zbatch.app.loading import Overrides
from zbatch.app.review.counts import PlanCounts
from zbatch.errors import Refused
from zbatch.model import Plan
from zbatch.report.record import files_json, limits_json
from zbatch.spec import Diagnostic, SpecError
from zbatch.spec.reading import read_text
from zbatch.spec.schema import compile_validator, load_schema, schema_text
from zbatch.zuora.strict_json import NotJson, parse_json

KIND, VERSION = "zbatch-plan", 1
MOST_DATES = 500
_HEAD = 1000  # characters, within which a frozen plan tells its kind
_MARK = re.compile(rf'"kind"\s*:\s*"{KIND}"')


class Approved(TypedDict):
    """What was approved, as `plan.schema.json` describes it."""

    spec: dict[str, Any]
    files: list[dict[str, Any]]
    schemas: dict[str, str]
    tenant: dict[str, Any]
    limits: dict[str, Any]
    overrides: dict[str, Any]
    plan_digest: str
    accounts_digest: str | None
    accounts: int
    by_number: int
    items: int
    calls: int
    excluded: int
    again: int
    dates: list[dict[str, Any]]


class Frozen(TypedDict):
    """The document of a frozen plan."""

    kind: str
    version: int
    made_by: str
    digest: str
    spec: dict[str, str]
    approved: Approved


@dataclass(frozen=True, slots=True)
class Document:
    """A frozen plan as it was read from its file: once, so that all go by the same."""

    path: Path
    frozen: Frozen


def approved(plan: Plan, counts: PlanCounts, overrides: Overrides) -> Approved:
    """Gather what somebody approves who approves a plan."""
    tenant = plan.tenant
    return {
        "spec": {
            "name": plan.spec.name,
            "period": plan.spec.period,
            "digest": plan.spec.digest,
        },
        "files": files_json(plan.spec.files),
        "schemas": {kind: _sha256(schema_text(kind)) for kind in ("spec", "tenants")},
        "tenant": {
            "name": tenant.name,
            "base_url": tenant.base_url,
            "host": tenant.host,
            "entity_id": tenant.entity_id,
            "kind": tenant.kind,
            "wsdl_version": tenant.wsdl_version,
            "protected": tenant.protected,
            "proxy": tenant.proxy,
            "ca_file": tenant.ca_file and _content(tenant.ca_file),
        },
        "limits": limits_json(plan.spec.limits),
        "overrides": {
            "tenant": overrides.tenant,
            "period": overrides.period,
            "concurrency": overrides.concurrency,
            "rate": overrides.rate and str(overrides.rate),
        },
        "plan_digest": plan.digest,
        "accounts_digest": counts.accounts_digest,
        "accounts": counts.accounts,
        "by_number": counts.by_number,
        "items": counts.items,
        "calls": counts.calls,
        "excluded": sum(count for _, count in counts.excluded),
        "again": counts.again,
        "dates": [entry.as_json() for entry in counts.dates[:MOST_DATES]],
    }


def digest_of(what: Approved) -> str:
    """Give the digest by which an approval is passed on."""
    return _sha256(json.dumps(what, sort_keys=True, separators=(",", ":"), ensure_ascii=True))


def freeze(what: Approved, spec: Path, folder: Path) -> bytes:
    """Write the document for a file in `folder`."""
    beside = os.path.relpath(spec.absolute(), folder.absolute())
    frozen: Frozen = {
        "kind": KIND,
        "version": VERSION,
        "made_by": f"zbatch {__version__}",
        "digest": digest_of(what),
        "spec": {"given": str(spec), "beside": beside},
        "approved": what,
    }
    return (json.dumps(frozen, indent=2, ensure_ascii=True) + "\n").encode("ascii")


def is_frozen(path: Path) -> bool:
    """Tell a frozen plan from a spec, which may be written as JSON too."""
    if path.suffix.lower() != ".json" or not path.is_file():
        return False
    try:
        with path.open("r", encoding="utf-8", errors="replace") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    return _MARK.search(head) is not None


def document_at(path: Path) -> Document | None:
    """Read a frozen plan, None where a spec is there; raise `SpecError` as `thaw` does."""
    return Document(path, thaw(path)) if is_frozen(path) else None


def thaw(path: Path) -> Frozen:
    """Read a frozen plan; raise `SpecError` for one that is damaged or was changed by hand."""
    try:
        value = parse_json(read_text(path).text.encode())
    except NotJson as error:
        raise _broken(path, "ZB501", "this is no JSON: the file is damaged or cut off") from error
    for problem in compile_validator(load_schema("plan")).iter_errors(value):
        where = "/".join(map(str, problem.absolute_path)) or "the whole"
        said = (
            f"this is no frozen plan that this zbatch reads ({where} is not as its schema wants it)"
        )
        raise _broken(path, "ZB501", said)
    frozen = cast(Frozen, value)
    if digest_of(frozen["approved"]) != frozen["digest"]:
        said = (
            "this frozen plan was changed after it was made: its digest is that of another content"
        )
        raise _broken(path, "ZB502", said)
    return frozen


def _broken(path: Path, code: str, said: str) -> SpecError:
    hint = "make it anew with zbatch plan SPEC --out, and have it approved again"
    return SpecError([Diagnostic(str(path), 1, 1, code, f"{said}; {hint}")])


def _content(path: Path) -> str:
    """Tell the authorities that are trusted, wherever on this machine their file is."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise Refused(f"cannot read the `ca_file` {path}: {error.strerror}") from error


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
