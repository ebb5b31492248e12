"""The look at a stage: what came of it, and how a person lets the run go on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from typing import TextIO

from rich.text import Text

from zbatch.app.gate import Gate, Seen
from zbatch.cli.amounts import invoiced
from zbatch.cli.confirming import can_answer
from zbatch.cli.notices import item_line
from zbatch.cli.screen import Screen
from zbatch.cli.typed import forget_typed
from zbatch.cli.words import counted, tally
from zbatch.engine.stages import Choice, StageEnd
from zbatch.report.differences import SAID

STDIN = 0
LONGEST = 1024  # bytes of one answer
LEGEND = (
    "confirm: go on to the next stage, and ask again after it\n"
    "continue: go on to the end, and ask no more\n"
    "stop: end the run here; the next one goes on"
)


def gate_for(
    screen: Screen, streams: tuple[TextIO | None, TextIO], environ: Mapping[str, str]
) -> Gate:
    """Ask where somebody can answer, as `zbatch.cli.confirming` does; else show."""
    return Prompt(screen) if can_answer(*streams, environ) else Shown(screen)


class Shown:
    """Show a stage to whoever reads the log, and let the run end there."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    async def look(self, end: StageEnd, seen: Seen) -> Choice:
        """Let no further stage begin."""
        with self._screen.aside() as paper:
            for line in stage_block(end, seen):
                paper.say(line)
        return Choice.STOP


class Prompt:
    """Show a stage and ask at the terminal; what was typed before the question is no answer."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    async def look(self, end: StageEnd, seen: Seen) -> Choice | None:
        """Ask until one of the three words is typed; the end of the input is no answer."""
        with self._screen.aside() as paper:
            for line in stage_block(end, seen):
                paper.say(line)
            paper.say(Text(LEGEND))
            forget_typed(STDIN)
            while True:
                paper.ask(Text("confirm | continue | stop? ", "bold"))
                answer = await self._line()
                if not answer:
                    paper.say(Text(""))
                    return None
                if (word := answer.decode(errors="replace").strip()) in list(Choice):
                    return Choice(word)
                paper.say(Text("Type one of the three words, in small letters, whole."))

    async def _line(self) -> bytes:
        """Wait for a line without a thread, so that a signal ends the wait at once."""
        loop = asyncio.get_running_loop()
        typed = asyncio.Event()
        loop.add_reader(STDIN, typed.set)
        try:
            await typed.wait()
        finally:
            loop.remove_reader(STDIN)
        try:
            return os.read(STDIN, LONGEST)
        except OSError:  # the terminal is gone
            return b""


def stage_block(end: StageEnd, seen: Seen) -> Iterator[Text]:
    """Say what came of a stage: counts, then items, what is serious before all else.

    Last, next to the question, what the tenant shows of its invoices.
    """
    items = sum(end.counts.values())
    yield Text(f"{end.name} is over: {tally(end.counts)}", "bold")
    for record in end.records:
        yield Text("  ").append_text(item_line(record))
    if more := items - len(end.records):
        yield Text(f"  … and {counted(more, 'more item')} in the report")
    yield from _read_back(seen)


def _read_back(seen: Seen) -> Iterator[Text]:
    """Say what was found in the invoices of the stage, and what they come to."""
    if said := invoiced(seen.amounts):
        yield Text(f"  invoiced in this stage by this run: {said}")
    found = [f"{count:,} {SAID.get(code, code)}" for code, count in seen.findings.items()]
    if seen.unread:
        found.append(f"{counted(seen.unread, 'item')} not read back")
    agreed = f"{counted(seen.agreed, 'item')} agree{'s' if seen.agreed == 1 else ''}"
    if said := ", ".join([agreed] * bool(seen.agreed) + found):
        later = f"; asked about again at the end: {seen.open:,}" if seen.open else ""
        tells = "; zbatch verify tells of each" if found else ""
        style = "yellow" if found else ""
        yield Text(f"  read back: {said}{later}{tells}", style)
