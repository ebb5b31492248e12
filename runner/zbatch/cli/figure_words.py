"""How the figures of a run are said, on a line and in a block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from rich.text import Text

from zbatch.app.figures import Figures, LimitBy, Wait
from zbatch.cli.words import duration
from zbatch.model import Outcome
from zbatch.zuora.text import one_line

BETWEEN = "   "
REASON_LIMIT = 200
UNDER = "under 1 s"
SOON = 600.0  # seconds: what ends sooner is told to the second

_BY = {
    LimitBy.SPEC: "the spec",
    LimitBy.DEFAULT: "the default",
    LimitBy.TENANT: "the tenant",
    LimitBy.FLAG: "--rate",
    LimitBy.SERVER: "the server",
    LimitBy.OUTAGE: "an outage",
    LimitBy.RAMP: "a wait before",
}


def outcomes(figures: Figures) -> Iterator[Text]:
    """Say what has come of the items, what is serious in red."""
    counts = figures.counts
    done = counts.get(Outcome.INVOICED, 0) + counts.get(Outcome.ALREADY_INVOICED, 0)
    if figures.earlier:
        yield Text(f"earlier {figures.earlier:,}")
    yield Text(f"invoiced {done:,}", "green" if done else "")
    yield Text(f"nothing to bill {counts.get(Outcome.NOTHING_TO_BILL, 0):,}")
    for outcome, style in ((Outcome.FAILED, "red"), (Outcome.UNKNOWN, "bold red")):
        count = counts.get(outcome, 0)
        yield Text(f"{outcome.value} {count:,}", style if count else "")
    if figures.open:
        yield Text(f"open {figures.open:,}", "yellow")


def flow(figures: Figures) -> Iterator[Text]:
    """Say how requests leave: how many, how fast, by whose word no faster, and what that cost."""
    allowed = f" of {figures.allowed:,}" if figures.allowed else ""
    yield Text(f"in flight {figures.in_flight:,}{allowed}")
    limit = f" of {number(figures.limit)}/s by {_BY[figures.limit_by]}" if figures.limit else ""
    yield Text(f"{number(figures.rate)}/s{limit}")
    if figures.limited:
        waited = f", waited {whole(figures.waited)}" if figures.waited else ""
        yield Text(f"limits met {figures.limited:,}{waited}", "yellow")


def left(figures: Figures, now: datetime) -> str:
    """Say how long the rest takes, and until when; nothing where nobody can know."""
    if figures.left is None:
        return ""
    ends = now + timedelta(seconds=figures.left)
    form = "%H:%M" if figures.left >= SOON else "%H:%M:%S"
    if ends.date() != now.date():
        form = f"%Y-%m-%d {form}"
    late = figures.deadline is not None and figures.left > figures.deadline
    past = ", past the deadline" if late else ""
    rest = whole(figures.left, rough=True)
    about = "" if rest == UNDER else "about "
    return f"{about}{rest} left, until {ends:{form}Z}{past}"


def oldest(figures: Figures) -> Text | None:
    """Name the account behind the call that has been in flight for longest."""
    if (first := figures.oldest) is None:
        return None
    others = f" and {first.others} more" if first.others else ""
    name = f"{one_line(first.account, 80)}{others}"
    return Text(f"oldest in flight {whole(first.seconds)}: {name}")


def waiting(wait: Wait) -> Text:
    """Say for how much longer nothing is sent, and why."""
    reason = one_line(wait.reason, REASON_LIMIT)
    return Text(f"waiting {whole(wait.seconds)}: {reason}", "yellow")


def on_a_line(figures: Figures, now: datetime) -> str:
    """Say all of it on one line, for a log."""
    parts = [
        f"{figures.done:,}/{figures.planned:,} {figures.percent}%",
        *(part.plain for part in outcomes(figures)),
        *(part.plain for part in flow(figures)),
    ]
    if (first := oldest(figures)) and figures.oldest and figures.oldest.seconds >= 1.0:
        parts.append(first.plain)
    if figures.wait and figures.wait.seconds >= 1.0:
        parts.append(waiting(figures.wait).plain)
    return "  ".join(filter(None, [*parts, left(figures, now)]))


def flowed(parts: Sequence[Text], width: int) -> Iterator[Text]:
    """Put as many parts on each line as have room; one that has none alone is cut."""
    line = Text(" ")
    for part in parts:
        part.truncate(max(1, width - 1), overflow="ellipsis")
        if len(line.plain) > 1 and line.cell_len + len(BETWEEN) + part.cell_len > width:
            yield line
            line = Text(" ")
        if len(line.plain) > 1:
            line.append(BETWEEN)
        line.append_text(part)
    if len(line.plain) > 1:
        yield line


def whole(seconds: float, *, rough: bool = False) -> str:
    """Say how long in whole seconds, as for what changes while one reads it.

    A `rough` time has no seconds from ten minutes on.
    """
    if seconds < 0.5:
        return UNDER
    if seconds < 59.5:
        return f"{round(seconds)} s"
    said = duration(seconds)
    return said.partition(" min ")[0] + " min" if rough and SOON <= seconds < 3600 else said


def number(value: float) -> str:
    """Say a rate: with a digit behind the point below a hundred, unless it is whole."""
    if value >= 100 or value == round(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 0.1 else f"{value:.2g}"
