"""What must hold of a run's own word at its end: its totals, its exit code, what it has told."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from support.casebook import Casebook, item_of, name_of, tail_of
from support.evidence import Item, Line, Run

_WAITS_FOR = re.compile(r"earlier target date ([0-9-]{10}) ")
_NO_RETRY = re.compile(r"\(not retried: (the account's earlier target date|revision [0-9])")
SETTLED = ("invoiced", "already_invoiced", "failed", "nothing_to_bill")


def totals(book: Casebook) -> Iterator[str]:
    """Each planned item has one line, the totals count the lines, the gravest is the exit code."""
    for run in book.all.runs:
        told = Counter(item_of(line) for line in run.lines)
        if run.code is None:
            if any(told[item] > 1 for item in told) or told.keys() - set(run.planned):
                yield f"the run of {run.started:.0f} told more than was planned, and died"
            continue
        outcomes, record = Counter(line["outcome"] for line in run.lines), run.record
        if told != Counter(run.planned) or record["planned"] != len(run.lines):
            yield f"the run of {run.started:.0f} planned {len(run.planned)}, told {len(run.lines)}"
        if Counter(record["outcomes"]) != outcomes:
            yield f"the run of {run.started:.0f} counted {record['outcomes']}"
        codes = _codes(book, run, outcomes)
        if run.code not in codes or record["exit_code"] != run.code:
            yield f"the run of {run.started:.0f} ended with {run.code}, not {sorted(codes)}"


def _codes(book: Casebook, run: Run, outcomes: Counter[str]) -> set[int]:
    """Tell which exit codes are honest about what was told and what was not."""
    stop = run.record["stop"] or ""
    if stop.startswith("internal error"):
        return {70}
    certain, possible = book.strays(run, surely=True), book.strays(run, surely=False)
    unsaid = "cannot be written" in stop and run.record["calls_sent"]
    if unsaid or outcomes["unknown"] or any(book.executed(key, run) for key in certain):
        return {3}
    grave = {3} if possible else set()
    if stop:
        return grave | {4, 129, 130, 143} | (set() if run.record["calls_sent"] else {6})
    if _waiting(run):
        return grave | {4}
    return grave | {1 if outcomes["failed"] or run.duplicates else 0}


def _waiting(run: Run) -> list[Line]:
    """Give the lines that wait for something that the run does not tell as failed itself."""
    failed = {item_of(line)[:2] for line in run.lines if line["outcome"] == "failed"}
    left = [line for line in run.lines if line["outcome"] == "not_attempted" or _no_retry(line)]
    return [line for line in left if (line["account_id"], _waits_for(line)) not in failed]


def _no_retry(line: Line) -> bool:
    """Tell whether an item was to be tried again, and waits for an earlier date."""
    again = line["outcome"] in ("failed", "nothing_to_bill") and line["error"]
    return bool(again and _NO_RETRY.search(line["error"].get("message", "")))


def _waits_for(line: Line) -> str | None:
    """Tell which earlier date a line names that it waits for."""
    named = _WAITS_FOR.search(line["error"].get("message", ""))
    return named and named[1]


def sent(book: Casebook) -> Iterator[str]:
    """No run tells of fewer calls than the tenant has seen of it, each of them counted once."""
    tails = Counter(tail_of(run.record["run_id"]) for run in book.all.runs)
    seen = Counter(tail_of(track) for track in {call.track or "" for call in book.calls})
    for run in book.all.runs:
        tail = tail_of(run.record["run_id"])
        told = run.record["calls_sent"]
        # some of the tails may be alike, and who has died has not told
        if run.code is not None and tails[tail] == 1 and seen[tail] > told:
            yield f"the run of {run.started:.0f} tells of {told} calls, and sent {seen[tail]}"


def kept(book: Casebook) -> Iterator[str]:
    """What was told as invoiced stays so, and what was told last is what the ledger holds."""
    for ledger in book.all.ledgers:
        told: dict[Item, tuple[str, str | None]] = {}
        runs = book.runs[ledger.name]
        for run in runs:
            for line in run.lines:
                item, now = item_of(line), (line["outcome"], line["invoice_id"])
                if told.get(item, now)[0] == "invoiced" and told.get(item, now) != now:
                    yield f"{name_of(item)} was told {told[item]}, then {now}"
                told[item] = now
        for item in map(item_of, runs[-1].lines) if runs else ():
            if told[item][0] in SETTLED and ledger.outcomes.get(item) != told[item]:
                yield f"{name_of(item)} is told {told[item]}, held {ledger.outcomes.get(item)}"
