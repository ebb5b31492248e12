"""Saboteurs of what a run starts from and ends with: outstanding items, report, exit code."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from support.saboteurs.bench import Bench
from support.saboteurs.saboteur import LOST, RULES, TWICE, saboteur
from zbatch.app import altered, ending, outstanding
from zbatch.app.backlog import Backlog
from zbatch.app.outstanding import Wish
from zbatch.app.parts import Part
from zbatch.app.recorder import Recorder
from zbatch.engine.kinds import Kind
from zbatch.ledger import rows
from zbatch.ledger.store import Store
from zbatch.model import ExitCode, ItemRecord, Outcome, Plan, Standing
from zbatch.report import files, lines, writer
from zbatch.report.lines import as_json, line_of, to_line

NO_FILE = "the simulation keeps reports as values: it writes no file"
PUT_BACK = "what a run is to refuse is put back before it, so that the other items are billed"
NO_DATES = "it sends nothing a second time, and the checker looks at no invoice date"


@saboteur("D19", test=f"{TWICE}d19_a_spec_edited_before_the_resume_is_refused", beyond=PUT_BACK)
def an_edited_item_in_doubt_is_taken(bench: Bench) -> None:
    """A spec may change what an item in doubt is billed with."""
    refuse = altered.refuse_altered

    def substitute(standings: Sequence[Standing]) -> None:
        refuse([standing for standing in standings if standing.call is None])

    bench.function(refuse, substitute)


@saboteur("D23", test=f"{TWICE}d23_retry_failed_leaves_doubt_alone")
def a_retry_takes_doubt_in(bench: Bench) -> None:
    """`--retry-failed` sends again what is in doubt, as if it had failed."""
    sort = outstanding.outstanding

    def substitute(plan: Plan, standings: Sequence[Standing], wish: Wish) -> Any:
        todo = sort(plan, standings, wish)
        if wish.retry_failed:
            for work in todo.works:
                work.burnt = False
                work.attempts = tuple(replace(a, answer=Kind.ROWS) for a in work.attempts)
        return todo

    bench.function(sort, substitute)


@saboteur("L8", test=f"{LOST}l08_a_crash_between_outcome_and_report_loses_no_line")
def only_what_this_run_did_is_reported(bench: Bench) -> None:
    """Items that an earlier run settled, perhaps without a line, have none in this report."""
    finals = ending.final_records

    def stood(todo: Backlog, store: Store) -> Iterator[tuple[Part, tuple[ItemRecord, ...]]]:
        return ((part, ()) for part, _ in settled(todo, store))

    def told(standings: Iterable[Standing], *given: Any) -> Iterator[ItemRecord]:
        kept = (s for s in standings if not (s.record and s.record.outcome is Outcome.INVOICED))
        return finals(kept, *given)

    def repeated(*_: Any) -> None:
        """Have none of the lines made at once."""

    settled = Backlog.settled
    bench.method(Backlog, "settled", stood)
    bench.method(Store, "repeated", repeated)
    bench.function(finals, told)


@saboteur(
    "L8", test="tests/app/test_recorder.py::test_each_planned_item_is_written_once", beyond=NO_FILE
)
def a_line_for_each_word(bench: Bench) -> None:
    """Each time that an item is told of adds a line to the report."""

    def add(self: Any, record: ItemRecord) -> None:
        self._writer.write(to_line(record, self._run_id))

    bench.method(Recorder, "add", add)


@saboteur("L10", test=f"{LOST}l10_a_full_disk_is_told_by_the_very_write", beyond=NO_FILE)
def lines_are_held_back(bench: Bench) -> None:
    """Lines wait in memory, and a full disk shows only when the report is closed."""
    held: dict[int, list[bytes]] = {}
    write, close = files.write_all, writer._AppendFile.close

    def keep(descriptor: int, data: bytes) -> None:
        held.setdefault(descriptor, []).append(data)

    def flush(self: Any) -> Any:
        write(self._descriptor, b"".join(held.pop(self._descriptor, [])))
        return close(self)

    bench.function(write, keep)
    bench.method(writer._AppendFile, "close", flush)


@saboteur("L11", test=f"{LOST}l11_no_torn_line_is_appended_to", beyond=NO_FILE)
def a_report_is_continued(bench: Bench) -> None:
    """A report that is there is appended to, torn last line and all."""
    bench.constant(writer._FLAGS, writer._FLAGS & ~os.O_EXCL)


@saboteur("L12", test=f"{LOST}l12_no_character_of_a_message_cuts_a_line", beyond=NO_FILE)
def lines_hold_any_character(bench: Bench) -> None:
    """Characters that some readers take for a line's end stand in the report as they are."""

    def substitute(record: ItemRecord, run_id: str) -> bytes:
        line = as_json(line_of(record, run_id))
        return json.dumps(line, ensure_ascii=False).encode() + b"\n"

    bench.function(lines.to_line, substitute)


@saboteur("L14", test=f"{LOST}l14_exit_0_means_that_nothing_is_in_doubt")
def doubt_ends_with_exit_0(bench: Bench) -> None:
    """A run that leaves items in doubt says that all is well."""
    fold = ending.exit_code

    def substitute(*given: Any, **named: Any) -> ExitCode:
        code = fold(*given, **named)
        return ExitCode.OK if code is ExitCode.UNKNOWN else code

    bench.function(fold, substitute)


@saboteur(
    "R13",
    test=f"{RULES}r13_a_changed_payload_is_refused_for_what_is_invoiced",
    beyond=NO_DATES,
)
def a_changed_payload_is_not_noticed(bench: Bench) -> None:
    """An item with another invoice date or other charges counts as the same as before."""
    bench.function(rows.payload_changed, lambda row, item: False)


@saboteur(
    "R14",
    test=f"{RULES}r14_doubt_that_the_spec_no_longer_lists_is_named",
    beyond="the simulated spec lists every item in each run",
)
def strays_do_not_count(bench: Bench) -> None:
    """Items in doubt that the spec does not list leave the exit code alone."""
    fold = ending.exit_code

    def substitute(totals: Any, closing: Any, report_failed: bool = False) -> ExitCode:
        return fold(totals, replace(closing, strays=()), report_failed)

    bench.function(fold, substitute)
