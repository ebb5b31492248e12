"""Every shape of reply that Zuora documents or clients have met, and what it is read as."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zbatch.model import Problem
from zbatch.zuora.codes import LIMIT_CODES, LOGIN_CODES, RowClass
from zbatch.zuora.problems import NO_REASON
from zbatch.zuora.reply import (
    REFUSED_STATUSES,
    Answer,
    Busy,
    Conflict,
    LimitInSuccess,
    LoginInSuccess,
    Misdirected,
    Redirected,
    Refused,
    Rows,
    ServerError,
    Throttled,
    Unauthorized,
    Unreadable,
    read_reply,
)
from zbatch.zuora.rows import Row
from zbatch.zuora.wire import Reply

INVOICE = "2c93808457d787030157e0306cd13a86"
GOOD = f'{{"Success":true,"Id":"{INVOICE}"}}'
LOCKED = (
    '{"Errors":[{"Message":"Operation failed due to a lock competition, please retry later.",'
    '"Code":"LOCK_COMPETITION"}],"Success":false}'
)
NOT_DUE = (
    '{"Errors":[{"Message":"The invoice will not be generated because there are no charges due '
    'on this account.","Code":"INVALID_VALUE"}],"Success":false}'
)
BAD_NUMBER = (
    '{"Errors":[{"Code":"INVALID_VALUE","Message":"The account number 123xProxy is invalid."}],'
    '"Success":false}'
)


def read(
    status: int, body: str | bytes, expected: int = 1, headers: dict[str, str] | None = None
) -> Answer:
    """Read a body under a status."""
    raw = body.encode() if isinstance(body, str) else body
    return read_reply(Reply(status, headers or {}, raw), expected)


def row_classes(answer: Answer) -> list[RowClass]:
    """Take the classes of an answer that must be rows."""
    assert isinstance(answer, Rows)
    return [row.row_class for row in answer.rows]


def test_success_of_the_page() -> None:
    """The sample of the page is one success with its invoice."""
    answer = read(200, f"[{GOOD}]")
    assert row_classes(answer) == [RowClass.SUCCESS]
    assert isinstance(answer, Rows)
    assert answer.rows[0].invoice_id == INVOICE
    assert answer.rows[0].problem is None


@pytest.mark.parametrize("status", [200, 201, 302, 400, 401, 403, 409, 422, 429, 500, 503, 504, 99])
@pytest.mark.parametrize(
    ("body", "row_class"),
    [
        (f"[{GOOD}]", RowClass.SUCCESS),
        (GOOD, RowClass.SUCCESS),
        (f"[{LOCKED}]", RowClass.RETRY),
        (LOCKED, RowClass.RETRY),
        (f"[{NOT_DUE}]", RowClass.NOTHING_TO_BILL),
        (BAD_NUMBER, RowClass.DEFINITE),
    ],
)
def test_rows_count_whatever_the_status(status: int, body: str, row_class: RowClass) -> None:
    """A body with rows, or a single Errors object for one item, is rows under any status.

    But that nothing was executed is not proved by them under one that leaves it open.
    """
    if status >= 500 and row_class is RowClass.RETRY:
        assert isinstance(read(status, body), ServerError)
    else:
        assert row_classes(read(status, body)) == [row_class]


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_limit_in_rows_under_such_a_status_is_waited_for(status: int) -> None:
    """As a 503 that names a wait is: it proves nothing either."""
    limit = LOCKED.replace("LOCK_COMPETITION", "REQUEST_EXCEEDED_LIMIT")
    assert isinstance(read(status, f"[{limit}]"), Busy)


@pytest.mark.parametrize(
    ("row_class", "invoice_id", "problem"),
    [
        (RowClass.SUCCESS, None, None),
        (RowClass.SUCCESS, "", None),
        (RowClass.SUCCESS, INVOICE, Problem("X", "y")),
        (RowClass.DEFINITE, INVOICE, Problem("X", "y")),
        (RowClass.DEFINITE, None, None),
    ],
)
def test_a_row_that_contradicts_itself_cannot_be_built(
    row_class: RowClass, invoice_id: str | None, problem: Problem | None
) -> None:
    """A success has an ID and no problem, a failure a problem and no ID, whoever makes it."""
    with pytest.raises(ValueError, match="has"):
        Row(row_class, invoice_id, problem)


@pytest.mark.parametrize("number", ["1e310", "-1e310", "NaN", "Infinity", "-Infinity"])
def test_a_number_beyond_all_bounds_makes_a_reply_unreadable(number: str) -> None:
    """What JSON has no value for has no meaning here, wherever it stands."""
    body = f'[{{"Success":true,"Id":"{INVOICE}","Amount":{number}}}]'
    assert isinstance(read(200, body), Unreadable)


@pytest.mark.parametrize("number", ["1e308", "-0.5", "19.99"])
def test_a_number_within_bounds_is_passed_over(number: str) -> None:
    """A field that nobody asked for is no reason to doubt a success."""
    body = f'[{{"Success":true,"Id":"{INVOICE}","Amount":{number}}}]'
    assert read(200, body) == read(200, f'[{{"Success":true,"Id":"{INVOICE}"}}]')


def test_rows_keep_code_and_message() -> None:
    """A failed row tells its code and message."""
    answer = read(200, f"[{NOT_DUE}]")
    assert isinstance(answer, Rows)
    problem = answer.rows[0].problem
    assert problem is not None
    assert problem.code == "INVALID_VALUE"
    assert problem.message.startswith("The invoice will not be generated because")


def test_mixed_batch_is_read_by_position() -> None:
    """Rows of a batch keep their places."""
    answer = read(200, f"[{LOCKED},{GOOD},{NOT_DUE}]", 3)
    assert row_classes(answer) == [RowClass.RETRY, RowClass.SUCCESS, RowClass.NOTHING_TO_BILL]


@pytest.mark.parametrize("status", [200, 400, 401, 429])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("[]", 1),
        (f"[{GOOD},{GOOD}]", 1),
        (f"[{GOOD}]", 2),
        (f"[{GOOD},{GOOD},{GOOD}]", 2),
        (GOOD, 2),
        (f'[{GOOD},"x"]', 2),
        (f'[{GOOD},"x"]', 1),
        (f"[[{GOOD}]]", 1),
        (f"[{GOOD},{GOOD}]", 2),
        (f"[{GOOD},{LOCKED},{GOOD}]", 3),
    ],
)
def test_rows_that_do_not_fit_are_never_guessed(status: int, body: str, expected: int) -> None:
    """Fewer or more rows than items, or one invoice for two, prove nothing of any item."""
    assert isinstance(read(status, body, expected), Unreadable)


@pytest.mark.parametrize(
    "entry",
    [
        '{"Success":true}',
        '{"Success":true,"Id":null}',
        '{"Success":true,"Id":""}',
        '{"Success":true,"Id":" "}',
        '{"Success":true,"Id":"a b"}',
        '{"Success":true,"Id":"\\u202eabc"}',
        '{"Success":true,"Id":"\\u001b[31m"}',
        '{"Success":true,"Id":12345}',
        '{"Success":true,"Id":["x"]}',
        f'{{"Success":"true","Id":"{INVOICE}"}}',
        f'{{"Success":"false","Id":"{INVOICE}"}}',
        f'{{"Success":1,"Id":"{INVOICE}"}}',
        f'{{"Success":null,"Id":"{INVOICE}"}}',
        f'{{"success":true,"Id":"{INVOICE}"}}',
        f'{{"Id":"{INVOICE}"}}',
        '{"Success":0}',
        f'{{"Success":false,"Success":true,"Id":"{INVOICE}"}}',
        "{}",
        "null",
        "1",
    ],
)
def test_only_json_true_with_an_id_is_success(entry: str) -> None:
    """Anything short of JSON true with a visible ID leaves the reply in doubt."""
    assert isinstance(read(200, f"[{entry}]"), Unreadable)
    assert isinstance(read(200, entry), Unreadable)


@pytest.mark.parametrize("length", [1, 36, 64, 255])
def test_ids_of_other_lengths_are_taken(length: int) -> None:
    """Zuora says that the format of its IDs may change."""
    answer = read(200, f'[{{"Id":"{"x" * length}","Success":true}}]')
    assert row_classes(answer) == [RowClass.SUCCESS]


@pytest.mark.parametrize(
    "errors",
    [
        "",
        ',"Errors":null',
        ',"Errors":[]',
        ',"Errors":{}',
        ',"Errors":"x"',
        ',"Errors":[7]',
        ',"Errors":[{}]',
        ',"Errors":[{"Code":null,"Message":7}]',
        ',"Errors":[{"Code":"NEWLY_INVENTED","Message":"?"}]',
        ',"Errors":[{"Code":"INVALID_VALUE","Message":"x"},{"Code":"UNKNOWN_ERROR"}]',
        ',"Errors":[{"Code":"INVALID_VALUE","Message":"x"}],"Id":"2c93"',
    ],
)
def test_failure_without_a_known_reason_is_uncertain(errors: str) -> None:
    """A failure that gives no reason, an unknown one, or contradicts itself is never definite."""
    answer = read(200, f'[{{"Success":false{errors}}}]')
    assert row_classes(answer) == [RowClass.UNCERTAIN]
    assert isinstance(answer, Rows)
    assert answer.rows[0].problem is not None


def an_error(code: str | None, message: str | None) -> str:
    fields = {"Code": code, "Message": message}
    return json.dumps({name: text for name, text in fields.items() if text is not None})


@pytest.mark.parametrize(
    ("error", "row_class", "code", "message"),
    [
        (an_error("INVALID_ID", "no"), RowClass.DEFINITE, "INVALID_ID", "no"),
        (an_error("INVALID_ID", None), RowClass.DEFINITE, "INVALID_ID", "INVALID_ID"),
        (an_error("LOCK_COMPETITION", ""), RowClass.RETRY, "LOCK_COMPETITION", "LOCK_COMPETITION"),
        (an_error(None, "lock competition"), RowClass.RETRY, "NO_CODE", "lock competition"),
        (an_error(None, "odd"), RowClass.UNCERTAIN, "NO_CODE", "odd"),
        (an_error(None, None), RowClass.UNCERTAIN, "NO_REASON", NO_REASON.message),
        ("7", RowClass.UNCERTAIN, "NO_REASON", NO_REASON.message),
    ],
)
def test_an_error_is_taken_with_what_it_says(
    error: str, row_class: RowClass, code: str, message: str
) -> None:
    """A code alone or a message alone decides as far as it goes, and is what people are told."""
    answer = read(200, f'[{{"Success":false,"Errors":[{error}]}}]')
    assert row_classes(answer) == [row_class]
    assert isinstance(answer, Rows)
    assert answer.rows[0].problem == Problem(code, message)


def test_a_failure_that_says_why_in_another_shape_is_told_and_stays_uncertain() -> None:
    """What a row says outside of Errors is shown to people; it makes no failure definite."""
    answer = read(200, '{"Success":false,"reasons":[{"code":"INVALID_ID","message":"no"}]}')
    assert isinstance(answer, Rows)
    assert answer.rows == (Row(RowClass.UNCERTAIN, problem=Problem("INVALID_ID", "no")),)


def test_a_limit_told_in_another_shape_under_a_429_is_a_refusal() -> None:
    """A lone object for a call of one item is the tenant's refusal, not the item's row."""
    answer = read(429, '{"Success":false,"reasons":[{"code":70,"message":"retry after 1 s"}]}')
    assert answer == Throttled(Problem("70", "retry after 1 s"))


ERRORS = {
    RowClass.NOTHING_TO_BILL: an_error("INVALID_VALUE", "no charges due"),
    RowClass.DEFINITE: an_error("INVALID_ID", "no"),
    RowClass.RETRY: an_error("LOCK_COMPETITION", "busy"),
    RowClass.TERMINATED: an_error("TRANSACTION_TERMINATED", "do not retry"),
    RowClass.UNCERTAIN: an_error("UNKNOWN_ERROR", "?"),
}


@pytest.mark.parametrize(("less", "more"), list(pairwise(ERRORS)))
def test_of_several_errors_the_most_cautious_decides(less: RowClass, more: RowClass) -> None:
    """From nothing to bill over definite and retry to what is not known, in whatever order."""
    for errors in ((less, more), (more, less)):
        told = ",".join(ERRORS[one] for one in errors)
        assert row_classes(read(200, f'[{{"Success":false,"Errors":[{told}]}}]')) == [more]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"<html>Please log in</html>",
        b"OK",
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b"[" + b"9" * 5_000 + b"]",
        b"[NaN]",
        b"[-Infinity]",
        b'[{"Success":true,"Id":"a","Id":"b"}]',
        b'[{"Success":true,"Id":"a","Note":"\\ud800"}]',
        b"\xef\xbb\xbf[" + GOOD.encode() + b"]",
        ("[" + GOOD + "]").encode("utf-16"),
        b'[{"Success":true,"Id":"a","Note":"\xe9"}]',
        ("[" + GOOD + "]").encode()[:-1],
        ("[" + GOOD + "][]").encode(),
        b"\x00" * 100,
    ],
)
def test_what_is_not_strict_json_is_unreadable(body: bytes) -> None:
    """A 2xx whose body has no reading, or two, leaves the call in doubt."""
    answer = read(200, body)
    assert isinstance(answer, Unreadable)
    assert answer.problem.code == "UNREADABLE_REPLY"


def test_deep_json_is_survived_below_the_exhaustion_of_the_stack() -> None:
    """Nesting that the parser still takes is no trouble for what comes after it."""
    for depth in range(50, 1000, 50):
        nested = '{"Errors":[' * depth + "1" + "]}" * depth
        assert isinstance(read(400, nested), Refused)


REASONS = '{"success":false,"processId":"9E87","reasons":[{"code":%s,"message":"%s"}]}'
RATE = REASONS % (70, "API Rate limit exceeded for the minute, retry after 600 seconds")
CONCURRENT = REASONS % (
    50000070,
    "The total number of concurrent requests has exceeded the limit allowed by the system.",
)
SIGN_IN = REASONS % (90000011, "this resource is protected, please sign in first")
SIGN_IN_TEXT = REASONS % ('"90000011"', "this resource is protected, please sign in first")
NO_ENTITY = REASONS % (50000040, "Cannot find entity by key: '1'.")
FIELDS = '{"message":"Error - unrecognised fields"}'
FAULT = '{"FaultCode":"INVALID_FIELD","FaultMessage":"invalid field for query"}'
FAULTS = '{"faults":[{"faultCode":"API_DISABLED","faultMessage":"off"}]}'
SESSION_FAULT = '{"faultcode":"fns:INVALID_SESSION","faultstring":"Invalid Session"}'
SESSION_ROW = '{"Errors":[{"Code":"INVALID_SESSION","Message":"x"}],"Success":false}'
LOGIN_ROW = '{"Errors":[{"Code":"INVALID_LOGIN","Message":"x"}],"Success":false}'
LIMIT_ROW = '{"Errors":[{"Code":"REQUEST_EXCEEDED_LIMIT","Message":"x"}],"Success":false}'
RATE_ROW = '{"Errors":[{"Code":"REQUEST_EXCEEDED_RATE","Message":"x"}],"Success":false}'
ACTION = '{"code":"ClientError","message":"Invalid action \'query1\'"}'
HTML = "<html><body>503 Service Unavailable</body></html>"


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (401, SIGN_IN, Unauthorized, "90000011"),
        (401, SIGN_IN_TEXT, Unauthorized, "90000011"),
        (401, "", Unauthorized, "HTTP_401"),
        (401, SESSION_FAULT, Unauthorized, "INVALID_SESSION"),
        (401, SESSION_ROW, Unauthorized, "INVALID_SESSION"),
        (200, SESSION_ROW, Unauthorized, "INVALID_SESSION"),
        (200, f"[{SESSION_ROW}]", Unauthorized, "INVALID_SESSION"),
        (200, SIGN_IN, LoginInSuccess, "90000011"),
        (200, LOGIN_ROW, Unauthorized, "INVALID_LOGIN"),
        (400, '{"message":"No bearer token"}', Unauthorized, "NO_CODE"),
        (400, '{"message":"No bearer token."}', Unauthorized, "NO_CODE"),
        (403, '{"message":"Authentication error"}', Unauthorized, "NO_CODE"),
        (429, RATE, Throttled, "70"),
        (429, CONCURRENT, Throttled, "50000070"),
        (429, LIMIT_ROW, Throttled, "REQUEST_EXCEEDED_LIMIT"),
        (429, f"[{RATE_ROW}]", Throttled, "REQUEST_EXCEEDED_RATE"),
        (429, HTML, Throttled, "HTTP_429"),
        (200, RATE, LimitInSuccess, "70"),
        (400, CONCURRENT, Throttled, "50000070"),
        (200, '{"message":"request exceeded limit"}', LimitInSuccess, "NO_CODE"),
        (400, FIELDS, Refused, "NO_CODE"),
        (400, FAULT, Refused, "INVALID_FIELD"),
        (400, FAULTS, Refused, "API_DISABLED"),
        (400, ACTION, Refused, "ClientError"),
        (400, "Bad Request", Refused, "HTTP_400"),
        (403, HTML, Refused, "HTTP_403"),
        (404, NO_ENTITY, Refused, "50000040"),
        (413, "", Refused, "HTTP_413"),
        (409, "", Conflict, "HTTP_409"),
        (409, HTML, Conflict, "HTTP_409"),
        (409, NO_ENTITY, Conflict, "50000040"),
        (409, "[]", Conflict, "UNREADABLE_REPLY"),
        (409, '{"Success":true}', Conflict, "UNREADABLE_REPLY"),
        (422, "", Misdirected, "HTTP_422"),
        (300, "", Redirected, "HTTP_300"),
        (301, "", Redirected, "HTTP_301"),
        (304, "", Redirected, "HTTP_304"),
        (308, HTML, Redirected, "HTTP_308"),
        (399, "", Redirected, "HTTP_399"),
        (500, "We're sorry, but something went wrong.", ServerError, "HTTP_500"),
        (502, HTML, ServerError, "HTTP_502"),
        (503, HTML, ServerError, "HTTP_503"),
        (504, "", ServerError, "HTTP_504"),
        (500, "[]", ServerError, "UNREADABLE_REPLY"),
        (408, "", ServerError, "HTTP_408"),
        (425, "", ServerError, "HTTP_425"),
        (499, "", ServerError, "HTTP_499"),
        (418, "", ServerError, "HTTP_418"),
        (0, "", ServerError, "HTTP_0"),
        (999, "", ServerError, "HTTP_999"),
        (200, NO_ENTITY, Unreadable, "50000040"),
        (200, FAULT, Unreadable, "INVALID_FIELD"),
        (204, "", Unreadable, "UNREADABLE_REPLY"),
        (202, "{}", Unreadable, "UNREADABLE_REPLY"),
    ],
)
def test_shapes_without_rows(status: int, body: str, kind: type[Unauthorized], code: str) -> None:
    """Each whole answer that was met in the wild has its kind and keeps what it says."""
    answer = read(status, body)
    assert type(answer) is kind
    assert answer.problem.code == code
    assert answer.problem.message


@pytest.mark.parametrize("body", ["", HTML, '{"message": "It moved."}'])
def test_f22_a_redirect_says_what_to_check(body: str) -> None:
    """Whoever reads it knows where to look, whatever else the answer says."""
    answer = read(303, body)
    assert isinstance(answer, Redirected)
    told = answer.problem.message
    said = "It moved" if "moved" in body else "HTTP 303 See Other"
    assert told.startswith(f"{said}: compare base_url in tenants.yaml with Zuora's page of its")
    assert "a proxy, a gateway or a login page" in told
    assert len(told) <= 160, "so that no screen cuts it"


def test_these_statuses_refuse_a_call_before_any_work_and_no_others_do() -> None:
    """R4: a clean key fails on them alone; any other 4xx leaves open whether it was executed."""
    left = {401: Unauthorized, 409: Conflict, 422: Misdirected, 429: Throttled}
    refusing = {400, 403, 404, 405, 406, 410, 411, 413, 414, 415, 431}
    for status in range(400, 500):
        expected = Refused if status in refusing else left.get(status, ServerError)
        assert type(read(status, "")) is expected, status


@pytest.mark.parametrize("status", sorted(REFUSED_STATUSES))
def test_an_errors_object_is_no_row_of_a_batch(status: int) -> None:
    """For more than one item a single object refuses the whole call and says nothing of each."""
    answer = read(status, BAD_NUMBER, 2)
    assert isinstance(answer, Refused)
    assert answer.problem.code == "INVALID_VALUE"
    assert isinstance(read(200, BAD_NUMBER, 2), Unreadable)


@pytest.mark.parametrize(
    ("status", "body"), [(429, f"[{GOOD},{RATE_ROW}]"), (401, f"[{SESSION_ROW},{GOOD}]")]
)
def test_one_executed_row_makes_the_rest_rows_too(status: int, body: str) -> None:
    """A call that was turned away at the door has no success in it, so this one was not."""
    assert len(row_classes(read(status, body, 2))) == 2


@pytest.mark.parametrize(
    ("status", "codes", "kind"), [(200, LOGIN_CODES, Unauthorized), (429, LIMIT_CODES, Throttled)]
)
def test_rows_of_every_such_code_were_turned_away_at_the_door(
    status: int, codes: frozenset[str], kind: type[Unauthorized]
) -> None:
    """However many of the codes come together, they are no result of the call."""
    rows = [f'{{"Errors":[{an_error(code, "x")}],"Success":false}}' for code in sorted(codes)]
    assert type(read(status, f"[{','.join(rows)}]", len(rows))) is kind


def test_503_waits_only_where_it_says_so() -> None:
    """A 503 with Retry-After is waited out like a limit; either leaves the call in doubt."""
    answer = read(503, HTML, headers={"retry-after": "120"})
    assert isinstance(answer, Busy)
    assert isinstance(read(503, HTML), ServerError)


@pytest.mark.parametrize(
    ("body", "expected", "limited"),
    [
        (f"[{RATE_ROW}]", 1, True),
        (LIMIT_ROW, 1, True),
        (f"[{GOOD},{RATE_ROW}]", 2, True),
        (f"[{GOOD}]", 1, False),
        (f"[{LOCKED}]", 1, False),
    ],
)
def test_a_limit_within_200_is_recognised(body: str, expected: int, limited: bool) -> None:
    """A row that names a request limit is told, so that the whole run can wait."""
    answer = read(200, body, expected)
    assert isinstance(answer, Rows)
    assert answer.throttled is limited


def test_messages_are_one_safe_line() -> None:
    """What a server says reaches people as one short line that no terminal obeys."""
    nasty = "\x1b]8;;http://x\x07a\r\nb\u202ec\u2028d\u200be" + "z" * 1_000_000
    body = json.dumps([{"Success": False, "Errors": [{"Code": nasty, "Message": nasty}]}])
    answer = read(200, body)
    assert isinstance(answer, Rows)
    problem = answer.rows[0].problem
    assert problem is not None
    assert len(problem.message) <= 500
    assert len(problem.code) <= 80
    assert problem.message.isprintable()
    assert "\n" not in problem.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Success", "Id", "Errors", "Code", "Message", "reasons", "faults"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.untraced
@given(st.integers(-1, 1200), st.binary(max_size=200) | JSON.map(lambda d: json.dumps(d).encode()))
@example(200, b'{"Success":true,"Id":"x","Errors":[{}]}')
def test_reading_is_total(status: int, body: bytes) -> None:
    """Any bytes under any status are read without an exception, and only real rows are success."""
    for expected in (1, 2):
        answer = read(status, body, expected)
        if isinstance(answer, Rows):
            assert len(answer.rows) == expected
            for row in answer.rows:
                assert (row.row_class is RowClass.SUCCESS) == bool(row.invoice_id)
                assert row.invoice_id is None or row.invoice_id in body.decode("utf-8")
        else:
            assert answer.problem.message.isprintable()
            assert len(answer.problem.message) <= 500


@pytest.mark.parametrize(
    ("status", "answer"),
    [(200, Unreadable), (409, Conflict), (500, ServerError)],
)
def test_rows_that_do_not_fit_tell_what_they_name(
    status: int, answer: Callable[[Problem], Answer]
) -> None:
    """What looks like a success and names an error is no row; people read the error it names."""
    body = '{"Success":true,"Errors":[{"Code":"A","Message":"b"}]}'
    assert read(status, body) == answer(Problem("A", "b"))
