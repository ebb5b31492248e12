"""Mutants of what is data: tables, sets of words, and numbers that stand outside of functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from types import FunctionType, ModuleType

from zbatch.engine import (
    age,
    agreement,
    asking,
    backoff,
    judge,
    kinds,
    outage,
    question,
    refusals,
    resting,
    stages,
    stopping,
    turns,
    verdict,
)
from zbatch.zuora import (
    codes,
    headers,
    limits,
    problems,
    query,
    quotas,
    reply,
    request,
    token_reply,
)

# Not the times that are an estimate, such as how far clocks may be apart: a second more or less of
# them is no fault, and tests go by their names.
DATA: tuple[tuple[ModuleType, tuple[str, ...]], ...] = (
    (kinds, ("_DOUBT", "_KINDS", "_UNSENT")),
    (
        verdict,
        (
            "SERVER_ERROR_SENDS",
            "UNREADABLE_SENDS",
            "THROTTLED_ALIKE",
            "THROTTLED_DOUBTFUL",
            "STORED_CLEAN",
            "STORED_DOUBTFUL",
            "STORED_UNPROVED",
            "KEPT_APART",
            "DOOR_DOUBTFUL",
            "_SURE",
            "_OF_THE_SEND",
        ),
    ),
    (judge, ("_FREE",)),
    (outage, ("KEYS", "LEAST", "PROBE_SECONDS", "SHARE", "_FAILED", "_FAILED_ROWS")),
    (age, ("KEY_LIFE", "CLOCK_SLACK")),
    (backoff, ("BASE", "CAP", "CONFLICT_PATIENCE", "LONGEST_GATE")),
    (
        question,
        (
            "COUNTS",
            "GENERATING",
            "CANCELED",
            "NEVER_COUNTS",
            "TEMPORARY_NUMBER",
            "MOST_RENEWALS",
            "MOST_RENEWALS_IN_ALL",
        ),
    ),
    (agreement, ("TAX_FAILURES",)),
    (asking, ("MOST_TRIES",)),
    (refusals, ("PEERS", "LEAST", "SHARE", "PROVED")),
    (resting, ("MOST_RECHECKS",)),
    (stages, ("_SERIOUS", "_BY_OTHERS")),
    (stopping, ("_GRAVE",)),
    (turns, ("MOST_WAITS",)),
    (
        codes,
        (
            "CONCURRENCY_CODES",
            "LIMIT_CODES",
            "AT_THE_DOOR",
            "LIMIT_MESSAGES",
            "LOGIN_CODES",
            "LOGIN_MESSAGES",
            "CAUTION",
            "_LOCKED",
        ),
    ),
    (headers, ("KEPT", "RATE_PREFIXES")),
    (limits, ("CAP_SECONDS",)),
    (problems, ("_LISTS", "_CODES", "_MESSAGES")),
    (query, ("REQUIRED",)),
    (quotas, ("QUOTAS",)),
    (token_reply, ("_PASSING",)),
    (reply, ("REFUSED_STATUSES",)),
    (
        request,
        ("MAX_OBJECTS", "KEY_PREFIX", "TRACK_PREFIX", "TRACK_KEY_DIGITS", "TRACK_LIMIT"),
    ),
)


Change = tuple[ModuleType, str, str, object]


def data_mutants() -> Iterator[Change]:
    """Give module, name, what is changed, and the changed value."""
    for module, names in DATA:
        for name in names:
            for told, value in _variants(vars(module)[name]):
                yield module, name, told, value


def table_mutants() -> Iterator[Change]:
    """Put each rule of a decision table into each cell that holds another one."""
    for name in ("TABLE", "ROW_TABLE"):
        table: Mapping[object, tuple[FunctionType, FunctionType]] = vars(verdict)[name]
        rules = {_meaning(rule): rule for pair in table.values() for rule in pair}
        for kind, pair in table.items():
            for column, word in enumerate(("clean", "doubtful")):
                for meaning, rule in rules.items():
                    if meaning != _meaning(pair[column]):
                        changed = (rule, pair[1]) if column == 0 else (pair[0], rule)
                        yield verdict, name, f"{kind}, {word}: {meaning}", {**table, kind: changed}


def code_mutants() -> Iterator[Change]:
    """Leave out each error code, and give it each other class."""
    table = vars(codes)["_CODES"]
    for code, (row_class, *told) in table.items():
        without = {other: entry for other, entry in table.items() if other != code}
        yield codes, "_CODES", f"without {code}", without
        for other in codes.RowClass:
            if other is not row_class:
                changed = {**table, code: (other, *told)}
                yield codes, "_CODES", f"{code} as {other}", changed


def _meaning(rule: FunctionType) -> str:
    """Name a rule by its function and what it was made with."""
    made_with = [str(cell.cell_contents) for cell in rule.__closure__ or ()]
    name = rule.__qualname__.partition(".")[0].lstrip("_")
    return " ".join([name, *made_with])


def _variants(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        yield from _of_mapping(value)
    elif isinstance(value, frozenset):
        for member in sorted(value, key=str):
            yield f"without {member}", value - {member}
    elif isinstance(value, tuple):
        yield from _of_tuple(value)
    elif isinstance(value, timedelta):
        for step in (timedelta(seconds=1), -timedelta(seconds=1)):
            yield f"{value + step}", value + step
    elif isinstance(value, int | float):
        yield f"{value + 1}", value + 1
        yield f"{value - 1}", value - 1
    elif isinstance(value, str):
        yield f"{value}x", f"{value}x"
    else:
        raise TypeError(f"no mutants are known for {type(value).__name__}")


def _of_mapping(value: Mapping[object, object]) -> Iterator[tuple[str, object]]:
    for name, entry in value.items():
        yield f"without {_word(name)}", {n: e for n, e in value.items() if n != name}
        for other in dict.fromkeys(value.values()):
            if other != entry:
                yield f"{_word(name)} as {_word(other)}", {**value, name: other}


def _of_tuple(value: tuple[object, ...]) -> Iterator[tuple[str, object]]:
    for n in range(len(value)):
        yield f"without {value[n]}", value[:n] + value[n + 1 :]
    for n in range(len(value) - 1):
        changed = (*value[:n], value[n + 1], value[n], *value[n + 2 :])
        yield f"{value[n]} and {value[n + 1]} exchanged", changed


def _word(value: object) -> str:
    return value.__name__ if isinstance(value, type) else str(value)
