"""Any text is a spec, or tenants, or findings: never an error, and within time and memory."""

from __future__ import annotations

import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from support.budget import examples
from support.spec_text import specs, written
from zbatch.model import Spec
from zbatch.spec import (
    CODES,
    Diagnostic,
    TenantsFile,
    builtin_emulator,
    check_spec,
    check_tenants,
    make_plan,
)
from zbatch.spec.diagnostics import ECHO
from zbatch.zuora.request import make_call

SECONDS = 2.0  # of the processor, for any text of a modest size
MEMORY = 200 * 1024 * 1024
VALID = sorted((Path(__file__).parents[1] / "examples/valid").rglob("*.yaml"))
GOOD = [path.read_text("utf-8") for path in VALID]
PIECES = st.one_of(
    st.sampled_from(
        [
            *("- ", ": ", "? ", "[", "{", "]", "}", ",", "&a ", "*a", "<<: ", "!!str ", "!env x"),
            *("#", "|", ">", "%", "---\n", "...\n", "'", '"', "\t", "\r", "\n", "  ", "\\", "@"),
            *("version: 1\n", "accounts:\n", "id: ", "no", "0123", "1e5", ".nan", "~", "12:30:45"),
            *("2026-02-30", "0000-00-00", "a" * 33, "\u202e", "\ufeff", "\x00", "\x1b[2J", "é"),
        ]
    ),
    st.text(st.characters(), max_size=5),
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(["emulator", "2026-11-30", "a" * 32, "600/min", "150s", "rest.zuora.com"]),
    st.text(max_size=20),
)
NAMES = st.sampled_from(
    [
        *("version", "name", "tenant", "dates", "accounts", "charges", "limits", "retry", "stop"),
        *("reconcile", "exclude", "expect", "period", "id", "number", "file", "revision", "reason"),
        *("target_date", "invoice_date", "tenants", "base_url", "data_center", "credentials"),
        *("client_id_env", "entity_id", "emulator", "protected", "nmae", "<<", ""),
    ]
)
NEAR = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=25,
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Draw a valid document with pieces put in, cut out or doubled, anywhere."""
    text = draw(st.sampled_from(GOOD) | specs().flatmap(written))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 30)))
        piece = draw(PIECES | st.just(text[start:end] * 2))
        text = text[:start] + piece + text[end:]
    return text


@st.composite
def near_the_schema(draw: st.DrawFn) -> str:
    """Draw values by the schema's own names, written as YAML."""
    head: dict[str, Any] = draw(st.dictionaries(NAMES, NEAR, max_size=8))
    known = draw(st.booleans())
    if known:
        head = {"version": 1, "name": "n", "tenant": "emulator"} | head
    return draw(written(head))


ANY = st.one_of(mutated(), near_the_schema(), st.lists(PIECES, max_size=30).map("".join))
RAW = st.binary(max_size=300)


def _latin(text: str) -> bytes:
    return text.encode("latin-1", "replace")


def check(data: bytes) -> None:
    """Hold both doors to a value or findings that are fit to be shown."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.yaml"
        path.write_bytes(data)
        began = time.process_time()
        spec, of_spec = check_spec(path)
        tenants, of_tenants = check_tenants(path)
        assert time.process_time() - began < SECONDS
    assert spec is None or isinstance(spec, Spec)
    assert tenants is None or isinstance(tenants, TenantsFile)
    for value, findings in ((spec, of_spec), (tenants, of_tenants)):
        assert (value is None) == any(not finding.warning for finding in findings)
        _fit_to_show(findings)
    if spec is not None:
        _can_be_billed(spec)


def _fit_to_show(findings: tuple[Diagnostic, ...]) -> None:
    assert list(findings) == sorted(set(findings))
    for finding in findings:
        assert finding.code in CODES
        assert min(finding.line, finding.column) >= 1
        assert str(finding).isprintable()
        assert len(finding.message) < 400 + 6 * ECHO


def _can_be_billed(spec: Spec) -> None:
    """What passes the door is a plan, and each of its calls has bytes and a key."""
    plan = make_plan(spec, builtin_emulator())
    for group in plan.groups:
        make_call(plan.tenant, [plan.items[position] for position in group], 0)


@examples(250)
@given(ANY)
@example("dates: [{target_date: 0000-00-00}]")
@example("a: &a [*a]")
@example("version: 1\nversion: 1")
def test_any_text_is_a_value_or_findings(text: str) -> None:
    """Valid specs that were damaged, and texts that hardly are YAML."""
    check(text.encode("utf-8", "surrogatepass"))


@examples(100)
@given(RAW | ANY.map(lambda text: text.encode("utf-16")) | ANY.map(_latin))
def test_any_bytes_are_a_value_or_findings(data: bytes) -> None:
    """Encodings that nobody asked for, and no encoding at all."""
    check(data)


@examples(60)
@given(PIECES, PIECES, st.integers(1, 20_000))
@example("[", "", 100_000)
@example("? ", "", 5_000)
@example("- ", "", 20_000)
@example("{a: ", "", 50_000)
@example("&a ", "*a", 20_000)
@example("a" * 33, ": 1\n", 3_000)
def test_no_repetition_is_too_much(first: str, second: str, times: int) -> None:
    """A text of one piece again and again costs neither time nor memory beyond its size."""
    text = (first + second) * times
    data = text.encode("utf-8", "surrogatepass")[:200_000]
    tracemalloc.start()
    try:
        check(data)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()
