"""The account files that a spec names: inside its project, each read once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from zbatch import model
from zbatch.spec.confinement import Outside, shown_from, within
from zbatch.spec.diagnostics import Diagnostic, SpecError, quote, visible
from zbatch.spec.findings import Findings
from zbatch.spec.nodes import Scalar
from zbatch.spec.project import find_project
from zbatch.spec.reading import open_regular

if TYPE_CHECKING:
    from zbatch.spec.csv_rows import AccountRow

_FOREIGN = ("~", "\\")


class AccountFiles:
    """Opens account files for a spec, and keeps what was read of each."""

    def __init__(self, spec: Path, findings: Findings) -> None:
        self.read: list[model.AccountFile] = []
        self._spec = spec
        self._findings = findings
        self._root: Path | None = None

    def rows(
        self, node: Scalar, columns: Mapping[str, str], *, dated: bool = True
    ) -> Iterator[tuple[bool, AccountRow]]:
        """Return a file's rows, and whether they name accounts by number; `node` has its path."""
        from zbatch.spec.csv_rows import AccountRows  # eight modules that most specs need not

        path = self._within(node)
        if path is None:
            return
        shown = self.shown(node.value)
        try:
            with open_regular(path, shown) as stream:
                rows = AccountRows(stream, shown, columns, dated=dated)
                by_number = rows.kind == "account_number"
                for row in rows:
                    yield by_number, row
        except SpecError as error:
            why = error.diagnostics[0].message
            self._problem(node, "ZB306", f"{quote(node.value)} cannot be used: {why}")
            return
        for problem in rows.problems:
            self._findings.add(problem)
        self.read.append(model.AccountFile(node.value, rows.digest, rows.rows))

    def shown(self, written: str) -> str:
        """Return a file's path as findings and items tell it."""
        return shown_from(self._spec, written)

    def _within(self, node: Scalar) -> Path | None:
        """Return the real path of a file that is confined to the project."""
        written = node.value
        if self._root is None:
            self._root = find_project(self._spec).root
        if "://" in written or written.startswith(_FOREIGN) or Path(written).is_absolute():
            message = (
                f"{quote(written)} is no path within the project: write it relative to the spec"
            )
            self._problem(node, "ZB305", message)
            return None
        try:
            path = within(self._root, self._spec.resolve().parent, written)
        except Outside:
            message = f"the path {quote(written)} leaves the project's folder"
            self._problem(node, "ZB305", message)
            return None
        if path is None:
            looked = visible(self.shown(written))
            message = f"{quote(written)} is relative to the spec, and there is no file {looked}"
            self._problem(node, "ZB306", message, self._elsewhere(self._root, written))
        return path

    def _elsewhere(self, root: Path, written: str) -> str:
        """Suggest the path of a file that lies so as seen from a folder above the spec."""
        folder = self._spec.resolve().parent
        for steps, above in enumerate(folder.parents, 1):
            if not above.is_relative_to(root):
                break
            with suppress(Outside):
                if (there := within(root, above, written)) and there.is_file():
                    return f"did you mean `{'../' * steps}{written}`?"
        return ""

    def _problem(self, node: Scalar, code: str, message: str, hint: str = "") -> None:
        place = (str(self._spec), node.line, node.column)
        self._findings.add(Diagnostic(*place, code, message, hint))
