"""Of which of its host's tenants a ledger is: what another one shows, or refuses, is not of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from zbatch.ledger.glance import Glance, Outdated, glance
from zbatch.ledger.place import LEDGER_FILE

Keep = Callable[[str], None]


class Home:
    """The tenant of a ledger, as the first token has named it that was used for it.

    `keep` is given that name where the ledger knows none, so that it stays.
    """

    def __init__(self, folder: Path, known: str | None, keep: Keep | None = None) -> None:
        self._ledger = folder / LEDGER_FILE
        self._known = known
        self._keep = keep

    def why_not(self, tenant: str) -> str | None:
        """Say why a token for a tenant is of no use, None where it is for the ledger's own."""
        if self._known is None:
            self._known = tenant
            if self._keep:
                self._keep(tenant)
        if tenant == self._known:
            return None
        return (
            f"the OAuth client is of tenant {tenant}, and the ledger {self._ledger} of tenant"
            f" {self._known} at the same host; give the client of that one, or, if the other one is"
            " meant, name a folder of its own by --state-dir"
        )


def home_in(folder: Path) -> Home:
    """Read of which tenant the ledger in a folder is; raises `CannotStart`."""
    try:
        return Home(folder, glance(folder, Glance.tenant))
    except Outdated:  # it was written before any token was asked for that
        return Home(folder, None)
