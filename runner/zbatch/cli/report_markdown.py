"""A run as Markdown: for a step summary, a pull request, or the ticket that closes a month."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from zbatch.cli.plan_markdown import code
from zbatch.cli.words import OUTCOMES, counted, duration
from zbatch.model import Outcome
from zbatch.report.amounts import UNTOLD, Total
from zbatch.report.beside import Beside
from zbatch.report.differences import read_back_text
from zbatch.report.digest import Digest
from zbatch.report.kept import RunHead
from zbatch.report.lines import Line
from zbatch.report.reasons import Explain
from zbatch.report.since import OPEN, Change, in_a_sentence

LIMIT = 1024 * 1024  # bytes of a step's summary on GitHub
ROOM = 960 * 1024  # that we use of it: other steps' words may stand beside it
_TEXT = 300


def report_markdown(
    head: RunHead,
    digest: Digest,
    lines: Callable[[], Iterable[Line]],
    beside: Beside,
) -> Iterator[str]:
    """Write a run: totals, causes, then each item that needs a look, as far as there is room."""
    room = ROOM
    sections = (
        _heading(head, digest, beside.changes),
        _totals(digest),
        _money(beside.totals),
        _since(beside.changes),
        _causes(digest, beside.explain),
    )
    for section in sections:
        room -= len(section.encode())
        yield section
    for outcome in OPEN:
        wanted = digest.counts.get(outcome, 0)
        shown = 0
        for text in _rows(outcome, lines(), wanted):
            if (room := room - len(text.encode())) < 0:
                break
            shown += 1
            yield text
        if wanted and (left := wanted - max(0, shown - 1)):
            yield f"\n{counted(left, 'more item')} {OUTCOMES[outcome]}: the summary has no room.\n"


def _heading(head: RunHead, digest: Digest, changes: Sequence[Change]) -> str:
    names = f"{code(head.tenant)} · {code(head.spec_name)} · run {code(head.run_id)}"
    period = f" · {code(head.period)}" if head.period else ""
    took = ""
    if head.finished_at:
        took = f" · {duration((head.finished_at - head.started_at).total_seconds())}"
    lines = [f"### {names}{period}\n", f"**{digest.verdict}**{took}\n"]
    if settled := in_a_sentence(changes, digest.counts):
        lines.append(f"{settled}\n")
    if head.stop:
        lines.append(f"Not as planned: {code(head.stop, _TEXT)}\n")
    if seen := read_back_text(head.read_back):
        lines.append(f"To be looked at: {code(seen, _TEXT)}\n")
    return "\n".join(lines) + "\n"


def _totals(digest: Digest) -> str:
    words = " | ".join(OUTCOMES.values())
    rule = " | ".join("---:" for _ in OUTCOMES)
    counts = " | ".join(f"{digest.counts.get(outcome, 0):,}" for outcome in OUTCOMES)
    table = f"| {words} | planned |\n| {rule} | ---: |\n| {counts} | {digest.planned:,} |\n\n"
    if not digest.earlier:
        return table
    return f"{table}{digest.earlier:,} of them were settled by an earlier run.\n\n"


def _money(totals: Sequence[Total]) -> str:
    if not totals:
        return ""
    text = "| outcome | currency | invoices | amount |\n|---|---|---:|---:|\n"
    for total in totals:
        one = total.amount
        currency = code(one.currency) if one.currency else "not told"
        cells = (OUTCOMES[total.outcome], currency, f"{one.invoices:,}", one.grouped or UNTOLD)
        text += _row(cells)
    if mixed := sum(one.amount.invoices for one in totals if one.amount.currency is None):
        text += (
            f"\nOf {counted(mixed, 'invoice')} no currency is told, and none is added to another.\n"
        )
    if untold := sum(one.amount.untold for one in totals):
        text += f"\nOf {counted(untold, 'invoice')} no amount is known here: zbatch verify asks.\n"
    if appended := sum(one.amount.appended for one in totals):
        were = "was an open draft" if appended == 1 else "were open drafts"
        text += f"\n{counted(appended, 'invoice')} {were} before: the whole amount counts.\n"
    return text + "\n"


def _since(changes: Iterable[Change]) -> str:
    lines = [
        f"- {one.count:,} {OUTCOMES[one.was]} then, now {OUTCOMES[one.now]}, {_by(one)}"
        f": {', '.join(map(code, one.accounts))}"
        + (f" and {more:,} more" if (more := one.count - len(one.accounts)) else "")
        for one in changes
    ]
    return "\n".join(["Settled since this run, by the ledger:\n", *lines, "\n"]) if lines else ""


def _by(change: Change) -> str:
    runs = ", ".join(map(code, change.runs))
    if change.now is Outcome.UNKNOWN:
        return "sent since, and nobody knows what came of it"
    if not change.disproved:
        return f"by run {runs}"
    return f"proved not billed by reconciliation {runs}" if runs else "proved not billed"


def _causes(digest: Digest, explain: Explain) -> str:
    if not digest.causes:
        return ""
    text = "| items | code | meaning | who mends it | first accounts |\n|---:|---|---|---|---|\n"
    for cause in digest.causes:
        reason = explain(cause.code)
        meaning = reason.meaning if reason else code(cause.messages[0], _TEXT)
        names = ", ".join(map(code, cause.accounts))
        mender = reason.mender if reason else ""
        text += f"| {cause.count:,} | {code(cause.code)} | {meaning} | {mender} | {names} |\n"
    return text + "\n"


def _rows(outcome: Outcome, lines: Iterable[Line], wanted: int) -> Iterator[str]:
    if not wanted:
        return
    columns = ("account", "target date", "code", "message", "listed in")
    yield f"\n**{OUTCOMES[outcome]}** ({wanted:,})\n\n{_row(columns)}{_row(['---'] * 5)}"
    found = (line for line in lines if line.outcome is outcome)
    for line in islice(found, wanted):
        again = f" revision {line.revision}" if line.revision > 1 else ""
        error = line.error
        said = (code(error.code), code(error.message, _TEXT)) if error else ("", "")
        account = code(line.account_number or line.account_id)
        yield _row((account, f"{line.target_date}{again}", *said, code(f"{line.file}:{line.line}")))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"
