"""Wall clocks that jump between runs; faketime leaves the monotonic clock alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from support.processes import (
    TARGET,
    Project,
    Tenant,
    check_truth,
    intents,
    reading,
    until,
)
from support.runs import let_pass

Serve = Callable[..., Tenant]
ProjectAt = Callable[..., Project]

pytestmark = pytest.mark.usefixtures("faketime")

# The first call gets no answer; whether it was executed is the difference.
LOST_ANSWER = [{"fault": "silence", "when": "after_execution", "at": 1}]
LOST_REQUEST = [{"fault": "silence", "when": "before_execution", "at": 1}]


def _doubt(project: Project, tenant: Tenant) -> str:
    """Send one call that is never answered, end the run by SIGKILL, and return the call's key."""
    project.write([0], settle="60m", wait="0s")
    client = project.start("run", "spec.yaml")
    until(lambda: intents(project), "a call begun")
    time.sleep(0.3)  # nothing tells from outside that a call has left, but it takes no longer
    client.kill()
    assert client.wait() < 0
    until(lambda: tenant.generates, "the call noted by the tenant")
    with reading(project.ledger) as ledger:
        (row,) = ledger.execute("select key from call").fetchall()
    return str(row[0])


def _asked_before_sending(tenant: Tenant, key: str) -> None:
    """Assert that after the first call there was a question, and no call under its key."""
    calls = tenant.calls[[key for _, key in tenant.calls].index(key) + 1 :]
    assert key not in [key for _, key in calls]
    assert next(action for action, _ in calls if action != "token") == "query"


@pytest.mark.parametrize("hours", [25, 70])
def test_f111_doubt_of_friday_on_monday_was_executed(
    hours: int, serve: Serve, project_at: ProjectAt
) -> None:
    """F111, F113, D5: the invoice is found and credited; nothing is sent."""
    served = serve(faults=LOST_ANSWER)
    project = project_at(served)
    key = _doubt(project, served)
    let_pass(project.ledger.parent, served.data, hours)
    assert project.run().code == 0
    assert project.outcomes() == {"invoiced": 1}
    _asked_before_sending(served, key)
    assert served.generates == 1
    check_truth(project, served, [0])


@pytest.mark.parametrize("hours", [25, 70])
def test_f111_doubt_of_friday_on_monday_was_lost(
    hours: int, serve: Serve, project_at: ProjectAt
) -> None:
    """F111, F113, D5: after the question it is sent under the next key, and never the old one."""
    served = serve(faults=LOST_REQUEST)
    project = project_at(served)
    key = _doubt(project, served)
    let_pass(project.ledger.parent, served.data, hours)
    assert project.run().code == 0
    _asked_before_sending(served, key)
    check_truth(project, served, [0])


@pytest.mark.parametrize("shift", ["+25h", "+70h"])
@pytest.mark.parametrize("faults", [LOST_ANSWER, LOST_REQUEST])
def test_f111_a_clock_that_jumped_ahead_ends_no_rest(
    shift: str, faults: list[dict[str, object]], serve: Serve, project_at: ProjectAt
) -> None:
    """F111, F114: the key is too old by our clock, and has not rested by the tenant's."""
    served = serve(faults=faults)
    project = project_at(served)
    key = _doubt(project, served)
    assert project.run_at(shift).code == 3
    assert served.generates == 1
    assert project.outcomes() == {"unknown": 1}
    let_pass(project.ledger.parent, served.data, 80)
    assert project.run().code == 0
    _asked_before_sending(served, key)
    check_truth(project, served, [0])


@pytest.mark.parametrize("shift", ["-2h", "-30h", "@1970-01-02 00:00:00"])
@pytest.mark.parametrize("faults", [LOST_ANSWER, LOST_REQUEST])
def test_f112_f116_a_clock_that_went_back_expires_doubt(
    shift: str, faults: list[dict[str, object]], serve: Serve, project_at: ProjectAt
) -> None:
    """F112, F116, D6: no age can be trusted: nothing is sent, and the item stays unknown."""
    served = serve(faults=faults)
    project = project_at(served)
    key = _doubt(project, served)
    assert project.run_at(shift).code == 3
    assert served.generates == 1
    assert project.outcomes() == {"unknown": 1}
    # Once the clock is right again, and the rest is over, the question settles it.
    let_pass(project.ledger.parent, served.data, 3)
    assert project.run().code == 0
    check_truth(project, served, [0])
    assert [k for _, k in served.calls].count(key) <= 2


def test_f116_a_clock_far_ahead_asks_first(serve: Serve, project_at: ProjectAt) -> None:
    """F116: in 2040 every old key has expired; a clock set right again harms nothing either."""
    served = serve(faults=LOST_ANSWER)
    project = project_at(served)
    key = _doubt(project, served)
    assert project.run_at("@2037-06-01 00:00:00").code in (0, 3)
    assert served.generates == 1
    project.write([0, 1])
    project.run()
    let_pass(project.ledger.parent, served.data, 3)
    assert project.run().code == 0
    _asked_before_sending(served, key)
    check_truth(project, served, [0, 1])


@pytest.mark.parametrize(
    ("zone", "moment"),
    [
        ("Pacific/Kiritimati", "2027-12-31 23:59:51"),
        ("Pacific/Pago_Pago", "2027-12-31 23:59:51"),
        ("Europe/Berlin", "2027-12-31 23:59:51"),
        ("Europe/Berlin", "2027-03-28 01:59:51"),  # then it is three o'clock, summer time
    ],
)
def test_f115_dates_are_those_of_the_spec_wherever_and_whenever(
    zone: str, moment: str, serve: Serve, project_at: ProjectAt
) -> None:
    """F115: a run that sends on both sides of the moment bills the spec's dates on either.

    It sends for twelve seconds, and begins with a question that is asked twice, seconds apart: the
    tenant's clock is another one.
    """
    served = serve()
    project = project_at(served)
    project.env["TZ"] = zone
    project.write(range(24), rate="2/s")
    assert project.run_at(f"@{moment}").code == 0
    with reading(project.ledger) as ledger:
        stamps = [text for (text,) in ledger.execute("select started_at from attempt")]
    left = [datetime.fromisoformat(stamp).astimezone(ZoneInfo(zone)) for stamp in stamps]
    sides = {(one.date(), one.utcoffset()) for one in left}
    assert len(sides) == 2, "the run has not gone on over the moment"
    assert {day for _, day in served.billed} == {TARGET}
    there = served.invoices.values()
    assert {one.invoice_date for one in there} == {date.fromisoformat(TARGET)}
    check_truth(project, served, range(24))
