"""A plan as a comment on a pull request: counts on line 1, and never longer than GitHub takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

from zbatch.app.review.preview import Preview
from zbatch.cli import held_words
from zbatch.cli import plan_words as words
from zbatch.cli.words import counted
from zbatch.spec.confinement import shown_from
from zbatch.spec.listing import unusual
from zbatch.spec.plan_diff import Named, PlanDiff
from zbatch.zuora.text import one_line

LIMIT = 65_536  # characters of a comment on GitHub
ROOM = 60_000  # that we use of it: whoever posts it may add a line of their own
_NAMES = 400  # accounts of a list
_ROWS = 100  # rows of a table
_TEXT = 100  # characters of one foreign text
_SENTENCE = 400  # and of a sentence that may hold some


def plan_markdown(view: Preview) -> str:
    """Lay a plan out for a pull request, each foreign text so that GitHub reads nothing into it."""
    end = _end(view)
    room = ROOM - len(end)
    text = ""
    for section in _sections(view):
        if len(text) + len(section) > room:
            text += "\nMore is left out here, since a comment has room for no more.\n"
            break
        text += section
    return text + end


def code(text: str, limit: int = _TEXT) -> str:
    """Show a foreign text as it is: in a code span nobody is mentioned and nothing is linked.

    A bar would end a cell of a table even there, so another one stands for it.
    """
    line = one_line(text, limit).replace("|", "¦")
    if not line:
        return ""
    fence = "`" * (1 + max(map(len, _runs_of_ticks(line)), default=0))
    edge = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{edge}{line}{edge}{fence}"


def _runs_of_ticks(line: str) -> Iterator[str]:
    return (run for run in "".join(c if c == "`" else " " for c in line).split())


def _sections(view: Preview) -> Iterator[str]:
    yield _heading(view)
    yield _warnings(view)
    yield _facts(view)
    yield _dates(view)
    if view.difference:
        yield from _difference(view.difference)
    yield _out_of_the_ordinary(view)
    yield _digests(view)


def _heading(view: Preview) -> str:
    line = f"**{words.counts(view)}**"
    if view.difference:
        said = words.changed(view.difference)
        line += f" · **{said}**" if view.difference.gone.count else f" · {said}"
    return line + "\n\n"


def _warnings(view: Preview) -> str:
    return "".join(f"> ⚠️ {one.code} {code(one.message, _SENTENCE)}\n\n" for one in view.warnings)


def _facts(view: Preview) -> str:
    plan, held = view.plan, view.held
    entity = f", entity {code(plan.tenant.entity_id)}" if plan.tenant.entity_id else ""
    rows = [
        ("spec", f"{code(plan.spec.name)} in {code(plan.spec.file)}"),
        ("tenant", f"{code(plan.tenant.name)} at {code(plan.tenant.host)}{entity}"),
        ("charges", words.charges(plan.spec.charges)),
        ("ledger", code(held.unread, _SENTENCE) if held.unread else held_words.ledger(held)),
        *(("refused", code(said, _SENTENCE)) for said in held_words.refused(held)),
        *(("online", said) for said in (words.online(view.online) if view.online else ())),
        *(
            ("estimate", code(said, _SENTENCE))
            for said in (words.estimated(view.online) if view.online else ())
        ),
        *(
            ("amounts", code(said, _SENTENCE))
            for said in (words.swung(view.swings) if view.swings else ())
        ),
        ("requests", words.requests(view)),
        *(("quota", quota) for quota in words.quotas(view)),
        ("time", words.time_needed(view)),
    ]
    if said := words.period(view, code):
        rows.insert(2, ("period", said))
    if said := words.excluded(view, code):
        rows.append(("excluded", said))
    if said := words.numbered(view):
        rows.append(("numbers", said))
    rows.extend(words.rules(view))
    if plan.spec.lowered:
        rows.append(("lowered", f"to the ceilings of the tenant: {', '.join(plan.spec.lowered)}"))
    if view.counts.again:
        rows.append(("again", f"{counted(view.counts.again, 'item')} billed once before"))
    return _table(("", ""), rows, len(rows))


def _dates(view: Preview) -> str:
    dates = (
        (str(entry.target_date), str(entry.invoice_date), f"{entry.items:,}")
        for entry in view.counts.dates
    )
    text = _table(("target date", "invoice date", "items"), dates, len(view.counts.dates))
    sources = ((code(one.file), f"{one.items:,}") for one in view.counts.sources)
    return text + _table(("from", "items"), sources, len(view.counts.sources))


def _difference(difference: PlanDiff) -> Iterator[str]:
    yield f"Compared with {code(difference.before.label)}, {words.compared(difference)}.\n\n"
    yield _names("disappeared", difference.gone)
    for reason, accounts in difference.excluded[:_ROWS]:
        yield _names("excluded", accounts, f"For {code(reason)}: ")
    if len(difference.excluded) > _ROWS:
        yield f"And {len(difference.excluded) - _ROWS:,} more reasons to exclude accounts.\n\n"
    yield _names("new", difference.new)
    if not difference.changed:
        return
    rows = (
        (
            f"{change.accounts.count:,}",
            words.dates_of(change.before),
            words.dates_now(change),
            code(change.accounts.first[0]),
        )
        for change in difference.changed
    )
    heads = ("accounts with other dates", "then", "now", "such as")
    yield _table(heads, rows, len(difference.changed))
    if difference.other_changes:
        yield f"And {counted(difference.other_changes, 'account')} with still other dates.\n\n"


def _out_of_the_ordinary(view: Preview) -> str:
    """List what is billed again, or for a reason that the spec gives."""
    plan = view.plan
    found = chain(
        (
            (one.account_number or one.identity.account_id, one.identity.revision, one.reason)
            for one in unusual(plan.items)
        ),
        (
            (one.named, one.revision, one.reason)
            for one in plan.unresolved
            if one.reason or one.revision > 1
        ),
    )
    rows = [
        (code(key), str(revision), code(reason or ""))
        for key, revision, reason in islice(found, _ROWS)
    ]
    total = len(rows) + sum(1 for _ in found)
    return _table(("account", "revision", "reason"), rows, total) if rows else ""


def _digests(view: Preview) -> str:
    """List what the digest at the end is made of, for who asks what has changed since."""
    spec, accounts = view.plan.spec, view.counts.accounts_digest
    rows = [(code(spec.file), code(spec.digest))]
    rows += (
        (code(shown_from(Path(spec.file), file.path)), code(file.digest)) for file in spec.files
    )
    if accounts:
        rows.append(("the set of accounts, for `expect`", code(accounts)))
    table = _table(("SHA-256 of", ""), rows, len(rows))
    return f"<details><summary>digests of what is approved</summary>\n\n{table}</details>\n"


def _names(what: str, accounts: Named, why: str = "") -> str:
    if not accounts.count:
        return ""
    shown = accounts.first[:_NAMES]
    names = ", ".join(code(name) for name in shown)
    title = f"{counted(accounts.count, 'account')} {what}{_shown(len(shown), accounts.count)}"
    return f"<details><summary>{title}</summary>\n\n{why}{names}\n\n</details>\n\n"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]], total: int) -> str:
    lines = [_line(heads), _line(("---",) * len(heads)), *map(_line, islice(rows, _ROWS))]
    shown = len(lines) - 2
    if shown < total:
        lines.append(f"\nThis is{_shown(shown, total)}.")
    return "\n".join(lines) + "\n\n"


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _shown(shown: int, total: int) -> str:
    return f" (showing {shown:,} of {total:,})" if shown < total else ""


def _end(view: Preview) -> str:
    return f"\ndigest {code(view.digest)}\n"
