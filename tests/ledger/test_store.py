"""The ledger: what goes in comes out, and what must not be is refused by SQLite itself."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.engine import item
from support.plans import (
    NOON,
    PROBLEM,
    a_call,
    a_plan,
    a_record,
    a_run_id,
    a_send,
    an_attempt,
    left,
    settled,
)
from support.standing import standing
from zbatch.errors import CannotStart, LedgerFailure
from zbatch.ledger.schema import APPLICATION_ID, STEPS
from zbatch.ledger.store import LEDGER_FILE, Store, open_store
from zbatch.model import (
    Charges,
    Effect,
    ExitCode,
    Finding,
    IfAbsent,
    Item,
    KeyState,
    Outcome,
    Result,
    Send,
    Standing,
)

RUN = "20261130T120000Z-0000"
HOUR = timedelta(hours=1)


def tables(folder: Path) -> sqlite3.Connection:
    """Open the ledger's file behind its back."""
    connection = sqlite3.connect(folder / LEDGER_FILE, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


# What goes in comes out


def test_an_item_never_sent_stands_with_nothing(store: Store, items: list[Item]) -> None:
    """A planned item that was not sent has no outcome, no key and no attempt."""
    assert standing(store, items[0]) == Standing(items[0], None, None, 0, 0, payload_changed=False)


def test_an_item_the_ledger_does_not_know_stands_with_nothing(store: Store) -> None:
    """The same holds for one that no run has planned."""
    assert standing(store, item(9)) == Standing(item(9), None, None, 0, 0, payload_changed=False)


def test_an_intent_is_held_as_an_open_call(store: Store, items: list[Item]) -> None:
    """After `begin` the very bytes to send again are there, with an attempt without answer."""
    call = a_call(items[0])
    store.begin(RUN, [a_send(call)], NOON)
    held = standing(store, items[0])
    assert held.call is not None
    assert held.call.call == call
    assert held.call.attempts == (an_attempt(),)
    assert held.call.states == (KeyState.LIVE,)
    assert (held.generation, held.attempts, held.record) == (1, 1, None)


def test_an_answered_attempt_comes_back_whole(store: Store, items: list[Item]) -> None:
    """Every field of an attempt survives, to the microsecond."""
    call = a_call(items[0])
    answered = an_attempt(
        answer="server_error",
        finished_at=NOON + timedelta(microseconds=1),
        server_date=NOON,
        http_status=500,
        request_id="r-1",
        token=3,
        problem=PROBLEM,
    )
    store.begin(RUN, [a_send(call)], NOON)
    store.finish(RUN, [Result(call, answered, (Effect(KeyState.LIVE, ""),))], NOON)
    held = standing(store, items[0])
    assert held.call is not None
    assert held.call.attempts == (answered,)


def test_an_attempt_known_as_unsent_comes_back_as_such(store: Store, items: list[Item]) -> None:
    """Proof that nothing left is kept, and only False is False."""
    call = a_call(items[0])
    store.begin(RUN, [a_send(call), a_send(call, 2)], NOON)
    unsent = an_attempt(answer="unreachable", sent=False, finished_at=NOON)
    store.finish(RUN, [Result(call, unsent, (Effect(KeyState.LIVE, ""),))], NOON)
    held = standing(store, items[0])
    assert held.call is not None
    assert [attempt.sent for attempt in held.call.attempts] == [False, True]


@pytest.mark.parametrize(
    "outcome",
    [Outcome.INVOICED, Outcome.ALREADY_INVOICED, Outcome.NOTHING_TO_BILL, Outcome.FAILED],
)
def test_an_outcome_comes_back_whole(store: Store, items: list[Item], outcome: Outcome) -> None:
    """The record is the one that the judge made, with the run that settled it."""
    call = a_call(items[0])
    record = a_record(
        items[0],
        outcome,
        idempotency_key=call.key,
        track_id="zb-1",
        request_id="r-1",
        http_status=200,
        attempts=4,
    )
    store.begin(RUN, [a_send(call)], NOON)
    effect = Effect(KeyState.SETTLED, "row", record)
    store.finish(RUN, [Result(call, an_attempt(answer="rows"), (effect,))], NOON)
    held = standing(store, items[0])
    assert held.record == replace(record, run_id=RUN)
    assert held.call is None


def test_a_call_of_many_holds_its_items_in_their_order(store: Store, items: list[Item]) -> None:
    """Positions link rows to items, so they come back as they went in."""
    call = a_call(*reversed(items))
    store.begin(RUN, [a_send(call)], NOON)
    effects = (
        Effect(KeyState.SETTLED, "row", a_record(items[2])),
        Effect(KeyState.BURNT, "unknown", if_absent=IfAbsent.RENEW_TWICE),
        Effect(KeyState.SETTLED, "lock"),
    )
    store.finish(RUN, [Result(call, an_attempt(answer="rows"), effects)], NOON)
    burnt = standing(store, items[1])
    assert burnt.call is not None
    assert burnt.call.call.items == call.items
    assert burnt.call.states == (KeyState.SETTLED, KeyState.BURNT, KeyState.SETTLED)
    assert standing(store, items[2]).record is not None
    renewed = standing(store, items[0])
    assert (renewed.call, renewed.record, renewed.generation) == (None, None, 1)


def test_generations_count_the_keys_that_were_minted(store: Store, items: list[Item]) -> None:
    """The next key is one above the highest, and attempts add up over all keys."""
    for generation in range(3):
        call = a_call(items[0], generation=generation)
        store.begin(RUN, [a_send(call), a_send(call, 2)], NOON)
        held = standing(store, items[0])
        assert (held.generation, held.attempts) == (generation + 1, 2 * generation + 2)
        store.finish(RUN, [settled(call, None, 2)], NOON)
    assert standing(store, items[0]).generation == 3


def test_an_intent_may_be_dated_anew(store: Store, items: list[Item]) -> None:
    """A second `begin` of the same attempt moves its time, by both clocks, and adds nothing."""
    call = a_call(items[0])
    store.begin(RUN, [a_send(call, server_date=NOON)], NOON)
    later = NOON + HOUR
    store.begin(RUN, [a_send(call, started_at=later, server_date=later)], NOON)
    held = standing(store, items[0])
    assert held.call is not None
    (attempt,) = held.call.attempts
    assert (attempt.started_at, attempt.server_date) == (later, later)


def test_many_sends_and_results_are_one_transaction(store: Store, items: list[Item]) -> None:
    """A group is stored as a whole."""
    calls = [a_call(one) for one in items]
    store.begin(RUN, [a_send(call) for call in calls], NOON)
    store.finish(RUN, [settled(call, Outcome.INVOICED) for call in calls], NOON)
    assert all(held.record for held in store.standing(items))


def test_the_ledger_is_the_same_for_the_next_process(
    tmp_path: Path, store: Store, items: list[Item]
) -> None:
    """What was held when the file was closed is held when it is opened again."""
    calls = [a_call(one) for one in items]
    store.begin(RUN, [a_send(call) for call in calls[:2]], NOON)
    store.finish(RUN, [settled(calls[0], Outcome.INVOICED)], NOON)
    before = list(store.standing(items))
    store.close()
    with closing(open_store(tmp_path)) as again:
        assert list(again.standing(items)) == before


@pytest.mark.untraced
@given(st.text(max_size=50), st.text(max_size=50), st.none() | st.text(max_size=20))
def test_any_text_survives(
    tmp_path_factory: pytest.TempPathFactory, a: str, b: str, c: str | None
) -> None:
    """Names, reasons and messages are data: quotes, NUL and odd characters come back."""
    folder = tmp_path_factory.mktemp("text")
    one = replace(item(1), reason=a, account_number=c)
    with closing(open_store(folder)) as store:
        store.start_run(RUN, a_plan([one]), NOON)
        call = a_call(one)
        store.begin(RUN, [a_send(call)], NOON)
        record = a_record(one, Outcome.FAILED, error=replace(PROBLEM, message=b))
        effect = Effect(KeyState.SETTLED, a or "-", record)
        store.finish(RUN, [Result(call, an_attempt(answer="rows"), (effect,))], NOON)
        held = standing(store, one)
    assert held.record is not None
    assert held.record.error == record.error
    assert held.record.item == one


# The newest stamp


def test_the_newest_stamp_is_the_latest_time_ever_written(store: Store, items: list[Item]) -> None:
    """A clock that goes back does not take the stamp back."""
    assert store.newest_stamp() == NOON
    call = a_call(items[0])
    store.begin(RUN, [a_send(call)], NOON + HOUR)
    assert store.newest_stamp() == NOON + HOUR
    store.finish(RUN, [left(call, KeyState.LIVE)], NOON - 5 * HOUR)
    assert store.newest_stamp() == NOON + HOUR


def test_a_new_ledger_has_no_stamp(tmp_path: Path) -> None:
    """Before the first run there is no time to compare with."""
    with closing(open_store(tmp_path)) as store:
        assert store.newest_stamp() is None


def test_how_far_somebody_has_looked_is_kept_by_the_name_of_the_stages(
    store: Store, tmp_path: Path
) -> None:
    """The last word counts, also a lower one; other stages, and the newest stamp, are as before."""
    assert store.looked("plan 5,rest") == 0
    for looked in (2, 1):
        store.look("plan 5,rest", looked, NOON)
    assert (store.looked("plan 5,rest"), store.looked("plan 6,rest")) == (1, 0)
    assert store.newest_stamp() == NOON
    with closing(open_store(tmp_path)) as again:
        assert again.looked("plan 5,rest") == 1


def test_the_tenant_that_was_named_first_is_kept_with_the_next_commit(
    store: Store, items: list[Item], tmp_path: Path
) -> None:
    """L19: it is durable with the first intent, and no later word takes its place."""
    assert store.home() == {}
    store.keep_home({"tenant": "12270"})
    assert store.home() == {}
    store.begin(RUN, [a_send(a_call(items[0]))], NOON)
    assert store.home() == {"tenant": "12270"}
    with closing(open_store(tmp_path)) as again:
        again.keep_home({"tenant": "33405", "entity": "11e6"})
        again.finish_run(RUN, ExitCode.OK, NOON)
        assert again.home() == {"tenant": "12270"}


def test_a_client_that_has_sent_nothing_binds_no_ledger(store: Store, items: list[Item]) -> None:
    """Whoever was there by mistake for questions alone gives way to the one who sends."""
    store.keep_home({"tenant": "33405", "entity": "22f7"})
    store.finish_run(RUN, ExitCode.OK, NOON)
    assert store.home() == {}
    store.keep_home({"tenant": "12270"})
    store.begin(RUN, [a_send(a_call(items[0]))], NOON)
    assert store.home() == {"tenant": "12270"}


def test_a_client_that_is_named_nowhere_leaves_no_other_in_its_place(
    store: Store, items: list[Item]
) -> None:
    """The first call is its own: the ledger is of no tenant then, not of who asked before."""
    store.keep_home({"tenant": "33405"})
    store.finish_run(RUN, ExitCode.OK, NOON)
    store.keep_home({})
    store.begin(RUN, [a_send(a_call(items[0]))], NOON)
    assert store.home() == {}


def test_a_ledger_with_calls_in_it_takes_no_tenant_from_a_later_client(
    store: Store, items: list[Item]
) -> None:
    """L19: it may be the wrong one, and then the right one would be refused from then on."""
    store.begin(RUN, [a_send(a_call(items[0]))], NOON)
    store.keep_home({"tenant": "33405"})
    store.finish_run(RUN, ExitCode.OK, NOON)
    assert store.home() == {}


# What must not be


def test_a_second_live_key_of_an_item_is_refused(store: Store, items: list[Item]) -> None:
    """The promise is an index: SQLite refuses the second key, and the ledger is given up."""
    store.begin(RUN, [a_send(a_call(items[0]))], NOON)
    with pytest.raises(LedgerFailure):
        store.begin(RUN, [a_send(a_call(items[0], generation=1))], NOON)


def test_a_transaction_that_is_broken_off_leaves_nothing(
    tmp_path: Path, store: Store, items: list[Item]
) -> None:
    """Whatever comes in between, a signal or a bug: half a group is no group, now or later."""

    def sends() -> Iterator[Send]:
        yield a_send(a_call(items[0]))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.begin(RUN, sends(), NOON)  # type: ignore[arg-type] # read once, as a sequence is
    with pytest.raises(LedgerFailure, match="has failed before"):
        store.begin(RUN, [], NOON)
    store.close()
    with closing(open_store(tmp_path)) as reopened:
        assert standing(reopened, items[0]).call is None


def test_a_key_beside_a_burnt_one_is_refused(store: Store, items: list[Item]) -> None:
    """A burnt key is not settled: nothing is minted until the tenant has said what it did."""
    call = a_call(items[0])
    store.begin(RUN, [a_send(call)], NOON)
    store.finish(RUN, [left(call, KeyState.BURNT)], NOON)
    with pytest.raises(LedgerFailure):
        store.begin(RUN, [a_send(a_call(items[0], generation=1))], NOON)


def test_a_live_key_within_a_group_is_refused_too(store: Store, items: list[Item]) -> None:
    """An item is the same item alone and in a call of many."""
    store.begin(RUN, [a_send(a_call(*items))], NOON)
    with pytest.raises(LedgerFailure):
        store.begin(RUN, [a_send(a_call(items[1], generation=1))], NOON)


def test_an_outcome_of_success_without_an_id_is_refused_by_the_table(
    tmp_path: Path, store: Store, items: list[Item]
) -> None:
    """Not even another program can write an invoice that has no ID."""
    with closing(tables(tmp_path)) as connection:
        for invoice_id in (None, ""):
            for outcome in ("invoiced", "already_invoiced"):
                with pytest.raises(sqlite3.IntegrityError):
                    connection.execute(
                        "UPDATE item SET outcome = ?, invoice_id = ?", (outcome, invoice_id)
                    )


@pytest.mark.parametrize("outcome", ["unknown", "not_attempted", "INVOICED", ""])
def test_only_settled_outcomes_are_stored(tmp_path: Path, store: Store, outcome: str) -> None:
    """Doubt is read from the keys, never from a word."""
    with closing(tables(tmp_path)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("UPDATE item SET outcome = ?", (outcome,))


def test_a_settled_key_needs_its_evidence(tmp_path: Path, store: Store, items: list[Item]) -> None:
    """A key leaves the live state only with a reason beside it."""
    store.begin(RUN, [a_send(a_call(items[0]))], NOON)
    with closing(tables(tmp_path)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("UPDATE call_item SET state = 'settled'")


def test_an_answer_to_an_attempt_that_was_never_begun_is_refused(
    store: Store, items: list[Item]
) -> None:
    """An outcome without an intent would be one that nobody can account for."""
    with pytest.raises(LedgerFailure):
        store.finish(RUN, [settled(a_call(items[0]), Outcome.INVOICED)], NOON)


def test_an_attempt_of_an_item_that_no_run_planned_is_refused(store: Store) -> None:
    """Nothing is sent that is not in the plan."""
    with pytest.raises(LedgerFailure):
        store.begin(RUN, [a_send(a_call(item(9)))], NOON)


def test_an_attempt_of_a_run_that_was_not_started_is_refused(
    store: Store, items: list[Item]
) -> None:
    """Each attempt belongs to a run that the ledger knows."""
    with pytest.raises(LedgerFailure):
        store.begin(a_run_id(), [a_send(a_call(items[0]))], NOON)


def test_a_run_id_is_used_once(store: Store, items: list[Item]) -> None:
    """Two runs never share a name."""
    with pytest.raises(LedgerFailure):
        store.start_run(RUN, a_plan(items), NOON)


@pytest.mark.parametrize("outcome", [Outcome.INVOICED, Outcome.ALREADY_INVOICED])
def test_an_item_with_an_invoice_gets_no_further_key(
    store: Store, items: list[Item], outcome: Outcome
) -> None:
    """Once an invoice is there, no key is minted for the item any more, whoever asks."""
    first, second = a_call(items[0]), a_call(items[0], generation=1)
    store.begin(RUN, [a_send(first)], NOON)
    store.finish(RUN, [settled(first, outcome)], NOON)
    with pytest.raises(LedgerFailure):
        store.begin(RUN, [a_send(second)], NOON)
    held = standing(store, items[0])
    assert held.record is not None
    assert held.record.outcome is outcome
    assert held.generation == 1


def test_an_invoice_is_never_overwritten(store: Store, items: list[Item]) -> None:
    """Once invoiced, an item stays so, whatever a question shows later."""
    call = a_call(items[0])
    store.begin(RUN, [a_send(call)], NOON)
    store.finish(RUN, [settled(call, Outcome.INVOICED)], NOON)
    effect = Effect(KeyState.SETTLED, "question", a_record(items[0], Outcome.FAILED))
    with pytest.raises(LedgerFailure):
        store.finish(RUN, [], NOON, [Finding(items[0], effect=effect)])
    held = standing(store, items[0])
    assert held.record is not None
    assert held.record.outcome is Outcome.INVOICED


@pytest.mark.parametrize("first", [Outcome.FAILED, Outcome.NOTHING_TO_BILL])
def test_a_definite_failure_may_be_followed_by_an_invoice(
    store: Store, items: list[Item], first: Outcome
) -> None:
    """What failed, or had nothing to bill, may come to more in a later generation."""
    calls = a_call(items[0]), a_call(items[0], generation=1)
    for call, outcome in zip(calls, (first, Outcome.INVOICED), strict=True):
        store.begin(RUN, [a_send(call)], NOON)
        store.finish(RUN, [settled(call, outcome)], NOON)
    held = standing(store, items[0])
    assert held.record is not None
    assert held.record.outcome is Outcome.INVOICED
    assert held.record.error is None


def test_a_group_with_an_invoiced_item_gets_no_key(store: Store, items: list[Item]) -> None:
    """Whichever of them it is: none of the others is sent in such a call either."""
    alone = a_call(items[1])
    store.begin(RUN, [a_send(alone)], NOON)
    store.finish(RUN, [settled(alone, Outcome.INVOICED)], NOON)
    with pytest.raises(LedgerFailure, match="1 rows changed where 2 must"):
        store.begin(RUN, [a_send(a_call(*items[:2]))], NOON)


def test_a_group_is_settled_once(store: Store, items: list[Item]) -> None:
    """An answer for all its items comes too late where a question has settled one of them."""
    call = a_call(*items[:2])
    store.begin(RUN, [a_send(call)], NOON)
    shown = Effect(KeyState.SETTLED, "a question")
    store.finish(RUN, [], NOON, [Finding(items[1], key=call.key, effect=shown)])
    with pytest.raises(LedgerFailure, match="1 rows changed where 2 must"):
        store.finish(RUN, [settled(call, Outcome.INVOICED)], NOON)


def test_several_groups_are_settled_at_once(store: Store) -> None:
    """Each of their items is counted, whether the items of a group have come to the same or not."""
    many = [item(number) for number in range(40, 47)]
    run = a_run_id()
    store.start_run(run, a_plan(many), NOON)
    calls = [a_call(*many[start:end]) for start, end in ((0, 2), (2, 4), (4, 7))]
    store.begin(run, [a_send(call) for call in calls], NOON)
    *alike, last = (settled(call, Outcome.FAILED) for call in calls)
    apart = replace(last.effects[2], evidence="another row")
    store.finish(run, [*alike, replace(last, effects=(*last.effects[:2], apart))], NOON)
    assert [one.record is not None for one in store.standing(many)] == [True] * 7


def test_half_a_group_is_never_stored(tmp_path: Path, store: Store, items: list[Item]) -> None:
    """When one member of a group is refused, none of it is in the ledger."""
    good, bad = a_call(items[0]), a_call(item(9))
    with pytest.raises(LedgerFailure):
        store.begin(RUN, [a_send(good), a_send(bad)], NOON)
    store.close()
    with closing(open_store(tmp_path)) as again:
        assert standing(again, items[0]).call is None


# Payload


def test_a_payload_that_was_never_sent_follows_the_spec(store: Store, items: list[Item]) -> None:
    """Until an item has a key, the reviewed text decides its invoice date and charges."""
    changed = replace(items[0], invoice_date=date(2026, 12, 1), charges=Charges(usage=False))
    store.start_run(a_run_id(), a_plan([changed]), NOON)
    assert not standing(store, changed).payload_changed
    assert standing(store, items[0]).payload_changed


@pytest.mark.parametrize(
    "change",
    [
        {"invoice_date": date(2026, 12, 1)},
        {"charges": Charges(one_time=False)},
        {"charges": Charges(recurring=False)},
        {"charges": Charges(usage=False)},
    ],
)
def test_a_payload_once_sent_is_kept_and_a_change_is_told(
    store: Store, items: list[Item], change: dict[str, object]
) -> None:
    """D19: the ledger keeps what was sent, and says that the plan now asks for something else."""
    store.begin(RUN, [a_send(a_call(items[0]))], NOON)
    changed = replace(items[0], **change)  # type: ignore[arg-type] # fields of an item
    store.start_run(a_run_id(), a_plan([changed]), NOON)
    held = standing(store, changed)
    assert held.payload_changed
    assert held.call is not None
    assert held.call.call.items == (items[0],)
    assert not standing(store, items[0]).payload_changed


def test_a_reason_or_a_place_in_the_file_is_no_payload(store: Store, items: list[Item]) -> None:
    """Comments and moved lines change no invoice."""
    store.begin(RUN, [a_send(a_call(items[0]))], NOON)
    source = replace(items[0].source, line=99)
    moved = replace(items[0], source=source, reason="moved")
    assert not standing(store, moved).payload_changed


# The file


def test_the_ledger_is_for_its_owner_alone(tmp_path: Path) -> None:
    """The file and what SQLite puts beside it are 0600, under any umask."""
    before = os.umask(0)
    try:
        with closing(open_store(tmp_path)) as store:
            store.start_run(RUN, a_plan([item(1)]), NOON)
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert LEDGER_FILE in modes
    assert len(modes) > 1
    assert set(modes.values()) == {0o600}


def as_killed(folder: Path, to: Path) -> None:
    """Copy the files of an open ledger as a process that is killed leaves them."""
    to.mkdir()
    for path in folder.iterdir():
        shutil.copy(path, to / path.name)


def test_what_a_killed_process_has_left_is_taken_up(tmp_path: Path) -> None:
    """Its last commits stand in a file of their own; they fit, and nothing is lost."""
    one, killed = tmp_path / "one", tmp_path / "killed"
    one.mkdir()
    with closing(open_store(one)) as store:
        store.start_run(RUN, a_plan([item(1)]), NOON)
        as_killed(one, killed)
    with closing(open_store(killed)) as store:
        assert store.newest_stamp() == NOON


def test_a_backup_beside_the_last_commits_of_another_ledger_is_refused(tmp_path: Path) -> None:
    """D15: SQLite would take them for its own, and not find items that are there."""
    one, killed, backup = tmp_path / "one", tmp_path / "killed", tmp_path / "backup"
    one.mkdir()
    items = [item(number) for number in range(1, 1001)]
    with closing(open_store(one)) as store:
        store.start_run(RUN, a_plan(items), NOON)
    shutil.copy(one / LEDGER_FILE, backup)
    with closing(open_store(one)) as store:
        store.start_run("20261130T120001Z-0000", a_plan(items), NOON)
    with closing(open_store(one)) as store:
        store.start_run("20261130T120002Z-0000", a_plan([*items, item(1001)]), NOON)
        as_killed(one, killed)
    shutil.copy(backup, killed / LEDGER_FILE)
    before = {path.name: path.read_bytes() for path in killed.iterdir()}
    for _ in range(2):
        with pytest.raises(CannotStart, match=r"the one that ledger\.sqlite3-wal belongs to") as no:
            open_store(killed)
        assert "\n" not in str(no.value)
    for name in ("", "-wal"):
        path = killed / f"{LEDGER_FILE}{name}"
        assert path.read_bytes() == before[path.name]
    for name in ("-wal", "-shm"):
        (killed / f"{LEDGER_FILE}{name}").unlink(missing_ok=True)
    with closing(open_store(killed)) as store:
        assert store.runs_of(a_plan(items).digest) == (RUN,)


def test_f91_a_ledger_of_a_later_version_is_refused_and_untouched(tmp_path: Path) -> None:
    """F91: an older zbatch neither reads nor changes what it does not know."""
    open_store(tmp_path).close()
    with closing(tables(tmp_path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    before = (tmp_path / LEDGER_FILE).read_bytes()
    with pytest.raises(CannotStart, match=f"format {len(STEPS) + 1}"):
        open_store(tmp_path)
    assert (tmp_path / LEDGER_FILE).read_bytes() == before


def test_another_sqlite_file_is_refused_and_untouched(tmp_path: Path) -> None:
    """A file that is somebody else's database is not made into a ledger."""
    with closing(tables(tmp_path)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    before = (tmp_path / LEDGER_FILE).read_bytes()
    with pytest.raises(CannotStart, match="not a zbatch ledger"):
        open_store(tmp_path)
    assert (tmp_path / LEDGER_FILE).read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database, but long enough to look" * 99, b"\0" * 4096])
def test_f96_a_file_that_is_no_database_is_refused_and_untouched(
    tmp_path: Path, content: bytes
) -> None:
    """F96: garbage in the ledger's place is named, never skipped or overwritten."""
    (tmp_path / LEDGER_FILE).write_bytes(content)
    with pytest.raises(CannotStart):
        open_store(tmp_path)
    assert (tmp_path / LEDGER_FILE).read_bytes() == content


def test_a_ledger_that_is_a_symlink_or_a_folder_is_refused(tmp_path: Path) -> None:
    """The ledger is a file of its own, in its own place."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / LEDGER_FILE).symlink_to(tmp_path / "elsewhere" / "file")
    (tmp_path / "b" / LEDGER_FILE).mkdir(parents=True)
    for folder in ("a", "b", "missing"):
        with pytest.raises(CannotStart):
            open_store(tmp_path / folder)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_ledger_is_marked_and_durable(tmp_path: Path) -> None:
    """The file names its kind and version, and every commit waits for the disk."""
    store = open_store(tmp_path)
    connection = store._connection  # what a connection is set to can be read nowhere else
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1
    assert connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    assert connection.execute("PRAGMA user_version").fetchone()[0] == len(STEPS)
    store.close()


# Failures


@pytest.mark.parametrize("how", ["deleted", "replaced", "folder"])
def test_f99_a_ledger_that_is_gone_is_noticed_before_the_next_write(
    tmp_path: Path, items: list[Item], how: str
) -> None:
    """F99: nobody would ever read what is written to an unlinked file."""
    folder = tmp_path / "state"
    folder.mkdir()
    with closing(open_store(folder)) as store:
        store.start_run(RUN, a_plan(items), NOON)
        if how == "folder":
            folder.rename(tmp_path / "moved")
        else:
            (folder / LEDGER_FILE).unlink()
        if how == "replaced":
            (folder / LEDGER_FILE).write_bytes(b"")
        with pytest.raises(LedgerFailure):
            store.begin(RUN, [a_send(a_call(items[0]))], NOON)


def test_a_failure_sticks(tmp_path: Path, store: Store, items: list[Item]) -> None:
    """After one refusal every write fails: what the first one left behind is not known."""
    moved = tmp_path / "moved"
    (tmp_path / LEDGER_FILE).rename(moved)
    with pytest.raises(LedgerFailure):
        store.begin(RUN, [a_send(a_call(items[0]))], NOON)
    moved.rename(tmp_path / LEDGER_FILE)
    for _ in range(2):
        with pytest.raises(LedgerFailure, match="failed before"):
            store.begin(RUN, [a_send(a_call(items[0]))], NOON)
    with pytest.raises(LedgerFailure):
        store.finish_run(RUN, ExitCode.OK, NOON)


def test_a_closed_ledger_fails_by_name(store: Store, items: list[Item]) -> None:
    """No SQLite error leaves the room."""
    store.close()
    with pytest.raises(LedgerFailure):
        list(store.standing(items))
    with pytest.raises(LedgerFailure):
        store.newest_stamp()
    with pytest.raises(LedgerFailure):
        store.finish_run(RUN, ExitCode.OK, NOON)


def test_the_end_of_a_run_is_recorded(tmp_path: Path, store: Store) -> None:
    """A run without an end in the ledger is one that was killed."""
    with closing(tables(tmp_path)) as connection:
        query = "SELECT finished_at, exit_code FROM run"
        assert connection.execute(query).fetchone() == (None, None)
        store.finish_run(RUN, ExitCode.FAILURES, NOON)
        assert connection.execute(query).fetchone() == ("2026-11-30T12:00:00.000000+00:00", 1)


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE item SET target_date = '2026-11-3p'",
        "UPDATE item SET invoice_date = '2026-1q-30'",
        "UPDATE item SET baseline = '{\"asked'",
        "UPDATE call SET wire = x'00'",
        "UPDATE call SET wire = x''",
        "UPDATE call SET wire = substr(wire, 1, length(wire) - 9)",
        "UPDATE call SET wire = x'1f8b0800000000000003ff'",
        "UPDATE meta SET value = '2026-11-30Tx' WHERE name = 'newest'",
    ],
)
def test_f96_a_value_that_no_zbatch_writes_is_damage(
    tmp_path: Path, store: Store, items: list[Item], spoil: str
) -> None:
    """F96: a bit that turned within a row is told as damage of the ledger, not as a bug."""
    store.begin(RUN, [a_send(a_call(items[0]))], NOON)
    with closing(tables(tmp_path)) as connection:
        connection.execute(spoil)

    def read() -> object:
        return store.newest_stamp(), list(store.standing(items)), list(store.unsettled())

    with pytest.raises(LedgerFailure, match="damaged"):
        read()


def test_the_runs_of_a_plan_are_known_by_its_digest(store: Store, items: list[Item]) -> None:
    """A plan that is run again is told which runs there were of it, the latest last."""
    plan = replace(a_plan(items), digest="2" * 64)
    for run in ("20261230T120000Z-0001", "20261231T120000Z-0002"):
        store.start_run(run, plan, NOON)
    assert store.runs_of(plan.digest) == ("20261230T120000Z-0001", "20261231T120000Z-0002")
    assert store.runs_of("3" * 64) == ()
