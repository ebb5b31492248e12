"""Read a page of an answer to any question, and tell whether some pages are all of it.

A question never proves by silence: what is not readable without a guess is no page at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from zbatch.model import Problem
from zbatch.zuora.codes import leaves_open
from zbatch.zuora.problems import problem_in
from zbatch.zuora.reply import (
    REFUSED_STATUSES,
    UNREADABLE,
    NoRows,
    ServerError,
    Unreadable,
    answer_without_rows,
)
from zbatch.zuora.strict_json import NotJson, parse_json
from zbatch.zuora.text import one_line
from zbatch.zuora.wire import Reply

R = TypeVar("R")

_OK = 200
_TEXT_LIMIT = 255
_INVALID_FIELD = re.compile(r"invalid field for query:\s*(?:invoice\.)?(\w+)", re.IGNORECASE)
_LOCATOR = re.compile(r"[!-~]{1,500}")


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """A part of an answer; the rest comes by `locator`, and None says that there is no rest.

    `size` is what the server counts, of this page or of the whole answer: see `together`.
    """

    records: tuple[R, ...]
    locator: str | None
    size: int


@dataclass(frozen=True, slots=True)
class MissingField:
    """The tenant does not know a field that a question can do without: ask again without it."""

    name: str


class Odd(ValueError):
    """A page that cannot be trusted; the text says what about it."""


def read_page_of(
    reply: Reply, record: Callable[[Mapping[str, object]], R], optional: Collection[str] = ()
) -> Page[R] | MissingField | NoRows:
    """Read a reply whose records are read by `record`, which raises `Odd`; total.

    `optional` names the fields that the question can do without.
    """
    try:
        document = parse_json(reply.body, exact=True)
    except NotJson:
        document = None
    problem = problem_in(document)
    if problem and (name := _missing_field(reply.status, problem, optional)):
        return MissingField(name)
    if reply.status == _OK and problem is None and isinstance(document, dict):
        try:
            return _page(document, record)
        except Odd as odd:
            return Unreadable(Problem(UNREADABLE, f"The answer to a question {odd}."))
    return _passing(answer_without_rows(reply, problem))


def together(pages: Sequence[Page[R]], name: Callable[[R], str]) -> tuple[R, ...] | Unreadable:
    """Put the pages of one answer together, provided that they are all of it.

    Zuora does not say whether `size` counts a page or the whole answer, so either will do. What
    comes twice under one `name` must be the same both times, and counts once: it may stand in the
    place of another.
    """
    counts = [len(set(map(name, page.records))) for page in pages]
    sizes = [page.size for page in pages]
    records = [record for page in pages for record in page.records]
    count = len(set(map(name, records)))
    if not pages or pages[-1].locator or (sizes != counts and sizes[0] != count):
        return Unreadable(Problem(UNREADABLE, "The pages of an answer are not all of it."))
    found: dict[str, R] = {}
    for record in records:
        first = found.setdefault(name(record), record)
        if first is not record and first != record:
            told = Problem(UNREADABLE, f"{name(record)} changed while it was read.")
            return Unreadable(told)
    return tuple(found.values())


def word(value: object, pattern: re.Pattern[str], what: str) -> str:
    """Read a text that a record cannot do without."""
    if type(value) is not str or not pattern.fullmatch(value):
        raise Odd(f"lacks {what}")
    return value


def label(value: object) -> str | None:
    """Read a text that is shown and compared by its beginning at most."""
    if value is not None and type(value) is not str:
        raise Odd("holds a label that is no text")
    return one_line(value, _TEXT_LIMIT) or None if value else None


def _missing_field(status: int, problem: Problem, optional: Collection[str]) -> str | None:
    match = _INVALID_FIELD.search(problem.message)
    whole_refusal = status == _OK or status in REFUSED_STATUSES
    if not match or problem.code != "INVALID_FIELD" or not whole_refusal:
        return None
    asked = match[1].casefold()
    return next((name for name in optional if name.casefold() == asked), None)


def _passing(answer: NoRows) -> NoRows:
    """Tell a trouble that comes as a fault under a status of success from an odd page."""
    if isinstance(answer, Unreadable) and leaves_open(answer.problem.code, answer.problem.message):
        return ServerError(answer.problem)
    return answer


def _page(document: Mapping[str, object], record: Callable[[Mapping[str, object]], R]) -> Page[R]:
    done, size, records = document.get("done"), document.get("size"), document.get("records")
    if not isinstance(done, bool) or type(size) is not int or document.get("success") is False:
        raise Odd("does not say whether it is whole")
    if records is None:
        records = []
    if not isinstance(records, list) or len(records) > size:
        raise Odd("does not hold the records that it counts")
    if not records and (size or not done):
        raise Odd("holds nothing where it promises something")
    locator = None if done else word(document.get("queryLocator"), _LOCATOR, "a locator")
    return Page(tuple([record(_fields(one)) for one in records]), locator, size)


def _fields(record: object) -> Mapping[str, object]:
    if type(record) is not dict:
        raise Odd("holds a record that is none")
    return record
