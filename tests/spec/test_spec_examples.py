"""Each file in tests/examples, held against the findings beside it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from zbatch.spec import CODES, SpecError, check_spec, check_tenants, load_spec, load_tenants
from zbatch.spec.diagnostics import Diagnostic

EXAMPLES = Path(__file__).parents[1] / "examples"


def _cases(folder: str) -> list[Path]:
    return sorted((EXAMPLES / folder).glob("*.yaml"))


def _check(path: Path) -> tuple[object | None, tuple[Diagnostic, ...]]:
    return (check_tenants if path.name.startswith("tenants") else check_spec)(path)


def _load(path: Path) -> object:
    return (load_tenants if path.name.startswith("tenants") else load_spec)(path)


def _told(path: Path, findings: tuple[Diagnostic, ...]) -> str:
    return "".join(f"{finding}\n".removeprefix(f"{path.parent}/") for finding in findings)


def _expected(path: Path) -> str:
    expected = path.with_suffix(".expected")
    return expected.read_text("utf-8") if expected.exists() else ""


@pytest.mark.parametrize("path", _cases("valid"), ids=lambda path: path.stem)
def test_valid_example(path: Path) -> None:
    """A valid file loads, and its warnings are those beside it."""
    value, findings = _check(path)
    assert value is not None
    assert _told(path, findings) == _expected(path)
    assert _load(path) == value


@pytest.mark.parametrize("path", _cases("invalid"), ids=lambda path: path.stem)
def test_invalid_example(path: Path) -> None:
    """An invalid file is refused within two seconds, with exactly the findings beside it."""
    start = time.process_time()
    value, findings = _check(path)
    assert time.process_time() - start < 2
    assert value is None
    assert _told(path, findings) == _expected(path)
    with pytest.raises(SpecError) as raised:
        _load(path)
    assert raised.value.diagnostics == tuple(f for f in findings if not f.warning)
    assert raised.value.diagnostics


def test_every_expected_file_has_its_example() -> None:
    """No list of findings is left behind without a file that they are about."""
    lists = [*EXAMPLES.glob("*/*.expected")]
    assert lists
    assert [path for path in lists if not path.with_suffix(".yaml").exists()] == []


def test_findings_are_sorted_and_explained() -> None:
    """Findings come in the order of the text, and each code has its line in the table."""
    used = set()
    for path in [*_cases("valid"), *_cases("invalid")]:
        findings = _check(path)[1]
        assert list(findings) == sorted(findings)
        used |= {finding.code for finding in findings}
    # these need a file that cannot be kept in a repository
    generated = {"ZB101", "ZB102", "ZB104", "ZB115", "ZB212", "ZB303"}
    of_faults = {"ZB309"}  # told of faults files, which the emulator understands
    assert used == set(CODES) - generated - of_faults


def test_no_secret_is_repeated() -> None:
    """A value where a secret may have been put by mistake appears in no finding."""
    for path in [path for path in _cases("invalid") if path.name.startswith("tenants")]:
        told = _told(path, _check(path)[1])
        assert "hunter2" not in told
        assert "s3cr3t" not in told
        assert "7c9e6679" not in told
