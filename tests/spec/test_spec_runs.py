"""Lines that are alike but for the ID are copied, and come out as if each was parsed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.budget import examples
from zbatch.model import Account
from zbatch.spec.account_files import AccountFiles
from zbatch.spec.accounts import AccountReader
from zbatch.spec.alike import Entries
from zbatch.spec.diagnostics import Diagnostic, SpecError
from zbatch.spec.findings import Findings
from zbatch.spec.parsing import parse
from zbatch.spec.reading import Text
from zbatch.spec.runs import Unlike, shorten
from zbatch.spec.warnings import DayWarnings

ONE = "2c93808457d787030157e0306be53a75"
LINES = (
    '  - {id: "@"}',
    "  - {id: @}",
    '  - {"id": "@", reason: moved}',
    '  - {reason: "id", id: "@"}',
    '  - {id: "@", reason: late, dates: [{target_date: 2026-11-15}]}',
    '  - {id: "@", reason: "@"}',
    f'  - {{id: "{ONE}", reason: "@"}}',
    f'  - {{reason: "@", id: "{ONE}"}}',
    '  - {id: "@", reason: ""}',
    '  - {id: "@"',
    '    - {id: "@"}',
    '  - {id: "@@"}',
    '  - {number: "@"}',
    '  - {id: "@"}, x',
    '  - {id: "@"} # new',
    '  - {id: &a "@"}',
    '  - {? id : "@"}',
)
AROUND = (
    ("accounts:\n", "name: x\n"),
    ("accounts:\n", "dates: [{target_date: 2026-02-30}]\nname: x\n"),
    ("name: |\n  text\naccounts:\n  - 7\n", "tenant: t\n"),
    ("name: |\n", "tenant: t\n"),
    ("name: x\nexclude:\n", "tenant: t\n"),
    ("accounts: [\n", "]\n"),
    ("accounts:\n", "name: [x\n"),
    ("accounts:\n  -\n", "name: x\n"),
    ("accounts:\n", '  - {id: "7"}\n  - {id: "7"}\nname: x\n'),
)


@st.composite
def lists(draw: st.DrawFn) -> str:
    """Draw a spec of which most lines are alike, some of them more often than others."""
    before, after = draw(st.sampled_from(AROUND))
    number = 0
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        line = draw(st.sampled_from(LINES[:5]) | st.sampled_from(LINES))
        for _ in range(draw(st.sampled_from([1, 8, 9, 10, 15]))):
            number += 1
            known = draw(st.integers(0, 30)) == 0
            lines.append(line.replace("@", ONE if known else f"{number * 7919:032x}"))
    end = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    return before + "".join(line + end for line in lines) + after


def read(text: str, *, copying: bool) -> tuple[list[Account], list[Diagnostic]] | None:
    """Read a text, None where it is not to be read in this way."""
    findings = Findings()
    warnings = DayWarnings(findings)
    reader = AccountReader("a.yaml", AccountFiles(Path("a.yaml"), findings), findings, warnings)
    streamed: dict[str, Entries] = {"accounts": reader}
    try:
        document, found = parse(Text("a.yaml", text, ""), streamed=streamed, copying=copying)
    except SpecError as error:
        return [], list(error.diagnostics)
    except Unlike:
        return None
    reader.finish("2026-11")
    places = [Diagnostic("a.yaml", document.root.line, document.root.column, "", str(document))]
    return list(reader.builder.roster()), [*places, *found, *reader.check.findings()]


@examples(400)
@given(lists())
def test_what_is_copied_comes_out_as_if_it_was_parsed(text: str) -> None:
    """The same accounts at the same lines, the same tree and findings, or it is not copied."""
    copied = read(text, copying=True)
    assert copied in (None, read(text, copying=False))


@pytest.mark.parametrize("line", LINES[:5])
def test_what_programs_write_is_copied(line: str) -> None:
    """Of a hundred lines the parser is shown one, and what follows has its own line."""
    lines = "".join(line.replace("@", f"{15 * 16**31 + n:x}") + "\n" for n in range(100))
    text = f"name: x\naccounts:\n{lines}tenant: t\n"
    short = shorten(text)
    assert short.text.count("\n") == 4
    assert [short.line(shown) for shown in range(4)] == [0, 1, 2, 102]
    copied = read(text, copying=True)
    assert copied is not None
    assert copied == read(text, copying=False)
    assert len(copied[0]) == 100


@pytest.mark.parametrize("line", LINES[5:])
def test_what_only_looks_like_a_run_is_parsed(line: str) -> None:
    """A hundred lines alone do not make a list of accounts."""
    lines = "".join(line.replace("@", f"{n:032x}") + "\n" for n in range(100))
    text = f"name: x\naccounts:\n{lines}tenant: t\n"
    assert read(text, copying=True) in (None, read(text, copying=False))


def test_text_that_looks_like_a_list_is_text() -> None:
    """Lines of a text, or of another list, bill nobody."""
    lines = "".join(f'  - {{id: "{n:032x}"}}\n' for n in range(100))
    for before in ("name: |\n", "exclude:\n", "accounts: |\n"):
        assert read(f"{before}{lines}", copying=True) is None


def test_runs_are_copied_whatever_stands_between_them() -> None:
    """Lines of another form, comments and short runs are parsed where they stand."""
    ids = iter(f"{15 * 16**31 + n:x}" for n in range(100))
    counts = ((LINES[0], 20), ("  # @", 1), (LINES[2], 12), (LINES[0], 3), ("", 2), (LINES[1], 30))
    lines = [line.replace("@", next(ids)) + "\n" for line, count in counts for _ in range(count)]
    text = f"accounts:\n{''.join(lines)}name: x\n"
    assert shorten(text).text.count("\n") == text.count("\n") - 19 - 11 - 29
    copied = read(text, copying=True)
    assert copied is not None
    assert copied == read(text, copying=False)
    assert len(copied[0]) == 20 + 12 + 3 + 30


def test_a_quote_left_open_below_a_run_is_told_where_it_is() -> None:
    """The parser has read a shorter text: its places are looked for in no other one."""
    lines = "".join(f'  - {{id: "{n:032x}"}}\n' for n in range(100))
    text = f'accounts:\n{lines}  - {{id: "{ONE}", reason: "late}}\n'
    assert read(text, copying=True) is None
    told = read(text, copying=False)
    assert told is not None
    assert [(one.code, one.line, one.column) for one in told[1]] == [("ZB107", 102, 54)]
