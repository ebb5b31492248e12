"""What is written of calls and questions: intents, answers, and what the items come to by them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from zbatch.ledger import rows
from zbatch.ledger import statements as sql
from zbatch.ledger.listing import insist
from zbatch.model import Call, Effect, Finding, Item, ItemRecord, Result, Send


class Calls:
    """Writes it, each method within a transaction that its caller has begun."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._ids: dict[str, int] = {}  # of the calls that are under way, by key

    def begin(self, run_id: str, sends: Sequence[Send]) -> None:
        """Write attempts, and with the first one of a key its call."""
        calls = {send.call.key: send.call for send in sends}
        new = {key: call for key, call in calls.items() if self._id(key) is None}
        self._insert(list(new.values()))
        self._each(
            sql.OPEN_ITEM_AGAIN,
            [
                (*_opened(item), self._id(key))
                for key, call in calls.items()
                if call.generation and key not in new
                for item in call.items
            ],
        )
        self._each(
            sql.INSERT_ATTEMPT,
            [
                (self._id(send.call.key), run_id, *rows.attempt_columns(send.attempt))
                for send in sends
            ],
        )

    def finish(self, run_id: str, results: Sequence[Result]) -> None:
        """Write what came of attempts, for their keys and their items."""
        attempts: list[tuple[object, ...]] = []
        alike: list[tuple[object, ...]] = []
        states: list[tuple[object, ...]] = []
        records: list[tuple[object, ...]] = []
        restored: list[ItemRecord] = []
        changed = 0
        for result in results:
            call_id = self._id(result.call.key)
            number, *values = rows.attempt_columns(result.attempt)
            attempts.append((*values, call_id, number))
            effects = list(map(_effect, result.effects))
            if len(effects) > 1 and effects.count(effects[0]) == len(effects):
                alike.append((*effects[0], call_id))
                changed += len(effects)
            else:
                states += ((*one, call_id, place) for place, one in enumerate(effects))
            records += (_record_values(one.record, run_id) for one in result.effects if one.record)
            restored += (one.restored for one in result.effects if one.restored)
        self._each(sql.UPDATE_ATTEMPT, attempts)
        self._each(sql.UPDATE_CALL_ITEMS, alike, changed)
        self._each(sql.UPDATE_CALL_ITEM, states)
        self._each(sql.UPDATE_ITEM, records)
        self._restore(restored)

    def find(self, run_id: str, findings: Sequence[Finding]) -> None:
        """Write what questions have shown."""
        self._each(
            sql.UPDATE_BASELINE,
            [
                (rows.baseline_text(one.baseline), *rows.identity_columns(one.item.identity))
                for one in findings
                if one.baseline
            ],
        )
        for finding in findings:
            self._note(run_id, finding)

    def detail(self, records: Sequence[ItemRecord]) -> None:
        """Write what the tenant shows of the invoices of settled items."""
        self._each(sql.DETAIL_ITEM, [rows.detail_columns(record) for record in records])

    def forget(self, results: Sequence[Result]) -> None:
        """Keep no IDs of what is answered: most keys are never sent again, and calls are many."""
        for result in results:
            self._ids.pop(result.call.key, None)

    def _note(self, run_id: str, finding: Finding) -> None:
        """Write what a question has shown beyond a baseline."""
        execute = self._connection.execute
        identity = rows.identity_columns(finding.item.identity)
        if finding.effect and finding.key:
            key = self._id(finding.key)
            _one(execute(sql.SETTLE_BY_QUESTION, (*_effect(finding.effect), key, *identity)))
        if finding.rests_until or finding.rested:
            until = rows.stamp(finding.rests_until) if finding.rests_until else None
            _one(execute(sql.REST_ITEM, (until, *identity)))
        if finding.reopen:
            execute(sql.GIVE_UP_KEY, identity)  # what is asked for may have changed since
            _one(execute(sql.REOPEN_ITEM, identity))
        if finding.effect and finding.effect.record:
            if not finding.key:  # nothing left with it: the outcome is of what the plan says now
                self._each(sql.TAKE_PAYLOAD, [_opened(finding.item)])
            self._each(sql.UPDATE_ITEM, [_record_values(finding.effect.record, run_id)])
        if finding.effect and finding.effect.restored:
            self._restore([finding.effect.restored])

    def _restore(self, records: Sequence[ItemRecord]) -> None:
        """Let outcomes stand again: what was to try them again has billed nothing."""
        self._each(sql.RESTORE_ITEM, [rows.restored_columns(record) for record in records])

    def _insert(self, calls: Sequence[Call]) -> None:
        if not calls:
            return
        first = self._connection.execute(sql.NEXT_CALL_ID).fetchone()[0]
        ids = {call.key: first + number for number, call in enumerate(calls)}
        self._each(
            sql.INSERT_CALL,
            [(ids[call.key], call.key, call.generation, call.wire) for call in calls],
        )
        renewed = [item for call in calls if call.generation for item in call.items]
        given_up = [rows.identity_columns(item.identity) for item in renewed]
        self._connection.executemany(sql.GIVE_UP_KEY, given_up)  # few have one
        self._each(sql.OPEN_ITEM, list(map(_opened, renewed)))
        several = [call for call in calls if len(call.items) > 1]
        self._each(
            sql.INSERT_CALL_ITEMS,
            [(ids[call.key], *kind) for call in several for kind in rows.places_of(call.items)],
            sum(len(call.items) for call in several),
        )
        self._each(
            sql.INSERT_CALL_ITEM,
            [
                (ids[call.key], 0, *rows.identity_columns(call.items[0].identity))
                for call in calls
                if len(call.items) == 1
            ],
        )
        self._ids.update(ids)

    def _each(
        self, statement: str, values: Sequence[tuple[object, ...]], count: int | None = None
    ) -> None:
        """Carry out a statement for each of several values, and insist that each changes its row.

        Every statement names its row by a unique key, so it changes one row or none; or it names
        the items of a call, of which there are `count` in all, and changes no others.
        """
        if values:
            changed = self._connection.executemany(statement, values).rowcount
            insist(changed, len(values) if count is None else count)

    def _id(self, key: str) -> int | None:
        if key in self._ids:
            return self._ids[key]
        row = self._connection.execute(sql.ID_OF_KEY, (key,)).fetchone()
        if row:
            self._ids[key] = row["id"]
        return row["id"] if row else None


def _effect(effect: Effect) -> tuple[str, str, str | None]:
    absent = effect.if_absent.value if effect.if_absent else None
    return effect.state.value, effect.evidence, absent


def _opened(item: Item) -> tuple[object, ...]:
    return (*rows.payload_columns(item), *rows.identity_columns(item.identity))


def _one(cursor: sqlite3.Cursor) -> None:
    """Insist that exactly one row was changed: anything else would be an outcome lost."""
    if cursor.rowcount != 1:
        raise sqlite3.IntegrityError(f"{cursor.rowcount} rows changed where one must")


def _record_values(record: ItemRecord, run_id: str) -> tuple[object, ...]:
    return (*rows.record_columns(record), run_id, *rows.identity_columns(record.item.identity))
