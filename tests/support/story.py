"""Tell a history to a person: what was done, what arrived, what went wrong, what was billed."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from support.evidence import GENERATE, Arrival, Evidence

_ACCOUNTS = re.compile(rb"AccountId = '([0-9a-f]{32})'")


class Story:
    """What evidence does not hold: what was done to the world, and when."""

    def __init__(self, start: float) -> None:
        self._start = start
        self._notes: list[tuple[float, str, tuple[Any, ...]]] = []

    def note(self, now: float, text: str, *about: Any) -> None:
        """Add to the story; `about` is put into the text once somebody reads it."""
        self._notes.append((now, text, about))

    def began(self, now: float, run_id: str, job: Any) -> None:
        """Tell that a process begins."""
        what = "reconcile" if job.read_only else "run"
        self.note(now, "{} {} begins, to die at {}", what, run_id, job.die_at)

    def ended(self, now: float, run_id: str, code: object, edges: Sequence[str]) -> None:
        """Tell how a process has ended."""
        how = f"ends with {code!r}" if code is not None else "dies"
        self.note(now, "{} {} after {}: {}", run_id, how, len(edges), edges[-1] if edges else "-")

    def tell(self, evidence: Evidence, accounts: Collection[str] = ()) -> list[str]:
        """Tell it in order, of these accounts or of all."""
        lines = [(at, text.format(*map(_short, about))) for at, text, about in self._notes]
        lines += [line for one in evidence.arrivals for line in _arrival(one, accounts)]
        lines += [
            (one.at, f"    billed: {one.account[-4:]} {one.target}, invoice {one.invoice[:6]}")
            for one in evidence.executions
            if not accounts or one.account in accounts
        ]
        for run in evidence.runs:
            lines += [
                (run.ended, f"    told: {_line(line)}")
                for line in run.lines
                if not accounts or line["account_id"] in accounts
            ]
        lines.sort(key=lambda line: line[0])
        return [f"{(at - self._start) / 3600:9.4f} h  {text}" for at, text in lines]


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
        yield one.at, f"    {one.track} arrives: {about}"
        if one.done is not None and one.done > one.at:
            yield one.done, f"    {one.track} is done"
    elif accounts:
        yield one.at, f"    asked: {one.path.rpartition('/')[2]}"


def _line(line: Any) -> str:
    error = line["error"] or {}
    invoice = (line["invoice_id"] or "")[:6]
    return (
        f"{line['account_id'][-4:]} {line['target_date']} {line['outcome']} {invoice}"
        f" {error.get('code', '')}"
    )


def _short(what: object) -> str:
    text = str(what)
    return text if len(text) < 300 else f"{text[:300]}…"
