"""What a tenant is asked: golden texts, their meaning in ZOQL, and how they are cut."""

from __future__ import annotations

import gzip
import json
import re
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zbatch.zuora.query import (
    ALL_FIELDS,
    REQUIRED,
    Wanted,
    more_ask,
    more_body,
    query_ask,
    query_body,
    questions,
)

A, B, C = (f"2c93808457d787030157e0306be53a7{digit}" for digit in "abc")
NOVEMBER = date(2026, 11, 30)
DECEMBER = date(2026, 12, 31)

SELECT = (
    "select Id, AccountId, InvoiceNumber, InvoiceDate, TargetDate, Status, Amount, Source, "
    "CreatedDate, UpdatedDate from Invoice where "
)


def test_the_text() -> None:
    """Each branch repeats both conditions, and an account's drafts are asked for once."""
    asked = questions([Wanted(A, NOVEMBER), Wanted(B, NOVEMBER), Wanted(A, DECEMBER)])
    assert asked == [
        f"{SELECT}AccountId = '{A}' and TargetDate = '2026-11-30'"
        f" or AccountId = '{A}' and TargetDate = '2026-12-31'"
        f" or AccountId = '{B}' and TargetDate = '2026-11-30'"
        f" or AccountId = '{A}' and Status = 'Draft'"
        f" or AccountId = '{B}' and Status = 'Draft'"
    ]


def test_fields_that_a_tenant_lacks_are_left_out() -> None:
    """Optional fields go, required ones stay, and none is made up."""
    (question,) = questions([Wanted(A, NOVEMBER)], REQUIRED)
    assert question.startswith("select Id, AccountId, TargetDate, Status, CreatedDate from ")
    for fields in (REQUIRED - {"Status"}, ALL_FIELDS | {"Body"}):
        with pytest.raises(ValueError, match="fields"):
            questions([Wanted(A, NOVEMBER)], fields)


@pytest.mark.parametrize(
    "account_id",
    [
        "",
        A + "\n",
        A[:-1],
        A + "a",
        A.upper(),
        A[:-1] + "'",
        A[:-1] + "\\",
        A[:-1] + "٣",
        f"{A}' or Status = 'Posted",
        "' or AccountId != '",
    ],
)
def test_no_text_but_an_id_gets_into_a_question(account_id: str) -> None:
    """Quotes, line ends, foreign digits and other lengths are refused before any text exists."""
    with pytest.raises(ValueError, match="32 lower-case"):
        Wanted(account_id, NOVEMBER)


def test_a_time_of_day_is_no_target_date() -> None:
    """A datetime would be written with its time."""
    with pytest.raises(ValueError, match="time of day"):
        Wanted(A, datetime(2026, 11, 30))  # noqa: DTZ001 - the naive one is what must be refused


@pytest.mark.parametrize(("accounts", "sizes"), [(0, []), (1, [1]), (50, [50]), (51, [50, 1])])
def test_questions_are_few(accounts: int, sizes: list[int]) -> None:
    """Fifty accounts with their drafts fit in a question."""
    wanted = [Wanted(f"{number:032x}", NOVEMBER) for number in range(accounts)]
    assert [question.count("TargetDate =") for question in questions(wanted)] == sizes


def test_an_account_of_many_dates_asks_for_its_drafts_in_each_question() -> None:
    """Where one account overflows a question, each part still tells all about what it names."""
    wanted = [Wanted(A, NOVEMBER + timedelta(days=n)) for n in range(150)]
    asked = questions(wanted)
    assert [question.count("TargetDate =") for question in asked] == [99, 51]
    assert all(question.endswith(f"'{A}' and Status = 'Draft'") for question in asked)


# A small reader of ZOQL as its page has it: lower-case keywords, and `and` binds before `or`.

Record = dict[str, str]
_TOKEN = re.compile(r"'(?P<text>[^'\\]*)'|(?P<word>[A-Za-z]+)|(?P<sign>[=,()])|(?P<space> )")


def tokens_of(text: str) -> list[tuple[str, str]]:
    """Cut a text into kinds and tokens, and leave nothing over."""
    found = [(str(match.lastgroup), match[match.lastgroup or 0]) for match in _TOKEN.finditer(text)]
    assert sum(len(token) + 2 * (kind == "text") for kind, token in found) == len(text)
    return [(kind, token) for kind, token in found if kind != "space"]


def split_at(tokens: list[tuple[str, str]], word: str) -> list[list[tuple[str, str]]]:
    """Split tokens at a keyword."""
    parts: list[list[tuple[str, str]]] = [[]]
    for token in tokens:
        if token == ("word", word):
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def conditions_of(text: str) -> list[list[tuple[str, str]]]:
    """Read the branches of a text, each as field and value."""
    tokens = tokens_of(text)
    where = tokens.index(("word", "where"))
    branches: list[list[tuple[str, str]]] = []
    for branch in split_at(tokens[where + 1 :], "or"):
        branches.append([])
        for condition in split_at(branch, "and"):
            (kind, name), sign, (value_kind, value) = condition
            assert (kind, sign, value_kind) == ("word", ("sign", "="), "text")
            branches[-1].append((name, value))
    return branches


def answers(text: str, record: Record) -> bool:
    """Tell whether a server would give this record."""
    return any(
        all(record.get(name) == value for name, value in branch) for branch in conditions_of(text)
    )


def plainly_wanted(wanted: list[Wanted], record: Record) -> bool:
    """Tell whether a record is meant, without a word of ZOQL."""
    dated = {(one.account_id, one.target_date.isoformat()) for one in wanted}
    accounts = {one.account_id for one in wanted}
    is_draft = record["AccountId"] in accounts and record["Status"] == "Draft"
    return (record["AccountId"], record.get("TargetDate")) in dated or is_draft


def test_the_reader_of_the_test_binds_and_before_or() -> None:
    """The reader knows what it is used to prove."""
    text = "select Id from Invoice where A = 'x' and B = 'y' or A = 'z'"
    assert answers(text, {"A": "z"})
    assert answers(text, {"A": "x", "B": "y"})
    assert not answers(text, {"A": "x"})
    assert not answers(text, {"B": "y"})


few_ids = st.sampled_from([A, B, C])
few_dates = st.dates(date(2026, 11, 28), date(2026, 12, 1))
wanteds = st.builds(Wanted, few_ids, few_dates)
records = st.fixed_dictionaries(
    {"AccountId": few_ids, "Status": st.sampled_from(["Draft", "Posted", "Canceled"])},
    optional={"TargetDate": few_dates.map(date.isoformat)},
)


@given(st.lists(wanteds, min_size=1, max_size=8), records)
def test_a_text_means_what_is_wanted(wanted: list[Wanted], record: Record) -> None:
    """A server that follows ZOQL's precedence gives just what is wanted."""
    (question,) = questions(wanted)
    assert answers(question, record) == plainly_wanted(wanted, record)


any_ids = st.integers(0, 2**128 - 1).map(lambda number: f"{number:032x}")


@given(
    st.lists(st.builds(Wanted, any_ids | few_ids, st.dates()), max_size=300),
    st.sets(st.sampled_from(sorted(ALL_FIELDS - REQUIRED))),
)
def test_each_is_asked_once_within_the_limits(wanted: list[Wanted], missing: set[str]) -> None:
    """Whatever is wanted stands in exactly one question, and no question is beyond the limits."""
    named = []
    for question in questions(wanted, ALL_FIELDS - missing):
        branches = conditions_of(question)
        assert sum(map(len, branches)) <= 200
        assert len(question) <= 10_000
        assert question.isascii()
        dated = [branch for branch in branches if branch[1][0] == "TargetDate"]
        accounts = dict.fromkeys(branch[0][1] for branch in dated)
        drafts = [[("AccountId", account), ("Status", "Draft")] for account in accounts]
        assert branches == [*dated, *drafts]
        named += dated
    assert sorted(named) == [
        [("AccountId", one.account_id), ("TargetDate", one.target_date.isoformat())]
        for one in sorted(set(wanted))
    ]


@given(st.lists(st.builds(Wanted, few_ids, st.dates()), max_size=90))
def test_the_cutting_is_the_same_each_time(wanted: list[Wanted]) -> None:
    """The same question is the same text, duplicates or not."""
    assert questions(wanted) == questions(wanted + wanted)


def test_the_bodies() -> None:
    """The bodies are Zuora's, and whatever is in a locator stays within its string."""
    assert query_body("select Id") == b'{"queryString":"select Id"}'
    assert more_body("2c93-2000") == b'{"queryLocator":"2c93-2000"}'
    assert json.loads(more_body('"}\\\u2028')) == {"queryLocator": '"}\\\u2028'}


def test_the_requests() -> None:
    """Paths have Zuora's casing, bodies are gzip, and a refused token is passed on."""
    first, more = query_ask("select Id", 3), more_ask("L")
    assert (first.path, first.stale_token) == ("/v1/action/query", 3)
    assert gzip.decompress(first.wire) == query_body("select Id")
    assert (more.path, more.stale_token) == ("/v1/action/queryMore", None)
    assert gzip.decompress(more.wire) == more_body("L")
    assert (first.wsdl, more.wsdl) == (0, 0)
