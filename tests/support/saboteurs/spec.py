"""Saboteurs of reading a spec: which account is billed, and how often it is listed."""

from __future__ import annotations

from typing import Any

import yaml

from support.saboteurs.bench import Bench
from support.saboteurs.saboteur import LOST, TWICE, saboteur
from zbatch.spec.duplicates import duplicates
from zbatch.spec.nodes import Scalar
from zbatch.spec.parsing import _Tree

NO_TEXT = "the simulation starts from a plan: no spec is read there"


@saboteur(
    "D13",
    test=f"{TWICE}d13_one_account_in_two_spellings_is_one_account",
    beyond=NO_TEXT,
)
def an_account_may_be_listed_twice(bench: Bench) -> None:
    """An account that is listed twice, in whatever spelling, is billed twice."""
    bench.function(duplicates, lambda roster, dates: iter(()))


@saboteur("L15", test=f"{LOST}l15_a_key_twice_in_a_spec_is_refused", beyond=NO_TEXT)
def the_last_of_two_keys_holds(bench: Bench) -> None:
    """Of a key that is written twice the last value holds."""
    read = _Tree._key

    def substitute(self: Any, node: Any, mapping: Any) -> Scalar | None:
        return read(self, node, mapping._replace(entries={}))

    bench.method(_Tree, "_key", substitute)


@saboteur("L16", test=f"{LOST}l16_digits_alone_are_an_account_id", beyond=NO_TEXT)
def plain_text_is_retyped(bench: Bench) -> None:
    """Text without quotes is read as the number, day or truth value that YAML sees in it."""
    read = _Tree._scalar

    def substitute(self: Any, event: Any, line: int, column: int) -> None:
        if not event.style:
            event.value = str(yaml.safe_load(event.value))
        read(self, event, line, column)

    bench.method(_Tree, "_scalar", substitute)
