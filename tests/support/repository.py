"""Git, in a repository that a test makes, whatever the machine's own settings are."""

from __future__ import annotations

import subprocess
from pathlib import Path

AUTHOR = ("-c", "user.name=A B", "-c", "user.email=a@example.test", "-c", "commit.gpgsign=false")


def git(folder: Path, *words: str) -> str:
    """Call git in a folder; gives what it prints."""
    command = ["git", "-C", str(folder), *AUTHOR, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
