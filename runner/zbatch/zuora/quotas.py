"""How much of Zuora a tenant may use, by the kind of tenant that it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from zbatch.zuora.hosts import API_SANDBOX, CENTRAL_SANDBOX, DEVELOPER_SANDBOX, PRODUCTION


@dataclass(frozen=True, slots=True)
class Quota:
    """What Zuora documents for all of a tenant's clients together; None where it does not.

    Calls and questions count alike, failed ones too; tokens have a quota of their own. How many may
    be in flight at once is not for a plan to fit into: the tenant's ceilings and `limits` say that.
    """

    calls_a_minute: int | None
    calls_an_hour: int | None
    calls_a_day: int | None


# Zuora's "Rate limits" page, class API.
QUOTAS: Mapping[str, Quota] = MappingProxyType(
    {
        PRODUCTION: Quota(50_000, 2_250_000, 27_000_000),
        CENTRAL_SANDBOX: Quota(50_000, 2_250_000, 27_000_000),
        DEVELOPER_SANDBOX: Quota(12_500, 25_000, 50_000),
        API_SANDBOX: Quota(2_500, 5_000, 10_000),
    }
)


def quota_of(kind: str | None) -> Quota | None:
    """Give the quota of a tenant's kind; None where the tenant names none, as the emulator."""
    return None if kind is None else QUOTAS[kind]
