"""What of an approved plan is not as it was, each change by its name: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from zbatch.app.review.frozen import Approved
from zbatch.spec import Diagnostic
from zbatch.zuora.text import one_line

_SHOWN = 12  # characters of a digest, enough to compare by eye


def differences(was: Approved, now: Approved, document: str, spec: str) -> tuple[Diagnostic, ...]:
    """Name everything that differs; of equal ones nothing. `document` and `spec` are the files."""
    found = [*_spec(was, now, spec), *_files(was, now, spec), *_schemas(was, now, document)]
    found += _values("tenant", "ZB506", was["tenant"], now["tenant"], document)
    found += _values("limits", "ZB511", was["limits"], now["limits"], document)
    if not found and was != now:
        message = (
            "the items are not the approved ones, though the spec is: this zbatch lays it out"
            f" otherwise ({_change(was['plan_digest'], now['plan_digest'])},"
            f" {was['items']:,} items then, {now['items']:,} now)"
        )
        found.append(Diagnostic(document, 1, 1, "ZB510", message))
    return tuple(found)


def _spec(was: Approved, now: Approved, spec: str) -> Iterator[Diagnostic]:
    if was["spec"] != now["spec"]:
        counts = (
            f"{was['items']:,} items then, {now['items']:,} now"
            if was["items"] != now["items"]
            else f"{now['items']:,} items then and now"
        )
        change = _change(was["spec"]["digest"], now["spec"]["digest"])
        dates = ", with other dates" if was["dates"] != now["dates"] else ""
        said = f"the spec changed since it was approved: {change}, {counts}{dates}"
        yield _changed(spec, "ZB503", said)


def _files(was: Approved, now: Approved, spec: str) -> Iterator[Diagnostic]:
    old = {one["path"]: one for one in was["files"]}
    new = {one["path"]: one for one in now["files"]}
    for path in sorted(old.keys() | new.keys()):
        before, after = old.get(path), new.get(path)
        if before == after:
            continue
        name = one_line(path)
        if before is None or after is None:
            what = "is named now, and was not" if before is None else "is not named any more"
            said = f"the list {name} {what} when the plan was approved"
        else:
            change = _change(before["digest"], after["digest"])
            rows = f"{before['rows']:,} rows then, {after['rows']:,} now"
            said = f"the list {name} changed since it was approved: {change}, {rows}"
        yield _changed(spec, "ZB504", said)


def _schemas(was: Approved, now: Approved, document: str) -> Iterator[Diagnostic]:
    for kind, digest in now["schemas"].items():
        if was["schemas"].get(kind) != digest:
            said = (
                f"this zbatch reads {kind} files by another schema than the one that the plan was"
                f" approved under: {_change(was['schemas'].get(kind, ''), digest)}"
            )
            yield _changed(document, "ZB505", said)


def _values(
    what: str, code: str, was: Mapping[str, Any], now: Mapping[str, Any], document: str
) -> Iterator[Diagnostic]:
    for name in sorted(was.keys() | now.keys()):
        before, after = was.get(name), now.get(name)
        if before != after:
            then = f"was {_said(before)} when the plan was approved"
            said = f"{what}.{name} {then}, and is {_said(after)}"
            yield _changed(document, code, said)


def _changed(file: str, code: str, said: str) -> Diagnostic:
    hint = "make the plan anew and have it approved, or put back what was"
    return Diagnostic(file, 1, 1, code, said, hint)


def _change(before: str, after: str) -> str:
    return f"SHA-256 {before[:_SHOWN]}… then, {after[:_SHOWN]}… now"


def _said(value: object) -> str:
    return "not set" if value is None else one_line(str(value), 200)
