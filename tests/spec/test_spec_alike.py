"""Entries that are recognised by their form are read as if each was read anew."""

from __future__ import annotations

from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from support.budget import examples
from zbatch.model import Account
from zbatch.spec.account_files import AccountFiles
from zbatch.spec.accounts import AccountReader
from zbatch.spec.alike import Alike
from zbatch.spec.diagnostics import Diagnostic, SpecError
from zbatch.spec.findings import Findings
from zbatch.spec.parsing import parse
from zbatch.spec.reading import Text
from zbatch.spec.warnings import DayWarnings

ID = "2c93808457d787030157e0306be53a75"
NAMES = [ID, f'"{ID}"', ID.upper(), "1" * 32, f'"{"1" * 32}"', ID[1:], "A00991201", '"00123"', "7"]
REST = [
    *("reason: moved out", 'reason: "moved out"', "reason: id", "reason: 12", 'reason: "\\u202e"'),
    *("revision: 2", 'revision: "2"', "id: x", "number: A1", "file: x.csv", "<<: {}", "? [a] : b"),
    *("dates: [{target_date: 2026-11-15}]", "dates: [{target_date: 2026-02-30}]"),
    *("dates: [{target_date: end_of_month}]", "dates: []", "dates: {id: x}", "&a reason: b"),
    *(
        "dates: [{target_date: 2026-11-15}, {target_date: 2026-11-15}]",
        "reason: *a",
        "reason: !x b",
    ),
    *("dates: &d [{target_date: 2026-11-15}]", "dates: [{? [] : id, id: x}]"),
]


@st.composite
def entries(draw: st.DrawFn) -> str:
    """Draw a list in which most entries are like another one but for the name."""
    forms = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["id", '"id"', "number", "nmae"]),
                st.lists(st.sampled_from(REST), max_size=2),
                st.booleans(),
                st.sampled_from(["", " ", "&b "]),
            ),
            min_size=1,
            max_size=3,
        )
    )
    lines = []
    for key, rest, last, before in draw(st.lists(st.sampled_from(forms), max_size=8)):
        name = f"{key}: {draw(st.sampled_from(NAMES))}"
        parts = [*rest, name] if last else [name, *rest]
        lines.append(f"  - {before}{{{', '.join(parts)}}}\n")
    return "".join(lines) + draw(st.sampled_from(["", "", "", "  - {id: [", f"  - {ID}\n"]))


class Forgetful(AccountReader):
    """Reads each entry as if there had been no other."""

    def take_alike(self, entry: Alike) -> bool:
        """Take none."""
        return False


def _read(text: str, kind: type[AccountReader]) -> tuple[list[Account], list[Diagnostic]]:
    findings = Findings()
    warnings = DayWarnings(findings)
    reader = kind("a.yaml", AccountFiles(Path("a.yaml"), findings), findings, warnings)
    try:
        _, found = parse(Text("a.yaml", "accounts:\n" + text, ""), streamed={"accounts": reader})
    except SpecError as error:
        found = list(error.diagnostics)
    reader.finish("2026-11")
    warnings.tell("2026-01")
    return list(reader.builder.roster()), [*found, *reader.check.findings(), *findings.all()]


@examples(250)
@given(entries())
@example(f"  - {{id: {ID}, dates: [{{target_date: 2026-02-30}}]}}\n" * 2)
@example(f"  - {{id: {ID}, id: {ID}}}\n" * 2)
@example(f"  - {{id: {ID}, reason: a}}\n  - {{id: {ID}, reason: a, &x number: A}}\n")
@example(f'  - {{id: {ID}, reason: "12"}}\n  - {{id: {ID}, reason: 12}}\n')
@example(f'  - {{id: {ID}, revision: 2}}\n  - {{id: {ID}, revision: "2"}}\n')
def test_alike_is_read_as_anew(text: str) -> None:
    """Accounts and findings are the same, whether or not forms are recognised."""
    assert _read(text, AccountReader) == _read(text, Forgetful)


def test_only_the_first_of_its_form_is_read_anew() -> None:
    """Of maps that are alike all but the first are recognised, and each keeps its own place."""
    names = [f"{n:032x}" for n in range(50)]
    taken: list[bool] = []

    class Noting(AccountReader):
        def take_alike(self, entry: Alike) -> bool:
            taken.append(super().take_alike(entry))
            return taken[-1]

    text = "".join(f'  - {{id: "{name}", reason: moved out}}\n' for name in names)
    accounts, findings = _read(text, Noting)
    assert taken == [False] + [True] * 49
    assert findings == []
    assert [(one.account_id, one.reason, one.source.line) for one in accounts] == [
        (name, "moved out", line) for line, name in enumerate(names, 2)
    ]
