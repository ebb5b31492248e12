"""Specs as they were at a git revision, in repositories made for the test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.repository import git
from zbatch.app.review.revision import Repository, at_revision
from zbatch.errors import Refused

Commit = Callable[..., None]


@pytest.fixture
def commit(tmp_path: Path) -> Commit:
    """Give a function that writes files into a repository and commits them."""
    git(tmp_path, "init", "-q", "-b", "main")

    def write(**files: str) -> None:
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        git(tmp_path, "add", "-A")
        git(tmp_path, "commit", "-q", "-m", "x", "--allow-empty")

    return write


def spec_path(folder: Path, commit: Commit, named: str) -> Path:
    """Commit a spec in a folder of its own that names a file, then change both."""
    (folder / "specs" / "lists").mkdir(parents=True, exist_ok=True)
    (folder / "specs" / "lists" / "a b.csv").write_text("old", "utf-8")
    path = folder / "specs" / "month end.yaml"
    path.write_text(f"accounts:\n{named}\n", "utf-8")
    commit()
    (folder / "specs" / "lists" / "a b.csv").write_text("new", "utf-8")
    path.write_text("new", "utf-8")
    return path


@pytest.mark.parametrize(
    "named",
    [
        "  - {file: lists/a b.csv}",
        "  - {file: 'lists/a b.csv'}",
        '  - {reason: "x", "file": "lists/a b.csv"}',
        "  - file: lists/a b.csv  # of Europe",
        "  - file: lists/a b.csv\r",
        "  - file: ./lists/../lists/a b.csv",
        "  - {file: ../specs/lists/a b.csv}",
    ],
)
def test_spec_and_lists_are_those_of_then(tmp_path: Path, commit: Commit, named: str) -> None:
    """The spec and what it names have the content of the commit; the work tree is left alone."""
    path = spec_path(tmp_path, commit, named)
    repository = Repository.around(path)
    assert repository is not None
    found = repository.commit("HEAD")
    assert found is not None
    with at_revision(repository, found, "specs/month end.yaml") as spec:
        assert spec.read_bytes().decode().startswith("accounts:\n")
        assert (spec.parent / "lists" / "a b.csv").read_text("utf-8") == "old"
        inside = spec.parents[1]
    assert not inside.exists()
    assert path.read_text("utf-8") == "new"


def test_a_file_that_is_outside_is_not_fetched(tmp_path: Path, commit: Commit) -> None:
    """Paths lead nowhere but into the commit; a link in it is not followed."""
    (tmp_path / "link.csv").symlink_to("/etc/hostname")
    commit(spec="a: [{file: ../../x}, {file: /etc/hostname}, {file: link.csv}, {file: .git/HEAD}]")
    repository = Repository.around(tmp_path / "spec")
    assert repository is not None
    with at_revision(repository, repository.commit("HEAD") or "", "spec") as spec:
        assert sorted(one.name for one in spec.parent.iterdir()) == [".git", "spec"]
        assert not [*(spec.parent / ".git").iterdir()]


def test_the_tenants_file_of_then_ends_the_project(tmp_path: Path, commit: Commit) -> None:
    """A list is confined to the project that the spec had at the commit."""
    commit(tenants__yaml="no", **{"tenants.yaml": "then", "deep__er__spec": "x: y"})
    repository = Repository.around(tmp_path / "deep" / "er" / "spec")
    assert repository is not None
    with at_revision(repository, repository.commit("main") or "", "deep/er/spec") as spec:
        assert (spec.parents[2] / "tenants.yaml").read_text("utf-8") == "then"


@pytest.mark.parametrize("revision", ["", "-h", "--all", "nobody", "a\0b", "main:spec", "HEAD~9"])
def test_what_is_no_revision_names_none(tmp_path: Path, commit: Commit, revision: str) -> None:
    """An option, a blob and a name that nobody has are no commit."""
    commit(spec="x")
    repository = Repository.around(tmp_path / "spec")
    assert repository is not None
    assert repository.commit(revision) is None
    assert repository.commit("HEAD")


def test_a_spec_that_was_not_there(tmp_path: Path, commit: Commit) -> None:
    """The refusal says what to write if the spec had another name; a pattern is a name."""
    commit(spec="x")
    repository = Repository.around(tmp_path / "spec")
    assert repository is not None
    head = repository.commit("HEAD") or ""
    for path in ("other", "s*", ":/spec", ":(glob)*"):
        with (
            pytest.raises(Refused, match="write REVISION:PATH"),
            at_revision(repository, head, path),
        ):
            pass


def test_without_a_repository_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outside of any repository, and without git, there are no revisions."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert Repository.around(tmp_path / "spec") is None
    monkeypatch.setenv("PATH", "")
    assert Repository.around(tmp_path / "spec") is None


def test_a_hook_that_points_git_elsewhere_is_not_obeyed(
    tmp_path: Path, commit: Commit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inside a git hook GIT_DIR is set; the repository is the one that the spec lies in."""
    commit(spec="x")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    repository = Repository.around(tmp_path / "spec")
    assert repository is not None
    assert repository.top == tmp_path.resolve()
