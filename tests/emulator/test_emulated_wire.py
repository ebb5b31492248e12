"""The ways of a reply as steps, and the bodies that are bent: pure, without a socket."""

from __future__ import annotations

from itertools import islice

import pytest

from zbatch.emulator import Delivery, Mishap
from zbatch.emulator.catalogue import CATALOGUE
from zbatch.emulator.exchange import Answer
from zbatch.emulator.shapes import SHAPES
from zbatch.emulator.wire import (
    Around,
    BadChunks,
    Cut,
    Framing,
    Garbled,
    Last,
    Nothing,
    Pause,
    Send,
    Step,
    Styled,
    Trickle,
    Way,
    render,
    way_of,
)

ANSWER = Answer(200, b'[{"Success":true,"Id":"1"}]', {"Content-Type": "application/json"})
WHOLE = render(ANSWER)


def sent(steps: list[Step]) -> bytes:
    """Put together what is sent."""
    return b"".join(step.data for step in steps if isinstance(step, Send))


@pytest.mark.parametrize(
    ("way", "delivery", "data", "last"),
    [
        (Nothing(Last.RESET), "reset", b"", Last.RESET),
        (Nothing(Last.CLOSE), "closed", b"", Last.CLOSE),
        (Nothing(Last.HOLD), "silent", b"", Last.HOLD),
        (Cut(9), "cut_short", WHOLE[:9], Last.CLOSE),
        (Cut(-1), "cut_short", WHOLE[:-1], Last.CLOSE),
        (Cut(9, last=Last.HOLD), "silent", WHOLE[:9], Last.HOLD),
        (Trickle(7, 0.5), "slow", WHOLE, Last.KEEP),
        (
            Around(b"before", 2, behind=b"behind"),
            "whole",
            b"beforebefore" + WHOLE + b"behind",
            None,
        ),
        (Styled(), "whole", WHOLE, Last.CLOSE),
        (Styled(keep=True), "whole", WHOLE, Last.KEEP),
    ],
)
def test_what_a_way_sends(way: Way, delivery: str, data: bytes, last: Last | None) -> None:
    """The bytes, what becomes of the connection, and how it is summed up."""
    steps = list(way.steps(ANSWER))
    assert way.delivery == delivery
    assert sent(steps) == data
    assert steps[-1] == (last or Last.KEEP)
    assert all(not isinstance(step, Last) for step in steps[:-1])


def test_pauses_stand_between_pieces() -> None:
    """A trickle rests between two pieces, and neither before the first nor after the last."""
    steps = list(Trickle(100, 0.5).steps(ANSWER))
    assert [type(step) for step in steps[:3]] == [Send, Pause, Send]
    assert list(Styled(after=2.0).steps(ANSWER))[-2:] == [Pause(2.0), Last.CLOSE]
    assert Pause(0.1) in list(Around(b"x", 1, 0.1).steps(ANSWER))


@pytest.mark.parametrize("way", [BadChunks(endless=True), Around(b"x", None, 0.1)])
def test_what_never_ends(way: Way) -> None:
    """More comes for as long as anybody asks."""
    steps = list(islice(way.steps(ANSWER), 1000))
    assert len(steps) == 1000
    assert not any(isinstance(step, Last) for step in steps)


def test_each_framing_says_where_the_body_ends() -> None:
    """By its length, by chunks, or by the end of the connection."""
    assert b"Content-Length: 27\r\n" in render(ANSWER, Framing.LENGTH)
    assert render(ANSWER, Framing.CHUNKED).endswith(b"1b\r\n" + ANSWER.body + b"\r\n0\r\n\r\n")
    assert render(Answer(204, b""), Framing.CHUNKED).endswith(b"\r\n\r\n0\r\n\r\n")
    closing = render(ANSWER, Framing.CLOSE)
    assert b"Content-Length" not in closing
    assert b"Connection: close\r\n" in closing


def test_what_is_garbled_is_no_reply() -> None:
    """Another first line, or a head that is too large; the rest is as it was."""
    first, _, rest = sent(list(Garbled(b"nonsense").steps(ANSWER))).partition(b"\r\n")
    assert (first, rest) == (b"nonsense", WHOLE.partition(b"\r\n")[2])
    assert len(sent(list(Garbled(padding=9000).steps(ANSWER)))) > 9000 + len(WHOLE)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (ANSWER, None),
        (Answer(200, b"x", delivery=Delivery.RESET), Nothing(Last.RESET)),
        (Answer(200, b"x", delivery=Delivery.CLOSED), Nothing(Last.CLOSE)),
        (Answer(200, b"x", delivery=Delivery.SILENT), Nothing(Last.HOLD)),
        (Answer(200, b"x", way=Cut(3), delivery=Delivery.CUT_SHORT), Cut(3)),
    ],
)
def test_a_delivery_alone_is_a_way_too(answer: Answer, expected: Way | None) -> None:
    """What an answer says only in one word is played as well."""
    assert way_of(answer) == expected


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_any_body_can_be_bent(name: str) -> None:
    """A shape that meets what it is not made for leaves it, and never fails."""
    for body in (b"", b"no JSON", b"1", b"[1]", b"[]", b"{}", b"null", b"[" * 200_000):
        assert isinstance(SHAPES[name](Answer(200, body)), Answer)


def test_each_way_of_the_catalogue_is_summed_up() -> None:
    """No fault leaves a reader of no bytes without a word for what a caller gets."""
    for known in CATALOGUE.values():
        for settings in known.random:
            mishap = known.make(settings)
            assert isinstance(mishap.what_becomes, Delivery)
            if mishap.way is not None:
                assert list(islice(mishap.way.steps(ANSWER), 50))


def test_a_body_in_place_of_the_true_one() -> None:
    """Without a status, the answer keeps its own and its headers."""
    answer = Mishap(body=b"other").befall(ANSWER, 0.0)
    assert (answer.status, answer.body, answer.headers) == (200, b"other", ANSWER.headers)
