"""How zbatch was called, and what a person wants to see of it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from zbatch.zuora.text import one_line

RETRY_FAILED = "--retry-failed"
RETRY_NOTHING = "--retry-nothing"


class Style(StrEnum):
    """How a person wants to see what goes on."""

    AUTO = "auto"
    BAR = "bar"
    LINES = "lines"
    NONE = "none"


class Verb(StrEnum):
    """The verbs that end in a last block, and those that it names."""

    RUN = "run"
    RECONCILE = "reconcile"
    VERIFY = "verify"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class Called:
    """How zbatch was called, as far as its advice repeats it.

    `tenant`, `state_dir` and `period` are those of the command line: without them the advice would
    lead to another ledger or other dates. `document` is the frozen plan that a run was held to,
    `plan_digest` the digest: that of a run which presses as `rate` and `concurrency` say.
    `retry` are the flags by which it was to try again what had failed or had nothing to bill:
    without them a run leaves that alone, and seems to be done with it.
    """

    verb: Verb = Verb.RUN
    tenant: str | None = None
    state_dir: Path | None = None
    document: Path | None = None
    period: str | None = None
    retry: tuple[str, ...] = ()
    plan_digest: str | None = None
    rate: str | None = None
    concurrency: int | None = None

    def again(self, spec: str) -> str:
        """Write the command as it was given."""
        return self.command(self.verb, spec, flags=self.retry)

    def command(
        self,
        verb: Verb,
        spec: str,
        tenant: str | None = None,
        flags: Sequence[str] = (),
        root: Path | None = None,
    ) -> str:
        """Write the command that goes on from here, safe to paste; without a `spec` for all.

        That is called in the project at `root`, where it is another one than that of the working
        folder; the shell stays there, as what it says in turn is named from there.
        """
        if self.document and spec and verb is Verb.RUN:
            spec = str(self.document)
        words = ["zbatch", verb, *([spec] if spec else [])]
        if self.period and spec and spec != str(self.document):
            words += ["--period", self.period]
        if tenant := self.tenant or tenant:
            words += ["--tenant", tenant]
        if self.state_dir:
            words += ["--state-dir", str(self.state_dir.absolute() if root else self.state_dir)]
        if verb is Verb.RUN and spec:
            words += self._held_to()
        command = quoted(*words, *flags)
        return f"cd {quoted(str(root))} && {command}" if root else command

    def from_anywhere(self) -> Called:
        """Name files by their whole paths."""
        return replace(
            self,
            state_dir=self.state_dir and self.state_dir.absolute(),
            document=self.document and self.document.absolute(),
        )

    def _held_to(self) -> Iterator[str]:
        """Write the flags of which the digest is that somebody approved."""
        if self.concurrency:
            yield from ("--concurrency", str(self.concurrency))
        if self.rate:
            yield from ("--rate", self.rate)
        if self.plan_digest:
            yield from ("--plan-digest", self.plan_digest)


def quoted(*words: str) -> str:
    """Quote words for a shell; only what a terminal might obey is not as it was."""
    each = (one if one.isprintable() else one_line(one) for one in map(shlex.quote, words))
    return " ".join(each)


CALLED = Called()
