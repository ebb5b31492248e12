"""What is said of a key by its attempts."""

from __future__ import annotations

from typing import Any

from support.engine import START
from zbatch.engine.kinds import Kind, last_word
from zbatch.model import Attempt, Problem, Trail

TROUBLE = Problem("HTTP_503", "not now")


def attempt(number: int, kind: Kind | None, **fields: Any) -> Attempt:
    return Attempt(number, START, f"track-{number}", answer=kind and kind.value, **fields)


def test_the_last_word_on_a_key_is_what_came_of_its_last_attempt() -> None:
    """The problem that the last one brought, and where no answer was recorded, that."""
    answered, open_one = attempt(1, Kind.SERVER_ERROR, problem=TROUBLE), attempt(2, None)
    assert last_word([open_one, answered], Trail()) == TROUBLE
    assert last_word([answered, open_one], Trail()).code == "NO_ANSWER"
    refused = attempt(3, Kind.UNREACHABLE, sent=False, problem=TROUBLE)
    assert last_word([open_one, refused], Trail()) == TROUBLE


def test_an_attempt_that_we_took_back_is_no_word_on_its_key() -> None:
    """It never left: nobody is told that an answer to it is missing, where one before was had."""
    answered = attempt(1, Kind.SERVER_ERROR, problem=TROUBLE)
    taken_back = attempt(2, Kind.UNSENT, sent=False)
    assert last_word([answered, taken_back], Trail()) == TROUBLE
    assert last_word([taken_back], Trail()).code == "NO_ANSWER"


def test_what_the_row_of_an_item_said_goes_before_what_was_worst_in_the_answer() -> None:
    """R12: the attempt holds one problem for all items of its call."""
    nothing = Problem("INVALID_VALUE", "there are no charges due")
    answered = attempt(1, Kind.ROWS, problem=TROUBLE)
    assert last_word([answered], Trail(said=nothing)) == nothing
