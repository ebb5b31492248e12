"""Whatever the text, the answer is a spec or findings."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zbatch.spec import check_spec, check_tenants
from zbatch.spec.diagnostics import ECHO

WORDS = [
    "version", "name", "tenant", "dates", "accounts", "limits", "retry", "charges", "id", "reason",
    "target_date", "invoice_date", "tenants", "base_url", "data_center", "emulator", "credentials",
    ": ", "- ", "\n", "\n  ", "\n    ", "[", "]", "{", "}", ", ", '"', "'", "#", "&a ", "*a", "<<",
    "!!str ", "!", "|", ">-", "---", "...", "%YAML 1.1", "? ", "1", "true", "~", "2026-02-30",
    "2026-11-30", "a" * 32, "0" * 32, "600/min", "\\0", "\\ud800", "\t", "\r", "\x00", "\u202e",
    "\ufeff", "é", "😀", "https://x", "../..", "/",
]  # fmt: skip
texts = st.one_of(
    st.text(),
    st.lists(st.sampled_from(WORDS), max_size=40).map("".join),
    st.binary(max_size=200),
)


@settings(max_examples=400, deadline=None)
@given(texts)
def test_noise_gives_a_value_or_findings(noise: str | bytes) -> None:
    """No text makes the loader raise, and no message is long or unfit for a terminal."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "noise.yaml"
        data = noise if isinstance(noise, bytes) else noise.encode("utf-8", "surrogatepass")
        path.write_bytes(data)
        for check in (check_spec, check_tenants):
            value, findings = check(path)
            assert (value is None) == any(not finding.warning for finding in findings)
            for finding in findings:
                assert finding.line >= 1
                assert finding.column >= 1
                assert finding.message.isprintable()
                assert len(finding.message) < 400 + 6 * ECHO


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(WORDS), st.integers(0, 300), st.integers(0, 20))
def test_damaged_spec_gives_a_value_or_findings(word: str, at: int, cut: int) -> None:
    """A good spec with a piece cut out or put in is a spec or findings, and never an error."""
    good = (Path(__file__).parents[1] / "examples/valid/everything.yaml").read_text("utf-8")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.yaml"
        path.write_text(good[:at] + word + good[at + cut :], "utf-8")
        value, findings = check_spec(path)
        assert (value is None) == any(not finding.warning for finding in findings)


MUCH = {
    "wrong entries": "accounts:\n" + "  - {id: x}\n" * 120_000,
    "anchors": "accounts:\n" + "  - &a x\n" * 120_000,
    "a key again and again": "a: 1\n" * 120_000,
    "characters in escapes": "accounts:\n" + '  - "\\x01"\n' * 120_000,
    "dates": "dates:\n" + "  - {target_date: x}\n" * 120_000,
    "exclusions": "exclude:\n" + "  - {id: x, reason: y}\n" * 120_000,
    "unknown keys": "".join(f"k{n}: 1\n" for n in range(120_000)),
    "one long entry": "accounts:\n  - [" + "x," * 120_000 + "]\n",
    "one long line": "name: " + "x" * 10_000_000,
    "brackets": "[" * 10_000_000,
    "questions": "? " * 5_000_000,
    "quotes": '"' * 10_000_000,
    "comments": "# x\n" * 2_500_000,
}


@pytest.mark.parametrize("kind", MUCH)
def test_much_noise_is_told_in_little_time(write: Callable[[str], Path], kind: str) -> None:
    """However long the noise, reading stops where enough is wrong; nothing is told at length."""
    path = write(MUCH[kind])
    start = time.process_time()
    spec, findings = check_spec(path)
    assert time.process_time() - start < 4  # under 0.7 s on a desk; more on a busy machine
    assert spec is None
    assert 1 <= len(findings) < 2200
