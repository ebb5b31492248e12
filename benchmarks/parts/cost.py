"""What a run costs, held against what people would use instead, on the same calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

from benchmarks.figures import NOISE, Row, Sizes, alternating
from benchmarks.hot import hot_run
from benchmarks.inputs import Sheet, write_project
from benchmarks.machine import folder
from benchmarks.native import Loop, have_wrk, rival, wrk
from benchmarks.runs import whole_run
from benchmarks.tenant import Tenant, tenant

SLOWER = {"httpx": 40, "requests": 8}  # how many times fewer calls they make
NAMES = {"httpx": "httpx", "requests": "requests in 40 threads"}
AT_ONCE = 50
FEWER = 10  # times fewer accounts for what takes long
AN_ITEM = (
    "Naive keeps an ID in memory. A run asks the tenant about each item before its call, has intent"
    " and answer on the disk, reads each invoice back and holds it against what was ordered, counts"
    " it for the screen and the record, and writes its line of the report"
)
ALSO = ("naive end to end with a journal on the disk", "naive end to end, a call each")
A_CALL = f"{AN_ITEM}; the call itself it paces, judges and may have to send again."
PER_ACCOUNT = f"{AN_ITEM}. Questions and commits are shared, most of the rest is an account's own."


def one_at_a_time(sizes: Sizes) -> Iterator[Row]:
    """Measure whole runs of one object a call, saturated, and the loops of the rivals."""
    calls = sizes.calls
    sheet = Sheet(calls)
    with tenant(1, calls) as server:
        ways = dict(_rivals(server, sizes))
        taken = alternating(sizes.pairs, lambda: _whole(sheet), *ways.values())
    ratios = {
        name: tuple(loops[0].call / loops[place].call for loops in taken)
        for place, name in enumerate(ways, 1)
    }
    whole = [loops[0] for loops in taken]
    told = f"{median(one.call for one in whole):.0f} µs a call, {_rate(whole)} calls/s"
    first, *others = ratios
    yield Row(
        "CPU of the whole run, 1 object a call, ÷ naive's HTTP loop",
        1.25, ratios[first], noise=NOISE, told=f"{told}; naive {_each(taken, 1)}",
        why=A_CALL,
        hot=lambda: hot_run(Sheet(min(calls, 8000)), "1 object a call"),
    )  # fmt: skip
    for place, name in enumerate(others, 2):
        yield Row(f"the same ÷ {name}", None, ratios[name], told=_each(taken, place))


def _rivals(server: Tenant, sizes: Sizes) -> Iterator[tuple[str, Callable[[], Loop]]]:
    """Name the ways to make the same calls, naive first; slow ones make fewer of them."""
    yield "naive", lambda: rival("naive", server.url, sizes.calls)
    yield "the bare aiohttp loop", lambda: rival("bare", server.url, sizes.calls)
    if not sizes.spare:
        return
    for way, slower in SLOWER.items():
        yield NAMES[way], partial(rival, way, server.url, max(sizes.calls // slower, 50))
    if have_wrk():
        yield "wrk, which parses nothing", lambda: wrk(server.url, min(sizes.seconds, 5.0))


def fifty_at_a_time(sizes: Sizes) -> Iterator[Row]:
    """Measure whole runs of 50 objects a call, and naive from the spec's text to its last row.

    Two more ways end to end stand beside them, of fewer accounts: naive with a journal on the disk,
    and with a call for each account, as most scripts have it.
    """
    sheet = Sheet(sizes.batch, objects=AT_ONCE)
    fewer = max(sizes.batch // FEWER, AT_ONCE)  # whole calls, which is all that the tenant answers
    calls, few = -(-sizes.batch // AT_ONCE), -(-fewer // AT_ONCE)
    with (
        folder("naive") as place,
        folder("fewer") as small,
        tenant(AT_ONCE, calls) as server,
        tenant(1, fewer) as single,
    ):
        spec = write_project(place, sheet, server.url)
        short = write_project(small, Sheet(fewer), single.url)
        taken = alternating(
            sizes.pairs,
            lambda: _whole(sheet),
            lambda: rival("naive", server.url, calls, AT_ONCE, spec),
            lambda: rival("durable", server.url, few, AT_ONCE, short),
            lambda: rival("naive", single.url, fewer, 1, short),
        )
    first, *others = (
        tuple(loops[0].account / loops[place].account for loops in taken) for place in (1, 2, 3)
    )
    mine, naive, *rest = (median(loops[place].account for loops in taken) for place in range(4))
    yield Row(
        "CPU per account of the whole run, 50 objects a call, ÷ naive end to end",
        1 / 12, first, noise=NOISE,
        told=f"{mine:.1f} ÷ {naive:.1f} µs; {sizes.batch:,} accounts, inline maps",
        why=PER_ACCOUNT,
        hot=lambda: hot_run(Sheet(min(sizes.batch, 20_000), objects=50), "50 objects a call"),
    )  # fmt: skip
    for name, ratios, each in zip(ALSO, others, rest, strict=True):
        yield Row(f"the same ÷ {name}", None, ratios, told=f"÷ {each:.1f} µs; {fewer:,} accounts")


def _whole(sheet: Sheet) -> Loop:
    run = whole_run(sheet)
    cpu = run.cost.cpu * 1e6
    return Loop(cpu / run.traffic.calls, cpu / sheet.accounts, run.traffic.calls / run.cost.wall)


def _each(taken: list[tuple[Loop, ...]], place: int) -> str:
    loops = [loops[place] for loops in taken]
    return f"{median(one.call for one in loops):.0f} µs a call, {_rate(loops)} calls/s"


def _rate(loops: list[Loop]) -> str:
    return f"{median(one.rate for one in loops):,.0f}"
