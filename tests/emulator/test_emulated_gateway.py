"""Tokens, limits and headers: what stands before the emulated tenant."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime

import pytest

from support.emulator import Driver, driving, errors_of, row
from zbatch.emulator import ServerLimits
from zbatch.emulator.exchange import Answer, Request
from zbatch.model import Rate

UNAUTHORIZED = (
    b'{"success":false,"reasons":[{"code":90000011,'
    b'"message":"this resource is protected, please sign in first"}]}'
)


def test_a_token_lives_an_hour(driver: Driver) -> None:
    """A token says 3599 seconds, admits until its hour is over, and then no more."""
    told = json.loads(driver.log_in().body)
    assert (told["expires_in"], told["token_type"]) == (3599, "bearer")
    driver.now += 3599.9
    assert driver.generate(row("d0"), key="a").status == 200
    driver.now += 1
    assert driver.refused(row("d0"), key="b").body == UNAUTHORIZED


def test_tokens_live_side_by_side(driver: Driver) -> None:
    """A new token does not end the life of the one before."""
    first = driver.bearer
    driver.log_in()
    assert driver.bearer != first
    assert driver.generate(row("d0"), authorization=f"bearer {first}").status == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic x", "Bearer \udcff"])
def test_no_token_no_entry(driver: Driver, header: str) -> None:
    """Without a token of ours the answer is the 401 as recorded, and no quota is told."""
    answer = driver.refused(row("d0"), authorization=header)
    assert (answer.status, answer.body) == (401, UNAUTHORIZED)
    assert "ratelimit-limit" not in answer.headers
    assert driver.invoices == []


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"client_secret": "wrong"}, 401),
        ({"client_secret": "ü"}, 401),
        ({"client_id": "nobody"}, 400),
        ({"grant_type": "password"}, 400),
    ],
)
def test_wrong_credentials(driver: Driver, form: dict[str, str], status: int) -> None:
    """A wrong client, secret or grant gets no token, and the answer does not repeat it."""
    answer = driver.log_in(**form)
    assert answer.status == status
    assert b"access_token" not in answer.body
    assert all(value.encode() not in answer.body for value in form.values())


def test_a_token_request_is_a_form(driver: Driver) -> None:
    """JSON, or a form of a thousand fields, gets no token."""
    json_type = {"content-type": "application/json"}
    form_type = {"content-type": "application/x-www-form-urlencoded"}
    for headers, body in ((json_type, b"{}"), (form_type, b"a=1&" * 1000)):
        answer = driver.arrive(Request("POST", "/oauth/token", {}, headers, body))
        assert isinstance(answer, Answer)
        assert answer.status == 400


def test_tokens_have_their_own_limit(driver: Driver) -> None:
    """An address gets 100 token requests a minute, good or bad; another address its own."""
    answers = [driver.log_in(client_secret="wrong").status for _ in range(99)]
    assert set(answers) == {401}
    assert driver.log_in().status == 429
    elsewhere = Request("POST", "/oauth/token", {}, {}, b"", peer="127.0.0.2")
    answer = driver.arrive(elsewhere)
    assert isinstance(answer, Answer)
    assert answer.status == 400
    driver.now += 60
    assert driver.log_in().status == 200


def test_the_rate_limit() -> None:
    """One call too many in a minute is a 429 that tells when the next begins, no Retry-After."""
    with driving(limits=ServerLimits(rates=(Rate(2, 60.0), Rate(1000, 3600.0)))) as driver:
        driver.now += 48
        first = driver.generate(row("d0"))
        assert first.headers["ratelimit-limit"] == "2, 2;w=60, 1000;w=3600"
        assert first.headers["ratelimit-remaining"] == "1"
        driver.generate(row("d1"))
        refused = driver.refused(row("d2"))
        assert refused.status == 429
        assert json.loads(refused.body) == {
            "reasons": [
                {
                    "code": 70,
                    "message": "API Rate limit exceeded for the minute, retry after 10 seconds",
                }
            ]
        }
        assert refused.headers["ratelimit-reset"] == "10"
        assert refused.headers["ratelimit-remaining"] == "0"
        assert "Retry-After" not in refused.headers
        driver.now += 10
        assert errors_of(driver.generate(row("d2"))) == [""]


def test_refused_requests_count_as_well() -> None:
    """Failed requests use up the longer quota too."""
    with driving(limits=ServerLimits(rates=(Rate(1, 60.0), Rate(3, 3600.0)))) as driver:
        statuses = [driver.refused().status for _ in range(3)]
        driver.now += 60
        last = driver.refused()
        assert statuses == [400, 429, 429]
        assert last.status == 429
        assert b"for the hour" in last.body


def test_the_concurrency_limit(driver: Driver) -> None:
    """The forty-first call at once is a 429 with Retry-After 120, and says 50000070."""
    open_calls = [driver.begin(row("ff")) for _ in range(40)]
    refused = driver.refused(row("d0"))
    assert (refused.status, refused.headers["Retry-After"]) == (429, "120")
    assert json.loads(refused.body)["reasons"][0]["code"] == 50000070
    assert refused.headers["Concurrency-Limit-Remaining"] == "0"
    finished = driver.finish(open_calls.pop())
    assert finished.headers["Concurrency-Limit-Limit"] == "40"
    assert finished.headers["Concurrency-Limit-Type"] == "Default"
    driver.finish(open_calls.pop())
    assert driver.generate(row("d0")).headers["Concurrency-Limit-Remaining"] == "1"


def test_a_cut_off_call_leaves_its_place() -> None:
    """What the caller no longer waits for does not count as concurrent."""
    with driving(limits=ServerLimits(concurrency=1)) as driver:
        pending = driver.begin(row("f0"))
        driver.now = pending.cut_at
        driver.tenant.cut_off(pending, driver.now)
        assert driver.generate(row("d0")).status == 200
        assert errors_of(driver.generate(row("f0"))) == ["LOCK_COMPETITION"]


@pytest.mark.parametrize("track_id", ["x" * 65, "a:b", "a;b", 'a"b', "a'b", "ü", "a\tb"])
def test_a_track_id_that_zuora_does_not_allow(driver: Driver, track_id: str) -> None:
    """It is refused with a sentence that says the rule, and never echoed."""
    answer = driver.refused(row("d0"), zuora_track_id=track_id)
    assert answer.status == 400
    assert b"64 US-ASCII" in answer.body
    assert "Zuora-Track-Id" not in answer.headers


def test_ids_on_every_answer(driver: Driver) -> None:
    """The track ID is echoed, and no two answers have the same request ID."""
    good = driver.generate(row("d0"), zuora_track_id="x" * 64)
    bad = driver.refused(row("d0"), zuora_track_id="t2", authorization="")
    assert good.headers["Zuora-Track-Id"] == "x" * 64
    assert bad.headers["Zuora-Track-Id"] == "t2"
    assert good.headers["Zuora-Request-Id"] != bad.headers["Zuora-Request-Id"]


def test_the_date_is_the_tenant_s(driver: Driver) -> None:
    """The Date header follows the time that was passed in."""
    told = parsedate_to_datetime(driver.generate(row("d0")).headers["Date"])
    assert told.timestamp() == driver.now


def test_entities() -> None:
    """A tenant with entities wants one of them named; one without ignores the header."""
    with driving(entities=("e1",)) as driver:
        refused = driver.refused(row("d0"))
        assert refused.status == 403
        assert b"90000020" in refused.body
        assert driver.refused(row("d0"), zuora_entity_ids="e2").status == 403
        assert driver.generate(row("d0"), zuora_entity_ids="e1").status == 200


def test_gates_stand_in_order() -> None:
    """The token is checked before the quotas, and these before the key."""
    with driving(limits=ServerLimits(rates=(Rate(1, 60.0),), concurrency=1)) as driver:
        driver.begin(row("d0"), key="k")
        assert driver.refused(row("d0"), key="k", authorization="").status == 401
        rate = driver.refused(row("d0"), key="k")
        assert b'"code":70' in rate.body
        driver.now += 60
        concurrency = driver.refused(row("d0"), key="k")
        assert b"50000070" in concurrency.body


def test_the_same_history_gives_the_same_ids() -> None:
    """Two tenants of one seed that see the same answer the same; another seed differs."""

    def ids(seed: int) -> tuple[str, bytes]:
        with driving(seed=seed) as driver:
            return driver.bearer, driver.generate(row("d0")).body

    assert ids(1) == ids(1)
    assert ids(1)[0] != ids(2)[0]
    assert ids(1)[1] != ids(2)[1]
