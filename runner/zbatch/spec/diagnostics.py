"""What can be wrong with a file, and how each finding is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from zbatch.errors import Refused

CODES: dict[str, str] = {
    "ZB101": "The file cannot be opened or read.",
    "ZB102": "The path is not a regular file: a folder, a pipe or a device.",
    "ZB103": "The file is empty, or holds nothing but comments.",
    "ZB104": "The file is larger than 32 MB.",
    "ZB105": "The file is not UTF-8 text.",
    "ZB106": "The file holds a control, zero-width or direction-changing character.",
    "ZB107": "The text is not valid YAML.",
    "ZB108": "Lists and maps are nested deeper than 32 levels.",
    "ZB109": "The file holds more than one YAML document.",
    "ZB110": "A key is written twice in one map; YAML tools would keep only one of them.",
    "ZB111": "An anchor or alias is used; every value is written where it holds.",
    "ZB112": "A merge key `<<` is used; every value is written where it holds.",
    "ZB113": "A tag such as `!!str` or `!env` is used; the schema alone says what a value is.",
    "ZB114": "A key of a map is not plain text.",
    "ZB115": "The file holds more than 50,000 values beside the list of accounts.",
    "ZB201": "A required key is missing.",
    "ZB202": "A key is unknown.",
    "ZB203": "A key is known, but not supported by this version of zbatch, or not allowed here.",
    "ZB204": "A value is of the wrong kind: text, whole number, true or false, list, map.",
    "ZB205": "A text does not have the form that is asked for.",
    "ZB206": "A number is too small or too large.",
    "ZB207": "A text or a list is too short or too long.",
    "ZB208": "A value is not one of those that are allowed.",
    "ZB209": "The file's `version` is not one that this zbatch reads.",
    "ZB211": "Exactly one of several keys must be there.",
    "ZB212": "A long list has more wrong entries than are told one by one.",
    "ZB301": "A date is not a day of the calendar.",
    "ZB302": "The same account and target date is listed twice.",
    "ZB303": "The tenant is not known.",
    "ZB304": "A base URL is not acceptable.",
    "ZB305": "A path leaves the project's folder.",
    "ZB306": "A file that is named does not exist or is not a regular file.",
    "ZB307": "A name or host is reserved for the built-in emulator.",
    "ZB308": "One entity is spelled in two ways, which would give it two ledgers.",
    "ZB309": "A fault of the emulator cannot be played as it is written.",
    "ZB310": "A revision is given for a whole file of accounts.",
    "ZB314": "The plan has another number of accounts or items than the spec expects.",
    "ZB315": "The plan has another set of accounts than the spec expects.",
    "ZB316": "The spec keeps out every account that it lists.",
    "ZB317": "All kinds of charges are switched off.",
    "ZB318": "So much is wrong in the file that it was not read to its end.",
    "ZB330": "A date expression needs the period, and the spec has none.",
    "ZB331": "A date is neither written YYYY-MM-DD nor an expression that is known.",
    "ZB332": "A date expression adds or takes away too many days.",
    "ZB333": "A period is not a month from 2000-01 to 2099-12.",
    "ZB334": "A time zone has no name that is known.",
    "ZB335": "Another period is asked for than the spec has.",
    "ZB340": "A limit of the spec is above the ceiling that its tenant has.",
    "ZB341": "A tenant is not protected, but another tenant at the same host is.",
    "ZB342": "A tenant's `kind` is none of those that Zuora has at its host.",
    "ZB343": "A proxy's URL is not acceptable.",
    "ZB344": "A proxy is named for a tenant that is reached by plain http.",
    "ZB345": "A `ca_file` is no file of certificates.",
    "ZB346": "One credential is named twice, as an environment variable and as a file.",
    "ZB360": "`stop.min_sample` is set without `stop.failure_ratio`, which alone it belongs to.",
    "ZB361": "`stop.deadline` leaves a run no time.",
    "ZB362": "A stage is not larger than the one before it.",
    "ZB363": "`stages` end otherwise than with one `rest`.",
    "ZB401": "An account file has no column that names the account.",
    "ZB402": "An account file names its accounts in two ways, by ID and by number.",
    "ZB403": "A column stands twice in the header of an account file.",
    "ZB404": "A column is nearly one of those that hold dates; to pass over it would bill others.",
    "ZB405": "A column that `columns` names is not in the account file.",
    "ZB406": "A column of an account file has no name.",
    "ZB407": "What separates the columns of an account file is not clear from its header.",
    "ZB408": "An account file has a header, but no rows.",
    "ZB411": "A row has fewer cells than the header.",
    "ZB412": "A row has more cells than the header.",
    "ZB413": "An empty row stands between rows.",
    "ZB414": "A quote stands where CSV has none.",
    "ZB415": "A quote is opened and never closed.",
    "ZB416": "A cell or line of an account file is too long.",
    "ZB417": "An account file has more than 2,000,000 rows.",
    "ZB418": "An account file has more wrong places than are told one by one.",
    "ZB421": "A row does not name its account.",
    "ZB422": "A cell does not hold an account ID.",
    "ZB423": "A cell does not hold an account number.",
    "ZB424": "A spreadsheet has made an account ID or number a number and lost its digits.",
    "ZB425": "A cell holds a spreadsheet's formula or error.",
    "ZB426": "A cell does not hold a date written YYYY-MM-DD.",
    "ZB427": "A cell holds a date in a spreadsheet's form, which is not guessed.",
    "ZB428": "An invoice date stands without a target date.",
    "ZB429": "A file of accounts that are kept out has a column of dates.",
    "ZB430": "A column of an account file is called like a key of the spec.",
    "ZB501": "The file is not a frozen plan that this zbatch reads.",
    "ZB502": "A frozen plan was changed after it was made.",
    "ZB503": "The spec has changed since its plan was approved.",
    "ZB504": "A list that the spec names has changed since the plan was approved.",
    "ZB505": "zbatch reads specs by another schema than the one that the plan was approved under.",
    "ZB506": "The tenant is not what it was when the plan was approved.",
    "ZB507": "The command line names another tenant or period than the approved plan.",
    "ZB508": "The spec of a frozen plan is not where the plan says.",
    "ZB509": "The plan is not the one that the given digest approves.",
    "ZB510": "The items are not the approved ones, though the spec is: zbatch itself has changed.",
    "ZB511": "The limits are not what they were when the plan was approved.",
    "ZB520": "No account of the tenant has this number.",
    "ZB521": "A number is that of several accounts of the tenant.",
    "ZB522": "The tenant writes an account's number in other upper and lower case.",
    "ZB901": "A text without quotes looks like a number, a truth value or nothing to other tools.",
    "ZB902": "A date is more than a month from the spec's period.",
    "ZB903": "An invoice date is a Saturday or a Sunday.",
    "ZB904": "A name says production and the host is a sandbox's, or the reverse.",
    "ZB905": "Two specs of one period bill an account for the same target date.",
    "ZB906": "Columns of an account file hold dates and are passed over.",
    "ZB915": "An exclusion keeps nobody out.",
    "ZB916": "An account is kept out twice.",
    "ZB920": "A plan has far more items than what it is compared with.",
    "ZB921": "A plan has far fewer items than what it is compared with.",
    "ZB922": "A plan needs more calls than a quota of the tenant's kind allows.",
    "ZB923": "A plan needs longer than `stop.deadline` lets a run take.",
    "ZB925": "A file of credentials lies in the project, where version control may take it along.",
    "ZB926": "A production tenant does not say whether it is protected.",
    "ZB930": "The tenant does not show an account of a plan.",
    "ZB931": "An account of a plan is not active in the tenant.",
}
LISTED = 1000  # findings of one code in one file that are kept one by one
SHOWN = 10  # of them that people are shown one by one
ECHO = 80  # characters of a value that a message repeats


@dataclass(frozen=True, slots=True, order=True)
class Related:
    """Another place that a finding is about, and what is there: "first listed here"."""

    label: str
    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.label}: {visible(self.file)}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Diagnostic:
    """One finding; `file` is the path as given, `line` and `column` count from 1.

    `hint` says what to write instead where that is known. `count` is more than 1 where it stands
    for all the findings of its kind from its place on. `within` is where the schema has it, with
    `[]` for a list.
    """

    file: str
    line: int
    column: int
    code: str
    message: str
    hint: str = ""
    related: tuple[Related, ...] = ()
    count: int = 1
    within: str = field(default="", compare=False)

    @property
    def warning(self) -> bool:
        """Whether the file is usable all the same."""
        return self.code.startswith("ZB9")

    @property
    def sentence(self) -> str:
        """What is wrong, and what to write instead."""
        return f"{self.message}; {self.hint}" if self.hint else self.message

    def __str__(self) -> str:
        also = "".join(f" ({place})" for place in self.related)
        where = f"{visible(self.file)}:{self.line}:{self.column}"
        return f"{where} {self.code} {self.sentence}{also}"


class SpecError(Refused):
    """A file cannot be used; `diagnostics` holds every reason, in the order of the text.

    `strict` if warnings are among the reasons; `shown` of each kind stand in the message.
    """

    def __init__(
        self, diagnostics: Iterable[Diagnostic], *, strict: bool = False, shown: int = SHOWN
    ) -> None:
        self.diagnostics = tuple(diagnostics)
        self.strict = strict
        self.shown = shown
        super().__init__("\n".join(map(str, tidy(self.diagnostics, shown))))


def visible(text: str) -> str:
    """Return the text with everything that a terminal could act on written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def quote(text: str) -> str:
    """Return a value as messages repeat it: visible, in quotes, at most 80 characters of it."""
    cut = text if len(text) <= ECHO else text[: ECHO - 1]
    return f'"{visible(cut)}{"" if cut is text else "…"}"'


def tidy(diagnostics: Iterable[Diagnostic], most: int = LISTED) -> tuple[Diagnostic, ...]:
    """Sort, drop repetitions, and let one finding stand for those of a kind beyond `most`.

    Of a kind are those of one code and one place in the schema; what is in no list is told as far
    as anything is.
    """
    seen: Counter[tuple[str, str, str]] = Counter()
    rest: Counter[tuple[str, str, str]] = Counter()
    told: list[Diagnostic] = []
    beyond: dict[tuple[str, str, str], Diagnostic] = {}
    for finding in sorted(set(diagnostics)):
        key = (finding.file, finding.code, finding.within)
        seen[key] += 1
        alone = finding.within and "[]" not in finding.within
        if seen[key] <= (LISTED if alone else most):
            told.append(finding)
        else:
            beyond.setdefault(key, finding)
            rest[key] += finding.count
    told += (_and_more(finding, rest[key]) for key, finding in beyond.items())
    return tuple(sorted(told)) if beyond else tuple(told)


def _and_more(finding: Diagnostic, count: int) -> Diagnostic:
    if count == finding.count:  # alone, and worth no line that hides what it is
        return finding
    message = f"and {count:,} more of this kind from here on: {CODES[finding.code]}"
    return replace(finding, message=message, hint="", related=(), count=count)
