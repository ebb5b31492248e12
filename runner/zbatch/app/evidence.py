"""Everything that proves a run, as one sealed file for who audits it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import posixpath
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from zbatch import __version__
from zbatch.app.reporting import Past
from zbatch.app.review.revision import Repository
from zbatch.app.told import told_in
from zbatch.errors import CannotStart
from zbatch.ledger.extract import TABLES
from zbatch.ledger.glance import Glance, glance
from zbatch.report.kept import RunHead

KIND, VERSION = "zbatch-evidence", 1
MANIFEST = "MANIFEST.json"
_PIECE = 1024**2
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
    for path in (past.run.folder / "run.json", past.run.report):
        with _opened(path) as file:
            written.add(path.name, file)
    for wanted in wanted_of(past.head):
        content = _as_it_was(wanted, past)
        if content is None:
            missing[wanted.path] = "changed since the run, and not found in git as it was then"
        else:
            written.add(f"spec/{wanted.path}", io.BytesIO(content))
    with ExitStack() as files:
        plan = files.enter_context(TemporaryFile())
        rows = {table: files.enter_context(TemporaryFile()) for table in TABLES}
        _extract(past, plan, rows)
        written.add("plan.jsonl", plan)
        for table, file in rows.items():
            written.add(f"ledger/{table}.jsonl", file)
    data, seal = written.sealed(missing)
    return Bundle(data, len(written.listed), seal, missing)


def wanted_of(head: RunHead) -> Iterator[Wanted]:
    """Name what a run read, each file once: its spec, and each list that the spec names."""
    spec = head.spec_path or head.spec_file
    if not spec:
        return
    yield Wanted(_named(spec), head.spec_digest)
    folder = posixpath.dirname(spec)
    lists = (
        Wanted(_named(posixpath.join(folder, str(one["path"]))), str(one["digest"]))
        for one in head.raw["spec"].get("files", ())
    )
    yield from dict.fromkeys(lists)  # a spec may name one list for several dates


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

    def add(self, name: str, file: IO[bytes]) -> None:
        """Put a file in, piece by piece, and on the list."""
        digest, size = hashlib.sha256(), 0
        with self._zip.open(self._entry(name), "w", force_zip64=True) as entry:
            while piece := file.read(_PIECE):
                entry.write(piece)
                digest.update(piece)
                size += len(piece)
        self.listed.append({"name": name, "bytes": size, "sha256": digest.hexdigest()})

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
        text = json.dumps(manifest, indent=2) + "\n"
        self._zip.writestr(self._entry(MANIFEST), text.encode())
        self._zip.comment = f"{SEAL}{'0' * 64}".encode()
        self._zip.close()
        before = self._buffer.getvalue()[:-64]
        seal = hashlib.sha256(before).hexdigest()
        return before + seal.encode(), seal

    def _entry(self, name: str) -> zipfile.ZipInfo:
        entry = zipfile.ZipInfo(name, self._time)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o600 << 16
        entry.create_system = 3
        return entry


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        with path.open("rb") as file:
            yield file
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


def _extract(past: Past, plan: IO[bytes], files: Mapping[str, IO[bytes]]) -> None:
    """Write plan and ledger's rows into files, all of one state of the ledger."""

    def read(ledger: Glance) -> bool:
        if _write(plan, _planned(past, ledger)) == 0 < past.head.planned:
            raise CannotStart(
                f"the ledger in {past.tenant_folder} does not know run {past.run.run_id}: it is"
                " another one, or a backup from before it, and without its own there is no evidence"
            )
        for table, file in files.items():
            _write(file, ledger.extract(table, past.run.run_id))
        return True

    if glance(past.tenant_folder, read) is None:
        raise CannotStart(f"there is no ledger in {past.tenant_folder}, and without it no evidence")


def _planned(past: Past, ledger: Glance) -> Iterator[Mapping[str, Any]]:
    """Give what the run planned; its charges are those of its spec, where it has told them."""
    charges = past.head.charges
    own = {} if charges is None else {name: int(on) for name, on in asdict(charges).items()}
    for row in ledger.planned(past.run.run_id, told_in(past.run.report)):
        yield {**row, **own}


def _write(file: IO[bytes], rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows from the start of a file that may have been begun before; tell how many."""
    file.seek(0)
    file.truncate()
    count = 0
    for row in rows:
        count += 1
        file.write(json.dumps(row, separators=(",", ":")).encode() + b"\n")
    file.seek(0)
    return count
