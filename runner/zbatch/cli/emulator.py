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
    "--modes",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Read from this JSON file which reading of Zuora's pages to play, and what goes wrong.",
)
def emulator(port: int, data: Path, accounts: Path | None, modes: Path | None) -> None:
    """Serve a local Zuora to rehearse and test against.

    \b
    Examples:
      zbatch emulator
      zbatch emulator --port 8081 --accounts emulator/accounts.csv

    It serves until Ctrl-C and says its base URL on standard output. It listens on this machine
    only, so its client ID and secret, both "emulator", are no secret. The tenant "emulator" of a
    spec needs none of this: a run starts an emulator of its own.
    """
    # Loaded here, because the help needs no web server.
    from zbatch.app.serve import serve
    from zbatch.emulator import EmulatorConfig, load_setup

    config = EmulatorConfig(data_dir=data, book=accounts, port=port)
    serve(config if modes is None else load_setup(config, modes), _announce)


def _announce(running: RunningEmulator) -> None:
    click.echo(running.base_url)
    click.echo(
        "Serving until Ctrl-C. In tenants.yaml a tenant with this base_url reaches it, with\n"
        f"ZUORA_CLIENT_ID={running.client_id} ZUORA_CLIENT_SECRET={running.client_secret} "
        "in the environment.",
        err=True,
    )
