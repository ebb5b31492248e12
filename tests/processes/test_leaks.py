"""The check that rooms with sockets make after each test: it finds what it looks for."""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import closing
from socket import socket

import pytest

from support import leaks


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nothing: what these tests leave behind does not go away by itself."""
    monkeypatch.setattr(leaks, "PATIENCE", 0.0)


def test_a_descriptor_left_open_is_found() -> None:
    """A socket that nobody closes fails the test."""
    with closing(socket()) as left:
        with pytest.raises(AssertionError, match="descriptor"), leaks.nothing_left():
            copy = os.dup(left.fileno())
        os.close(copy)


def test_a_thread_left_running_is_found() -> None:
    """A thread that nobody joins fails the test."""
    over = threading.Event()
    thread = threading.Thread(target=over.wait, name="forgotten", daemon=True)
    with pytest.raises(AssertionError, match="thread forgotten"), leaks.nothing_left():
        thread.start()
    over.set()
    thread.join()


def test_a_task_that_outlives_its_run_is_found() -> None:
    """A task that nobody awaits fails the test, though the loop ends it."""

    forgotten: list[asyncio.Task[bool]] = []

    async def forget() -> None:
        forgotten.append(asyncio.create_task(asyncio.Event().wait()))
        await asyncio.sleep(0)

    with pytest.raises(AssertionError, match="task <coroutine"), leaks.nothing_left():
        asyncio.run(forget())


def test_what_is_closed_in_time_is_no_leak() -> None:
    """A test that gives everything back passes."""
    with leaks.nothing_left(), closing(socket()):
        asyncio.run(asyncio.sleep(0))
