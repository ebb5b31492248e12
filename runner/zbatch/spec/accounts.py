"""What the lists of dates and accounts mean: real days, and nobody billed twice for one of them."""

from __future__ import annotations

from datetime import date

from zbatch.model import Account, DatePair, Source
from zbatch.spec.diagnostics import Diagnostic, Related, quote
from zbatch.spec.nodes import Mapping, Node, Scalar, Sequence, child
from zbatch.spec.values import ACCOUNT_ID, DATE, REVISION, is_retyped, parse_date


class AccountReader:
    """Reads dates and accounts off a tree, passes over what the schema refuses, keeps findings."""

    def __init__(self, file: str) -> None:
        self.problems: list[Diagnostic] = []
        self._file = file
        self._seen: dict[tuple[str, date], Account] = {}

    def dates(self, node: Node | None) -> tuple[DatePair, ...]:
        """Return the entries of a `dates` list."""
        pairs: dict[date, DatePair] = {}
        places: dict[date, Source] = {}
        for entry in node.items if isinstance(node, Sequence) else ():
            pair = self._pair(entry)
            if pair is None:
                continue
            if pair.target_date in pairs:
                message = f"the target date {pair.target_date} is listed twice here"
                self._twice(entry, message, places[pair.target_date])
                continue
            pairs[pair.target_date] = pair
            places[pair.target_date] = Source(self._file, entry.line, entry.column)
        return tuple(pairs.values())

    def accounts(self, node: Node | None, dates: tuple[DatePair, ...]) -> tuple[Account, ...]:
        """Return the entries of `accounts`; `dates` are the spec's own."""
        found = []
        for entry in node.items if isinstance(node, Sequence) else ():
            account = self._account(entry)
            if account is not None:
                self._claim(account, dates if account.dates is None else account.dates)
                found.append(account)
        return tuple(found)

    def text(self, node: Node | None) -> str | None:
        """Return a text, with a warning where other tools would read something else."""
        if not isinstance(node, Scalar):
            return None
        if node.plain and is_retyped(node.value):
            what = f"other YAML tools do not read {quote(node.value)} as text; put it in quotes"
            self._problem(node, "ZB901", what)
        return node.value

    def _problem(self, node: Node, code: str, message: str) -> None:
        self.problems.append(Diagnostic(self._file, node.line, node.column, code, message))

    def _twice(self, at: Node | Source, message: str, first: Source) -> None:
        related = Related("first listed here", first.file, first.line, first.column)
        found = Diagnostic(self._file, at.line, at.column, "ZB302", message, "", (related,))
        self.problems.append(found)

    def _pair(self, entry: Node) -> DatePair | None:
        if not isinstance(entry, Mapping):
            return None
        target = self._date(child(entry, "target_date"))
        invoice = self._date(child(entry, "invoice_date"))
        if target is None or (invoice is None and "invoice_date" in entry.entries):
            return None
        return DatePair(target, invoice or target)

    def _date(self, node: Node | None) -> date | None:
        if not isinstance(node, Scalar) or not DATE.fullmatch(node.value):
            return None
        try:
            return parse_date(node.value)
        except ValueError as error:
            self._problem(node, "ZB301", str(error))
            return None

    def _account(self, entry: Node) -> Account | None:
        own = entry if isinstance(entry, Mapping) else None
        named = child(own, "id") if own else entry
        dates = self.dates(child(own, "dates")) if own and "dates" in own.entries else None
        reason = self.text(child(own, "reason")) if own else None
        if not isinstance(named, Scalar) or not ACCOUNT_ID.fullmatch(named.value):
            return None
        self.text(named)
        source = Source(self._file, entry.line, entry.column)
        revision = _revision(child(own, "revision"))
        return Account(named.value.lower(), source, dates, reason, revision)

    def _claim(self, account: Account, dates: tuple[DatePair, ...]) -> None:
        for pair in dates:
            first = self._seen.setdefault((account.named, pair.target_date), account)
            if first is not account:
                message = _twice(account, first, pair.target_date)
                self._twice(account.source, message, first.source)
                return


def _twice(account: Account, first: Account, target: date) -> str:
    what = f"account {account.account_id} with target date {target} is listed"
    if account.revision == first.revision:
        return f"{what} twice"
    return (
        f"{what} with revision {account.revision} beside revision {first.revision}; "
        "a spec holds one of them: the lower is settled before the next is asked for"
    )


def _revision(node: Node | None) -> int:
    if isinstance(node, Scalar) and node.plain and REVISION.fullmatch(node.value):
        return int(node.value)
    return 1
