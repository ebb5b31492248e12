"""Slips of the pen in one value: a letter in an ID, a day in another order than ours."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date

from zbatch.spec.diagnostics import quote

_TURNED = re.compile(r"[0-9]{1,4}[/.-][0-9]{1,4}([/.-][0-9]{1,4})?")
_NOT_HEXADECIMAL = re.compile("[^0-9A-Fa-f]")
_ALIKE = {"O": "0", "o": "0", "I": "1", "l": "1"}
ID_LENGTH = 32


def beside_id(text: str) -> str:
    """Say in what a text differs from an account ID: its length, or a character and its place."""
    if len(text) != ID_LENGTH:
        return f"of length {len(text):,}"
    wrong = _NOT_HEXADECIMAL.search(text)
    if wrong is None:
        return ""
    kind = "the letter " if wrong[0].isascii() and wrong[0].isalpha() else ""
    instead = f", not the digit {_ALIKE[wrong[0]]}" if wrong[0] in _ALIKE else ""
    return f"whose character {wrong.start() + 1} is {kind}{quote(wrong[0])}{instead}"


def is_turned(text: str) -> bool:
    """Tell whether a text is a date, or part of one, in another form than ours."""
    return _TURNED.fullmatch(text) is not None


def days_meant(text: str) -> list[date]:
    """Return the days of the calendar that three numbers may mean, the year with four digits."""
    parts = re.split("[/.-]", text)
    if len(parts) != 3:
        return []
    first, second, third = parts
    orders = [(first, second, third)] if len(first) == 4 else []
    if len(third) == 4:
        orders += [(third, second, first), (third, first, second)]
    found = set()
    for year, month, day in orders:
        with suppress(ValueError):
            found.add(date(int(year), int(month), int(day)))
    return sorted(found)


def date_meant(text: str) -> str:
    """Suggest the day that a date in another form means; where it may mean two, guess neither."""
    if not is_turned(text):
        return ""
    days = days_meant(text)
    if len(days) == 2:
        return f"it may mean {days[0]} or {days[1]}, and is not guessed"
    if days:
        return f"did you mean {days[0]}?"
    whole = re.search("(?<![0-9])[0-9]{4}(?![0-9])", text) and len(re.split("[/.-]", text)) == 3
    return "in no order are these numbers a day of the calendar" if whole else ""
