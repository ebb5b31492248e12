"""What is allowed, and yet most often a slip."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from zbatch.app.loading import Overrides, load_plan
from zbatch.app.validate import validate
from zbatch.spec import Diagnostic, SpecError, check_spec

Write = Callable[[str | bytes], Path]
ID = "2c93808457d787030157e0306be53a75"


def codes(path: Path) -> list[str]:
    return [f"{found.line} {found.code}" for found in check_spec(path)[1]]


@pytest.mark.parametrize(
    ("day", "far"),
    [
        ("2026-10-01", False),
        ("2026-12-31", False),
        ("2026-09-30", True),
        ("2027-01-01", True),
        ("2062-11-30", True),
    ],
)
def test_f133_days_far_from_the_period(write: Write, day: str, far: bool) -> None:
    """A day outside the period's month and the two beside it is warned about, wherever it is."""
    head = "version: 1\nname: nov\ntenant: emulator\n"
    accounts = f'accounts:\n  - {{id: "{ID}", dates: [{{target_date: {day}}}], reason: x}}\n'
    dates = f"dates: [{{target_date: {day}}}]\nperiod: 2026-11\n"
    text = head + accounts + dates
    assert codes(write(text)) == (["5 ZB902"] if far else [])  # once a day and file
    assert codes(write(text.replace("period: 2026-11\n", ""))) == []


def test_f133_strict_refuses_to_plan(write: Write, head: str) -> None:
    """A plan tells of its warnings; with strictness it is refused for them."""
    path = write(head.replace("30}", "30, invoice_date: 2026-11-28}") + f'accounts: ["{ID}"]\n')
    heard: list[Diagnostic] = []
    load_plan(path, Overrides(warn=heard.extend))
    assert [found.code for found in heard] == ["ZB903"]
    assert heard[0].message == "the invoice date 2026-11-28 is a Saturday"
    with pytest.raises(SpecError, match="ZB903"):
        load_plan(path, Overrides(strict=True))


def test_an_account_number_of_digits_wants_quotes(write: Write, head: str) -> None:
    """A number that other tools read as one is warned about where it stands without quotes."""
    findings = check_spec(write(head + 'accounts:\n  - number: 00123\n  - number: "00123 A"\n'))[1]
    assert [(found.line, found.code) for found in findings if found.warning] == [(6, "ZB901")]


def test_a_period_is_filled_and_never_contradicted(write: Write, head: str) -> None:
    """The period given takes the place of an absent one; another than the spec's is refused."""
    text = head.replace("2026-11-30", "end_of_month") + f'accounts: ["{ID}"]\n'
    path = write(text)
    with pytest.raises(SpecError, match="ZB330"):
        load_plan(path, Overrides())
    plan = load_plan(path, Overrides(period="2024-02"))
    assert plan.items[0].identity.target_date.isoformat() == "2024-02-29"
    assert validate([path], "2024-02").diagnostics == ()
    path = write(text + "period: 2026-11\n")
    assert load_plan(path, Overrides(period="2026-11")).spec.period == "2026-11"
    with pytest.raises(SpecError, match="ZB335"):
        load_plan(path, Overrides(period="2026-12"))
    assert [found.code for found in validate([path], "2026-12").diagnostics] == ["ZB335"]


def test_a_tenant_that_the_command_line_names_is_no_slip(tmp_path: Path) -> None:
    """A spec named production may be rehearsed at a sandbox that is asked for by name."""
    center = "{data_center: us-central-sandbox, protected: false}"
    (tmp_path / "tenants.yaml").write_text(f"version: 1\ntenants:\n  trial: {center}\n")
    path = tmp_path / "spec.yaml"
    text = (
        "version: 1\nname: production\ntenant: TENANT\n"
        f'dates: [{{target_date: 2026-11-30}}]\naccounts: ["{ID}"]\n'
    )
    path.write_text(text.replace("TENANT", "emulator"))
    load_plan(path, Overrides(tenant="trial", strict=True))
    path.write_text(text.replace("TENANT", "trial"))
    with pytest.raises(SpecError, match="ZB904"):
        load_plan(path, Overrides(strict=True))


def test_a_month_end_that_is_asked_for_hides_no_weekend(write: Write, head: str) -> None:
    """A Sunday is warned about where somebody wrote it, though an expression means it too."""
    period = "period: 2027-01\n"
    by_expression = "2027-01-30, invoice_date: end_of_month}"
    text = f'{period}{head.replace("2026-11-30}", by_expression)}accounts: ["{ID}"]\n'
    assert codes(write(text)) == []
    written = by_expression + ", {target_date: 2027-01-29, invoice_date: 2027-01-31}"
    assert len(codes(write(text.replace(by_expression, written)))) == 1
