"""Find a secret wherever it was written down, in whatever spelling."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

LEAST = 8  # characters of base64 that are told from chance


def spellings(secret: str) -> set[bytes]:
    """Give each way in which a secret may be written down, at any place within a base64 text."""
    raw = secret.encode()
    texts = (secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1])
    return {raw.hex().encode(), *(text.encode() for text in texts), *_packed(raw)}


def found_in(outputs: Mapping[str, bytes], secrets: Iterable[str]) -> list[str]:
    """Name the outputs that hold one of the secrets in any spelling."""
    wanted = {spelling for secret in secrets for spelling in spellings(secret)}
    return [name for name, said in outputs.items() if any(one in said for one in wanted)]


def files_in(*folders: Path) -> dict[str, bytes]:
    """Read all files below some folders, by their paths."""
    return {
        str(path): path.read_bytes()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def _packed(raw: bytes) -> Iterator[bytes]:
    for before in range(3):
        packed = base64.b64encode(b"\0" * before + raw)
        # the characters at both ends also depend on what stands around the secret
        core = packed[4 if before else 0 : (before + len(raw)) // 3 * 4]
        if len(core) >= LEAST:
            yield from (core, core.translate(bytes.maketrans(b"+/", b"-_")))
