"""A plan as text for people: counts first, 80 columns wide."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import PurePath
from textwrap import wrap

from zbatch.app.review.approval import Stale
from zbatch.app.review.counts import pairs_of
from zbatch.app.review.preview import Preview
from zbatch.cli import held_words
from zbatch.cli import plan_words as words
from zbatch.cli.words import counted
from zbatch.model import Account, DatePair, Plan, Source
from zbatch.spec.plan_diff import Named, PlanDiff
from zbatch.zuora.text import ELLIPSIS, one_line

WIDTH = 80
LABEL = 10
FIRST_ITEMS = 20
FIRST_NAMES = 20
FIRST_DATES = 20
_UNIT = re.compile(r"(?<=[0-9]) (?=(?:s|min|h|%)(?![a-z]))")  # stays with its number
_PLACE = 22  # columns that are left for where an item stands


def plan_text(view: Preview) -> str:
    """Lay a plan out for people: what disappeared, then counts, the first items last."""
    parts = [_heading(view), _dates(view), _cost(view), _difference(view.difference), _items(view)]
    sections = [list(part) for part in parts]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def stale_text(stale: Stale) -> str:
    """Show a frozen plan that its spec has left behind: why, then what it was."""
    was = stale.frozen["approved"]
    figures = (
        counted(was["items"], "item"),
        counted(was["accounts"], "account"),
        counted(was["calls"], "call"),
    )
    lines = ["STALE: zbatch run refuses this plan, for it is not what its spec says now"]
    for why in stale.why:
        lines += wrap(one_line(why, 2000), WIDTH, initial_indent="  ", subsequent_indent="    ")
    lines += ["", "What was approved:", " · ".join(figures)]
    name, given = was["spec"]["name"], stale.frozen["spec"]["given"]
    lines += labelled("spec", f"{one_line(name)} ({one_line(given)})")
    tenant = was["tenant"]
    lines += labelled("tenant", f"{one_line(tenant['name'])} ({one_line(tenant['host'])})")
    lines += labelled("digest", stale.frozen["digest"])
    lines += ["", "target date  invoice date  items"]
    for entry in was["dates"][:FIRST_DATES]:
        lines.append(f"{entry['target_date']}   {entry['invoice_date']}   {entry['items']:>6,}")
    if len(was["dates"]) > FIRST_DATES:
        lines.append(f"… and {len(was['dates']) - FIRST_DATES:,} more pairs of dates")
    return "\n".join(lines) + "\n"


def labelled(label: str, text: str) -> Iterator[str]:
    """Set a text beside its label, on as many lines as it takes."""
    held = _UNIT.sub("\N{NO-BREAK SPACE}", text)
    lines = wrap(held, WIDTH - LABEL, break_long_words=False, break_on_hyphens=False) or [""]
    for number, line in enumerate(lines):
        yield f"{'' if number else label:<{LABEL}}{line}".replace("\N{NO-BREAK SPACE}", " ")


def _heading(view: Preview) -> Iterator[str]:
    plan = view.plan
    entity = f" entity {plan.tenant.entity_id}" if plan.tenant.entity_id else ""
    if view.difference and view.difference.gone.count:
        yield words.changed(view.difference)
    yield words.counts(view)
    yield from labelled("spec", f"{one_line(plan.spec.name)} ({one_line(plan.spec.file)})")
    host = f"{one_line(plan.tenant.host)}{one_line(entity)}"
    yield from labelled("tenant", f"{one_line(plan.tenant.name)} ({host})")
    yield from labelled("charges", words.charges(plan.spec.charges))
    if said := words.period(view, one_line):
        yield from labelled("period", said)
    if said := words.excluded(view, _quoted):
        yield from labelled("excluded", said)
    if said := words.numbered(view):
        yield from labelled("numbers", said)
    for label, said in words.rules(view):
        yield from labelled(label, said)
    if lowered := plan.spec.lowered:
        yield from labelled("lowered", f"to the ceilings of the tenant: {', '.join(lowered)}")
    if view.counts.again:
        yield from labelled("again", f"{counted(view.counts.again, 'item')} billed once before")
    if view.counts.accounts_digest:
        yield from labelled("accounts", view.counts.accounts_digest)
    yield from labelled("digest", view.digest)
    for warning in view.warnings:
        yield from labelled("WARNING", one_line(f"{warning.code} {warning.message}"))


def _quoted(text: str) -> str:
    return f'"{one_line(text, 60)}"'


def _dates(view: Preview) -> Iterator[str]:
    dates = view.counts.dates
    yield "target date  invoice date  items"
    for entry in dates[:FIRST_DATES]:
        yield f"{entry.target_date}   {entry.invoice_date}   {entry.items:>6,}"
    if len(dates) > FIRST_DATES:
        rest = sum(entry.items for entry in dates[FIRST_DATES:])
        yield f"… and {counted(rest, 'item')} with {len(dates) - FIRST_DATES:,} more pairs of dates"
    sources = view.counts.sources
    if len(sources) > 1:
        yield ""
        yield "items   from"
        for source in sources:
            yield f"{source.items:>6,}  {_cut(one_line(source.file), WIDTH - 8)}"


def _cost(view: Preview) -> Iterator[str]:
    yield from labelled("ledger", one_line(held_words.ledger(view.held)))
    for said in held_words.refused(view.held):
        yield from labelled("refused", one_line(said, 400))
    for number, said in enumerate(words.online(view.online) if view.online else ()):
        yield from labelled("" if number else "online", one_line(said, 400))
    for number, said in enumerate(words.estimated(view.online) if view.online else ()):
        yield from labelled("" if number else "estimate", one_line(said, 400))
    for number, said in enumerate(words.swung(view.swings) if view.swings else ()):
        yield from labelled("" if number else "amounts", one_line(said, 400))
    yield from labelled("requests", words.requests(view))
    for quota in words.quotas(view):
        yield from labelled("quota", quota)
    yield from labelled("time", words.time_needed(view))


def _difference(difference: PlanDiff | None) -> Iterator[str]:
    if difference is None:
        return
    then = words.compared(difference)
    yield from labelled("against", f"{one_line(difference.before.label, 200)}, {then}")
    yield from labelled("changes", words.changed(difference))
    yield from _named("gone", difference.gone)
    for reason, accounts in difference.excluded[:FIRST_DATES]:
        yield from labelled(
            "excluded", f"{counted(accounts.count, 'account')} for {_quoted(reason)}"
        )
        yield from _named("", accounts)
    if len(difference.excluded) > FIRST_DATES:
        yield f"… and accounts excluded for {len(difference.excluded) - FIRST_DATES:,} more reasons"
    yield from _named("new", difference.new)
    for change in difference.changed[:FIRST_DATES]:
        yield f"{counted(change.accounts.count, 'account')} with other dates"
        yield from labelled("  then", words.dates_of(change.before))
        yield from labelled("  now", words.dates_now(change))
        names = ", ".join(change.accounts.first[:2])
        more = change.accounts.count - 2
        yield from labelled("  such as", names + (f" and {more:,} more" if more > 0 else ""))
    untold = len(difference.changed) - FIRST_DATES
    if untold > 0 or difference.other_changes:
        told = sum(change.accounts.count for change in difference.changed[:FIRST_DATES])
        yield f"… and {counted(difference.redated - told, 'account')} with still other dates"


def _named(label: str, accounts: Named) -> Iterator[str]:
    for number, name in enumerate(accounts.first[:FIRST_NAMES]):
        yield f"{'' if number else label:<{LABEL}}{one_line(name, WIDTH - LABEL)}"
    if accounts.count > FIRST_NAMES:
        yield f"{'':<{LABEL}}… and {accounts.count - FIRST_NAMES:,} more (--json names 1,000)"


def _items(view: Preview) -> Iterator[str]:
    yield "account                           target      invoice     from"
    for item in islice(view.plan.items, FIRST_ITEMS):
        name = one_line(item.account_number or item.identity.account_id, 32)
        dates = f"{item.identity.target_date}  {item.invoice_date}"
        yield f"{name:<32}  {dates}  {_place(item.source)}"
        yield from _why(item.identity.revision, item.reason)
    room = max(0, FIRST_ITEMS - len(view.plan.items))
    shown = min(len(view.plan.items), FIRST_ITEMS)
    for account, pair in islice(_unresolved(view.plan), room):
        shown += 1
        dates = f"{pair.target_date}  {pair.invoice_date}"
        yield f"{one_line(account.named, 32):<32}  {dates}  {_place(account.source)}"
        yield from _why(account.revision, account.reason)
    if view.counts.items > shown:
        yield f"… and {view.counts.items - shown:,} more (--json has them all)"


def _unresolved(plan: Plan) -> Iterator[tuple[Account, DatePair]]:
    return ((one, pair) for one in plan.unresolved for pair in pairs_of(plan.spec, one))


def _why(revision: int, reason: str | None) -> Iterator[str]:
    """Say what a reviewer must not miss: that it is billed again, and the reason that is given."""
    again = f"revision {revision}" if revision > 1 else ""
    if again or reason:
        yield f"  {one_line(': '.join(text for text in (again, reason) if text), WIDTH - 2)}"


def _place(source: Source) -> str:
    """Name a file in the same way on every line, whatever number it ends in."""
    file = one_line(source.file)
    if len(file) + max(len(":999"), len(f":{source.line}")) > _PLACE:
        file = one_line(PurePath(source.file).name)
    return _cut(f"{file}:{source.line}", _PLACE)


def _cut(text: str, width: int) -> str:
    """Keep the end of a path, which tells more than its start."""
    return text if len(text) <= width else ELLIPSIS + text[1 - width :]
