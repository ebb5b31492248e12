"""How much of Zuora a tenant may use, by the kind of tenant that it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from zbatch.zuora.hosts import API_SANDBOX, CENTRAL_SANDBOX, DEVELOPER_SANDBOX, PRODUCTION


@dataclass(frozen=True, slots=True)
class Quota:
    """What Zuora documents for all of a tenant's clients together; None where it does not.

    Calls and questions count alike, failed ones too; tokens have a quota of their own. The two
    concurrencies hold for each entity: `concurrency` for calls of any sort, and within it
    `generates` for the Big Process requests, of which generate and our questions are.
    """

    calls_a_minute: int | None
    calls_an_hour: int | None
    calls_a_day: int | None
    concurrency: int | None
    generates: int | None


# Calls: Zuora's "Rate limits" page, class API. Its 40 at once is the default, which Performance
# Booster doubles; the 20 stand on the superseded page alone, so they bind no one: they inform.
QUOTAS: Mapping[str, Quota] = MappingProxyType(
    {
        PRODUCTION: Quota(50_000, 2_250_000, 27_000_000, 40, 20),
        CENTRAL_SANDBOX: Quota(50_000, 2_250_000, 27_000_000, 40, 20),
        DEVELOPER_SANDBOX: Quota(12_500, 25_000, 50_000, 40, 20),
        API_SANDBOX: Quota(2_500, 5_000, 10_000, 40, 20),
    }
)


def quota_of(kind: str | None) -> Quota | None:
    """Give the quota of a tenant's kind; None where the tenant names none, as the emulator."""
    return None if kind is None else QUOTAS[kind]
