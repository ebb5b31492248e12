"""Where a plan is from: its spec's place in the project, and the git commit that holds it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from zbatch.app.review.revision import Repository
from zbatch.model import Spec
from zbatch.report.record import Revision
from zbatch.spec import find_project

_KINDS = {40: hashlib.sha1, 64: hashlib.sha256}  # what a repository names its objects by


def revision_of(spec: Spec) -> Revision | None:
    """Give the commit that a spec's work tree is at, and whether it holds all that is billed by.

    None of a spec that no file holds, outside of git, and before the first commit.
    """
    if not spec.file:
        return None
    repository = Repository.around(Path(spec.file))
    commit = repository.commit("HEAD") if repository else None
    if repository is None or commit is None:
        return None
    files = (Path(os.path.realpath(one)) for one in _read_of(spec))
    return Revision(commit, all(_committed(one, repository, commit) for one in files))


def _read_of(spec: Spec) -> Iterator[Path]:
    yield Path(spec.file)
    for listed in spec.files:
        yield Path(spec.file).parent / listed.path
    tenants = find_project(Path(spec.file)).tenants_file
    if tenants:
        yield tenants


def _committed(path: Path, repository: Repository, commit: str) -> bool:
    top = os.path.realpath(repository.top)
    blob = repository.blob(commit, os.path.relpath(path, top))
    if blob is None or len(blob) not in _KINDS:
        return False
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return _KINDS[len(blob)](b"blob %d\0" % len(content) + content).hexdigest() == blob
