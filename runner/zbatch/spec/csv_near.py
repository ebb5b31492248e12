"""Columns that seem to mean something and would be passed over: what they may be meant as."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from zbatch.spec.diagnostics import ECHO

_BETWEEN = re.compile(r"[^a-z0-9]")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[^\W_]+")
_NEARLY = 0.85  # how alike a name must be to be a misspelt one
_DAY = frozenset({"date", "dates", "day", "days", "datum"})
_BILL = frozenset({"bill", "billing", "billed", "charge", "charges", "invoice"})
_UNTIL = frozenset({"through", "thru", "until", "till", "upto"})
_KEYS = ("revision", "reason", "charges", "dates", "period", "tenant", "exclude")


def alike(name: str, cell: str) -> float:
    """Tell how alike two names are, from 0 to 1, whatever stands between their words."""
    return SequenceMatcher(None, _plain(name), _plain(cell)).ratio()


def nearly_date(cell: str) -> str | None:
    """Return which of the columns of dates another column is nearly, by its letters or words."""
    for name in ("target_date", "invoice_date"):
        if alike(name, cell) >= _NEARLY:
            return name
    words = set(_WORD.findall(_CAMEL.sub(" ", cell[:ECHO]).lower()))
    day = bool(words & _DAY)
    others = words - _DAY
    if (words & _BILL and words & _UNTIL) or ("target" in words and (day or others == {"target"})):
        return "target_date"
    if "invoice" in words and (day or others == {"invoice"}):
        return "invoice_date"
    return "target_date" if day and not others else None


def nearly_key(cell: str) -> str | None:
    """Return the key of the spec that a column is called by; no account file is asked for it."""
    plain = _plain(cell)
    return next((key for key in _KEYS if plain.removesuffix("s") == key.removesuffix("s")), None)


def _plain(text: str) -> str:
    return _BETWEEN.sub("", text[:ECHO].lower())
