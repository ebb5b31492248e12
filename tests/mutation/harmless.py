"""Why the mutants that survive are harmless: a survivor without a reason fails the run."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mutation.trial import Trial


@dataclass(frozen=True, slots=True)
class Reason:
    """Why some survivors are harmless; `module`, `change` and `place` are patterns that tell which.

    A place is the name of a table or a statement; for functions it is a line, and not looked at.
    """

    why: str
    module: str
    change: str
    place: str = ""
    alike: bool = False  # told by their lines alone

    def covers(self, trial: Trial) -> bool:
        """Tell whether this is the reason of a survivor."""
        patterns = (
            (self.module, trial.module),
            (self.change, trial.told),
            (self.place, trial.place),
        )
        return all(re.search(pattern, text) for pattern, text in patterns)


LEDGER = r"^ledger/"
# What JSON in a column may hold or not: a name in it has one case, and is missing in another.
IN_JSON = "gone|shown"

REASONS: tuple[Reason, ...] = (
    Reason(
        "The same: a row of SQLite gives a column by its name in upper case too.",
        LEDGER,
        rf'^`"(?!({IN_JSON})")[a-z_]+"` → `"[A-Z_]+"`$',
        alike=True,
    ),
    Reason(
        "The same: SQL takes its words in any case.",
        LEDGER,
        r'(?i)^`("?(?:pragma|select|begin|commit|rollback|journal|synchronous|foreign).*)` → `\1`$',
        alike=True,
    ),
    Reason(
        "The same: Python reads the word for infinity in any case.",
        r"^engine/",
        r'(?i)^`float\("-inf"\)` → |^`"-inf"` → `"-INF"`$',
    ),
    Reason(
        "A sentence for people, in other letters or missing: nothing depends on how it reads, and"
        " the code beside it is held.",
        "",
        # a word alone may be a name that something depends on
        r'(?i)^`(?!f?"[^ "]*"`)(.+)` → `\1`$|^`f?"[^`]* [^`]*` → `(None|f?"XX)',
        alike=True,
    ),
    Reason(
        "The same for each of the messages that are compared, none of which ends in an X.",
        r"^zuora/(reply|limits)\.py",
        r'"XX\.XX"',
    ),
    Reason(
        "The same: a header that is not there, or a text beside a date, is no wait either way.",
        r"^zuora/(limits|allowance)\.py",
        r'^`""` → `"XXXX"`$',
    ),
    Reason(
        "The same: 300 is a redirect, and has been answered for above.",
        r"^zuora/reply\.py",
        r"300|^`<` → `<=`$",
    ),
    Reason(
        "The same on every SQLite that is built as its makers do: FULL is what it does unasked. A"
        " test holds what the connection is set to.",
        r"^ledger/store\.py",
        r'"XXsynchronous',
    ),
    Reason(
        "The same on an SQLite that is built to read any name as an address; others are asked to.",
        r"^ledger/glance\.py",
        r"^`uri=True, isolation_level=None` → ",
    ),
    Reason(
        "The same: one more doubling is beyond the cap as well.",
        r"^engine/backoff\.py",
        r"^`10\)?` → `11",
    ),
    Reason(
        "The same: a burnt key is never sent, so no answer comes to a key that has this already.",
        r"^ledger/statements\.py",
        r"coalesce\(\?, if_absent\)",
        place="^UPDATE_CALL_ITEMS?$",
    ),
    Reason(
        "The same: where a question settles a key without renewing it, renewals are at their end or"
        " do not count.",
        r"^ledger/statements\.py",
        r"coalesce\(\?, if_absent\)",
        place="SETTLE_BY_QUESTION",
    ),
    Reason(
        "The same today: SQLite finds these rows by an index that has this order. It is asked for"
        " so that no other way of finding them may change it.",
        r"^ledger/statements\.py",
        r"ORDER BY [\w., ]+ → nothing$",
    ),
    Reason(
        "The same: these columns are empty when an attempt begins; its answer names them anew.",
        r"^ledger/statements\.py",
        r"^(http_status|request_id|token|error_code) and \w+ exchanged$",
        place="^INSERT_ATTEMPT$",
    ),
    Reason(
        "The same: the statement that links item and key has the condition too, and refuses.",
        r"^ledger/statements\.py",
        r"^without invoice_id IS NULL$",
        place="^OPEN_ITEM$",
    ),
    Reason(
        "The same: its columns are read by their names, and what has no outcome makes no record.",
        r"^ledger/statements\.py",
        r"^without outcome IS NOT NULL$|^\w+ and \w+ exchanged$",
        place="^OUTCOMES_OF_ACCOUNTS$",
    ),
    Reason(
        "The same, more slowly: what an earlier run has listed is a hint where its rows lie, and"
        " without it each is found by its account.",
        r"^ledger/(store|listing)\.py",
        r"^`execute\(sql\.RUNS_OF_PLAN|^`earlier|^`like` → `None`$",
    ),
    Reason(
        "The same, more slowly: keys of a call that have come to the same are settled by one"
        " statement, and else by one each. Both count the rows.",
        r"^ledger/calls\.py",
        r"^`>` → `>=`$|^`1` → `2`$|^`effects\[0\]` → `None`$|^`0` → `1`$",
    ),
    Reason(
        "The same, in more memory: a key that is answered is not looked for again.",
        r"^ledger/calls\.py",
        r"^`result\.call\.key` → `None`$|^`None` → `…`$",
    ),
    Reason(
        "The same, more slowly: a moment in UTC is told as it is, and any other is brought to it.",
        r"^ledger/rows\.py",
        r"^`moment\.tzinfo is UTC` → `\(moment\.tzinfo is UTC\) and False`$",
    ),
    Reason(
        "The same standings, all of them read at once: how many a read takes ahead is a matter of"
        " memory.",
        r"^ledger/standings\.py",
        r"^`AT_ONCE` → `None`$",
    ),
    Reason(
        "The same body: the level is a matter of speed and size, and a resend sends the bytes that"
        " the ledger keeps.",
        r"^zuora/request\.py",
        r"level=1",
    ),
    Reason(
        "The same: an empty text holds as little as nothing does.",
        r"^zuora/reply\.py",
        r'^`None` → `""`$',
    ),
    Reason(
        "The name of a thread, for whoever looks at a process.",
        r"^ledger/writer\.py",
        r"ledger",
    ),
    Reason(
        "The same: what has an answer has a call, and None is as false as False.",
        r"^engine/judge\.py|^ledger/store\.py",
        r"\(work\.call\) or True|^`False` → `None`$",
    ),
    Reason(
        "The same: what is read as rows is one row for each item, or it is no rows.",
        r"^engine/judge\.py",
        r"^`strict=True` → ",
    ),
    Reason(
        "The same: while a key is clean this is its first such answer, which is no replay and is"
        " sent again under either rule.",
        r"^engine/verdict\.py",
        r"^(server_error|unreadable), clean: (again Pause\.BACKOFF|server_error|unreadable)$"
        r"|^lost, clean: (server_error|unreadable)$"
        r"|^(limit_in_success|busy), clean: throttled_clean$",
        place="^TABLE$",
    ),
    Reason(
        "The same: a code that is not known is uncertain too. It stands there with its reason, and"
        " with its sentence, which a test holds.",
        r"^zuora/codes\.py",
        r"^without (UNKNOWN_ERROR|TRANSACTION_TIMEOUT|TRANSACTION_FAILED|SERVER_UNAVAILABLE"
        r"|UNEXPECTED_ERROR|BATCH_FAIL_ERROR|REQUEST_REJECTED)$",
        place="^_CODES$",
    ),
    Reason(
        "The same: of a code by this name it is known that it is sure.",
        r"^engine/verdict\.py",
        r"^without [A-Z_]+$",
        place="^_OF_THE_SEND$",
    ),
    Reason(
        "The same: either phrase is enough, whichever is looked for first.",
        r"^zuora/codes\.py",
        r"exchanged$",
        place="^_LOCKED$",
    ),
    Reason(
        "Never looked at: the rule for rows said at the door looks at the attempts alone.",
        r"^engine/verdict\.py",
        r"^`context` → `None`",
    ),
    Reason(
        "The same for every count: the waits add up to 543 and then 603 seconds, so the first one"
        " more or less, or a sum of exactly 600, changes no answer.",
        r"^engine/backoff\.py",
        r"range|^`1, |^`1` → |^`>` → `>=`",
    ),
    Reason(
        "A wait that is drawn below a bound twice as high, or half as high: how long nobody relies"
        " on, and after more of them the bound is at its cap either way.",
        r"^engine/(aftermath|asking)\.py",
        r"^`1` → `2`$",
    ),
    Reason(
        "The same: the attempt has the problem then, and it is told of each item that has none.",
        r"^engine/judge\.py",
        r"^`problem=problem` → `problem=None`$",
    ),
    Reason(
        "The same: a key whose clock has gone back behind the ledger's newest stamp has expired"
        " before the wait.",
        r"^engine/age\.py",
        r"^`clocks\.newest` → `None`$",
    ),
    Reason(
        "Never looked at: a window of answers begins before any of them counts, and what a trial"
        " has found holds for no time yet.",
        r"^engine/crowding\.py",
        r'^`None` → `""`$|^`float\("inf"\)` → `None`$|^`0` → `None`$',
    ),
    Reason(
        "The same for windows of one length: each mean is longer by as much.",
        r"^engine/crowding\.py",
        r"^`0\.0` → `1\.0`$",
    ),
    Reason(
        "The same: no clock here reads less than zero, so what follows the point is cut off either"
        " way.",
        r"^engine/windows\.py",
        r"^`/` → `…`$",
    ),
    Reason(
        "The same: at the end of a window nothing is left to spread.",
        r"^engine/windows\.py",
        r"^`<` → `<=`$",
    ),
    Reason(
        "Never looked at: there are no policies until some are told.",
        r"^engine/windows\.py",
        r"^`\(\)` → `None`$|^`-inf` → `\+inf`$",
    ),
    Reason(
        "Never looked at: what counts is when the last gate closed, and none has.",
        r"^engine/pacing\.py",
        r"^`0\.0` → `(None|1\.0)`$",
    ),
    Reason(
        "The same: an epoch is compared with that of a slot, and each is another.",
        r"^engine/pacing\.py",
        r"^`0` → `1`$|^`\+=` → `-=`$|^`1` → `2`$",
    ),
    Reason(
        "The same: a gate that opened as the last request left has held up nothing since.",
        r"^engine/pacing\.py",
        r"^`>` → `>=`$",
    ),
    Reason(
        "The same: nothing is taken for a trial, or to wait for, where there is no word of it.",
        r"^engine/(concurrency|places)\.py",
        r'^`None` → `""`$',
    ),
    Reason(
        "Half a place more, until the next word of the tenant; what it told bounds both.",
        r"^engine/concurrency\.py",
        r"^`/` → `…`$",
    ),
    Reason(
        "The same: requests are numbered in their order, from any number on and however far apart;"
        " before the first none is in flight.",
        r"^engine/concurrency\.py",
        r"^`0` → `1`$|^`1` → `2`$",
    ),
    Reason(
        "The same: a request has landed before it is told that it was refused.",
        r"^engine/concurrency\.py",
        r"^`<` → `<=`$",
    ),
    Reason(
        "Another answer only at the very edge, where either is right: two measured times that are"
        " alike to the last bit, or the one request that left just before a pause; and who leaves"
        " as the one too many is told by his number already.",
        r"^engine/(concurrency|crowding|pacing)\.py",
        r"^`(>|<|>=)` → `(>=|<=|>)`$",
    ),
    Reason(
        "The same: a work has a trail for each of its items, and a question tells of each of them.",
        r"^engine/(aftermath|gathered|preflight)\.py",
        r"^`strict=True` → ",
    ),
    Reason(
        "The same: by then the run is stopping, and nothing of the stage that opens begins.",
        r"^engine/supply\.py",
        r"^`False` → `True`$",
    ),
    Reason(
        "The same: both entities that are compared come by here.",
        r"^zuora/token_reply\.py",
        r"^`\.lower` → `\.upper`$",
    ),
)


def reason_of(trial: Trial) -> Reason | None:
    """Give the first reason that covers a survivor."""
    return next((reason for reason in REASONS if reason.covers(trial)), None)
