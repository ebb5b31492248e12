"""Reach the tenant of a plan: a real one by its credentials, or the emulator, started for it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from zbatch.app.home import Home
from zbatch.engine.ports import Clock
from zbatch.errors import CannotStart
from zbatch.model import Plan
from zbatch.net.credentials import read_credentials
from zbatch.net.secret import Secret

if TYPE_CHECKING:
    from zbatch.net.sender import Sender
    from zbatch.net.token import TokenSource


@dataclass(frozen=True, slots=True)
class Access:
    """What is needed to reach a tenant; `credentials` is None for the emulator.

    `tls` is the trust that the tenant's own `ca_file` gives, None the system's; `home` tells for
    which tenant and entity of the host a token must be.
    """

    plan: Plan
    credentials: tuple[Secret, Secret] | None
    emulator_data: Path
    emulator_book: Path | None
    tls: ssl.SSLContext | None = None
    home: Home | None = None


def access_to(
    plan: Plan,
    folder: Path,
    book: Path | None,
    environ: Mapping[str, str],
    home: Home | None = None,
) -> Access:
    """Gather it, without any network; raises `CannotStart` where any of it is missing."""
    try:  # Loaded where somebody is to be reached: a run that has nothing to send does without it.
        from zbatch.net.transport import tls_context
    except OSError as error:  # as where no files are left to open
        raise CannotStart(f"cannot load what reaches a tenant: {error.strerror}") from error

    tenant = plan.tenant
    credentials = None if tenant.embedded else read_credentials(tenant, environ)
    tls = tls_context(tenant.ca_file) if tenant.ca_file else None
    return Access(plan, credentials, folder, book, tls, home)


@asynccontextmanager
async def connected(access: Access, clock: Clock) -> AsyncIterator[Sender]:
    """Open the way to the tenant and close it again."""
    async with reached(access, clock) as (_, sender):
        yield sender


@asynccontextmanager
async def reached(access: Access, clock: Clock) -> AsyncIterator[tuple[TokenSource, Sender]]:
    """Open it, and give what gets tokens beside what sends with them."""
    from zbatch.net.sender import Sender
    from zbatch.net.token import TokenSource
    from zbatch.net.transport import Endpoint

    tenant, credentials = access.plan.tenant, access.credentials
    limits = access.plan.spec.limits
    async with AsyncExitStack() as stack:
        if credentials is None:
            # The embedded emulator alone needs a web server: do not load it for real tenants.
            from zbatch.emulator import EmulatorConfig, running

            config = EmulatorConfig(data_dir=access.emulator_data, book=access.emulator_book)
            emulator = await stack.enter_async_context(running(config))
            tenant = replace(tenant, base_url=emulator.base_url)
            credentials = (Secret(emulator.client_id), Secret(emulator.client_secret))
        endpoint = Endpoint(tenant, limits.timeout, limits.concurrency, clock.now, access.tls)
        why_not = access.home.why_not if access.home else None
        source = TokenSource(endpoint, credentials, why_not=why_not)
        tokens = await stack.enter_async_context(source)
        yield tokens, await stack.enter_async_context(Sender(endpoint, tokens))
