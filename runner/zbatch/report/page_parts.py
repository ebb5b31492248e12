"""The parts of the page that need no script: what happened, why, and how it is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from zbatch.model import ExitCode, Outcome
from zbatch.report.differences import read_back_text
from zbatch.report.digest import Cause, Digest, is_whole
from zbatch.report.kept import RunHead
from zbatch.report.reasons import Explain
from zbatch.report.since import OPEN, Change, in_a_sentence
from zbatch.report.timeline import Timeline
from zbatch.zuora.text import one_line

WORDS = {
    Outcome.INVOICED: "invoiced",
    Outcome.ALREADY_INVOICED: "already invoiced",
    Outcome.NOTHING_TO_BILL: "nothing to bill",
    Outcome.FAILED: "failed",
    Outcome.UNKNOWN: "unknown",
    Outcome.NOT_ATTEMPTED: "not attempted",
}
_TEXT = 500


def safe(text: str, limit: int = _TEXT) -> str:
    """Make a foreign text one line of HTML text, in which nothing is obeyed."""
    return escape(one_line(text, limit))


def header(head: RunHead, digest: Digest, changes: Sequence[Change] = ()) -> str:
    """Say which run this is, and in one sentence how it ended."""
    tone = _tone(head, digest)
    period = f"<span>period <b>{safe(head.period)}</b></span>" if head.period else ""
    stop = f'<p class="stop">Not as planned: {safe(head.stop)}</p>' if head.stop else ""
    if seen := read_back_text(head.read_back):
        stop += f'<p class="stop">To be looked at: {safe(seen)}</p>'
    settled = in_a_sentence(changes, digest.counts)
    settled = f'<p class="settled"><a href="#since">{settled}</a></p>' if settled else ""
    exit_code = "" if head.exit_code is None else f"<span>exit <b>{head.exit_code}</b></span>"
    return (
        f'<header class="{tone}">\n<p class="where"><b>{safe(head.tenant)}</b> · '
        f"{safe(head.host)}</p>\n<h1>{safe(head.spec_name)}</h1>\n"
        f'<p class="verdict">{safe(digest.verdict)}</p>\n{settled}{stop}'
        f'<p class="facts">{period}<span>began <b>{_moment(head.started_at)}</b></span>'
        f"<span>took <b>{_took(head)}</b></span>{exit_code}"
        f"<span>run <code>{safe(head.run_id)}</code></span></p>\n</header>\n"
    )


def _tone(head: RunHead, digest: Digest) -> str:
    doubt = head.exit_code in (ExitCode.UNKNOWN, ExitCode.INTERNAL)  # also beyond this run's items
    whole = is_whole(head, digest.counts)
    if doubt or digest.without or not whole or digest.counts.get(Outcome.UNKNOWN):
        return "doubt"
    clean = head.exit_code == ExitCode.OK and not any(digest.counts.get(one) for one in OPEN)
    clean = clean and not read_back_text(head.read_back)
    return "good" if clean else "look"


def totals(digest: Digest) -> str:
    """Give the six counts, which add up to what was planned, and their shares as a bar."""
    cells = "".join(
        f'<div class="tile {one.value}{"" if digest.counts.get(one) else " none"}">'
        f"<dt>{word}</dt><dd>{digest.counts.get(one, 0):,}</dd></div>\n"
        for one, word in WORDS.items()
    )
    earlier = ""
    if digest.earlier:
        earlier = (
            f'<p class="earlier">{digest.earlier:,} of them were settled by an earlier run, and are'
            " only repeated here: nothing was sent for them.</p>\n"
        )
    open_ones = ""
    if digest.without:
        open_ones = (
            f'<p class="warning"><b>{digest.without:,} items have no outcome here:</b> the run is'
            " under way, or ended before it could say more. zbatch run of the same spec goes on"
            " from the ledger.</p>\n"
        )
    return (
        f'<section aria-labelledby="totals"><h2 id="totals">What {digest.planned:,} planned items'
        f' came to</h2>\n<dl class="tiles">\n{cells}</dl>\n{_bar(digest)}{earlier}{open_ones}'
        "</section>\n"
    )


def _bar(digest: Digest) -> str:
    """Draw the shares; the figures stand beside, so the drawing is for eyes alone."""
    x, pieces = 0.0, ""
    for outcome in WORDS:
        share = 1000 * digest.counts.get(outcome, 0) / max(1, digest.planned)
        share = max(share, 3.0) if digest.counts.get(outcome) else 0.0  # one in 100,000 is seen
        pieces += f'<rect class="{outcome.value}" x="{x:.2f}" width="{share:.2f}" height="10"/>'
        x += share
    return (
        f'<svg class="bar" viewBox="0 0 {max(x, 1):.2f} 10" preserveAspectRatio="none"'
        f' aria-hidden="true">{pieces}</svg>\n'
    )


def since(changes: Sequence[Change]) -> str:
    """Say what is not as the report says any more: nobody is to act on what is settled."""
    if not changes:
        return ""
    rows = "".join(
        f'<li>{one.count:,} <span class="chip {one.was.value}">{WORDS[one.was]}</span> then, now'
        f' <span class="chip {one.now.value}">{WORDS[one.now]}</span>, {_by(one)}'
        f": {_codes(one.accounts)}{_more(one)}</li>\n"
        for one in changes
    )
    return (
        '<section aria-labelledby="since"><h2 id="since">Settled since</h2>\n<p>The rest of this'
        " page says what was known when the run ended. By the ledger beside it, since then:</p>\n"
        f'<ul class="since">\n{rows}</ul></section>\n'
    )


def _by(change: Change) -> str:
    if change.now is Outcome.UNKNOWN:
        return "sent since, and nobody knows what came of it"
    if not change.disproved:
        return f"by run {_codes(change.runs)}"
    by = f" by reconciliation {_codes(change.runs)}" if change.runs else ""
    return f"proved not billed{by}"


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"<code>{safe(name, 80)}</code>" for name in names)


def _more(change: Change) -> str:
    more = change.count - len(change.accounts)
    return f" and {more:,} more" if more else ""


def causes(digest: Digest, explain: Explain) -> str:
    """Say why items have no invoice, the gravest first: code, meaning, who mends it, accounts."""
    if not digest.causes:
        return ""
    rows = "".join(_cause(cause, explain) for cause in digest.causes)
    return (
        '<section aria-labelledby="causes"><h2 id="causes">What needs a look</h2>\n'
        '<div class="wide" tabindex="0" role="region" aria-labelledby="causes">'
        '<table class="causes"><thead><tr><th scope="col" class="number">Items</th>'
        '<th scope="col">Outcome</th><th scope="col">Code and what it means</th>'
        '<th scope="col">Who usually mends it, and how</th>'
        f'<th scope="col">First accounts</th></tr></thead>\n<tbody>\n{rows}</tbody></table></div>'
        "</section>\n"
    )


def _cause(cause: Cause, explain: Explain) -> str:
    reason = explain(cause.code)
    meaning = f"<p>{escape(reason.meaning)}</p>" if reason else ""
    mender = escape(reason.mender) if reason else "not known: the message says most"
    mender += f'<p class="mend">{escape(reason.mend)}</p>' if reason else ""
    said = "".join(f"<li>{safe(message)}</li>" for message in cause.messages if message)
    quoted = f'<ul class="said">{said}</ul>' if said else ""
    names = "".join(f"<li><code>{safe(name, 80)}</code></li>" for name in cause.accounts)
    more = cause.count - len(cause.accounts)
    rest = f"<li>and {more:,} more</li>" if more > 0 else ""
    return (
        f'<tr><td class="number">{cause.count:,}</td>'
        f'<td><span class="chip {cause.outcome.value}">{WORDS[cause.outcome]}</span></td>'
        f"<td><code>{safe(cause.code, 80)}</code>{meaning}{quoted}</td><td>{mender}</td>"
        f'<td><ul class="names">{names}{rest}</ul></td></tr>\n'
    )


def pictures(head: RunHead, over_time: Timeline | None) -> str:
    """Leave room for the pictures, each with a sentence that says the same in words."""
    if over_time is None:
        return ""
    figures = "".join(
        f'<figure><figcaption><h3 id="{name}-title">{title}</h3><p id="{name}-words">{said}</p>'
        f'</figcaption><div class="picture" id="{name}" role="img" aria-labelledby="{name}-title"'
        f' aria-describedby="{name}-words"></div></figure>\n'
        for name, title, said in _pictures(head, over_time)
    )
    return (
        '<section aria-labelledby="time"><h2 id="time">The run over time</h2>\n'
        f'<div class="pictures">\n{figures}</div>\n'
        "<noscript><p>The pictures and the table of items need a script to be drawn; it is in this"
        " file.</p></noscript></section>\n"
    )


def _pictures(head: RunHead, over_time: Timeline) -> Iterator[tuple[str, str, str]]:
    if sent := sum(over_time.sent):
        most = max(over_time.rates(over_time.sent))
        yield (
            "throughput",
            "Calls per second",
            f"{sent:,} calls, at most {most:,.4g} a second, under a limit of"
            f" {_limit(head, 'rate')}. {_refused(over_time)}",
        )
        yield (
            "flight",
            "Calls in flight",
            f"At most {max(over_time.in_flight):,} at once, of {_limit(head, 'concurrency')}"
            " allowed.",
        )
    if found := over_time.latencies:
        yield (
            "latency",
            "How long an answer took",
            f"Half within {found.median:,} ms, 95 of 100 within {found.most:,} ms, the longest"
            f" {found.longest:,} ms.",
        )
    done = sum(counts[-1] for counts in over_time.outcomes.values())
    yield "outcomes", "Outcomes over time", f"{done:,} items came to an outcome here."


def _limit(head: RunHead, name: str) -> str:
    limits = head.raw.get("limits")
    return safe(str(limits[name])) if isinstance(limits, dict) and name in limits else "?"


def _refused(over_time: Timeline) -> str:
    refused = sum(over_time.refused)
    if not refused:
        return "None was answered 429 (too many requests)."
    waited = over_time.seconds_waited
    return (
        f"{refused:,} were answered 429 (too many requests), for which all calls waited"
        f" {waited:,.1f} s."
    )


def items(digest: Digest) -> str:
    """Give the table of all items its frame; the script fills and works it."""
    options = "".join(
        f'<option value="{at}">{word} ({digest.counts.get(one, 0):,})</option>'
        for at, (one, word) in enumerate(WORDS.items())
        if digest.counts.get(one)
    )
    columns = "".join(
        f'<th scope="col" aria-sort="none"{" class=number" if name in _NUMBERS else ""}>'
        f'<button type="button" data-sort="{name}">{title}</button></th>'
        for name, title in _COLUMNS
    )
    sizes = "".join(f"<option>{size}</option>" for size in (25, 50, 100, 500))
    return (
        '<section aria-labelledby="items" id="table" hidden><h2 id="items">Every item</h2>\n'
        '<div class="tools"><label>Search <input type="search" id="search" autocomplete="off"'
        ' spellcheck="false" placeholder="account, invoice, amount, code, message, request ID">'
        "</label>"
        f'<label>Outcome <select id="outcome"><option value="">all</option>{options}</select>'
        f'</label><label>Rows <select id="size">{sizes}</select></label></div>\n'
        '<div class="wide" tabindex="0" role="region" aria-labelledby="items">'
        '<table class="items"><thead><tr><th scope="col"><span class="hidden">Details</span></th>'
        f'{columns}</tr></thead><tbody id="body"></tbody></table></div>\n'
        '<nav class="pager" aria-label="Pages of items">'
        '<button type="button" id="first">First</button>'
        '<button type="button" id="back">Back</button>'
        '<p id="shown" role="status"></p>'
        '<button type="button" id="on">Next</button>'
        '<button type="button" id="last">Last</button></nav></section>\n'
    )


_COLUMNS = (
    ("account", "Account"),
    ("target", "Target date"),
    ("outcome", "Outcome"),
    ("invoice", "Invoice"),
    ("amount", "Amount"),
    ("code", "Code"),
    ("took", "Took"),
    ("finished", "Known at (UTC)"),
)
_NUMBERS = ("amount", "took")


def provenance(head: RunHead) -> str:
    """Say what the run was made from and held to, so that somebody can check it."""
    rows = "".join(f"<div><dt>{name}</dt><dd>{said}</dd></div>\n" for name, said in _facts(head))
    return (
        '<section aria-labelledby="origin"><h2 id="origin">How this is known</h2>\n'
        "<p>All figures are those of the run's own report, which repeats its ledger; nothing was"
        " asked of the tenant for this page.</p>\n"
        f'<dl class="origin">\n{rows}</dl></section>\n'
    )


def _facts(head: RunHead) -> Iterator[tuple[str, str]]:
    raw = head.raw
    spec, git = _map(raw, "spec"), _map(raw, "git")
    yield "run", f"<code>{safe(head.run_id)}</code>, {safe(head.verb)}"
    yield "tenant", f"{safe(head.tenant)}, <code>{safe(head.host)}</code>"
    if head.entity_id:
        yield "entity", f"<code>{safe(head.entity_id)}</code>"
    file = safe(head.spec_path or head.spec_file)
    yield "spec", f"<code>{file}</code><br>{_digest(head.spec_digest)}"
    for listed in spec.get("files") or ():
        if isinstance(listed, dict):
            path, rows, digest = (str(listed.get(name)) for name in ("path", "rows", "digest"))
            said = f"<code>{safe(path)}</code>, {safe(rows)} rows<br>{_digest(digest)}"
            yield "account list", said
    if git:
        said = "as committed" if git.get("as_committed") else "<b>changed since that commit</b>"
        yield "git", f"<code>{safe(str(git.get('commit')))}</code>, {said}"
    else:
        yield "git", "not known"
    yield "plan", _digest(head.plan_digest)
    approved = raw.get("approved_digest")
    yield "approved", _digest(str(approved)) if approved else "the run was held to no approval"
    yield "limits", _listed(_map(raw, "limits"))
    yield "began", _moment(head.started_at)
    yield "ended", _moment(head.finished_at) if head.finished_at else "not yet, or it was killed"
    yield "calls sent", "not known" if head.calls_sent is None else f"{head.calls_sent:,}"
    yield "versions", _listed(_map(raw, "versions"))


def _digest(text: str) -> str:
    return f'<code class="digest">{safe(text)}</code>'


def _map(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = raw.get(name)
    return found if isinstance(found, dict) else {}


def _listed(found: Mapping[str, Any]) -> str:
    return _comma(f"{safe(name).replace('_', ' ')} {safe(str(one))}" for name, one in found.items())


def _comma(words: Iterable[str]) -> str:
    return ", ".join(words) or "not known"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _took(head: RunHead) -> str:
    if head.finished_at is None:
        return "not over"
    seconds = max(0, round((head.finished_at - head.started_at).total_seconds()))
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    words = ((hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join(f"{number} {unit}" for number, unit in words if number) or "under 1 s"
