"""Findings as JSON, for other programs: `zbatch schema diagnostics` describes it."""

from __future__ import annotations

import json
from typing import Any

from zbatch.cli.findings import Validation
from zbatch.spec import CODES, Diagnostic

VERSION = 1


def findings_json(validation: Validation) -> str:
    """Write a validation as one object, its findings in their order."""
    document = {
        "version": VERSION,
        "files": validation.files,
        "errors": validation.errors,
        "warnings": validation.warnings,
        "strict": validation.strict,
        "diagnostics": [_finding(one, validation.severity(one)) for one in validation.diagnostics],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _finding(finding: Diagnostic, severity: str) -> dict[str, Any]:
    return {
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "code": finding.code,
        "severity": severity,
        "message": finding.message,
        "hint": finding.hint or None,
        "rule": CODES[finding.code],
        "count": finding.count,
        "related": [
            {"label": p.label, "file": p.file, "line": p.line, "column": p.column}
            for p in finding.related
        ],
    }
