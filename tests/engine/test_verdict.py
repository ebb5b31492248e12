"""The decision table, held against one written by hand: what an answer means for a key."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from zbatch.engine.decision import Again, Decision, Halt, Pause, Settle, Verdict
from zbatch.engine.kinds import Kind, doubtful, kind_of, problem_of
from zbatch.engine.verdict import ROW_TABLE, TABLE, Context, decide
from zbatch.model import Attempt, IfAbsent, KeyState, Outcome, Problem
from zbatch.zuora.codes import AT_THE_DOOR, LIMIT_CODES, LOGIN_CODES, RowClass, classify
from zbatch.zuora.reply import (
    Answer,
    Busy,
    Conflict,
    LimitInSuccess,
    LoginInSuccess,
    Misdirected,
    Redirected,
    Refused,
    Rows,
    ServerError,
    Throttled,
    Unauthorized,
    Unreadable,
)
from zbatch.zuora.rows import Row
from zbatch.zuora.wire import Fault, FaultKind

WHEN = datetime(2026, 11, 30, 22, 0, tzinfo=UTC)
START_OF_SERVER = WHEN + timedelta(hours=1)
LONG_AGO = WHEN - timedelta(hours=1)
TROUBLE = Problem("SOME_CODE", "some message")
CLEAN, DOUBTFUL = False, True

ANSWERS: dict[Kind, Answer | Fault] = {
    Kind.UNSENT: Fault(FaultKind.INTERNAL, False, "a bug before the send"),
    Kind.UNREACHABLE: Fault(FaultKind.CONNECT, False, "refused"),
    Kind.NO_TOKEN: Fault(FaultKind.TOKEN_REFUSED, False, "wrong secret"),
    Kind.UNTRUSTED: Fault(FaultKind.CERTIFICATE, False, "expired"),
    Kind.LOST: Fault(FaultKind.TIMEOUT, True, "no answer"),
    Kind.CONFLICT: Conflict(TROUBLE),
    Kind.THROTTLED: Throttled(TROUBLE),
    Kind.UNAUTHORIZED: Unauthorized(TROUBLE),
    Kind.BUSY: Busy(TROUBLE),
    Kind.LIMIT_IN_SUCCESS: LimitInSuccess(TROUBLE),
    Kind.LOGIN_IN_SUCCESS: LoginInSuccess(TROUBLE),
    Kind.REFUSED: Refused(TROUBLE),
    Kind.MISDIRECTED: Misdirected(TROUBLE),
    Kind.REDIRECTED: Redirected(TROUBLE),
    Kind.SERVER_ERROR: ServerError(TROUBLE),
    Kind.UNREADABLE: Unreadable(TROUBLE),
}

# What the first answer of a kind means: to a clean key, and to a doubtful one.
FIRST: dict[Kind, tuple[str, str]] = {
    Kind.UNSENT: ("again: backoff", "again: backoff"),
    Kind.UNREACHABLE: ("again: reachable", "again: reachable"),
    Kind.NO_TOKEN: ("halt: credentials", "halt: credentials"),
    Kind.UNTRUSTED: ("halt: certificate", "halt: certificate"),
    Kind.LOST: ("again: backoff", "again: backoff"),
    Kind.CONFLICT: ("again: conflict", "again: conflict"),
    Kind.THROTTLED: ("again: gate", "again: gate"),
    Kind.UNAUTHORIZED: ("again: token", "again: token"),
    Kind.BUSY: ("again: gate", "again: gate"),
    Kind.LIMIT_IN_SUCCESS: ("again: gate", "again: gate"),
    Kind.LOGIN_IN_SUCCESS: ("again: token", "again: token"),
    Kind.REFUSED: ("settled: failed", "burnt"),
    Kind.MISDIRECTED: ("halt: misdirected", "halt: misdirected"),
    Kind.REDIRECTED: ("halt: misdirected", "halt: misdirected"),
    Kind.SERVER_ERROR: ("again: backoff", "again: backoff"),
    Kind.UNREADABLE: ("again: backoff", "again: backoff"),
}

ROWS: dict[RowClass, tuple[str, str]] = {
    RowClass.SUCCESS: ("settled: invoiced", "settled: invoiced"),
    RowClass.NOTHING_TO_BILL: ("settled: nothing_to_bill", "burnt"),
    RowClass.RETRY: ("settled: renewed", "again: backoff"),
    RowClass.UNCERTAIN: ("burnt", "burnt"),
    RowClass.TERMINATED: ("burnt", "burnt"),
    RowClass.DEFINITE: ("settled: failed", "burnt"),
}

# Whether an answer of this kind, or the lack of one, leaves a sent key in doubt.
LEAVES_DOUBT: dict[Kind | None, bool] = {
    None: True,
    Kind.LOST: True,
    Kind.SERVER_ERROR: True,
    Kind.UNREADABLE: True,
    Kind.CONFLICT: True,
    Kind.ROWS: False,
    Kind.THROTTLED: False,
    Kind.UNAUTHORIZED: False,
    Kind.BUSY: True,
    Kind.LIMIT_IN_SUCCESS: True,
    Kind.LOGIN_IN_SUCCESS: True,
    Kind.REFUSED: False,
    Kind.MISDIRECTED: False,
    Kind.REDIRECTED: True,
    Kind.UNSENT: False,
    Kind.UNREACHABLE: False,
    Kind.NO_TOKEN: False,
    Kind.UNTRUSTED: False,
}


NEVER_LEFT = frozenset({Kind.UNSENT, Kind.UNREACHABLE, Kind.NO_TOKEN, Kind.UNTRUSTED})


def an_attempt(kind: Kind | None, number: int = 1, **fields: Any) -> Attempt:
    answer = kind.value if kind else None
    return Attempt(number, WHEN, f"track-{number}", answer=answer, **fields)


def told(decision: Decision) -> str:
    """Say a decision in the words of the tables above."""
    if isinstance(decision, Again):
        return f"again: {decision.pause.value}"
    if isinstance(decision, Halt):
        return f"halt: {decision.reason.value}"
    (verdict,) = set(decision.verdicts)
    if verdict.state is KeyState.BURNT:
        assert verdict.outcome is None
        return "burnt"
    assert verdict.state is KeyState.SETTLED
    return f"settled: {verdict.outcome.value if verdict.outcome else 'renewed'}"


def decided(
    kind: Kind,
    before: list[Attempt],
    context: Context | None = None,
    items: int = 1,
    **fields: Any,
) -> str:
    attempt = an_attempt(kind, len(before) + 1, **fields)
    return told(decide(ANSWERS[kind], attempt, before, context or Context(), items))


def a_row(row_class: RowClass) -> Row:
    if row_class is RowClass.SUCCESS:
        return Row(row_class, invoice_id="f" * 32)
    return Row(row_class, problem=TROUBLE)


@pytest.mark.parametrize("doubt", [CLEAN, DOUBTFUL])
@pytest.mark.parametrize("kind", FIRST)
def test_the_first_answer_of_each_kind_is_decided_as_the_rules_say(kind: Kind, doubt: bool) -> None:
    """A status alone settles a clean key only; what was never sent changes nothing."""
    before = [an_attempt(Kind.LOST)] if doubt else []
    assert decided(kind, before) == FIRST[kind][doubt]


@pytest.mark.parametrize("doubt", [CLEAN, DOUBTFUL])
@pytest.mark.parametrize("row_class", ROWS)
def test_rows_settle_any_key_as_the_rules_say(row_class: RowClass, doubt: bool) -> None:
    """A row decides for its item, and only nothing-to-bill depends on earlier doubt."""
    before = [an_attempt(None)] if doubt else []
    answer = Rows((a_row(row_class),))
    decision = decide(answer, an_attempt(Kind.ROWS, 2), before, Context(), 1)
    assert told(decision) == ROWS[row_class][doubt]


def test_the_tables_name_every_kind_and_every_class_of_row() -> None:
    """No answer falls through: each kind and each class has its rule and its expectation here."""
    without_rows = set(Kind) - {Kind.ROWS}
    assert set(TABLE) == set(FIRST) == set(ANSWERS) == without_rows
    assert set(ROW_TABLE) == set(ROWS) == set(RowClass)
    assert set(LEAVES_DOUBT) == {None, *Kind}


def test_a_success_carries_the_id_that_the_row_gave() -> None:
    """Invoiced is said with the row's own ID, by position."""
    answer = Rows((Row(RowClass.SUCCESS, invoice_id="a" * 32), a_row(RowClass.DEFINITE)))
    decision = decide(answer, an_attempt(Kind.ROWS), [], Context(), 2)
    assert isinstance(decision, Settle)
    assert [verdict.invoice_id for verdict in decision.verdicts] == ["a" * 32, None]
    assert [verdict.outcome for verdict in decision.verdicts] == [Outcome.INVOICED, Outcome.FAILED]


def test_an_answer_without_rows_decides_for_every_item_of_the_call() -> None:
    """A call of many that is refused as a whole settles each of its items."""
    decision = decide(Refused(TROUBLE), an_attempt(Kind.REFUSED), [], Context(), 3)
    assert isinstance(decision, Settle)
    assert [verdict.outcome for verdict in decision.verdicts] == [Outcome.FAILED] * 3
    assert {verdict.problem for verdict in decision.verdicts} == {TROUBLE}


@pytest.mark.parametrize(
    ("code", "exceeded"),
    [
        ("REQUEST_EXCEEDED_RATE", True),
        ("REQUEST_EXCEEDED_LIMIT", True),
        ("LOCK_COMPETITION", False),
    ],
)
def test_a_row_that_names_a_limit_says_so_for_the_whole_run(code: str, exceeded: bool) -> None:
    """A limit told in a row renews that item and slows down everybody."""
    answer = Rows((Row(RowClass.RETRY, problem=Problem(code, "no")),))
    decision = decide(answer, an_attempt(Kind.ROWS), [], Context(), 1)
    assert isinstance(decision, Settle)
    assert decision.exceeded is exceeded
    assert decision.gates is exceeded
    assert decision.verdicts[0].renews


LIMITED = Row(RowClass.RETRY, problem=Problem("REQUEST_EXCEEDED_RATE", "no"))
LOCKED = Row(RowClass.RETRY, problem=Problem("LOCK_COMPETITION", "busy"))


def by_rows(rows: tuple[Row, ...], before: list[Attempt]) -> Decision:
    attempt = an_attempt(Kind.ROWS, len(before) + 1)
    return decide(Rows(rows), attempt, before, Context(), len(rows))


@pytest.mark.parametrize("code", ["REQUEST_EXCEEDED_RATE", "REQUEST_EXCEEDED_LIMIT"])
def test_rows_that_only_name_a_limit_are_no_proof_for_a_doubtful_key(code: str) -> None:
    """They may be said before the key is looked at: the same key again, and four alike burn it."""
    limited = Row(RowClass.RETRY, problem=Problem(code, "no"))
    before = [an_attempt(Kind.LOST)]
    seen = []
    for _ in range(4):
        attempt = an_attempt(Kind.ROWS, len(before) + 1, request_id="r-1")
        seen.append(told(decide(Rows((limited,)), attempt, before, Context(), 1)))
        before.append(attempt)
    assert seen == ["again: gate"] * 3 + ["burnt"]
    assert told(by_rows((limited,), [])) == "settled: renewed"
    assert told(by_rows((limited,), [an_attempt(Kind.THROTTLED)])) == "settled: renewed"


OF_NO_ITEM = (
    "API_DISABLED",
    "INVALID_FIELD",
    "INVALID_TYPE",
    "INVALID_VERSION",
    "MALFORMED_QUERY",
    "MAX_RECORDS_EXCEEDED",
    "NO_PERMISSION",
    "TEMPORARY_ERROR",
)


def test_what_may_be_said_at_the_door_is_of_no_item() -> None:
    """What was found out of an account or its charges has been found behind the door."""
    assert LIMIT_CODES.union(LOGIN_CODES, OF_NO_ITEM) == AT_THE_DOOR


@pytest.mark.parametrize("code", OF_NO_ITEM)
def test_rows_that_say_nothing_of_their_items_are_no_proof_for_a_doubtful_key(code: str) -> None:
    """They are of the tenant, its user or the request: the same key again; four burn it."""
    row_class = RowClass.RETRY if code == "TEMPORARY_ERROR" else RowClass.DEFINITE
    turned_away = Row(row_class, problem=Problem(code, "no"))
    before = [an_attempt(Kind.LOST)]
    seen = []
    for _ in range(4):
        seen.append(told(by_rows((turned_away,), before)))
        before.append(an_attempt(Kind.ROWS, len(before) + 1))
    assert seen == ["again: backoff"] * 3 + ["burnt"]
    for beside in (LIMITED, turned_away):
        assert told(by_rows((turned_away, beside), before[:1])) == "again: backoff"
    clean = "settled: renewed" if row_class is RowClass.RETRY else "settled: failed"
    assert told(by_rows((turned_away,), [])) == clean
    mixed = by_rows((turned_away, a_row(RowClass.SUCCESS)), before[:1])
    assert isinstance(mixed, Settle)
    assert [verdict.state for verdict in mixed.verdicts] == [KeyState.BURNT, KeyState.SETTLED]


@pytest.mark.parametrize("limit", sorted(LIMIT_CODES))
@pytest.mark.parametrize("login", sorted(LOGIN_CODES))
def test_rows_of_a_session_beside_those_of_a_limit_are_no_proof_either(
    login: str, limit: str
) -> None:
    """R4: none of them speaks of an item, under whichever code; with one that does they settle."""
    pair = [Row(classify(code, ""), problem=Problem(code, "no")) for code in (login, limit)]
    lost = [an_attempt(Kind.LOST)]
    assert told(by_rows((*pair,), lost)) == "again: backoff"
    assert isinstance(by_rows((*pair, a_row(RowClass.SUCCESS)), lost), Settle)


def test_a_kept_row_that_says_nothing_of_its_item_is_not_asked_for_again() -> None:
    """R6: the very same answer under its request ID is the key's own, and settles no doubt."""
    before = [an_attempt(Kind.LOST), an_attempt(Kind.ROWS, 2, request_id="r-1")]
    again = an_attempt(Kind.ROWS, 3, request_id="r-1")
    rows = Rows((Row(RowClass.DEFINITE, problem=Problem("NO_PERMISSION", "no")),))
    assert told(decide(rows, again, before, Context(), 1)) == "burnt"
    odd = Rows((Row(RowClass.UNCERTAIN, problem=Problem("NO_PERMISSION", "no")),))
    assert told(decide(odd, again, before[:1], Context(), 1)) == "burnt"


def test_a_row_beside_that_names_no_limit_proves_that_the_key_was_looked_at() -> None:
    """With any other row among them the rows are those of the call, and settle it."""
    before = [an_attempt(Kind.LOST)]
    decision = by_rows((LIMITED, a_row(RowClass.SUCCESS)), before)
    assert isinstance(decision, Settle)
    assert decision.verdicts[0].state is KeyState.BURNT
    assert decision.verdicts[1].outcome is Outcome.INVOICED
    assert told(by_rows((LIMITED, LIMITED), before)) == "again: gate"


@pytest.mark.parametrize("lock", [LOCKED, replace(LOCKED, problem=Problem("INVALID_VALUE", "x"))])
def test_a_lock_told_to_a_doubtful_key_may_be_held_by_its_own_first_send(lock: Row) -> None:
    """R4: the same key again, four times, and then the question; beside other rows at once that."""
    lost = [an_attempt(Kind.LOST)]
    before, seen = list(lost), []
    for _ in range(4):
        seen.append(told(by_rows((lock,), before)))
        before.append(an_attempt(Kind.ROWS, len(before) + 1))
    assert seen == ["again: backoff"] * 3 + ["burnt"]
    assert told(by_rows((lock, LIMITED), lost)) == "again: backoff"
    for beside in set(RowClass) - {RowClass.RETRY}:
        decision = by_rows((lock, a_row(beside)), lost)
        assert isinstance(decision, Settle)
        locked = decision.verdicts[0]
        assert (locked.state, locked.if_absent) == (KeyState.BURNT, IfAbsent.RENEW)
    assert told(by_rows((lock,), [])) == "settled: renewed"


def test_a_409_makes_no_lock_and_no_refusal_the_keys_own() -> None:
    """R4: Zuora's pages have 409 for locks too, so it is no proof that the key was looked up."""
    lost, conflict = an_attempt(Kind.LOST), an_attempt(Kind.CONFLICT, 2)
    refused = a_row(RowClass.DEFINITE)
    under_409 = an_attempt(Kind.ROWS, 2, http_status=409)
    assert told(by_rows((LOCKED,), [lost, conflict])) == "again: backoff"
    assert told(by_rows((refused,), [lost, conflict])) == "burnt"
    assert told(decide(Rows((LOCKED,)), under_409, [lost], Context(), 1)) == "again: backoff"
    assert told(decide(Rows((refused,)), under_409, [lost], Context(), 1)) == "burnt"


@pytest.mark.parametrize(
    ("answer", "if_absent"),
    [
        (Rows((a_row(RowClass.UNCERTAIN),)), IfAbsent.RENEW_TWICE),
        (Rows((a_row(RowClass.TERMINATED),)), IfAbsent.FAIL),
        (Rows((a_row(RowClass.DEFINITE),)), IfAbsent.FAIL),
        (Rows((a_row(RowClass.NOTHING_TO_BILL),)), IfAbsent.NOTHING),
        (Refused(TROUBLE), IfAbsent.RENEW),
    ],
)
def test_a_burnt_key_says_what_follows_if_it_created_nothing(
    answer: Answer, if_absent: IfAbsent
) -> None:
    """The question only finds out; what follows from nothing is decided with the answer."""
    attempt = an_attempt(kind_of(answer), 2)
    decision = decide(answer, attempt, [an_attempt(Kind.LOST)], Context(), 1)
    assert isinstance(decision, Settle)
    (verdict,) = decision.verdicts
    assert (verdict.state, verdict.if_absent) == (KeyState.BURNT, if_absent)


@pytest.mark.parametrize("doubt", [CLEAN, DOUBTFUL])
def test_a_5xx_is_sent_again_three_times_and_then_burnt(doubt: bool) -> None:
    """The first 5xx and three more are borne; what it did is then for the tenant to say."""
    before = [an_attempt(Kind.LOST)] if doubt else []
    seen = []
    for _ in range(4):
        seen.append(decided(Kind.SERVER_ERROR, before))
        before.append(an_attempt(Kind.SERVER_ERROR, len(before) + 1))
    assert seen == ["again: backoff"] * 3 + ["burnt"]


def test_other_answers_between_do_not_count_as_5xx() -> None:
    """Counts go by kind: a throttled send among the 5xx does not bring the end nearer."""
    before = [an_attempt(Kind.SERVER_ERROR), an_attempt(Kind.THROTTLED), an_attempt(Kind.THROTTLED)]
    assert decided(Kind.SERVER_ERROR, before) == "again: backoff"


def test_a_stored_5xx_is_burnt_at_once() -> None:
    """The same request ID again is a replay: sending a third time could only replay it too."""
    before = [an_attempt(Kind.SERVER_ERROR, request_id="r-1")]
    assert decided(Kind.SERVER_ERROR, before, request_id="r-1") == "burnt"
    assert decided(Kind.SERVER_ERROR, before, request_id="r-2") == "again: backoff"
    assert decided(Kind.SERVER_ERROR, before) == "again: backoff"


def test_a_request_id_of_another_kind_of_answer_proves_no_replay() -> None:
    """Only the very same answer counts as the stored one."""
    before = [an_attempt(Kind.THROTTLED, request_id="r-1")]
    assert decided(Kind.SERVER_ERROR, before, request_id="r-1") == "again: backoff"


@pytest.mark.parametrize("kind", [Kind.UNSENT, Kind.UNREACHABLE, Kind.LOST, Kind.CONFLICT])
@pytest.mark.parametrize("doubt", [CLEAN, DOUBTFUL])
def test_what_holds_no_answer_of_the_tenants_never_burns_a_key(kind: Kind, doubt: bool) -> None:
    """R5: the same key again, however often: its age alone ends that, and a run's attempts."""
    many = [an_attempt(kind, n, sent=kind not in NEVER_LEFT) for n in range(1, 11)]
    before = [an_attempt(Kind.LOST), *many] if doubt else many
    assert decided(kind, before) == FIRST[kind][doubt]


def test_an_unreadable_reply_is_sent_again_once() -> None:
    """A second reply that cannot be read burns the key."""
    assert decided(Kind.UNREADABLE, [an_attempt(Kind.UNREADABLE)]) == "burnt"


SECOND = timedelta(seconds=1)


def throttled(*seconds: float, **fields: Any) -> list[Attempt]:
    """Give refusals that came so many seconds after the first."""
    return [
        replace(an_attempt(Kind.THROTTLED, n, **fields), started_at=WHEN + one * SECOND)
        for n, one in enumerate(seconds, 1)
    ]


def by_429s(*seconds: float, context: Context | None = None, doubt: bool = False) -> str:
    """Say what the last of some refusals comes to."""
    *before, last = throttled(*seconds)
    if doubt:
        before.insert(0, an_attempt(Kind.LOST))
    return told(decide(Throttled(TROUBLE), last, before, context or Context(), 1))


def test_a_clean_throttled_key_is_renewed_only_on_evidence() -> None:
    """Ten 429 in a minute mean nothing; three in two minutes do, with room for others, or alone."""
    others, pending = Context(others_accepted=True), Context(others_pending=True)
    assert by_429s(*range(10), context=others) == "again: gate"
    assert by_429s(0, 120, context=others) == "again: gate"
    assert by_429s(0, 60, 119, context=others) == "again: gate"
    assert by_429s(0, 60, 120, context=others) == "settled: renewed"
    assert by_429s(0, 60, 120) == "settled: renewed"
    assert by_429s(0, 60, 120, context=pending) == "again: gate"
    replayed = [an_attempt(Kind.THROTTLED, request_id="r-1")]
    assert decided(Kind.THROTTLED, replayed, request_id="r-1") == "settled: renewed"
    assert decided(Kind.THROTTLED, replayed, request_id="r-2") == "again: gate"


def test_a_429_with_the_date_of_an_earlier_one_is_a_kept_one() -> None:
    """Five seconds apart a server's clock says something else."""
    mine, other = START_OF_SERVER, START_OF_SERVER + SECOND
    for apart, date, decision in (
        (5, mine, "settled: renewed"),
        (4, mine, "again: gate"),
        (5, other, "again: gate"),
        (5, None, "again: gate"),
    ):
        first, last = throttled(0, apart, server_date=mine)
        last = replace(last, server_date=date)
        assert told(decide(Throttled(TROUBLE), last, [first], Context(True), 1)) == decision
    unlike = replace(first, answer=Kind.UNAUTHORIZED.value)
    last = replace(last, server_date=mine)
    assert told(decide(Throttled(TROUBLE), last, [unlike], Context(True), 1)) == "again: gate"
    nameless = [replace(one, server_date=None) for one in (first, last)]
    assert told(decide(Throttled(TROUBLE), nameless[1], nameless[:1], Context(), 1)) == (
        "again: gate"
    )


def test_a_tenant_that_throttles_burns_no_doubtful_key_within_an_hour() -> None:
    """Four alike in ten minutes burn it only while others get through; alone it takes an hour."""
    others = Context(others_accepted=True)
    assert by_429s(0, 1, 3, 599, context=others, doubt=True) == "again: gate"
    assert by_429s(0, 300, 600, context=others, doubt=True) == "again: gate"
    assert by_429s(0, 1, 3, 600, context=others, doubt=True) == "burnt"
    assert by_429s(*range(0, 3600, 60), 3599, doubt=True) == "again: gate"
    assert by_429s(0, 1, 3, 3600, doubt=True) == "burnt"


def test_a_limit_under_a_status_of_success_is_never_taken_for_a_stored_one() -> None:
    """Whatever came before: two 429 and then one of these do not make the key clean."""
    before = [an_attempt(Kind.THROTTLED, n, request_id=f"r-{n}") for n in (1, 2)]
    others = Context(others_accepted=True)
    told = decided(Kind.LIMIT_IN_SUCCESS, before, others, request_id="r-3")
    assert told == "again: gate"


def test_a_limit_under_a_status_of_success_is_no_proof_when_it_comes_again() -> None:
    """R4: it leaves doubt itself, so a replay renews no key: the same one, and four alike burn."""
    seen, before = [], [an_attempt(Kind.THROTTLED)]
    for number in range(2, 6):
        seen.append(decided(Kind.LIMIT_IN_SUCCESS, before, Context(True), request_id="r-1"))
        before.append(an_attempt(Kind.LIMIT_IN_SUCCESS, number, request_id="r-1"))
    assert seen == ["again: gate"] * 3 + ["burnt"]


def test_a_doubtful_throttled_key_is_never_renewed() -> None:
    """After doubt even a replayed 429 proves nothing about the first send; four alike burn."""
    before = [an_attempt(Kind.LOST)]
    others = Context(others_accepted=True)
    seen = []
    for _ in range(4):
        seen.append(decided(Kind.THROTTLED, before, others, request_id="r-1"))
        before.append(an_attempt(Kind.THROTTLED, len(before) + 1, request_id="r-1"))
    assert seen == ["again: gate"] * 3 + ["burnt"]


@pytest.mark.parametrize(
    ("before", "context"),
    [
        (
            [
                replace(an_attempt(Kind.THROTTLED, n, request_id=f"r-{n}"), started_at=LONG_AGO)
                for n in (1, 2)
            ],
            Context(True),
        ),
        (
            [
                an_attempt(Kind.LOST),
                *(
                    replace(an_attempt(Kind.THROTTLED, n, request_id=f"r-{n}"), started_at=LONG_AGO)
                    for n in (2, 3, 4)
                ),
            ],
            Context(),
        ),
    ],
    ids=["clean", "doubtful"],
)
def test_a_429_that_ends_a_key_still_holds_the_run_back(
    before: list[Attempt], context: Context
) -> None:
    """Nothing proves that it was said earlier, unless it is a replay: then the wait is over."""
    for request_id, gates in (("r-9", True), ("r-2", False)):
        attempt = an_attempt(Kind.THROTTLED, len(before) + 1, request_id=request_id)
        decision = decide(Throttled(TROUBLE), attempt, before, context, 1)
        assert isinstance(decision, Settle)
        assert decision.gates is gates
        assert decision.exceeded


def refused(*tokens: int, good: tuple[int, ...] = (), pending: bool = False) -> Context:
    return Context(
        others_pending=pending, good_tokens=frozenset(good), refused_tokens=frozenset(tokens)
    )


@pytest.mark.parametrize(
    ("context", "token", "clean", "doubtful_key"),
    [
        (refused(), 1, "again: token", "again: token"),
        (refused(1), 1, "halt: credentials", "halt: credentials"),  # no newer one is to be had
        (refused(1), 2, "halt: credentials", "halt: credentials"),
        (refused(1, pending=True), 2, "again: backoff", "again: backoff"),
        (refused(1, 2, pending=True), 2, "halt: credentials", "halt: credentials"),
        (refused(1, good=(1,)), 2, "halt: credentials", "halt: credentials"),
        (refused(1, good=(2,)), 2, "again: token", "burnt"),
        (refused(1, 2, good=(2,)), 2, "settled: renewed", "burnt"),
    ],
)
def test_a_401_blames_the_key_only_where_its_token_is_good_for_others(
    context: Context, token: int, clean: str, doubtful_key: str
) -> None:
    """First a newer token; then the run stops, unless another key was let in by that token."""
    assert decided(Kind.UNAUTHORIZED, [], context, token=token) == clean
    before = [an_attempt(Kind.LOST)]
    assert decided(Kind.UNAUTHORIZED, before, context, token=token) == doubtful_key


@pytest.mark.parametrize("tokens", [(1,), (1, 2)])
@pytest.mark.parametrize("doubt", [CLEAN, DOUBTFUL])
def test_a_login_under_a_status_of_success_never_renews_a_key(
    tokens: tuple[int, ...], doubt: bool
) -> None:
    """R4: it may have been executed, so where the token is good for others the tenant is asked."""
    before = [an_attempt(Kind.LOGIN_IN_SUCCESS if doubt else Kind.UNAUTHORIZED, token=1)]
    context = refused(*tokens, good=(2,))
    assert decided(Kind.LOGIN_IN_SUCCESS, before, context, token=2) == "burnt"


@pytest.mark.parametrize(
    ("request_id", "clean", "doubtful_key"),
    [("r-1", "settled: renewed", "burnt"), ("r-2", "halt: credentials", "halt: credentials")],
)
def test_the_same_401_again_is_kept_under_the_key(
    request_id: str, clean: str, doubtful_key: str
) -> None:
    """An answer with the ID of an earlier one is its replay: a fresh token cannot mend it."""
    before = [an_attempt(Kind.UNAUTHORIZED, request_id="r-1")]
    fields: dict[str, Any] = {"token": 2, "request_id": request_id}
    assert decided(Kind.UNAUTHORIZED, before, refused(1), **fields) == clean
    before.append(an_attempt(Kind.LOST, 2))
    assert decided(Kind.UNAUTHORIZED, before, refused(1), **fields) == doubtful_key


def test_a_replayed_401_is_answered_with_a_newer_token_first() -> None:
    """Once in each run: what was kept may have been kept for an hour, and costs one send."""
    before = [an_attempt(Kind.UNAUTHORIZED, request_id="r-1")]
    told = decided(Kind.UNAUTHORIZED, before, refused(), token=1, request_id="r-1")
    assert told == "again: token"


@pytest.mark.parametrize("kind", LEAVES_DOUBT)
def test_a_send_leaves_doubt_as_the_rules_say(kind: Kind | None) -> None:
    """A send may have been executed unseen unless its answer rules that out."""
    assert doubtful([an_attempt(kind)]) is LEAVES_DOUBT[kind]
    assert doubtful([an_attempt(Kind.THROTTLED), an_attempt(kind)]) is LEAVES_DOUBT[kind]


@pytest.mark.parametrize("kind", LEAVES_DOUBT)
def test_what_never_left_leaves_no_doubt(kind: Kind | None) -> None:
    """Proof that nothing was sent clears any attempt, and no attempt is no doubt."""
    assert not doubtful([an_attempt(kind, sent=False)])
    assert not doubtful([])


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.ROWS])
def test_a_later_answer_does_not_clear_an_earlier_doubt(kind: Kind) -> None:
    """Doubt is a matter of all sends under the key: no status takes it back."""
    assert doubtful([an_attempt(Kind.LOST), an_attempt(kind, 2)])


@pytest.mark.parametrize("fault_kind", FaultKind)
def test_a_fault_that_was_sent_is_lost_whatever_its_name(fault_kind: FaultKind) -> None:
    """Only the proof that nothing left tells faults apart."""
    assert kind_of(Fault(fault_kind, True, "")) is Kind.LOST


@pytest.mark.parametrize(
    ("fault_kind", "kind"),
    [
        (FaultKind.CONNECT, Kind.UNREACHABLE),
        (FaultKind.TIMEOUT, Kind.UNREACHABLE),
        (FaultKind.TOKEN_UNAVAILABLE, Kind.UNREACHABLE),
        (FaultKind.DISCONNECT, Kind.UNREACHABLE),
        (FaultKind.CERTIFICATE, Kind.UNTRUSTED),
        (FaultKind.TOKEN_REFUSED, Kind.NO_TOKEN),
        (FaultKind.GARBLED, Kind.UNREACHABLE),
        (FaultKind.CROSSED, Kind.UNREACHABLE),
        (FaultKind.INTERNAL, Kind.UNSENT),
        (FaultKind.LATE, Kind.UNSENT),
    ],
)
def test_a_fault_before_the_send_is_named_by_what_to_wait_for(
    fault_kind: FaultKind, kind: Kind
) -> None:
    """What never left is told apart by who must mend it."""
    assert kind_of(Fault(fault_kind, False, "")) is kind


@pytest.mark.parametrize("kind", ANSWERS)
def test_each_answer_has_its_kind(kind: Kind) -> None:
    """The kind kept in the ledger is the one that was read."""
    assert kind_of(ANSWERS[kind]) is kind
    assert problem_of(ANSWERS[kind]).code


def test_rows_without_a_failure_have_a_kind_and_a_word_too() -> None:
    """Whoever asks gets an answer, though there is nothing to tell."""
    good = Rows((a_row(RowClass.SUCCESS),))
    assert kind_of(good) is Kind.ROWS
    assert problem_of(good) == Problem("ROWS", "")


def test_a_halt_stops_for_the_reason_that_a_person_must_mend() -> None:
    """Wrong tenant, credentials and certificates stop the run, and nothing else does."""
    found = {kind: decided(kind, []) for kind in ANSWERS}
    stopping = {kind for kind, said in found.items() if said.startswith("halt")}
    assert stopping == {Kind.NO_TOKEN, Kind.UNTRUSTED, Kind.MISDIRECTED, Kind.REDIRECTED}


def test_pauses_and_reasons_are_all_in_use() -> None:
    """No pause exists that no answer leads to, but the one before a call whose question is old."""
    said = {word for pair in FIRST.values() for word in pair}
    assert {f"again: {pause.value}" for pause in set(Pause) - {Pause.QUESTION}} <= said


# What is said with a decision


@pytest.mark.parametrize("doubt", [CLEAN, DOUBTFUL])
@pytest.mark.parametrize("kind", FIRST)
def test_every_decision_carries_what_was_wrong(kind: Kind, doubt: bool) -> None:
    """People are told the answer's own words, whatever follows from it."""
    before = [an_attempt(Kind.LOST)] if doubt else []
    answer = ANSWERS[kind]
    decision = decide(answer, an_attempt(kind, 2), before, Context(), 2)
    assert said(decision) == {problem_of(answer)}


@pytest.mark.parametrize("doubt", [CLEAN, DOUBTFUL])
@pytest.mark.parametrize("row_class", [one for one in ROWS if one is not RowClass.SUCCESS])
def test_every_failed_row_keeps_what_it_said(row_class: RowClass, doubt: bool) -> None:
    """An item's problem is its own row's, renewed, failed or burnt."""
    before = [an_attempt(None)] if doubt else []
    answer = Rows((a_row(row_class),))
    decision = decide(answer, an_attempt(Kind.ROWS, 2), before, Context(), 1)
    assert said(decision) == {TROUBLE}


def said(decision: Decision) -> set[Problem | None]:
    if isinstance(decision, Settle):
        return {verdict.problem for verdict in decision.verdicts}
    return {decision.problem}


def test_limits_told_in_rows_are_said_as_they_came() -> None:
    """Also while a key in doubt waits for more than that."""
    assert said(by_rows((LIMITED,), [an_attempt(Kind.LOST)])) == {LIMITED.problem}


def test_a_fault_is_named_by_its_kind() -> None:
    """The code is a word of ours in capitals, as all codes are."""
    assert problem_of(ANSWERS[Kind.LOST]) == Problem("TIMEOUT", "no answer")


def repeated(kind: Kind, times: int, **fields: Any) -> Decision:
    """Decide on an answer that has come so many times before under a key in doubt."""
    before = [an_attempt(Kind.LOST), *(an_attempt(kind, n + 2) for n in range(times))]
    return decide(ANSWERS[kind], an_attempt(kind, times + 2, **fields), before, Context(), 1)


def test_what_is_said_does_not_wear_off() -> None:
    """Also the later decisions on a kind carry its problem."""
    for kind in (Kind.SERVER_ERROR, Kind.UNREADABLE, Kind.THROTTLED):
        for times in range(5):
            assert said(repeated(kind, times)) == {TROUBLE}
    contexts = (refused(1, pending=True), refused(1, good=(2,)), refused(1, 2, good=(2,)))
    for context in (*contexts, refused(1)):
        for before in ([], [an_attempt(Kind.LOST)]):
            attempt = an_attempt(Kind.UNAUTHORIZED, 2, token=2)
            assert said(decide(Unauthorized(TROUBLE), attempt, before, context, 1)) == {TROUBLE}
    stored = [an_attempt(Kind.THROTTLED, request_id="r-1")]
    again = an_attempt(Kind.THROTTLED, 2, request_id="r-1")
    assert said(decide(Throttled(TROUBLE), again, stored, Context(), 1)) == {TROUBLE}


@pytest.mark.parametrize(
    ("answer", "before", "evidence"),
    [
        (Rows((a_row(RowClass.SUCCESS),)), [], "row: success"),
        (Rows((a_row(RowClass.NOTHING_TO_BILL),)), [], "row: nothing to bill"),
        (Rows((a_row(RowClass.DEFINITE),)), [], "row: SOME_CODE"),
        (Rows((a_row(RowClass.RETRY),)), [], "row: SOME_CODE, rolled back"),
        (Rows((a_row(RowClass.UNCERTAIN),)), [], "row: SOME_CODE, effect not known"),
        (Refused(TROUBLE), [], "answer 400 to a clean key"),
        (Refused(TROUBLE), [an_attempt(None)], "refused, effect not known"),
        (
            Throttled(TROUBLE),
            [an_attempt(Kind.THROTTLED, request_id="r-1")],
            "throttled, stored by the server under a clean key",
        ),
    ],
)
def test_the_ledger_is_told_what_settled_or_burnt_a_key(
    answer: Answer, before: list[Attempt], evidence: str
) -> None:
    """R1: an auditor reads in the ledger why the next key was allowed, or none was."""
    attempt = an_attempt(kind_of(answer), 2, request_id="r-1", http_status=400)
    decision = decide(answer, attempt, before, Context(), 1)
    assert isinstance(decision, Settle)
    assert [verdict.evidence for verdict in decision.verdicts] == [evidence]


def test_an_item_goes_on_under_a_new_key_only_where_its_last_one_settled_nothing() -> None:
    """R1, R6: an outcome needs no key, and a burnt key must have been asked about."""
    assert Verdict(KeyState.SETTLED, "").renews
    assert not Verdict(KeyState.SETTLED, "", Outcome.FAILED).renews
    assert not Verdict(KeyState.BURNT, "").renews


def test_no_request_id_proves_no_replay() -> None:
    """Two answers that name no ID are not the same answer."""
    assert decided(Kind.THROTTLED, [an_attempt(Kind.THROTTLED)]) == "again: gate"
