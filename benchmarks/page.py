"""The page docs/performance.md, and the table on the terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from benchmarks.figures import NOISE, Row, Sizes, table
from benchmarks.machine import CLIENT, SHARED, described
from benchmarks.native import versions

HEAD = ("what", "goal", "measured", "verdict", "of it")
BUSY = 0.5  # of each core, from which on other work is told
LABELS = {
    "full": "Full sizes: each figure is the median of {pairs} pairs or rounds, sending phases last"
    " 30 s or more.",
    "quick": "**Quick sizes**, to look at a change: medians of {pairs}, sending phases of some"
    " {seconds:.0f} s and lists of {many:,} accounts. They are too short for the goals: `make"
    " bench` measures the real ones, and [decision 36](decisions/0036-how-the-bench-measures.md)"
    " tells what they came to.",
    "tiny": "**Tiny sizes**, which only show that everything runs.",
}


def busy() -> str:
    """Say whether the machine has other work to do, which spoils what is timed."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load < BUSY * cores:
        return ""
    return (
        f"\n**Other work was under way on the machine**: a load of {load:.1f} on {cores} cores as"
        " the bench began. Ratios of CPU stand that to some degree; rates, phases and anything in"
        " seconds do not.\n"
    )


def page_of(
    sections: Mapping[str, Sequence[Row]],
    limits: str,
    hot: Sequence[str],
    sizes: Sizes,
    disturbed: str,
    commit: str,
) -> str:
    """Write the page; `disturbed` is what was said of other work before it all began.

    Without a `commit` what was measured differs from all of them.
    """
    today = datetime.now(UTC).date().isoformat()
    measured = f"on {commit[:7]}" if commit else "on a changed tree"
    label = LABELS[sizes.name].format(pairs=sizes.pairs, seconds=sizes.seconds, many=sizes.many)
    cores = "clients and servers share a core" if CLIENT == SHARED else (
        "clients and servers are on a core each"
    )  # fmt: skip
    parts = "\n\n".join(f"## {name}\n\n{table_of(rows)}" for name, rows in sections.items())
    rows = [row for found in sections.values() for row in found]
    return f"""\
# How fast, and at what cost

Written by `make bench` on {today}, {measured}. {described()}; {cores}. Compared with {versions()}.

{label}
{disturbed}
Every figure is a ratio of two things measured side by side in this run, or a sum of one; in
brackets the lowest and the highest of its pairs. CPU is user and system time of all threads. Where
CPU is compared, {NOISE:.0%} over a goal counts as the noise of a shared machine, and is said.
Read ratios, not microseconds: those move with the machine and its neighbours.

*Naive* is what a good engineer writes in an hour: a task for each call behind a semaphore,
aiohttp, `gzip.compress(json.dumps(…))`, `r.json()`. It stores nothing, unless a row says so.
*The bare loop* is 40 workers on one aiohttp session. The tenant is a native process on the
loopback that answers in Zuora's form and shows the invoices that it has made; `zbatch` is the
installed command on a new project and a new ledger, on a disk.
A *request* is a call or a question: both count against a tenant's limits. The sending phase runs
from the first call's arrival to the last call's answer; start, token and first questions are before
it. [Decision 36](decisions/0036-how-the-bench-measures.md) says why it is measured so.

{parts}
{_limits(limits)}
## What is missed, and what stands in the way

{_missed(rows, hot)}
"""


def table_of(rows: Sequence[Row]) -> str:
    """Lay out the rows."""
    return table(HEAD, [row.cells() for row in rows])


def _limits(limits: str) -> str:
    return f"\n## Limits that nobody tells\n\n{limits}\n" if limits else ""


def _missed(rows: Sequence[Row], hot: Sequence[str]) -> str:
    missed = [row for row in rows if not row.met]
    if not missed:
        return "Nothing."
    lines = [
        f"- {row.what}: {row.cells()[2]}, goal {row.cells()[1]}.{row.why and ' ' + row.why}"
        for row in missed
    ]
    said = "\n\n".join(hot)
    profile = (
        "\n\nFrom profiles of these, on shorter lists; a profiler makes small functions look dearer"
        f" than they are, and the ledger's thread is not in it.\n\n{said}"
    )
    return "\n".join(lines) + (profile if hot else "")
