"""Hold a bundle of evidence against itself: every byte, every file, every total."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from zbatch.app.evidence import KIND, MANIFEST, SEAL, VERSION, wanted_of
from zbatch.errors import Refused
from zbatch.model import Outcome
from zbatch.report.kept import NotKept, head_in

MOST_FILES = 20_000
MOST_BYTES = 8 * 1024**3
MOST_MANIFEST = 16 * 1024**2
MOST_SHRUNK = 200  # how many times smaller a file may be packed: text as ours is never beyond 50
SMALL = 1024**2  # and below this size nobody is hurt
_PIECE = 1024**2
_ITEM = ("account_id", "target_date", "revision")
_ALIKE = (
    "outcome",
    "invoice_id",
    "http_status",
    "attempts",
    "idempotency_key",
    "track_id",
    "request_id",
)
_PLANNED = ("account_number", "invoice_date", "reason")
_NAME = re.compile(r"(?!.*(?:^|/)\.\.?(?:/|$))[^/\\\0][^\\\0]*[^/\\\0]")
# What unpacking and reading raise of content that zbatch never writes.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RecursionError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of a bundle has found; it is good if there are no `findings`."""

    findings: tuple[str, ...]
    run_id: str = "?"
    files: int = 0
    seal: str = "?"
    missing: Mapping[str, str] | None = None


class _Bad(Exception):
    """The bundle cannot be looked at any further, for a reason in a clause."""


def check_bundle(path: Path) -> Checked:
    """Check a bundle without unpacking it anywhere; raises `Refused` where there is no file."""
    try:
        with path.open("rb") as file:
            return _checked(file)
    except OSError as error:
        raise Refused(f"--check {path}: cannot be read: {error.strerror}") from error


def _checked(file: IO[bytes]) -> Checked:
    try:
        seal = _seal(file)
        with zipfile.ZipFile(file) as archive:
            infos = _infos(archive)
            manifest = _manifest(archive, infos)
            findings = [*_listed(archive, infos, manifest), *_totals(archive, infos, manifest)]
            findings += _lines(archive, infos, str(manifest["run_id"]))
            findings += _planned(archive, infos)
    except _Bad as bad:
        return Checked((str(bad),))
    except _DAMAGED as error:
        return Checked((f"it is no bundle, or a damaged one: {type(error).__name__}",))
    missing = manifest.get("missing")
    return Checked(
        tuple(findings),
        str(manifest["run_id"]),
        len(manifest["files"]),
        seal,
        missing if isinstance(missing, dict) else {},
    )


def _seal(file: IO[bytes]) -> str:
    """Hold all bytes against the seal at their end."""
    length = len(SEAL) + 64
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - length))
    end = file.read(length)
    if not end.startswith(SEAL.encode()):
        raise _Bad("it has no seal at its end: it is no bundle, or was cut off or added to")
    digest, left = hashlib.sha256(), size - 64
    file.seek(0)
    while left:
        piece = file.read(min(_PIECE, left))
        digest.update(piece)
        left -= len(piece)
    if digest.hexdigest() != end[len(SEAL) :].decode("ascii", "replace"):
        raise _Bad("its seal does not fit: at least one byte was changed after it was made")
    return digest.hexdigest()


def _infos(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Look at all entries before any is unpacked."""
    entries = archive.infolist()
    if len(entries) > MOST_FILES or sum(one.file_size for one in entries) > MOST_BYTES:
        raise _Bad("it holds more than any bundle does")
    for one in entries:
        kind = stat.S_IFMT(one.external_attr >> 16)
        if not _NAME.fullmatch(one.filename) or kind not in (0, stat.S_IFREG):
            raise _Bad(f"the entry {one.filename[:80]!r} is no file within the bundle")
        if one.flag_bits & 1:
            raise _Bad(f"the entry {one.filename[:80]!r} is encrypted")
        if one.file_size > max(SMALL, MOST_SHRUNK * one.compress_size):
            raise _Bad(f"the entry {one.filename[:80]!r} would unpack to far more than it is")
    found = {one.filename: one for one in entries}
    if len(found) != len(entries):
        raise _Bad("two entries have one name")
    return found


def _manifest(archive: zipfile.ZipFile, infos: Mapping[str, zipfile.ZipInfo]) -> dict[str, Any]:
    if MANIFEST not in infos or infos[MANIFEST].file_size > MOST_MANIFEST:
        raise _Bad(f"there is no {MANIFEST} in it")
    found = json.loads(archive.read(MANIFEST))
    if not isinstance(found, dict) or (found.get("kind"), found.get("version")) != (KIND, VERSION):
        raise _Bad(f"its {MANIFEST} is not what this version of zbatch writes")
    files = found.get("files")
    if not isinstance(files, list) or not all(
        isinstance(one, dict) and isinstance(one.get("name"), str) for one in files
    ):
        raise _Bad(f"its {MANIFEST} lists no files")
    return found


def _listed(
    archive: zipfile.ZipFile, infos: Mapping[str, zipfile.ZipInfo], manifest: Mapping[str, Any]
) -> Iterator[str]:
    """Hold what is there against what is listed."""
    listed = {one["name"]: one for one in manifest["files"]}
    for name in sorted(set(infos) - set(listed) - {MANIFEST}):
        yield f"{name} is there and not listed"
    for name, one in listed.items():
        if name not in infos:
            yield f"{name} is listed and not there"
        elif _digest(archive, infos[name]) != (one.get("bytes"), one.get("sha256")):
            yield f"{name} is not what was listed"


def _digest(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with archive.open(info) as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
    return size, digest.hexdigest()


def _totals(
    archive: zipfile.ZipFile, infos: Mapping[str, zipfile.ZipInfo], manifest: Mapping[str, Any]
) -> Iterator[str]:
    """Hold the run's record, report, spec and plan against each other."""
    for name in ("run.json", "report.jsonl", "plan.jsonl"):
        if name not in infos:
            yield f"there is no {name} in it"
            return
    try:
        head = head_in(archive.read("run.json"))
    except NotKept as error:
        yield str(error)
        return
    if head.run_id != manifest.get("run_id"):
        yield "run.json is of another run"
    counts = Counter(line["outcome"] for line in _told(archive))
    if head.outcomes is not None:
        told = {outcome.value: head.outcomes[outcome] for outcome in Outcome}
        if any(counts[outcome] != number for outcome, number in told.items()):
            yield "the lines of the report do not come to the totals of run.json"
    with archive.open("plan.jsonl") as file:
        planned = sum(1 for _ in file)
    if planned != head.planned:
        yield f"the ledger's plan has {planned} items, run.json {head.planned}"
    missing = manifest.get("missing") or {}
    for wanted in wanted_of(head):
        name = f"spec/{wanted.path}"
        if name not in infos:
            if wanted.path not in missing:
                yield f"{name}, which the run read, is not there"
        elif _digest(archive, infos[name])[1] != wanted.digest:
            yield f"{name} is not what the run read"


def _lines(
    archive: zipfile.ZipFile, infos: Mapping[str, zipfile.ZipInfo], run_id: str
) -> Iterator[str]:
    """Hold the lines of the report against what the ledger holds of their items.

    What another run has settled since may have become something else, but for an invoice.
    """
    for name in ("report.jsonl", "ledger/items.jsonl"):
        if name not in infos:
            yield f"there is no {name} in it"
            return
    held: dict[tuple[object, ...], tuple[bool, tuple[object, ...]]] = {}
    with archive.open("ledger/items.jsonl") as file:
        for row in map(json.loads, file):
            ours = row.get("settled_by") == run_id and row.get("outcome") is not None
            held[_values(row, _ITEM)] = ours, _values(row, _ALIKE)
    wrong: list[str] = []
    for line in _told(archive):
        known = held.get(_values(line, _ITEM))
        final = known is None or known[0] or line["outcome"] == Outcome.INVOICED
        if final and (known is None or known[1] != _values(line, _ALIKE)):
            wrong.append(_named(line))
    yield from _first("the report is not what the ledger holds", wrong)


def _planned(archive: zipfile.ZipFile, infos: Mapping[str, zipfile.ZipInfo]) -> Iterator[str]:
    """Hold the plan against what the report's lines tell of the same items.

    A bundle of an older version has the ledger's word for it, which later runs may have changed.
    """
    if not {"plan.jsonl", "report.jsonl"} <= infos.keys():
        return  # which is told elsewhere
    planned: dict[tuple[object, ...], tuple[object, ...]] = {}
    with archive.open("plan.jsonl") as file:
        for row in map(json.loads, file):
            if "from" in row:
                place = row.get("source_file"), row.get("source_line")
                planned[_values(row, _ITEM)] = (*_values(row, _PLANNED), *place)
    wrong: list[str] = []
    for line in _told(archive) if planned else ():
        told = (*_values(line, _PLANNED), *_values(line["source"], ("file", "line")))
        if planned.get(_values(line, _ITEM), told) != told:
            wrong.append(_named(line))
    yield from _first("the plan is not what the report tells of it", wrong)


def _told(archive: zipfile.ZipFile) -> Iterator[dict[str, Any]]:
    """Read the report's lines; one without its end was broken off with its run, and tells nothing.

    Where an end is missing of a run that has ended, its totals show it.
    """
    with archive.open("report.jsonl") as file:
        for text in file:
            if text.endswith(b"\n"):
                yield json.loads(text)


def _named(line: Mapping[str, Any]) -> str:
    return f"{line.get('account_id')} {line.get('target_date')}"


def _first(what: str, wrong: Sequence[str]) -> Iterator[str]:
    if wrong:
        more = f" and {len(wrong) - 1:,} more" if len(wrong) > 1 else ""
        yield f"{what}: {wrong[0]}{more}"


def _values(row: Mapping[str, Any], names: Iterable[str]) -> tuple[object, ...]:
    return tuple(row.get(name) for name in names)
