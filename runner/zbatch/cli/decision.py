"""A person's decision on the command line: which invoice an item in doubt is, and why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import click

from zbatch.model import Identity, Item

REASON_LIMIT = 500

_FORM = re.compile(
    r"(?P<account>[0-9A-Fa-f]{32}):(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?::(?P<revision>[1-9][0-9]?))?=(?P<invoice>.*)"
)
_INVOICE_ID = re.compile(r"[0-9A-Za-z]{32}")


@dataclass(frozen=True, slots=True)
class Decision:
    """An item and the invoice that it is said to be."""

    identity: Identity
    invoice_id: str

    def __str__(self) -> str:
        """Write it as `--accept` reads it."""
        return f"{_argument(self.identity)}={self.invoice_id}"


class DecisionType(click.ParamType[Decision]):
    """A decision such as `2c93808457d787030157e0306be53a75:2026-11-30=…`."""

    name = "decision"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decision:
        """Read a decision."""
        if isinstance(value, Decision):
            return value
        match = _FORM.fullmatch(str(value))
        if match is None:
            self.fail(
                "it is written ACCOUNT_ID:TARGET_DATE[:REVISION]=INVOICE_ID, "
                "with an account ID of 32 hexadecimal characters and a date like 2026-11-30",
                param,
                ctx,
            )
        if not _INVOICE_ID.fullmatch(match["invoice"]):
            self.fail(
                "behind the = stands the invoice's ID, 32 characters, not its number", param, ctx
            )
        try:
            target = date.fromisoformat(match["day"])
        except ValueError:
            self.fail(f"{match['day']} is not a day of the calendar", param, ctx)
        identity = Identity(match["account"].lower(), target, int(match["revision"] or 1))
        return Decision(identity, match["invoice"])


ACCEPT = DecisionType()


def check_decisions(decisions: Sequence[Decision], reason: str | None) -> str:
    """Return the reason for the decisions, or raise `click.UsageError` where they are not whole."""
    if decisions and reason is None:
        raise click.UsageError("--accept needs --reason TEXT: the ledger keeps why it was decided")
    if reason is not None and not decisions:
        raise click.UsageError("--reason belongs to --accept, and nothing is accepted")
    seen = {decision.identity for decision in decisions}
    if len(seen) < len(decisions):
        raise click.UsageError("--accept names one item twice")
    text = (reason or "").strip()
    if decisions and not (0 < len(text) <= REASON_LIMIT and text.isprintable()):
        raise click.UsageError(f"--reason is one line of text, at most {REASON_LIMIT} characters")
    return text


def item_argument(item: Item) -> str:
    """Write an item as `--accept` reads it."""
    return _argument(item.identity)


def as_given(decisions: Sequence[Decision], reason: str) -> tuple[str, ...]:
    """Write decisions as the flags that take them."""
    accepted = (word for one in decisions for word in ("--accept", str(one)))
    return (*accepted, "--reason", reason)


def _argument(identity: Identity) -> str:
    revision = f":{identity.revision}" if identity.revision > 1 else ""
    return f"{identity.account_id}:{identity.target_date.isoformat()}{revision}"
