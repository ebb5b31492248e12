"""From text to a tree: PyYAML's events, with everything refused that a review could misread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml

from zbatch.spec.alike import Alike, Entries, look_at
from zbatch.spec.diagnostics import Diagnostic, Related, SpecError, quote
from zbatch.spec.nodes import Document, Mapping, Node, Scalar, Sequence
from zbatch.spec.reading import FORBIDDEN, Text, character
from zbatch.spec.runs import Run, Shortened, Unlike, shorten

MAX_DEPTH = 32
MAX_NODES = 50_000  # of the tree: entries of a streamed list are let go one by one
MAX_PROBLEMS = 10_000
LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = (
    yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
)


def parse(
    text: Text,
    loader: type[Any] = LOADER,
    streamed: dict[str, Entries] | None = None,
    *,
    copying: bool = False,
) -> tuple[Document, list[Diagnostic]]:
    """Build the tree and list what is wrong but leaves a tree; raise SpecError where none is left.

    The entries of a list under a `streamed` key of the file are handed on one by one instead, and
    the tree holds the first of them alone. With `copying`, lines that are alike are parsed once;
    raises `Unlike` where that does not do.

    The parser hands out one event at a time and is left at the first list or map that is too
    deep: composing such a text would overflow the stack of the C composer.
    """
    short = shorten(text.text) if copying else Shortened(text.text)
    if not short.runs:
        return _parsed(text, short, loader, streamed or {})
    try:
        document, problems = _parsed(text, short, loader, streamed or {})
    except SpecError as error:  # its places may be those of the shorter text
        raise Unlike from error
    if problems or short.runs:
        raise Unlike
    return document, problems


def _parsed(
    text: Text, short: Shortened, loader: type[Any], streamed: dict[str, Entries]
) -> tuple[Document, list[Diagnostic]]:
    tree = _Tree(text.file, streamed, short.line)
    parser = loader(short.text)
    events: Iterator[yaml.Event] = iter(parser.get_event, None)
    try:
        for event in events:
            if type(event) is yaml.MappingStartEvent and (entries := tree.entries):
                entry, seen = _take_entry(event, events, tree, entries)
                if run := short.runs.pop(seen[0].start_mark.line, None):
                    _copy(run, text.text, entry, seen, entries)
            else:
                tree.take(event)
    except yaml.YAMLError as error:
        tree.misread(error, short.text)
    finally:
        parser.dispose()
    if tree.root is None:
        tree.fail(1, 1, "ZB103", "the file holds nothing but comments")
    return Document(text.file, text.digest, tree.root), tree.problems


def _take_entry(
    start: Any, events: Iterator[yaml.Event], tree: _Tree, entries: Entries
) -> tuple[Alike | None, list[Any]]:
    """Take an entry that is like an earlier one at once, and any other event by event."""
    seen: list[yaml.Event] = [start]
    try:
        entry = look_at(start, events, seen, tree.line(start.start_mark.line))
    except yaml.YAMLError:  # what stands before that place comes first
        _take_all(seen, tree)
        raise
    if entry is None or not entries.take_alike(entry):
        problems = len(tree.problems)
        _take_all(seen, tree)
        if entry is not None and len(tree.problems) == problems:
            entries.learn(entry.form)
    return entry, seen


def _copy(run: Run, text: str, entry: Alike | None, seen: list[Any], entries: Entries) -> None:
    """Take the lines of a run as what its first line is, if that is an entry and nothing else."""
    start, end = seen[0], seen[-1]
    mine = start.start_mark.column == run.column and end.end_mark.line == start.start_mark.line
    if entry is None or not mine or not start.flow_style or entry.name.value != run.first:
        raise Unlike
    for line, names in run.pieces(text):
        if not entries.take_run(entry.form, names, line, plain=entry.name.plain):
            raise Unlike


def _take_all(events: Iterable[yaml.Event], tree: _Tree) -> None:
    for event in events:
        tree.take(event)


def _syntax(error: yaml.YAMLError) -> tuple[int, int, str]:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return 1, 1, "the text is not valid YAML"
    problem = str(getattr(error, "problem", "")) or "cannot be read"
    return mark.line + 1, mark.column + 1, f"the text is not valid YAML: {problem}"


def _began(error: yaml.YAMLError, file: str) -> tuple[Related, ...]:
    """Say where that began which could not be read, if that is in another line."""
    mark, began = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    if mark is None or began is None or began.line >= mark.line:
        return ()
    label = str(getattr(error, "context", "")) or "from here on"
    return (Related(label, file, began.line + 1, began.column + 1),)


@dataclass(slots=True)
class _Open:
    """A list or map that has begun; in a map, the key that awaits its value."""

    node: Sequence | Mapping
    key: Scalar | None = None
    skip: bool = False  # the value to come belongs to a key that was refused
    entries: Entries | None = None  # who takes the entries of this list


class _Tree:
    """Takes events and grows a tree; never deeper than `MAX_DEPTH`, and without recursion."""

    def __init__(
        self, file: str, streamed: dict[str, Entries], whole: Callable[[int], int]
    ) -> None:
        self.file = file
        self._whole = whole  # the line of the whole text that a line of what is parsed is
        self._streamed = streamed
        self.problems: list[Diagnostic] = []
        self.root: Node | None = None
        self._open: list[_Open] = []
        self._nodes = 0
        self._before = 0  # nodes before the entry of a streamed list
        self._documents = 0
        self._take: dict[type[yaml.Event], Callable[[Any, int, int], None]] = {
            yaml.DocumentStartEvent: self._document,
            yaml.ScalarEvent: self._scalar,
            yaml.AliasEvent: self._alias,
            yaml.SequenceStartEvent: self._begin,
            yaml.MappingStartEvent: self._begin,
            yaml.SequenceEndEvent: self._end,
            yaml.MappingEndEvent: self._end,
        }

    @property
    def entries(self) -> Entries | None:
        """Who takes what comes next, if it is an entry of a streamed list."""
        return self._open[-1].entries if self._open else None

    def take(self, event: yaml.Event) -> None:
        """Take the next event, or raise SpecError where no tree can come of it."""
        take = self._take.get(type(event))
        if take is not None:
            mark: Any = event.start_mark
            take(event, self.line(mark.line), mark.column + 1)

    def line(self, shown: int) -> int:
        """Tell the line that people count from 1, of one that the parser counts from 0."""
        return self._whole(shown) + 1

    def fail(
        self,
        line: int,
        column: int,
        code: str,
        message: str,
        related: tuple[Related, ...] = (),
        hint: str = "",
    ) -> NoReturn:
        """Give up, with all that was found so far."""
        self.problems.append(Diagnostic(self.file, line, column, code, message, hint, related))
        raise SpecError(self.problems)

    def misread(self, error: yaml.YAMLError, text: str) -> NoReturn:
        """Give up where the parser did, and say what is likely wrong."""
        from zbatch.spec.misread import likely_slip  # no file that can be read needs it

        if slip := likely_slip(error, text):
            self.fail(slip.line, slip.column, "ZB107", slip.message, hint=slip.hint)
        line, column, message = _syntax(error)
        self.fail(line, column, "ZB107", message, _began(error, self.file))

    def _problem(self, line: int, column: int, code: str, message: str) -> None:
        self.problems.append(Diagnostic(self.file, line, column, code, message))
        if len(self.problems) == MAX_PROBLEMS:
            self.fail(line, column, "ZB318", "so much is wrong up to here that reading stops")

    def _document(self, _event: Any, line: int, column: int) -> None:
        self._documents += 1
        if self._documents > 1:
            self.fail(line, column, "ZB109", "a second YAML document starts here; keep one a file")

    def _scalar(self, event: Any, line: int, column: int) -> None:
        if event.anchor is not None or event.tag is not None:
            self._properties(event, line, column)
        plain = not event.style
        if not plain and (hidden := FORBIDDEN.search(event.value)):
            message = f"holds {character(hidden[0])}, which cannot be seen in review; remove it"
            self._problem(line, column, "ZB106", message)
        self._add(Scalar(line, column, event.value, plain))

    def _alias(self, _event: Any, line: int, column: int) -> None:
        self._problem(line, column, "ZB111", "aliases are not allowed; write the value out here")
        self._add(Scalar(line, column, "", False))

    def _begin(self, event: Any, line: int, column: int) -> None:
        self._properties(event, line, column)
        if len(self._open) == MAX_DEPTH:
            message = f"lists and maps are nested deeper than {MAX_DEPTH} levels"
            self.fail(line, column, "ZB108", message)
        is_list = isinstance(event, yaml.SequenceStartEvent)
        node = Sequence(line, column, []) if is_list else Mapping(line, column, {})
        entries = self._streams() if is_list else None
        self._add(node)
        self._open.append(_Open(node, entries=entries))

    def _streams(self) -> Entries | None:
        """Tell who takes the entries of the list that begins, if it is one that is streamed."""
        top = self._open[0] if len(self._open) == 1 else None
        return self._streamed.get(top.key.value) if top and top.key else None

    def _end(self, _event: Any, _line: int, _column: int) -> None:
        node = self._open.pop().node
        if self._open and (entries := self._open[-1].entries):
            self._nodes = self._before
            entries.take(node)

    def _properties(self, event: Any, line: int, column: int) -> None:
        if event.anchor is not None:
            self._problem(line, column, "ZB111", "anchors are not allowed; write each value out")
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            message = f"the tag {quote(tag)} is not allowed; the schema says what a value is"
            self._problem(line, column, "ZB113", message)

    def _add(self, node: Node) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            message = f"more than {MAX_NODES:,} values beside the accounts; put long lists in files"
            self.fail(node.line, node.column, "ZB115", message)
        if not self._open:
            self._set_root(node)
            return
        top = self._open[-1]
        if isinstance(top.node, Sequence):
            if top.entries is None or not top.node.items:
                top.node.items.append(node)
            if top.entries is not None:
                self._before = self._nodes - 1
                if isinstance(node, Scalar):
                    self._nodes = self._before
                    top.entries.take(node)
        elif top.skip:
            top.skip = False
        elif top.key is None:
            top.key = self._key(node, top.node)
            top.skip = top.key is None
        else:
            top.node.entries[top.key.value] = (top.key, node)
            top.key = None

    def _set_root(self, node: Node) -> None:
        if not isinstance(node, Mapping):  # so nothing below it is worth reading
            from zbatch.spec.misread import without_space

            text = node.value if isinstance(node, Scalar) and node.plain else ""
            what = "a list" if isinstance(node, Sequence) else quote(node.value)
            message = f"the file must be a map; this is {what}"
            self.fail(node.line, node.column, "ZB204", message, hint=without_space(text))
        self.root = node

    def _key(self, node: Node, mapping: Mapping) -> Scalar | None:
        place = (node.line, node.column)
        if not isinstance(node, Scalar):
            self._problem(*place, "ZB114", "a key must be plain text, not a list or a map")
        elif node.plain and node.value == "<<":
            self._problem(*place, "ZB112", "merge keys `<<` are not allowed; write the keys out")
        elif earlier := mapping.entries.get(node.value):
            message = f"the key {quote(node.value)} is written twice, first in line"
            self._problem(*place, "ZB110", f"{message} {earlier[0].line}")
        else:
            return node
        return None
