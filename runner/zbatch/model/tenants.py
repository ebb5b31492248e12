"""Where is billed: a named endpoint and what it allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from zbatch.model.spec import Rate, Source

EMULATOR = "emulator"  # the reserved name, and host, of the built-in tenant


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where the OAuth client is found, never what it is.

    Text is the name of an environment variable, a path that of a file; a path may start with `~`.
    """

    client_id: str | Path
    client_secret: str | Path

    @property
    def places(self) -> str:
        """Name both places for who is to mend what stands there."""
        return " and ".join(
            f"the file {place}" if isinstance(place, Path) else f"the environment variable {place}"
            for place in (self.client_id, self.client_secret)
        )


@dataclass(frozen=True, slots=True)
class Ceilings:
    """The most that a spec may ask of a tenant; what is None is left to the spec.

    `sources` says by the same names where each is written.
    """

    concurrency: int | None = None
    rate: Rate | None = None
    objects_per_call: int | None = None
    sources: Mapping[str, Source] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Tenant:
    """A named Zuora endpoint; `base_url` has no path and no trailing slash.

    `host` is canonical: lower case, without the scheme's default port. Ledger, lock and keys go
    by `host` and `entity_id`, so two names for one host are one tenant. `kind` says which quotas
    apply; a `protected` tenant is billed only once somebody has repeated its name.
    `ca_file` takes the place of the system's certificate authorities.
    """

    name: str
    base_url: str
    host: str
    credentials: Credentials
    entity_id: str | None = None
    wsdl_version: int = 79
    kind: str | None = None
    ceilings: Ceilings | None = None
    protected: bool = False
    proxy: str | None = None
    ca_file: Path | None = None

    @property
    def embedded(self) -> bool:
        """Whether this is the built-in emulator, which has an address only while it runs."""
        return self.host == EMULATOR

    @property
    def folder(self) -> str:
        """The name of the tenant's folder in the state folder."""
        return folder_of(self.host, self.entity_id)


def folder_of(host: str, entity_id: str | None) -> str:
    """Name the folder, within a state folder, of whatever is known of a tenant."""
    name = host.replace(":", "_")
    return f"{name}-{entity_id}" if entity_id else name
