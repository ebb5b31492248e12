"""One spec, written down in many ways: what a person may do to a YAML file without changing it."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from support.accounts import account

ACCOUNTS = st.lists(
    st.integers(0, 16**6).map(account),
    min_size=1,
    max_size=6,
    unique=True,
)
DATES = st.lists(
    st.fixed_dictionaries(
        {"target_date": st.dates().map(str)}, optional={"invoice_date": st.dates().map(str)}
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda pair: pair["target_date"],
)
REASONS = st.sampled_from(["early termination", "FIN-4821: cancelled", "it's # due", "no", "é"])


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a valid spec as plain values."""
    spec: dict[str, Any] = {
        "version": 1,
        "name": draw(st.sampled_from(["nov", "month-end 2026", "a: b"])),
        "tenant": "emulator",
        "dates": draw(DATES),
        "accounts": [draw(_accounts(one)) for one in draw(ACCOUNTS)],
    }
    if draw(st.booleans()):
        kinds = st.sampled_from(["one_time", "recurring", "usage"])
        charges = st.dictionaries(kinds, st.booleans(), max_size=3)
        some = charges.filter(lambda chosen: len(chosen) < 3 or any(chosen.values()))
        spec["charges"] = draw(some)
    if draw(st.booleans()):
        sizes = {"objects_per_call": st.integers(1, 50), "concurrency": st.integers(1, 40)}
        spec["limits"] = draw(st.fixed_dictionaries({}, optional=sizes))
    if draw(st.booleans()):
        spec["retry"] = {"max_attempts": draw(st.integers(1, 9))}
    return spec


def _accounts(one: str) -> st.SearchStrategy[Any]:
    full = st.fixed_dictionaries({"id": st.just(one), "dates": DATES, "reason": REASONS})
    revised = {"id": st.just(one), "revision": st.integers(2, 9), "reason": REASONS}
    return st.one_of(st.just(one), full, st.fixed_dictionaries(revised))


@st.composite
def written(draw: st.DrawFn, spec: dict[str, Any]) -> str:
    """Write a spec as YAML: keys in any order, block or flow, quoted or not, with comments."""
    end = draw(st.sampled_from(["\n", "\r\n"]))
    lines = _block(draw, spec, 0)
    return end.join([*lines, *_noise(draw), ""])


def _block(draw: st.DrawFn, value: Any, indent: int) -> list[str]:
    pad = " " * indent
    lines: list[str] = []
    pairs: list[tuple[str, Any]] = (
        [
            (f"{_scalar(draw, name)}:", below)
            for name, below in draw(st.permutations([*value.items()]))
        ]
        if isinstance(value, dict)
        else [("-", below) for below in value]
    )
    for head, below in pairs:
        lines += [pad + line for line in _noise(draw)]
        if isinstance(below, dict | list) and below and draw(st.booleans()):
            step = draw(st.integers(1, 4))
            lines += [f"{pad}{head}{_comment(draw)}", *_block(draw, below, indent + step)]
        else:
            lines.append(f"{pad}{head} {_flow(draw, below)}{_comment(draw)}")
    return lines


def _flow(draw: st.DrawFn, value: Any) -> str:
    gap = draw(st.sampled_from(["", " ", "   "]))
    if isinstance(value, dict):
        pairs = draw(st.permutations([*value.items()]))
        inside = [f"{_scalar(draw, name)}: {_flow(draw, below)}" for name, below in pairs]
        return "{" + gap + f",{gap or ' '}".join(inside) + gap + "}"
    if isinstance(value, list):
        return "[" + gap + f",{gap or ' '}".join(_flow(draw, below) for below in value) + gap + "]"
    return _scalar(draw, value)


def _scalar(draw: st.DrawFn, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = str(value)
    if len(text) == 32:  # an account ID is compared without case
        text = draw(st.sampled_from([text, text.upper()]))
    plain = text.replace("-", "").replace("_", "").isalnum()
    quotes = ["'", '"', *([""] if plain else [])]
    quote = draw(st.sampled_from(quotes))
    return quote + (text.replace("'", "''") if quote == "'" else text) + quote


def _noise(draw: st.DrawFn) -> list[str]:
    return draw(st.lists(st.sampled_from(["", "# why", "   # {a: b}", "#"]), max_size=2))


def _comment(draw: st.DrawFn) -> str:
    return draw(st.sampled_from(["", "", "  # see FIN-1", " # - {x: [}"]))
