"""Ask a tenant what is there before a plan is run: its accounts, their invoices and drafts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from zbatch.app.asking import Bureau, Matter, Session
from zbatch.app.loading import emulator_book
from zbatch.app.numbers import Resolved
from zbatch.app.review.held import unsettled
from zbatch.app.review.online import Estimated, Online, There
from zbatch.app.state import State
from zbatch.engine.asking import Reading
from zbatch.engine.money import added, amount_of
from zbatch.engine.order import Work
from zbatch.engine.ports import Observer
from zbatch.engine.question import Nothing, Odd, Seen, look
from zbatch.model import Item, Plan, Trail
from zbatch.spec import find_project
from zbatch.zuora.accounts import ACTIVE, IdQuestion, all_asked_for, id_questions
from zbatch.zuora.numbers import FoundAccount, read_accounts
from zbatch.zuora.preview import Previewed, preview_ask, read_preview
from zbatch.zuora.query import BRANCHES

_MATTER = Matter("what is there", "what is there")
_WAVE = BRANCHES // 2  # items of one question: each asks for its date and its account's drafts

Open = tuple[Item, Trail]
"""An item that is not settled for good, and what a question about it is held against."""


Question = Callable[[], Awaitable[None]]


def bureau_of(spec: Path, plan: Plan, state_dir: Path | None, tell: Observer) -> Bureau:
    """Ask for the plan of a spec from its project."""
    project = find_project(spec)
    folder = State.of(project.root, state_dir).root / plan.tenant.folder
    return Bureau(folder, emulator_book(project), tell)


def look_online(bureau: Bureau, resolved: Resolved, *, preview: bool = False) -> Online:
    """Ask what the tenant shows of a plan whose accounts all have their IDs.

    With `preview` it is asked for an estimate of each item as well, a request each. Raises
    `CannotStart` where the tenant does not tell, `Interrupted` by a signal; nothing is sent in any
    case.
    """
    plan = resolved.plan
    items = list(unsettled(plan, bureau.folder))
    asked_at = bureau.outside.clock.now()
    if not items:
        return Online(asked_at, resolved.asked, 0)

    async def talk(session: Session) -> _Found:
        found = _Found(session)
        questions = [*found.questions(items), *(found.previews(items) if preview else ())]
        await session.answers(questions, _call)
        return found

    found, asked = bureau.ask(plan, _MATTER, talk, resolved.pace)
    return found.told(items, asked_at, resolved.asked + asked)


async def _call(question: Question) -> None:
    await question()


class _Found:
    """What the answers have brought so far."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._accounts: dict[str, FoundAccount] = {}
        self._seen: dict[int, Seen] = {}
        self._previewed: dict[int, Previewed] = {}

    def questions(self, items: Sequence[Open]) -> Iterator[Question]:
        """Give all questions about some items, to be asked in any order."""
        for one in id_questions(item.identity.account_id for item, _ in items):
            yield partial(self._ask_accounts, one)
        works = [Work(place, (item,), 0) for place, (item, _) in enumerate(items)]
        for start in range(0, len(works), _WAVE):
            yield partial(self._ask_invoices, works[start : start + _WAVE])

    def previews(self, items: Sequence[Open]) -> Iterator[Question]:
        """Give the requests that ask for an estimate, one an item."""
        for place, (item, _) in enumerate(items):
            yield partial(self._preview, place, item)

    async def _preview(self, place: int, item: Item) -> None:
        reading = partial(read_preview, account_id=item.identity.account_id)
        (self._previewed[place],) = await self._session.inquiry.read(preview_ask(item), reading)

    async def _ask_accounts(self, question: IdQuestion) -> None:
        reading = Reading(read_accounts, partial(all_asked_for, question=question))
        _, accounts = await self._session.inquiry.answer(question.text, reading)
        self._accounts |= {account.id: account for account in accounts}

    async def _ask_invoices(self, works: Sequence[Work]) -> None:
        _, shown = await self._session.asker.see(works)
        self._seen |= {work.ordinal: ones[0] for work, ones in shown.items()}

    def told(self, items: Sequence[Open], asked_at: datetime, asked: int) -> Online:
        """Put together what the tenant shows of some items."""
        accounts = self._accounts
        inactive = (one for one in accounts.values() if one.status not in (None, ACTIVE))
        drafts = (
            item.identity.account_id
            for place, (item, _) in enumerate(items)
            if self._seen[place].drafts
        )
        return Online(
            asked_at=asked_at,
            requests=asked,
            items=len(items),
            unknown=tuple(item for item, _ in items if item.identity.account_id not in accounts),
            inactive=tuple(sorted(inactive, key=lambda one: one.id)),
            there=tuple(_held_by_invoices(items, self._seen)),
            drafts=tuple(dict.fromkeys(drafts)),
            estimates=tuple(self._estimates(items)) if self._previewed else None,
        )

    def _estimates(self, items: Sequence[Open]) -> Iterator[Estimated]:
        for place, (item, _) in enumerate(items):
            shown = self._previewed[place]
            account = self._accounts.get(item.identity.account_id)
            amounts = [amount_of(text) for text in shown.amounts]
            known = [amount for amount in amounts if amount is not None]
            amount = None if shown.problem or len(known) < len(amounts) else added(known)
            currency = account.currency if account else None
            yield Estimated(item, amount, currency, shown.problem)


def _held_by_invoices(items: Iterable[Open], seen: dict[int, Seen]) -> Iterator[There]:
    for place, (item, trail) in enumerate(items):
        found = look(seen[place], trail)
        if isinstance(found, Nothing):
            continue
        if isinstance(found, Odd):
            yield There(item, tuple(invoice.id for invoice in seen[place].invoices))
        else:
            yield There(item, found.ids)
