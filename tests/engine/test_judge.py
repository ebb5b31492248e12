"""From an answer to what the ledger holds and the engine does next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.engine import (
    LOST,
    REFUSED_CONNECTION,
    TENANT,
    failure,
    item,
    rows,
    status,
    success,
)
from zbatch.engine.carrier import send_of
from zbatch.engine.decision import Again, Pause, Settle
from zbatch.engine.judge import (
    Judgement,
    answered,
    judge,
    not_sent,
    still_live,
    unknown_records,
    unsent,
)
from zbatch.engine.kinds import Kind
from zbatch.engine.order import Work
from zbatch.engine.verdict import Context
from zbatch.model import (
    Attempt,
    Baseline,
    Draft,
    Effect,
    IfAbsent,
    ItemRecord,
    KeyState,
    Outcome,
    Problem,
    Trail,
)
from zbatch.zuora.reply import read_reply
from zbatch.zuora.request import make_call
from zbatch.zuora.wire import Fault, FaultKind, Reply

BEGUN = datetime(2026, 11, 30, 22, 0, tzinfo=UTC)
DONE = BEGUN + timedelta(seconds=3)
FAILED = ItemRecord(item(0), Outcome.FAILED, error=Problem("INVALID_VALUE", "not active"))


def a_work(*attempts: Attempt, count: int = 1, **fields: Any) -> Work:
    items = tuple(item(n) for n in range(count))
    fields = {"tries": 1, **fields}
    return Work(0, items, 0, call=make_call(TENANT, items, 0), attempts=attempts, **fields)


def past(kind: Kind | None, number: int = 1, **fields: Any) -> Attempt:
    return Attempt(number, BEGUN, f"track-{number}", answer=kind.value if kind else None, **fields)


def judged(
    work: Work, exchange: Reply | Fault, context: Context | None = None, most: int = 6
) -> Judgement:
    answer = exchange if isinstance(exchange, Fault) else read_reply(exchange, len(work.items))
    number = len(work.attempts) + 1
    attempt = answered(Attempt(number, BEGUN, f"track-{number}"), exchange, answer, DONE)
    return judge(work, attempt, answer, context or Context(), most)


def test_nothing_is_recorded_of_a_call_that_was_never_minted() -> None:
    """Without its key there is no call to speak of, neither to send nor to answer."""
    unminted = Work(0, (item(1),), 0)
    with pytest.raises(ValueError, match="minted"):
        send_of(unminted, past(None))
    with pytest.raises(ValueError, match="minted"):
        still_live(unminted, past(None))


def test_an_answered_attempt_keeps_what_the_reply_said() -> None:
    """Status, request ID, server date and token of the reply are kept for later runs."""
    reply = status(500, date="Mon, 30 Nov 2026 22:00:01 GMT", zuora_request_id="r-1", token=7)
    done = answered(Attempt(1, BEGUN, "track"), reply, read_reply(reply, 1), DONE)
    assert done.answer == Kind.SERVER_ERROR
    assert done.sent
    assert (done.http_status, done.request_id, done.token) == (500, "r-1", 7)
    assert done.server_date == BEGUN + timedelta(seconds=1)
    assert done.finished_at == DONE
    assert done.problem is not None


@pytest.mark.parametrize("date", ["", "soon", "Mon, 99 Foo 2026 22:00:01 GMT", "\x00", "9" * 400])
def test_an_unreadable_server_date_is_left_out(date: str) -> None:
    """A reply is not worse for a `Date` that nobody can read."""
    reply = status(200, date=date)
    assert answered(Attempt(1, BEGUN, "t"), reply, read_reply(reply, 1), DONE).server_date is None


EARLY, LATE = BEGUN - timedelta(seconds=61), DONE + timedelta(seconds=61)


@pytest.mark.parametrize(
    ("code", "body", "given", "taken"),
    [
        (502, b"", BEGUN - timedelta(seconds=60), True),
        (502, b"", DONE + timedelta(seconds=60), True),
        (502, b"", EARLY, False),
        (502, b"", LATE, False),
        (409, b"", EARLY, False),
        (200, b"cut", EARLY, False),
        (429, b"", EARLY, True),
        (429, b"", LATE, False),
        (200, success().body, EARLY, True),
        (200, success().body, LATE, False),
    ],
)
def test_a_date_that_cannot_be_of_its_send_moves_no_attempt(
    code: int, body: bytes, given: datetime, taken: bool
) -> None:
    """Only rows, and what turns a call away, may be older than the send: kept under its key."""
    reply = Reply(code, {"date": f"{given:%a, %d %b %Y %H:%M:%S} GMT"}, body)
    sent = Attempt(1, BEGUN, "t", server_date=BEGUN)
    done = answered(sent, reply, read_reply(reply, 1), DONE)
    assert done.server_date == (given if taken else BEGUN)
    unknown = answered(replace(sent, server_date=None), reply, read_reply(reply, 1), DONE)
    assert unknown.server_date == given


def test_the_time_of_the_send_itself_wins_over_that_of_the_intent() -> None:
    """Where the sender knows when the bytes left, the attempt begins there."""
    left = BEGUN + timedelta(seconds=2)
    fault = replace(LOST, sent_at=left)
    assert answered(Attempt(1, BEGUN, "t"), fault, fault, DONE).started_at == left
    assert answered(Attempt(1, BEGUN, "t"), LOST, LOST, DONE).started_at == BEGUN


def test_only_proof_makes_an_attempt_unsent() -> None:
    """A fault says itself whether a byte left."""
    assert answered(Attempt(1, BEGUN, "t"), LOST, LOST, DONE).sent
    refused = REFUSED_CONNECTION
    assert not answered(Attempt(1, BEGUN, "t"), refused, refused, DONE).sent
    assert not unsent(Attempt(1, BEGUN, "t"), DONE).sent


def test_a_success_becomes_the_record_of_an_invoiced_item() -> None:
    """The record holds ID, key, counts and times as the report shows them."""
    work = a_work(past(Kind.LOST), prior_attempts=2, first_sent=BEGUN - timedelta(hours=1))
    done = judged(work, success(9))
    (effect,) = done.result.effects
    record = effect.record
    assert record is not None
    assert work.call is not None
    assert effect.state is KeyState.SETTLED
    assert (record.outcome, record.invoice_id) == (Outcome.INVOICED, f"{9:032x}")
    assert record.invoice_ids == (record.invoice_id,)
    assert record.idempotency_key == work.call.key
    assert record.attempts == 4
    assert record.started_at == BEGUN - timedelta(hours=1)
    assert record.finished_at == DONE
    assert record.error is None


def test_an_answer_that_settles_nothing_leaves_the_key_live() -> None:
    """The ledger then holds the attempt, and no outcome."""
    done = judged(a_work(), LOST)
    assert [effect.state for effect in done.result.effects] == [KeyState.LIVE]
    assert done.result.effects[0].record is None
    assert not done.given_up
    work = a_work(past(None))
    assert still_live(work, work.attempts[0]).effects == done.result.effects


@pytest.mark.parametrize(
    ("exchange", "free"),
    [
        (status(409), True),
        (REFUSED_CONNECTION, True),
        (status(401), True),
        (status(429), True),
        (Fault(FaultKind.INTERNAL, False, "KeyError"), False),
        (status(500), False),
        (LOST, False),
        (success(), False),
    ],
)
def test_waiting_for_others_spends_no_attempt(exchange: Reply | Fault, free: bool) -> None:
    """A 409, an unreachable host and an old token do not count against `max_attempts`."""
    assert judged(a_work(), exchange).free is free


@pytest.mark.parametrize(
    ("exchange", "gates"),
    [
        (status(429), True),
        (status(503, retry_after="5"), True),
        (failure("REQUEST_EXCEEDED_RATE"), True),
        (failure("LOCK_COMPETITION"), False),
        (status(500), False),
        (status(409), False),
        (status(422), False),
    ],
)
def test_only_limits_slow_down_the_whole_run(exchange: Reply, gates: bool) -> None:
    """An account's lock is its own trouble; the tenant's limit is everybody's."""
    assert judged(a_work(), exchange).gates is gates


def test_spent_attempts_fail_a_clean_key() -> None:
    """Never executed to the end: failed, with the last error."""
    never_left = Fault(FaultKind.INTERNAL, False, "KeyError")
    work = a_work(tries=6)
    done = judged(work, never_left)
    assert not done.given_up
    (effect,) = done.result.effects
    assert effect.state is KeyState.SETTLED
    assert effect.record is not None
    assert effect.record.outcome is Outcome.FAILED
    assert effect.record.error == done.problem
    assert judged(a_work(tries=5), never_left).result.effects[0].state is KeyState.LIVE


def test_spent_attempts_leave_a_doubtful_key_unknown() -> None:
    """A key that may have been executed is never failed for want of attempts."""
    for work, exchange in (
        (a_work(tries=6), LOST),
        (a_work(past(Kind.LOST), tries=6), Fault(FaultKind.INTERNAL, False, "KeyError")),
        (a_work(past(None), tries=6), Fault(REFUSED_CONNECTION.kind, True, "reset")),
    ):
        done = judged(work, exchange)
        assert done.given_up
        assert done.result.effects[0].state is KeyState.LIVE
        assert done.result.effects[0].record is None


def test_spent_attempts_turn_a_renewal_into_its_failure() -> None:
    """A lock on the last attempt fails the item; the stored row is the proof."""
    done = judged(a_work(tries=6), failure("LOCK_COMPETITION", "busy"))
    record = done.result.effects[0].record
    assert record is not None
    assert record.outcome is Outcome.FAILED
    assert record.error is not None
    assert record.error.code == "LOCK_COMPETITION"
    earlier = judged(a_work(tries=5), failure("LOCK_COMPETITION", "busy"))
    assert earlier.result.effects[0].state is KeyState.SETTLED
    assert earlier.result.effects[0].record is None


def test_an_unreachable_host_never_spends_the_attempts() -> None:
    """However often it was tried, an item that never left is neither failed nor unknown."""
    done = judged(a_work(tries=60), REFUSED_CONNECTION)
    assert isinstance(done.decision, Again)
    assert not done.given_up


def test_a_409_is_given_up_after_ten_minutes_and_stays_live() -> None:
    """The run ends with the key in doubt; the next run sends the same key again."""
    assert not judged(a_work(conflicts=13), status(409)).given_up
    done = judged(a_work(conflicts=14), status(409))
    assert done.given_up
    assert done.result.effects[0].state is KeyState.LIVE
    assert isinstance(done.decision, Again)
    assert done.decision.pause is Pause.CONFLICT


def test_rows_of_a_call_of_many_are_told_apart_by_position() -> None:
    """Each item gets the verdict of its own row."""
    body = (
        b'[{"Success":true,"Id":"aa"},'
        b'{"Success":false,"Errors":[{"Code":"LOCK_COMPETITION","Message":"busy"}]},'
        b'{"Success":false,"Errors":[{"Code":"UNKNOWN_ERROR","Message":"?"}]}]'
    )
    work = a_work(count=3)
    done = judged(work, Reply(200, {}, body, token=1))
    assert isinstance(done.decision, Settle)
    states = [effect.state for effect in done.result.effects]
    assert states == [KeyState.SETTLED, KeyState.SETTLED, KeyState.BURNT]
    records = [effect.record for effect in done.result.effects]
    assert records[0] is not None
    assert records[0].item == work.items[0]
    assert records[1:] == [None, None]


def test_every_effect_but_a_live_one_has_its_evidence() -> None:
    """The ledger says why a key is settled or burnt."""
    exchanges = [success(), failure("INVALID_ID"), failure("UNKNOWN_ERROR"), status(400)]
    for exchange in exchanges:
        assert all(effect.evidence for effect in judged(a_work(), exchange).result.effects)


def test_a_call_whose_question_is_too_old_is_taken_back_unsent() -> None:
    """The attempt is recorded as never sent, the key stays live and nothing is spent."""
    work = a_work(past(Kind.LOST))
    done = not_sent(work, Attempt(2, BEGUN, "track-2"), DONE)
    assert (done.result.attempt.number, done.result.attempt.sent) == (2, False)
    assert [effect.state for effect in done.result.effects] == [KeyState.LIVE]
    assert done.free


def test_an_unknown_item_is_reported_with_what_is_known_of_its_last_send() -> None:
    """The record names key, track ID and the last trouble, and claims nothing."""
    work = a_work(past(Kind.LOST), past(None, 2), prior_attempts=1)
    (record,) = unknown_records(work)
    assert record.outcome is Outcome.UNKNOWN
    assert record.invoice_id is None
    assert record.attempts == 3
    assert record.track_id == "track-2"
    assert record.error is not None
    assert record.error.code == "NO_ANSWER"


def test_an_item_burnt_by_its_row_is_reported_with_that_row() -> None:
    """Where the server did answer, nobody is told that no answer is recorded."""
    work = a_work()
    done = judged(work, failure("TRANSACTION_TIMEOUT", "took too long"))
    work.attempts = (done.result.attempt,)
    (record,) = unknown_records(work)
    assert record.error is not None
    assert record.error.code == "TRANSACTION_TIMEOUT"


def test_an_intent_that_never_left_is_closed_as_unsent() -> None:
    """The ledger holds that it was proved, and when: an open attempt would be doubt for ever."""
    closed = unsent(Attempt(1, BEGUN, "t"), DONE)
    assert (closed.answer, closed.sent, closed.finished_at) == (Kind.UNSENT.value, False, DONE)
    taken_back = not_sent(a_work(), Attempt(1, BEGUN, "t"), DONE)
    assert taken_back.result.attempt == closed


@pytest.mark.parametrize(
    ("earlier", "restored"),
    [((), True), ((Kind.UNREACHABLE,), True), ((Kind.LOST,), False), ((Kind.THROTTLED,), False)],
)
def test_what_never_left_gives_the_outcome_back_that_was_to_be_tried_again(
    earlier: tuple[Kind, ...], restored: bool
) -> None:
    """Only where nothing was ever sent under the key is the item what it was before."""
    attempts = [past(kind, n, sent=kind is not Kind.UNREACHABLE) for n, kind in enumerate(earlier)]
    work = a_work(*attempts, trails=(Trail(before=FAILED),))
    (effect,) = still_live(work, unsent(past(None), DONE)).effects
    assert effect == Effect(KeyState.LIVE, "", restored=FAILED if restored else None)


def test_a_renewal_gives_back_the_outcome_that_was_to_be_tried_again() -> None:
    """Its key has billed nothing: until the next one leaves the item is what it was before."""
    work = a_work(trails=(Trail(before=FAILED),))
    (renewed,) = judged(work, failure("LOCK_COMPETITION")).result.effects
    assert (renewed.state, renewed.restored) == (KeyState.SETTLED, FAILED)
    for exchange in (failure("INVALID_VALUE"), success(), LOST):
        (effect,) = judged(work, exchange).result.effects
        assert effect.restored is None


def test_a_call_that_is_taken_back_says_why_it_is_asked_about_again() -> None:
    """Whoever watches the run sees the reason of the wait, in the decision and beside it."""
    done = not_sent(a_work(past(Kind.LOST)), Attempt(2, BEGUN, "track-2"), DONE)
    assert done.problem.code == "ASKED_TOO_LONG_AGO"
    assert done.decision == Again(Pause.QUESTION, done.problem)


def test_a_record_keeps_what_the_answer_was_and_how_to_find_it() -> None:
    """Status and request ID of the reply that settled it, for Zuora's support."""
    for exchange, status_code in ((success(), 200), (status(400), 400)):
        reply = replace(exchange, headers={"zuora-request-id": "r-9"})
        (effect,) = judged(a_work(), reply).result.effects
        assert effect.record is not None
        assert (effect.record.http_status, effect.record.request_id) == (status_code, "r-9")


def test_a_record_without_an_invoice_names_none() -> None:
    """Nothing is in the list of IDs that is not an ID."""
    (effect,) = judged(a_work(), status(400)).result.effects
    assert effect.record is not None
    assert (effect.record.invoice_id, effect.record.invoice_ids) == (None, ())


@pytest.mark.parametrize("before", [(), (past(Kind.LOST),)], ids=["clean", "doubtful"])
def test_an_invoice_that_was_gone_before_the_send_is_no_new_one(
    before: tuple[Attempt, ...],
) -> None:
    """The server repeats an old answer: only a question settles the key, and never as invoiced.

    That goes for all that it names, which may have been deleted since as well.
    """
    gone = Trail(Baseline(BEGUN, (), (), gone=(f"{1:032x}",)))
    work = a_work(*before, count=3, trails=(Trail(Baseline(BEGUN, (), ())), gone, Trail()))
    reply = rows(*({"Success": True, "Id": f"{number:032x}"} for number in range(3)))
    judgement = judged(work, reply)
    for old in judgement.result.effects:
        assert (old.state, old.record, old.if_absent) == (KeyState.BURNT, None, IfAbsent.RENEW)
        assert f"{1:032x}" in old.evidence
    assert judgement.result.attempt.problem is not None
    assert judgement.result.attempt.problem.code == "OLD_ANSWER"


@pytest.mark.parametrize("before", [(), (past(Kind.LOST),)], ids=["clean", "doubtful"])
def test_what_had_nothing_to_bill_in_an_old_answer_may_have_it_by_now(
    before: tuple[Attempt, ...],
) -> None:
    """It would be told as settled, as of now, though it speaks of the day of the old call."""
    gone = Trail(Baseline(BEGUN, (), (), gone=(f"{1:032x}",)))
    work = a_work(*before, count=2, trails=(gone, Trail()))
    message = "there are no charges due on this account."
    nothing = {"Success": False, "Errors": [{"Code": "INVALID_VALUE", "Message": message}]}
    judgement = judged(work, rows({"Success": True, "Id": f"{1:032x}"}, nothing))
    for old in judgement.result.effects:
        assert (old.state, old.record, old.if_absent) == (KeyState.BURNT, None, IfAbsent.RENEW)
        assert old.said is None
    assert [old.evidence.startswith("row: success") for old in judgement.result.effects] == [
        True,
        False,
    ]


NOTHING_DUE = "there are no charges due on this account."


@pytest.mark.parametrize(
    ("before", "early", "old"),
    [
        ((), True, True),
        ((past(Kind.UNAUTHORIZED),), True, True),
        ((), False, False),
        ((past(Kind.LOST),), True, False),
    ],
    ids=["clean", "refused before", "of now", "sent before"],
)
def test_what_had_nothing_to_bill_before_the_send_may_have_it_by_now(
    before: tuple[Attempt, ...], early: bool, old: bool
) -> None:
    """Where an earlier send of ours may have been executed, the answer may be that one's."""
    nothing, refused = (
        {"Success": False, "Errors": [{"Code": "INVALID_VALUE", "Message": message}]}
        for message in (NOTHING_DUE, "no")
    )
    made = {"Success": True, "Id": f"{1:032x}"}
    reply = rows(made, nothing, refused)
    judgement = judged(a_work(*before, count=3), reply, Context(early=early))
    first, second, third = judgement.result.effects
    assert first.state is KeyState.SETTLED
    assert ("dated before the send" in second.evidence) is old
    assert not any("dated before" in other.evidence for other in (first, third))
    if old:
        assert (second.state, second.if_absent) == (KeyState.BURNT, IfAbsent.RENEW)
        assert judgement.result.attempt.problem is not None
        assert judgement.result.attempt.problem.code == "OLD_ANSWER"


def test_an_old_answer_without_such_a_row_is_told_as_it_came() -> None:
    """A success is one, and a refusal of the key is one, whenever it was given."""
    judgement = judged(a_work(), success(), Context(early=True))
    assert judgement.result.attempt.problem is None


def test_an_item_that_an_old_answer_has_refused_is_refused_by_it() -> None:
    """Nothing was made for it under this key; only what the answer names may be gone."""
    gone = Trail(Baseline(BEGUN, (), (), gone=(f"{1:032x}",)))
    work = a_work(count=2, trails=(gone, Trail()))
    refused = {"Success": False, "Errors": [{"Code": "INVALID_VALUE", "Message": "no"}]}
    old, failed = judged(work, rows({"Success": True, "Id": f"{1:032x}"}, refused)).result.effects
    assert old.state is KeyState.BURNT
    assert failed.record is not None
    assert failed.record.outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("known", "appended"), [("draft", True), ("invoice", True), ("another", False), (None, False)]
)
def test_charges_appended_to_a_draft_are_said_to_be(known: str | None, appended: bool) -> None:
    """The evidence tells an auditor that the invoice was there before the send."""
    one, other = f"{9:032x}", "d" * 32
    baselines = {
        "draft": Baseline(BEGUN, (), (Draft(other, None, None), Draft(one, "5.00", BEGUN))),
        "invoice": Baseline(BEGUN, (other, one), ()),
        "another": Baseline(BEGUN, (other,), (Draft(other, None, None),)),
        None: None,
    }
    work = a_work(trails=(Trail(baselines[known]),))
    (effect,) = judged(work, success(9)).result.effects
    said = ", appended to a draft that was there" if appended else ""
    assert effect.evidence == f"row: success{said}"


def test_an_attempt_keeps_the_problem_of_the_row_that_leaves_most_in_doubt() -> None:
    """Of a call of many, what stays unknown is told with its own trouble, not with the first."""
    body = (
        b'[{"Success":false,"Errors":[{"Code":"INVALID_ID","Message":"no"}]},'
        b'{"Success":false,"Errors":[{"Code":"UNKNOWN_ERROR","Message":"?"}]},'
        b'{"Success":false,"Errors":[{"Code":"LOCK_COMPETITION","Message":"busy"}]}]'
    )
    done = judged(a_work(count=3), Reply(200, {}, body, token=1))
    assert done.result.attempt.problem is not None
    assert done.result.attempt.problem.code == "UNKNOWN_ERROR"


def test_an_empty_request_id_is_none() -> None:
    """Two answers without an ID are not for that reason the same answer."""
    reply = status(401, zuora_request_id="")
    done = answered(Attempt(1, BEGUN, "track"), reply, read_reply(reply, 1), DONE)
    assert done.request_id is None


@pytest.mark.parametrize(
    ("exchange", "most", "verdict"),
    [
        (success(), 6, "invoiced"),
        (failure("INVALID_VALUE"), 6, "failed"),
        (failure("REQUEST_EXCEEDED_LIMIT"), 6, "renewed"),
        (status(429), 6, "again after gate"),
        (status(500), 6, "again after backoff"),
        (LOST, 1, "given up"),
        (status(422), 6, "stopped by misdirected"),
    ],
)
def test_what_an_answer_comes_to_has_a_word(
    exchange: Reply | Fault, most: int, verdict: str
) -> None:
    """Whoever follows single calls reads what became of each without knowing the engine."""
    assert judged(a_work(), exchange, most=most).verdict == verdict


def test_a_call_of_several_items_has_each_verdict_once() -> None:
    """Two that were invoiced are one word; a code that nobody knows leaves its key burnt."""
    ok, bad = {"Success": True}, {"Success": False, "Errors": [{"Code": "X", "Message": "no"}]}
    reply = rows({**ok, "Id": "1" * 32}, bad, {**ok, "Id": "2" * 32})
    assert judged(a_work(count=3), reply).verdict == "invoiced, burnt"
