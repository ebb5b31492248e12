"""What a file names within its project, and nothing outside of it."""

from __future__ import annotations

from pathlib import Path


class Outside(ValueError):
    """A path leaves the project; whether anything is there is not told."""


def within(root: Path, folder: Path, written: str) -> Path | None:
    """Return the real path of what a file in `folder` names; None where nothing is there.

    Links are followed first. Raises `Outside` for what is not below `root`; both are real paths.
    """
    try:
        path = (folder / written).resolve()
        exists = path.exists()
    except (OSError, RuntimeError, ValueError):  # too long, a NUL, links in a circle
        path, exists = root, False
    if Path(written).is_absolute() or not path.is_relative_to(root):
        raise Outside(written)
    return path if exists else None


def shown_from(spec: Path, written: str) -> str:
    """Return the path of a file that a spec names as it is told: as the spec's own is given."""
    folder, real = spec.parent, spec.resolve().parent
    return str((folder if folder.resolve() == real else real) / written)
