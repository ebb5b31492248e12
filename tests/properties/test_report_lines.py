"""Whatever an item came to, its line is one line, and reads back as what was written."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from support.budget import examples
from support.engine import item
from zbatch.model import (
    Charges,
    Detail,
    Identity,
    Item,
    ItemRecord,
    Outcome,
    Problem,
    Repeated,
    Settlement,
    Source,
    listed,
)
from zbatch.report.lines import as_json, line_of, to_line, to_lines
from zbatch.spec.schema import schema_text

VALIDATOR = Draft202012Validator(json.loads(schema_text("report")))
BREAKS = "\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e\r\n\x00\x1b[2J\x9b\udfff\ud800\U0001f600\u202e\ufeff"


def _as_read(text: str) -> str:
    """Join surrogates that make one character: no JSON can tell them from it."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


TEXTS = st.text(st.characters() | st.sampled_from(BREAKS), max_size=30).map(_as_read)
NAMES = TEXTS.filter(bool)
MAYBE = st.none() | NAMES
MOMENTS = st.datetimes(
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=13, minutes=45))]),
    min_value=datetime(1971, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone itself
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001 - hypothesis adds the zone itself
)


DETAILS = st.builds(Detail, NAMES, *[st.none() | TEXTS] * 7, st.booleans())


@st.composite
def records(draw: st.DrawFn) -> ItemRecord:
    """Draw any record that the ledger may hold."""
    outcome = draw(st.sampled_from(Outcome))
    return ItemRecord(
        item=Item(
            Identity(
                draw(st.uuids()).hex, draw(st.dates()), draw(st.integers(1, 10**6) | st.just(1))
            ),
            draw(st.dates()),
            Charges(),
            Source(draw(NAMES), draw(st.integers(1, 10**9))),
            draw(st.none() | TEXTS),
            draw(MAYBE),
        ),
        outcome=outcome,
        invoice_id=draw(NAMES if outcome.success else MAYBE),
        invoice_ids=tuple(draw(st.lists(NAMES, max_size=3))),
        error=draw(st.none() | st.builds(Problem, NAMES, TEXTS)),
        http_status=draw(st.none() | st.integers(100, 999)),
        attempts=draw(st.integers(0, 10**6)),
        idempotency_key=draw(MAYBE),
        track_id=draw(MAYBE),
        request_id=draw(MAYBE),
        started_at=draw(st.none() | MOMENTS),
        finished_at=draw(st.none() | MOMENTS),
        run_id=draw(MAYBE),
        invoices=draw(st.none() | st.lists(DETAILS, max_size=2).map(tuple)),
    )


@examples(200)
@given(records(), NAMES)
@example(ItemRecord(item(1), Outcome.FAILED, error=Problem("X", BREAKS)), BREAKS)
def test_any_record_is_one_line_that_reads_back(record: ItemRecord, run_id: str) -> None:
    """One physical line to any reader, valid by the schema, with every value as it was."""
    line = to_line(record, run_id)
    assert line.isascii()
    assert line.endswith(b"\n")
    text = line.decode("ascii")
    assert text.splitlines() == list(io.StringIO(text.rstrip("\n"))) == text.split("\n")[:-1]
    assert text[:-1].isprintable()
    read = json.loads(line)
    assert read == as_json(line_of(record, run_id))
    assert text[:-1] == json.dumps(as_json(line_of(record, run_id)), separators=(",", ":"))
    VALIDATOR.validate(read)


@examples(150)
@given(records())
def test_a_line_says_what_the_record_says(record: ItemRecord) -> None:
    """Each value of the record stands in its line, times to the millisecond."""
    read = json.loads(to_line(record, "run"))
    assert (read["account_id"], read["revision"]) == (
        record.item.identity.account_id,
        record.item.identity.revision,
    )
    assert read["success"] == record.outcome.success
    assert (read["invoice_id"], read["invoice_ids"]) == (
        record.invoice_id,
        list(record.invoice_ids),
    )
    if record.error:
        assert read["error"] == {"code": record.error.code, "message": record.error.message}
    for name in ("started_at", "finished_at"):
        moment = getattr(record, name)
        if moment is None:
            assert read[name] is None
        else:
            late = moment - datetime.fromisoformat(read[name])
            assert timedelta() <= late < timedelta(milliseconds=1)


@examples(100)
@given(st.lists(records(), max_size=4))
def test_lines_stand_side_by_side(drawn: list[ItemRecord]) -> None:
    """Appended lines are as many records as were written, whatever stands in their texts."""
    report = b"".join(to_line(record, "run") for record in drawn)
    read = [json.loads(line) for line in report.decode("ascii").splitlines()]
    assert [one["outcome"] for one in read] == [record.outcome.value for record in drawn]


def _repeated(records: list[ItemRecord]) -> Iterator[Repeated]:
    """Give records as what a later report repeats; what neighbours have in common is one object."""
    terms = settlement = None
    for record in records:
        [(account, number, line, own)] = listed([record.item], 0, 1)
        terms = own if own != terms else terms
        told = Settlement(
            record.error, record.http_status, record.attempts, record.idempotency_key,
            record.track_id, record.request_id, record.started_at, record.finished_at,
            record.run_id,
        )  # fmt: skip
        settlement = told if told != settlement else settlement
        invoices = (record.invoice_id or "", record.invoice_ids, record.invoices)
        yield Repeated(account, number, line, terms, *invoices, settlement)


@examples(200)
@given(st.lists(records(), min_size=1, max_size=4), NAMES, st.integers(1, 2))
def test_what_is_repeated_has_the_very_line_of_its_record(
    drawn: list[ItemRecord], run_id: str, times: int
) -> None:
    """Many lines at once are those that each record would have had alone, to the byte."""
    invoiced = [
        replace(one, outcome=Outcome.INVOICED, invoice_id=one.invoice_id or "x")
        for one in drawn
        for _ in range(times)
    ]
    alone = b"".join(to_line(one, run_id) for one in invoiced)
    assert to_lines(_repeated(invoiced), run_id) == alone
