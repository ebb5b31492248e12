"""A project whose tenant is behind a proxy, run until all is billed, whatever went wrong before."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.badly import http, instead
from support.proxy import Happening, Proxy, by_account
from support.runs import GENERATE, Away, Billing, Project, Told
from zbatch.ledger.store import LEDGER_FILE

MOST_RUNS = 6


SOON = 0.02  # seconds between two probes of a tenant that is out of order


class Shortly:
    """Jitter without chance: a small part of the longest wait."""

    def uniform(self, low: float, high: float) -> float:
        """Give a number not far above `low`."""
        return low + (high - low) / 50


@dataclass
class Behind:
    """A project whose tenant `real` is an emulator behind a proxy."""

    project: Project
    away: Away
    proxy: Proxy

    @property
    def billing(self) -> Billing:
        """What the tenant holds."""
        return self.away.billing

    def spec(self, *accounts: Any, **more: Any) -> Path:
        """Write a spec for the tenant behind the proxy."""
        return self.project.spec(*accounts, tenant="real", **more)

    def run(self, spec: Path, **options: Any) -> Told:
        """Run a spec, and hold that nothing but its ledger's calls has reached the tenant."""
        told = self.project.run(spec, **{"chance": Shortly(), "probe": SOON, **options})
        _hold_intents(told, self.billing)
        return told

    def heal(self, spec: Path, hours: float = 2.0) -> Told:
        """Let nothing go wrong any more, and repeat the plain command until all is billed."""
        self.proxy.plan = lambda passage: None
        self.away.faults.switch()
        return converge(self.project, spec, self.billing, hours)


Start = Callable[..., Behind]
SHORT = {"timeout": "1s"}  # the shortest deadline that there is


def settle_each(
    behind: Start, happenings: Mapping[str, Happening], attempts: int = 2, timeout: str = "5s"
) -> None:
    """Let each thing happen to one account's first call; all are settled by the same key."""
    named = dict(enumerate(happenings, 1))
    bench = behind(by_account({number: happenings[name] for number, name in named.items()}))
    told = bench.run(bench.spec(*named, limits={"concurrency": 30, "timeout": timeout}))
    assert told.outcomes == {"invoiced": len(named)}, told.lines
    assert len(set(bench.proxy.keys())) == len(named)
    taken = {name: told.line(number)["attempts"] for number, name in named.items()}
    assert set(taken.values()) == {attempts}, taken


def bodies(*said: bytes) -> dict[str, Happening]:
    """Answer 200 with each of these bodies, once to a call that is executed and once to one not."""
    return {
        f"{body[:40]!r} {executed}": instead(http(200, body), executed=executed)
        for body in said
        for executed in (True, False)
    }


def converge(project: Project, spec: Path, billing: Billing, hours: float = 2.0) -> Told:
    """Repeat the plain command, hours apart, until all is billed: exactly once each."""
    for _ in range(MOST_RUNS):
        told = project.run(spec, chance=Shortly(), probe=SOON)
        _hold_intents(told, billing)
        if told.code == 0:
            break
        project.let_pass(told.result, billing, hours)
    assert (told.code, told.outcomes) == (0, {"invoiced": len(told.lines)})
    assert len(billing.executions) == len(told.lines)
    return told


def _hold_intents(told: Told, billing: Billing) -> None:
    """Hold that nothing has arrived but what this project's ledger holds the intent of.

    The checker cannot tell: it leaves out what runs of other ledgers have sent.
    """
    ledger = told.result.report.parents[2] / told.result.plan.tenant.folder / LEDGER_FILE
    with closing(sqlite3.connect(ledger)) as connection:
        intents = {row[0] for row in connection.execute("SELECT track_id FROM attempt")}
    assert {one.track_id for one in billing.exchanges(GENERATE)} <= intents
