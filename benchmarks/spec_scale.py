"""What long lists cost: CPU and memory of reading and planning, beside building a tree of them.

Rounds are paired and alternate, each in a process of its own; see docs/scale.md, which this writes.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import platform
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median

from zbatch.model import Account, Charges, DatePair, Identity, Item, Source
from zbatch.spec import check_spec, parsing
from zbatch.spec.nodes import Scalar, child
from zbatch.spec.nodes import Sequence as Entries
from zbatch.spec.reading import read_text
from zbatch.spec.rows import compile_rows
from zbatch.spec.schema import load_schema, load_shape, typed

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
RUNS = "## What runs over them cost"  # from here on the page is written by hand
HEAD = "version: 1\nname: scale\ntenant: emulator\ndates: [{target_date: 2026-11-30}]\naccounts:\n"
DAY = date(2026, 11, 30)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took: seconds of CPU, user and system, and megabytes at its peak."""

    cpu: float
    peak: float


def stream_inline(path: Path) -> None:
    """Validate a spec as zbatch does."""
    spec, findings = check_spec(path)
    if spec is None or findings:
        raise SystemExit(f"the spec is not good: {findings[:3]}")


def build_inline(path: Path) -> None:
    """Validate a spec by way of a tree, its typed value, and an object for each account."""
    parsing.MAX_NODES = sys.maxsize
    document, _ = parsing.parse(read_text(path))
    value = typed(document.root, load_shape("spec"))
    schema = load_schema("spec")["properties"]["accounts"]["items"]
    if not all(map(compile_rows(schema), value["accounts"])):
        raise SystemExit("the spec is not good")
    entries = child(document.root, "accounts")
    seen: dict[tuple[str, date], Account] = {}
    for entry in entries.items if isinstance(entries, Entries) else ():
        named = entry if isinstance(entry, Scalar) else child(entry, "id")
        if isinstance(named, Scalar):
            account = Account(named.value, Source(str(path), entry.line, entry.column))
            seen[named.value, DAY] = account


def plan_csv(path: Path) -> None:
    """Plan a spec with the command that people use, which takes the place of this process."""
    command = str(Path(sys.executable).with_name("zbatch"))
    words = ["plan", str(path), "--state-dir", str(path.parent / "state")]
    os.execv(command, [command, *words])  # noqa: S606 - what is installed beside this interpreter


def build_csv(path: Path) -> None:
    """Plan the same list as objects: accounts, items, and a dictionary that finds duplicates."""
    pair = DatePair(DAY, DAY)
    with path.with_name("accounts.csv").open(newline="") as file:
        accounts = [
            Account(row["account_id"], Source("accounts.csv", line, 1))
            for line, row in enumerate(csv.DictReader(file), 2)
        ]
    items: dict[Identity, Item] = {}
    for account in accounts:
        identity = Identity(account.named, pair.target_date)
        items[identity] = Item(identity, pair.invoice_date, Charges(), account.source)
    digest = hashlib.sha256()
    for item in items.values():
        digest.update(json.dumps([item.identity.account_id, DAY.isoformat(), 1]).encode())
    groups = tuple((position,) for position in range(len(items)))
    sys.stdout.write(f"{len(groups)} {digest.hexdigest()}\n")


@dataclass(frozen=True, slots=True)
class Contest:
    """Two ways of doing the same, and what the first may take at most."""

    name: str
    write: Callable[[Path, int], None]
    count: int
    ways: tuple[Callable[[Path], None], Callable[[Path], None]]
    goal: str


def write_ids(path: Path, count: int) -> None:
    """Write a spec of IDs in a row."""
    with path.open("w") as file:
        file.write(HEAD)
        file.writelines(f'  - "{account_id}"\n' for account_id in _ids(count))


def write_maps(path: Path, count: int) -> None:
    """Write a spec of maps, each with a reason."""
    with path.open("w") as file:
        file.write(HEAD)
        file.writelines(f'  - {{id: "{one}", reason: moved out}}\n' for one in _ids(count))


def write_csv(path: Path, count: int) -> None:
    """Write a spec of one account file."""
    path.write_text(HEAD + "  - {file: accounts.csv}\n")
    with path.with_name("accounts.csv").open("w") as file:
        file.write("account_id\n")
        file.writelines(f"{account_id}\n" for account_id in _ids(count))


def _ids(count: int) -> list[str]:
    chance = random.Random(5)  # noqa: S311 - not secret: the same accounts each time
    return [f"{chance.getrandbits(128):032x}" for _ in range(count)]


CONTESTS = (
    Contest("validate IDs", write_ids, 100_000, (stream_inline, build_inline), "1.5 s"),
    Contest("validate maps", write_maps, 100_000, (stream_inline, build_inline), "1.5 s"),
    Contest("`zbatch plan`, CSV", write_csv, 1_000_000, (plan_csv, build_csv), "15 s, 100 MB"),
)


def measured(way: Callable[[Path], None], path: Path) -> Cost:
    """Take one of the two ways in a new process."""
    words = [sys.executable, __file__, "--way", way.__name__, str(path)]
    devnull = os.open(os.devnull, os.O_WRONLY)
    actions = [(os.POSIX_SPAWN_DUP2, devnull, 1)]
    child_id = os.posix_spawn(sys.executable, words, os.environ, file_actions=actions)
    _, status, usage = os.wait4(child_id, 0)
    os.close(devnull)
    if status:
        raise SystemExit(f"{way.__name__} has failed")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6)


def contest(of: Contest, rounds: int) -> str:
    """Let both ways run in turn, and return their line of the table."""
    pairs: list[tuple[Cost, Cost]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spec.yaml"
        writer = os.fork()  # so that this process stays small: its size counts for its children
        if not writer:
            of.write(path, of.count)
            os._exit(0)
        os.waitpid(writer, 0)
        for number in range(rounds):
            order = of.ways if number % 2 == 0 else of.ways[::-1]
            costs = {way: measured(way, path) for way in order}
            pairs.append((costs[of.ways[0]], costs[of.ways[1]]))
    return _line(of, pairs)


def _line(of: Contest, pairs: Sequence[tuple[Cost, Cost]]) -> str:
    mine, other = ([pair[side] for pair in pairs] for side in (0, 1))
    cells = [
        of.name,
        f"{of.count:,}",
        f"{median(cost.cpu for cost in mine):.2f} s",
        f"{median(cost.cpu for cost in other):.2f} s",
        f"{median(one.cpu / two.cpu for one, two in pairs):.2f}",
        f"{median(cost.peak for cost in mine):.0f} MB",
        f"{median(cost.peak for cost in other):.0f} MB",
        f"{median(one.peak / two.peak for one, two in pairs):.2f}",
        of.goal,
    ]
    return f"| {' | '.join(cells)} |"


def page(lines: Sequence[str], rounds: int) -> str:
    """Write the page."""
    today = datetime.now(UTC).date().isoformat()
    table = "\n".join(lines)
    return f"""# What long lists cost

Written by `make bench` on {today}. {platform.system()},
{os.cpu_count()} cores; Python {platform.python_version()}.

CPU, user and system, and peak memory of whole processes, from the interpreter's start to its end:
medians of {rounds} pairs, each pair in the other order. *Streamed* is zbatch: entries are let go as
they are read, and a plan makes its items where somebody asks for them. *Built* is the same list as
a tree or as one object for each account and item, with the same checks or fewer. The ratios are
taken pair by pair.

| what | accounts | streamed CPU | built CPU | ratio | streamed peak | built peak | ratio | goal |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
{table}

Read ratios, not seconds: those move with the machine and its neighbours.
[Decision 24](decisions/0024-long-lists-are-streamed.md) says how it is done.
"""


def main() -> None:
    """Measure, and write the page; or go one way alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--share", type=int, default=1, help="take lists so many times shorter")
    parser.add_argument("--no-page", action="store_true", help="leave docs/scale.md alone")
    parser.add_argument("--way")
    parser.add_argument("path", type=Path, nargs="?")
    options = parser.parse_args()
    if options.way:
        globals()[options.way](options.path)
        return
    shorter = [replace(one, count=one.count // options.share) for one in CONTESTS]
    lines = [contest(one, options.rounds) for one in shorter]
    if not options.no_page:
        _, heading, runs = PAGE.read_text("utf-8").partition(RUNS)
        PAGE.write_text(f"{page(lines, options.rounds)}\n{heading}{runs}", "utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
