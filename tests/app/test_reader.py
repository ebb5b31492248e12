"""Reading back on virtual time: when it asks, what it makes durable, and that it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from support.engine import (
    BRANCH,
    START,
    TENANT,
    HighRandom,
    VirtualClock,
    item,
    run_virtually,
    text_of,
)
from support.in_hand import TokenInHand
from zbatch.app.readback import Hands, Reader, entry_of
from zbatch.engine.agreement import Code, LedgerEntry
from zbatch.engine.brake import Brake
from zbatch.engine.details import Details
from zbatch.engine.gentle import Gentle
from zbatch.engine.settings import Settings
from zbatch.errors import LedgerFailure
from zbatch.ledger.billed import Billed
from zbatch.model import Detail, Item, ItemRecord, Limits, Outcome, Problem, Rate
from zbatch.report.record import ReadBackRecord
from zbatch.zuora.query import BRANCHES
from zbatch.zuora.request import make_call
from zbatch.zuora.wire import Ask, Fault, Reply, Request

Shown = Sequence[dict[str, object]]
DONE = START + timedelta(seconds=2)
DAY = item(1).identity.target_date.isoformat()
LONG_AGO = "2026-10-31T00:00:00Z"
GENERATING = {"Status": "Generating"}


def invoice_id(number: int) -> str:
    return f"{number:032x}".replace("0", "a")


def invoiced(number: int, **fields: Any) -> ItemRecord:
    """Make the record of an item that has just been invoiced."""
    record = ItemRecord(
        item(number),
        Outcome.INVOICED,
        invoice_id(number),
        attempts=1,
        started_at=START,
        finished_at=DONE,
    )
    return replace(record, **fields)


def an_invoice(number: int, **fields: object) -> dict[str, object]:
    """Show the invoice of such an item."""
    return {
        "Id": invoice_id(number),
        "AccountId": item(number).identity.account_id,
        "TargetDate": DAY,
        "Status": "Draft",
        "Source": "API",
        "Amount": 10,
        "CreatedDate": START.isoformat(),
        **fields,
    }


@dataclass
class Server(TokenInHand):
    """Shows what there is by the time; a question about whole accounts takes in other dates."""

    shows: Callable[[float], Shown | None]
    asked: list[tuple[float, str]] = field(default_factory=list)

    async def send(self, request: Request) -> Reply | Fault:
        """Take in no call."""
        raise AssertionError(request)

    async def ask(self, ask: Ask) -> Reply | Fault:
        """Answer a question, or never."""
        now, text = asyncio.get_running_loop().time(), text_of(ask)
        self.asked.append((now, text))
        shown = self.shows(now)
        if shown is None:
            await asyncio.Event().wait()
        await asyncio.sleep(0.1)
        dates = set(BRANCH.findall(text))
        found = [
            one
            for one in shown or ()
            if str(one["AccountId"]) in text
            and (not dates or (one["AccountId"], one["TargetDate"]) in dates)
        ]
        body = {"size": len(found), "done": True, "records": found}
        return Reply(200, {}, json.dumps(body).encode(), token=1)

    @property
    def times(self) -> list[int]:
        """Give the seconds at which it was asked."""
        return [int(time) for time, _ in self.asked]

    @property
    def about_accounts(self) -> list[bool]:
        """Tell of each question whether it was about whole accounts."""
        return ["TargetDate =" not in text for _, text in self.asked]


@dataclass
class Read:
    """What became of records, in the order in which it did."""

    server: Server
    kept: list[ItemRecord] = field(default_factory=list)
    told: list[ItemRecord] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    looked_up: list[int] = field(default_factory=list)
    result: ReadBackRecord = field(default_factory=lambda: ReadBackRecord(0, 0, {}))
    elapsed: float = 0.0

    @property
    def details(self) -> dict[str, tuple[Detail, ...] | None]:
        """Give what was told of each item's invoices, which was durable before."""
        assert len({one.item.identity for one in self.told}) == len(self.told)
        return {one.invoice_id or "": one.invoices for one in self.told}


def read(
    shows: Callable[[float], Shown | None],
    *records: ItemRecord,
    wait: float = 30.0,
    during: Callable[[Reader, asyncio.Event], Awaitable[None]] | None = None,
    disk: Callable[[], None] = lambda: None,
    drafts: frozenset[str] = frozenset(),
    billed: Billed | None = None,
    ledger: Callable[[], None] = lambda: None,
) -> Read:
    """Read records back, and give all that came of it; `drafts` were there before the calls.

    `looked_up` are how many items each look into the ledger was for. `billed` is what it tells of
    their sends, where that is not as the records say.
    """
    server = Server(shows)
    done = Read(server)

    async def entries(items: Sequence[Item]) -> list[LedgerEntry]:
        ledger()
        done.looked_up.append(len(items))
        held = {record.item: entry_of(record) for record in records}
        found = [replace(held[one], drafts=drafts) for one in items]
        if billed is None:
            return found
        return [replace(one, sends=billed.sends, started_at=billed.since) for one in found]

    async def keep(some: Sequence[ItemRecord]) -> None:
        await asyncio.sleep(0.01)
        disk()
        done.kept.extend(some)

    def tell(some: Sequence[ItemRecord]) -> None:
        for record in some:
            assert record.invoices is None or record in done.kept, "told before it was durable"
        done.told.extend(some)

    async def main() -> None:
        clock = VirtualClock()
        settings = Settings(
            "0",
            Limits(10, Rate(600, 60.0), 1, 150.0),
            6,
            lambda items, generation: make_call(TENANT, items, generation),
        )
        brake = Brake(clock, HighRandom(), lambda event: None, settings)
        hands = Hands(entries, keep, tell, done.failures.append)
        reader = Reader(Details(Gentle(server, brake, clock)), hands, wait)
        stopping = asyncio.Event()
        for record in records:
            reader.take(record)
        if during:
            await during(reader, stopping)
        await reader.finish(stopping)
        done.result = reader.result
        done.elapsed = clock.monotonic()

    run_virtually(main())
    return done


def test_a_wave_that_does_not_fill_is_asked_about_after_a_minute() -> None:
    """Whoever watches the report need not wait for a run's end, nor for a hundred more."""

    async def pass_time(reader: Reader, stopping: asyncio.Event) -> None:
        await asyncio.sleep(59.0)
        reader.take(invoiced(2))
        await asyncio.sleep(2.0)
        assert reader.result.questions == 1
        reader.take(invoiced(3))
        await asyncio.sleep(200.0)
        assert reader.result.questions == 2

    done = read(lambda now: [an_invoice(n) for n in (1, 2, 3)], invoiced(1), during=pass_time)
    assert done.server.times == [60, 121]
    assert {one.invoices is not None for one in done.told} == {True}


def test_a_stopped_run_asks_nothing_more() -> None:
    """What is open is told as the row has told it, and counted as not read."""

    async def stop(reader: Reader, stopping: asyncio.Event) -> None:
        stopping.set()

    done = read(lambda now: [an_invoice(1)], invoiced(1), invoiced(2), during=stop)
    assert (done.server.asked, done.kept, done.elapsed) == ([], [], 0.0)
    assert done.told == [invoiced(1), invoiced(2)]
    assert done.result == ReadBackRecord(0, 2, {})


@pytest.mark.parametrize(("stops", "ends"), [(7.0, 7), (1000.0, 120)])
def test_a_tenant_that_never_answers_holds_nothing_up(stops: float, ends: int) -> None:
    """Reading back ends with the run's stop, and after two minutes in any case."""

    async def stop_later(reader: Reader, stopping: asyncio.Event) -> None:
        asyncio.get_running_loop().call_later(stops, stopping.set)

    done = read(lambda now: None, invoiced(1), invoiced(2), during=stop_later)
    assert round(done.elapsed) == ends
    assert done.told == [invoiced(1), invoiced(2)]
    assert (done.result.questions, done.result.unread) == (1, 2)


def test_an_older_draft_is_looked_for_at_once() -> None:
    """Where charges were appended the date shows nothing: the whole account is asked about."""
    older = an_invoice(1, TargetDate="2026-10-31", CreatedDate=LONG_AGO)
    done = read(lambda now: [older], invoiced(1))
    assert (done.server.times, done.server.about_accounts) == ([0, 0, 0], [False, False, True])
    (detail,) = done.told[0].invoices or ()
    assert (detail.status, detail.appended) == ("Draft", True)
    assert done.elapsed < 1


@pytest.mark.parametrize(
    ("fields", "noted", "findings"),
    [
        ({}, True, {}),
        ({"TaxStatus": "Error"}, True, {Code.TAX_FAILED: 1}),
        ({}, False, {Code.CHANGED: 1}),
    ],
)
def test_only_a_draft_that_was_there_may_be_of_an_older_date(
    fields: dict[str, str], noted: bool, findings: dict[Code, int]
) -> None:
    """What the ledger has not noted before the call should be for the date that was asked for."""
    shown = an_invoice(1, TargetDate="2026-10-31", CreatedDate=LONG_AGO, **fields)
    drafts = frozenset({invoice_id(1)} if noted else ())
    assert read(lambda now: [shown], invoiced(1), drafts=drafts).result.findings == findings


def test_an_older_draft_that_is_shown_late_is_found_at_the_end() -> None:
    """Accounts are looked into again once the time for what is late is over."""
    older = an_invoice(1, TargetDate="2026-10-31")
    done = read(lambda now: [older] if now > 29 else [], invoiced(1))
    assert done.server.times == [0, 0, 0, 5, 30, 30, 30]
    assert done.server.about_accounts == [False, False, True, False, False, False, True]
    assert [one.status for one in done.told[0].invoices or ()] == ["Draft"]


@pytest.mark.parametrize(
    ("ready", "times", "elapsed"),
    [(3.0, [0, 5], 5), (20.0, [0, 5, 30], 30), (99.0, [0, 5, 30], 30)],
)
def test_what_is_being_generated_is_asked_about_twice(
    ready: float, times: list[int], elapsed: int
) -> None:
    """After five seconds and at the end; what is not finished then is told as it was last seen."""

    def shows(now: float) -> Shown:
        return [an_invoice(1, **(GENERATING if now < ready else {})), an_invoice(2)]

    done = read(shows, invoiced(1), invoiced(2))
    assert (done.server.times, round(done.elapsed)) == (times, elapsed)
    assert not any(done.server.about_accounts)
    (detail,) = done.details[invoice_id(1)] or ()
    assert detail.status == ("Generating" if ready == 99.0 else "Draft")
    assert done.result.findings == ({Code.GENERATING: 1} if ready == 99.0 else {})
    assert done.result.unread == 0


def test_what_is_finished_does_not_wait_for_what_is_not() -> None:
    """A line is told as soon as its own invoices are known."""
    done = read(lambda now: [an_invoice(1, **GENERATING), an_invoice(2)], invoiced(1), invoiced(2))
    assert [one.item for one in done.told] == [item(2), item(1)]


def test_many_that_are_not_shown_are_not_looked_for_in_their_accounts() -> None:
    """More than a question's worth: a tenant that lags is not asked for all it has."""
    count = BRANCHES + 1
    done = read(lambda now: [], *(invoiced(n) for n in range(1, count + 1)))
    assert not any(done.server.about_accounts)
    assert [text.count("AccountId =") for _, text in done.server.asked] == [100, 1] * 3
    assert done.result.findings == {Code.NOT_SHOWN: count}
    assert done.looked_up == [count]  # whether there were older drafts, and that once
    assert {one.invoices for one in done.told} == {
        (Detail(invoice_id(n)),) for n in range(1, count + 1)
    }


def test_of_many_those_are_looked_for_in_their_accounts_that_had_a_draft() -> None:
    """One that is shown there after all is told as what it is."""
    late = an_invoice(7, TargetDate="2026-10-31", CreatedDate=LONG_AGO)
    many = [invoiced(n) for n in range(1, BRANCHES + 3)]
    drafts = frozenset({invoice_id(7), invoice_id(8)})
    done = read(lambda now: [late], *many, drafts=drafts)
    whole = [text for _, text in done.server.asked if "TargetDate =" not in text]
    assert [text.count("AccountId =") for text in whole] == [2, 1]
    assert done.result.findings == {Code.NOT_SHOWN: BRANCHES + 1}
    (detail,) = done.details[invoice_id(7)] or ()
    assert (detail.status, detail.appended) == ("Draft", True)


def test_a_ledger_that_does_not_tell_of_drafts_stops_the_run() -> None:
    """What is not shown is told as it is, and the failure goes to the run."""

    def refuse() -> None:
        raise LedgerFailure("the disk is gone")

    done = read(lambda now: [], *(invoiced(n) for n in range(1, BRANCHES + 2)), ledger=refuse)
    assert {str(one) for one in done.failures} == {"the disk is gone"}
    assert len(done.told) == BRANCHES + 1
    assert done.elapsed < 60


def test_what_cannot_be_kept_is_told_as_the_row_told_it() -> None:
    """The disk fails: what was durable before stands, and the run is told of the failure."""

    def full() -> None:
        raise LedgerFailure("the disk is full")

    done = read(lambda now: [an_invoice(1)], invoiced(1), disk=full)
    assert done.told == [invoiced(1)]
    assert [str(one) for one in done.failures] == ["the disk is full"]


def test_a_success_is_told_with_all_that_is_shown_of_it() -> None:
    """Each field in its place, and the invoices that one call made beside the one it named."""
    money = {"Amount": 12, "Balance": 5, "Currency": "EUR"}
    tax = {"TaxStatus": "Error", "TaxMessage": "no engine"}
    second = an_invoice(7, AccountId=item(1).identity.account_id, InvoiceNumber="I2")
    done = read(
        lambda now: [second, an_invoice(1, InvoiceNumber="I1", **money, **tax)], invoiced(1)
    )
    (record,) = done.told
    assert record.invoice_ids == (invoice_id(1), invoice_id(7))
    assert record.invoices == (
        Detail(invoice_id(1), "I1", "Draft", "12", "5", "EUR", "Error", "no engine"),
        Detail(invoice_id(7), "I2", "Draft", "10"),
    )
    assert replace(record, invoice_ids=(), invoices=None) == invoiced(1)
    assert done.result.findings == {Code.TAX_FAILED: 1}


@pytest.mark.parametrize(
    "fields",
    [
        {"attempts": 2},
        {"started_at": None},
        {"finished_at": START - timedelta(minutes=1)},
        {"error": Problem("ACCEPTED", "looked it up")},
        {"outcome": Outcome.ALREADY_INVOICED},
    ],
    ids=["two_sends", "no_start", "no_end", "a_persons_decision", "somebody_elses"],
)
def test_a_second_invoice_is_claimed_only_where_it_is_proved(fields: dict[str, Any]) -> None:
    """After a lost answer, a decision, or what others billed it stands in no line, and is told."""
    second = an_invoice(7, AccountId=item(1).identity.account_id)
    done = read(lambda now: [an_invoice(1), second], invoiced(1, **fields))
    (record,) = done.told
    assert record.invoice_ids == (invoice_id(1),)
    assert len(record.invoices or ()) == 1
    assert done.result.findings == {Code.DUPLICATE: 1}


MINUTES = timedelta(minutes=20)


@pytest.mark.parametrize(
    ("billed", "created", "claimed"),
    [
        (Billed(sends=1, since=START), START, 2),
        (Billed(sends=2, since=START), START, 1),
        (Billed(sends=0), START, 1),
        (Billed(sends=1, since=START + MINUTES), START, 1),
        (Billed(sends=1, since=START + MINUTES), START + MINUTES, 2),
    ],
)
def test_only_sends_that_may_have_billed_count(
    billed: Billed, created: datetime, claimed: int
) -> None:
    """One that was turned away made nothing; the call's time begins with the first that may."""
    own, second = (
        an_invoice(n, AccountId=item(1).identity.account_id, CreatedDate=created.isoformat())
        for n in (1, 7)
    )
    sent = invoiced(1, attempts=3, finished_at=START + MINUTES + timedelta(seconds=2))
    done = read(lambda now: [own, second], sent, billed=billed)
    assert [len(one.invoice_ids) for one in done.told] == [claimed]
    assert done.result.findings == ({} if claimed == 2 else {Code.DUPLICATE: 1})


def test_of_a_revision_only_its_own_invoice_is_looked_at() -> None:
    """Those of lower ones are there too, and are no duplicate."""
    identity = replace(item(1).identity, revision=2)
    higher = invoiced(1, item=replace(item(1), identity=identity))
    lower = an_invoice(7, AccountId=identity.account_id)
    done = read(lambda now: [an_invoice(1), lower], higher)
    assert [one.invoice_ids for one in done.told] == [(invoice_id(1),)]
    assert done.result.findings == {}


def test_the_ids_that_a_record_has_are_all_looked_for() -> None:
    """Of several each is told, in their order, also one that is not shown any more."""
    ids = (invoice_id(1), invoice_id(8))
    there = invoiced(1, outcome=Outcome.ALREADY_INVOICED, invoice_ids=ids)
    second = {**an_invoice(8), "AccountId": item(1).identity.account_id}
    done = read(lambda now: [second], there, wait=0.0)
    details = done.told[0].invoices or ()
    assert [(one.id, one.status) for one in details] == [(ids[0], None), (ids[1], "Draft")]
    assert done.told[0].invoice_ids == ids
    assert done.result.findings == {Code.NOT_SHOWN: 1}


@pytest.mark.parametrize(
    ("created", "outcome", "appended"),
    [
        (START - timedelta(minutes=6), Outcome.INVOICED, True),
        (START - timedelta(minutes=4), Outcome.INVOICED, False),
        (START + timedelta(minutes=4), Outcome.INVOICED, False),
        (START - timedelta(minutes=6), Outcome.ALREADY_INVOICED, False),
    ],
)
def test_what_was_appended_to_an_older_draft(
    created: datetime, outcome: Outcome, appended: bool
) -> None:
    """Ours, and there before the call by more than clocks may be apart."""
    shown = an_invoice(1, CreatedDate=created.isoformat())
    done = read(lambda now: [shown], invoiced(1, outcome=outcome))
    assert [one.appended for one in done.told[0].invoices or ()] == [appended]
