"""Of which of its host's tenants a ledger is: what another one shows, or refuses, is not of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from zbatch.ledger.glance import Glance, Outdated, glance
from zbatch.ledger.place import LEDGER_FILE

Keep = Callable[[Mapping[str, str]], None]


class Home:
    """Tenant and entity of a ledger, as the first token has named them that was used for it.

    `keep` is given all that is known of it by then.
    """

    def __init__(self, folder: Path, known: Mapping[str, str], keep: Keep | None = None) -> None:
        self._ledger = folder / LEDGER_FILE
        self._known = dict(known)
        self._keep = keep

    def why_not(self, named: Mapping[str, str]) -> str | None:
        """Say why a token for these is of no use, None where it is for the ledger's own."""
        for what, name in named.items():
            if self._known.get(what, name) != name:
                return (
                    f"the OAuth client is of {what} {name}, and the ledger {self._ledger} of {what}"
                    f" {self._known[what]} at the same host; give the client of that one, or, if"
                    " the other one is meant, name a folder of its own by --state-dir"
                )
        self._known |= named
        if self._keep:
            self._keep(dict(self._known))
        return None


def home_in(folder: Path) -> Home:
    """Read of which tenant the ledger in a folder is; raises `CannotStart`."""
    try:
        return Home(folder, glance(folder, Glance.home) or {})
    except Outdated:  # it was written before any token was asked for that
        return Home(folder, {})
