"""Columns that are passed over although their cells hold dates: told once a file."""

from __future__ import annotations

import re
from collections.abc import Sequence

from zbatch.spec.csv_cells import Row, place
from zbatch.spec.csv_header import Layout
from zbatch.spec.csv_text import WrongPlaces
from zbatch.spec.diagnostics import quote

ROWS = 10_000  # that are looked at: a column of dates has one among so many
_MOST_NAMED = 5
_DATE = re.compile(r"\d{4}([-/.])\d{1,2}\1\d{1,2}([ T].*)?|\d{1,2}([/.-])\d{1,2}\3(\d{4}|\d{2})")


class PassedOver:
    """Looks at cells that nobody reads; `looks` until it has seen enough."""

    def __init__(self, header: Row, layout: Layout) -> None:
        read = {layout.account, layout.target, layout.invoice}
        self._header = header
        self._left = [position for position in range(layout.width) if position not in read]
        self._dated: list[int] = []
        self._rows = 0

    @property
    def looks(self) -> bool:
        """Whether a further row can tell anything."""
        return bool(self._left) and self._rows < ROWS

    def see(self, cells: Sequence[str]) -> None:
        """Look at a row."""
        self._rows += 1
        for position in [at for at in self._left if _DATE.fullmatch(cells[at])]:
            self._left.remove(position)
            self._dated.append(position)

    def tell(self, findings: WrongPlaces) -> None:
        """Warn of the columns that hold dates, all at once, at the first of them."""
        if not self._dated:
            return
        dated = sorted(self._dated)
        names = ", ".join(quote(self._header[1][at]) for at in dated[:_MOST_NAMED])
        names += f" and {len(dated) - _MOST_NAMED} more" if len(dated) > _MOST_NAMED else ""
        some = (
            f"the columns {names} hold dates and are"
            if dated[1:]
            else (f"the column {names} holds dates and is")
        )
        hint = "if one says for which day to bill, name it in `columns`; otherwise delete it"
        findings.tell(*place(self._header, dated[0]), "ZB906", f"{some} passed over", hint)
