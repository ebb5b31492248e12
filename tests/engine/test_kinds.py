"""What is said of a key by its attempts."""

from __future__ import annotations

from typing import Any

from support.engine import START
from zbatch.engine.kinds import Kind, last_word
from zbatch.model import Attempt, Problem

TROUBLE = Problem("HTTP_503", "not now")


def attempt(number: int, kind: Kind | None, **fields: Any) -> Attempt:
    return Attempt(number, START, f"track-{number}", answer=kind and kind.value, **fields)


def test_the_last_word_on_a_key_is_what_came_of_its_last_attempt() -> None:
    """The problem that the last one brought, and where no answer was recorded, that."""
    answered, open_one = attempt(1, Kind.SERVER_ERROR, problem=TROUBLE), attempt(2, None)
    assert last_word([open_one, answered]) == TROUBLE
    assert last_word([answered, open_one]).code == "NO_ANSWER"
    refused = attempt(3, Kind.UNREACHABLE, sent=False, problem=TROUBLE)
    assert last_word([open_one, refused]) == TROUBLE


def test_an_attempt_that_we_took_back_is_no_word_on_its_key() -> None:
    """It never left: nobody is told that an answer to it is missing, where one before was had."""
    answered = attempt(1, Kind.SERVER_ERROR, problem=TROUBLE)
    taken_back = attempt(2, Kind.UNSENT, sent=False)
    assert last_word([answered, taken_back]) == TROUBLE
    assert last_word([taken_back]).code == "NO_ANSWER"
