"""How numbers, times and items are said; every foreign text passes through here neutralised."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from zbatch.model import Outcome
from zbatch.zuora.text import one_line

if TYPE_CHECKING:
    from zbatch.app.status import Status
    from zbatch.model import Item, ItemRecord, Problem

MESSAGE_LIMIT = 160
DOUBT_LIMIT = 500  # candidates, and from when it can be settled, stand at the end of a message

OUTCOMES = {
    Outcome.INVOICED: "invoiced",
    Outcome.ALREADY_INVOICED: "already invoiced",
    Outcome.NOTHING_TO_BILL: "nothing to bill",
    Outcome.FAILED: "failed",
    Outcome.UNKNOWN: "UNKNOWN",
    Outcome.NOT_ATTEMPTED: "not attempted",
}


def counted(number: int, noun: str) -> str:
    """Say how many, with a regular plural."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def duration(seconds: float) -> str:
    """Say how long, with two units at most."""
    if seconds < 0.1:
        return "under 0.1 s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min"


def tally(counts: Mapping[Outcome, int]) -> str:
    """Say the outcomes that occur, separated by commas."""
    said = (f"{counts[o]:,} {word}" for o, word in OUTCOMES.items() if counts.get(o))
    return ", ".join(said)


def at_work(status: Status) -> str:
    """Say which run is at work, and in which process."""
    process = f" (process {status.process.pid})" if status.process else ""
    return f"run {status.run.run_id} is at work{process}"


def account(record: ItemRecord) -> str:
    """Name the account as people know it."""
    return one_line(record.item.account_number or record.item.identity.account_id, 80)


def item_name(record: ItemRecord, *, whole: bool = False) -> str:
    """Name an item by account, target date and, from the second on, its revision.

    The `whole` name has the account's ID beside its number: what a decision is written with.
    """
    identity = record.item.identity
    numbered = whole and record.item.account_number
    beside = f" ({identity.account_id})" if numbered else ""
    return f"{account(record)}{beside} {identity.target_date}{revision(record.item)}"


def revision(item: Item) -> str:
    """Say that this bills again what a lower revision has billed; nothing of the first."""
    number = item.identity.revision
    return f" revision {number}" if number > 1 else ""


def problem_text(problem: Problem | None, limit: int = MESSAGE_LIMIT) -> str:
    """Say a problem on one line: its code and the message as received."""
    if problem is None:
        return "no reason recorded"
    code, message = one_line(problem.code, 80), one_line(problem.message, limit)
    return f"{code}: {message}" if message and message != code else code


def path_text(path: Path, here: Path) -> str:
    """Name a file as briefly as `cat` needs it from `here`."""
    return one_line(str(near_path(path, here)))


def near_path(path: Path, here: Path) -> Path:
    """Give the path of a file from `here`, the whole one where it is not below."""
    absolute = path.absolute()
    return absolute.relative_to(here) if absolute.is_relative_to(here) else absolute
