"""Ask the tenant what is there: every page of every question, in the run's own rate and slots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NoReturn

from zbatch.engine.brake import Brake
from zbatch.engine.order import Work
from zbatch.engine.ports import Clock, Sender
from zbatch.engine.question import Seen
from zbatch.engine.verdict import Kind, StopReason, kind_of, problem_of
from zbatch.model import Invoice, Item
from zbatch.zuora.query import ALL_FIELDS, Wanted, more_ask, query_ask, questions
from zbatch.zuora.query_reply import MissingField, Page, invoices_of, read_page, whole
from zbatch.zuora.reply import Throttled, Unauthorized, Unreadable
from zbatch.zuora.wire import Ask, Fault, Reply

Moment = tuple[float, datetime]  # by the steady clock and by the wall's

MOST_TRIES = 6  # failed answers to one request; waits for a limit or for the host do not count
MOST_PAGES = 50  # of 2,000 invoices each: more than that is a server that loops

# What no repetition mends: the run stops. Any other answer without rows is asked for again.
_FINAL = {
    Kind.NO_TOKEN: StopReason.CREDENTIALS,
    Kind.UNTRUSTED: StopReason.CERTIFICATE,
    Kind.MISDIRECTED: StopReason.MISDIRECTED,
    Kind.REFUSED: StopReason.QUESTION,
}


class Unanswered(Exception):
    """The run has stopped before the question was answered, or because it was not."""


class _Without(Exception):
    """The tenant does not know a field that can be done without."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class _Expired(Exception):
    """The cursor of a further page is not known any more: the question is asked anew."""


class Asker:
    """Answers for whole waves of works; questions only read, so they are simply repeated."""

    def __init__(self, sender: Sender, brake: Brake, clock: Clock) -> None:
        self._sender = sender
        self._brake = brake
        self._clock = clock
        self._fields = ALL_FIELDS
        self._stale_token: int | None = None
        self.asked = 0

    async def see(self, works: Sequence[Work]) -> tuple[Moment, dict[Work, tuple[Seen, ...]]]:
        """Tell for each item of each work what the tenant shows, and when that was asked.

        That is when the first request left: what came to be later is not in the answer. Raises
        `Unanswered`.
        """
        wanted = {_wanted(item) for work in works for item in work.items}
        while True:
            fields = self._fields  # another wave may learn meanwhile what the tenant refuses
            try:
                asked_at, found = await self._found(sorted(wanted), fields)
            except _Without as unknown:
                if unknown.name not in fields:
                    self._stop(
                        StopReason.QUESTION,
                        f"the tenant refuses {unknown.name}, which is not asked for any more",
                    )
                self._fields -= {unknown.name}
                continue
            by_account = _by_account(found)
            return asked_at, {
                work: tuple(
                    Seen(asked_at[1], *invoices_of(by_account, _wanted(item)))
                    for item in work.items
                )
                for work in works
            }

    async def _found(
        self, wanted: Sequence[Wanted], fields: frozenset[str]
    ) -> tuple[Moment, list[Invoice]]:
        moments: list[Moment] = []
        found: list[Invoice] = []
        for question in questions(wanted, fields):
            asked_at, invoices = await self._answer(question)
            moments.append(asked_at)
            found += invoices
        return moments[0], found

    async def _answer(self, question: str) -> tuple[Moment, Sequence[Invoice]]:
        """Read all pages of a question, and read them again where they do not fit together."""
        failures = 0
        while True:
            asked_at, page = await self._page(query_ask(question, self._stale_token))
            pages = [page]
            while (locator := pages[-1].locator) is not None:
                if len(pages) == MOST_PAGES:
                    self._stop(StopReason.QUESTION, "the pages of a question come to no end")
                try:
                    _, page = await self._page(more_ask(locator, self._stale_token), more=True)
                    pages.append(page)
                except _Expired:
                    break
            answer = whole(pages)
            if not isinstance(answer, Unreadable):
                return asked_at, answer
            failures += 1
            await self._pause(failures, answer.problem.message)

    async def _page(self, ask: Ask, more: bool = False) -> tuple[Moment, Page]:
        """Read one page, and tell when the request left that it answers."""
        failures = 0
        while await self._brake.turn():
            asked_at = self._clock.monotonic(), self._clock.now()
            exchange = await self._exchange(ask)
            page = exchange if isinstance(exchange, Fault) else read_page(exchange)
            if isinstance(page, Page):
                return asked_at, page
            if isinstance(page, MissingField):
                raise _Without(page.name)
            kind, problem = kind_of(page), problem_of(page)
            if kind is Kind.REFUSED and more:
                raise _Expired
            if kind in _FINAL:
                self._stop(_FINAL[kind], f"a question was not answered: {problem.message}")
            if kind is Kind.UNREACHABLE:
                self._brake.unreachable(problem.message)
            elif isinstance(page, Throttled):
                self._brake.throttled(exchange, problem.message, failures + 1)
            else:
                failures += 1
                ask = self._after(page, exchange, ask)
                await self._pause(failures, problem.message)
        raise Unanswered

    async def _exchange(self, ask: Ask) -> Reply | Fault:
        self.asked += 1
        with self._brake.flying():
            exchange = await self._sender.ask(ask)
        if isinstance(exchange, Reply):
            self._brake.answered(exchange)
        return exchange

    def _after(self, page: object, exchange: Reply | Fault, ask: Ask) -> Ask:
        """Ask with a fresh token after a 401, and stop when that one is refused too."""
        if not isinstance(page, Unauthorized) or isinstance(exchange, Fault):
            return ask
        if ask.stale_token is not None and exchange.token != ask.stale_token:
            self._stop(StopReason.CREDENTIALS, page.problem.message)
        self._stale_token = exchange.token
        return Ask(ask.path, ask.wire, exchange.token)

    async def _pause(self, failures: int, message: str) -> None:
        if failures >= MOST_TRIES:
            self._stop(StopReason.QUESTION, f"a question was not answered: {message}")
        when = self._clock.monotonic() + self._brake.jitter(failures)
        await self._brake.until(self._brake.stopping, when)

    def _stop(self, reason: StopReason, message: str) -> NoReturn:
        self._brake.stop(reason, message)
        raise Unanswered


def _wanted(item: Item) -> Wanted:
    return Wanted(item.identity.account_id, item.identity.target_date)


def _by_account(invoices: Iterable[Invoice]) -> dict[str, list[Invoice]]:
    """Group invoices, each once: two questions may both show one."""
    by_account: dict[str, list[Invoice]] = {}
    for invoice in {invoice.id: invoice for invoice in invoices}.values():
        by_account.setdefault(invoice.account_id, []).append(invoice)
    return by_account
