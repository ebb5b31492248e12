"""Tell a history to a person: what was done, what arrived, what went wrong, what was billed."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any

from support.evidence import GENERATE, Arrival, Evidence, Run
from support.unusual import unusual

_ACCOUNTS = re.compile(rb"AccountId = '([0-9a-f]{32})'")


@dataclass(frozen=True, slots=True)
class _Note:
    at: float
    text: str
    about: tuple[Any, ...]
    ends: str = ""
    account: str = ""


class Story:
    """What evidence does not hold: what was done to the world, and when."""

    def __init__(self, start: float) -> None:
        self._start = start
        self._notes: list[_Note] = []
        self._by_hand: set[str] = set()

    def note(self, now: float, text: str, *about: Any, ends: str = "") -> None:
        """Add to the story; `about` is put into the text once somebody reads it.

        `ends` names the run that is over then.
        """
        self._notes.append(_Note(now, text, about, ends))

    def by_hand(self, now: float, account: str, target: object, invoice: str) -> None:
        """Tell that a person bills an account; evidence has that too, but not what came first."""
        text, about = "a person bills {} {}, invoice {}", (account[-4:], target, invoice[:6])
        self._notes.append(_Note(now, text, about, account=account))
        self._by_hand.add(invoice)

    def began(self, now: float, run_id: str, job: Any) -> None:
        """Tell that a process begins."""
        what = "reconcile" if job.read_only else "run"
        dies = "" if job.die_at is None else f", to die at edge {job.die_at}"
        self.note(now, "{} {} begins{}", what, _tail(run_id), dies)

    def ended(self, now: float, run_id: str, code: object, edges: Sequence[str]) -> None:
        """Tell how a process has ended."""
        how = f"ends with {code:d}" if isinstance(code, int) else "dies"
        last = edges[-1] if edges else "-"
        self.note(now, "{} {} at edge {}: {}", _tail(run_id), how, len(edges), last, ends=run_id)

    def tell(self, evidence: Evidence, accounts: Collection[str] = ()) -> list[str]:
        """Tell it in order, of these accounts or of all."""
        told = _told(evidence.runs, accounts)
        lines: list[tuple[float, str]] = []
        for note in self._notes:
            if accounts and note.account and note.account not in accounts:
                continue
            lines += [(note.at, f"    told: {line}") for line in told.get(note.ends, ())]
            lines.append((note.at, note.text.format(*map(_short, note.about))))
        lines += [line for one in evidence.arrivals for line in _arrival(one, accounts)]
        lines += [
            (one.at, f"    billed: {one.account[-4:]} {one.target}, invoice {one.invoice[:6]}")
            for one in evidence.executions
            if (not accounts or one.account in accounts) and one.invoice not in self._by_hand
        ]
        lines += _waits(evidence)
        lines.sort(key=lambda line: line[0])
        return [f"{_time(at - self._start)}  {text}" for at, text in lines]


def _waits(evidence: Evidence) -> Iterator[tuple[float, str]]:
    """Tell how long runs were asked to wait: that holds for all that they send."""
    for trip in evidence.trips:
        if trip.wait:
            name = _tail(evidence.runs[trip.run].record["run_id"])
            yield trip.back, f"    {name} is asked to wait {trip.wait:g} s"


def _told(runs: Sequence[Run], accounts: Collection[str]) -> dict[str, list[str]]:
    """Give what each run has told; what its ledger has brought forth before is counted alone."""
    told: dict[str, list[str]] = {}
    before: set[tuple[str, str]] = set()
    for run in runs:
        lines = [_line(one) for one in run.lines if not accounts or one["account_id"] in accounts]
        new = [line for line in lines if (run.ledger, line) not in before]
        again = [f"{len(lines) - len(new)} items as before"] if len(new) < len(lines) else []
        told[run.record["run_id"]] = [*new, *again]
        before |= {(run.ledger, line) for line in new}
    return told


def _arrival(one: Arrival, accounts: Collection[str]) -> Iterator[tuple[float, str]]:
    if one.path == GENERATE:
        objects = json.loads(one.content)["objects"]
        named = [(entry["AccountId"], entry["TargetDate"]) for entry in objects]
    else:
        named = [(found.decode(), "") for found in _ACCOUNTS.findall(one.content)]
    if accounts and not any(account in accounts for account, _ in named):
        return
    if one.path == GENERATE:
        about = ", ".join(f"{account[-4:]} {target}" for account, target in named)
        key, _, number = (one.track or "").removeprefix("zb-").partition("-")
        yield one.at, f"    call {number} under {key[:6]} arrives: {about}"
        if one.done is not None and one.done > one.at:
            yield one.done, f"    call {number} under {key[:6]} is done"
    elif accounts:
        yield one.at, f"    asked: {one.path.rpartition('/')[2]}"


def _line(line: Any) -> str:
    code = (line["error"] or {}).get("code")
    words = (line["account_id"][-4:], line["target_date"], line["outcome"])
    return " ".join([*words, *filter(None, ((line["invoice_id"] or "")[:6], code))])


def _tail(run_id: str) -> str:
    return run_id.rpartition("-")[2]


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds, 2), 60.0)
    return f"{int(minutes // 60):3}:{int(minutes % 60):02}:{rest:05.2f}"


def _short(what: object) -> str:
    text = unusual(what) if is_dataclass(what) else str(what)
    return text if len(text) < 300 else f"{text[:300]}…"
