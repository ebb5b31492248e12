"""What a tenant's kind says about how much of Zuora it may use."""

from __future__ import annotations

import pytest

from zbatch.zuora.hosts import DATA_CENTERS, KINDS, kinds_at
from zbatch.zuora.quotas import QUOTAS, Quota, quota_of


@pytest.mark.parametrize(
    ("kind", "minute", "hour", "day"),
    [
        ("production", 50_000, 2_250_000, 27_000_000),
        ("central-sandbox", 50_000, 2_250_000, 27_000_000),
        ("developer-sandbox", 12_500, 25_000, 50_000),
        ("api-sandbox", 2_500, 5_000, 10_000),
    ],
)
def test_each_documented_kind_has_its_quota(kind: str, minute: int, hour: int, day: int) -> None:
    """The figures are those of Zuora's page on rate limits."""
    assert quota_of(kind) == Quota(minute, hour, day)


def test_a_tenant_without_a_kind_has_no_quota() -> None:
    """Nothing is made up for a tenant that does not say what it is, nor for the emulator."""
    assert quota_of(None) is None


def test_an_hour_and_a_day_never_hold_less_than_a_minute() -> None:
    """A quota that is longer is larger, or a figure was mistyped."""
    for quota in QUOTAS.values():
        assert quota.calls_a_minute is not None
        assert quota.calls_an_hour is not None
        assert quota.calls_a_day is not None
        assert quota.calls_a_minute <= quota.calls_an_hour <= quota.calls_a_day


@pytest.mark.parametrize(
    ("center", "kinds"),
    [
        ("us-production-cloud-1", ("production",)),
        ("us-production-cloud-2", ("production",)),
        ("eu-production", ("production",)),
        ("apac-production", ("production",)),
        ("us-api-sandbox-cloud-1", ("api-sandbox",)),
        ("us-api-sandbox-cloud-2", ("api-sandbox",)),
        ("eu-api-sandbox", ("api-sandbox",)),
        ("us-central-sandbox", ("central-sandbox", "developer-sandbox")),
        ("eu-central-sandbox", ("central-sandbox", "developer-sandbox")),
        ("apac-central-sandbox", ("central-sandbox", "developer-sandbox")),
    ],
)
def test_a_data_center_says_which_kinds_live_there(center: str, kinds: tuple[str, ...]) -> None:
    """Each of the ten documented hosts has its kinds."""
    assert kinds_at(DATA_CENTERS[center]) == kinds


def test_a_host_that_is_not_zuoras_may_be_of_any_kind() -> None:
    """What is not documented is not refused."""
    assert kinds_at("https://rest.example.com") == KINDS == tuple(QUOTAS)
