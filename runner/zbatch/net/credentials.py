"""Read a tenant's OAuth client from the environment variables that its entry names."""

from __future__ import annotations

from collections.abc import Mapping

from zbatch.errors import CannotStart
from zbatch.model import Tenant
from zbatch.net.secret import Secret


def read_credentials(tenant: Tenant, environ: Mapping[str, str]) -> tuple[Secret, Secret]:
    """Read client ID and client secret; one trailing line end, as files leave it, is dropped.

    Raise CannotStart naming the variable, never its value.
    """
    names = tenant.credentials
    return (
        _read(tenant, names.client_id_env, environ),
        _read(tenant, names.client_secret_env, environ),
    )


def _read(tenant: Tenant, name: str, environ: Mapping[str, str]) -> Secret:
    value = environ.get(name)
    if value is None:
        raise CannotStart(
            f"The environment variable {name} is not set: tenant {tenant.name} reads its OAuth "
            f"client from it. Set it and run again."
        )
    value = value.removesuffix("\n").removesuffix("\r")
    if not value.strip():
        raise CannotStart(f"The environment variable {name} is empty. Set it and run again.")
    if not value.isprintable() or any(character.isspace() for character in value):
        raise CannotStart(
            f"The environment variable {name} holds blanks or control characters, which no OAuth "
            f"credential does. Check how it was pasted, and run again."
        )
    return Secret(value)
