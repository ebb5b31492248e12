"""What to do next, in one sentence with the command that does it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from zbatch.app.api import RunResult, ToRun
from zbatch.cli.called import RETRY_FAILED, Called, Verb
from zbatch.engine.ending import StopReason
from zbatch.model import ExitCode, Outcome
from zbatch.report.differences import read_back_text
from zbatch.zuora.text import one_line

_GO_ON = "{again}   goes on where this run stopped"

# By exit code; {again} is the command as given, {run} and {reconcile} are for the same spec, {when}
# is the time from which they help, {retry} sends what failed, {failed_too} says so where the
# command as given does not, and {all} reconciles whatever the ledger holds in doubt, strays from
# {strays_when} on.
NEXT = {
    ExitCode.OK: "nothing is left to do; the same command again bills nothing twice",
    ExitCode.FAILURES: "mend the causes above, then {retry}",
    ExitCode.UNKNOWN: "{run} again{when}, or {reconcile}; bill nothing of this by hand meanwhile",
    ExitCode.STOPPED: _GO_ON,
    ExitCode.CANNOT_START: "mend the cause, then {again}",
    ExitCode.INTERNAL: "report this bug with run.json, and bill nothing of this by hand; "
    "the ledger holds what was sent",
    ExitCode.HANGUP: _GO_ON,
    ExitCode.INTERRUPTED: _GO_ON,
    ExitCode.TERMINATED: _GO_ON,
}

_WAITING = (
    "settle what the report says {count} for (an earlier date that failed or is in doubt, an"
    " invoice being generated), then {again}   sends the rest"
)
_RETRIES_WAIT = (
    "settle what the report says the items that were not retried wait for (an earlier date that"
    " failed), then {again}"
)
_RULE = (
    "find out why, see above and the report; then {again}   goes on with what is left{failed_too}"
)
_STAGE = "look at what came of the stage; then {again}   goes on with the next one"
_UNSEEN = "look at what came of the stage; then {again}   asks about it again"
_STRAYS = "{all}   settles what this spec does not list{strays_when}"
_STRAYS_FIRST = f"{_STRAYS}; then {_GO_ON}"
_UNREAD = (
    "{again} again; if the ledger cannot be read then either, keep it and report this with"
    " run.json, and bill nothing of this by hand"
)
_WHOLE_LEDGER = "{reconcile} again{when}, or {run}; bill nothing of this by hand meanwhile"
_NOT_THERE = "{run}   sends what is proved not to be there"
_NOT_THERE_IF_LISTED = f"{_NOT_THERE}, where it still lists it"
_SETTLED = "nothing is left in doubt"
_LOOK = "{verify}   tells what to look at in these invoices; nothing is left to send"
_BILLED_TWICE = (
    "{verify}   names the invoices; cancel what is one too many; nothing is left to send"
)
_UNSEEN_INVOICE = "{run} again, from the time that is named above   bills what is gone by then"
_TWICE_AND_UNSEEN = (
    "{verify}   names the invoices; cancel what is one too many; then " + _UNSEEN_INVOICE
)
_CREDENTIALS = "check {places}, where the OAuth client is read from, then {again}"
MOST_SPECS = 3
_BY_REASON = {
    StopReason.RULE: _RULE,
    StopReason.STAGE: _STAGE,
    StopReason.UNSEEN: _UNSEEN,
}


def advice(result: RunResult, called: Called) -> str:
    """Say what to do after a run or a reconciliation."""
    spec = result.plan.spec.file
    left = result.totals[Outcome.NOT_ATTEMPTED]
    retry = run_command(result, called, (RETRY_FAILED,))
    return _template(result, called).format(
        again=called.again(spec),
        run=run_command(result, called, called.retry),
        retry=retry,
        failed_too="" if RETRY_FAILED in called.retry else f" (what failed: {retry})",
        reconcile=called.command(Verb.RECONCILE, spec),
        verify=called.command(Verb.VERIFY, spec or "SPEC"),
        all=reconcile_all(result, called),
        places=one_line(result.plan.tenant.credentials.places),
        when=when(result, result.settles_at),
        strays_when=when(result, result.strays_settle_at),
        count="one item waits" if left == 1 else f"{left:,} items wait",
    )


def run_command(result: RunResult, called: Called, flags: Sequence[str]) -> str:
    """Write the command that runs the spec; after a look at a whole ledger, say of which specs."""
    spec = result.plan.spec.file
    specs = (ToRun(spec),) if spec else result.specs
    if not spec:  # by itself a spec may name another tenant than the ledger is of
        called = replace(called, tenant=called.tenant or result.plan.tenant.name)
    if len(specs) == 1:
        called = replace(called, period=called.period or specs[0].period)
        return called.command(Verb.RUN, specs[0].file, flags=flags)
    run = called.command(Verb.RUN, "", flags=flags)
    if not specs:
        return f"{run} with the spec that lists it"
    more = f" and {len(specs) - MOST_SPECS} more" if len(specs) > MOST_SPECS else ""
    names = ", ".join(_with_period(one, called) for one in specs[:MOST_SPECS])
    return f"{run} with each of {names}{more}"


def _with_period(spec: ToRun, called: Called) -> str:
    period = called.period or spec.period
    return one_line(shlex.join([spec.file, *(["--period", period] if period else [])]))


def when(result: RunResult, at: datetime | None) -> str:
    """Say from when all of what is in doubt can be settled, where the run knows."""
    if at is None:
        return ""
    form = "%H:%M:%S" if at.date() == result.finished_at.date() else "%Y-%m-%d %H:%M:%S"
    return f", not before {at:{form}} UTC"


def reconcile_all(result: RunResult, called: Called) -> str:
    """Write the command that settles all that the ledger holds in doubt."""
    return called.command(Verb.RECONCILE, "", result.plan.tenant.name)


def _template(result: RunResult, called: Called) -> str:
    code = result.exit_code
    if code is ExitCode.UNKNOWN and result.unread:
        return _UNREAD
    if code is ExitCode.UNKNOWN and result.strays and not (result.unknown or _broken(result)):
        return _STRAYS_FIRST if result.stop else _STRAYS
    if code is ExitCode.UNKNOWN and called.verb is Verb.RECONCILE and not result.plan.spec.file:
        return _WHOLE_LEDGER
    if code is ExitCode.STOPPED and not result.stop:
        if called.verb is Verb.RECONCILE:
            return _NOT_THERE_IF_LISTED if result.specs else _NOT_THERE
        if not result.totals[Outcome.NOT_ATTEMPTED]:
            return _RETRIES_WAIT
        return _WAITING + "{failed_too}" if result.totals[Outcome.FAILED] else _WAITING
    if code is ExitCode.STOPPED and result.stop_reason in _BY_REASON:
        return _BY_REASON[result.stop_reason]
    if (code, result.stop_reason) == (ExitCode.CANNOT_START, StopReason.CREDENTIALS):
        return NEXT[code] if result.plan.tenant.embedded else _CREDENTIALS
    if code is ExitCode.OK and called.verb is Verb.RECONCILE:
        return _SETTLED
    seen = result.read_back
    if code is ExitCode.FAILURES and seen and seen.duplicates and not result.totals[Outcome.FAILED]:
        return _TWICE_AND_UNSEEN if result.unseen else _BILLED_TWICE
    if code is ExitCode.OK and result.unseen:
        return _UNSEEN_INVOICE
    if code is ExitCode.OK and seen and read_back_text(seen):
        return _LOOK
    return NEXT.get(code, "see the report")


def _broken(result: RunResult) -> bool:
    """Tell whether more may be in doubt than is named, since something of zbatch's own failed."""
    return bool(result.stop) and result.stop_reason in (None, StopReason.DISK, StopReason.INTERNAL)
