"""Ask a tenant which accounts some account numbers are, in ZOQL, and read its answer strictly."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from zbatch.model import ACCOUNT_ID, ACCOUNT_NUMBER, Problem
from zbatch.zuora.pages import MissingField, Odd, Page, label, read_page_of, together, word
from zbatch.zuora.reply import UNREADABLE, NoRows, Unreadable
from zbatch.zuora.text import one_line
from zbatch.zuora.wire import Reply

# Zuora takes 200 conditions and 10,000 characters: 100 of the longest numbers make 9,300.
NUMBERS_A_QUESTION = 100

_SELECT = "select Id, AccountNumber, Status from Account where "
_SHOWN = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?")


@dataclass(frozen=True, slots=True)
class FoundAccount:
    """An account as the tenant shows it; `id` is lower case, `number` as the tenant writes it."""

    id: str
    number: str
    status: str | None = None
    currency: str | None = None

    def __str__(self) -> str:
        return f"{self.id} ({self.status})" if self.status else self.id


@dataclass(frozen=True, slots=True)
class Question:
    """Some numbers and the text that asks for them."""

    numbers: frozenset[str]
    text: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """What became of numbers: an ID each in `ids`, or why it has none.

    `unknown` are those that no account has; `ambiguous` and `otherwise` name for each the
    accounts that may be meant: several, or one whose number is written in other case.
    """

    ids: Mapping[str, str] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()
    ambiguous: Mapping[str, tuple[FoundAccount, ...]] = field(default_factory=dict)
    otherwise: Mapping[str, FoundAccount] = field(default_factory=dict)


def number_questions(numbers: Iterable[str]) -> list[Question]:
    """Cut numbers, each once, into questions; raise ValueError for one that is none."""
    wanted = list(dict.fromkeys(numbers))
    for number in wanted:  # they go into the text as they are: no quotes, no backslashes
        if not ACCOUNT_NUMBER.fullmatch(number):
            raise ValueError("an account number has letters, digits and some signs")
    return [
        _question(wanted[start : start + NUMBERS_A_QUESTION])
        for start in range(0, len(wanted), NUMBERS_A_QUESTION)
    ]


def _question(numbers: Sequence[str]) -> Question:
    conditions = " or ".join(f"AccountNumber = '{number}'" for number in numbers)
    return Question(frozenset(numbers), _SELECT + conditions)


def read_accounts(reply: Reply) -> Page[FoundAccount] | MissingField | NoRows:
    """Read a reply to such a question; total, and a page only where nothing in it is guessed."""
    return read_page_of(reply, _account)


def _account(record: Mapping[str, object]) -> FoundAccount:
    account_id = record.get("Id")
    if type(account_id) is not str or not ACCOUNT_ID.fullmatch(account_id.lower()):
        raise Odd("lacks an account ID")
    number = word(record.get("AccountNumber"), _SHOWN, "an account number")
    status, currency = label(record.get("Status")), label(record.get("Currency"))
    return FoundAccount(account_id.lower(), number, status, currency)


def whole_answer(
    pages: Sequence[Page[FoundAccount]], asked: Collection[str]
) -> tuple[FoundAccount, ...] | Unreadable:
    """Put the pages of an answer together, provided that they are all of it and of nothing else."""
    found = together(pages, lambda account: account.id)
    if isinstance(found, Unreadable):
        return found
    wanted = {number.lower() for number in asked}
    for account in found:
        if account.number.lower() not in wanted:
            shown = one_line(account.number)
            told = f"The answer to a question holds {shown}, which was not asked for."
            return Unreadable(Problem(UNREADABLE, told))
    return found


def resolve(numbers: Iterable[str], found: Iterable[FoundAccount]) -> Resolution:
    """Give each number its ID, provided that exactly one account may be meant by it.

    Whether a tenant tells upper from lower case is not certain, so an account whose number differs
    by case alone may be meant too: with the very number beside it that is ambiguous.
    """
    alike: dict[str, dict[str, FoundAccount]] = {}
    for account in found:
        alike.setdefault(account.number.lower(), {})[account.id] = account
    ids: dict[str, str] = {}
    unknown: set[str] = set()
    ambiguous: dict[str, tuple[FoundAccount, ...]] = {}
    otherwise: dict[str, FoundAccount] = {}
    for number in numbers:
        accounts = tuple(alike.get(number.lower(), {}).values())
        if not accounts:
            unknown.add(number)
        elif len(accounts) > 1:
            ambiguous[number] = tuple(sorted(accounts, key=lambda account: account.id))
        elif accounts[0].number != number:
            otherwise[number] = accounts[0]
        else:
            ids[number] = accounts[0].id
    return Resolution(ids, frozenset(unknown), ambiguous, otherwise)
