"""Ask a tenant for accounts by their IDs, in ZOQL, and hold its answer to what was asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zbatch.model import ACCOUNT_ID, Problem
from zbatch.zuora.numbers import FoundAccount
from zbatch.zuora.pages import Page, together
from zbatch.zuora.reply import UNREADABLE, Unreadable

# Zuora takes 200 conditions and 10,000 characters: 200 IDs make 8,650.
IDS_A_QUESTION = 200

ACTIVE = "Active"

_SELECT = "select Id, AccountNumber, Status, Currency from Account where "


@dataclass(frozen=True, slots=True)
class IdQuestion:
    """Some account IDs and the text that asks for them."""

    ids: frozenset[str]
    text: str


def id_questions(ids: Iterable[str]) -> list[IdQuestion]:
    """Cut account IDs, each once, into questions; raise ValueError for one that is none."""
    wanted = list(dict.fromkeys(ids))
    if not all(map(ACCOUNT_ID.fullmatch, wanted)):  # they go into the text as they are
        raise ValueError("an account ID is 32 lower-case hexadecimal characters")
    return [
        _question(wanted[start : start + IDS_A_QUESTION])
        for start in range(0, len(wanted), IDS_A_QUESTION)
    ]


def _question(ids: Sequence[str]) -> IdQuestion:
    conditions = " or ".join(f"Id = '{one}'" for one in ids)
    return IdQuestion(frozenset(ids), _SELECT + conditions)


def all_asked_for(
    pages: Sequence[Page[FoundAccount]], question: IdQuestion
) -> tuple[FoundAccount, ...] | Unreadable:
    """Put the pages of an answer together, provided that they are all of it and of nothing else."""
    found = together(pages, lambda account: account.id)
    if isinstance(found, Unreadable):
        return found
    for account in found:
        if account.id not in question.ids:
            told = f"The answer to a question holds {account.id}, which was not asked for."
            return Unreadable(Problem(UNREADABLE, told))
    return found
