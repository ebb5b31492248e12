"""What to do next, in one sentence with the command that does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from zbatch.app.api import RunResult, ToRun
from zbatch.cli.called import RETRY_FAILED, Called, Verb
from zbatch.engine.ending import StopReason
from zbatch.model import ExitCode, ItemRecord, Outcome
from zbatch.report.differences import read_back_text
from zbatch.spec import elsewhere, find_project
from zbatch.zuora.text import one_line

_GO_ON = "{again}   goes on where this run stopped"

# By exit code; {again} is the command as given, {run} and {reconcile} are for the same spec, {when}
# is the time from which they help, {retry} sends what failed, {failed_too} says so where the
# command as given does not, {if_listed} says that the specs were not read, {all} reconciles
# whatever the ledger holds in doubt, strays from {strays_when} on, and {decided} goes on once a
# person has decided.
NEXT = {
    ExitCode.OK: "nothing is left to do; the same command again bills nothing twice",
    ExitCode.FAILURES: "mend the causes above, then {retry}{if_listed}",
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
    " invoice being generated), then {again}   sends the rest{failed_too}"
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
_UNREAD = (
    "{again} again; if the ledger cannot be read then either, keep it and report this with"
    " run.json, and bill nothing of this by hand"
)
_WHOLE_LEDGER = (
    "{reconcile} again{when}, or {run}{if_listed}; bill nothing of this by hand meanwhile"
)
_NOT_THERE = "{run}   sends what is proved not to be there{if_listed}"
_SETTLED = "nothing is left in doubt"
_SETTLED_OF_SPECS = f"{_SETTLED}; {{run}}   sends what is left unsent, if anything is"
_LOOK = "{verify}   tells what to look at in these invoices; nothing is left to send"
_BILLED_TWICE = (
    "{verify}   names the invoices; cancel what is one too many; nothing is left to send"
)
_UNSEEN_INVOICE = "{run} again, from the time that is named above   bills what is gone by then"
_TWICE_AND_UNSEEN = (
    "{verify}   names the invoices; cancel what is one too many; then " + _UNSEEN_INVOICE
)
_DECISION = (
    "look at the invoices named above in Zuora, and decide as it says there, or cancel what is one"
    " too many"
)
_DECIDE = f"{_DECISION}, then {{decided}}; bill nothing of this by hand meanwhile"
_ASKS = "{reconcile}   asks about what is UNKNOWN{when}"
_NOT_BY_HAND = "bill nothing of what is UNKNOWN by hand meanwhile"
_CREDENTIALS = (
    "check {places}, where the OAuth client is read from, and base_url in tenants.yaml, then"
    " {again}"
)
MOST_SPECS = 3
# What only a person can decide.
_UNDECIDED = frozenset({"SEVERAL_INVOICES", "DRAFT_CHANGED"})
_BY_REASON = {
    StopReason.RULE: _RULE,
    StopReason.STAGE: _STAGE,
    StopReason.UNSEEN: _UNSEEN,
}


def advice(result: RunResult, called: Called) -> str:
    """Say what to do after a run or a reconciliation."""
    if result.strays and _elsewhere(result.plan.spec.file):
        result, called = _from_anywhere(result), called.from_anywhere()
    spec = result.plan.spec.file
    left = result.totals[Outcome.NOT_ATTEMPTED]
    retry = run_command(result, called, (RETRY_FAILED,))
    failed = result.totals[Outcome.FAILED] and RETRY_FAILED not in called.retry
    return _template(result, called).format(
        again=called.again(spec),
        decided=called.again(spec) if result.unknown else reconcile_all(result, called),
        run=run_command(result, called, called.retry),
        retry=retry,
        failed_too=f" (what failed: {retry})" if failed else "",
        if_listed=if_listed(result),
        reconcile=called.command(Verb.RECONCILE, spec),
        verify=called.command(Verb.VERIFY, spec or "SPEC"),
        all=reconcile_all(result, called),
        places=one_line(result.plan.tenant.credentials.places),
        when=when(result, result.settles_at),
        strays_when=when(result, result.strays_settle_at),
        count="one item waits" if left == 1 else f"{left:,} items wait",
    )


def run_command(result: RunResult, called: Called, flags: Sequence[str]) -> str:
    """Write the command that runs the spec; after a look at a whole ledger, one for each spec."""
    spec = result.plan.spec.file
    if spec:
        return called.command(Verb.RUN, spec, flags=flags)
    # by itself a spec may name another tenant than the ledger is of
    called = replace(called, tenant=called.tenant or result.plan.tenant.name)
    if not result.specs:
        return f"{called.command(Verb.RUN, '', flags=flags)} with the spec that lists it"
    runs = [_run_of(one, called, flags) for one in result.specs[:MOST_SPECS]]
    if more := len(result.specs[MOST_SPECS:]):
        runs.append(f"so with {more} more")
    return " and ".join(runs)


def if_listed(result: RunResult) -> str:
    """Say that the specs named were not read: those by which a whole ledger was sent."""
    return ", where it still lists it" if result.specs else ""


def _run_of(spec: ToRun, called: Called, flags: Sequence[str]) -> str:
    called = replace(
        called,
        period=called.period or spec.period,
        tenant=spec.tenant or called.tenant,
        state_dir=called.state_dir or spec.state_dir,
    )
    return called.command(Verb.RUN, spec.file, flags=flags)


def when(result: RunResult, at: datetime | None) -> str:
    """Say from when all of what is in doubt can be settled, where the run knows."""
    if at is None:
        return ""
    form = "%H:%M:%S" if at.date() == result.finished_at.date() else "%Y-%m-%d %H:%M:%S"
    return f", not before {at:{form}} UTC"


def reconcile_all(result: RunResult, called: Called) -> str:
    """Write the command that settles all that the ledger holds in doubt."""
    return without_spec(called, result.plan.spec.file, result.plan.tenant.name)


def without_spec(called: Called, spec: str, tenant: str, flags: Sequence[str] = ()) -> str:
    """Write the command for all of the ledger that a spec is of."""
    return called.command(Verb.RECONCILE, "", tenant, flags, _elsewhere(spec))


def _elsewhere(spec: str) -> Path | None:
    """Give the root of a spec's project, where that of the working folder is another one."""
    return elsewhere(find_project(Path(spec)).root, Path()) if spec else None


def _from_anywhere(result: RunResult) -> RunResult:
    """Name the spec by its whole path: the command for the strays leads to another folder."""
    spec = result.plan.spec
    spec = replace(spec, file=str(Path(spec.file).absolute()))
    return replace(result, plan=replace(result.plan, spec=spec))


def _template(result: RunResult, called: Called) -> str:
    code = result.exit_code
    if code is ExitCode.UNKNOWN and result.unread:
        return _UNREAD
    doubt = (*result.unknown, *result.strays)
    if code is ExitCode.UNKNOWN and not result.stop and doubt and all(map(is_undecided, doubt)):
        return _DECIDE if result.unknown else f"{_DECIDE}{_after_strays(result)}"
    if code is ExitCode.UNKNOWN and result.unknown and result.stop_reason in _BY_REASON:
        return _doubt_first(result, _BY_REASON[result.stop_reason])
    if code is ExitCode.UNKNOWN and result.strays and not (result.unknown or _broken(result)):
        return f"{_STRAYS}{_after_strays(result)}"
    if code is ExitCode.UNKNOWN and called.verb is Verb.RECONCILE and not result.plan.spec.file:
        return _WHOLE_LEDGER
    if code is ExitCode.STOPPED and not result.stop:
        if called.verb is Verb.RECONCILE:
            return _NOT_THERE
        if not result.totals[Outcome.NOT_ATTEMPTED]:
            return _RETRIES_WAIT
        return _WAITING
    if code is ExitCode.STOPPED and result.stop_reason in _BY_REASON:
        return _BY_REASON[result.stop_reason]
    if (code, result.stop_reason) == (ExitCode.CANNOT_START, StopReason.CREDENTIALS):
        return NEXT[code] if result.plan.tenant.embedded else _CREDENTIALS
    if code is ExitCode.OK and called.verb is Verb.RECONCILE:
        return _SETTLED_OF_SPECS if result.plan.spec.file or result.specs else _SETTLED
    seen = result.read_back
    if code is ExitCode.FAILURES and seen and seen.duplicates and not result.totals[Outcome.FAILED]:
        return _TWICE_AND_UNSEEN if result.unseen else _BILLED_TWICE
    if code is ExitCode.OK and result.unseen:
        return _UNSEEN_INVOICE
    if code is ExitCode.OK and seen and read_back_text(seen):
        return _LOOK
    return NEXT.get(code, "see the report")


def is_undecided(record: ItemRecord) -> bool:
    """Tell whether only a person can decide what became of an item."""
    return record.error is not None and record.error.code in _UNDECIDED


def _doubt_first(result: RunResult, look: str) -> str:
    """Say before a look what this spec's doubt needs, short of a run: that would go on."""
    if all(map(is_undecided, result.unknown)):
        first = f"{_DECISION}; then"
    else:
        first = f"{_ASKS}; {'meanwhile' if result.settles_at else 'then'}"
    return f"{first} {look}; {_NOT_BY_HAND}"


def _after_strays(result: RunResult) -> str:
    """Say how this spec is gone on with: the command for the strays tells nothing of it."""
    if result.stop_reason in _BY_REASON:
        return (
            f"; {'meanwhile ' if result.strays_settle_at else ''}{_BY_REASON[result.stop_reason]}"
        )
    if result.stop:
        return f"; {'meanwhile' if result.strays_settle_at else 'then'} {_GO_ON}"
    if result.totals[Outcome.FAILED]:
        return f"; {NEXT[ExitCode.FAILURES]}"
    return "; then {run}   sends the rest" if result.totals[Outcome.NOT_ATTEMPTED] else ""


def _broken(result: RunResult) -> bool:
    """Tell whether more may be in doubt than is named, since something of zbatch's own failed."""
    return bool(result.stop) and result.stop_reason in (None, StopReason.DISK, StopReason.INTERNAL)
