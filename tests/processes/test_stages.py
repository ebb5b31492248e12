"""The look between two stages at a real terminal."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from support.processes import LIMIT, Project, Tenant, check_billed_once, on_a_terminal

Serve = Callable[..., Tenant]
ProjectAt = Callable[..., Project]
QUESTION = b"confirm | continue | stop? "
CTRL_C, CTRL_D = b"\x03", b"\x04"


class Terminal:
    """A run at a terminal: what it shows, and what is typed."""

    def __init__(self, process: subprocess.Popen[bytes], ours: int) -> None:
        self._process = process
        self._ours = ours
        self.shown = b""

    def answer(self, typed: bytes) -> None:
        """Wait for the question and type an answer."""
        self._until(QUESTION)
        os.write(self._ours, typed)

    def end(self) -> int:
        """Wait for the end, and give the exit code."""
        self._until(b"(exit ")
        return self._process.wait(LIMIT)

    def _until(self, text: bytes) -> None:
        end, fresh = time.monotonic() + LIMIT, b""
        while text not in fresh:
            ready, _, _ = select.select([self._ours], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"{text!r} is not shown, but: {self.shown!r}"
            fresh += os.read(self._ours, 65536)
            self.shown += fresh[-65536:]


@contextmanager
def at_a_terminal(project: Project, *argv: str, **environment: str) -> Iterator[Terminal]:
    """Run the spec at a terminal of its own."""
    env = {name: value for name, value in project.env.items() if name != "CI"}
    env |= {"TERM": "xterm", **environment}
    with on_a_terminal(project, *argv, env=env) as (process, ours):
        try:
            yield Terminal(process, ours)
        finally:
            process.kill()
            os.close(ours)


@pytest.fixture
def served(serve: Serve) -> Tenant:
    return serve()


@pytest.fixture
def project(served: Tenant, project_at: ProjectAt) -> Project:
    """Give a project whose spec bills one account, then two, then the rest."""
    project = project_at(served)
    project.write(range(6))
    with (project.folder / "spec.yaml").open("a") as spec:
        spec.write("stages: [1, 2, rest]\n")
    return project


def test_ctrl_c_at_the_question_ends_the_run_at_once(served: Tenant, project: Project) -> None:
    """130 with nothing in flight; what was typed before the question has confirmed nothing.

    The next run puts the same question again before it sends anything.
    """
    with at_a_terminal(project) as terminal:
        terminal.answer(b"confirm\nconfirm\nstop\n")
        terminal.answer(CTRL_C)
        assert terminal.end() == 130
    assert b"stage 1 of 3 is over: 1 invoiced" in terminal.shown
    assert b"stage 2 of 3 is over: 2 invoiced" in terminal.shown
    assert b"(0 calls in flight)" in terminal.shown
    check_billed_once(served, range(3))
    with at_a_terminal(project, "--progress", "none") as terminal:
        terminal.answer(b"confirm\n")
        assert terminal.end() == 0
    assert b"stage 2 of 3 is over: 2 invoiced" in terminal.shown
    check_billed_once(served, range(6))


@pytest.mark.parametrize(("typed", "then"), [(b"stop\n", 3), (CTRL_D, 1)])
def test_a_stop_is_exit_4(served: Tenant, project: Project, typed: bytes, then: int) -> None:
    """Only the three words are answers; the end of the input stops too, and is no look.

    So the next run begins with stage 2 after the one, and with the look after the other.
    """
    with at_a_terminal(project, "-q") as terminal:
        terminal.answer(b"\n")
        terminal.answer(b"yes\n")
        terminal.answer(typed)
        assert terminal.end() == 4
    check_billed_once(served, range(1))
    with at_a_terminal(project, "-q", CI="true") as terminal:
        assert terminal.end() == 4
    check_billed_once(served, range(then))


def test_to_continue_is_to_be_asked_once(served: Tenant, project: Project) -> None:
    """One answer, and all is billed."""
    with at_a_terminal(project) as terminal:
        terminal.answer(b"continue\n")
        assert terminal.end() == 0
    check_billed_once(served, range(6))


def test_under_ci_nobody_is_asked(served: Tenant, project: Project) -> None:
    """A terminal that some build servers give is no person."""
    with at_a_terminal(project, CI="true") as terminal:
        assert terminal.end() == 4
    assert QUESTION not in terminal.shown
    assert b"stage 1 of 3 is over: 1 invoiced" in terminal.shown
    check_billed_once(served, range(1))
