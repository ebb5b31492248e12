"""Mutants of the ledger's SQL: a condition, a constraint, an order or two columns at a time."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator

from zbatch.ledger import rows, schema, statements

# Each condition is replaced by one that is always true and takes as many parameters.
_CONDITION = re.compile(
    r"( WHERE | AND )(?!EXISTS|NOT EXISTS|\(outcome)"
    r"(?:\([^()]+\)|[\w.]+) (?:=|<>|<|>|IS NOT|IS|IN) "
    r"(?:\((?:\?, )*\?\)|\([^()]+\)|\?|'[a-z_]+'|NULL|[\w.]+)"
)
_SWAPS: tuple[tuple[str, str], ...] = (
    (r" ORDER BY [\w., ]+$", ""),
    (r"(?<=target_date) < ", " <= "),
    (r"(?<=revision\)) > ", " >= "),
    (r"max\(value, \?1\)", "?1"),
    (r"\bmax\(", "min("),
    (r"\bmin\(", "max("),
    (r"coalesce\(\?, if_absent\)", "?"),
    (r" \+ 1\b", ""),
    (r"outcome = NULL", "outcome = outcome"),
    (r"error_code = NULL, error_message = NULL", "error_code = error_code"),
    (r"invoice_id = NULL, invoice_ids = '\[\]'", "invoice_id = invoice_id"),
    (r" ON CONFLICT [^']*WHERE answer IS NULL", ""),
    (r"target_date <> \?(?= OR )", "(? IS NULL AND 0)"),
    (r"(?<= OR )revision < \?", "(? IS NULL AND 0)"),
    (r" AND sent\b", ""),
    (r"NOT EXISTS", "EXISTS"),
    (r"(?<= OR )EXISTS", "NOT EXISTS"),
    (r"(?<=WHERE )EXISTS", "NOT EXISTS"),
    (r"'live'\)", "'burnt')"),
    (r" = excluded\.(\w+)", r" = item.\1"),
)
# What says a rule; NOT NULL and STRICT say types.
_CONSTRAINTS: tuple[tuple[str, str], ...] = (
    (r" CHECK \((?:[^()]|\([^()]*\))*\)(?=,?\n)", ""),
    (r",\n +CHECK \((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)(?=,?\n)", ""),
    (r"UNIQUE INDEX", "INDEX"),
    (r" WHERE state <> 'settled';", ";"),
    (r" TEXT NOT NULL UNIQUE", " TEXT NOT NULL"),
    (r",\n    UNIQUE \([^)]+\)", ""),
    (r" REFERENCES \w+ \(id\)", ""),
)
_COLUMNS = ("PAYLOAD_COLUMNS", "ITEM_COLUMNS", "RECORD_COLUMNS", "ATTEMPT_COLUMNS")


def statement_mutants() -> Iterator[tuple[str, str, str]]:
    """Give the name of each statement, what is changed in it, and its text then."""
    connection = sqlite3.connect(":memory:")
    schema.migrate(connection)
    for name, text in vars(statements).items():
        if not name.isupper() or name in ("ITEM_ID", "_LISTED"):
            continue
        for told, mutant in _changed(text):
            if _is_sql(connection, mutant):
                yield name, told, mutant
    connection.close()


def schema_mutants() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give what is taken out of the tables, and the steps that make them then.

    A step may replace a table of an earlier one: what leaves the same tables is no mutant.
    """
    steps = schema.STEPS
    for number, text in enumerate(steps):
        for told, mutant in _replaced(text, _CONSTRAINTS):
            changed = (*steps[:number], mutant, *steps[number + 1 :])
            if _tables(changed) not in (None, _tables(steps)):
                yield told, changed


def _tables(steps: tuple[str, ...]) -> list[tuple[str]] | None:
    """Give the tables and indexes that these steps make, or None where SQLite refuses them."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript("".join(steps))
        return connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
    except sqlite3.Error:
        return None
    finally:
        connection.close()


def _changed(text: str) -> Iterator[tuple[str, str]]:
    for match in _CONDITION.finditer(text):
        true = " AND ".join(["(? IS NULL OR 1)"] * match[0].count("?")) or "1"
        mutant = text[: match.end(1)] + true + text[match.end() :]
        yield f"without{match[0].removeprefix(match[1].rstrip())}", mutant
    yield from _replaced(text, _SWAPS)
    for columns in (vars(rows)[name] for name in _COLUMNS):
        if columns in text:
            yield from _swapped(text, columns)


def _swapped(text: str, columns: str) -> Iterator[tuple[str, str]]:
    """Exchange each two neighbours of a list of columns."""
    names = columns.split(", ")
    for n in range(len(names) - 1):
        swapped = ", ".join([*names[:n], names[n + 1], names[n], *names[n + 2 :]])
        yield f"{names[n]} and {names[n + 1]} exchanged", text.replace(columns, swapped)


def _replaced(text: str, changes: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
    for pattern, new in changes:
        for match in re.finditer(pattern, text):
            before = " ".join(text[: match.end()].split())[-60:]
            after = match.expand(new)
            told = f"…{before} → {after.strip() or 'nothing'}"
            yield told, text[: match.start()] + after + text[match.end() :]


def _is_sql(connection: sqlite3.Connection, text: str) -> bool:
    """Tell whether SQLite takes it: what it refuses is no mutant, since any test would show it."""
    count = 1 if "?1" in text else text.count("?")
    try:
        connection.execute("EXPLAIN " + text, (None,) * count)
    except sqlite3.Error:
        return False
    return True
