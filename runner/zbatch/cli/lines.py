"""A run in plain lines, for a log: each 5 % or 30 seconds, and whatever is new."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event as Signal
from threading import RLock, Thread
from types import TracebackType

from rich.text import Text

from zbatch.app.api import RunHeader, RunResult
from zbatch.app.clock import SystemClock
from zbatch.app.live import Live
from zbatch.cli.called import CALLED, Called
from zbatch.cli.figure_words import on_a_line
from zbatch.cli.last_block import first_line
from zbatch.cli.notices import Notices
from zbatch.cli.paper import Paper
from zbatch.cli.quiet import Quiet
from zbatch.engine.events import Event, Settled

Clock = Callable[[], datetime]

WALL_CLOCK: Clock = SystemClock().now
EVERY = timedelta(seconds=30)
AT_MOST_EVERY = timedelta(seconds=1)
STEP = 5  # percent


class Lines(Quiet):
    """Write plain lines; a thread sees to it that they come while nothing happens, too."""

    def __init__(
        self,
        paper: Paper,
        notices: Notices,
        *,
        regular: bool = True,
        clock: Clock = WALL_CLOCK,
        called: Called = CALLED,
        tick: timedelta = AT_MOST_EVERY,
    ) -> None:
        super().__init__(paper, called)
        self._every = tick.total_seconds()
        self._notices = notices
        self._regular = regular
        self._clock = clock
        self._live = Live()
        self._last = (0, clock())
        self._looked = self._last[1]  # at the figures, which take longer than an event
        self._writing = RLock()
        self._over = Signal()
        self._ticker: Thread | None = None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def started(self, header: RunHeader) -> None:
        """Say what begins."""
        self._live = header.live
        self._last = (header.live.figures().percent, self._clock())
        self._looked = self._last[1]
        self._paper.say(first_line(header, self._called.verb))
        if self._regular:
            self._ticker = Thread(target=self._tick, name="lines", daemon=True)
            self._ticker.start()

    def event(self, event: Event) -> None:
        """Say what is new, and now and then how far it is."""
        if notice := self._notices.of(event):
            with self._writing:
                stamp = Text(f"[{self._clock():%H:%M:%SZ}] ")
                self._paper.say(stamp.append_text(notice))
        if self._regular and type(event) is Settled:
            with self._writing:
                self._tell_if_due()

    def finished(self, result: RunResult) -> None:
        """Show the last block, and nothing after it."""
        self._end()
        super().finished(result)

    @contextmanager
    def aside(self) -> Iterator[Paper]:
        """Let no line come between those of somebody else."""
        with self._writing:
            yield self._paper

    def _tick(self) -> None:
        while not self._over.wait(self._every):
            # whoever has the terminal may ask a question, and wait for its answer
            if self._writing.acquire(blocking=False):
                try:
                    self._tell_if_due()
                finally:
                    self._writing.release()

    def _tell_if_due(self) -> None:
        now = self._clock()
        percent, told = self._last
        if now - self._looked < AT_MOST_EVERY or self._over.is_set():
            return
        self._looked = now
        figures = self._live.figures()
        if figures.percent >= percent + STEP or now - told >= EVERY:
            self._last = (figures.percent, now)
            self._paper.say(Text(f"[{now:%H:%M:%SZ}] {on_a_line(figures, now)}"))

    def _end(self) -> None:
        with self._writing:
            self._over.set()
        if self._ticker:
            self._ticker.join()
            self._ticker = None
