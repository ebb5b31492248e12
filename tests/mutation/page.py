"""Write docs/mutation.md from what became of the mutants."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import sqrt
from statistics import NormalDist

from mutation.functions import Sample
from mutation.harmless import REASONS, Reason, reason_of
from mutation.trial import Trial


@dataclass(frozen=True, slots=True)
class Report:
    """One run: of all mutants, or of a sample of those of functions."""

    functions: Sequence[Trial]
    tables: Sequence[Trial]
    date: str
    tools: str
    took: str
    sample: Sample | None = None

    @property
    def survivors(self) -> list[Trial]:
        """All mutants that no test has noticed."""
        return [one for one in (*self.functions, *self.tables) if one.verdict == "survived"]

    @property
    def unexplained(self) -> list[Trial]:
        """Those for which no reason is written down."""
        return [one for one in self.survivors if reason_of(one) is None]


def killed(trials: Sequence[Trial]) -> float:
    """Give the share of mutants that were noticed, in per cent; a hung test has noticed too."""
    return 100.0 * sum(one.verdict != "survived" for one in trials) / max(len(trials), 1)


def page(report: Report) -> str:
    """Write the whole page."""
    return "\n".join(
        [
            *_head(report),
            *_figures("Functions", report.functions),
            *_figures("Tables, words, numbers and SQL", report.tables),
            *_survivors(report),
        ]
    )


def _head(report: Report) -> list[str]:
    every = (*report.functions, *report.tables)
    return [
        "# Mutants: are the tests good enough?",
        "",
        "Each mutant is zbatch with one small fault in it: a comparison turned round, an argument",
        "left out, a rule of the decision table in another cell, a condition missing from a",
        "statement. The tests of the engine, of Zuora's words and of the ledger, with a few of",
        "hosts and of what a question shows late, and those of the",
        "[rules](exactly-once.md#the-rules) end to end, must notice it. This page is written by",
        "`make mutation`; [why it is done so](decisions/0020-mutants-by-mutmut-and-by-table.md).",
        "",
        f"**{killed(every):.1f} % of {len(every)} mutants were killed** on {report.date}"
        f" ({report.tools}, {report.took}).",
        "",
        *_drawn(report),
    ]


def _drawn(report: Report) -> list[str]:
    """Say how far a sample may be from the whole: Wilson's interval for a share."""
    if report.sample is None:
        return []
    low, high = interval(report.functions)
    return [
        f"Of the {report.sample.of:,} mutants of functions {len(report.functions):,} were tried,",
        f"drawn by `--seed {report.sample.seed}`, each with the same chance: of all of them",
        f"between {low:.1f} and {high:.1f} % are killed (95 %). Of the others all were tried.",
        "",
    ]


def interval(trials: Sequence[Trial]) -> tuple[float, float]:
    """Give Wilson's interval, 95 %, of the share that is killed, in per cent."""
    count, share, z = len(trials), killed(trials) / 100.0, NormalDist().inv_cdf(0.975)
    middle = share + z * z / (2 * count)
    reach = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 100.0 / (1 + z * z / count)
    return scale * (middle - reach), scale * (middle + reach)


def _figures(title: str, trials: Sequence[Trial]) -> list[str]:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in trials:
        counts[one.module][one.verdict] += 1
    lines = [
        f"## {title}: {killed(trials):.1f} %",
        "",
        "| module | mutants | killed | hung | survived | % |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for module, found in sorted(counts.items()):
        share = 100.0 * (found.total() - found["survived"]) / found.total()
        numbers = (found.total(), found["killed"], found["timeout"], found["survived"])
        lines.append(f"| `{module}` | {' | '.join(map(str, numbers))} | {share:.0f} |")
    return [*lines, ""]


def _survivors(report: Report) -> list[str]:
    lines = ["## What survives, and why it is harmless", ""]
    for reason in REASONS:
        found = [one for one in report.survivors if reason_of(one) is reason]
        if found:
            lines += [f"**{reason.why}** ({len(found)})", "", *_places(reason, found), ""]
    if report.unexplained:
        lines += ["**Not explained yet**", "", *_each(report.unexplained), ""]
    return lines


def _places(reason: Reason, found: Sequence[Trial]) -> list[str]:
    if not reason.alike:
        return _each(found)
    by_module = groupby(sorted(found, key=_order), key=lambda one: one.module)
    return [
        f"- `{module}`: {', '.join(dict.fromkeys(one.place for one in ones))}"
        for module, ones in by_module
    ]


def _each(found: Sequence[Trial]) -> list[str]:
    return [f"- `{one.module}` {one.place}: {one.told}" for one in sorted(found, key=_order)]


def _order(trial: Trial) -> tuple[str, int, str]:
    return trial.module, int(trial.place) if trial.place.isdigit() else 0, trial.place
