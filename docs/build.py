"""Build the pages of docs/ into build/site/, and hold that they fetch nothing from elsewhere.

A warning of the generator is an error: a page that no list names, a link or an anchor that is not
there, a block that cannot be read.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SITE = ROOT / "build" / "site"
# What a browser loads by itself; a link that somebody must follow is none of it.
LOADED = re.compile(
    r"<(?:script|img|iframe|source|video|audio|embed)\b[^>]*?\bsrc=[\"']?((?:https?:)?//[^\"'\s>]+)"
    r"|<link\b(?![^>]*\brel=[\"']?(?:canonical|author|license))[^>]*?\bhref=[\"']?"
    r"((?:https?:)?//[^\"'\s>]+)"
    r"|(?:@import\s+(?:url\()?|url\()\s*[\"']?((?:https?:)?//[^\"')\s]+)",
    re.I,
)


def loaded(site: Path) -> Iterator[str]:
    """Name what pages and style sheets load from other places."""
    for path in sorted([*site.rglob("*.html"), *site.rglob("*.css")]):
        for match in LOADED.finditer(path.read_text("utf-8")):
            yield f"{path.relative_to(site)} loads {match[1] or match[2] or match[3]}"


def main() -> int:
    """Build, and tell by the exit code whether all is well."""
    # Loaded here, because the tests of this file have no generator.
    from sphinx.cmd.build import build_main

    shutil.rmtree(SITE, ignore_errors=True)
    options = ["--fail-on-warning", "--keep-going", "--quiet", "--fresh-env"]
    code = build_main([*options, "--conf-dir", str(ROOT / "docs"), str(ROOT), str(SITE)])
    found = [*loaded(SITE)]
    for line in found:
        print(line, file=sys.stderr)
    if not (code or found):
        print(f"{(SITE / 'index.html').relative_to(ROOT)}")
    return code or bool(found)


if __name__ == "__main__":
    sys.exit(main())
