"""L19: the OAuth client of another tenant or entity at the host, whose invoices are not ours."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.accounts import account
from support.badly import edited, parts, saying
from support.behind import Behind
from support.proxy import GENERATE, QUERY, TOKEN, Happening, Passage
from zbatch.app.doctor.check import Mark
from zbatch.app.doctor.examine import DoctorOptions, examine
from zbatch.app.verify import VerifyOptions, verify
from zbatch.emulator import Scheduled
from zbatch.emulator.catalogue import fault
from zbatch.errors import CannotStart
from zbatch.model import ExitCode

Start = Callable[..., Behind]
MINE, OTHERS = "entity.11e643f4 user.2c92 tenant.1", "tenant.33405 user.2c92"
REFUSED = "of tenant 33405"


def scoped(scope: object) -> Happening:
    """Let a token say what it is for."""

    def edit(reply: bytes) -> bytes:
        said = {**json.loads(parts(reply)[1]), "scope": scope}
        return saying(reply, json.dumps(said).encode())

    return edited(edit)


def client(bench: Behind, scope: object) -> None:
    """Let the credentials be those of a client, by what its tokens are for."""
    happening = scoped(scope)

    def plan(passage: Passage) -> Happening | None:
        return happening if passage.path == TOKEN else None

    bench.proxy.plan = plan
    bench.proxy.counts.clear()


def in_doubt(behind: Start) -> tuple[Behind, Path]:
    """Bill two accounts, and lose each answer about the second one."""
    bench = behind(faults=(Scheduled(fault("reset"), account=account(2), every=1),))
    client(bench, MINE)
    spec = bench.spec(1, 2, retry={"max_attempts": 1})
    assert bench.run(spec).outcomes == {"invoiced": 1, "unknown": 1}
    bench.away.faults.switch()
    return bench, spec


@pytest.mark.parametrize(
    ("scope", "refused"), [(OTHERS, REFUSED), ("entity.22f754a5 tenant.1", "of entity 22f754a5")]
)
def test_l19_the_client_of_another_tenant_or_entity_settles_nothing(
    behind: Start, scope: str, refused: str
) -> None:
    """Nothing is asked or sent; what is in doubt stays so, and its own client settles it."""
    bench, spec = in_doubt(behind)
    client(bench, scope)
    told = bench.run(spec)
    assert told.outcomes == {"invoiced": 1, "unknown": 1}
    assert (told.code, told.result.sent) == (ExitCode.UNKNOWN, 0)
    assert refused in (told.result.stop or "")
    bench.project.let_pass(told.result, bench.billing, 2.0)
    told = bench.project.reconcile(spec)
    assert (told.outcomes, refused in (told.result.stop or "")) == ({"unknown": 1}, True)
    assert bench.proxy.counts == {TOKEN: 2}
    bench.heal(spec)


def test_l19_another_tenants_client_bills_nobody(behind: Start) -> None:
    """Nor does it bill what its own tenant was never sent: the ledger would take it for ours."""
    bench, _ = in_doubt(behind)
    client(bench, OTHERS)
    told = bench.run(bench.spec(3))
    assert (told.code, told.outcomes) == (ExitCode.UNKNOWN, {"not_attempted": 1})
    assert (bench.proxy.counts[QUERY], bench.proxy.counts[GENERATE]) == (0, 0)


def test_l19_what_another_tenant_shows_is_no_difference(behind: Start) -> None:
    """Verify ends with what is wrong, and so do the look-up of numbers and the doctor."""
    bench, spec = in_doubt(behind)
    client(bench, OTHERS)
    with pytest.raises(CannotStart, match=REFUSED):
        verify(VerifyOptions(str(spec), wait=0.0))
    with pytest.raises(CannotStart, match=REFUSED):
        bench.run(bench.spec({"number": f"A{account(3).upper()}"}, name="numbers"))
    told = examine(DoctorOptions("real", os.environ, bench.project.root))
    (wrong,) = [one for one in told.checks if one.mark is Mark.PROBLEM]
    assert (wrong.name, REFUSED in wrong.found) == ("token", True)


@pytest.mark.parametrize("scope", [None, "", "platform.write", f"{MINE} tenant.33405", 7])
def test_l19_a_scope_that_does_not_say_so_is_no_refusal(behind: Start, scope: object) -> None:
    """Where a token names no tenant, or several, nobody can tell; nor is the ledger's forgotten."""
    bench, spec = in_doubt(behind)
    client(bench, scope)
    assert bench.run(bench.spec(3, name="more")).outcomes == {"invoiced": 1}
    client(bench, OTHERS)
    assert REFUSED in (bench.run(spec).result.stop or "")
