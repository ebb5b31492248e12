"""What the schema cannot say of `stop` and `stages`: values that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator

from zbatch.spec.diagnostics import Diagnostic
from zbatch.spec.nodes import Document, Mapping, Node, Scalar, Sequence, child
from zbatch.spec.values import parse_duration

REST = "rest"


def check_stopping(document: Document) -> Iterator[Diagnostic]:
    """Tell what is wrong with the rules and the stages of a spec; other shapes are the schema's."""
    for node, code, message in (*_rules(document.root), *_stages(document.root)):
        yield Diagnostic(document.file, node.line, node.column, code, message)


def _rules(root: Node) -> Iterator[tuple[Node, str, str]]:
    rules = child(root, "stop")
    if not isinstance(rules, Mapping):
        return
    if "min_sample" in rules.entries and "failure_ratio" not in rules.entries:
        message = "`min_sample` says from when on `failure_ratio` is looked at, and there is none"
        yield rules.entries["min_sample"][0], "ZB360", message
    deadline = child(rules, "deadline")
    if isinstance(deadline, Scalar) and _seconds(deadline.value) == 0:
        yield deadline, "ZB361", "a deadline of no time lets no run start anything"


def _seconds(text: str) -> float | None:
    try:
        return parse_duration(text)
    except ValueError:
        return None


def _stages(root: Node) -> Iterator[tuple[Node, str, str]]:
    stages = child(root, "stages")
    if not isinstance(stages, Sequence) or not stages.items:
        return
    before = 0
    for node in stages.items[:-1]:
        if isinstance(node, Scalar) and node.value == REST:
            yield node, "ZB363", "nothing can follow `rest`, which takes all that is left"
        elif isinstance(node, Scalar) and node.value.isascii() and node.value.isdigit():
            number = int(node.value[:9])
            if 0 < number <= before:
                message = f"a stage must be larger than the one before it, of {before}"
                yield node, "ZB362", message
            before = number
    last = stages.items[-1]
    if isinstance(last, Scalar) and last.value.isascii() and last.value.isdigit():
        message = "the last stage must be `rest`: otherwise what comes after it is never billed"
        yield last, "ZB363", message
