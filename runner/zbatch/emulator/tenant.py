"""The emulated tenant: what each request comes to, with time passed in and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from zbatch.emulator import gateway
from zbatch.emulator.accounts import AccountTable
from zbatch.emulator.book import Book, BookAccount
from zbatch.emulator.config import Drafts, EmulatorConfig
from zbatch.emulator.exchange import (
    Answer,
    Request,
    Row,
    client_error,
    content_of,
    reasons,
    rows_answer,
    zuora_fault,
)
from zbatch.emulator.faults import GENERATE, NO_ANSWER, QUERY, Deed, Mishap
from zbatch.emulator.generate import (
    Wanted,
    count_objects,
    decide,
    locked_row,
    orders_of,
    read_call,
    read_wsdl,
)
from zbatch.emulator.history import Reply
from zbatch.emulator.invoices import Order, Terms
from zbatch.emulator.keys import KeyDesk
from zbatch.emulator.limits import Quota, concurrency_headers, too_many_at_once
from zbatch.emulator.oauth import TOKEN_PATH, TokenDesk
from zbatch.emulator.preview import PREVIEW_PATH, PreviewDesk
from zbatch.emulator.query import QUERY_MORE_PATH, QUERY_PATH, QueryDesk
from zbatch.emulator.reads import ReadDesk, is_read
from zbatch.emulator.schedule import TOKEN, Faults
from zbatch.emulator.shelves import InvoiceShelf
from zbatch.emulator.store import Store
from zbatch.emulator.visit import API, Pending, Visit

ACTIONS = "/v1/action/"
GENERATE_PATH = ACTIONS + "generate"

_COUNTED = {
    GENERATE_PATH: GENERATE,
    QUERY_PATH: QUERY,
    QUERY_MORE_PATH: QUERY,
    PREVIEW_PATH: QUERY,
    TOKEN_PATH: TOKEN,
}

CUT_OFF = "cut off, the execution goes on"
AFTER_CUT_OFF = "executed after the cut-off"

Action = Callable[[Visit], Answer | Pending]


class Tenant:
    """One tenant; the store is its memory, everything else is gone when the process dies.

    Each public method is one transaction of the store.
    """

    def __init__(
        self, config: EmulatorConfig, book: Book, store: Store, faults: Faults | None = None
    ) -> None:
        self._limits = config.limits
        self._entities = config.entities
        self._modes = config.modes
        self._query_latency = config.query_latency
        self._book = book
        self._store = store
        self.quota = Quota(config.limits.rates)
        self._tokens = TokenDesk(config, store)
        self._keys = KeyDesk(store, config.modes, config.limits.key_life)
        self._open: set[Pending] = set()
        self._busy_accounts: set[str] = set()
        self._faults = Faults(config.faults, config.seed) if faults is None else faults
        self._queries = QueryDesk(config, store, book)
        previews = PreviewDesk(book, store, config.modes, config.seed)
        shelf = InvoiceShelf(config.modes, store.invoices, book)
        self._reads = ReadDesk(config.modes, AccountTable(book), shelf)
        self._actions: Mapping[str, Action] = {
            GENERATE_PATH: self._generate,
            QUERY_PATH: lambda visit: self._ask(visit, self._queries.query(visit)),
            QUERY_MORE_PATH: lambda visit: self._ask(visit, self._queries.more(visit)),
            PREVIEW_PATH: lambda visit: self._ask(visit, previews.answer(visit)),
        }

    def admit(self, at_once: int) -> None:
        """Take so many requests at once from now on; those under way go on."""
        self._limits = replace(self._limits, concurrency=at_once)

    def meet(self, request: Request, now: float) -> Mishap | None:
        """Tell what goes wrong with a request, which counts as arrived whatever it comes to."""
        action = _counted(request.method, request.path)
        if action is None:
            return None
        named = _named(request) if self._faults.by_account else b""
        return self._faults.next(action, now, named)

    def meet_unread(self, method: str, path: str, now: float) -> Mishap | None:
        """Tell what goes wrong with a request that nobody is going to read, if one does."""
        action = _counted(method, path)
        return None if action is None else self._faults.unread(action, now)

    def arrive(self, request: Request, now: float) -> Answer | Pending:
        """Take a request in: it is answered at once, or its execution has begun."""
        return self.receive(request, now, self.meet(request, now))

    def receive(
        self, request: Request, now: float, mishap: Mishap | None, note: str = ""
    ) -> Answer | Pending:
        """Take a request in whose mishap is known; `note` says how it came, for the history."""
        if mishap is not None and mishap.each is not None:
            mishap = mishap.for_objects(count_objects(content_of(request)))
        visit = Visit.of(request, now, self._store.next_request_id(), mishap, note)
        with self._store.transaction():
            visit = visit.numbered(self._store.history.arrived(visit.arrival))
            if not request.path.startswith(API):
                return self._leave(visit, self._outside(visit), now)
            self._do(visit, now, before=True)
            if (refusal := self._gate(visit)) is not None:
                return self._leave(visit, self._keys.keep_of_gateway(visit, refusal, now), now)
            if (misuse := gateway.refuse_key(request)) is not None:
                return self._leave(visit, misuse, now)
            if mishap is not None and mishap.before:
                return self._leave(visit, self._lose(visit, mishap), now)
            if (earlier := self._keys.look_up(visit)) is not None:
                answer, said = earlier
                return self._leave(visit, answer, now, said)
            begun = self._action(request)(visit)
            if isinstance(begun, Pending):
                return begun
            return self._leave(visit, self._keep(visit, begun, now), now)

    def complete(self, pending: Pending, now: float) -> Answer:
        """Execute: the invoices are real, and the key holds the answer, from here on."""
        visit = pending.visit
        note = "" if pending in self._open else AFTER_CUT_OFF
        with self._released(pending), self._store.transaction():
            answer = self._keep(visit, pending.execute(now), now)
            self._do(visit, now, before=False)
            return self._leave(visit, answer, now, note)

    def cut_off(self, pending: Pending, now: float) -> Answer:
        """Give the caller up, as Zuora does after 120 seconds; the execution goes on."""
        visit = pending.visit
        self._open.discard(pending)
        with self._store.transaction():
            answer = self._keys.keep_of_gateway(visit, gateway.timed_out(), now)
            return self._leave(visit, answer, now, CUT_OFF)

    def _do(self, visit: Visit, now: float, before: bool) -> None:
        """Let happen in the tenant what happens beside the call."""
        deed = None if visit.mishap is None else visit.mishap.deed
        if deed is Deed.REVOKE_TOKENS and before:
            self._store.revoke_tokens(now)
        elif deed is Deed.FORGET_KEY and before and visit.key is not None:
            self._store.forget(visit.key)
        elif deed is Deed.DELETE_INVOICES and before and visit.key is not None:
            self._store.invoices.delete_of_key(visit.key)
        elif deed is (Deed.BILL_BEFORE if before else Deed.BILL_AFTER):
            for order in orders_of(visit.content):
                terms = _terms(self._book.find(order.account_id), visit)
                self._store.invoices.create(replace(order, terms=terms), 1, now)

    def _lose(self, visit: Visit, mishap: Mishap) -> Answer:
        """Answer for a call that never gets to its execution."""
        answer = mishap.instead_of(NO_ANSWER, visit.now)
        return self._keys.keep_if_first(visit, answer, visit.now) if mishap.stored else answer

    def _keep(self, visit: Visit, answer: Answer, now: float) -> Answer:
        """Keep what the call came to, or what took its place."""
        mishap = visit.mishap
        if mishap is not None and mishap.stored:
            answer = mishap.instead_of(answer, visit.now)
        return self._keys.keep(visit, answer, now)

    def _outside(self, visit: Visit) -> Answer:
        request = visit.request
        if (request.method, request.path) != ("POST", TOKEN_PATH):
            return self._not_found(visit)
        if visit.mishap is not None and visit.mishap.before:
            return self._lose(visit, visit.mishap)
        return self._tokens.answer(request, visit.now)

    def _not_found(self, visit: Visit) -> Answer:
        request = visit.request
        message = f"Cannot find entity by key: '{request.method} {request.path[:200]}'."
        return reasons(404, 50000040, message, visit.request_id)

    def _action(self, request: Request) -> Action:
        if is_read(request.method, request.path):
            return lambda visit: self._ask(visit, self._reads.answer(visit))
        if request.method != "POST":
            return self._not_found
        unknown = _invalid_action if request.path.startswith(ACTIONS) else self._not_found
        return self._actions.get(request.path, unknown)

    def _gate(self, visit: Visit) -> Answer | None:
        """Refuse what the gateway turns away before the key is looked at."""
        request, now = visit.request, visit.now
        if not self._tokens.admits(request.headers.get("authorization", ""), now):
            return gateway.sign_in_first()
        if (refusal := gateway.refuse_entity(request, self._entities)) is not None:
            return refusal
        if (refusal := self.quota.count(now)) is not None:
            return refusal
        if len(self._open) >= self._limits.concurrency:
            return too_many_at_once()
        return gateway.refuse_track_id(request)

    def _generate(self, visit: Visit) -> Answer | Pending:
        request = visit.request
        wsdl = read_wsdl(request.headers.get("x-zuora-wsdl-version"))
        if wsdl is None:
            return zuora_fault("INVALID_VERSION", "there is no such WSDL version")
        reject_unknown = request.query.get("rejectUnknownFields", "").lower() == "true"
        rows = read_call(visit.content, reject_unknown)
        if isinstance(rows, Answer):
            return rows
        called = tuple(self._lock_out(row, wsdl) for row in rows)
        accounts = [row.account_id for row in called if isinstance(row, Wanted)]

        def execute(now: float) -> Answer:
            return rows_answer([self._bill(visit, n, row, now) for n, row in enumerate(called)])

        takes = sum(self._latency(account_id) for account_id in accounts)
        return self._begin(visit, execute, takes, frozenset(accounts))

    def _ask(self, visit: Visit, answer: Answer) -> Answer | Pending:
        """Take the time of a query; what it shows is what was readable when it arrived."""
        takes = self._query_latency
        return self._begin(visit, lambda _: answer, takes) if takes > 0 else answer

    def _lock_out(self, row: Wanted | Row, wsdl: int) -> Wanted | Row:
        busy = isinstance(row, Wanted) and row.account_id in self._busy_accounts
        return locked_row(wsdl) if busy else row

    def _begin(
        self,
        visit: Visit,
        execute: Callable[[float], Answer],
        takes: float,
        accounts: frozenset[str] = frozenset(),
    ) -> Pending:
        cut_at = visit.now + self._limits.cut_off
        pending = Pending(visit, execute, accounts, visit.now + takes, cut_at)
        self._open.add(pending)
        self._busy_accounts |= accounts
        self._keys.begin(visit)
        return pending

    def _latency(self, account_id: str) -> float:
        account = self._book.find(account_id)
        return 0.0 if account is None else account.latency

    def _bill(self, visit: Visit, position: int, row: Wanted | Row, now: float) -> Row:
        """Bring one row to its end; what the others come to does not touch it."""
        mishap = visit.mishap
        if mishap is None or not mishap.spoils(position):
            return self._execute(row, visit, now)
        if mishap.executed:
            self._execute(row, visit, now)
        return mishap.spoilt()

    def _execute(self, row: Wanted | Row, visit: Visit, now: float) -> Row:
        if isinstance(row, Row):
            return row
        account = self._book.find(row.account_id)
        invoices = self._store.invoices
        billed = None if account is None else invoices.billed_through(row.account_id)
        decided = decide(row, account, billed, self._modes.second_generate)
        if isinstance(decided, Row):
            return decided
        dates = (row.invoice_date, row.target_date)
        order = Order(row.account_id, *dates, key=visit.key, arrival=visit.number)
        order = replace(order, terms=_terms(account, visit))
        draft = invoices.append(order, now) if self._modes.drafts is Drafts.APPENDED else None
        # "only the id of the first invoice generated is returned" (Action POSTgenerate)
        return Row(invoice_id=draft or invoices.create(order, decided, now))

    @contextmanager
    def _released(self, pending: Pending) -> Iterator[None]:
        """Free what the execution held, even where it failed."""
        try:
            yield
        finally:
            self._open.discard(pending)
            self._busy_accounts -= pending.accounts
            self._keys.end(pending.visit)

    def _leave(self, visit: Visit, answer: Answer, now: float, note: str = "") -> Answer:
        """Write the exchange into the history and add what the gateway says on every answer."""
        if visit.mishap is not None:
            answer = visit.mishap.befall(answer, now)
            note = "; ".join(filter(None, (note, visit.mishap.note)))
        note = "; ".join(filter(None, (visit.note, note)))
        self._store.history.answered(_reply(visit, answer, now, note))
        headers = {"Date": gateway.date_of(now)}
        if "Zuora-Request-Id" not in answer.headers:  # a kept answer has the IDs it was kept with
            headers |= gateway.ids(visit.request, visit.request_id)
        if visit.request.path.startswith(API) and answer.status != 401 and not _bare(visit):
            headers |= self.quota.headers(now)
            headers |= concurrency_headers(self._limits.concurrency, len(self._open))
        accepts = visit.request.headers.get("accept-encoding", "")
        return answer.with_headers(headers).encoded(accepts)


def _terms(account: BookAccount | None, visit: Visit) -> Terms:
    if account is None:
        return Terms()
    failing = visit.mishap is not None and visit.mishap.deed is Deed.FAIL_TAX
    return Terms(account.currency, account.cents, account.tax_fails or failing)


def _named(request: Request) -> bytes:
    """Give the part of a request that names accounts."""
    return request.path.encode() if request.method == "GET" else content_of(request) or b""


def _counted(method: str, path: str) -> str | None:
    """Name the kind of call that faults are counted by."""
    if is_read(method, path):
        return QUERY
    return _COUNTED.get(path) if method == "POST" else None


def _invalid_action(visit: Visit) -> Answer:
    name = visit.request.path.removeprefix(ACTIONS)
    return client_error(f"Invalid action '{name[:200]}'")


def _bare(visit: Visit) -> bool:
    """Tell whether a gateway answers that names its own limits, or none."""
    mishap = visit.mishap
    return mishap is not None and mishap.status is not None and bool(mishap.headers)


def _reply(visit: Visit, answer: Answer, now: float, note: str) -> Reply:
    # outside the API an answer may hold a token
    body = answer.body if visit.request.path.startswith(API) else None
    return Reply(visit.number, now, answer.status, body, answer.delivery.value, note)
