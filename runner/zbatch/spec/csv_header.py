"""What the header of an account file says: which column names the account, which hold dates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from zbatch.spec.csv_near import alike, nearly_date, nearly_key
from zbatch.spec.csv_text import WrongPlaces
from zbatch.spec.diagnostics import ECHO, quote

KINDS = ("account_id", "account_number")
COLUMNS = (*KINDS, "target_date", "invoice_date")
_PERHAPS = 0.6  # how alike a name must be to be suggested


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things stand in each row: positions from 0, `width` the number of columns."""

    kind: str
    account: int
    target: int | None
    invoice: int | None
    width: int

    @property
    def dated(self) -> bool:
        """Whether rows may have dates of their own."""
        return self.target is not None


class Header:
    """Reads the header; `columns` gives our names the names that the file uses instead.

    Where it is not `dated`, the rows keep accounts out, and may have no dates.
    """

    def __init__(
        self,
        cells: list[str],
        places: list[tuple[int, int]],
        columns: Mapping[str, str],
        findings: WrongPlaces,
        *,
        dated: bool = True,
    ) -> None:
        self._dated = dated
        self._cells = cells
        self._places = places
        self._columns = columns
        self._findings = findings

    def layout(self) -> Layout | None:
        """Return the layout, or tell what is wrong with the header and return None."""
        told = len(self._findings.problems)
        kinds = [kind for kind in KINDS if kind in self._columns] or KINDS
        found = {name: self._find(name) for name in (*kinds, "target_date", "invoice_date")}
        named = [kind for kind in kinds if found[kind] is not None]
        self._nameless()
        if not named:
            self._no_account(kinds)
        elif len(named) > 1:
            message = f"the account is named in two ways, by {self._both(named)}"
            hint = "keep one of the columns, or say which with `columns` beside `file`"
            self._tell(found[named[1]] or 0, "ZB402", message, hint)
        if len(self._cells) > 1:  # a single one can be the account's alone
            self._meant(found)
        target, invoice = found["target_date"], found["invoice_date"]
        if self._dated and invoice is not None and target is None:
            message = "`invoice_date` needs a column `target_date` beside it"
            self._tell(invoice, "ZB428", message)
        account = found[named[0]] if named else None
        if account is None or len(self._findings.problems) > told:
            return None
        return Layout(named[0], account, target, invoice, len(self._cells))

    def _find(self, name: str) -> int | None:
        wanted = self._columns.get(name, name)
        at = [position for position, cell in enumerate(self._cells) if cell == wanted]
        for position in at[1:]:
            line, column = self._places[at[0]]
            message = f"the column {quote(wanted)} stands twice, first in line {line}, column"
            self._tell(position, "ZB403", f"{message} {column}")
        if not at and name in self._columns:
            near = get_close_matches(wanted[:ECHO], [cell[:ECHO] for cell in self._cells], n=1)
            hint = f"did you mean {quote(near[0])}?" if near else f"it holds {self._listed()}"
            message = f"the file has no column {quote(wanted)}, which `columns` names for"
            self._tell(0, "ZB405", f"{message} `{name}`", hint)
        return at[0] if at else None

    def _no_account(self, kinds: list[str] | tuple[str, ...]) -> None:
        if any(kind in self._columns for kind in kinds):
            return  # told already: the column that `columns` names is not there
        wanted = "a column `account_id` or `account_number` must say which account a row is about"
        likeness, kind, position = max(
            (alike(kind, cell), kind, position)
            for kind in kinds
            for position, cell in enumerate(self._cells)
        )
        if likeness < _PERHAPS:
            self._tell(0, "ZB401", wanted, f"the header holds {self._listed()}")
        else:
            given = self._cells[position]
            hint = f"did you mean `{kind}` by {quote(given)}? {_rename(kind, given)}"
            self._tell(position, "ZB401", wanted, hint)

    def _meant(self, found: Mapping[str, int | None]) -> None:
        """Refuse what would be passed over and seems to decide who is billed, and for what."""
        for position, cell in enumerate(self._cells):
            ours = next((name for name, at in found.items() if at == position), None)
            name = ours or nearly_date(cell)
            if name in COLUMNS[2:] and not self._dated:
                message = f"the column {quote(cell)} seems to hold dates, and `exclude` knows none"
                hint = "each account here is kept out for all its dates: delete the column"
                self._tell(position, "ZB429", message, hint)
            elif ours is None and name is not None and found[name] is None:
                message = f"the column {quote(cell)} is nearly `{name}`, but not quite"
                self._tell(position, "ZB404", message, f"did you mean it? {_rename(name, cell)}")
            elif ours is None and name is None and (key := nearly_key(cell)):
                message = f"the column {quote(cell)} is called like the spec's key `{key}`"
                hint = "it is not read from account files: delete it, or give it another name"
                self._tell(position, "ZB430", message, hint)

    def _nameless(self) -> None:
        empty = [position for position, cell in enumerate(self._cells) if not cell.strip()]
        if empty and len(empty) < len(self._cells):
            message = f"column {empty[0] + 1} of {len(self._cells)} has no name"
            self._tell(empty[0], "ZB406", message, "delete the empty columns and save again")

    def _both(self, kinds: list[str]) -> str:
        return " and ".join(quote(self._columns.get(kind, kind)) for kind in kinds)

    def _listed(self) -> str:
        return ", ".join(map(quote, self._cells[:5])) + (", …" if len(self._cells) > 5 else "")

    def _tell(self, position: int, code: str, message: str, hint: str = "") -> None:
        self._findings.tell(*self._places[position], code, message, hint)


def _rename(name: str, given: str) -> str:
    return f"rename it, or say `columns: {{{name}: {quote(given)}}}` beside `file`"
