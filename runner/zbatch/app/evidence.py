"""Everything that proves a run, as one sealed file for who audits it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import posixpath
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

from zbatch import __version__
from zbatch.app.reporting import Past
from zbatch.app.review.revision import Repository
from zbatch.errors import CannotStart
from zbatch.ledger.extract import TABLES
from zbatch.ledger.glance import Glance, glance
from zbatch.report.kept import RunHead

KIND, VERSION = "zbatch-evidence", 1
MANIFEST = "MANIFEST.json"
SEAL = "zbatch evidence, sha256 of all before this line: "  # and 64 digits: the archive's comment


@dataclass(frozen=True, slots=True)
class Bundle:
    """A sealed bundle, and what could not be put into it, with the reason."""

    data: bytes
    files: int
    seal: str
    missing: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that the run read: its path in the project, and the digest of what it was then."""

    path: str
    digest: str


def bundle_of(past: Past) -> Bundle:
    """Gather a run's evidence; raises `CannotStart` where run or ledger cannot be read.

    The same evidence gives the same bytes.
    """
    missing: dict[str, str] = {}
    written = _Archive(past.head)
    written.add("run.json", _read(past.run.folder / "run.json"))
    written.add("report.jsonl", _read(past.run.report))
    for wanted in wanted_of(past.head):
        content = _as_it_was(wanted, past)
        if content is None:
            missing[wanted.path] = "changed since the run, and not found in git as it was then"
        else:
            written.add(f"spec/{wanted.path}", content)
    for table, rows in _extract(past).items():
        written.add("plan.jsonl" if table == "plan" else f"ledger/{table}.jsonl", rows)
    files = len(written.listed)
    data, seal = written.sealed(missing)
    return Bundle(data, files, seal, missing)


def wanted_of(head: RunHead) -> Iterator[Wanted]:
    """Name what a run read: its spec, and each list that the spec names."""
    spec = head.spec_path or head.spec_file
    if not spec:
        return
    yield Wanted(_named(spec), head.spec_digest)
    for listed in head.raw["spec"].get("files", ()):
        path = posixpath.join(posixpath.dirname(spec), str(listed["path"]))
        yield Wanted(_named(path), str(listed["digest"]))


def _named(path: str) -> str:
    """Name a file so that unpacking stays in its folder, wherever the run was called from."""
    parts = posixpath.normpath(path).split("/")
    return "/".join(part for part in parts if part not in ("", ".", ".."))


class _Archive:
    """A zip file that the same content makes the same, with a digest for each of its files."""

    def __init__(self, head: RunHead) -> None:
        self._head = head
        self._buffer = io.BytesIO()
        self._zip = zipfile.ZipFile(self._buffer, "w", zipfile.ZIP_DEFLATED)
        began = head.started_at.astimezone(UTC)
        self._time = (max(1980, began.year), *began.timetuple()[1:6])
        self.listed: list[dict[str, Any]] = []

    def add(self, name: str, data: bytes) -> None:
        """Put a file in, and on the list."""
        self._put(name, data)
        digest = hashlib.sha256(data).hexdigest()
        self.listed.append({"name": name, "bytes": len(data), "sha256": digest})

    def sealed(self, missing: Mapping[str, str]) -> tuple[bytes, str]:
        """Close the archive with its list, and seal every byte of it."""
        manifest = {
            "kind": KIND,
            "version": VERSION,
            "made_by": f"zbatch {__version__}",
            "run_id": self._head.run_id,
            "files": sorted(self.listed, key=lambda one: str(one["name"])),
            "missing": dict(missing),
        }
        self._put(MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())
        self._zip.comment = f"{SEAL}{'0' * 64}".encode()
        self._zip.close()
        before = self._buffer.getvalue()[:-64]
        seal = hashlib.sha256(before).hexdigest()
        return before + seal.encode(), seal

    def _put(self, name: str, data: bytes) -> None:
        info = zipfile.ZipInfo(name, self._time)
        info.external_attr = 0o600 << 16
        info.create_system = 3
        self._zip.writestr(info, data, zipfile.ZIP_DEFLATED)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CannotStart(f"the file {path} cannot be read: {error.strerror}") from error


def _as_it_was(wanted: Wanted, past: Past) -> bytes | None:
    """Give a file with the content that the run read: as it is, or as it was committed then."""
    path = past.project.root / wanted.path
    for content in (_regular(path), _committed(path, past)):
        if content is not None and hashlib.sha256(content).hexdigest() == wanted.digest:
            return content
    return None


def _regular(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError:
        return None


def _committed(path: Path, past: Past) -> bytes | None:
    git = past.head.raw.get("git")
    repository = Repository.around(path) if git else None
    if git is None or repository is None:
        return None
    commit = repository.commit(str(git.get("commit")))
    inside = os.path.relpath(os.path.realpath(path), os.path.realpath(repository.top))
    blob = repository.blob(commit, inside) if commit else None
    return repository.content(blob) if blob else None


def _extract(past: Past) -> dict[str, bytes]:
    def read(ledger: Glance) -> dict[str, bytes]:
        return {table: _lines(ledger.extract(table, past.run.run_id)) for table in TABLES}

    found = glance(past.tenant_folder, read)
    if found is None:
        raise CannotStart(f"there is no ledger in {past.tenant_folder}, and without it no evidence")
    return found


def _lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in rows)
