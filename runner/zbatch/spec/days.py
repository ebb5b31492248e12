"""What a list of dates means: real days, each once."""

from __future__ import annotations

import re
from datetime import date

from zbatch.model import DatePair
from zbatch.spec.diagnostics import Diagnostic, Related
from zbatch.spec.expressions import NoDate, resolve_date
from zbatch.spec.findings import Findings
from zbatch.spec.nodes import Mapping, Node, Scalar, Sequence, child
from zbatch.spec.schema import load_schema
from zbatch.spec.values import DATE
from zbatch.spec.warnings import DayWarnings

_ALLOWED = re.compile(
    load_schema("spec")["properties"]["dates"]["items"]["properties"]["target_date"]["pattern"]
)


class DateReader:
    """Reads lists of dates off a tree; passes over what the schema refuses."""

    def __init__(self, file: str, findings: Findings, warnings: DayWarnings) -> None:
        self._file = file
        self._findings = findings
        self._warnings = warnings

    def dates(self, node: Node | None, period: str | None) -> tuple[DatePair, ...]:
        """Return the entries of a `dates` list."""
        pairs: dict[date, DatePair] = {}
        entries: dict[date, Node] = {}
        for entry in node.items if isinstance(node, Sequence) else ():
            pair = self._pair(entry, period)
            if pair is None:
                continue
            if pair.target_date in pairs:
                self._twice(entry, entries[pair.target_date], pair.target_date)
                continue
            pairs[pair.target_date] = pair
            entries[pair.target_date] = entry
        return tuple(pairs.values())

    def _pair(self, entry: Node, period: str | None) -> DatePair | None:
        if not isinstance(entry, Mapping):
            return None
        target = self._date(entry, "target_date", period)
        invoice = self._date(entry, "invoice_date", period, target)
        if target is None or (invoice is None and "invoice_date" in entry.entries):
            return None
        return DatePair(target, invoice or target)

    def _date(
        self, entry: Mapping, key: str, period: str | None, target: date | None = None
    ) -> date | None:
        node = child(entry, key)
        if not isinstance(node, Scalar) or not may_be_date(node.value):
            return None
        if period == "" and not DATE.fullmatch(node.value):
            return None  # which the schema has refused
        try:
            day = resolve_date(node.value, period)
        except NoDate as error:
            finding = Diagnostic(self._file, node.line, node.column, error.code, str(error))
            self._findings.add(finding)
            return None
        meant = node.value.isidentifier() or day == target
        self._warnings.see(self._file, node.line, node.column, key, day, meant=meant)
        return day

    def _twice(self, at: Node, first: Node, target: date) -> None:
        related = Related("first listed here", self._file, first.line, first.column)
        message = f"the target date {target} is listed twice here"
        place = (self._file, at.line, at.column)
        self._findings.add(Diagnostic(*place, "ZB302", message, "", (related,)))


def may_be_date(text: str) -> bool:
    """Tell whether the schema lets a text pass as a date."""
    return _ALLOWED.fullmatch(text) is not None


def needs_period(node: Node | None) -> bool:
    """Tell whether a list of dates holds anything but plain days."""
    return isinstance(node, Sequence) and not all(
        isinstance(value, Scalar) and DATE.fullmatch(value.value)
        for entry in node.items
        if isinstance(entry, Mapping)
        for _, value in entry.entries.values()
    )
