"""When a run stops itself: the spec's rules, held against what this run has come to. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from zbatch.model import Identity, ItemRecord, MetRule, Outcome, StopRules


class Tally:
    """Counts what a run brings about, item by item, and tells which rule that meets.

    Only what this run itself has brought to `invoiced` or `failed` is in the sample. All else, such
    as what has nothing to bill, was there already or was settled earlier, neither counts nor
    ends a row of failures. `doubted` are items that were in doubt before the run: they are told,
    as ever, but it was not this run that lost them.
    """

    def __init__(self, rules: StopRules, doubted: Iterable[Identity] = ()) -> None:
        self._rules = rules
        self._doubted = frozenset(doubted)
        self._unknown: set[Identity] = set()
        self._failed = self._sample = self._row = self._longest = 0

    def doubt(self, identity: Identity) -> None:
        """Take note that nothing more is sent for an item whose outcome is not known."""
        if identity not in self._doubted:
            self._unknown.add(identity)

    def take(self, record: ItemRecord) -> None:
        """Count what an item has come to."""
        identity, outcome = record.item.identity, record.outcome
        if outcome is Outcome.UNKNOWN:
            self.doubt(identity)
            return
        if self._unknown:
            self._unknown.discard(identity)
        if outcome in (Outcome.INVOICED, Outcome.FAILED):
            failed = outcome is Outcome.FAILED
            self._sample += 1
            self._failed += failed
            self._row = self._row + 1 if failed else 0
            self._longest = max(self._longest, self._row)

    def met(self) -> MetRule | None:
        """Tell the first rule that is met; to be asked once all items of an answer are counted."""
        rules, failed, row = self._rules, self._failed, self._longest
        if rules.failures is not None and failed >= rules.failures:
            return _met(rules, "failures", failed, f"{_items(failed)} failed in this run")
        if rules.consecutive_failures is not None and row >= rules.consecutive_failures:
            said = f"{_items(row)} in a row failed"
            return _met(rules, "consecutive_failures", row, said)
        if rules.failure_ratio is not None and self._sample >= max(rules.min_sample, 1):
            ratio = failed / self._sample
            if ratio >= rules.failure_ratio:
                said = f"{failed:,} of {_items(self._sample)} failed in this run"
                return _met(rules, "failure_ratio", ratio, said)
        unknown = len(self._unknown)
        if rules.unknown is not None and unknown >= rules.unknown:
            are = "is" if unknown == 1 else "are"
            return _met(rules, "unknown", unknown, f"{_items(unknown)} of this run {are} in doubt")
        return None


def overdue(rules: StopRules, seconds: float) -> MetRule:
    """Tell that a run has taken as long as its deadline lets it."""
    return _met(rules, "deadline", seconds, f"{seconds:.0f} s have passed since the run began")


def outlasts(rules: StopRules, seconds: float, wait: float, reason: str) -> MetRule:
    """Tell that a wait would end after a run's deadline, so many seconds after it began."""
    said = f"a wait of {wait:.0f} s would outlast the run's deadline: {reason}"
    return _met(rules, "deadline", seconds, said)


def _met(rules: StopRules, rule: str, value: float, said: str) -> MetRule:
    limit: float = getattr(rules, rule)
    source = dict(rules.places).get(rule)
    place = f", {source.file}:{source.line}" if source else ""
    unit = " s" if rule == "deadline" else ""
    said += f" (stop.{rule} is {limit:g}{unit}{place}); zbatch run goes on with what is left"
    return MetRule(rule, value, limit, source, said)


def _items(count: int) -> str:
    return f"{count:,} item" if count == 1 else f"{count:,} items"
