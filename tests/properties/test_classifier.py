"""Whatever the server answers, each item gets exactly one verdict, and it keeps the promise."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import get_args

from hypothesis import event, example, given
from hypothesis import strategies as st

from support.budget import examples
from support.engine import TENANT, item
from support.replies import COUNTS, FAULTS, ID, as_bytes, bodies, replies
from zbatch.engine.decision import Again, Halt, Settle
from zbatch.engine.judge import Judgement, answered, judge
from zbatch.engine.kinds import Kind, doubtful, kind_of
from zbatch.engine.order import Work
from zbatch.engine.verdict import Context, decide
from zbatch.model import Attempt, Effect, KeyState, Outcome, Problem
from zbatch.zuora.codes import RowClass
from zbatch.zuora.pages import MissingField, Page
from zbatch.zuora.query_reply import read_page
from zbatch.zuora.reply import Answer, NoRows, Rows, Throttled, Unauthorized, read_reply
from zbatch.zuora.request import make_call
from zbatch.zuora.rows import Row
from zbatch.zuora.strict_json import NotJson, parse_json
from zbatch.zuora.text import MESSAGE_LIMIT
from zbatch.zuora.wire import Fault, Reply

WHEN = datetime(2026, 11, 30, 22, 0, tzinfo=UTC)
SECONDS = 2.0  # of the processor, for any one answer

PAST = st.builds(
    Attempt,
    st.integers(1, 9),
    st.just(WHEN),
    st.just("zb-track"),
    answer=st.none() | st.sampled_from([kind.value for kind in Kind if kind is not Kind.ROWS]),
    sent=st.booleans(),
    request_id=st.none() | st.sampled_from(["r-1", "r-2"]),
    token=st.none() | st.integers(1, 3),
)
HISTORIES = st.lists(PAST, max_size=6)
CONTEXTS = st.builds(
    Context,
    st.booleans(),
    st.booleans(),
    st.frozensets(st.integers(0, 3)),
    st.frozensets(st.integers(0, 3)),
)


@st.composite
def judged(draw: st.DrawFn) -> tuple[Work, Reply | Fault, Judgement]:
    """Draw a call with a history, an answer to it, and what is made of that."""
    count = draw(COUNTS)
    exchange = draw(st.one_of(replies(count), replies(count), replies(count), FAULTS))
    answer = exchange if isinstance(exchange, Fault) else read_reply(exchange, count)
    items = tuple(item(number) for number in range(count))
    work = Work(0, items, 0, call=make_call(TENANT, items, 0))
    work.attempts = tuple(draw(HISTORIES))
    work.tries = draw(st.integers(1, 8))
    work.conflicts = draw(st.integers(0, 20))
    attempt = answered(Attempt(9, WHEN, "zb-track-9"), exchange, answer, WHEN)
    return work, exchange, judge(work, attempt, answer, draw(CONTEXTS), 6)


@st.composite
def answers(draw: st.DrawFn) -> tuple[Reply, int]:
    """Draw a reply and how many items its call had."""
    count = draw(COUNTS)
    return draw(replies(count)), count


@examples(250)
@given(answers())
@example((Reply(200, {}, b"[" * 100_000), 1))
@example((Reply(200, {}, as_bytes([{"Success": True, "Id": ID}] * 50)), 50))
@example((Reply(409, {}, b'{"Success":"true"}'), 1))
def test_any_reply_is_one_answer_in_bounded_time(drawn: tuple[Reply, int]) -> None:
    """No bytes, status or header make the reader raise, hang, or count other than the call."""
    reply, count = drawn
    began = time.process_time()
    answer = read_reply(reply, count)
    assert time.process_time() - began < SECONDS
    event(type(answer).__name__)
    assert isinstance(answer, get_args(Answer))
    if isinstance(answer, Rows):
        assert len(answer.rows) == count
    for problem in _problems(answer):
        assert len(problem.message) <= MESSAGE_LIMIT
        assert f"{problem.code}{problem.message}".isprintable()
        assert problem.code


@examples(150)
@given(answers())
def test_a_success_is_exactly_what_the_server_says_of_that_item(drawn: tuple[Reply, int]) -> None:
    """An invoice ID stands where the reply has it, beside a true that is true, and nowhere else."""
    reply, count = drawn
    answer = read_reply(reply, count)
    if not isinstance(answer, Rows):
        return
    document = json.loads(reply.body)
    entries = document if isinstance(document, list) else [document]
    for row, entry in zip(answer.rows, entries, strict=True):
        if row.row_class is RowClass.SUCCESS:
            assert entry["Success"] is True
            assert entry["Id"] == row.invoice_id
        else:
            assert entry["Success"] is False
            assert row.invoice_id is None


@examples(150)
@given(COUNTS.flatmap(lambda count: st.tuples(bodies(count), st.just(count))))
def test_rows_are_rows_under_any_status(drawn: tuple[bytes, int]) -> None:
    """Shape decides before status: the same body has the same rows, or says who was turned away."""
    body, count = drawn
    found = {
        answer.rows
        for status in (200, 400, 409, 429, 500)
        if isinstance(answer := read_reply(Reply(status, {}, body), count), Rows)
    }
    assert len(found) <= 1


@examples(150)
@given(st.binary() | bodies(1))
@example(b"1e310")
def test_strict_json_has_one_meaning_or_none(body: bytes) -> None:
    """What is read can be written again and means the same, to any other reader too."""
    try:
        document = parse_json(body)
    except NotJson:
        return
    again = json.dumps(document, ensure_ascii=False).encode("utf-8")
    assert parse_json(again) == document
    assert json.loads(body) == document


@examples(150)
@given(replies(1))
def test_any_reply_to_a_question_is_a_page_or_says_why_not(reply: Reply) -> None:
    """Questions too are answered by anything at all."""
    began = time.process_time()
    page = read_page(reply)
    assert time.process_time() - began < SECONDS
    assert isinstance(page, (Page, MissingField, *get_args(NoRows)))


@examples(250)
@given(judged())
def test_each_item_gets_one_effect(drawn: tuple[Work, Reply | Fault, Judgement]) -> None:
    """A verdict for each item of the call, and a key that is live, settled or burnt by it."""
    work, _, judgement = drawn
    assert isinstance(judgement.decision, Again | Settle | Halt)
    effects = judgement.result.effects
    assert len(effects) == len(work.items)
    for one, effect in zip(work.items, effects, strict=True):
        event(f"{effect.state} {effect.record.outcome if effect.record else None}")
        if effect.state is KeyState.LIVE:
            assert effect == Effect(KeyState.LIVE, "")
        else:
            assert effect.evidence
        if effect.state is KeyState.BURNT:
            assert effect.record is None
            assert effect.if_absent is not None
        if effect.record is not None:
            assert effect.record.item == one
            assert effect.record.outcome.settled


@examples(250)
@given(judged())
def test_no_failure_while_the_outcome_is_unknown(
    drawn: tuple[Work, Reply | Fault, Judgement],
) -> None:
    """A key in doubt is settled by rows alone: no status or fault makes it failed or renewed."""
    work, exchange, judgement = drawn
    unsure = doubtful(work.attempts)
    rows = _rows(exchange, len(work.items))
    for position, effect in enumerate(judgement.result.effects):
        if effect.state is not KeyState.SETTLED:
            continue
        if rows is None:
            assert not doubtful((*work.attempts, judgement.result.attempt))
        elif effect.record is None or effect.record.outcome is Outcome.NOTHING_TO_BILL:
            assert rows[position].row_class in (RowClass.RETRY, RowClass.NOTHING_TO_BILL)
            assert not (unsure and rows[position].row_class is RowClass.NOTHING_TO_BILL)


@examples(250)
@given(judged())
def test_no_invoice_without_an_id_from_the_server(
    drawn: tuple[Work, Reply | Fault, Judgement],
) -> None:
    """An item is invoiced by its own row of the reply, with the ID that the row has."""
    work, exchange, judgement = drawn
    rows = _rows(exchange, len(work.items))
    for position, effect in enumerate(judgement.result.effects):
        record = effect.record
        if record is not None and record.outcome.success:
            assert rows is not None
            assert record.outcome is Outcome.INVOICED
            assert record.invoice_id == rows[position].invoice_id
            assert record.invoice_ids == (rows[position].invoice_id,)
        elif rows is not None and rows[position].row_class is RowClass.SUCCESS:
            raise AssertionError("a row says that an invoice was made, and nobody is told")


@examples(200)
@given(judged())
def test_a_key_is_left_behind_only_once_it_is_settled(
    drawn: tuple[Work, Reply | Fault, Judgement],
) -> None:
    """A renewal follows rows that were rolled back, or an answer stored under a clean key."""
    work, exchange, judgement = drawn
    renewed = [e for e in judgement.result.effects if e.state is KeyState.SETTLED and not e.record]
    if not renewed:
        return
    answer = read_reply(exchange, len(work.items)) if isinstance(exchange, Reply) else None
    assert isinstance(answer, Rows | Throttled | Unauthorized)
    # The last attempt of a run leaves nothing to renew, and one that is only throttled is none.
    assert work.tries < 6 or judgement.free
    if not isinstance(answer, Rows):
        assert not doubtful(work.attempts)


@examples(200)
@given(judged())
def test_a_call_is_given_up_only_in_doubt(drawn: tuple[Work, Reply | Fault, Judgement]) -> None:
    """What a run sends no more, and cannot call failed, is unknown: its key stays live."""
    work, _, judgement = drawn
    if judgement.given_up:
        assert doubtful((*work.attempts, judgement.result.attempt))
        assert all(effect.state is KeyState.LIVE for effect in judgement.result.effects)
    if isinstance(judgement.decision, Again) and work.tries >= 6 and not judgement.free:
        assert judgement.given_up


@examples(150)
@given(COUNTS.flatmap(lambda n: st.tuples(st.just(n), replies(n))), HISTORIES, CONTEXTS)
def test_the_same_answer_means_the_same(
    drawn: tuple[int, Reply], history: Sequence[Attempt], context: Context
) -> None:
    """The table is a function: nothing but what it is given decides."""
    count, reply = drawn
    answer = read_reply(reply, count)
    attempt = Attempt(9, WHEN, "zb-track", answer=kind_of(answer).value)
    first = decide(answer, attempt, history, context, count)
    assert decide(answer, attempt, tuple(history), context, count) == first


def _rows(exchange: Reply | Fault, count: int) -> tuple[Row, ...] | None:
    answer = read_reply(exchange, count) if isinstance(exchange, Reply) else None
    return answer.rows if isinstance(answer, Rows) else None


def _problems(answer: Answer) -> list[Problem]:
    if isinstance(answer, Rows):
        return [row.problem for row in answer.rows if row.problem]
    return [answer.problem]
