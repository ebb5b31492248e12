"""Find what an error body says, in whichever of Zuora's shapes it says it."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from zbatch.model import Problem
from zbatch.zuora.text import one_line

CODE_LIMIT = 80
NO_REASON = Problem("NO_REASON", "Zuora reported a failure without a reason.")

_SENT_ON = (
    "compare base_url in tenants.yaml with Zuora's page of its hosts, and look for a proxy, a"
    " gateway or a login page between"
)

# Met in the wild: Errors[{Code, Message}], reasons[{code, message}] with code as int or string,
# faults[{faultCode, faultMessage}], FaultCode/FaultMessage, faultcode/faultstring, code/message,
# a bare message, and OAuth's error/error_description. They differ by case and by name only.
_LISTS = ("errors", "reasons", "faults")
_CODES = ("code", "faultcode", "error")
_MESSAGES = ("message", "faultmessage", "faultstring", "error_description", "reason")


def problem_in(document: object) -> Problem | None:
    """Tell the first problem that a JSON document names, or None where it names none."""
    fields = _fields(document)
    for name in _LISTS:
        inner = fields.get(name)
        if isinstance(inner, list) and inner:
            fields = _fields(inner[0])
            break
    code = next((text for name in _CODES if (text := code_text(fields.get(name)))), "")
    message = next((text for name in _MESSAGES if (text := message_text(fields.get(name)))), "")
    return Problem(code or "NO_CODE", message or code) if code or message else None


def _fields(value: object) -> dict[str, object]:
    """Take an object's members by lower-case name; anything else has none."""
    return {str(name).lower(): v for name, v in value.items()} if isinstance(value, dict) else {}


def code_text(value: object) -> str:
    """Read an error code, which may be text or a number; empty where it is neither."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return one_line(value, CODE_LIMIT).removeprefix("fns:") if isinstance(value, str) else ""


def message_text(value: object) -> str:
    """Read a message as one safe line; empty where it is no text."""
    return one_line(value) if isinstance(value, str) else ""


def problem_of_status(status: int) -> Problem:
    """Tell what the status alone says."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "a status that HTTP does not define"
    return Problem(f"HTTP_{status}", f"HTTP {status} {phrase}")


def sent_on(problem: Problem) -> Problem:
    """Say beside a redirect what a person can check on the way to the tenant."""
    return replace(problem, message=f"{problem.message.removesuffix('.')}: {_SENT_ON}")
