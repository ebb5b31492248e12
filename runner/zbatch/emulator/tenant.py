"""The emulated tenant: what each request comes to, with time passed in and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from email.utils import formatdate

from zbatch.emulator import gateway
from zbatch.emulator.book import Book
from zbatch.emulator.config import Conflict, EmulatorConfig, Stored
from zbatch.emulator.exchange import (
    Answer,
    Request,
    Row,
    content_of,
    fault,
    reasons,
    rows_answer,
)
from zbatch.emulator.generate import Wanted, decide, locked_row, read_call, read_wsdl
from zbatch.emulator.limits import Quota, concurrency_headers, too_many_at_once
from zbatch.emulator.oauth import TOKEN_PATH, TokenDesk
from zbatch.emulator.store import Exchange, Remembered, Scope, Store

GENERATE_PATH = "/v1/action/generate"

REPLAYED = "replayed"
OTHER_BODY = "replayed, though the body is another: one key must carry one body"
CUT_OFF = "cut off, the execution goes on"
AFTER_CUT_OFF = "executed after the cut-off"


@dataclass(frozen=True, slots=True)
class Visit:
    """A request that has arrived: `content` is None where its gzip is broken."""

    request: Request
    now: float
    request_id: str
    content: bytes | None
    body_hash: bytes

    @property
    def key(self) -> str | None:
        """The idempotency key it carries."""
        return self.request.headers.get("idempotency-key")

    @property
    def scope(self) -> Scope:
        """What its key is bound to."""
        entity = self.request.headers.get("zuora-entity-ids", "")
        return Scope(entity, self.request.method, self.request.path)


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """A call in execution: it is done at `due`; its caller is answered by `cut_at` at the latest.

    Both are epoch seconds. Whoever holds it calls `Tenant.cut_off` if `cut_at` comes first, and
    `Tenant.complete` at `due` in any case.
    """

    visit: Visit
    rows: tuple[Wanted | Row, ...]
    accounts: frozenset[str]
    due: float
    cut_at: float


class Tenant:
    """One tenant; the store is its memory, everything else is gone when the process dies."""

    def __init__(self, config: EmulatorConfig, book: Book, store: Store) -> None:
        self._config = config
        self._limits = config.limits
        self._modes = config.modes
        self._book = book
        self._store = store
        self._quota = Quota(config.limits.rates)
        self._desk = TokenDesk(config, store)
        self._open: set[Pending] = set()
        self._in_progress: dict[str, Pending] = {}
        self._busy_accounts: set[str] = set()

    def arrive(self, request: Request, now: float) -> Answer | Pending:
        """Take a request in: it is answered at once, or its execution has begun."""
        content = content_of(request)
        body_hash = hashlib.sha256(request.body if content is None else content).digest()
        visit = Visit(request, now, self._store.next_request_id(), content, body_hash)
        if not request.path.startswith("/v1/"):
            answer = self._outside(visit)
            return self._leave(visit, answer, now)
        if (refusal := self._gate(visit)) is not None:
            if self._modes.stored is Stored.ALL:
                self._keep(visit, refusal)
            return self._leave(visit, refusal, now)
        if (misuse := gateway.refuse_key(visit.request)) is not None:
            return self._leave(visit, misuse, now)
        if (earlier := self._look_up(visit)) is not None:
            answer, note = earlier
            return self._leave(visit, answer, now, note)
        return self._start(visit)

    def complete(self, pending: Pending, now: float) -> Answer:
        """Execute: the invoices are real, and the key holds the answer, from here on."""
        visit = pending.visit
        late = pending not in self._open
        with self._released(pending), self._store.transaction():
            rows = [self._bill(row, visit.key, now) for row in pending.rows]
            answer = self._keep(visit, rows_answer(rows))
            self._record(visit, answer, now, AFTER_CUT_OFF if late else "")
            return self._dress(visit, answer, now)

    def cut_off(self, pending: Pending, now: float) -> Answer:
        """Give the caller up, as Zuora does after 120 seconds; the execution goes on."""
        visit = pending.visit
        answer = gateway.timed_out()
        if self._modes.stored is Stored.ALL:
            answer = self._keep(visit, answer)
        answer = self._leave(visit, answer, now, CUT_OFF)
        self._open.discard(pending)
        return answer

    def _outside(self, visit: Visit) -> Answer:
        request = visit.request
        if request.path == TOKEN_PATH and request.method == "POST":
            return self._desk.answer(request, visit.now)
        return self._not_found(visit)

    def _not_found(self, visit: Visit) -> Answer:
        request = visit.request
        message = f"Cannot find entity by key: '{request.method} {request.path[:200]}'."
        return reasons(404, 50000040, message, visit.request_id)

    def _gate(self, visit: Visit) -> Answer | None:
        """Refuse what the gateway turns away before the key is looked at, in Zuora's order."""
        request, now = visit.request, visit.now
        if not self._desk.admits(request.headers.get("authorization", ""), now):
            return gateway.sign_in_first()
        for refusal in (
            gateway.refuse_entity(request, self._config.entities),
            self._quota.count(now),
            too_many_at_once() if len(self._open) >= self._limits.concurrency else None,
            gateway.refuse_track_id(request),
        ):
            if refusal is not None:
                return refusal
        return None

    def _look_up(self, visit: Visit) -> tuple[Answer, str] | None:
        """Return what the key holds, with a note; None where this is its first use."""
        key = visit.key
        if key is None:
            return None
        kept = self._store.recall(key, visit.now - self._limits.key_life)
        if kept is not None:
            if kept.scope != visit.scope:
                return gateway.key_of_another_url(visit.request_id), ""
            answer = kept.answer
            if self._modes.conflict is Conflict.ROWS and answer.status == 200:
                answer = replace(answer, status=409)
            return answer, REPLAYED if kept.body_hash == visit.body_hash else OTHER_BODY
        running = self._in_progress.get(key)
        if running is None:
            return None
        if running.visit.scope != visit.scope:
            return gateway.key_of_another_url(visit.request_id), ""
        note = "" if running.visit.body_hash == visit.body_hash else OTHER_BODY
        return gateway.key_in_progress(visit.request_id), note

    def _start(self, visit: Visit) -> Answer | Pending:
        request = visit.request
        wsdl = read_wsdl(request.headers.get("x-zuora-wsdl-version"))
        if (request.method, request.path) != ("POST", GENERATE_PATH):
            rows: tuple[Wanted | Row, ...] | Answer = self._not_found(visit)
        elif wsdl is None:
            rows = fault("INVALID_VERSION", "there is no such WSDL version")
        else:
            reject = request.query.get("rejectUnknownFields", "").lower() == "true"
            rows = read_call(visit.content, reject)
        if isinstance(rows, Answer):
            return self._leave(visit, self._keep(visit, rows), visit.now)
        return self._begin(visit, self._lock_out(rows, wsdl or 0))

    def _lock_out(self, rows: tuple[Wanted | Row, ...], wsdl: int) -> tuple[Wanted | Row, ...]:
        return tuple(
            locked_row(wsdl)
            if isinstance(row, Wanted) and row.account_id in self._busy_accounts
            else row
            for row in rows
        )

    def _begin(self, visit: Visit, rows: tuple[Wanted | Row, ...]) -> Pending:
        wanted = [row for row in rows if isinstance(row, Wanted)]
        due = visit.now + sum(self._latency(row) for row in wanted)
        accounts = frozenset(row.account_id for row in wanted)
        pending = Pending(visit, rows, accounts, due, visit.now + self._limits.cut_off)
        self._open.add(pending)
        self._busy_accounts |= accounts
        if visit.key is not None:
            self._in_progress[visit.key] = pending
        return pending

    def _latency(self, wanted: Wanted) -> float:
        account = self._book.find(wanted.account_id)
        return 0.0 if account is None else account.latency

    def _bill(self, row: Wanted | Row, key: str | None, now: float) -> Row:
        """Bring one row to its end; each is its own transaction in Zuora's sense."""
        if isinstance(row, Row):
            return row
        account = self._book.find(row.account_id)
        billed = self._store.billed_through(row.account_id)
        refused = decide(row, account, billed, self._modes.second_generate)
        if refused is not None or account is None:
            return refused or Row()
        dates = (row.invoice_date, row.target_date)
        created = [
            self._store.create_invoice(row.account_id, dates, now, key)
            for _ in range(account.invoices)
        ]
        return Row(
            invoice_id=created[0]
        )  # "only the id of the first invoice" (Action POSTgenerate)

    @contextmanager
    def _released(self, pending: Pending) -> Iterator[None]:
        """Free what the execution held, even where it failed."""
        try:
            yield
        finally:
            self._open.discard(pending)
            self._busy_accounts -= pending.accounts
            if pending.visit.key is not None:
                self._in_progress.pop(pending.visit.key, None)

    def _keep(self, visit: Visit, answer: Answer) -> Answer:
        """Keep the answer under the request's key, with its own IDs, and return it so."""
        answer = answer.with_headers(gateway.ids(visit.request, visit.request_id))
        if visit.key is not None and gateway.refuse_key(visit.request) is None:
            kept = Remembered(visit.key, visit.scope, visit.body_hash, visit.now, answer)
            self._store.remember(kept)
        return answer

    def _leave(self, visit: Visit, answer: Answer, now: float, note: str = "") -> Answer:
        with self._store.transaction():
            self._record(visit, answer, now, note)
        return self._dress(visit, answer, now)

    def _dress(self, visit: Visit, answer: Answer, now: float) -> Answer:
        """Add what the gateway says on every answer; a replay keeps the IDs it was kept with."""
        headers = {
            **gateway.ids(visit.request, visit.request_id),
            "Date": formatdate(now, usegmt=True),
        }
        if visit.request.path.startswith("/v1/") and answer.status != 401:
            headers |= self._quota.headers(now)
            headers |= concurrency_headers(self._limits.concurrency, len(self._open))
        accepts = visit.request.headers.get("accept-encoding", "")
        return answer.with_headers(headers).encoded(accepts)

    def _record(self, visit: Visit, answer: Answer, now: float, note: str) -> None:
        request = visit.request
        self._store.record(
            Exchange(
                arrived_at=visit.now,
                finished_at=now,
                peer=request.peer,
                method=request.method,
                path=request.path,
                key=gateway.printable(visit.key),
                body_hash=visit.body_hash,
                track_id=gateway.printable(request.headers.get("zuora-track-id")),
                request_id=visit.request_id,
                status=answer.status,
                note=note,
            )
        )
