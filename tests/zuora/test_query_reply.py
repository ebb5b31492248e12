"""Every shape of answer to a question, and what an item takes from it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zbatch.model import Draft, Invoice
from zbatch.zuora.pages import MissingField, Page
from zbatch.zuora.query import ALL_FIELDS, REQUIRED, Wanted
from zbatch.zuora.query_reply import invoices_of, read_page, whole
from zbatch.zuora.reply import (
    Conflict,
    Misdirected,
    NoRows,
    Refused,
    ServerError,
    Throttled,
    Unauthorized,
    Unreadable,
)
from zbatch.zuora.wire import Reply

A = "2c93808457d787030157e0306be53a75"
B = "2c93808457d787030157e0306be53a76"
ID = "2c93808457d787030157e0306cd13a86"
NOVEMBER = date(2026, 11, 30)
LEAST = f'"Id":"{ID}","AccountId":"{A}","Status":"Draft"'

Answered = Page[Invoice] | MissingField | NoRows


def read(body: str | bytes, status: int = 200, headers: dict[str, str] | None = None) -> Answered:
    """Read a body under a status."""
    raw = body.encode() if isinstance(body, str) else body
    return read_page(Reply(status, headers or {}, raw))


def page_of(*records: str) -> str:
    """Write a whole answer."""
    return f'{{"size":{len(records)},"records":[{",".join(records)}],"done":true}}'


def one(fields: str) -> Invoice:
    """Read an answer of one record, the least that there is and these fields."""
    answer = read(page_of(f"{{{LEAST},{fields}}}"))
    assert isinstance(answer, Page), answer
    (invoice,) = answer.records
    return invoice


def invoice_of(
    number: int, account: str = A, status: str = "Posted", target: date | None = NOVEMBER
) -> Invoice:
    """Make an invoice."""
    return Invoice(f"{number:032x}", account, status, target)


def test_a_full_record() -> None:
    """Every field of a record is read, times in UTC and the amount as written."""
    record = (
        f'{{"Id":"{ID}","AccountId":"{A.upper()}","InvoiceNumber":"INV00012",'
        '"InvoiceDate":"2026-11-30","TargetDate":"2026-11-30","Status":"Posted","Amount":100.10,'
        '"Source":"API","CreatedDate":"2026-11-30T14:03:27.000-08:00",'
        '"UpdatedDate":"2026-12-01T00:04:00.500+02:00"}'
    )
    expected = Invoice(
        ID,
        A,
        "Posted",
        NOVEMBER,
        number="INV00012",
        source="API",
        amount="100.10",
        created_at=datetime(2026, 11, 30, 22, 3, 27, tzinfo=UTC),
        updated_at=datetime(2026, 11, 30, 22, 4, 0, 500_000, tzinfo=UTC),
        invoice_date=date(2026, 11, 30),
    )
    assert read(page_of(record)) == Page((expected,), None, 1)


def test_absent_fields_are_absent() -> None:
    """Zuora leaves out what is null, and null means the same."""
    assert read(page_of(f"{{{LEAST}}}")) == Page((Invoice(ID, A, "Draft"),), None, 1)
    nulls = ",".join(
        f'"{name}":null' for name in sorted(ALL_FIELDS - {"Id", "AccountId", "Status"})
    )
    assert one(nulls) == Invoice(ID, A, "Draft")


@pytest.mark.parametrize("told", ['"2026-02-30"', '"30.11.2026"', "7", "true"])
def test_an_invoice_date_that_cannot_be_read_is_none(told: str) -> None:
    """Nothing that is sent or settled depends on it, so no page is lost by it."""
    assert one(f'"InvoiceDate":{told}') == Invoice(ID, A, "Draft")


@pytest.mark.parametrize(
    "body",
    [
        '{"size":0,"done":true}',
        '{"size":0,"records":null,"done":true}',
        '{"size":0,"records":[],"done":true}',
        '{"done":true,"size":0,"queryLocator":null,"other":1}',
    ],
)
def test_no_match(body: str) -> None:
    """An answer without records is no match only where it counts none and is done."""
    assert read(body) == Page((), None, 0)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        "null",
        "<html>Please log in</html>",
        '{"done":true}',
        '{"size":0}',
        '{"records":[],"done":true}',
        '{"size":0,"records":[],"done":"true"}',
        '{"size":0,"records":[],"done":1}',
        '{"size":"0","records":[],"done":true}',
        '{"size":0.0,"records":[],"done":true}',
        '{"size":false,"records":[],"done":true}',
        '{"size":-1,"records":[],"done":true}',
        '{"size":1,"done":true}',
        '{"size":1,"records":null,"done":true}',
        '{"size":1,"records":[],"done":true}',
        '{"size":0,"records":{},"done":true}',
        '{"size":0,"records":"","done":true}',
        '{"size":0,"records":false,"done":true}',
        f'{{"size":0,"records":[{{{LEAST}}}],"done":true}}',
        f'{{"size":1,"records":[{{{LEAST}}}],"done":false}}',
        f'{{"size":1,"records":[{{{LEAST}}}],"done":false,"queryLocator":""}}',
        f'{{"size":1,"records":[{{{LEAST}}}],"done":false,"queryLocator":"a b"}}',
        f'{{"size":1,"records":[{{{LEAST}}}],"done":false,"queryLocator":7}}',
        '{"size":0,"records":[],"done":false,"queryLocator":"L"}',
        '{"size":0,"records":[],"done":true,"success":false}',
        '{"size":0,"records":[],"done":true,"Errors":[{"Code":"X","Message":"y"}]}',
        '{"size":0,"records":[],"done":true,"message":"partial result"}',
        '{"size":0,"size":0,"records":[],"done":true}',
        '[{"Success":true,"Id":"x"}]',
        page_of("null"),
        page_of("[]"),
        page_of(f'"{ID}"'),
    ],
)
def test_silence_is_never_taken_for_no_match(body: str) -> None:
    """What lacks its count, its end or its records proves nothing."""
    assert isinstance(read(body), Unreadable)


@pytest.mark.parametrize(
    "record",
    [
        "{}",
        f'{{"AccountId":"{A}","Status":"Draft"}}',
        f'{{"Id":"{ID}","Status":"Draft"}}',
        f'{{"Id":"{ID}","AccountId":"{A}"}}',
        f'{{"Id":null,"AccountId":"{A}","Status":"Draft"}}',
        f'{{"Id":"","AccountId":"{A}","Status":"Draft"}}',
        f'{{"Id":1.5,"AccountId":"{A}","Status":"Draft"}}',
        f'{{"Id":"{ID}\\n","AccountId":"{A}","Status":"Draft"}}',
        f'{{"Id":"{ID}","AccountId":"{A}","Status":""}}',
        f'{{"Id":"{ID}","AccountId":"{A}","Status":" Draft"}}',
        f'{{"Id":"{ID}","AccountId":"{A}","Status":"Dr\\u200baft"}}',
        f'{{"Id":"{ID}","AccountId":"{A}","Status":true}}',
        *(
            f"{{{LEAST},{field}}}"
            for field in (
                '"TargetDate":"2026-11-31"',
                '"TargetDate":"2026-11-30T00:00:00.000-08:00"',
                '"TargetDate":"20261130"',
                '"TargetDate":""',
                '"TargetDate":20261130',
                '"Amount":"1,00"',
                '"Amount":""',
                '"Amount":true',
                '"Amount":[1]',
                '"Amount":1.' + "0" * 40,
                '"InvoiceNumber":7',
                '"Source":{}',
                '"UpdatedDate":"yesterday"',
                '"UpdatedDate":"2026-11-30T14:03:27.000"',
                '"UpdatedDate":1796076207',
                '"UpdatedDate":""',
            )
        ),
    ],
)
def test_one_record_that_needs_a_guess_spoils_the_page(record: str) -> None:
    """A page is not read in part: what was skipped might be the invoice in question."""
    good = f"{{{LEAST}}}"
    assert isinstance(read(page_of(good)), Page)
    for body in (page_of(record), page_of(good, record), page_of(record, good)):
        answer = read(body)
        assert isinstance(answer, Unreadable)
        assert answer.problem.message.isprintable()


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("100.10", "100.10"),
        ('"100.10"', "100.10"),
        ("100", "100"),
        ("0", "0"),
        ("0.00", "0.00"),
        ("-12.50", "-12.50"),
        ("1e2", "1e2"),
        ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
        ("99999999999999999999", "99999999999999999999"),
    ],
)
def test_an_amount_is_text_as_written(written: str, text: str) -> None:
    """No amount passes through a float."""
    assert one(f'"Amount":{written}').amount == text


@pytest.mark.parametrize(
    ("written", "hour"),
    [
        ("2026-11-30T14:03:27.000-08:00", 22),
        ("2026-11-30T14:03:27+02:00", 12),
        ("2026-11-30T14:03:27.123456789+0200", 12),
        ("2026-11-30T14:03:27Z", 14),
    ],
)
def test_times_are_read_by_their_offset(written: str, hour: int) -> None:
    """Both times of a record are moments, wherever the tenant's clock stands."""
    invoice = one(f'"CreatedDate":"{written}","UpdatedDate":"{written}"')
    assert invoice.created_at is not None
    assert (invoice.created_at.hour, invoice.created_at.tzinfo) == (hour, UTC)
    assert invoice.updated_at == invoice.created_at


@pytest.mark.parametrize(
    "written",
    [
        '"2026-11-30T14:03:27.000"',
        '"2026-11-30"',
        '"2026-11-31T14:03:27Z"',
        '"2026-11-30T14:03:27+99:00"',
        '"0001-01-01T00:00:00+02:00"',
        '"٢026-11-30T14:03:27Z"',
        '"soon"',
        '""',
        "1796076207000",
        "null",
    ],
)
def test_an_unreadable_creation_time_only_withholds_the_claim(written: str) -> None:
    """The invoice is there all the same, and nothing says that it is ours."""
    assert one(f'"CreatedDate":{written}') == Invoice(ID, A, "Draft")


def test_labels_are_made_safe() -> None:
    """What is shown of a record is one line that no terminal obeys."""
    invoice = one('"InvoiceNumber":"TMP-\\u001b[31m\\u202e1","Source":""')
    assert invoice.number is not None
    assert invoice.number.startswith("TMP-")
    assert invoice.number.isprintable()
    assert invoice.source is None


def fault(code: str, message: str) -> str:
    """Write a fault as Actions do."""
    return json.dumps({"FaultCode": code, "FaultMessage": message})


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("name", sorted(ALL_FIELDS - REQUIRED))
@pytest.mark.parametrize("pattern", ["Invoice.{}", "invoice.{}", "{}"])
def test_an_unknown_optional_field_is_named(status: int, name: str, pattern: str) -> None:
    """The caller learns which field to leave out, in our spelling."""
    told = pattern.format(name if "Invoice." in pattern else name.lower())
    body = fault("INVALID_FIELD", f"invalid field for query: {told}")
    assert read(body, status) == MissingField(name)


@pytest.mark.parametrize("name", [*sorted(REQUIRED), "accountid1", "Sources", ""])
def test_a_field_that_cannot_be_left_out_is_a_refusal(name: str) -> None:
    """Nothing is gained by asking again where a required field, or none of ours, is unknown."""
    body = fault("INVALID_FIELD", f"invalid field for query: Invoice.{name}")
    assert isinstance(read(body, 400), Refused)
    assert isinstance(read(body, 200), Unreadable)


@pytest.mark.parametrize(
    ("status", "code"), [(500, "INVALID_FIELD"), (409, "INVALID_FIELD"), (400, "INVALID_VALUE")]
)
def test_a_missing_field_is_told_by_code_and_status(status: int, code: str) -> None:
    """The same words under a server error or another code are not that fault."""
    answer = read(fault(code, "invalid field for query: Invoice.Source"), status)
    assert not isinstance(answer, MissingField)


REASONS = '{"success":false,"processId":"9E87","reasons":[{"code":%s,"message":"%s"}]}'
RATE = REASONS % (70, "API Rate limit exceeded for the minute, retry after 600 seconds")
SIGN_IN = REASONS % (90000011, "this resource is protected, please sign in first")
ACTION = '{"code":"ClientError","message":"Invalid action \'query1\'"}'
HTML = "<html><body>503 Service Unavailable</body></html>"


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (429, RATE, Throttled, "70"),
        (200, RATE, Throttled, "70"),
        (429, HTML, Throttled, "HTTP_429"),
        (400, fault("REQUEST_EXCEEDED_LIMIT", "x"), Throttled, "REQUEST_EXCEEDED_LIMIT"),
        (401, SIGN_IN, Unauthorized, "90000011"),
        (200, SIGN_IN, Unauthorized, "90000011"),
        (400, fault("INVALID_SESSION", "x"), Unauthorized, "INVALID_SESSION"),
        (400, fault("fns:MALFORMED_QUERY", "x"), Refused, "MALFORMED_QUERY"),
        (400, fault("INVALID_QUERY_LOCATOR", "x"), Refused, "INVALID_QUERY_LOCATOR"),
        (400, ACTION, Refused, "ClientError"),
        (404, "", Refused, "HTTP_404"),
        (400, fault("TEMPORARY_ERROR", "x"), ServerError, "TEMPORARY_ERROR"),
        (200, fault("TRANSACTION_TIMEOUT", "x"), ServerError, "TRANSACTION_TIMEOUT"),
        (400, fault("UNKNOWN_ERROR", "x"), ServerError, "UNKNOWN_ERROR"),
        (400, fault("TRANSACTION_TERMINATED", "x"), ServerError, "TRANSACTION_TERMINATED"),
        (200, fault("TRANSACTION_TERMINATED", "x"), ServerError, "TRANSACTION_TERMINATED"),
        (200, fault("MALFORMED_QUERY", "x"), Unreadable, "MALFORMED_QUERY"),
        (422, "", Misdirected, "HTTP_422"),
        (302, "", Misdirected, "HTTP_302"),
        (409, "", Conflict, "HTTP_409"),
        (500, HTML, ServerError, "HTTP_500"),
        (503, HTML, ServerError, "HTTP_503"),
        (0, "", ServerError, "HTTP_0"),
        (204, "", Unreadable, "UNREADABLE_REPLY"),
    ],
)
def test_answers_without_a_page(status: int, body: str, kind: type[Refused], code: str) -> None:
    """Refusals, limits and troubles are those of a call, and passing faults are passing."""
    answer = read(body, status)
    assert isinstance(answer, kind)
    assert answer.problem.code == code


@pytest.mark.parametrize("status", [201, 202, 204, 206, 304, 400, 401, 409, 422, 429, 500, 503])
def test_a_page_counts_under_200_alone(status: int) -> None:
    """No match under another status is no answer: some of these say that it is partial."""
    for body in ('{"size":0,"records":[],"done":true}', page_of(f"{{{LEAST}}}")):
        answer = read(body, status)
        assert not isinstance(answer, Page | MissingField)


def test_two_pages() -> None:
    """A page that is not done gives its locator, and both together are the answer."""
    first = read(f'{{"size":1,"records":[{{{LEAST}}}],"done":false,"queryLocator":"{ID}-2000"}}')
    assert isinstance(first, Page)
    assert first.locator == f"{ID}-2000"
    last = read(page_of(f'{{"Id":"{B}","AccountId":"{A}","Status":"Posted"}}'))
    assert isinstance(last, Page)
    assert last.locator is None
    assert whole([first, last]) == (Invoice(ID, A, "Draft"), Invoice(B, A, "Posted"))


def test_a_locator_of_a_done_page_is_of_no_use() -> None:
    """What is done is done."""
    body = '{"size":0,"done":true,"queryLocator":"L"}'
    assert read(body) == Page((), None, 0)


X, Y, Z = (invoice_of(number) for number in (1, 2, 3))


@pytest.mark.parametrize(
    ("pages", "found"),
    [
        ([Page((), None, 0)], ()),
        ([Page((X, Y), None, 2)], (X, Y)),
        ([Page((X, Y), "L", 2), Page((Z,), None, 1)], (X, Y, Z)),
        ([Page((X, Y), "L", 3), Page((Z,), None, 3)], (X, Y, Z)),
        ([Page((X, Y), "L", 3), Page((Z,), None, 1)], (X, Y, Z)),
        ([Page((X, Y), "L", 2), Page((Y,), None, 1)], (X, Y)),
    ],
)
def test_pages_that_are_all_of_an_answer(
    pages: list[Page[Invoice]], found: tuple[Invoice, ...]
) -> None:
    """Pages add up by either reading of size, and an invoice read twice is one."""
    assert whole(pages) == found


@pytest.mark.parametrize(
    "pages",
    [
        [],
        [Page((X,), "L", 1)],
        [Page((X,), None, 2)],
        [Page((X, Y), "L", 4), Page((Z,), None, 4)],
        [Page((X,), "L", 1), Page((invoice_of(1, status="Draft"),), None, 1)],
    ],
)
def test_pages_that_do_not_add_up_are_no_answer(pages: list[Page[Invoice]]) -> None:
    """A page missing, cut short, or at odds with another proves nothing."""
    assert isinstance(whole(pages), Unreadable)


def test_what_an_item_takes() -> None:
    """Of all that came, an item takes its account's invoices of its date and all its drafts."""
    december = date(2026, 12, 31)
    mine = invoice_of(1)
    draft = Invoice(
        f"{2:032x}",
        A,
        "Draft",
        december,
        amount="5.00",
        updated_at=datetime(2026, 11, 2, tzinfo=UTC),
        created_at=datetime(2026, 11, 1, tzinfo=UTC),
    )
    dateless = invoice_of(3, status="Draft", target=None)
    others = [invoice_of(4, target=december), invoice_of(6, status="draft", target=None)]
    by_account = {A: [mine, draft, dateless, *others], B: [invoice_of(5, B), invoice_of(7, B)]}
    dated, drafts = invoices_of(by_account, Wanted(A, NOVEMBER))
    assert dated == (mine,)
    assert drafts == (Draft(draft.id, "5.00", draft.updated_at), Draft(dateless.id, None, None))
    assert [one.created_at for one in drafts] == [draft.created_at, None]
    assert invoices_of(by_account, Wanted("0" * 32, NOVEMBER)) == ((), ())


values: st.SearchStrategy[object] = st.sampled_from(
    [None, True, 0, 1, -1, 1.5, "", "Draft", A, "2026-11-30", [], {}, [{}]]
)
entries = st.dictionaries(st.sampled_from(sorted(ALL_FIELDS)), values)
documents = st.fixed_dictionaries(
    {},
    optional={
        "size": st.integers(-1, 3) | values,
        "done": st.booleans() | values,
        "records": st.lists(entries, max_size=3) | values,
        "queryLocator": values,
        "FaultCode": st.sampled_from(["INVALID_FIELD", "UNKNOWN_ERROR"]),
        "FaultMessage": st.sampled_from(["invalid field for query: Invoice.Source", "x"]),
    },
)


@given(
    st.sampled_from([-1, 0, 200, 204, 400, 401, 409, 429, 503, 999]),
    documents.map(lambda document: json.dumps(document).encode()) | st.binary(max_size=100),
)
@example(200, b"[" * 100_000)
@example(200, b'{"size":' + b"9" * 5000 + b',"done":true}')
def test_reading_a_page_is_total(status: int, body: bytes) -> None:
    """Any bytes under any status are read without an exception, and only 200 gives a page."""
    answer = read(body, status)
    if isinstance(answer, Page):
        assert status == 200
        assert len(answer.records) <= answer.size
        assert bool(answer.records) == bool(answer.size)
    elif not isinstance(answer, MissingField):
        assert answer.problem.message.isprintable()
