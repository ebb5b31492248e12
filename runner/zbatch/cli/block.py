"""A run on a terminal: one calm block, redrawn twice a second, and what is new above it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live as Redrawn
from rich.progress_bar import ProgressBar
from rich.text import Text

from zbatch.app.api import RunHeader, RunResult
from zbatch.app.clock import SystemClock
from zbatch.app.figures import Figures
from zbatch.app.live import Live as Followed
from zbatch.cli.called import CALLED, Called
from zbatch.cli.figure_words import flow, flowed, left, oldest, outcomes, waiting
from zbatch.cli.last_block import first_line
from zbatch.cli.notices import Notices
from zbatch.cli.paper import Paper
from zbatch.cli.quiet import Quiet
from zbatch.engine.events import Event
from zbatch.zuora.text import one_line

Clock = Callable[[], datetime]

WALL_CLOCK: Clock = SystemClock().now
REDRAWN = 2  # times a second
LONGEST_BAR, SHORTEST_BAR = 40, 10


class Block(Quiet):
    """Redraw the figures of a run while failures scroll by above them."""

    def __init__(
        self,
        paper: Paper,
        notices: Notices,
        *,
        clock: Clock = WALL_CLOCK,
        called: Called = CALLED,
    ) -> None:
        super().__init__(paper, called)
        self._notices = notices
        self._clock = clock
        self._live: Followed | None = None
        self._drawn: Redrawn | None = None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._take_away()

    def started(self, header: RunHeader) -> None:
        """Say what begins and show the block."""
        self._paper.say(first_line(header, self._called.verb))
        if header.plan.items:
            self._live = header.live
            self._draw()

    def event(self, event: Event) -> None:
        """Say above the block what is new."""
        if notice := self._notices.of(event):
            self._paper.say(notice)

    def finished(self, result: RunResult) -> None:
        """Take the block away and show the last one."""
        self._take_away()
        super().finished(result)

    @contextmanager
    def aside(self) -> Iterator[Paper]:
        """Take the block away while the body runs."""
        self._take_away()
        yield self._paper
        self._draw()

    def _draw(self) -> None:
        if self._live is None:
            return
        # Anew each time: one that was stopped would wipe what was written since.
        self._drawn = Redrawn(
            Drawing(self._live, self._clock),
            console=self._paper.console,
            refresh_per_second=REDRAWN,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._drawn.start(refresh=True)

    def _take_away(self) -> None:
        if self._drawn:
            self._drawn.stop()
            self._drawn = None


class Drawing:
    """The figures of the moment in which it is drawn."""

    def __init__(self, live: Followed, clock: Clock) -> None:
        self._live = live
        self._clock = clock

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give the lines, none of them wider than the terminal."""
        figures, now = self._live.figures(), self._clock()
        width = options.max_width - 1  # in the last column some terminals begin a new line
        done = Text(f" {figures.done:,}/{figures.planned:,}  {figures.percent}%")
        rest = left(figures, now)
        yield from _headed(done, figures, rest, width)
        for line in _below(figures, width):
            line.no_wrap = True
            yield line


def _headed(done: Text, figures: Figures, rest: str, width: int) -> Iterator[Text | _Bar]:
    """Give what is done and what is left, and a bar behind it that moves neither as it grows."""
    whole = Text(f"{done.plain}  {rest}") if rest else done
    if width - whole.cell_len - 2 >= SHORTEST_BAR:
        yield _Bar(whole, figures, width)
        return
    yield _Bar(done, figures, width)
    if rest:
        yield from flowed([Text(rest)], width)


def _below(figures: Figures, width: int) -> Iterator[Text]:
    yield from flowed(list(outcomes(figures)), width)
    yield from flowed(list(flow(figures)), width)
    if figures.stopping:
        yield from flowed([Text(f"stopping: {one_line(figures.stopping)}", "yellow")], width)
    elif figures.wait:
        yield from flowed([waiting(figures.wait)], width)
    if first := oldest(figures):
        yield from flowed([first], width)


class _Bar:
    """One line: some words, and a bar in what is left of the width."""

    def __init__(self, words: Text, figures: Figures, width: int) -> None:
        self._words = words
        room = max(0, min(LONGEST_BAR, width - words.cell_len - 2))
        self._bar = ProgressBar(
            max(1, figures.planned),
            figures.done,
            width=room,
            complete_style="cyan",
            finished_style="green",
        )

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give the line piece by piece."""
        yield Text(f"{self._words.plain}  " if self._bar.width else self._words.plain, end="")
        if self._bar.width:
            yield self._bar
        yield Text("", no_wrap=True)
