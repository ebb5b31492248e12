"""`zbatch schema`: the JSON Schemas that are installed with the package."""

from __future__ import annotations

import click

from zbatch.spec.schema import SCHEMAS, schema_text


@click.command(epilog=f"KIND is one of {', '.join(SCHEMAS)}.")
@click.argument("kind", type=click.Choice(SCHEMAS), metavar="KIND")
def schema(kind: str) -> None:
    """Print a JSON Schema for editors and other tools.

    \b
    Examples:
      zbatch schema spec > spec.schema.json
      zbatch schema report

    Kinds: spec, tenants, plan, faults, report (a line of report.jsonl), run (run.json),
    diagnostics.
    """
    click.echo(schema_text(kind), nl=False)
