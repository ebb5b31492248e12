"""Ask a tenant for a token and one question, and tell by the answers what is wrong with the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from zbatch.app.connection import Access, reached
from zbatch.app.doctor.check import Check, ok, problem, skipped
from zbatch.app.doctor.clocks import SLACK, check_clock, in_words
from zbatch.app.doctor.limits import check_limits
from zbatch.engine.kinds import Kind, kind_of, problem_of
from zbatch.engine.ports import Clock
from zbatch.model import Tenant
from zbatch.net.token import EntityRefused, TokenFailure, TokenRefused
from zbatch.zuora.limits import age_of, date_of
from zbatch.zuora.pages import MissingField, Page
from zbatch.zuora.query import REQUIRED, Wanted, query_ask, questions
from zbatch.zuora.query_reply import read_page
from zbatch.zuora.reply import NoRows
from zbatch.zuora.wire import Fault, FaultKind, Reply

# No account has this ID: the answer is short, and tells of the way all the same.
(QUESTION,) = questions([Wanted("0" * 32, date(2000, 1, 1))], REQUIRED)

AFTER_TOKEN = ("entity", "question", "clock", "limits")
_REACH = "check base_url, proxy and ca_file in tenants.yaml, and the network between"
_TRUST = (
    "check base_url and ca_file in tenants.yaml; if a proxy opens TLS, its authority is to be there"
)
_STORED = "let nobody between store what base_url answers; a run believes no such answer, and stops"
_LATER = "nothing is wrong on this side; try again in some minutes"
_PASSING = frozenset({Kind.THROTTLED, Kind.BUSY, Kind.SERVER_ERROR, Kind.LOST, Kind.UNREACHABLE})


@dataclass(frozen=True, slots=True)
class Answers:
    """What a tenant said: why there is no token, or what came of the question, and when."""

    refused: TokenFailure | None
    exchange: Reply | Fault | None
    asked: datetime
    answered: datetime

    @property
    def unasked(self) -> bool:
        """Whether the tenant itself has given no answer to go by."""
        if self.refused:
            return not (isinstance(self.refused, TokenRefused) and self.refused.answered)
        kind = self.kind
        return self.stored or kind in _PASSING or kind in (Kind.UNREADABLE, Kind.UNTRUSTED)

    @property
    def age(self) -> timedelta:
        """How long the answer was stored on the way, as far as it says so."""
        return age_of(self.exchange.headers) if isinstance(self.exchange, Reply) else timedelta(0)

    @property
    def stored(self) -> bool:
        """Whether it was given before it was asked for, so that a run would not believe it."""
        return self.age > self.answered - self.asked + SLACK

    @property
    def unread(self) -> NoRows | Fault | None:
        """What came instead of an answer; None for a good one."""
        page = read_page(self.exchange) if isinstance(self.exchange, Reply) else self.exchange
        return None if isinstance(page, Page | MissingField) else page

    @property
    def kind(self) -> Kind | None:
        """What kind of answer that was."""
        return kind_of(self.unread) if self.unread else None

    @property
    def message(self) -> str:
        """What was wrong with it, in its own words."""
        if self.unread is None:
            return ""
        found = problem_of(self.unread)
        return found.message if isinstance(self.unread, Fault) else f"{found.code}: {found.message}"


async def ask(access: Access, clock: Clock) -> Answers:
    """Get a token, ask one question, and never repeat either."""
    async with reached(access, clock) as (tokens, sender):
        asked = clock.now()
        try:
            await tokens.token(None)
        except TokenFailure as failure:
            return Answers(failure, None, asked, clock.now())
        exchange = await sender.ask(query_ask(QUESTION))
        return Answers(None, exchange, exchange.sent_at or asked, clock.now())


def check_answers(tenant: Tenant, answers: Answers) -> Iterator[Check]:
    """Tell line by line how far the way goes."""
    if answers.refused:
        yield from _without_token(tenant, answers.refused)
        return
    yield ok("connection", f"{tenant.host} answers")
    if answers.kind is Kind.UNAUTHORIZED and not answers.stored:
        advice = "the API user may be locked or its client deactivated: look in Zuora"
        yield problem("token", f"given, and then refused ({answers.message})", advice)
    else:
        yield ok("token", "given for these credentials")
    yield from _of_question(tenant, answers)
    if isinstance(answers.exchange, Reply):
        headers = answers.exchange.headers
        if answers.age:
            yield skipped("clock", "the answer was stored on the way, and its Date is of then")
        else:
            yield check_clock(date_of(headers), answers.asked, answers.answered)
        yield check_limits(tenant, headers)
    else:
        yield from _left(("clock", "limits"), "no answer came to the question")


def _without_token(tenant: Tenant, refused: TokenFailure) -> Iterator[Check]:
    told = str(refused).removeprefix("token request: ")
    if not refused.answered:
        untrusted = refused.kind is FaultKind.CERTIFICATE
        yield problem("connection", f"{tenant.host}: {told}", _TRUST if untrusted else _REACH)
        yield from _left(("token", *AFTER_TOKEN), "no connection")
        return
    yield ok("connection", f"{tenant.host} answers")
    if isinstance(refused, EntityRefused):
        yield ok("token", "given for these credentials")
        yield _wrong_entity(tenant, told)
        yield from _left(AFTER_TOKEN[1:], "not asked of another entity")
    elif isinstance(refused, TokenRefused):
        places = tenant.credentials.places
        advice = f"check what stands in {places}, and that it is of the tenant that base_url names"
        yield problem("token", told, advice)
        yield from _left(AFTER_TOKEN, "no token")
    else:
        yield problem("token", told, _LATER)
        yield from _left(AFTER_TOKEN, "no token")


def _of_question(tenant: Tenant, answers: Answers) -> Iterator[Check]:
    kind, told = answers.kind, answers.message
    if answers.stored:
        yield skipped("entity", "the question was not answered")
        found = f"the answer was stored on the way, {in_words(answers.age)} ago"
        yield problem("question", found, _STORED)
        return
    if kind is Kind.REFUSED and tenant.entity_id:
        yield _wrong_entity(tenant, told)
        yield skipped("question", "not answered for another entity")
        return
    if kind is None:
        yield ok("entity", _entity(tenant))
        yield ok("question", "invoices can be asked for")
        return
    yield skipped("entity", "the question was not answered")
    yield _unanswered(kind, told)


def _unanswered(kind: Kind, told: str) -> Check:
    if kind in _PASSING:
        return problem("question", told, _LATER)
    if kind is Kind.UNAUTHORIZED:
        return skipped("question", "the token was refused")
    if kind is Kind.REDIRECTED:
        return problem("question", told)  # which says itself what to check
    if kind in (Kind.REFUSED, Kind.MISDIRECTED):
        advice = "check base_url, and that the API user's role may query invoices"
        return problem("question", told, advice)
    return problem("question", told, "check that base_url is that of Zuora's REST API")


def _wrong_entity(tenant: Tenant, told: str) -> Check:
    advice = "correct entity_id in tenants.yaml, or let the OAuth client in to it in Zuora"
    return problem("entity", f"{tenant.entity_id} is refused ({told})", advice)


def _entity(tenant: Tenant) -> str:
    return tenant.entity_id or "none named: what is billed is the client's own"


def _left(names: tuple[str, ...], why: str) -> Iterator[Check]:
    return (skipped(name, why) for name in names)
