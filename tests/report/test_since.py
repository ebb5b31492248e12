"""What has become of open items since is told by kind, the gravest first."""

from __future__ import annotations

from dataclasses import replace

from support import told
from zbatch.model import Outcome
from zbatch.report.since import (
    FIRST_ACCOUNTS,
    Change,
    changes,
    in_a_sentence,
    key_of,
    open_lines,
)

LINES = [
    told.line(1),
    *(told.line(number, Outcome.FAILED) for number in range(2, 12)),
    told.line(12, Outcome.UNKNOWN, account_number="A00991201"),
    told.line(13, Outcome.NOT_ATTEMPTED),
]


def test_only_open_items_may_have_changed() -> None:
    """An invoice stays what it is."""
    assert LINES[0] not in open_lines(LINES)
    assert len(open_lines(LINES)) == 12


def test_changes_are_counted_by_kind() -> None:
    """What the ledger holds as before, or not at all, is no change."""
    held: dict[tuple[str, str, int], tuple[Outcome, str | None]] = {
        key_of(line): (Outcome.INVOICED, f"run-{line.line % 2}") for line in LINES[1:9]
    }
    held[key_of(LINES[9])] = (Outcome.FAILED, "run-1")
    held[key_of(LINES[11])] = (Outcome.NOTHING_TO_BILL, None)
    unknown, failed = changes(open_lines(LINES), held)
    assert unknown == Change(Outcome.UNKNOWN, Outcome.NOTHING_TO_BILL, 1, ("A00991201",), ())
    assert (failed.was, failed.now, failed.count) == (Outcome.FAILED, Outcome.INVOICED, 8)
    assert failed.runs == ("run-0", "run-1")
    assert len(failed.accounts) == FIRST_ACCOUNTS


def test_only_doubt_is_disproved() -> None:
    """What failed, or was not tried, was not billed anyway."""
    doubt = Change(Outcome.UNKNOWN, Outcome.NOT_ATTEMPTED, 1, (), ())
    assert doubt.disproved
    assert not replace(doubt, was=Outcome.FAILED).disproved
    assert not replace(doubt, now=Outcome.FAILED).disproved


def test_the_verdict_is_followed_by_how_much_is_settled_since() -> None:
    """What failed since is not settled; only where nothing is left is it all."""
    counts = {Outcome.INVOICED: 5, Outcome.UNKNOWN: 3, Outcome.FAILED: 1}

    def said(*ones: tuple[Outcome, int]) -> str:
        found = [Change(Outcome.UNKNOWN, now, count, (), ()) for now, count in ones]
        return in_a_sentence(found, counts)

    assert said() == said((Outcome.FAILED, 2)) == ""
    assert said((Outcome.INVOICED, 1), (Outcome.FAILED, 1), (Outcome.NOTHING_TO_BILL, 1)) == (
        "Since then 2 of 4 items that needed a look were settled: see below."
    )
    assert said((Outcome.INVOICED, 1), (Outcome.NOT_ATTEMPTED, 1)) == (
        "Since then 1 of 4 items that needed a look were settled and it was proved for 1 of those"
        " unknown that nothing was billed: see below."
    )
    failed = Change(Outcome.FAILED, Outcome.UNKNOWN, 2, (), ())
    assert in_a_sentence([failed], counts) == "Since then 2 came to be in doubt: see below."
    assert said((Outcome.NOT_ATTEMPTED, 2)).startswith("Since then it was proved for 2 of those")
    assert said((Outcome.ALREADY_INVOICED, 4)) == (
        "Since then all that needed a look has been settled: see below."
    )
