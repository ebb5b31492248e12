"""Account IDs in a question, and what of its answer counts as an answer."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from zbatch.model import Problem
from zbatch.zuora.accounts import IDS_A_QUESTION, all_asked_for, id_questions
from zbatch.zuora.numbers import FoundAccount
from zbatch.zuora.pages import Page
from zbatch.zuora.query import query_body
from zbatch.zuora.reply import Unreadable

A = "2c93808457d787030157e0306be53a75"
B = "2c93808457d787030157e0306be53a76"
OF_A = FoundAccount(A, "A1", "Active")
OF_B = FoundAccount(B, "B2", "Canceled")
(QUESTION,) = id_questions([A])


def page(*accounts: FoundAccount) -> Page[FoundAccount]:
    return Page(accounts, None, len(accounts))


def test_a_question_names_each_id_once() -> None:
    """Lower-case keywords, one condition an ID, in the order given."""
    (question,) = id_questions([B, A, B])
    assert question.ids == {A, B}
    asked, conditions = question.text.split(" where ")
    assert asked == "select Id, AccountNumber, Status, Currency from Account"
    assert conditions == f"Id = '{B}' or Id = '{A}'"


def test_questions_stay_within_what_zuora_takes() -> None:
    """Each holds so many IDs, none is left out, and none is longer than 10,000 characters."""
    ids = [f"{n:032x}" for n in range(2 * IDS_A_QUESTION + 1)]
    found = id_questions(ids)
    assert [len(one.ids) for one in found] == [IDS_A_QUESTION, IDS_A_QUESTION, 1]
    assert frozenset(ids) == frozenset().union(*(one.ids for one in found))
    assert max(len(query_body(one.text)) for one in found) <= 10_000
    assert json.loads(query_body(found[2].text)) == {"queryString": found[2].text}


@pytest.mark.parametrize("one", ["", A.upper(), A[:-1], A + "0", f"{A}' or Id != '"])
def test_what_is_no_id_is_in_no_question(one: str) -> None:
    """It would go into the text as it is."""
    with pytest.raises(ValueError, match="32 lower-case hexadecimal"):
        id_questions([A, one])


def test_an_answer_may_lack_an_account_that_is_not_there() -> None:
    """What the tenant does not know is not in its answer, and that is one."""
    assert all_asked_for([page(OF_A)], QUESTION) == (OF_A,)
    assert all_asked_for([page()], QUESTION) == ()


def test_an_answer_with_an_account_that_nobody_asked_about_is_none() -> None:
    """It is the answer to another question, whatever else it holds; and it says which account."""
    told = Problem(
        "UNREADABLE_REPLY", f"The answer to a question holds {B}, which was not asked for."
    )
    assert all_asked_for([page(OF_A, OF_B)], QUESTION) == Unreadable(told)


def test_an_answer_that_is_not_whole_is_none() -> None:
    """A page that counts more than it holds, or promises another one, proves nothing."""
    more = replace(page(OF_A), locator="L")
    for pages in ([], [more], [replace(page(OF_A), size=2)]):
        assert isinstance(all_asked_for(pages, QUESTION), Unreadable)
