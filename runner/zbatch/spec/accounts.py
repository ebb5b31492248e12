"""The list of accounts, taken entry by entry as the text is read: inline ones and whole files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from zbatch import model
from zbatch.model import DatePair, Source
from zbatch.spec.account_files import AccountFiles
from zbatch.spec.alike import Alike, Form
from zbatch.spec.days import DateReader, needs_period
from zbatch.spec.diagnostics import Diagnostic, quote
from zbatch.spec.findings import Findings
from zbatch.spec.nodes import Mapping, Node, Scalar, Sequence, child
from zbatch.spec.roster import RosterBuilder, Traits
from zbatch.spec.rows import Accepts, compile_rows
from zbatch.spec.schema import load_schema, load_shape, typed
from zbatch.spec.structure import EntryCheck
from zbatch.spec.values import ACCOUNT_ID, ACCOUNT_NUMBER, REVISION, is_retyped
from zbatch.spec.warnings import DayWarnings

_TEXTS = ("id", "number", "file", "reason")
MOST_FORMS = 1000  # that are remembered


@dataclass(frozen=True, slots=True)
class _Like:
    """What is known of an entry once another of its form was read: all but its name."""

    style: int
    by_number: bool
    accepts: Accepts  # the names that the schema lets pass


class AccountReader:
    """Takes the entries of `accounts` in the order of the text; finds all that is wrong with them.

    Dates by expression wait until `finish` tells the period, which may stand below the accounts.
    """

    def __init__(
        self, file: str, files: AccountFiles, findings: Findings, warnings: DayWarnings
    ) -> None:
        schema = load_schema("spec")["properties"]["accounts"]["items"]
        self.check = EntryCheck(file, schema, "accounts")
        self.builder = RosterBuilder()
        self._file = file
        self._files = files
        self._findings = findings
        self._warnings = warnings
        self._days = DateReader(file, findings, warnings)
        self._shape = load_shape("spec").keys["accounts"].items
        self._waiting: list[tuple[int, Node]] = []
        self._position = -1
        branches = {branch["type"]: branch for branch in schema["oneOf"]}
        named = branches["object"]["properties"]
        self._accepts = {key: compile_rows(named[key]) for key in ("id", "number")}
        self._forms: dict[Form, _Like] = {}
        self._last: _Like | None = None

    def take(self, entry: Node) -> None:
        """Take the next entry."""
        self._position += 1
        self._last = None
        value = entry.value if isinstance(entry, Scalar) else typed(entry, self._shape)
        if not self.check.accepts(value):
            self.check.refuse(self._position, entry, value)
        elif isinstance(entry, Scalar):
            warn_retyped(entry, self._file, self._findings)
            style = self.builder.style(Traits(self._file, entry.column))
            self.builder.add(entry.value, entry.line, style, by_number=False)
        elif isinstance(entry, Mapping):
            self._take_map(entry)

    def take_alike(self, entry: Alike) -> bool:
        """Take the next entry if one of its form was learnt, and nothing is wrong with its name."""
        like = self._forms.get(entry.form)
        if like is None:
            return False
        line, _, name, plain = entry.name
        if not like.accepts(name) or (plain and is_retyped(name)):
            return False
        self._position += 1
        self.builder.add(name, line, like.style, by_number=like.by_number)
        return True

    def take_run(self, form: Form, names: list[str], line: int, *, plain: bool) -> bool:
        """Take entries of a form that was learnt, a line each, as `take_alike` takes one."""
        like = self._forms.get(form)
        if like is None or like.by_number or not all(map(like.accepts, names)):
            return False
        if plain and any(map(is_retyped, names)):
            return False
        self._position += len(names)
        self.builder.add_lines(names, line, like.style)
        return True

    def learn(self, form: Form) -> None:
        """Remember that the entry that was taken last had this form, if that tells all of it."""
        if self._last is not None and len(self._forms) < MOST_FORMS:
            self._forms[form] = self._last

    def finish(self, period: str | None) -> None:
        """Read the dates that may need the period."""
        for style, node in self._waiting:
            self.builder.set_dates(style, self._days.dates(node, period))

    def _take_map(self, entry: Mapping) -> None:
        found = self._findings.added
        warn_texts(entry, self._file, self._findings)
        file, dates = child(entry, "file"), child(entry, "dates")
        reason, revision = _text(child(entry, "reason")), _revision(child(entry, "revision"))
        known = self._days.dates(dates, None) if dates and not needs_period(dates) else None
        traits = Traits(self._file, entry.column, known, reason, revision)
        if isinstance(file, Scalar):
            self._take_file(file, entry, traits)
            return
        style = self.builder.style(traits) if known or not dates else self._wait(traits, dates)
        number = _text(child(entry, "number"))
        name = number or _text(child(entry, "id")) or ""
        by_number = number is not None
        self.builder.add(name, entry.line, style, by_number=by_number)
        if (known or not dates) and self._findings.added == found:
            accepts = self._accepts["number" if by_number else "id"]
            self._last = _Like(style, by_number, accepts)

    def _wait(self, traits: Traits, dates: Node) -> int:
        style = self.builder.open_style(traits)
        self._waiting.append((style, dates))
        return style

    def _take_file(self, file: Scalar, entry: Mapping, traits: Traits) -> None:
        if "revision" in entry.entries:
            at = entry.entries["revision"][0]
            message = "`revision` is given account by account, never for a whole file"
            self._problem(at, "ZB310", message, "list the accounts that are billed once more")
            return
        styles: dict[tuple[int, DatePair | None], int] = {}
        shown = self._files.shown(file.value)
        dates = child(entry, "dates")
        for by_number, (line, column, name, target, invoice) in self._files.rows(
            file, columns_of(entry)
        ):
            own = DatePair(target, invoice or target) if target else None
            style = styles.get((column, own))
            if style is None:
                self._see(shown, line, column, target, invoice)
                as_given = Traits(shown, column, (own,) if own else traits.dates, traits.reason)
                waits = dates is not None and own is None and traits.dates is None
                style = (
                    self._wait(as_given, dates) if waits and dates else self.builder.style(as_given)
                )
                styles[column, own] = style
            self.builder.add(name, line, style, by_number=by_number)

    def _see(
        self, file: str, line: int, column: int, target: date | None, invoice: date | None
    ) -> None:
        for key, day in (("target_date", target), ("invoice_date", invoice)):
            if day is not None:
                meant = day == target  # the invoice date says no more than the target date alone
                self._warnings.see(file, line, column, key, day, meant=meant)

    def _problem(self, at: Node, code: str, message: str, hint: str = "") -> None:
        self._findings.add(Diagnostic(self._file, at.line, at.column, code, message, hint))


class ExclusionReader:
    """Reads the entries of `exclude`, passing over what the schema refuses."""

    def __init__(self, file: str, files: AccountFiles, findings: Findings) -> None:
        self._file = file
        self._files = files
        self._findings = findings

    def exclusions(self, node: Node | None) -> tuple[model.Exclusion, ...]:
        """Return who is kept out."""
        found: list[model.Exclusion] = []
        for entry in node.items if isinstance(node, Sequence) else ():
            if isinstance(entry, Mapping):
                found += self._entry(entry)
        return tuple(found)

    def _entry(self, entry: Mapping) -> list[model.Exclusion]:
        warn_texts(entry, self._file, self._findings)
        reason, file = _text(child(entry, "reason")), child(entry, "file")
        if not reason:
            return []
        if isinstance(file, Scalar):
            return self._of_file(file, entry, reason)
        account_id, number = _text(child(entry, "id")), _text(child(entry, "number"))
        source = Source(self._file, entry.line, entry.column)
        if account_id and not number and ACCOUNT_ID.fullmatch(account_id):
            return [model.Exclusion(account_id.lower(), None, reason, source)]
        if number and not account_id and ACCOUNT_NUMBER.fullmatch(number):
            return [model.Exclusion(None, number, reason, source)]
        return []

    def _of_file(self, file: Scalar, entry: Mapping, reason: str) -> list[model.Exclusion]:
        shown = self._files.shown(file.value)
        rows = self._files.rows(file, columns_of(entry), dated=False)
        return [
            model.Exclusion(
                None if by_number else name,
                name if by_number else None,
                reason,
                Source(shown, line, column),
            )
            for by_number, (line, column, name, _, _) in rows
        ]


def warn_retyped(node: Node | None, file: str, findings: Findings) -> None:
    """Warn of a text where other tools would read something else."""
    if isinstance(node, Scalar) and node.plain and is_retyped(node.value):
        what = f"other YAML tools do not read {quote(node.value)} as text; put it in quotes"
        findings.add(Diagnostic(file, node.line, node.column, "ZB901", what))


def warn_texts(entry: Mapping, file: str, findings: Findings) -> None:
    """Warn of each text of an entry where other tools would read something else."""
    for key in _TEXTS:
        if key in entry.entries:
            warn_retyped(entry.entries[key][1], file, findings)


def columns_of(entry: Node) -> dict[str, str]:
    """Return the names that a file has for our columns."""
    columns = child(entry, "columns")
    named = columns.entries.items() if isinstance(columns, Mapping) else ()
    return {name: value.value for name, (_, value) in named if isinstance(value, Scalar)}


def _text(node: Node | None) -> str | None:
    return node.value if isinstance(node, Scalar) else None


def _revision(node: Node | None) -> int:
    if isinstance(node, Scalar) and node.plain and REVISION.fullmatch(node.value):
        return int(node.value)
    return 1
