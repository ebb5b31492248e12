"""How a protected tenant is confirmed: by a flag, or by typing its name in a terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from io import UnsupportedOperation
from typing import TextIO

from zbatch.app.protection import Confirmation, Question
from zbatch.cli.paper import say_lines
from zbatch.cli.typed import forget_typed
from zbatch.cli.words import counted
from zbatch.zuora.text import one_line

_NO = frozenset({"", "0", "false", "no"})


def in_ci(environ: Mapping[str, str]) -> bool:
    """Tell whether this is a CI runner, by the variable that all of them set."""
    return environ.get("CI", "").strip().lower() not in _NO


def can_answer(source: TextIO | None, out: TextIO, environ: Mapping[str, str]) -> bool:
    """Tell whether anybody is there: at a terminal, at both ends of it, and not on a CI runner."""
    return source is not None and source.isatty() and out.isatty() and not in_ci(environ)


def confirmation(
    named: str | None,
    new_ledger: str | None,
    streams: tuple[TextIO | None, TextIO],
    environ: Mapping[str, str],
) -> Confirmation:
    """Gather what the command line confirms; `streams` are where to read from and to write to.

    Nobody is asked where nobody can answer.
    """
    source, out = streams
    ask = None
    if source is not None and can_answer(source, out, environ):
        ask = _Asking(source, out).ask
    return Confirmation(named, new_ledger, in_ci(environ), ask, lambda asked: _tell(asked, out))


class _Asking:
    def __init__(self, source: TextIO, out: TextIO) -> None:
        self._source = source
        self._out = out

    def ask(self, question: Question) -> str:
        """Put the question, and give what is typed; the end of the input is an empty answer."""
        protected = f"{one_line(question.tenant.name)} is protected: {_what(question)}"
        say_lines([protected], self._out, os.environ)
        _tell(question, self._out)
        with suppress(UnsupportedOperation):  # a stream without a descriptor keeps nothing
            forget_typed(self._source.fileno())
        self._out.write("Type the tenant's name to bill, anything else to stop: ")
        self._out.flush()
        try:
            return self._source.readline().strip()
        except UnicodeDecodeError:
            return ""


def _what(question: Question) -> str:
    counts = question.chosen.counts
    days = sorted({dates.target_date for dates in counts.dates})
    dates = f" for {days[0]}" if days else ""
    dates += f" to {days[-1]}" if len(days) > 1 else ""
    what = f"{counted(counts.items, 'item')}{dates} at {one_line(question.tenant.host)}"
    return f"{what}, digest {question.chosen.digest[:12]}"


def _tell(question: Question, out: TextIO) -> None:
    if not question.new_ledger:
        return
    tenant, path = one_line(question.tenant.name), question.state.ledger(question.tenant)
    if path.exists():
        said = (
            f"The ledger of {tenant}, {one_line(str(path))}, tells of no run: it is new, cut off "
            "or damaged. If this tenant was billed before, bring its ledger back from a copy first."
        )
    else:
        said = (
            f"There is no ledger of {tenant} in {one_line(str(question.state.root))}: a new one "
            "begins. If this tenant was billed from another folder or machine, bring that ledger "
            "here first."
        )
    say_lines([said], out, os.environ)
