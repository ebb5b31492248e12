"""How a run stands, in words: one of them, or all in a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from rich.text import Text

from zbatch.app.runs import PastRun
from zbatch.app.state import State
from zbatch.app.status import Life, Status
from zbatch.cli.called import RETRY_FAILED, RETRY_NOTHING, Called, Verb
from zbatch.cli.figure_words import BETWEEN, flow, left, oldest, outcomes, waiting, whole
from zbatch.cli.words import OUTCOMES, counted, duration, near_path, path_text
from zbatch.model import ExitCode, Outcome
from zbatch.spec import elsewhere
from zbatch.zuora.text import one_line

NAME_LIMIT = 80
REASON_LIMIT = 200

_MEANS = {
    ExitCode.OK: "everything settled",
    ExitCode.FAILURES: "some items failed",
    ExitCode.REFUSED: "refused",
    ExitCode.UNKNOWN: "an outcome is unknown",
    ExitCode.STOPPED: "stopped early",
    ExitCode.CANNOT_START: "could not start",
    ExitCode.INTERNAL: "internal error",
    ExitCode.HANGUP: "interrupted",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.TERMINATED: "interrupted",
}
_STYLES = {Life.RUNNING: "green", Life.SILENT: "yellow", Life.GONE: "bold red"}


def one_run(
    status: Status,
    now: datetime,
    here: Path,
    called: Called,
    root: Path | None = None,
    later: PastRun | None = None,
) -> Iterator[Text]:
    """Say how a run stands, and what to do where it does not go on by itself.

    `root` is that of the project, where the spec is found again, and `later` a run that has gone on
    with it since.
    """
    yield Text(
        f"{_title(status.run)} · {_standing(status, now)}", _STYLES.get(status.state, "bold")
    )
    yield from _figures(status, now)
    yield Text(f"  report {path_text(status.run.report, here)}")
    if not status.unfinished:
        return
    if later:
        told = called.command(
            Verb.STATUS, later.run_id, root=elsewhere(root, here) if root else None
        )
        yield Text(f"next: {told}   a later run of it has gone on", "bold")
    else:
        again = _again(status.run, here, called, root)
        yield Text(f"next: {again}   settles what was in flight, and goes on", "bold")


def _again(run: PastRun, here: Path, called: Called, root: Path | None) -> str:
    """Write the command that a run was called by, never one that is held to less than it was."""
    given, approved = run.part("given"), run.record.get("approved_digest")
    typed = given.get("document")
    root = run.project or root
    document = _found(typed, here, root)
    if approved and not document and (typed or not given):
        return "the same command again, with the plan or the digest that it was held to"
    told = given or {
        "tenant": run.tenant_name,
        "period": run.part("spec").get("period"),
    }
    flags = {RETRY_FAILED: "retry_failed", RETRY_NOTHING: "retry_nothing"}
    called = replace(
        called,
        verb=Verb.RECONCILE if run.reconciles else Verb.RUN,
        tenant=_text(told.get("tenant")),
        period=_text(told.get("period")),
        document=document,
        state_dir=called.state_dir or _state_dir(run, root),
        rate=_text(told.get("rate")),
        concurrency=told.get("concurrency"),
        plan_digest=None if document else _text(approved),
        retry=tuple(flag for flag, name in flags.items() if told.get(name)),
    )
    if run.reconciles and run.spec_file == "":
        if root and not root.is_dir():
            return "the same command again, in its own project"
        called_in = elsewhere(root, here) if root else None
        return called.command(Verb.RECONCILE, "", run.tenant_name, root=called_in)
    return called.again(str(_found(run.spec_path, here, root) or _gone(run, here) or "SPEC"))


def _state_dir(run: PastRun, root: Path | None) -> Path | None:
    """Give the state folder of a run where a command of its project would not find it by itself."""
    return State(run.folder.parent.parent).named_from(root) if root else None


def _gone(run: PastRun, here: Path) -> str | None:
    """Name a spec as it was typed, which is not there any more; what is there is another one."""
    typed = run.spec_file
    there = run.spec_path is not None and typed and (here / typed).exists()
    return None if there else typed


def _found(path: object, here: Path, root: Path | None) -> Path | None:
    """Find a file of the project from here: as it was typed, it may be another one, or none."""
    found = root / path if root and isinstance(path, str) else None
    return near_path(found, here) if found and found.is_file() else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def table(statuses: Sequence[Status], now: datetime) -> Iterator[Text]:
    """Say of several runs, a line each, which they are and how they stand."""
    rows = [(*_row(status), _brief(status, now)) for status in statuses]
    widths = [max(len(row[column]) for row in rows) for column in range(4)] if rows else []
    for status, row in zip(statuses, rows, strict=True):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield Text("  ".join([*cells, row[4]]).rstrip(), _STYLES.get(status.state, ""))


def _title(run: PastRun) -> str:
    tenant, spec = _name(run, "tenant"), _name(run, "spec")
    return f"{tenant} · {spec} · run {run.run_id}"


def _standing(status: Status, now: datetime) -> str:
    figures, at = status.figures, status.at
    process = f"process {status.process.pid}" if status.process else "its process"
    if status.state is Life.ENDED:
        took = f" after {duration(figures.elapsed)}" if figures else ""
        return f"ended{took}: {_end(status)}"
    seen = f"last sign of life {at:%Y-%m-%d %H:%M:%SZ}" if at else "no sign of life"
    if status.state is Life.GONE:
        return f"GONE: {process} is not there any more, {seen}"
    if status.state is Life.SILENT:
        where = "" if not status.process or status.process.near else _where(status)
        return f"silent: {seen}{where}"
    age = whole(max(0.0, (now - at).total_seconds())) if at else ""
    took = duration(figures.elapsed) if figures else ""
    return f"running for {took}, as of {age} ago{_where(status)}"


def _where(status: Status) -> str:
    process = status.process
    if process is None:
        return ""
    machine = "" if process.near else f" on {one_line(process.machine, NAME_LIMIT)}"
    return f", process {process.pid}{machine}"


def _end(status: Status) -> str:
    code = status.exit_code
    if code is None:
        return "it broke off" if status.broke_off else "it came to nothing"
    means = _MEANS.get(ExitCode(code), "") if code in set(ExitCode) else ""
    figures, asked = status.figures, status.run.reconciles
    if code == ExitCode.OK and asked:
        means = "nothing left in doubt"
    if code == ExitCode.STOPPED and status.run.record.get("stop", means) is None:
        means = "left to a run" if asked else "some items wait"
    if code == ExitCode.FAILURES and figures and not figures.counts.get(Outcome.FAILED):
        means = "an item may be billed twice: zbatch verify tells which"
    if code == ExitCode.UNKNOWN and (why := _why_unsure(status)):
        means = f"an outcome may be unknown: {why}"
    return f"exit {code}{', ' if means else ''}{means}"


def _why_unsure(status: Status) -> str:
    """Say what stopped a run of which no item is told as unknown: a disk that failed, at worst."""
    figures = status.figures
    if figures and figures.counts.get(Outcome.UNKNOWN):
        return ""
    stop = status.run.record.get("stop") or (figures.stopping if figures else None)
    return one_line(stop, REASON_LIMIT) if isinstance(stop, str) else ""


def _figures(status: Status, now: datetime) -> Iterator[Text]:
    figures = status.figures
    if figures is None:
        return
    rest = left(figures, now) if status.state is Life.RUNNING else ""
    done = f"  {figures.done:,}/{figures.planned:,}  {figures.percent}%"
    yield Text(f"{done}{BETWEEN if rest else ''}{rest}")
    yield Text(f"  {BETWEEN.join(_counts(status))}")
    if status.state in (Life.RUNNING, Life.SILENT):
        yield Text("  ").append_text(Text(BETWEEN).join(flow(figures)))
        if figures.stopping:
            yield Text(f"  stopping: {one_line(figures.stopping)}", "yellow")
        elif figures.wait:
            yield Text("  ").append_text(waiting(figures.wait))
        if first := oldest(figures):
            yield Text("  ").append_text(first)
    elif status.state is Life.GONE and figures.in_flight:
        calls = counted(figures.in_flight, "request")
        yield Text(f"  {calls} in flight at the last sign of life", "yellow")


def _counts(status: Status) -> list[str]:
    """Give the counts of a run that goes on as its block does, of one that is over as its end."""
    figures = status.figures
    if figures is None:
        return []
    if status.state in (Life.RUNNING, Life.SILENT):
        return [part.plain for part in outcomes(figures)]
    told = [f"{word} {figures.counts.get(outcome, 0):,}" for outcome, word in OUTCOMES.items()]
    open_ones = figures.planned - sum(figures.counts.values())
    return [*told, f"not reported {open_ones:,}"] if open_ones > 0 else told


def _row(status: Status) -> tuple[str, str, str, str]:
    run = status.run
    verb = " (reconcile)" if run.reconciles else ""
    return (
        run.run_id,
        _name(run, "tenant"),
        f"{_name(run, 'spec')}{verb}",
        (status.state.value if status.state is not Life.GONE else "GONE"),
    )


def _brief(status: Status, now: datetime) -> str:
    figures = status.figures
    done = f"{figures.done:,}/{figures.planned:,}" if figures else ""
    if status.state is Life.ENDED:
        unknown = figures.counts.get(Outcome.UNKNOWN, 0) if figures else 0
        said = f"unknown {unknown:,}" if unknown else ""
        return "  ".join(filter(None, [done, _end(status), said]))
    if figures is None:
        return ""
    rest = left(figures, now) if status.state is Life.RUNNING else ""
    return "  ".join(filter(None, [f"{done} {figures.percent}%", rest]))


def _name(run: PastRun, part: str) -> str:
    name = run.part(part).get("name")
    return one_line(str(name), NAME_LIMIT) if name else "?"
