"""The explanations' examples as files that can be checked, and the page made of them all.

    ../.venv/bin/python -m support.explained

in tests/ writes docs/diagnostics.md and docs/errors.md anew, after a change of what
`zbatch explain` says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from zbatch.report.codes import OWN_CODES, own_code
from zbatch.spec import CODES
from zbatch.spec.explaining import Example, Explanation, load_pages
from zbatch.zuora.explained import ZuoraCode, zuora_codes

PAGE = Path(__file__).parents[2] / "docs/diagnostics.md"
ERRORS = PAGE.with_name("errors.md")
NOTE = (
    "<!-- Made from runner/zbatch/spec/explanations/ by python -m support.explained in tests/. -->"
)
# What an example leaves out, by the key that begins it.
_SPEC = {
    "version": "version: 1",
    "name": "name: month-end",
    "tenant": "tenant: emulator",
    "dates": "dates: [{target_date: 2026-11-30}]",
    "accounts": 'accounts: ["2c93808457d787030157e0306be53a75"]',
}
_LISTED = _SPEC | {"accounts": "accounts: [{file: emea.csv}]"}
_OTHER = {"version": "version: 1"}
_FAULTS = {"version": "version: 1", "name": "name: night"}


def lay_out(explanation: Explanation, folder: Path, *, right: bool) -> None:
    """Write the files of the wrong example, or those with what is right in their place."""
    files = {one.file: one for one in explanation.examples if not one.right}
    if right:
        files |= {one.file: one for one in explanation.examples if one.right}
    for example in files.values():
        path = folder / example.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_completed(example, "emea.csv" in files), "utf-8")
    if not any(path.suffix == ".yaml" for path in folder.iterdir()):
        (folder / "spec.yaml").write_text("\n".join(_LISTED.values()) + "\n")


def _completed(example: Example, listed: bool) -> str:
    if example.whole or example.language != "yaml":
        return example.text
    missing = {"tenants.yaml": _OTHER, "night.faults.yaml": _FAULTS}
    others = _LISTED if listed else _SPEC
    head = "".join(
        f"{line}\n"
        for key, line in missing.get(example.file, others).items()
        if not re.search(rf"^{key}:", example.text, re.MULTILINE)
    )
    return head + example.text


def page() -> str:
    """Write the page on all codes."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield "# What can be wrong"
    yield ""
    yield NOTE
    yield ""
    yield "Each problem that `zbatch validate` names has a code. A code never changes its meaning,"
    yield "and `zbatch explain CODE` prints what stands here. Examples show only the lines that"
    yield "matter."
    for found in load_pages():
        yield f"\n## {found.title}\n\n{found.introduction}"
        for one in found.explanations:
            yield from _section(one)


def _section(one: Explanation) -> Iterator[str]:
    yield f"\n### {one.code}\n\n**{CODES[one.code]}**\n\n{one.meaning}"
    yield f"\n*Why it matters.* {one.why}"
    for right, title in ((False, "Wrong"), (True, "Right")):
        for example in (each for each in one.examples if each.right == right):
            yield f"\n{title}, `{example.file}`:\n\n```{example.language}\n{example.text}```"
    yield f"\n*How to mend it.* {one.mend}"


def errors() -> str:
    """Write the page on the codes that a report may have."""
    return "\n".join(_errors()) + "\n"


def _errors() -> Iterator[str]:
    yield "# What the codes in a report mean"
    yield ""
    yield "<!-- Made from zuora/explained.py and report/codes.py in runner/zbatch/ by"
    yield "python -m support.explained in tests/. -->"
    yield ""
    yield "A line of a report that has an `error` has a code in it, and the last block of a run"
    yield "groups by it. `zbatch explain CODE` prints what stands here. What `zbatch validate`"
    yield "finds in specs has [codes of its own](diagnostics.md)."
    yield ""
    yield "## From Zuora"
    yield ""
    yield "The message, in Zuora's own words, says more. A code that is not listed is treated like"
    yield "`UNKNOWN_ERROR`: never as a failure. `INVALID_VALUE` with a message that no charges are"
    yield "due is no error: the item is `nothing_to_bill`."
    for alike in _alike(zuora_codes()):
        yield ""
        yield "| code | what it means |"
        yield "|---|---|"
        yield from (f"| `{one.code}` | {one.meaning} |" for one in alike)
        yield ""
        yield f"*What zbatch makes of it.* {alike[0].consequence}"
        yield ""
        yield f"*What to do.* {alike[0].mend}"
    yield ""
    status = own_code("HTTP_503")
    assert status is not None
    yield "A status without any code is told as `HTTP_503` and the like;"
    yield "[what each answer means](exactly-once.md#what-an-answer-means)."
    yield ""
    yield f"*What to do.* {status.mend}"
    yield ""
    yield "## From zbatch"
    yield ""
    yield "| code | what it means | what to do |"
    yield "|---|---|---|"
    yield from (f"| `{one.code}` | {one.meaning} | {one.mend} |" for one in OWN_CODES.values())


def _alike(codes: dict[str, ZuoraCode]) -> Iterator[list[ZuoraCode]]:
    """Put together those of which zbatch makes the same."""
    found: dict[str, list[ZuoraCode]] = {}
    for one in codes.values():
        found.setdefault(one.consequence, []).append(one)
    yield from found.values()


if __name__ == "__main__":
    ERRORS.write_text(errors(), "utf-8")
    PAGE.write_text(page(), "utf-8")
