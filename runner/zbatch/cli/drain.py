"""Lines that a thread writes, so that nobody who is slow to take them holds a run up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

from zbatch.errors import ZbatchError

T = TypeVar("T")


class Drain(Generic[T]):
    """Turns values into lines and writes them, in their order, in a thread of its own.

    `failure` is why a line could not be written; those after it are dropped.
    """

    def __init__(self, encode: Callable[[T], bytes], write: Callable[[bytes], object]) -> None:
        self._encode = encode
        self._write = write
        self._queue: SimpleQueue[T | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="drain", daemon=True)
        self._thread.start()
        self.failure: OSError | ZbatchError | None = None

    def put(self, value: T) -> None:
        """Let a value be written; returns at once."""
        self._queue.put(value)

    def end(self, patience: float | None = None) -> bool:
        """Wait until all is written, at most so many seconds; tell whether it is."""
        self._queue.put(None)
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _run(self) -> None:
        going_on = True
        while going_on:
            values = list(self._ready())
            going_on = values[-1] is not None
            data = b"".join(self._encode(value) for value in values if value is not None)
            if data and self.failure is None:
                try:
                    self._write(data)
                except (OSError, ZbatchError) as error:
                    self.failure = error

    def _ready(self) -> Iterator[T | None]:
        """Give what is there, at least one value, up to the end."""
        value = self._queue.get()
        while True:
            yield value
            if value is None:
                return
            try:
                value = self._queue.get_nowait()
            except Empty:
                return
