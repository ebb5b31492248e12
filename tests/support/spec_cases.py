"""The cases in tests/examples: good and bad files, each with its findings beside it.

    tests/examples/invalid/NAME.yaml       one spec; a tenants file if NAME begins with `tenants`,
    tests/examples/invalid/NAME.expected   a faults file if it ends in `.faults`
    tests/examples/invalid/NAME/           a project: specs, tenants.yaml, account files, as they
    tests/examples/invalid/NAME/expected   would stand in a folder that `zbatch validate` is given

`valid` holds those that can be used; they have findings only if there are warnings.

For a new case, write the files and then, in tests/,

    ../.venv/bin/python -m support.spec_cases NAME…

which writes what zbatch says today and shows how that differs from what stood there. Read it: it is
what you promise. Without names every case is looked at.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from zbatch.app.faults import check_faults
from zbatch.app.validate import validate
from zbatch.spec import Diagnostic, check_spec, check_tenants

EXAMPLES = Path(__file__).parents[1] / "examples"
KINDS = ("valid", "invalid")


@dataclass(frozen=True)
class Case:
    """A file or a folder of files, and where its findings are written down."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name if self.path.is_dir() else self.path.stem

    @property
    def kind(self) -> str:
        return self.path.parent.name

    @property
    def expected(self) -> Path:
        return self.path / "expected" if self.path.is_dir() else self.path.with_suffix(".expected")

    def promised(self) -> str:
        """Read the findings that are written down."""
        return self.expected.read_text("utf-8") if self.expected.exists() else ""

    def findings(self) -> tuple[Diagnostic, ...]:
        """Check the files."""
        if self.path.is_dir():
            return validate([self.path]).diagnostics
        if self.path.name.startswith("tenants"):
            return check_tenants(self.path)[1]
        if self.path.name.endswith(".faults.yaml"):
            return check_faults(self.path)
        return check_spec(self.path)[1]

    def told(self, findings: Iterable[Diagnostic]) -> str:
        """Write findings a line each, with paths as seen from the case."""
        folder = self.path if self.path.is_dir() else self.path.parent
        return "".join(f"{finding}\n" for finding in findings).replace(f"{folder}/", "")


def cases(kind: str) -> list[Case]:
    """List the cases of a kind."""
    found = (EXAMPLES / kind).iterdir()
    return [Case(path) for path in sorted(found) if path.is_dir() or path.suffix == ".yaml"]


def write(case: Case) -> list[str]:
    """Write down what zbatch says of a case; return the difference to what was promised."""
    before, after = case.promised(), case.told(case.findings())
    if after:
        case.expected.write_text(after, "utf-8")
    else:
        case.expected.unlink(missing_ok=True)
    name = f"{case.kind}/{case.name}"
    lines = (before.splitlines(), after.splitlines())
    return list(difflib.unified_diff(*lines, name, name, n=0, lineterm=""))


def main(names: list[str]) -> int:
    """Write down the findings of the cases that are named, or of all."""
    known = [case for kind in KINDS for case in cases(kind)]
    if unknown := set(names) - {case.name for case in known}:
        print(f"no such case: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    changed = [line for case in known if not names or case.name in names for line in write(case)]
    print("\n".join(changed) or "Nothing has changed.")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
