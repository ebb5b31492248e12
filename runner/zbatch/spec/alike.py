"""Maps of a long list that are alike but for the account's name: read once, then recognised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import yaml

from zbatch.spec.nodes import Node, Scalar

NAMES = frozenset({"id", "number"})  # the keys whose values differ from entry to entry
MOST_EVENTS = 40  # of an entry that is looked at as a whole; longer ones are read as all else is

Form = tuple[Any, ...]


class Alike(NamedTuple):
    """An entry but for where it stands: its `form` is all of it without the value of its name."""

    form: Form
    name: Scalar


class Entries(Protocol):
    """Who takes the entries of a streamed list."""

    def take(self, entry: Node) -> None:
        """Take the next entry."""

    def take_alike(self, entry: Alike) -> bool:
        """Take the next entry if one of its form was learnt, and nothing is wrong with its name."""

    def take_run(self, form: Form, names: list[str], line: int, *, plain: bool) -> bool:
        """Take entries of a form that was learnt, a line each, as `take_alike` takes one."""

    def learn(self, form: Form) -> None:
        """Remember that the entry that was taken last had this form, if that tells all of it."""


def look_at(start: Any, events: Iterator[Any], seen: list[yaml.Event], line: int) -> Alike | None:
    """Go through the events of a map and put each into `seen`; None where the map is unusual.

    Unusual are nameless and long maps, and those with anchors, tags and aliases. The form holds
    texts with their quotes, and the kinds of all other events, so two forms are the same only if
    their trees are, but for lines and the name.
    """
    if start.anchor is not None or start.tag is not None:
        return None
    form: list[Any] = [start.start_mark.column]
    name = None
    depth, is_name, is_key = 0, False, True
    for event in events:
        seen.append(event)
        if len(seen) > MOST_EVENTS:
            return None
        kind = type(event)
        if kind is yaml.ScalarEvent:
            if event.anchor is not None or event.tag is not None:
                return None
            if is_name:
                name, is_name = event, False
            else:
                form += (event.value, event.style)
                is_name = is_key and event.value in NAMES
            is_key = depth == 0 and not is_key
            continue
        if kind is yaml.AliasEvent or is_name:
            return None
        form.append(kind)
        if kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            if depth == 0:
                break
            depth -= 1
            is_key = depth == 0
        elif event.anchor is not None or event.tag is not None or (depth == 0 and is_key):
            return None
        else:
            depth += 1
            is_key = False
    if name is None:
        return None
    return Alike(tuple(form), Scalar(line, 0, name.value, not name.style))
