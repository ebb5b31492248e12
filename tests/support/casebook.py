"""The evidence of a history, laid out for looking up; no judgement is made here."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from support.evidence import (
    GENERATE,
    Arrival,
    Attempt,
    Evidence,
    Execution,
    Item,
    Key,
    Ledger,
    Line,
    Run,
    Trip,
)

_NAMED = re.compile(r"AccountId = '([0-9a-f]{32})' and TargetDate = '([0-9-]{10})'")


class Casebook:
    """Each thing by what the rules ask for it."""

    def __init__(self, evidence: Evidence) -> None:
        self.all = evidence
        self.calls = [one for one in evidence.arrivals if one.path == GENERATE]
        self.ours = [one for one in evidence.executions if one.key is not None]
        self.by_hand = {one.invoice for one in evidence.executions if one.key is None}
        self.invoices = {one.id: one for one in evidence.invoices}
        self.intents: dict[str, tuple[Attempt, Ledger]] = {}
        for one in evidence.ledgers:  # a backup that was restored has those of the first once more
            for attempt in one.attempts:
                self.intents.setdefault(attempt.track, (attempt, one))
        self.runs: dict[str, list[Run]] = defaultdict(list)
        for run in evidence.runs:
            self.runs[run.ledger].append(run)
        self.trips: dict[int, list[Trip]] = defaultdict(list)
        for trip in sorted(evidence.trips, key=lambda trip: trip.left):
            self.trips[trip.run].append(trip)
        self.held: dict[str, list[Key]] = defaultdict(list)
        self.keys: dict[str, dict[Item, list[Key]]] = {}
        self._held_by: dict[tuple[str, str], list[Key]] = defaultdict(list)
        for ledger in evidence.ledgers:
            self._file(ledger)
        self._arrivals = {one.number: one for one in evidence.arrivals}
        self._begun = {a.key: a.durable for a, _ in reversed(self.intents.values())}
        self._tails = {tail_of(run.record["run_id"]): run.ledger for run in evidence.runs}
        self._asked: dict[tuple[str, str, str], list[float]] = defaultdict(list)
        for arrival in evidence.arrivals:
            if arrival.path != GENERATE:
                self._ask(arrival)
        self.left_out = evidence.due - {one.account for one in evidence.executions}
        self.billed: dict[Item, list[Execution]] = defaultdict(list)
        self.made: dict[Item, list[Execution]] = defaultdict(list)  # by us, or by hand and standing
        for execution in evidence.executions:
            item = self.item(execution)
            if execution.key is not None:
                self.billed[item].append(execution)
            by_hand = self.invoices.get(execution.invoice)
            if execution.key is not None or (by_hand and by_hand.stands):
                self.made[item].append(execution)

    def _ask(self, question: Arrival) -> None:
        """Put the time of a question by the ledger of its run and by what it names."""
        ledger = self._tails.get(tail_of(question.track or ""), "")
        for account, target in _NAMED.findall(question.content.decode()):
            self._asked[ledger, account, target].append(question.at)

    def _file(self, ledger: Ledger) -> None:
        """Put keys by what they say, in any ledger, and by their item in this one."""
        by_item = self.keys.setdefault(ledger.name, defaultdict(list))
        for key in ledger.keys:
            self.held[key.key].append(key)
            by_item[key.item].append(key)
            self._held_by[ledger.name, key.key].append(key)

    def item(self, execution: Execution) -> Item:
        """Tell which item was billed; the key knows the revision."""
        named = (execution.account, execution.target)
        keys = self.held.get(execution.key or "", ())
        return next((key.item for key in keys if key.item[:2] == named), (*named, 1))

    def alike(self) -> Iterator[tuple[Item, set[str]]]:
        """Give the keys, over all ledgers, of an item for one generation and the same bytes."""
        found: dict[tuple[Item, int, bytes], set[str]] = defaultdict(set)
        for key in (key for keys in self.held.values() for key in keys):
            found[key.item, key.generation, key.content].add(key.key)
        return ((item, keys) for (item, _, _), keys in found.items())

    def sender(self, execution: Execution) -> tuple[str, float]:
        """Tell which ledger holds the intent behind an execution, and since when."""
        arrival = self._arrivals.get(execution.arrival or 0)
        if arrival is None or arrival.track not in self.intents:
            return "", execution.at
        attempt, ledger = self.intents[arrival.track]
        return ledger.name, arrival.at if attempt.durable is None else attempt.durable

    def sent(self) -> Iterator[tuple[Arrival, Ledger, list[Key]]]:
        """Give each call that has arrived with its ledger, and what that holds of its key."""
        for call in self.calls:
            if call.track in self.intents:
                _, ledger = self.intents[call.track]
                yield call, ledger, self._held_by[ledger.name, call.key or ""]

    def strays(self, run: Run, *, surely: bool) -> list[Key]:
        """Give the keys, beyond its plan, that a run's ledger held as not settled at its end.

        Where nobody saw the times of an earlier run, any key of its ledger may have been open.
        """
        listed, held = set(run.planned), self.keys.get(run.ledger, {})
        keys = [key for item, keys in held.items() if item not in listed for key in keys]
        timed = all(self._begun.get(key.key) is not None for key in keys)
        if not timed and run is not self.runs[run.ledger][-1]:
            return [] if surely else keys
        return [
            key
            for key in keys
            if (self._begun.get(key.key) or 0.0) <= run.ended
            and (key.state != "settled" or (key.settled or 0.0) > run.ended)
        ]

    def executed(self, key: Key, run: Run) -> bool:
        """Tell whether a key was executed for its own ledger before a run ended."""
        return any(
            one.key == key.key and one.at <= run.ended and self.sender(one)[0] == run.ledger
            for one in self.billed.get(key.item, ())
        )

    def unseen(self, first: Execution, second: Execution) -> bool:
        """Tell whether the one who billed again could not see that another ledger had.

        Its last question before it sent was asked before the invoice could be read; what is
        appended to a draft, no question shows.
        """
        ledger, sent = self.sender(second)
        if self.sender(first)[0] == ledger:
            return False
        before = [at for at in self._asked[ledger, first.account, first.target] if at <= sent]
        if not before:
            return False  # who has not asked is not excused
        asked = max(before)
        return first.appended or first.at + self.all.lag > asked

    def mine(self, run: Run, item: Item) -> set[str]:
        """Give the invoices that our calls had made for an item when a run ended.

        Where the tenant does not tell who made one, those made by hand may be taken for ours.
        """
        made = {one.invoice for one in self.billed[item] if self.sender(one)[1] <= run.ended}
        return made | self.by_hand if self.all.anonymous else made

    def raised(self, item: Item) -> set[str]:
        """Give the drafts that were raised for an item."""
        return {one.invoice for one in self.billed[item] if one.appended}

    def unplanned(self) -> list[Item]:
        """Give the items that were billed by us though no run has planned them."""
        planned = {item for run in self.all.runs for item in run.planned}
        return [item for item, times in self.billed.items() if times and item not in planned]

    def asked(self, run: Run, line: Line) -> float:
        """Tell when the run began that brought the outcome of a line: it asked the tenant."""
        told = line["finished_at"]
        at = min(run.started, datetime.fromisoformat(told).timestamp() if told else run.started)
        runs = self.runs[run.ledger]
        return max((one.started for one in runs if one.started <= at), default=at)

    def lines(self) -> Iterator[tuple[Run, Item, Line]]:
        """Give each line of each report."""
        return ((run, item_of(line), line) for run in self.all.runs for line in run.lines)


def tail_of(name: str) -> str:
    """Give the part by which a run's ID and the track IDs of its requests agree."""
    parts = name.split("-")
    return parts[-1] if len(parts) == 2 else parts[-2] if len(parts) > 2 else ""


def item_of(line: Line) -> Item:
    """Tell which item a line is about."""
    return line["account_id"], line["target_date"], line["revision"]


def name_of(item: Item) -> str:
    """Name an item as people do."""
    return f"{item[0]} {item[1]}" + (f" revision {item[2]}" if item[2] > 1 else "")
