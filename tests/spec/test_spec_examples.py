"""Each case in tests/examples, held against the findings beside it; see support/spec_cases.py."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from support.spec_cases import EXAMPLES, KINDS, Case, cases
from zbatch.spec import CODES, SHOWN, SpecError, load_spec, load_tenants, tidy

CASES = [case for kind in KINDS for case in cases(kind)]


def _one_file(kind: str) -> list[Case]:
    return [case for case in cases(kind) if case.path.is_file()]


def _load(path: Path) -> object:
    return (load_tenants if path.name.startswith("tenants") else load_spec)(path)


@pytest.mark.parametrize("case", cases("valid"), ids=lambda case: case.name)
def test_valid_example(case: Case) -> None:
    """What is valid has no finding but the warnings beside it."""
    findings = case.findings()
    assert case.told(findings) == case.promised()
    assert all(finding.warning for finding in findings)


@pytest.mark.parametrize("case", cases("invalid"), ids=lambda case: case.name)
def test_invalid_example(case: Case) -> None:
    """What is invalid is refused within two seconds, with exactly the findings beside it."""
    start = time.process_time()
    findings = case.findings()
    assert time.process_time() - start < 2
    assert case.told(findings) == case.promised()
    assert not all(finding.warning for finding in findings)


@pytest.mark.parametrize("case", _one_file("valid"), ids=lambda case: case.name)
def test_valid_file_loads(case: Case) -> None:
    """A valid file gives a value."""
    assert _load(case.path)


@pytest.mark.parametrize("case", _one_file("invalid"), ids=lambda case: case.name)
def test_invalid_file_does_not_load(case: Case) -> None:
    """An invalid file gives no value, and every reason but the warnings."""
    if case.path.name.endswith(".faults.yaml"):
        return
    with pytest.raises(SpecError) as raised:
        _load(case.path)
    assert raised.value.diagnostics == tuple(f for f in case.findings() if not f.warning)
    assert raised.value.diagnostics


def test_every_expected_file_has_its_example() -> None:
    """No list of findings is left behind without a file that they are about."""
    lists = {*EXAMPLES.rglob("*.expected"), *EXAMPLES.rglob("expected")}
    assert lists == {case.expected for case in CASES if case.promised()}


def test_findings_are_sorted_and_every_code_occurs() -> None:
    """Findings come in the order of each file's text, and each code in the table has an example."""
    used = set()
    for case in CASES:
        findings = case.findings()
        files = dict.fromkeys(finding.file for finding in findings)
        assert [*findings] == [f for file in files for f in sorted(findings) if f.file == file]
        used |= {finding.code for finding in findings}
    # these need a file that cannot be kept in a repository, or something else than files
    elsewhere = {"ZB101", "ZB102", "ZB104", "ZB115", "ZB212", "ZB318", "ZB335"}
    elsewhere |= {"ZB417", "ZB418"}
    of_plans = {f"ZB{number}" for number in (*range(501, 512), *range(920, 924))}
    of_numbers = {"ZB520", "ZB521", "ZB522", "ZB930", "ZB931"}  # the tenant alone can tell
    assert used == set(CODES) - elsewhere - of_plans - of_numbers


def test_there_are_a_hundred_examples() -> None:
    """The cases are as many as a reader may expect."""
    assert len(CASES) > 100


def test_no_secret_is_repeated() -> None:
    """A value where a secret may have been put by mistake appears in no finding."""
    for case in CASES:
        told = case.told(case.findings())
        assert "hunter2" not in told
        assert "s3cr3t" not in told
        assert "7c9e6679" not in told


def test_nothing_hides_behind_a_long_list() -> None:
    """What people are shown folds entries of one list, and tells every other place."""
    case = next(case for case in CASES if case.name == "many-of-one-code")
    shown = tidy(case.findings(), SHOWN)
    told = [(finding.line, finding.count) for finding in shown]
    assert told == [
        *((line, 1) for line in range(6, 16)),
        (16, 2),
        (18, 1),
        *[(19, 1)] * 2,
        (20, 1),
    ]
