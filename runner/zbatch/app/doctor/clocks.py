"""How far our clock is from the server's, as far as a `Date` to the second tells."""

from __future__ import annotations

from datetime import datetime, timedelta

from zbatch.app.doctor.check import Check, note, ok, problem, skipped

SLACK = timedelta(seconds=60)
"""docs/decisions/0010-clock-slack.md says why a minute does no harm."""

_SECOND = timedelta(seconds=1)  # within which a Date says nothing
_ADVICE = (
    "let the system keep its time by NTP (on Linux: timedatectl set-ntp true); "
    "how long a key may still be repeated is taken from it"
)


def check_clock(server: datetime | None, asked: datetime, answered: datetime) -> Check:
    """Compare the server's `Date` with our own clock just before and just after it."""
    if server is None:
        return skipped("clock", "the server's answer has no Date to compare with")
    ahead = asked - (server + _SECOND)
    behind = server - answered
    off, word = (ahead, "ahead of") if ahead > behind else (behind, "behind")
    if off <= timedelta(0):
        return ok("clock", "agrees with the server's to the second")
    told = f"this machine's clock is {in_words(off)} {word} the server's"
    return problem("clock", told, _ADVICE) if off > SLACK else note("clock", told)


def in_words(off: timedelta) -> str:
    """Write a time, to the second."""
    seconds = max(1, round(off.total_seconds()))
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)
