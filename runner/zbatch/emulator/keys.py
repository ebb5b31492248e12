"""Idempotency keys: what the second use of one meets (page "Idempotent requests")."""

from __future__ import annotations

from dataclasses import replace

from zbatch.emulator import gateway
from zbatch.emulator.config import Conflict, Modes, OtherBody, ReplayDate, Stored
from zbatch.emulator.exchange import Answer
from zbatch.emulator.store import Remembered, Scope, Store
from zbatch.emulator.visit import Visit

REPLAYED = "replayed"
OTHER_BODY = "replayed, though the body is another: one key must carry one body"
REFUSED_BODY = "refused, as the body is another: one key must carry one body"


class KeyDesk:
    """Keys in progress live in memory only: a server that dies has not committed them."""

    def __init__(self, store: Store, modes: Modes, key_life: float) -> None:
        self._store = store
        self._modes = modes
        self._life = key_life
        self._in_progress: dict[str, Visit] = {}

    def look_up(self, visit: Visit) -> tuple[Answer, str] | None:
        """Return what the key holds, with a note for the history; None at its first use."""
        key = visit.key
        if key is None:
            return None
        kept = self._recall(key, visit.now)
        if kept is not None:
            return self._replay(kept, visit)
        running = self._in_progress.get(key)
        if running is None or self._modes.conflict is Conflict.UNSEEN:
            return None
        refused = self._refuse(running.scope, running.body_hash, visit)
        note = "" if running.body_hash == visit.body_hash else OTHER_BODY
        return refused or (gateway.key_in_progress(visit.request_id), note)

    def begin(self, visit: Visit) -> None:
        """Hold the key while its call is in execution."""
        if visit.key is not None:
            self._in_progress[visit.key] = visit

    def end(self, visit: Visit) -> None:
        """Let the key go."""
        if visit.key is not None:
            self._in_progress.pop(visit.key, None)

    def keep(self, visit: Visit, answer: Answer, now: float) -> Answer:
        """Keep an answer given now under the key, success or failure; return it with its IDs.

        A key holds what it was first given, from the time its call arrived.
        """
        answer = answer.with_headers(gateway.ids(visit.request, visit.request_id))
        if self._modes.replay_date is ReplayDate.FIRST:
            answer = answer.with_headers({"Date": gateway.date_of(now)})
        if visit.key is not None and gateway.refuse_key(visit.request) is None:
            kept = Remembered(visit.key, visit.scope, visit.body_hash, visit.now, answer)
            self._store.remember(kept)
        return answer

    def keep_of_gateway(self, visit: Visit, answer: Answer, now: float) -> Answer:
        """Keep an answer that no execution gave, where the tenant plays that reading.

        What turns away the second use of a key is not the answer to its first.
        """
        if self._modes.stored is not Stored.ALL:
            return answer
        return self.keep_if_first(visit, answer, now)

    def keep_if_first(self, visit: Visit, answer: Answer, now: float) -> Answer:
        """Keep an answer unless an execution is under way that will give the key its own."""
        first = visit.key is None or self._in_progress.get(visit.key, visit) is visit
        return self.keep(visit, answer, now) if first else answer

    def _recall(self, key: str, now: float) -> Remembered | None:
        kept = self._store.recall(key, now - self._life)
        every = self._modes.evict_after
        if kept is None or every is None or self._store.count_look_up() % every:
            return kept
        self._store.forget(key)
        return None

    def _refuse(self, scope: Scope, body_hash: bytes, visit: Visit) -> tuple[Answer, str] | None:
        """Refuse a key that came with another URL, or with another body where that matters."""
        if scope != visit.scope:
            return gateway.key_of_another_url(visit.request_id), ""
        if body_hash == visit.body_hash or self._modes.other_body is OtherBody.REPLAY:
            return None
        return gateway.key_of_another_body(visit.request_id), REFUSED_BODY

    def _replay(self, kept: Remembered, visit: Visit) -> tuple[Answer, str]:
        if (refused := self._refuse(kept.scope, kept.body_hash, visit)) is not None:
            return refused
        answer = kept.answer
        if self._modes.conflict is Conflict.ROWS and answer.status == 200:
            answer = replace(answer, status=409)
        return answer, REPLAYED if kept.body_hash == visit.body_hash else OTHER_BODY
