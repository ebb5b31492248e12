"""What people would use instead, each doing the same calls: `python benchmarks/rivals.py NAME ...`.

All build the body, compress it, send it under keys of its own, read and parse the answer, and keep
each invoice's ID in memory. None retries or keeps a limit but that of the slots, and none but
`durable` stores anything.
It prints one JSON object: what the loop alone took, without start and imports.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import os
import queue
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

SLOTS = 40
DAY = "2026-11-30"
Call = list[str]  # account IDs
PATH = "/v1/action/generate"


def body_of(call: Call) -> bytes:
    """Build and compress what is sent."""
    objects = [{"AccountId": one, "InvoiceDate": DAY, "TargetDate": DAY} for one in call]
    return gzip.compress(json.dumps({"type": "Invoice", "objects": objects}).encode())


def headers() -> dict[str, str]:
    """Give the headers of one call."""
    return {
        "Authorization": "Bearer a-token-of-the-bench",
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
        "Idempotency-Key": str(uuid.uuid4()),
        "Zuora-Track-Id": str(uuid.uuid4()),
    }


def take(call: Call, rows: list[Mapping[str, Any]], kept: dict[str, str]) -> None:
    """Keep the invoice of each account."""
    if len(rows) != len(call) or not all(row["Success"] for row in rows):
        raise RuntimeError("a call went wrong")
    for account, row in zip(call, rows, strict=True):
        kept[account] = row["Id"]


async def naive(url: str, calls: list[Call], kept: dict[str, str]) -> None:
    """Make a task of each call, behind a semaphore: what a good engineer writes in an hour."""
    import aiohttp

    slots = asyncio.Semaphore(SLOTS)

    async def one(call: Call) -> None:
        async with (
            slots,
            session.post(url, data=body_of(call), headers=headers()) as response,
        ):
            response.raise_for_status()
            take(call, await response.json(), kept)

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(one(call) for call in calls))


async def durable(journal: Path, url: str, calls: list[Call], kept: dict[str, str]) -> None:
    """Do as `naive` does, with a journal on the disk: synced before a call, and at each result."""
    import aiohttp

    slots = asyncio.Semaphore(SLOTS)

    def note(**record: str) -> None:
        file.write(json.dumps(record) + "\n")

    def sync() -> None:
        file.flush()
        os.fsync(file.fileno())

    async def one(call: Call) -> None:
        async with slots:
            for account in call:
                note(account=account, state="sent")
            sync()
            async with session.post(url, data=body_of(call), headers=headers()) as response:
                response.raise_for_status()
                take(call, await response.json(), kept)
            for account in call:
                note(account=account, state="invoiced", invoice=kept[account])
                sync()

    with journal.open("a", encoding="utf-8") as file:
        async with aiohttp.ClientSession() as session:
            await asyncio.gather(*(one(call) for call in calls))


async def bare(url: str, calls: list[Call], kept: dict[str, str]) -> None:
    """Let as many workers as slots share the calls: aiohttp at its leanest."""
    import aiohttp

    rest = iter(calls)

    async def work() -> None:
        for call in rest:
            async with session.post(url, data=body_of(call), headers=headers()) as response:
                take(call, json.loads(await response.read()), kept)

    jar = aiohttp.DummyCookieJar()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=jar) as session:
        await asyncio.gather(*(work() for _ in range(SLOTS)))


async def by_httpx(url: str, calls: list[Call], kept: dict[str, str]) -> None:
    """Do as `naive` does, with httpx."""
    httpx: Any = import_module("httpx")

    slots = asyncio.Semaphore(SLOTS)
    limits = httpx.Limits(max_connections=SLOTS, max_keepalive_connections=SLOTS)

    async def one(call: Call) -> None:
        async with slots:
            response = await client.post(url, content=body_of(call), headers=headers())
            response.raise_for_status()
            take(call, response.json(), kept)

    async with httpx.AsyncClient(limits=limits, timeout=60, trust_env=False) as client:
        await asyncio.gather(*(one(call) for call in calls))


def by_requests(url: str, calls: list[Call], kept: dict[str, str]) -> None:
    """Share the calls among threads, each with a session of its own."""
    requests: Any = import_module("requests")

    rest: queue.SimpleQueue[Call] = queue.SimpleQueue()
    for call in calls:
        rest.put(call)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with requests.Session() as session:
                session.trust_env = False
                while True:
                    call = rest.get_nowait()
                    response = session.post(url, data=body_of(call), headers=headers(), timeout=60)
                    take(call, response.json(), kept)
        except queue.Empty:
            return
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(SLOTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def read_accounts(path: str, *, native: bool = False) -> list[str]:
    """Read and check a spec as people do, by a tree and its JSON Schema."""
    import jsonschema
    import yaml

    loader = yaml.CSafeLoader if native else yaml.SafeLoader
    with open(path, "rb") as file:
        spec = yaml.load(file, loader)  # noqa: S506 - both are safe
    jsonschema.Draft202012Validator(SCHEMA).validate(spec)
    return [entry["id"] for entry in spec["accounts"]]


ENTRY = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^[0-9a-fA-F]{32}$"},
        "reason": {"type": "string", "minLength": 1},
    },
    "required": ["id"],
    "additionalProperties": False,
}
SCHEMA = {
    "type": "object",
    "properties": {"accounts": {"type": "array", "minItems": 1, "items": ENTRY}},
    "required": ["version", "name", "tenant", "dates", "accounts"],
}
Way = Callable[[str, list[Call], dict[str, str]], Any]
WAYS: dict[str, Way] = {"naive": naive, "bare": bare, "httpx": by_httpx, "requests": by_requests}
LIBRARIES = dict.fromkeys(("naive", "durable", "bare"), "aiohttp")
LIBRARIES |= {"httpx": "httpx", "requests": "requests"}


def _calls(accounts: list[str], objects: int) -> Iterator[Call]:
    for start in range(0, len(accounts), objects):
        yield accounts[start : start + objects]


def main() -> None:
    """Make the calls, once, and tell what they took; or check a spec and send nothing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=[*WAYS, "durable", "check"])
    parser.add_argument("url", help="of the tenant; the file to check")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--objects", type=int, default=1)
    parser.add_argument("--spec", help="read the accounts from it, and count that too")
    parser.add_argument("--journal", type=Path, help="of `durable`: a new file, on a disk")
    options = parser.parse_args()
    if options.way == "check":
        read_accounts(options.url, native=True)
        return
    ways: dict[str, Way] = {**WAYS, "durable": partial(durable, options.journal)}
    import_module(LIBRARIES[options.way])
    accounts = [f"{number:032x}" for number in range(0 if options.spec else options.count)]
    cpu, wall = time.process_time(), time.perf_counter()
    if options.spec:
        accounts = read_accounts(options.spec)
    calls = list(_calls(accounts, options.objects))
    kept: dict[str, str] = {}
    going = ways[options.way](options.url + PATH, calls, kept)
    if going is not None:
        asyncio.run(going)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    if len(kept) != len(accounts):
        raise RuntimeError(f"{len(kept)} invoices of {len(accounts)} accounts")
    told = {"calls": len(calls), "accounts": len(accounts), "cpu": cpu, "wall": wall}
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
