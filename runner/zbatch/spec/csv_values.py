"""What is wrong with a cell, in words; above all what spreadsheets do to IDs and dates."""

from __future__ import annotations

import re
from datetime import date

from zbatch.spec.diagnostics import quote
from zbatch.spec.slips import beside_id, days_meant, is_turned
from zbatch.spec.values import ACCOUNT_NUMBER, DATE, parse_date

Complaint = tuple[str, str, str]  # code, message, hint

_EXPONENT = re.compile(r"[-+]?[0-9]+([.,][0-9]+)?[eE][-+]?[0-9]+")
_GROUPED = re.compile(r"[0-9]{1,3}([.,' \u00a0\u202f][0-9]{3})+([.,][0-9]+)?|[0-9]+[.,][0-9]+")
_ERROR = re.compile(r"#(N/?A|REF|NAME|VALUE|DIV/0|NULL|NUM|SPILL|CALC)[!?]?|#{2,}", re.IGNORECASE)
_SERIAL = re.compile(r"[1-9][0-9]{4}([.,][0-9]+)?")
_TIMED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T].+")
_EXPRESSION = re.compile(r"(start|end)_of_.*")
_SHORT = 20  # characters: what is longer is rather a part of an ID than a number
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
_ID = "must be an account ID of exactly 32 hexadecimal characters"
_AS_TEXT = "export it again, with the column formatted as text before its values go in"
_ISO = "write it YYYY-MM-DD, such as 2026-01-31: give the column that format and export again"


def why_not_id(text: str) -> Complaint:
    """Say what keeps a text from being an account ID, which it is not."""
    if found := _spoilt(text, "ZB422", "an account ID"):
        return found
    hint = "account numbers go in a column `account_number`" if _number(text) else ""
    if text.isdecimal() and len(text) < 32:
        message = f"the account ID {quote(text)} has {len(text)} of 32 digits"
        return "ZB424", f"{message}: spreadsheets drop the zeros at the front of a number", hint
    return "ZB422", f"{_ID}; this is {quote(text)}, {beside_id(text)}", hint


def why_not_number(text: str) -> Complaint:
    """Say what keeps a text from being an account number, which it is not."""
    found = _spoilt(text, "ZB423", "an account number")
    form = "must be an account number: letters, digits and ` ._/#:-` only, at most 70 of them"
    return found or ("ZB423", f"{form}; this is {quote(text)}", "")


def read_date(text: str) -> date | Complaint:
    """Return the day that a cell holds, or what keeps it from being one."""
    if not DATE.fullmatch(text):
        return _why_not_date(text)
    try:
        return parse_date(text)
    except ValueError as error:
        return "ZB301", str(error), ""


def _number(text: str) -> bool:
    return len(text) <= _SHORT and ACCOUNT_NUMBER.fullmatch(text) is not None


def _spoilt(text: str, code: str, what: str) -> Complaint | None:
    """Say what a spreadsheet has done to an ID or number, whichever it was."""
    if not text:
        message = "the account's cell is empty, so nobody can tell whom this row is about"
        return "ZB421", message, "fill it in, or delete the row"
    if text != text.strip():
        return code, f"spaces stand around {quote(text)}", f"the cell must hold {what} alone"
    if _ERROR.fullmatch(text):
        return "ZB425", f"{quote(text)} is a spreadsheet's error, not {what}", "mend the formula"
    if _EXPONENT.fullmatch(text) or _GROUPED.fullmatch(text):
        message = f"a spreadsheet has made {what} the number {quote(text)}; digits may be lost"
        return "ZB424", message, _AS_TEXT
    if text.startswith(_FORMULA):
        message = f"{quote(text)} begins as a formula does, and a spreadsheet would compute it"
        return "ZB425", message, f"the cell must hold {what} alone"
    return None


def _why_not_date(text: str) -> Complaint:
    given = quote(text)
    if _SERIAL.fullmatch(text):
        return "ZB427", f"{given} is a spreadsheet's serial number of a day, not a date", _ISO
    if _TIMED.fullmatch(text):
        return "ZB426", f"the date {given} has a time of day", _ISO
    if is_turned(text):
        return _turned(text)
    if _EXPRESSION.fullmatch(text):
        hint = "write the day out here, or give the spec's own `dates` by expression"
        return "ZB426", f"{given} is no date: account files hold days alone", hint
    if _ERROR.fullmatch(text) or text.startswith(_FORMULA):
        return "ZB425", f"{given} is a spreadsheet's formula or error, not a date", _ISO
    return "ZB426", f"{given} is no date", _ISO


def _turned(text: str) -> Complaint:
    """Tell which days a date in another form than ours may mean."""
    given, days = quote(text), days_meant(text)
    if len(days) == 2:
        which = f"{days[0]} or {days[1]}, and is not guessed"
        return "ZB427", f"the date {given} may mean {which}", _ISO
    message = f"the date {given} is not written YYYY-MM-DD"
    if not days:
        return "ZB427", message, _ISO
    return "ZB427", message, f"write {days[0]}: give the column that format and export again"
