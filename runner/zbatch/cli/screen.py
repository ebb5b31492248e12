"""What people see of a run: a bar on a terminal, plain lines elsewhere, or next to nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TextIO

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
)
from rich.progress import Progress as RichProgress
from rich.text import Text

from zbatch.app.api import RunHeader, RunResult, Watcher
from zbatch.app.clock import SystemClock
from zbatch.cli.last_block import first_line, last_block
from zbatch.cli.notices import Notices
from zbatch.cli.progress import Progress
from zbatch.cli.streams import is_coloured
from zbatch.cli.words import Called, Style
from zbatch.cli.wrapping import wrapped
from zbatch.engine.events import Event

Clock = Callable[[], datetime]

EVERY = timedelta(seconds=30)
AT_MOST_EVERY = timedelta(seconds=1)
STEP = 5  # percent
OF_A_KIND = 5  # failures of one kind that scroll by on a terminal


WALL_CLOCK: Clock = SystemClock().now
CALLED = Called()


class Screen(Watcher, Protocol):
    """A watcher that leaves the terminal as it found it, however the run ends."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def aside(self) -> AbstractContextManager[Console]:
        """Give the terminal to somebody else while the body runs."""
        ...


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a person wants a run to be shown, and how it was called."""

    progress: Style = Style.AUTO
    quiet: bool = False
    verbose: bool = False
    called: Called = CALLED


def screen_for(stream: TextIO, wishes: Wishes, environment: Mapping[str, str]) -> Screen:
    """Choose the screen that the stream can show and the person wants."""
    console = console_for(stream, environment)
    if wishes.quiet:
        return Quiet(console, wishes.called)
    able = stream.isatty() and environment.get("TERM") != "dumb"
    if wishes.progress is Style.BAR or (wishes.progress is Style.AUTO and able):
        return Bar(console, Notices(OF_A_KIND, wishes.verbose), called=wishes.called)
    regular = wishes.progress is not Style.NONE
    return Lines(console, Notices(1, wishes.verbose), regular=regular, called=wishes.called)


def console_for(stream: TextIO, environment: Mapping[str, str]) -> Console:
    """Open a stream for styled text that is never read as markup nor broken into lines."""
    return Console(
        file=stream,
        force_terminal=stream.isatty(),
        color_system="standard" if is_coloured(stream, environment) else None,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=True,
        _environ=environment,
    )


class Quiet:
    """Show the last block alone."""

    def __init__(self, console: Console, called: Called = CALLED) -> None:
        self._console = console
        self._called = called

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    @contextmanager
    def aside(self) -> Iterator[Console]:
        """Give the console as it is: nothing is drawn on it."""
        yield self._console

    def started(self, header: RunHeader) -> None:
        """Stay silent."""

    def event(self, event: Event) -> None:
        """Stay silent."""

    def finished(self, result: RunResult) -> None:
        """Show the last block."""
        for line in last_block(result, Path.cwd(), self._called):
            self._say(line)

    def _say(self, text: Text) -> None:
        """Write lines, broken between words where a terminal would break them anywhere."""
        width = self._console.width if self._console.is_terminal else None
        for line in text.split("\n"):
            for part in wrapped(line, width):
                self._console.print(part)


class Lines(Quiet):
    """Write plain lines: each 5 % or 30 seconds, waits, and each new kind of failure."""

    def __init__(
        self,
        console: Console,
        notices: Notices,
        *,
        regular: bool = True,
        clock: Clock = WALL_CLOCK,
        called: Called = CALLED,
    ) -> None:
        super().__init__(console, called)
        self._notices = notices
        self._regular = regular
        self._clock = clock
        self._progress = Progress(0, 0, clock())
        self._last = (0, clock())

    def started(self, header: RunHeader) -> None:
        """Say what begins."""
        now = self._clock()
        planned = len(header.plan.items)
        self._progress = Progress(planned, planned - header.outstanding, now)
        self._last = (self._progress.percent, now)
        self._say(first_line(header, self._called.verb))

    def event(self, event: Event) -> None:
        """Say what is new, and now and then how far it is."""
        self._progress.take(event)
        now = self._clock()
        if notice := self._notices.of(event):
            self._say(Text(f"[{now:%H:%M:%SZ}] ").append_text(notice))
        if self._regular and self._is_due(now):
            self._last = (self._progress.percent, now)
            self._say(Text(self._line(now)))

    def _is_due(self, now: datetime) -> bool:
        percent, told = self._last
        stepped = self._progress.percent >= percent + STEP and now - told >= AT_MOST_EVERY
        return stepped or now - told >= EVERY

    def _line(self, now: datetime) -> str:
        done = f"{self._progress.done:,}/{self._progress.planned:,} {self._progress.percent}%"
        return f"[{now:%H:%M:%SZ}] {done}  {self._progress.counted()}  {self._progress.pace(now)}"


class Bar(Quiet):
    """Redraw two lines twice a second while failures scroll by above them."""

    def __init__(
        self,
        console: Console,
        notices: Notices,
        *,
        clock: Clock = WALL_CLOCK,
        called: Called = CALLED,
    ) -> None:
        super().__init__(console, called)
        self._notices = notices
        self._clock = clock
        self._progress = Progress(0, 0, clock())
        self._live = _Block(self._beside, self._below, console)
        self._task = TaskID(0)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def started(self, header: RunHeader) -> None:
        """Say what begins and show the bar."""
        planned = len(header.plan.items)
        self._progress = Progress(planned, planned - header.outstanding, self._clock())
        self._say(first_line(header, self._called.verb))
        if not header.outstanding:
            return
        self._task = self._live.add_task("", total=planned, completed=self._progress.done)
        self._live.start()

    def event(self, event: Event) -> None:
        """Move the bar, and say above it what is new."""
        self._progress.take(event)
        if self._live.tasks:
            self._live.update(self._task, completed=self._progress.done)
        if notice := self._notices.of(event):
            self._say(notice)

    def finished(self, result: RunResult) -> None:
        """Take the bar away and show the last block."""
        self._live.stop()
        super().finished(result)

    @contextmanager
    def aside(self) -> Iterator[Console]:
        """Take the bar away while the body runs."""
        self._live.stop()
        yield self._console
        self._live.start()

    def _below(self) -> Text:
        return Text(self._progress.counted(), no_wrap=True, overflow="ellipsis")

    def _beside(self) -> Text:
        return Text(self._progress.pace(self._clock()))


class _Block(RichProgress):
    """The bar with the pace beside it and the counts below."""

    def __init__(
        self, beside: Callable[[], Text], below: Callable[[], Text], console: Console
    ) -> None:
        self._below = below
        super().__init__(
            MofNCompleteColumn(),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f}%", markup=False),
            _Computed(beside),
            console=console,
            refresh_per_second=2,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def get_renderables(self) -> Iterable[RenderableType]:
        """Give the lines to draw."""
        yield from super().get_renderables()
        yield self._below()


class _Computed(ProgressColumn):
    def __init__(self, text: Callable[[], Text]) -> None:
        super().__init__()
        self._text = text

    def render(self, task: Task) -> Text:  # noqa: ARG002 - as rich calls it
        """Give the text of now."""
        return self._text()
