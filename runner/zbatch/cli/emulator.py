"""`zbatch emulator`: a local Zuora."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zbatch.cli.options import ordinary

if TYPE_CHECKING:
    from zbatch.emulator import RunningEmulator


@click.command()
@ordinary(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    metavar="N",
    help="Listen on this port of 127.0.0.1; 0 takes any free one.",
)
@ordinary(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".zbatch/emulator-server"),
    show_default=True,
    metavar="DIR",
    help="Keep what was billed in DIR.",
)
@ordinary(
    "--accounts",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Read the accounts from this CSV file; without it every account exists.",
)
@ordinary(
    "--faults",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Play what goes wrong from FILE, and take it over when it changes; "
    '"random" lets the seed say everything.',
)
@ordinary(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    show_default=True,
    metavar="N",
    help="Draw from this seed whatever is left to chance.",
)
@ordinary(
    "--client-id",
    default="emulator",
    show_default=True,
    metavar="ID",
    help="Let this client ID in; Zuora's own SDK asks for one of 36 characters.",
)
def emulator(
    port: int, data: Path, accounts: Path | None, faults: Path | None, seed: int, client_id: str
) -> None:
    """Serve a local Zuora to rehearse and test against.

    \b
    Examples:
      zbatch emulator
      zbatch emulator --port 8081 --accounts emulator/accounts.csv
      zbatch emulator --faults specs/rehearsals/gateway-storm.faults.yaml
      zbatch emulator --faults random --seed 7

    It serves until Ctrl-C and says its base URL on standard output. It listens on this machine
    only, so its client ID and secret, both "emulator", are no secret. The tenant "emulator" of a
    spec needs none of this: a run starts an emulator of its own.
    """
    # Loaded here, because the help needs no web server.
    from zbatch.app.serve import serve
    from zbatch.emulator import EmulatorConfig

    config = EmulatorConfig(data_dir=data, book=accounts, port=port, seed=seed, client_id=client_id)
    serve(config, _announce, faults, lambda text: click.echo(text, err=True))


def _announce(running: RunningEmulator) -> None:
    click.echo(running.base_url)
    click.echo(
        "Serving until Ctrl-C. In tenants.yaml a tenant with this base_url reaches it, with\n"
        f"ZUORA_CLIENT_ID={running.client_id} ZUORA_CLIENT_SECRET={running.client_secret} "
        "in the environment.",
        err=True,
    )
