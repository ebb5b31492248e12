"""What to tell people when a value breaks a keyword of the schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import NamedTuple

from zbatch.spec.breach import Breach
from zbatch.spec.diagnostics import ECHO, LISTED, Diagnostic, quote
from zbatch.spec.expressions import NoDate, resolve_date
from zbatch.spec.meant import KINDS, account_meant, example_of, names_near
from zbatch.spec.misread import without_space
from zbatch.spec.nodes import Mapping, Node
from zbatch.spec.schema import Schema
from zbatch.spec.slips import ID_LENGTH, beside_id, date_meant


class Remark(NamedTuple):
    """What is wrong at a node, and what to write instead where that is known."""

    node: Node
    code: str
    message: str
    hint: str = ""

    def at(self, file: str) -> Diagnostic:
        """Tell it of a file."""
        place = (file, self.node.line, self.node.column)
        return Diagnostic(*place, self.code, self.message, self.hint)


_WORDS = {
    **dict.fromkeys(("true", "yes", "on", "y", "1"), "true"),
    **dict.fromkeys(("false", "no", "off", "n", "0"), "false"),
}
_ANY_PERIOD = "2026-11"  # which expressions there are depends on none


def tell(breach: Breach) -> Iterator[Remark]:
    """Say where a breach is, under which code, and in which words."""
    return _TELL.get(breach.keyword, _anything)(breach)


def _required(breach: Breach) -> Iterator[Remark]:
    inside = f" in {breach.label}" if breach.path else ""
    for key in breach.limit:
        if key not in breach.value:
            yield Remark(breach.node, "ZB201", f"the key `{key}` is missing{inside}")


def _beside(breach: Breach) -> Iterator[Remark]:
    for given, wanted in breach.limit.items():
        for key in wanted if given in breach.value else ():
            if key not in breach.value:
                why = ", which says why" if key == "reason" else ""
                message = f"`{given}` in {breach.label} needs the key `{key}` beside it{why}"
                yield Remark(_key(breach.node, given), "ZB201", message)


def _unknown(breach: Breach) -> Iterator[Remark]:
    known = breach.schema.get("properties", {})
    patterns = breach.schema.get("patternProperties", {})
    unknown = (
        key
        for key in breach.value
        if key not in known and not any(re.search(pattern, key) for pattern in patterns)
    )
    for count, key in enumerate(unknown):
        node = _key(breach.node, key)
        if patterns:
            message = f"the name {quote(key)} must be letters, digits, `.`, `_` and `-`"
            yield Remark(node, "ZB205", message)
        else:
            # a suggestion takes 100 us, and only so many findings are told
            hint = _suggest(key, known) if count < LISTED else ""
            yield Remark(node, "ZB202", f"the key {quote(key)} is unknown", hint)


def _suggest(key: str, known: Schema) -> str:
    usable = [name for name, schema in known.items() if "not" not in schema]
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key[:ECHO]).lower().replace("-", "_")
    near = get_close_matches(snake, usable, n=1)
    if near:
        return f"did you mean `{near[0]}`?"
    return f"known here: {', '.join(f'`{name}`' for name in usable)}"


def _key(mapping: Node, key: str | int) -> Node:
    return mapping.entries[str(key)][0] if isinstance(mapping, Mapping) else mapping


def _not_here(breach: Breach) -> Iterator[Remark]:
    name = breach.path[-1]
    why = breach.schema.get("errorMessage", "is not supported by this version of zbatch")
    yield Remark(_key(breach.parent, name), "ZB203", f"`{name}` {why}")


def _kind(breach: Breach) -> Iterator[Remark]:
    message = f"{breach.label} must be {KINDS[breach.limit]}; {breach.given}"
    yield Remark(breach.node, "ZB204", message, _retype(breach) or example_of(breach))


def _retype(breach: Breach) -> str:
    """Say how a number or a truth value is written, to who has written it in another way."""
    text = breach.value.lower() if isinstance(breach.value, str) else ""
    if breach.schema.get("writeOnly"):
        return ""
    if breach.limit in ("array", "object") and isinstance(breach.value, str):
        return without_space(breach.value)
    if breach.limit == "integer" and re.fullmatch("[1-9][0-9]{0,5}", text):
        return f"write {text}, without quotes"
    if breach.limit == "number" and re.fullmatch(r"[0-9]{1,2}(\.[0-9]{1,2})? ?%", text):
        return f"write {round(float(text.rstrip(' %')) / 100, 4)}"
    if breach.limit == "boolean" and text in _WORDS:
        return f"write {_WORDS[text]}, without quotes"
    return ""


def _either(breach: Breach) -> Iterator[Remark]:
    if "errorMessage" in breach.schema:
        if isinstance(breach.value, dict):
            message = f"{breach.label} {breach.schema['errorMessage']}"
            yield Remark(breach.node, "ZB211", message)
    else:
        kinds = " or ".join(KINDS[branch["type"]] for branch in breach.limit)
        message = f"{breach.label} must be {kinds}; {breach.given}"
        yield Remark(breach.node, "ZB204", message)


def _form(breach: Breach) -> Iterator[Remark]:
    if _is_date(breach) and breach.value[:1].isalpha():
        try:
            resolve_date(breach.value, _ANY_PERIOD)
        except NoDate as error:
            yield Remark(breach.node, error.code, f"{breach.label}: {error}")
            return
    given = ", ".join(filter(None, (breach.given, _differs(breach))))
    message = f"{breach.label} {breach.schema['errorMessage']}; {given}"
    hint = date_meant(breach.value) if _is_date(breach) else account_meant(breach)
    yield Remark(breach.node, "ZB205", message, hint)


def _is_date(breach: Breach) -> bool:
    return breach.path[-1:] in (("target_date",), ("invoice_date",))


def _differs(breach: Breach) -> str:
    """Say in what a text differs from a form that has one length."""
    wanted = breach.schema.get("minLength")
    if not breach.value or breach.schema.get("writeOnly") or wanted is None:
        return ""
    if wanted == ID_LENGTH:
        return beside_id(breach.value)
    fixed = wanted == breach.schema.get("maxLength")
    return f"of length {len(breach.value)}" if fixed and len(breach.value) != wanted else ""


def _length(breach: Breach) -> Iterator[Remark]:
    pattern = breach.schema.get("pattern")
    if "minLength" in breach.schema and pattern:
        # of a form of fixed length one finding is enough, and `pattern` has made it, unless
        # its `$` has let a line end pass
        if re.search(pattern, breach.value):
            yield from _form(breach)
        return
    if breach.keyword == "maxLength":
        most = f"must have at most {breach.limit} characters; it has {len(breach.value):,}"
        yield Remark(breach.node, "ZB207", f"{breach.label} {most}")
    else:
        yield Remark(breach.node, "ZB207", f"{breach.label} must not be empty")


def _bounds(breach: Breach) -> Iterator[Remark]:
    between = f"between {breach.schema['minimum']} and {breach.schema['maximum']}"
    message = f"{breach.label} must be {between}; this is {breach.value}"
    yield Remark(breach.node, "ZB206", message)


def _choice(breach: Breach) -> Iterator[Remark]:
    near = names_near(str(breach.value)[:ECHO].lower(), breach.limit)
    meant = " or ".join(f"`{name}`" for name in near)
    hint = f"did you mean {meant}?" if near else f"known: {', '.join(breach.limit)}"
    message = f"{breach.label} must be one of the known names; {breach.given}"
    yield Remark(breach.node, "ZB208", message, hint)


def _version(breach: Breach) -> Iterator[Remark]:
    if isinstance(breach.value, int):
        message = f"this zbatch reads version {breach.limit} of the format, not {breach.value}"
        yield Remark(breach.node, "ZB209", message)


def _anything(breach: Breach) -> Iterator[Remark]:
    message = f"{breach.label} breaks the schema's `{breach.keyword}`"
    yield Remark(breach.node, "ZB205", message)


_TELL: dict[str, Callable[[Breach], Iterator[Remark]]] = {
    "required": _required,
    "dependentRequired": _beside,
    "additionalProperties": _unknown,
    "not": _not_here,
    "type": _kind,
    "oneOf": _either,
    "pattern": _form,
    "minLength": _length,
    "maxLength": _length,
    "minItems": _length,
    "minimum": _bounds,
    "maximum": _bounds,
    "enum": _choice,
    "const": _version,
}
