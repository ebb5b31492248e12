"""Ask the tenant what is there: every page of every question, in the run's own rate and places."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Generic, NoReturn, TypeVar

from zbatch.engine.brake import Brake
from zbatch.engine.concurrency import Flight
from zbatch.engine.ending import StopReason
from zbatch.engine.kinds import Kind, kind_of, problem_of
from zbatch.engine.order import Work
from zbatch.engine.ports import Clock, Sender
from zbatch.engine.question import Seen
from zbatch.engine.server_clock import APART, Freshness, Moment
from zbatch.engine.turns import Turns
from zbatch.model import Invoice, Item, Problem
from zbatch.zuora.limits import too_many_at_once
from zbatch.zuora.pages import MissingField, Page
from zbatch.zuora.query import ALL_FIELDS, Wanted, more_ask, query_ask, questions
from zbatch.zuora.query_reply import (
    Asked,
    invoices_of,
    of_dates_and_drafts,
    read_page,
    stranger,
    whole,
)
from zbatch.zuora.reply import NoRows, Throttled, Unauthorized, Unreadable
from zbatch.zuora.wire import Ask, Fault, Reply

R = TypeVar("R")
_Read = Callable[[Reply], Page[R] | MissingField | NoRows]

MOST_TRIES = 6  # failed answers to one request; waits for a limit or for the host do not count
MOST_PAGES = 50  # of 2,000 invoices each: more than that is a server that loops

_in_order = attrgetter("account_id", "target_date")  # as their comparison, many times as fast

# What no repetition mends: the run stops. Any other answer without rows is asked for again.
_FINAL = {
    Kind.NO_TOKEN: StopReason.CREDENTIALS,
    Kind.UNTRUSTED: StopReason.CERTIFICATE,
    Kind.MISDIRECTED: StopReason.MISDIRECTED,
    Kind.REDIRECTED: StopReason.MISDIRECTED,
    Kind.REFUSED: StopReason.QUESTION,
}

_STORED = Unreadable(
    Problem(
        "OLD_ANSWER",
        "its answer was given before it was asked: something on the way stores answers, or the"
        " clocks of the tenant's servers differ",
    )
)


@dataclass(frozen=True, slots=True)
class Reading(Generic[R]):
    """How the answer to a kind of question is read: page by page, then all of it or nothing.

    `wsdl` is the least version that knows what is asked for.
    """

    page: _Read[R]
    whole: Callable[[Sequence[Page[R]]], tuple[R, ...] | Unreadable]
    wsdl: int = 0


def invoices_read(page: _Read[Invoice], asked: Asked, wsdl: int = 0) -> Reading[Invoice]:
    """Read the invoices of a question; what holds others is no answer to it."""

    def all_asked_for(pages: Sequence[Page[Invoice]]) -> tuple[Invoice, ...] | Unreadable:
        found = whole(pages)
        return found if isinstance(found, Unreadable) else stranger(found, asked) or found

    return Reading(page, all_asked_for, wsdl)


class Unanswered(Exception):
    """The run has stopped before the question was answered, or because it was not."""


class Without(Exception):
    """The tenant does not know a field that can be done without."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class _Expired(Exception):
    """The cursor of a further page is not known any more: the question is asked anew."""


class Inquiry:
    """Answers to questions of any kind; questions only read, so they are simply repeated."""

    tries = MOST_TRIES

    def __init__(self, sender: Sender, brake: Brake, clock: Clock) -> None:
        self._sender = sender
        self._brake = brake
        self._clock = clock
        self._turns = Turns(sender, brake)
        self._stale_token: int | None = None
        self.asked = 0

    async def answer(self, question: str, reading: Reading[R]) -> tuple[Moment, tuple[R, ...]]:
        """Read all pages of a question, and read them again where they do not fit together.

        Tells when its first request left, too. Raises `Unanswered`, and `Without`.
        """
        failures = 0
        while True:
            first = query_ask(question, self._stale_token, reading.wsdl)
            asked_at, page = await self._page(first, reading.page)
            pages = [page]
            while (locator := pages[-1].locator) is not None:
                if len(pages) == MOST_PAGES:
                    self.stop(StopReason.QUESTION, "the pages of a question come to no end")
                try:
                    ask = more_ask(locator, self._stale_token, reading.wsdl)
                    _, page = await self._page(ask, reading.page, more=True)
                    pages.append(page)
                except _Expired:
                    break
            answer = reading.whole(pages)
            if not isinstance(answer, Unreadable):
                return asked_at, answer
            failures += 1
            await self._pause(failures, answer.problem.message)

    async def read(self, ask: Ask, page: _Read[R]) -> tuple[R, ...]:
        """Read an answer that is a single page; raises `Unanswered`."""
        asked = replace(ask, stale_token=self._stale_token)
        return (await self._page(asked, page))[1].records

    def stop(self, reason: StopReason, message: str) -> NoReturn:
        """Stop the run, since a question of it is not answered."""
        self._brake.stop(reason, message)
        raise Unanswered

    def unreachable(self, message: str) -> None:
        """Pause the run while the host cannot be reached."""
        self._brake.unreachable(message)

    async def _page(self, ask: Ask, read: _Read[R], more: bool = False) -> tuple[Moment, Page[R]]:
        """Read one page, and tell when the request left that it answers."""
        failures = 0
        fresh = Freshness(self._brake.server)
        while await self._turns.turn(ask.stale_token):
            asked_at = self._clock.monotonic(), self._clock.now()
            flight, exchange = await self._exchange(ask)
            page = exchange if isinstance(exchange, Fault) else read(exchange)
            if isinstance(page, Page) and self._was_stored(exchange, asked_at, fresh):
                page = _STORED
            self._note(flight, exchange, page)
            if isinstance(page, Page):
                return asked_at, page
            if isinstance(page, MissingField):
                raise Without(page.name)
            kind, problem = kind_of(page), problem_of(page)
            if kind is Kind.REFUSED and more:
                raise _Expired
            if kind in _FINAL:
                self.stop(_FINAL[kind], f"a question was not answered: {problem.message}")
            if isinstance(page, Throttled) or (isinstance(page, Fault) and page.wait):
                crowded = too_many_at_once(problem)
                self._brake.throttled(
                    exchange, problem.message, asked_at[0], question=True, crowded=crowded
                )
            elif kind is Kind.UNREACHABLE:
                self.unreachable(problem.message)
            else:
                failures += 1
                ask = self._after(page, exchange, ask)
                least = APART.total_seconds() if page is _STORED else 0.0
                await self._pause(failures, problem.message, least)
        raise Unanswered

    async def _exchange(self, ask: Ask) -> tuple[Flight, Reply | Fault]:
        self.asked += 1
        with self._brake.flying() as flight:
            exchange = await self._sender.ask(ask)
        if isinstance(exchange, Reply):
            self._brake.answered(exchange)
        return flight, exchange

    def _was_stored(self, exchange: Reply | Fault, asked_at: Moment, fresh: Freshness) -> bool:
        now = self._clock.monotonic()
        return isinstance(exchange, Reply) and fresh.was_stored(exchange.headers, asked_at, now)

    def _note(self, flight: Flight, exchange: Reply | Fault, page: object) -> None:
        """Learn from an answer how many requests may be in flight."""
        if isinstance(page, Throttled):
            self._brake.crowded(flight, exchange, page.problem)
        elif isinstance(page, Page):
            self._brake.accepted(question=True)
            self._brake.places.clean(flight, timed=False)
        else:
            self._brake.places.undecided(flight)

    def _after(self, page: object, exchange: Reply | Fault, ask: Ask) -> Ask:
        """Ask with a fresh token after a 401, and stop when that one is refused too."""
        if not isinstance(page, Unauthorized) or isinstance(exchange, Fault):
            return ask
        if ask.stale_token is not None and exchange.token != ask.stale_token:
            self.stop(StopReason.CREDENTIALS, page.problem.message)
        self._stale_token = exchange.token
        return replace(ask, stale_token=exchange.token)

    async def _pause(self, failures: int, message: str, least: float = 0.0) -> None:
        if failures >= self.tries:
            self.stop(StopReason.QUESTION, f"a question was not answered: {message}")
        when = self._clock.monotonic() + max(self._brake.jitter(failures), least)
        await self._brake.until(self._brake.stopping, when)


class Asker:
    """Answers for whole waves of works: what the tenant shows of their items."""

    def __init__(self, sender: Sender, brake: Brake, clock: Clock) -> None:
        self._inquiry = Inquiry(sender, brake, clock)
        self._fields = ALL_FIELDS

    @property
    def asked(self) -> int:
        """How many requests left."""
        return self._inquiry.asked

    async def see(self, works: Sequence[Work]) -> tuple[Moment, dict[Work, tuple[Seen, ...]]]:
        """Tell for each item of each work what the tenant shows, and when that was asked.

        That is when the first request left: what came to be later is not in the answer. Raises
        `Unanswered`.
        """
        of_works = {work: tuple(map(_wanted, work.items)) for work in works}
        wanted = sorted({one for some in of_works.values() for one in some}, key=_in_order)
        while True:
            fields = self._fields  # another wave may learn meanwhile what the tenant refuses
            try:
                asked_at, found = await self._found(wanted, fields)
            except Without as unknown:
                if unknown.name not in fields:
                    self._inquiry.stop(
                        StopReason.QUESTION,
                        f"the tenant refuses {unknown.name}, which is not asked for any more",
                    )
                self._fields -= {unknown.name}
                continue
            by_account = _by_account(found)
            return asked_at, {
                work: tuple([Seen(asked_at[1], *invoices_of(by_account, one)) for one in some])
                for work, some in of_works.items()
            }

    async def _found(
        self, wanted: Sequence[Wanted], fields: frozenset[str]
    ) -> tuple[Moment, list[Invoice]]:
        moments: list[Moment] = []
        found: list[Invoice] = []
        # looked up at each use: saboteurs take the place of these functions
        reading = invoices_read(lambda reply: read_page(reply), of_dates_and_drafts(wanted))
        for question in questions(wanted, fields):
            asked_at, invoices = await self._inquiry.answer(question, reading)
            moments.append(asked_at)
            found += invoices
        return moments[0], found


def _wanted(item: Item) -> Wanted:
    return Wanted(item.identity.account_id, item.identity.target_date)


def _by_account(invoices: Iterable[Invoice]) -> dict[str, list[Invoice]]:
    """Group invoices, each once: two questions may both show one."""
    by_account: dict[str, list[Invoice]] = {}
    for invoice in {invoice.id: invoice for invoice in invoices}.values():
        by_account.setdefault(invoice.account_id, []).append(invoice)
    return by_account
