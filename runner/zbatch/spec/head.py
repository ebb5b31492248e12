"""The short parts of a spec: everything but its lists of dates and accounts."""

from __future__ import annotations

import re
from typing import Any

from zbatch import model
from zbatch.model import Charges, Limits, Settling, Source, StopRules
from zbatch.spec.diagnostics import Diagnostic
from zbatch.spec.expressions import NoDate, check_timezone
from zbatch.spec.findings import Findings
from zbatch.spec.nodes import Document, Mapping, Node, Scalar, child
from zbatch.spec.schema import load_schema
from zbatch.spec.values import parse_duration, parse_rate


def check_head(document: Document, findings: Findings, period: str | None) -> str | None:
    """Check what the schema cannot, and return the period: the spec's own, or the one given.

    It is empty where the schema refuses the spec's own.
    """
    _check_charges(document, findings)
    zone, own = child(document.root, "timezone"), child(document.root, "period")
    if isinstance(zone, Scalar) and _fits("timezone", zone):
        try:
            check_timezone(zone.value)
        except NoDate as error:
            findings.add(_finding(document, zone, error.code, str(error)))
    if not isinstance(own, Scalar):
        return period
    if not _fits("period", own):
        return ""
    if period is not None and own.value != period:
        message = f"the spec is for the period {own.value}, and another is asked for: {period}"
        findings.add(_finding(document, own, "ZB335", message))
    return own.value


def _check_charges(document: Document, findings: Findings) -> None:
    charges = child(document.root, "charges")
    kinds = [child(charges, name) for name in ("one_time", "recurring", "usage")]
    if charges and all(isinstance(kind, Scalar) and kind[2:] == ("false", True) for kind in kinds):
        message = "`charges` switches off all kinds of charges, so nothing is billed"
        findings.add(_finding(document, charges, "ZB317", message))


def limits_of(head: dict[str, Any]) -> Limits:
    """Return how hard a run may press."""
    limits = head["limits"]
    return Limits(
        concurrency=limits["concurrency"],
        rate=parse_rate(limits["rate"]),
        objects_per_call=limits["objects_per_call"],
        timeout=parse_duration(limits["timeout"]),
    )


def settling_of(head: dict[str, Any]) -> Settling:
    """Return how doubt is settled."""
    wait = parse_duration(head["reconcile"]["wait"])
    return Settling(settle=parse_duration(head["reconcile"]["settle"]), wait=wait)


def charges_of(head: dict[str, Any]) -> Charges:
    """Return which kinds of charges are taken in."""
    return Charges(**head["charges"])


def expect_of(document: Document, head: dict[str, Any]) -> model.Expect | None:
    """Return the control totals, if there are any."""
    expect = head.get("expect")
    places = tuple(sources_of(document, "expect").items())
    return None if expect is None else model.Expect(**expect, places=places)


def stop_of(document: Document, head: dict[str, Any]) -> StopRules:
    """Return when a run stops itself."""
    rules = dict(head.get("stop", {}))
    if "deadline" in rules:
        rules["deadline"] = parse_duration(rules["deadline"])
    return StopRules(**rules, places=tuple(sources_of(document, "stop").items()))


def stages_of(head: dict[str, Any]) -> tuple[int | None, ...]:
    """Return the numbers of items that are billed before somebody looks; None is all the rest."""
    return tuple(None if stage == "rest" else stage for stage in head.get("stages", ()))


def sources_of(document: Document, key: str) -> dict[str, Source]:
    """Return where the values of a map at the top are written."""
    node = child(document.root, key)
    entries = node.entries.items() if isinstance(node, Mapping) else ()
    return {name: Source(document.file, at.line, at.column) for name, (_, at) in entries}


def source_of(document: Document, key: str) -> Source | None:
    """Return where the value of a key at the top is written."""
    node = child(document.root, key)
    return Source(document.file, node.line, node.column) if node else None


def _fits(key: str, node: Scalar) -> bool:
    return re.search(load_schema("spec")["properties"][key]["pattern"], node.value) is not None


def _finding(document: Document, node: Node, code: str, message: str) -> Diagnostic:
    return Diagnostic(document.file, node.line, node.column, code, message)
