"""Idempotency keys of the emulated tenant, in every reading of the documentation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.emulator import Driver, driving, errors_of, row, rows_of
from zbatch.emulator import (
    Conflict,
    Modes,
    OtherBody,
    ReplayDate,
    SecondGenerate,
    ServerLimits,
    Stored,
)
from zbatch.emulator.exchange import Answer
from zbatch.emulator.gateway import date_of
from zbatch.emulator.keys import OTHER_BODY, REFUSED_BODY, REPLAYED
from zbatch.emulator.tenant import AFTER_CUT_OFF
from zbatch.model import Rate

UNGUARDED = Modes(second_generate=SecondGenerate.BILLS_AGAIN)
OWN = ("Zuora-Request-Id", "Zuora-Track-Id", "Content-Type")


def test_a_replay_is_the_same_to_the_byte() -> None:
    """The same key brings status, IDs and body of the first answer, and no second invoice."""
    with driving(modes=UNGUARDED) as driver:
        first = driver.generate(row("d0"), key="k", zuora_track_id="first")
        driver.now += 3000
        again = driver.refused(row("d0"), key="k", zuora_track_id="second")
        assert (again.status, again.body) == (200, first.body)
        assert [again.headers[name] for name in OWN] == [first.headers[name] for name in OWN]
        assert again.headers["Zuora-Track-Id"] == "first"
        assert len(driver.invoices) == 1
        assert driver.history[-1].note == REPLAYED


@pytest.mark.parametrize("which", list(ReplayDate))
def test_a_replay_is_dated_now_or_as_the_first_answer(which: ReplayDate) -> None:
    """The first answer's is of when it was given, not of when its call came; restarts or not."""
    with driving(modes=replace(UNGUARDED, replay_date=which)) as driver:
        pending = driver.begin(row("d0"), key="k")
        driver.now += 100
        first = driver.finish(pending)
        driver.now += 3000
        driver.restart()
        again = driver.refused(row("d0"), key="k")
        assert first.headers["Date"] == date_of(driver.now - 3000)
        told = driver.now - 3000 if which is ReplayDate.FIRST else driver.now
        assert again.headers["Date"] == date_of(told)


def test_a_replay_gains_no_track_id(driver: Driver) -> None:
    """An answer kept without a track ID is replayed without one."""
    driver.generate(row("d0"), key="k")
    again = driver.refused(row("d0"), key="k", zuora_track_id="late")
    assert "Zuora-Track-Id" not in again.headers


def test_without_a_key_nothing_is_remembered() -> None:
    """Two calls without a key are two calls."""
    with driving(modes=UNGUARDED) as driver:
        driver.generate(row("d0"))
        driver.generate(row("d0"))
        assert len(driver.invoices) == 2


@pytest.mark.parametrize(("age", "invoices"), [(86_399.0, 1), (86_400.0, 2)])
def test_a_key_is_forgotten_after_24_hours(age: float, invoices: int) -> None:
    """The day counts from when the key was set, and then it protects nothing any more."""
    with driving(modes=UNGUARDED, limits=ServerLimits(token_life=1e6)) as driver:
        set_at = driver.now
        driver.generate(row("d0"), key="k")
        driver.now = set_at + age
        arrived = driver.arrive(driver.request({"objects": [row("d0")], "type": "Invoice"}, "k"))
        if not isinstance(arrived, Answer):
            driver.finish(arrived)
        assert len(driver.invoices) == invoices


def test_a_stored_failure_is_replayed(driver: Driver) -> None:
    """A key holds a failed row too, even once the same call would go through."""
    busy = driver.begin(row("d0"))
    assert errors_of(driver.generate(row("d0"), key="k")) == ["LOCK_COMPETITION"]
    driver.finish(busy)
    assert errors_of(driver.refused(row("d0"), key="k")) == ["LOCK_COMPETITION"]


@pytest.mark.parametrize("body", [b"{", {"type": "Invoice", "objects": []}])
def test_a_refused_call_is_kept_as_well(driver: Driver, body: object) -> None:
    """A 400 given after the key was looked at is the key's answer from then on."""
    first = driver.arrive(driver.request(body, "k"))
    again = driver.refused(row("d0"), key="k")
    assert isinstance(first, Answer)
    assert (again.status, again.body) == (400, first.body)
    assert driver.invoices == []


def test_a_key_in_progress_is_a_409_without_rows(driver: Driver) -> None:
    """While the first use runs the second learns nothing, and afterwards it gets the rows."""
    pending = driver.begin(row("d0"), key="k")
    meanwhile = driver.refused(row("d0"), key="k")
    assert meanwhile.status == 409
    assert b"Success" not in meanwhile.body
    done = driver.finish(pending)
    assert driver.refused(row("d0"), key="k").body == done.body
    assert len(driver.invoices) == 1


def test_409_can_carry_the_original_rows() -> None:
    """In the other reading of the pages 409 means that the original has succeeded."""
    with driving(modes=Modes(conflict=Conflict.ROWS)) as driver:
        pending = driver.begin(row("d0"), row("e0"), key="k")
        assert b"Success" not in driver.refused(row("d0"), row("e0"), key="k").body
        done = driver.finish(pending)
        again = driver.refused(row("d0"), row("e0"), key="k")
        assert (again.status, again.body) == (409, done.body)


def test_a_key_that_is_not_seen_while_its_call_is_at_work_meets_the_lock_of_the_account() -> None:
    """The pages promise 409 there; this tenant knows a key only once a call under it is done."""
    with driving(modes=Modes(conflict=Conflict.UNSEEN)) as driver:
        pending = driver.begin(row("d0"), key="k")
        assert errors_of(driver.generate(row("d0"), key="k")) == ["LOCK_COMPETITION"]
        driver.finish(pending)
        assert errors_of(driver.refused(row("d0"), key="k")) == ["LOCK_COMPETITION"]
        assert len(driver.invoices) == 1


@pytest.mark.parametrize("finished", [True, False], ids=["kept", "in progress"])
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/action/query"), ("PATCH", "/v1/action/generate")]
)
def test_a_key_belongs_to_one_url(driver: Driver, finished: bool, method: str, path: str) -> None:
    """The key on another URL or method is a 422, whether its first use is over or not."""
    pending = driver.begin(row("d0"), key="k")
    if finished:
        driver.finish(pending)
    request = driver.request({"objects": [row("d0")], "type": "Invoice"}, "k")
    answer = driver.arrive(replace(request, method=method, path=path))
    assert isinstance(answer, Answer)
    assert answer.status == 422


def test_a_key_belongs_to_one_entity() -> None:
    """The key in another entity is a 422."""
    with driving(entities=("e1", "e2")) as driver:
        driver.generate(row("d0"), key="k", zuora_entity_ids="e1")
        assert driver.refused(row("d0"), key="k", zuora_entity_ids="e2").status == 422


@pytest.mark.parametrize("finished", [True, False], ids=["kept", "in progress"])
def test_f49_another_body_under_a_key_is_on_record(driver: Driver, finished: bool) -> None:
    """The stored rows are replayed for any body, and the history tells of the offence."""
    pending = driver.begin(row("d0"), key="k")
    if finished:
        driver.finish(pending)
    driver.refused(row("d1"), key="k")
    assert driver.history[-1].note == OTHER_BODY
    if not finished:
        driver.finish(pending)
    assert [invoice.account_id[-2:] for invoice in driver.invoices] == ["d0"]


def _bad_key(driver: Driver, key: str) -> int:
    return driver.refused(row("d0"), key=key).status


def test_a_key_is_at_most_255_characters(driver: Driver) -> None:
    """A longer, empty or unprintable key is refused, and one of 255 is taken."""
    assert [_bad_key(driver, key) for key in ("k" * 256, "", "ü", "a\tb")] == [400] * 4
    assert driver.generate(row("d0"), key="k" * 255).status == 200


def test_a_key_on_put_is_refused(driver: Driver) -> None:
    """Keys are for POST and PATCH; PUT with one is a 400 that says so."""
    request = replace(driver.request({}, "k"), method="PUT")
    answer = driver.arrive(request)
    assert isinstance(answer, Answer)
    assert answer.status == 400
    assert b"'PUT' not supported" in answer.body


TURNED_AWAY = {
    401: ServerLimits(),
    429: ServerLimits(rates=(Rate(1, 60.0),)),
}


@pytest.mark.parametrize("status", TURNED_AWAY)
@pytest.mark.parametrize("stored", Stored)
def test_whether_the_gateway_s_answers_are_kept(status: int, stored: Stored) -> None:
    """A 401 or 429 is replayed under its key only in the mode that stores all."""
    with driving(modes=Modes(stored=stored), limits=TURNED_AWAY[status]) as driver:
        if status == 401:
            first = driver.refused(row("d0"), key="k", authorization="Bearer stale")
        else:
            driver.refused()
            first = driver.refused(row("d0"), key="k")
        assert first.status == status
        driver.now += 60
        if stored is Stored.EXECUTED:
            assert errors_of(driver.generate(row("d0"), key="k")) == [""]
        else:
            again = driver.refused(row("d0"), key="k")
            assert (again.status, again.body) == (status, first.body)
            assert again.headers["Zuora-Request-Id"] == first.headers["Zuora-Request-Id"]
            assert driver.invoices == []


@pytest.mark.parametrize("stored", Stored)
def test_the_concurrency_429_is_kept_likewise(stored: Stored) -> None:
    """The 429 for too many at once is replayed, with its wait, only where all is stored."""
    with driving(modes=Modes(stored=stored), limits=ServerLimits(concurrency=1)) as driver:
        busy = driver.begin(row("d0"))
        assert driver.refused(row("d1"), key="k").status == 429
        driver.finish(busy)
        if stored is Stored.EXECUTED:
            assert errors_of(driver.generate(row("d1"), key="k")) == [""]
        else:
            assert driver.refused(row("d1"), key="k").headers["Retry-After"] == "120"


def test_no_gateway_answer_takes_the_place_of_an_execution() -> None:
    """A 429 that meets a key in progress does not become the key's answer."""
    modes, limits = Modes(stored=Stored.ALL), ServerLimits(concurrency=1)
    with driving(modes=modes, limits=limits) as driver:
        pending = driver.begin(row("d0"), key="k")
        assert driver.refused(row("d0"), key="k").status == 429
        driver.finish(pending)
        assert rows_of(driver.refused(row("d0"), key="k"))[0]["Success"] is True


@pytest.mark.parametrize("stored", Stored)
def test_a_call_over_120_seconds_is_cut_off_and_still_executed(stored: Stored) -> None:
    """The caller gets a 504, the key stays in progress, and the invoice arises all the same."""
    with driving(modes=Modes(stored=stored)) as driver:
        pending = driver.begin(row("f0"), key="k")
        assert (pending.cut_at, pending.due) == (driver.now + 120, driver.now + 150)
        driver.now = pending.cut_at
        cut = driver.tenant.cut_off(pending, driver.now)
        assert (cut.status, cut.headers["Content-Type"].split(";")[0]) == (504, "text/plain")
        kept = stored is Stored.ALL
        assert driver.refused(row("f0"), key="k").status == (504 if kept else 409)
        assert driver.invoices == []
        driver.finish(pending)
        assert len(driver.invoices) == 1
        assert driver.history[-1].note == AFTER_CUT_OFF
        assert driver.refused(row("f0"), key="k").status == (504 if kept else 200)


def _call(driver: Driver, account: str, key: str) -> Answer:
    arrived = driver.arrive(driver.request({"objects": [row(account)], "type": "Invoice"}, key))
    return arrived if isinstance(arrived, Answer) else driver.finish(arrived)


def test_a_tenant_that_forgets_keys_too_early() -> None:
    """Every third look-up of a kept key finds it gone, restarts or not, and bills again."""
    with driving(modes=replace(UNGUARDED, evict_after=3)) as driver:
        _call(driver, "d0", "k")
        counts = []
        for _ in range(6):
            _call(driver, "d0", "k")
            counts.append(len(driver.executions))
            driver.restart()
        assert counts == [1, 1, 2, 2, 2, 3]


def test_a_forgotten_key_keeps_what_comes_next() -> None:
    """After the second execution the key replays that one's rows."""
    with driving(modes=replace(UNGUARDED, evict_after=2)) as driver:
        _, _, second, replay = (_call(driver, "d0", "k").body for _ in range(4))
        assert second == replay
        assert driver.invoices[1].id in replay.decode()


@pytest.mark.parametrize("finished", [True, False], ids=["kept", "in progress"])
def test_another_body_can_be_refused(finished: bool) -> None:
    """In the other reading a known key with another body is a 422, and nothing is replayed."""
    with driving(modes=replace(UNGUARDED, other_body=OtherBody.REFUSE)) as driver:
        pending = driver.begin(row("d0"), key="k")
        if finished:
            driver.finish(pending)
        assert driver.refused(row("d1"), key="k").status == 422
        assert driver.history[-1].note == REFUSED_BODY
        assert driver.refused(row("d0"), key="k").status == (200 if finished else 409)
