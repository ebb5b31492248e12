"""The checker itself: it passes a clean history, and each rule finds the one thing made wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.checker import check
from support.evidence import (
    GENERATE,
    Arrival,
    Attempt,
    Evidence,
    Execution,
    Invoice,
    Item,
    Key,
    Ledger,
    Pressure,
    Run,
    Trip,
)

ACCOUNT = "a" * 32
EARLY: Item = (ACCOUNT, "2026-11-10", 1)
LATE: Item = (ACCOUNT, "2026-11-20", 1)
OTHER: Item = ("b" * 32, "2026-11-10", 1)
AGAIN: Item = (*OTHER[:2], 2)
PRESSURE = Pressure(2, 3, 10.0)
HOST, SECOND = "one", "two"
QUESTION = "/v1/action/query"
SUPPORT = Path(__file__).parents[1] / "support"
PARTS = [*SUPPORT.glob("checker*.py"), SUPPORT / "casebook.py", SUPPORT / "evidence.py"]


def a_line(item: Item, outcome: str = "invoiced", invoice: str | None = None) -> dict[str, Any]:
    """Write the parts of a report line that are judged."""
    account, target, revision = item
    good = outcome in ("invoiced", "already_invoiced")
    return {
        "account_id": account,
        "target_date": target,
        "revision": revision,
        "outcome": outcome,
        "success": good,
        "finished_at": None,
        "invoice_id": invoice if good else None,
        "invoice_ids": [invoice] if good else [],
        "error": None if good else {"code": "WHY"},
    }


def a_run(lines: list[dict[str, Any]], code: int | None = 0, **fields: Any) -> Run:
    """End a run with these lines, its record in step with them."""
    planned = [(one["account_id"], one["target_date"], one["revision"]) for one in lines]
    outcomes: dict[str, int] = {}
    for one in lines:
        outcomes[one["outcome"]] = outcomes.get(one["outcome"], 0) + 1
    record = {"planned": len(lines), "outcomes": outcomes, "exit_code": code, "stop": None}
    record |= {"calls_sent": 4, "run_id": "run-1"}
    values = {
        "ledger": HOST,
        "started": 100.0,
        "ended": 200.0,
        "planned": planned,
        "pressure": PRESSURE,
    }
    return Run(**{**values, "lines": lines, "record": record, "code": code, **fields})


def a_call(number: int, item: Item, at: float) -> dict[str, Any]:
    """Bill an item by a call that was intended a second before, and settled a second after."""
    content = f"bill {item}".encode()
    key, track, invoice = f"key-{number}", f"track-{number}-1-1", f"inv-{number}"
    return {
        "arrivals": [Arrival(number, at, GENERATE, key, track, content, at + 0.5)],
        "executions": [Execution(at + 0.5, key, item[0], item[1], invoice, False, number)],
        "invoices": [Invoice(invoice, item[0], item[1])],
        "keys": [Key(key, item, 0, "settled", "row", content, at + 1)],
        "attempts": [Attempt(key, track, at - 1)],
        "outcomes": {item: ("invoiced", invoice)},
    }


def a_history() -> Evidence:
    """Bill three items in one run, an account of two dates among them, and ask once."""
    parts = [a_call(1, EARLY, 110.0), a_call(2, OTHER, 111.0), a_call(3, LATE, 120.0)]
    joined: dict[str, Any] = {
        name: [one for part in parts for one in part[name]]
        for name in parts[0]
        if name != "outcomes"
    }
    outcomes = {item: told for one in parts for item, told in one["outcomes"].items()}
    ledger = Ledger(HOST, joined.pop("keys"), joined.pop("attempts"), outcomes)
    joined["arrivals"].append(Arrival(4, 109.0, QUESTION, None, "q", b"select"))
    lines = [a_line(EARLY, invoice="inv-1"), a_line(OTHER, invoice="inv-2")]
    run = a_run([*lines, a_line(LATE, invoice="inv-3")])
    trips = [Trip(0, 109.0, 109.5), Trip(0, 110.0, 111.0), Trip(0, 111.0, 112.0)]
    return Evidence(
        **joined,
        ledgers=[ledger],
        runs=[run],
        trips=[*trips, Trip(0, 120.0, 121.0)],
        outputs={"report": b"all that was told"},
        secrets=[b"canary"],
    )


def told(evidence: Evidence, *lines: dict[str, Any], **fields: Any) -> Evidence:
    """Let the run tell these lines instead, and the ledger hold what they tell."""
    run = a_run(list(lines), **fields)
    return replace(held(evidence, *lines), runs=[run])


def held(evidence: Evidence, *lines: dict[str, Any]) -> Evidence:
    """Let the ledger hold what these lines tell."""
    outcomes = dict(evidence.ledgers[0].outcomes)
    for one in lines:
        item = (one["account_id"], one["target_date"], one["revision"])
        outcomes[item] = (one["outcome"], one["invoice_id"])
    return with_ledger(evidence, outcomes=outcomes)


def with_ledger(evidence: Evidence, **fields: Any) -> Evidence:
    """Change the ledger."""
    return replace(evidence, ledgers=[replace(evidence.ledgers[0], **fields)])


def with_key(evidence: Evidence, position: int, **fields: Any) -> Evidence:
    """Change one key of the ledger."""
    keys = list(evidence.ledgers[0].keys)
    keys[position] = replace(keys[position], **fields)
    return with_ledger(evidence, keys=keys)


def with_arrival(evidence: Evidence, position: int, **fields: Any) -> Evidence:
    """Change one arrival."""
    arrivals = list(evidence.arrivals)
    arrivals[position] = replace(arrivals[position], **fields)
    return replace(evidence, arrivals=arrivals)


def with_execution(evidence: Evidence, position: int, **fields: Any) -> Evidence:
    """Change one execution."""
    executions = list(evidence.executions)
    executions[position] = replace(executions[position], **fields)
    return replace(evidence, executions=executions)


def with_run(evidence: Evidence, **fields: Any) -> Evidence:
    """Change the run."""
    return replace(evidence, runs=[replace(evidence.runs[0], **fields)])


def with_record(evidence: Evidence, **fields: Any) -> Evidence:
    """Change the run record."""
    return with_run(evidence, record={**evidence.runs[0].record, **fields})


def lines_with(evidence: Evidence, position: int, **fields: Any) -> list[dict[str, Any]]:
    """Give the lines of the run, one of them changed."""
    lines = [dict(one) for one in evidence.runs[0].lines]
    lines[position] |= fields
    return lines


def renewed(evidence: Evidence, settled: float) -> Evidence:
    """Let the second key of an item arrive at 130, its first settled at some time."""
    ledger = with_key(evidence, 1, settled=settled).ledgers[0]
    fresh = Key("key-5", OTHER, 1, "settled", "row", b"next", 132.0)
    changed = replace(
        ledger,
        keys=[*ledger.keys, fresh],
        attempts=[*ledger.attempts, Attempt("key-5", "track-5", 129.0)],
    )
    arrived = Arrival(5, 130.0, GENERATE, "key-5", "track-5", b"next", 130.5)
    return replace(evidence, ledgers=[changed], arrivals=[*evidence.arrivals, arrived])


def twice(evidence: Evidence, item: Item) -> Evidence:
    """Bill one more item in the name of a key of its own."""
    more = a_call(6, item, 140.0)
    ledger = evidence.ledgers[0]
    changed = replace(
        ledger,
        keys=[*ledger.keys, *(replace(key, generation=1) for key in more["keys"])],
        attempts=[*ledger.attempts, *more["attempts"]],
    )
    return replace(
        evidence,
        ledgers=[changed],
        arrivals=[*evidence.arrivals, *more["arrivals"]],
        executions=[*evidence.executions, *more["executions"]],
        invoices=[*evidence.invoices, *more["invoices"]],
    )


def second_host(evidence: Evidence, outcome: str, started: float) -> Evidence:
    """Let a second ledger report one of the first one's items."""
    code = {"failed": 1, "not_attempted": 4}[outcome]
    line = a_line(OTHER, outcome)
    run = a_run([line], code, ledger=SECOND, started=started, ended=started + 50.0)
    ledger = Ledger(SECOND, outcomes={OTHER: (outcome, None)})
    return replace(
        evidence, ledgers=[*evidence.ledgers, ledger], runs=[*evidence.runs, run], lag=20.0
    )


def stray(evidence: Evidence, code: int, **key: Any) -> Evidence:
    """Let the run not list an item whose key is still open."""
    lines = [one for one in evidence.runs[0].lines if one["account_id"] == ACCOUNT]
    run = a_run([dict(one) for one in lines], code)
    opened = with_key(evidence, 1, **{"state": "live", "settled": None, **key})
    died = replace(a_run([], None, started=50.0, ended=60.0), planned=[OTHER])
    return replace(opened, runs=[died, run], trips=())


def with_trips(evidence: Evidence, *trips: Trip) -> Evidence:
    """Add requests of the run."""
    return replace(evidence, trips=[*evidence.trips, *trips])


def waiting_for(item: Item, target: str) -> dict[str, Any]:
    """Write the line of an item that waits for an earlier date of its account."""
    message = f"the account's earlier target date {target} is failed or unknown"
    error = {"code": "EARLIER_DATE_OPEN", "message": message}
    return a_line(item, "not_attempted") | {"error": error}


def failed_later(evidence: Evidence, waits_for: str = EARLY[1]) -> list[dict[str, Any]]:
    """Give the lines of a run whose second date waits for its first, or for another one."""
    other = dict(evidence.runs[0].lines[1])
    return [a_line(EARLY, "failed"), other, waiting_for(LATE, waits_for)]


def unbilled(evidence: Evidence) -> Evidence:
    """Let the account of two dates not be billed at all."""
    other = [one for one in evidence.executions if one.account != ACCOUNT]
    return replace(evidence, executions=other)


def by_hand(evidence: Evidence, at: float, *, stands: bool = True) -> Evidence:
    """Let a person have billed an item, which is asked about at 109 and sent at 110."""
    question = f"AccountId = '{OTHER[0]}' and TargetDate = '{OTHER[1]}'".encode()
    asked = with_arrival(evidence, 3, track="zq-1-1", content=question)
    return replace(
        asked,
        executions=[Execution(at, None, *OTHER[:2], "inv-9"), *evidence.executions],
        invoices=[*evidence.invoices, Invoice("inv-9", *OTHER[:2], stands)],
    )


def failed_beside(evidence: Evidence, at: float) -> Evidence:
    """Let a person have billed an item that the run, from 100 on, tells as failed."""
    theirs = by_hand(evidence, at)
    left = [one for one in theirs.executions if one.invoice != "inv-2"]
    lines = lines_with(theirs, 1, **a_line(OTHER, "failed"))
    return told(replace(theirs, executions=left), *lines, code=1)


def drawn_elsewhere(evidence: Evidence, **fields: Any) -> Evidence:
    """Let a second ledger hold a key of its own for an item."""
    key = replace(evidence.ledgers[0].keys[1], **{"key": "key-7", **fields})
    return replace(evidence, ledgers=[*evidence.ledgers, Ledger(SECOND, [key])])


def restored(evidence: Evidence) -> Evidence:
    """Let a copy of the ledger have come in its place after all that happened."""
    copy = replace(evidence.ledgers[0], name=f"{HOST}′")
    return replace(evidence, ledgers=[*evidence.ledgers, copy])


def beside_another(evidence: Evidence) -> Evidence:
    """Let a machine with a ledger of its own be at work at the same time, and die."""
    other = a_run([], code=None, ledger=SECOND, started=-50.0, ended=150.0)
    ledgers = [*evidence.ledgers, Ledger(SECOND)]
    return replace(evidence, runs=[*evidence.runs, other], ledgers=ledgers)


Change = Callable[[Evidence], Evidence]

CLEAN: dict[str, Change] = {
    "as it is": lambda e: e,
    "an item the ledger settled before its next key": lambda e: renewed(e, 112.0),
    "a higher revision": lambda e: with_run(
        twice(e, AGAIN), code=None, planned=[*e.runs[0].planned, AGAIN]
    ),
    "billed twice where no client can prevent it": lambda e: replace(
        twice(e, OTHER), allowed={OTHER: 2}
    ),
    "raised draft": lambda e: told(
        with_execution(e, 2, appended=True, invoice="inv-1"),
        *lines_with(e, 2, invoice_id="inv-1", invoice_ids=["inv-1"]),
    ),
    "a failure of another host that asked too early": lambda e: second_host(e, "failed", 112.0),
    "another host that did not try": lambda e: second_host(e, "not_attempted", 190.0),
    "an invoice of nobody, where the tenant tells of nobody": lambda e: replace(
        with_execution(e, 1, key=None), anonymous=True
    ),
    "a stray in doubt": lambda e: stray(e, 3),
    "a stray that was not executed": lambda e: replace(
        stray(e, 0), executions=[one for one in e.executions if one.account == ACCOUNT]
    ),
    "nothing to bill": lambda e: told(
        replace(unbilled(e), due={OTHER[0]}),
        a_line(EARLY, "nothing_to_bill"),
        a_line(OTHER, invoice="inv-2"),
        a_line(LATE, "nothing_to_bill"),
    ),
    "a date that waits for a failed one": lambda e: told(unbilled(e), *failed_later(e), code=1),
    "a date that waits for a failed one of another spec, beside a failure": lambda e: told(
        unbilled(e), *failed_later(e, "2026-11-05"), code=4
    ),
    "in doubt, with an invoice": lambda e: told(
        e, *lines_with(e, 1, outcome="unknown", success=False), code=3
    ),
    "billed by hand after we had asked": lambda e: by_hand(e, 109.5),
    "the same, and a backup of our ledger restored since": lambda e: restored(by_hand(e, 109.5)),
    "billed by hand, and cancelled": lambda e: by_hand(e, 50.0, stands=False),
    "the same key elsewhere": lambda e: drawn_elsewhere(e, key="key-2"),
    "another key elsewhere for other bytes": lambda e: drawn_elsewhere(e, content=b"other"),
    "stopped": lambda e: with_record(with_run(e, code=4), exit_code=4, stop="too much"),
    "not started": lambda e: with_record(
        told(Evidence(ledgers=[Ledger(HOST)]), a_line(OTHER, "not_attempted"), code=6),
        exit_code=6,
        stop="no answer",
        calls_sent=0,
    ),
    "failed before a person billed": lambda e: failed_beside(e, 150.0),
    "died": lambda e: with_run(e, code=None, lines=e.runs[0].lines[:1]),
    "as many as the tenant's window takes, and what left before its word": lambda e: replace(
        e, windows=[(2, 1000.0, 200.0), (0, 1000.0, 100.0)]
    ),
    "waited as asked": lambda e: with_trips(
        e, Trip(0, 130.0, 131.0, 60.0), Trip(0, 131.005, 131.1), Trip(0, 191.0, 192.0)
    ),
    "more in a window than it takes by two machines at once": lambda e: replace(
        beside_another(with_run(e, started=-100.0)), windows=[(2, 1000.0, 200.0)]
    ),
    "a window full but for a token and a question that came twice": lambda e: replace(
        e,
        windows=[(2, 1000.0, 200.0)],
        arrivals=[
            *e.arrivals,
            Arrival(8, 112.0, "/oauth/token", None, None, b""),
            replace(e.arrivals[3], number=9, at=109.1),
        ],
    ),
    "a window full but for a question that came with a dead token": lambda e: replace(
        e,
        windows=[(2, 1000.0, 200.0)],
        arrivals=[*e.arrivals, Arrival(8, 112.0, QUESTION, None, "q-2", b"", turned_away=True)],
    ),
}

WRONG: dict[str, tuple[str, Change]] = {
    "billed twice": ("was billed 2 times", lambda e: twice(e, OTHER)),
    "billed by hand before we asked": ("was billed 2 times", lambda e: by_hand(e, 50.0)),
    "billed by hand, and never asked about": (
        "was billed 2 times",
        lambda e: replace(by_hand(e, 50.0), arrivals=e.arrivals[:3]),
    ),
    "billed though no run planned it": (
        "was billed unplanned",
        lambda e: with_run(e, planned=e.runs[0].planned[:2], lines=e.runs[0].lines[:2], code=None),
    ),
    "invoiced by what a person made": (
        "by inv-9, by none of our calls",
        lambda e: told(
            by_hand(e, 109.5), *lines_with(e, 1, invoice_id="inv-9", invoice_ids=["inv-9"])
        ),
    ),
    "two invoices, of which a person made one": (
        "that no one call of ours made",
        lambda e: told(by_hand(e, 109.5), *lines_with(e, 1, invoice_ids=["inv-2", "inv-9"])),
    ),
    "invoices told that the line does not name": (
        "tells of other invoices than those that it names",
        lambda e: told(e, *lines_with(e, 1, invoices=[])),
    ),
    "another key elsewhere for the same bytes": ("has 2 keys for the same bytes", drawn_elsewhere),
    "no such invoice": (
        "the account has no such",
        lambda e: replace(e, invoices=e.invoices[1:]),
    ),
    "an invoice of another account": (
        "the account has no such",
        lambda e: told(e, *lines_with(e, 1, invoice_id="inv-1", invoice_ids=["inv-1"])),
    ),
    "an invoice of another date": (
        "of 2026-11-10",
        lambda e: told(e, *lines_with(e, 2, invoice_id="inv-1", invoice_ids=["inv-1"])),
    ),
    "a success without an ID": (
        "with True, None",
        lambda e: told(e, *lines_with(e, 1, invoice_id=None, invoice_ids=[])),
    ),
    "no success with an ID": (
        "with False, inv-2",
        lambda e: told(e, *lines_with(e, 1, success=False)),
    ),
    "an invoice of nobody": (
        "by none of our calls",
        lambda e: with_execution(e, 1, key=None),
    ),
    "failed": (
        "is told failed, with inv-2 behind",
        lambda e: told(e, *lines_with(e, 1, **a_line(OTHER, "failed")), code=1),
    ),
    "nothing to bill": (
        "is told nothing_to_bill, with inv-2 behind",
        lambda e: told(e, *lines_with(e, 1, **a_line(OTHER, "nothing_to_bill"))),
    ),
    "not attempted": (
        "is told not_attempted, with inv-2 behind",
        lambda e: told(e, *lines_with(e, 1, **a_line(OTHER, "not_attempted")), code=4),
    ),
    "failed where a person had billed before the question": (
        "is told failed, with inv-9 behind",
        lambda e: failed_beside(e, 50.0),
    ),
    "failed for another host that could see": (
        "is told failed, with inv-2 behind",
        lambda e: second_host(e, "failed", 190.0),
    ),
    "two bodies": (
        "came with two bodies",
        lambda e: replace(
            e, arrivals=[*e.arrivals, replace(e.arrivals[0], number=9, at=121.0, content=b"other")]
        ),
    ),
    "other bytes than stored": (
        "other bytes than the ledger holds",
        lambda e: with_arrival(e, 0, content=b"other"),
    ),
    "a call without a key": (
        f"to {GENERATE} came with the key None",
        lambda e: with_arrival(e, 0, key=None),
    ),
    "a question with a key": ("query came with the key k", lambda e: with_arrival(e, 3, key="k")),
    "no intent": (
        "no ledger holds the intent",
        lambda e: with_ledger(e, attempts=e.ledgers[0].attempts[1:]),
    ),
    "an intent of another key": (
        "no ledger holds the intent",
        lambda e: with_ledger(
            e,
            attempts=[replace(one, key="key-2") for one in e.ledgers[0].attempts[:1]]
            + list(e.ledgers[0].attempts[1:]),
        ),
    ),
    "a late intent": (
        "before it was durable",
        lambda e: with_ledger(
            e, attempts=[replace(a, durable=115.0) for a in e.ledgers[0].attempts]
        ),
    ),
    "a key beside a live one": ("key 1 came beside 0", lambda e: renewed(e, 131.0)),
    "a key beside a burnt one": (
        "key 1 came beside 0",
        lambda e: with_key(renewed(e, 112.0), 1, state="burnt", settled=None),
    ),
    "two keys of one generation": (
        "two keys of generation 1",
        lambda e: with_key(renewed(e, 112.0), 1, generation=1),
    ),
    "dates out of order": (
        "for 2026-11-10 after 2026-11-20",
        lambda e: replace(e, executions=e.executions[::-1]),
    ),
    "two calls of an account at once": (
        "track-1-1-1 and track-3-1-1 under way at once",
        lambda e: with_arrival(e, 0, done=121.0),
    ),
    "too many in flight": (
        "3 in flight",
        lambda e: with_trips(
            with_run(e, pressure=Pressure(2, 30, 10.0)),
            *(Trip(0, 120.2, 122.0), Trip(0, 120.4, 122.0)),
        ),
    ),
    "too many in a time": (
        "4 in 10 s",
        lambda e: with_trips(e, Trip(0, 112.5, 112.6)),
    ),
    "too many in a second": (
        "3 in a second",
        lambda e: with_trips(
            with_run(e, pressure=Pressure(9, 9, 10.0)),
            *(Trip(0, 130.0 + n / 4, 130.1 + n / 4) for n in range(3)),
        ),
    ),
    "too many in the tenant's window": (
        "4 requests in a window of 1 in 1000 s",
        lambda e: replace(e, windows=[(1, 1000.0, 200.0)]),
    ),
    "too many in a window into which a run goes on": (
        "4 requests in a window of 3 in 1000 s",
        lambda e: replace(with_run(e, started=-100.0), windows=[(3, 1000.0, 200.0)]),
    ),
    "too many in a window that begins amid a run": (
        "3 requests in a window of 2 in 10 s",
        lambda e: replace(
            e,
            windows=[(2, 10.0, 200.0)],
            arrivals=[*e.arrivals, Arrival(8, 112.0, QUESTION, None, "zq-1-2", b"")],
        ),
    ),
    "sent while asked to wait": (
        "sent while asked to wait 60 s",
        lambda e: with_trips(e, Trip(0, 130.0, 131.0, 60.0), Trip(0, 150.0, 151.0)),
    ),
    "a line missing": (
        "planned 3, told 2",
        lambda e: with_record(with_run(e, lines=e.runs[0].lines[:2]), outcomes={"invoiced": 2}),
    ),
    "a line twice": (
        "planned 3, told 4",
        lambda e: with_record(
            with_run(e, lines=[*e.runs[0].lines, e.runs[0].lines[0]]),
            planned=4,
            outcomes={"invoiced": 4},
        ),
    ),
    "a record that counts otherwise": ("counted", lambda e: with_record(e, outcomes={"failed": 3})),
    "a record of fewer calls than arrived": (
        "tells of 2 calls, and sent 3",
        lambda e: with_record(e, calls_sent=2),
    ),
    "a record with another exit code": ("ended with 0", lambda e: with_record(e, exit_code=1)),
    "a line twice before a death": (
        "told more than was planned",
        lambda e: with_run(e, code=None, lines=[*e.runs[0].lines, e.runs[0].lines[0]]),
    ),
    "nothing to bill for an account that is due": (
        "is told nothing_to_bill, and is due",
        lambda e: told(
            replace(unbilled(e), due={ACCOUNT}),
            a_line(EARLY, "nothing_to_bill"),
            a_line(OTHER, invoice="inv-2"),
            a_line(LATE, "nothing_to_bill"),
        ),
    ),
    "exit 0 in doubt": (
        "ended with 0, not [3]",
        lambda e: told(e, *lines_with(e, 1, outcome="unknown", success=False)),
    ),
    "exit 0 with a failure": (
        "ended with 0, not [1]",
        lambda e: told(unbilled(e), *failed_later(e)),
    ),
    "exit 1 with a date that waits for another spec": (
        "ended with 1, not [4]",
        lambda e: told(unbilled(e), *failed_later(e, "2026-11-05"), code=1),
    ),
    "exit 1 with a date that waits, and a failure of another account": (
        "ended with 1, not [4]",
        lambda e: told(
            replace(e, executions=()),
            a_line(OTHER, "failed"),
            waiting_for(LATE, EARLY[1]),
            code=1,
        ),
    ),
    "exit 0 with something not attempted": (
        "ended with 0, not [4]",
        lambda e: told(replace(unbilled(e), executions=()), a_line(EARLY, "not_attempted")),
    ),
    "exit 0 when stopped": ("ended with 0, not [4", lambda e: with_record(e, stop="too much")),
    "exit 0 with a stray in doubt": ("ended with 0, not [3]", lambda e: stray(e, 0)),
    "exit 1 with all done": (
        "ended with 1, not [0]",
        lambda e: with_record(with_run(e, code=1), exit_code=1),
    ),
    "nothing sent, but something was": (
        "ended with 6, not [4",
        lambda e: with_record(with_run(e, code=6), exit_code=6, stop="no answer"),
    ),
    "told otherwise later": (
        "was told ('invoiced', 'inv-2'), then ('unknown', None)",
        lambda e: replace(e, runs=[*e.runs, a_run([a_line(OTHER, "unknown")], 3, started=300.0)]),
    ),
    "told otherwise than held": (
        "held ('failed', None)",
        lambda e: held(e, a_line(OTHER, "failed")),
    ),
    "a secret": ("report holds a secret", lambda e: replace(e, outputs={"report": b"a canary!"})),
}


@pytest.mark.parametrize("change", CLEAN.values(), ids=CLEAN)
def test_a_clean_history_passes(change: Change) -> None:
    """Nothing is found where nothing is wrong."""
    assert check(change(a_history())) == []


@pytest.mark.parametrize(("told", "change"), WRONG.values(), ids=WRONG)
def test_each_rule_finds_what_breaks_it(told: str, change: Change) -> None:
    """One thing made wrong is found, and nothing else is."""
    found = check(change(a_history()))
    assert found
    assert all(told in one for one in found), found


@pytest.mark.parametrize("path", PARTS, ids=lambda path: path.name)
def test_the_checker_is_short_and_knows_nothing_of_what_it_judges(path: Path) -> None:
    """Whoever doubts it can read it through, and no mistake of zbatch is one of its own."""
    text = path.read_text("utf-8")
    assert text.count("\n") < 200
    used = set(re.findall(r"^ *(?:from|import) (support\S*|zbatch\S*)", text, re.MULTILINE))
    assert used <= {f"support.{part.stem}" for part in PARTS}
