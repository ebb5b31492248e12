"""ZOQL as the tenant reads it: what the page allows, and the fault for everything else."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zbatch.emulator.zoql import FIELDS, Condition, QueryFault, Record, parse_query

IDS = "select Id from Invoice"
DAY = date(2026, 11, 30)
RECORD: Record = {
    **dict.fromkeys(FIELDS),
    "AccountId": "a",
    "TargetDate": DAY,
    "Status": "Draft",
    "CreatedDate": 1_795_867_200.0,  # 2026-11-28 12:00 UTC
}


def where(conditions: str) -> bool:
    """Tell whether the record is found under these conditions."""
    return parse_query(f"{IDS} where {conditions}").finds(RECORD)


def refusal(text: str) -> tuple[str, str]:
    """Return code and message of the fault that a text meets."""
    with pytest.raises(QueryFault) as fault:
        parse_query(text)
    return fault.value.code, str(fault.value)


def test_a_query_is_its_fields_and_branches() -> None:
    """`and` binds before `or`, so each branch is a list of conditions."""
    query = parse_query(
        "select Id, Status\nfrom Invoice where AccountId='a' and TargetDate = '2026-11-30'"
        " or AccountId != 'b'"
    )
    assert query.fields == ("Id", "Status")
    assert query.branches == (
        (Condition("AccountId", "=", "a"), Condition("TargetDate", "=", DAY)),
        (Condition("AccountId", "!=", "b"),),
    )


FOUND = [
    ("AccountId='a'", True),
    ("AccountId='A'", False),
    ("AccountId!='A'", True),
    ("TargetDate='2026-11-30'", True),
    ("TargetDate>'2026-11-30'", False),
    ("TargetDate>='2026-11-30'", True),
    ("TargetDate<'2026-12-01'", True),
    ("TargetDate<='2026-11-29'", False),
    ("CreatedDate='2026-11-28T04:00:00.000-08:00'", True),
    ("CreatedDate='2026-11-28T12:00:00Z'", True),
    ("CreatedDate='2026-11-28T04:00:00'", True),
    ("CreatedDate>'2026-11-28T12:00:00+00:00'", False),
    ("Source='API'", False),
    ("Source!='API'", True),
    ("AccountId='x' or AccountId='a' and Status='Draft'", True),
    ("AccountId='a' or AccountId='a' and Status='Posted'", True),
    ("AccountId='a' and Status='Posted' or AccountId='x'", False),
]


@pytest.mark.parametrize(("conditions", "found"), FOUND)
def test_what_a_condition_finds(conditions: str, found: bool) -> None:
    """Each sign, on texts with their case, dates, times of any zone and fields without value."""
    assert where(conditions) is found


def test_without_conditions_all_is_found() -> None:
    """A query without `where` finds every invoice."""
    assert parse_query("select Id from Invoice").finds(RECORD)


def test_a_literal_may_escape_its_quote() -> None:
    """A quote and a backslash stand in a literal behind a backslash."""
    [[condition]] = parse_query(r"select Id from Invoice where Status='o\'n\\e'").branches
    assert condition.value == "o'n\\e"


ACCOUNTS = [
    ("", None),
    (" where AccountId='a' and Status='Draft' or AccountId='b'", {"a", "b"}),
    (" where AccountId='a' or Status='Draft'", None),
    (" where AccountId!='a'", None),
]


@pytest.mark.parametrize(("conditions", "accounts"), ACCOUNTS)
def test_which_accounts_a_query_can_find(conditions: str, accounts: set[str] | None) -> None:
    """They are known where every branch names one."""
    assert parse_query(IDS + conditions).named("AccountId") == accounts


MALFORMED = [
    "",
    "select",
    "SELECT Id from Invoice",
    "select Id From Invoice",
    "select * from Invoice",
    "select Id Status from Invoice",
    "select Id, from Invoice",
    "select Id from Invoice;",
    "select Id from Invoice where",
    "select Id from Invoice WHERE AccountId='a'",
    "select Id from Invoice where AccountId='a' AND Status='b'",
    "select Id from Invoice where AccountId in ('a')",
    "select Id from Invoice where (AccountId='a')",
    "select Id from Invoice where AccountId like 'a'",
    "select Id from Invoice where AccountId<>'a'",
    "select Id from Invoice where AccountId,'a'",
    "select Id from Invoice where AccountId=a",
    'select Id from Invoice where AccountId="a"',
    "select Id from Invoice where AccountId='a",
    r"select Id from Invoice where AccountId='a\'",
    r"select Id from Invoice where AccountId='\n'",
    "select Id from Invoice where AccountId='a'' or Status='b'",
    "select Id from Invoice where AccountId='a' or",
    "select Id from Invoice where AccountId='a' order by Id",
    "select Id from Invoice, Account",
    "select Id from Invoice where AccountId='a' limit 5",
]


@pytest.mark.parametrize("text", MALFORMED)
def test_what_zoql_does_not_know(text: str) -> None:
    """Capitals in keywords, `in`, parentheses, joins, order and bad literals are malformed."""
    assert refusal(text)[0] == "MALFORMED_QUERY"


OTHER_FAULTS = [
    (
        "select accountId from Invoice",
        "INVALID_FIELD",
        "invalid field for query: Invoice.accountId",
    ),
    ("select Id from Invoice where Foo='a'", "INVALID_FIELD", "Invoice.Foo"),
    ("select Id from Invoice where Amount='1'", "INVALID_FIELD", "Invoice.Amount"),
    ("select Id from invoice", "INVALID_TYPE", "invoice"),
    ("select Id from Invoice where TargetDate='30.11.2026'", "INVALID_VALUE", "TargetDate"),
    ("select Id from Invoice where TargetDate='2026-02-30'", "INVALID_VALUE", "TargetDate"),
    ("select Id from Invoice where CreatedDate='2026-11-30'", "INVALID_VALUE", "CreatedDate"),
]


@pytest.mark.parametrize(("text", "code", "words"), OTHER_FAULTS)
def test_what_is_wrong_is_named(text: str, code: str, words: str) -> None:
    """Unknown fields and objects, and values that are none, have faults of their own."""
    found, message = refusal(text)
    assert found == code
    assert words in message


def test_a_hidden_field_does_not_exist() -> None:
    """Where the tenant lacks a field, both asking for it and filtering by it are refused."""
    for text in ("select Source from Invoice", "select Id from Invoice where Source='API'"):
        with pytest.raises(QueryFault, match=r"invalid field for query: Invoice\.Source"):
            parse_query(text, hidden=frozenset({"Source"}))


def test_two_hundred_conditions_are_the_most() -> None:
    """200 are taken, 201 are not, however they are joined."""
    for joined in (" and ", " or "):
        conditions = ["Status='a'"] * 201
        text = "select Id from Invoice where "
        parse_query(text + joined.join(conditions[1:]))
        assert "200 conditions" in refusal(text + joined.join(conditions))[1]


def test_ten_thousand_characters_are_the_most() -> None:
    """The length counts as it stands, spaces and all."""
    text = "select Id from Invoice"
    parse_query(text.ljust(10_000))
    assert refusal(text.ljust(10_001))[0] == "MALFORMED_QUERY"


PARTS = st.sampled_from(
    ["select ", "Id", " from ", "Invoice", " where ", "=", "!=", "'a'", "'", "\\", " and ", "("]
)


@given(st.one_of(st.text(max_size=40), st.lists(PARTS, max_size=12).map("".join)))
def test_any_text_is_a_query_or_one_fault(text: str) -> None:
    """Nothing but the fault leaves the parser."""
    with suppress(QueryFault):
        assert parse_query(text).fields
