"""Saboteurs of what a run tells: T1 that it stands, T2 whose invoices they are, T3 no secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from support.saboteurs.bench import Bench
from support.saboteurs.saboteur import saboteur
from zbatch.app.books import Books
from zbatch.app.recorder import Recorder
from zbatch.engine import agreement, judge
from zbatch.ledger import rows
from zbatch.ledger.store import Store
from zbatch.model import Attempt, Detail, Item, ItemRecord, Outcome, Tenant
from zbatch.report import lines
from zbatch.report.summary import Fold
from zbatch.zuora import headers

AGAIN = "tests/app/test_run_convergence.py::test_a_failed_item_stays_failed_until_it_is_asked_for"
READ_BACK = "tests/app/test_read_back.py::test_"


@saboteur("T1", test=AGAIN)
def what_stood_is_told_otherwise(bench: Bench) -> None:
    """What an earlier run has invoiced, a later one tells and counts as already invoiced."""
    line_of, add = Recorder._line_of, Fold.add

    def otherwise(teller: Any, record: ItemRecord) -> ItemRecord:
        earlier = record.run_id not in (None, teller._run_id)
        invoiced = record.outcome is Outcome.INVOICED
        return replace(record, outcome=Outcome.ALREADY_INVOICED) if earlier and invoiced else record

    def one_by_one(self: Any) -> None:
        for _, records in self._todo.settled(self._store):
            self._recorder.add_all(records)

    bench.method(Recorder, "_line_of", lambda self, record: line_of(self, otherwise(self, record)))
    bench.method(Fold, "add", lambda self, record: add(self, otherwise(self, record)))
    bench.method(Books, "open", one_by_one)
    bench.method(Books, "_take_invoiced", lambda self: None)


@saboteur("T1", test=AGAIN)
def the_ledger_holds_another_id(bench: Bench) -> None:
    """The ledger holds an invoice by another ID than the one that is told of it, then and later."""
    columns, details, read = rows.record_columns, rows.detail_columns, rows.record_of

    def written(record: ItemRecord) -> tuple[object, ...]:
        outcome, invoice_id, *rest = columns(record)
        return (outcome, invoice_id and str(invoice_id).upper(), *rest)

    def detailed(record: ItemRecord) -> tuple[object, ...]:
        *rest, invoice_id = details(record)
        return (*rest, str(invoice_id).upper())

    def told(row: Any, item: Item) -> ItemRecord | None:
        held: Any = dict(zip(row.keys(), row, strict=True))
        held["invoice_id"] = held["invoice_id"] and held["invoice_id"].lower()
        return read(held, item)

    bench.function(columns, written)
    bench.function(details, detailed)
    bench.function(read, told)
    bench.method(Store, "repeated", lambda *_: None)


@saboteur("T2", test=f"{READ_BACK}what_is_not_proved_is_not_claimed")
def whatever_is_there_is_ours(bench: Bench) -> None:
    """Whatever else is there for the account and date is told as of the same call."""

    def substitute(entry: Any, own: Sequence[Any], others: Sequence[Any]) -> bool:
        return bool(others)

    bench.function(agreement._of_one_call, substitute)


@saboteur("T2", test=f"{READ_BACK}all_invoices_of_one_call")
def one_of_several_is_told_of(bench: Bench) -> None:
    """Of several invoices that a line names, it tells of the first alone."""
    details_of = lines._details

    def substitute(details: tuple[Detail, ...] | None) -> str:
        return details_of(details[:1] if details else details)

    bench.function(details_of, substitute)


@saboteur("T3", test="tests/faults/test_auth.py::test_f59_a_client_that_is_revoked_in_the_middle")
def a_refusal_quotes_the_request(bench: Bench) -> None:
    """What went wrong with a send is written down with the headers that it left with."""
    sent: dict[str, str] = {}
    build, answered = headers.request_headers, judge.answered

    def building(tenant: Tenant, key: str, track_id: str, token: str) -> dict[str, str]:
        sent[track_id] = token
        return build(tenant, key, track_id, token)

    def substitute(attempt: Attempt, exchange: Any, answer: Any, now: datetime) -> Attempt:
        done = answered(attempt, exchange, answer, now)
        if done.problem is None or done.track_id not in sent:
            return done
        quoted = f"{done.problem.message} (sent as Bearer {sent[done.track_id]})"
        return replace(done, problem=replace(done.problem, message=quoted))

    bench.function(build, building)
    bench.function(answered, substitute)
