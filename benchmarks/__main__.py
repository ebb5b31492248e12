"""Measure zbatch against its goals: `python -m benchmarks [--quick] [--only PART] [--go-on]`.

It prints a table, writes docs/performance.md and docs/scale.md, and ends with 1 where a goal is
missed. Its servers listen on the loopback alone; what it needs beyond zbatch's own environment it
keeps in build/bench.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from benchmarks.figures import FULL, QUICK, TINY, Row, Sizes
from benchmarks.kept import Kept
from benchmarks.machine import BUILD, CLIENT, HERE, ROOT, clear, compile_all, pin
from benchmarks.page import busy, page_of, table_of
from benchmarks.parts import again, capacity, cost, ledger, limits, lists, pace, screen, starting

PAGE = ROOT / "docs" / "performance.md"
SIZES = {sizes.name: sizes for sizes in (FULL, QUICK, TINY)}
Part = Callable[[Sizes], Iterator[Row]]
PARTS: Mapping[str, tuple[str, tuple[Part, ...]]] = {
    "starting": ("Starting", (starting.starting,)),
    "rate": ("When the rate binds", (pace.by_rate,)),
    "slots": ("When the slots bind", (pace.by_slots,)),
    "cost": ("What a run costs", (cost.one_at_a_time, cost.fifty_at_a_time)),
    "screen": ("What the screen costs", (screen.shown,)),
    "ledger": ("What the ledger costs", (ledger.share, ledger.syncs)),
    "lists": ("Long lists", (lists.inline, lists.memory, lists.checking)),
    "again": ("Running again", (again.over_a_finished_ledger,)),
    "capacity": ("The servers themselves", (capacity.capacity,)),
}
LIMITS, TREES = "limits", "trees"
SHARES = {"full": 1, "quick": 20, "tiny": 1000}  # of the lists that are held against trees


def main() -> int:
    """Measure what was asked for, print it, and write the page if it was all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_const", const="quick", dest="sizes")
    parser.add_argument("--tiny", action="store_const", const="tiny", dest="sizes")
    parser.add_argument("--only", action="append", choices=[*PARTS, LIMITS, TREES], metavar="PART")
    parser.add_argument("--no-page", action="store_true", help="leave docs/ alone")
    parser.add_argument("--go-on", action="store_true", help="measure only what a bench of this"
                        " commit that broke off had not come to")  # fmt: skip
    options = parser.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    pin(CLIENT)
    compile_all()
    try:
        sizes = SIZES[options.sizes or "full"]
        kept = Kept(BUILD / f"kept-{sizes.name}.json")
        if options.go_on:
            kept.take_up()
        return _measure(sizes, options.only, kept, paged=not options.no_page)
    finally:
        clear()


def _measure(sizes: Sizes, only: Sequence[str] | None, kept: Kept, *, paged: bool) -> int:
    disturbed = busy()
    print(disturbed.strip(), file=sys.stderr)
    wanted = only or [*PARTS, LIMITS, TREES]
    sections: dict[str, list[Row]] = {}
    hot: list[str] = []
    for name, (title, parts) in PARTS.items():
        if name in wanted:
            if (rows := kept.rows(name)) is None:
                rows = [row for part in parts for row in _told(part, sizes)]
                looks = [row.hot for row in rows if row.hot and not row.met]
                kept.keep(name, rows, [look() for look in looks[: None if sizes.spare else 1]])
            sections[title] = rows
            hot += kept.hot(name)
    said, met = "", True
    if LIMITS in wanted:
        if (known := kept.limits()) is None:
            known = limits.hidden_limits(quick=sizes is not FULL)
            kept.keep_limits(known[0], met=known[1])
        said, met = known
    rows = [row for found in sections.values() for row in found]
    print(table_of(rows), *filter(None, [said, *hot]), sep="\n\n")
    paged = paged and not only
    if paged:
        PAGE.write_text(page_of(sections, said, hot, sizes, disturbed, kept.commit), "utf-8")
    if TREES in wanted:
        _trees(sizes, paged=paged and sizes is FULL)
    return 0 if met and all(row.met for row in rows) else 1


def _told(part: Part, sizes: Sizes) -> Iterator[Row]:
    """Say each figure as soon as it is there: all of them take an hour."""
    for row in part(sizes):
        print(": ".join([row.what, " ".join(row.cells()[2:4])]), file=sys.stderr, flush=True)
        yield row


def _trees(sizes: Sizes, *, paged: bool) -> None:
    """Hold long lists against trees of them; docs/scale.md."""
    words = [sys.executable, str(HERE / "spec_scale.py"), "--rounds", str(sizes.pairs)]
    words += ["--share", str(SHARES[sizes.name]), *([] if paged else ["--no-page"])]
    subprocess.run(words, check=True)


if __name__ == "__main__":
    sys.exit(main())
