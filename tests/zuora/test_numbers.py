"""Account numbers in a question, and every shape of what a tenant answers to it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from zbatch.model import ACCOUNT_NUMBER
from zbatch.zuora.numbers import (
    NUMBERS_A_QUESTION,
    FoundAccount,
    number_questions,
    read_accounts,
    resolve,
    whole_answer,
)
from zbatch.zuora.pages import Page
from zbatch.zuora.query import query_body
from zbatch.zuora.reply import Refused, Unreadable
from zbatch.zuora.wire import Reply

A = "2c93808457d787030157e0306be53a75"
B = "2c93808457d787030157e0306be53a76"


def read(*records: Mapping[str, object], size: int | None = None) -> object:
    body = {"size": len(records) if size is None else size, "done": True, "records": records}
    return read_accounts(Reply(200, {}, json.dumps(body).encode()))


def test_a_question_names_each_number_once() -> None:
    """Lower-case keywords, one condition a number, in the order given."""
    (question,) = number_questions(["A00991201", "B 7/x", "A00991201"])
    assert question.text == (
        "select Id, AccountNumber, Status from Account where"
        " AccountNumber = 'A00991201' or AccountNumber = 'B 7/x'"
    )
    assert question.numbers == {"A00991201", "B 7/x"}


def test_questions_stay_within_what_zuora_takes() -> None:
    """250 of the longest numbers make three questions, each of at most 10,000 characters."""
    numbers = [f"{n:070d}" for n in range(250)]
    found = number_questions(numbers)
    assert [len(one.numbers) for one in found] == [100, 100, 50]
    assert max(len(one.text) for one in found) <= 10_000
    assert frozenset(numbers) == frozenset().union(*(one.numbers for one in found))
    assert number_questions(numbers[:NUMBERS_A_QUESTION])[0].text.count(" or ") == 99
    assert json.loads(query_body(found[2].text)) == {"queryString": found[2].text}


def test_no_numbers_are_no_question() -> None:
    """Nothing is asked where nothing is wanted."""
    assert number_questions([]) == []


@pytest.mark.parametrize(
    "number",
    ["", "A'1", "A\\1", 'A"1', "A1\n", "A1 ", " A1", "A%", "Ä1", "١٢٣", "A" * 71, "A1' or Id != '"],
)
def test_f127_a_number_that_could_change_the_question_is_refused(number: str) -> None:
    """What is no plain number never becomes text of a question."""
    assert not ACCOUNT_NUMBER.fullmatch(number)
    with pytest.raises(ValueError, match="account number"):
        number_questions(["A1", number])


def test_a_record_is_read_as_the_tenant_writes_it() -> None:
    """The ID in lower case; the number as it is; an absent status is none."""
    page = read(
        {"Id": A.upper(), "AccountNumber": "a-1", "Status": "Active", "Currency": "EUR"},
        {"Id": B, "AccountNumber": "B 2", "Other": 7},
    )
    assert page == Page((FoundAccount(A, "a-1", "Active", "EUR"), FoundAccount(B, "B 2")), None, 2)
    told = read({"Id": A, "AccountNumber": "a-1", "Status": "s" * 5000})
    assert isinstance(told, Page)
    assert len(told.records[0].status or "") < 1000
    odd = read({"Id": A})
    assert isinstance(odd, Unreadable)
    assert odd.problem.code == "UNREADABLE_REPLY"


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"AccountNumber": "A1"},
        {"Id": A},
        {"Id": A[:-1], "AccountNumber": "A1"},
        {"Id": A + "\n", "AccountNumber": "A1"},
        {"Id": "z" * 32, "AccountNumber": "A1"},
        {"Id": 7, "AccountNumber": "A1"},
        {"Id": A, "AccountNumber": 1},
        {"Id": A, "AccountNumber": ""},
        {"Id": A, "AccountNumber": "A1 "},
        {"Id": A, "AccountNumber": "A\u200b1"},
        {"Id": A, "AccountNumber": None},
        {"Id": A, "AccountNumber": "A1", "Status": 1},
        {"Id": A, "AccountNumber": "A" * 256},
    ],
)
def test_a_record_that_needs_a_guess_spoils_the_page(record: Mapping[str, object]) -> None:
    """An ID is 32 hexadecimal characters and a number visible text, or the page says nothing."""
    good = {"Id": B, "AccountNumber": "B2"}
    assert isinstance(read(good), Page)
    assert isinstance(read(good, record), Unreadable)


def test_a_field_that_the_tenant_refuses_ends_the_question() -> None:
    """Nothing of this question can be done without."""
    body = {"FaultCode": "INVALID_FIELD", "FaultMessage": "invalid field for query: Account.Status"}
    assert isinstance(read_accounts(Reply(400, {}, json.dumps(body).encode())), Refused)


def page(
    *found: FoundAccount, size: int | None = None, more: str | None = None
) -> Page[FoundAccount]:
    return Page(found, more, len(found) if size is None else size)


ONE, TWO = FoundAccount(A, "A1", "Active"), FoundAccount(B, "B2")


@pytest.mark.parametrize(
    ("pages", "found"),
    [
        ([page()], ()),
        ([page(ONE)], (ONE,)),
        ([page(ONE, size=2, more="L"), page(TWO, size=2)], (ONE, TWO)),
        ([page(ONE, more="L"), page(ONE, TWO)], (ONE, TWO)),
        ([page(FoundAccount(A, "a1"))], (FoundAccount(A, "a1"),)),
    ],
)
def test_a_whole_answer(pages: list[Page[FoundAccount]], found: tuple[FoundAccount, ...]) -> None:
    """All pages together, by either reading of size; a number in other case is kept to be told."""
    assert whole_answer(pages, ["A1", "B2"]) == found


@pytest.mark.parametrize(
    "pages",
    [
        [],
        [page(ONE, more="L")],
        [page(ONE, size=2)],
        [page(ONE, more="L"), page(FoundAccount(A, "A1", "Canceled"))],
        [page(ONE, FoundAccount(A, "B2"))],
        [page(ONE, FoundAccount(B, "C3"))],
        [page(FoundAccount(A, "A11"))],
    ],
)
def test_an_answer_that_is_not_whole_or_of_something_else_is_none(
    pages: list[Page[FoundAccount]],
) -> None:
    """Missing pages, an account that changes meanwhile, a number nobody asked for: asked again."""
    assert isinstance(whole_answer(pages, ["A1", "B2"]), Unreadable)


def test_each_number_gets_the_id_of_the_one_account_that_has_it() -> None:
    """An account listed twice in different answers is still one."""
    found = resolve(["A1", "B2", "C3"], [TWO, ONE, ONE])
    assert found.ids == {"A1": A, "B2": B}
    assert found.unknown == {"C3"}
    assert found.ambiguous == {}
    assert found.otherwise == {}


def test_a_number_of_several_accounts_is_never_guessed() -> None:
    """Neither by order nor by status: both are named."""
    other = FoundAccount(B, "A1", "Canceled")
    found = resolve(["A1"], [other, ONE])
    assert found.ids == {}
    assert found.ambiguous == {"A1": (ONE, other)}
    assert [str(one) for one in found.ambiguous["A1"]] == [f"{A} (Active)", f"{B} (Canceled)"]


def test_a_number_that_differs_by_case_is_never_taken() -> None:
    """The tenant's own spelling is told, and beside the very number it is ambiguous."""
    lower = FoundAccount(B, "a1")
    assert resolve(["A1"], [lower]).otherwise == {"A1": lower}
    assert resolve(["A1"], [ONE, lower]).ambiguous == {"A1": (ONE, lower)}
    both = resolve(["A1", "a1"], [ONE])
    assert (both.ids, both.otherwise) == ({"A1": A}, {"a1": ONE})
    assert str(lower) == B
