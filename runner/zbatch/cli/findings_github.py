"""Findings as GitHub Actions shows them beside the lines of a pull request.

A step shows ten errors and ten warnings, and drops the rest without a word:
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from zbatch.cli.findings import Validation
from zbatch.cli.words import counted
from zbatch.spec import Diagnostic

AT_MOST = 10  # annotations of one kind in one step
_IN_MESSAGES = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTIES = _IN_MESSAGES | str.maketrans({":": "%3A", ",": "%2C"})


def github_annotations(validation: Validation, workspace: str | None) -> Iterator[str]:
    """Write errors, then warnings; where they are too many, the last one tells how many more.

    Of each code the first comes first, so that a hundred of one kind hide no other.
    """
    for severity in ("error", "warning"):
        findings = [one for one in validation.diagnostics if validation.severity(one) == severity]
        ordered = _codes_first(findings)
        shown = ordered if len(ordered) <= AT_MOST else ordered[: AT_MOST - 1]
        for finding in shown:
            yield _annotation(finding, severity, workspace)
        if more := sum(finding.count for finding in ordered[len(shown) :]):
            text = f"and {counted(more, f'more {severity}')}: see the log of this step"
            yield f"::{severity} title=zbatch::{text}"


def harmless(line: str) -> str:
    """Write a line of text so that Actions takes no part of it for a command."""
    return line.replace("##[", "##\\x5b")


def _codes_first(findings: list[Diagnostic]) -> list[Diagnostic]:
    seen: Counter[str] = Counter()
    ranks = []
    for finding in findings:
        ranks.append(seen[finding.code])
        seen[finding.code] += 1
    order = sorted(range(len(findings)), key=lambda position: ranks[position])
    return [findings[position] for position in order]


def _annotation(finding: Diagnostic, severity: str, workspace: str | None) -> str:
    file = _from_workspace(finding.file, workspace).translate(_IN_PROPERTIES)
    where = f"file={file},line={finding.line},col={finding.column}"
    message = "\n".join([finding.sentence, *map(str, finding.related)]).translate(_IN_MESSAGES)
    return f"::{severity} {where},title={finding.code}::{harmless(message)}"


def _from_workspace(file: str, workspace: str | None) -> str:
    """Name a file as seen from the top of the repository, where Actions looks for it."""
    path = Path(os.path.abspath(file))
    if workspace and path.is_relative_to(workspace):
        return str(path.relative_to(workspace))
    return file
