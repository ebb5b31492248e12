"""The mutants of tables, words, numbers and SQL, with the tests that should notice each."""

from __future__ import annotations

from collections.abc import Iterator

from mutation.data import code_mutants, data_mutants, table_mutants
from mutation.sql import schema_mutants, statement_mutants
from mutation.trial import Mutant
from zbatch.ledger import schema, statements

ENGINE = ("tests/engine/test_verdict.py", "tests/engine", "tests/zuora")
ZUORA = ("tests/zuora", "tests/engine/test_verdict.py")
LEDGER = ("tests/ledger/test_store.py", "tests/ledger/test_findings.py", "tests/ledger")
END_TO_END = ("tests/exactly_once/test_rules.py",)


def all_mutants() -> Iterator[Mutant]:
    """Give every mutant that no tool for Python makes."""
    for seen, changes in (
        (True, data_mutants()),
        (False, table_mutants()),
        (False, code_mutants()),
    ):
        for module, name, told, value in changes:
            first = ZUORA if ".zuora." in module.__name__ else ENGINE
            yield Mutant(module, name, told, value, (*first, *END_TO_END), seen)
    for name, told, text in statement_mutants():
        yield Mutant(statements, name, told, text, (*LEDGER, *END_TO_END))
    for told, steps in schema_mutants():
        yield Mutant(schema, "STEPS", told, steps, (*LEDGER, *END_TO_END))
