"""A spec as it was at a git revision, with the files that it names: read, never checked out."""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from zbatch.errors import Refused
from zbatch.spec import TENANTS_FILE
from zbatch.zuora.text import one_line

PATIENCE = 60  # seconds for one answer of git's; all of them are local
_REGULAR = ("100644", "100755")

# Whatever stands behind a key `file` is fetched if it is there: a name too many does no harm, and
# of a name too few the loader says that it does not exist.
_NAMED = re.compile(
    r"""(?<![\w-])["']?file["']?[ \t]*:[ \t]*("[^"\n]*"|'[^'\n]*'|[^\s,}\]#][^,}\]\n#]*)"""
)


@dataclass(frozen=True, slots=True)
class Repository:
    """A git repository by the top folder of its work tree."""

    git: str
    top: Path

    @classmethod
    def around(cls, path: Path) -> Repository | None:
        """Find the repository that a file lies in, if it does, and if there is a git."""
        git = shutil.which("git")
        if git is None:
            return None
        folder = Path(os.path.realpath(path)).parent
        top = _asked([git, "-C", str(folder), "rev-parse", "--show-toplevel"])
        return None if top is None else cls(git, Path(os.fsdecode(top.rstrip(b"\n"))))

    def commit(self, revision: str) -> str | None:
        """Give the commit that a revision names, if it names one."""
        words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        found = self._ask(*words)
        return None if found is None else found.decode("ascii").strip()

    def blob(self, commit: str, path: str) -> str | None:
        """Give the object ID of a regular file at a commit; None where there is no such file."""
        listed = self._ask("ls-tree", "-z", "--full-tree", commit, "--", path)
        for entry in (listed or b"").split(b"\0"):
            head, _, name = entry.partition(b"\t")
            mode, _, kind_and_id = head.decode("ascii").partition(" ")
            if mode in _REGULAR and os.fsdecode(name) == path:
                return kind_and_id.rpartition(" ")[2]
        return None

    def content(self, blob: str) -> bytes | None:
        """Give a blob."""
        return self._ask("cat-file", "blob", blob)

    def write(self, blob: str, to: Path) -> None:
        """Write a blob into a file, with all folders above it."""
        to.parent.mkdir(parents=True, exist_ok=True)
        with to.open("wb") as file:
            if _asked(self._words("cat-file", "blob", blob), file.fileno()) is None:
                raise Refused(f"git does not give out the object {blob}")

    def _ask(self, *words: str) -> bytes | None:
        return _asked(self._words(*words))

    def _words(self, *words: str) -> list[str]:
        # No hook, no pager, no other program is started, and no path is taken for a pattern.
        options = ["-c", "core.fsmonitor=false", "--no-pager", "--literal-pathspecs"]
        return [self.git, "-C", str(self.top), *options, *words]


@contextmanager
def at_revision(repository: Repository, commit: str, path: str) -> Iterator[Path]:
    """Give a spec as it was at a commit, in a folder that is gone afterwards.

    `path` is that of the spec in the repository. Raises `Refused` where it was not there.
    """
    blob = repository.blob(commit, path)
    if blob is None:
        raise Refused(
            f"at {commit[:12]} there is no file {one_line(path)}; if it had another name then,"
            " write REVISION:PATH"
        )
    with TemporaryDirectory(prefix="zbatch-") as folder:
        top = Path(folder)
        (top / ".git").mkdir()  # files are confined to a project: this is where it ends
        repository.write(blob, top / path)
        for other in _beside(path, (top / path).read_bytes()):
            found = repository.blob(commit, other)
            if found is not None:
                repository.write(found, top / other)
        yield top / path


def _beside(spec: str, content: bytes) -> Iterator[str]:
    """Name the files that a spec may name, and the tenants files that end its project."""
    folder = posixpath.dirname(spec)
    named = {
        match.group(1).strip("\"' \t\r")
        for match in _NAMED.finditer(content.decode("utf-8", "replace"))
    }
    paths = {posixpath.normpath(posixpath.join(folder, name)) for name in named}
    while folder:
        paths.add(posixpath.join(folder, TENANTS_FILE))
        folder = posixpath.dirname(folder)
    paths.add(TENANTS_FILE)
    return iter(
        sorted(path for path in paths - {spec} if not path.startswith(("/", "../", ".git/")))
    )


def _asked(words: list[str], output: int = subprocess.PIPE) -> bytes | None:
    """Ask git, and give its answer; None where it has none."""
    try:
        answer = subprocess.run(  # noqa: S603 - fixed words, and names that git takes literally
            words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):  # ValueError: a NUL in a name
        return None
    return (answer.stdout or b"") if answer.returncode == 0 else None


def _environment() -> dict[str, str]:
    """Leave out where a hook wants git to look, and keep it from any network."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1"}
