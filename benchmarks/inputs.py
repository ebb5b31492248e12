"""Specs to measure with, written line by line."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

TENANTS = """\
version: 1
tenants:
  bench:
    base_url: {url}
    credentials: {{client_id_env: ZUORA_CLIENT_ID, client_secret_env: ZUORA_CLIENT_SECRET}}
"""
HEAD = """\
version: 1
name: bench
tenant: bench
dates: [{{target_date: 2026-11-30}}]
limits: {{concurrency: {concurrency}, rate: {rate}/s, objects_per_call: {objects}}}
accounts:
"""
CREDENTIALS = {"ZUORA_CLIENT_ID": "bench", "ZUORA_CLIENT_SECRET": "bench"}
UNBOUND = 100_000  # a second: no rate that binds


class Listed(StrEnum):
    """How a spec lists its accounts."""

    MAPS = "inline maps"
    CSV = "CSV"


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a spec holds."""

    accounts: int
    listed: Listed = Listed.MAPS
    objects: int = 1
    concurrency: int = 40
    rate: int = UNBOUND


def write_project(folder: Path, sheet: Sheet, url: str = "http://127.0.0.1:9") -> Path:
    """Write a project with one spec into a folder, and give the spec."""
    (folder / "tenants.yaml").write_text(TENANTS.format(url=url), "utf-8")
    spec = folder / "bench.yaml"
    with spec.open("w", encoding="utf-8") as file:
        head = {"concurrency": sheet.concurrency, "rate": sheet.rate, "objects": sheet.objects}
        file.write(HEAD.format(**head))
        if sheet.listed is Listed.MAPS:
            file.writelines(f'  - {{id: "{one}"}}\n' for one in ids(sheet.accounts))
        else:
            file.write("  - {file: accounts.csv}\n")
            _write_csv(folder / "accounts.csv", sheet.accounts)
    return spec


def _write_csv(path: Path, accounts: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write("account_id\n")
        file.writelines(f"{one}\n" for one in ids(accounts))


def ids(count: int) -> Iterator[str]:
    """Draw account IDs, the same each time."""
    chance = random.Random(5)  # noqa: S311 - not secret
    for _ in range(count):
        yield f"{chance.getrandbits(128):032x}"
