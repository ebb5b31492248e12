"""Questions beside a run: they keep its rate and places, and whatever they meet never stops it."""

from __future__ import annotations

from typing import NoReturn

from zbatch.engine.asking import Inquiry, Unanswered
from zbatch.engine.ending import StopReason


class Gentle(Inquiry):
    """Answers that a run can do without: what gives trouble is given up.

    A limit that a question meets is heeded by all the same: the tenant means everybody.
    """

    tries = 3

    def stop(self, reason: StopReason, message: str) -> NoReturn:  # noqa: ARG002 - the run goes on
        """Give the question up."""
        raise Unanswered

    def unreachable(self, message: str) -> NoReturn:  # noqa: ARG002 - the run will notice by itself
        """Give the question up: whether the host can be had is for calls to find out."""
        raise Unanswered
