"""`zbatch schema`: the JSON Schemas that are installed with the package."""

from __future__ import annotations

import click

from zbatch.spec.schema import SCHEMAS, schema_text


@click.command()
@click.argument("kind", type=click.Choice(SCHEMAS), metavar="KIND")
def schema(kind: str) -> None:
    """Print a JSON Schema for editors and other tools.

    \b
    Examples:
      zbatch schema spec > spec.schema.json
      zbatch schema report

    Files that people write: spec, tenants, faults. Files that zbatch writes: plan (plan --out),
    report (a line of report.jsonl), run (run.json). What commands print: diagnostics (validate
    --format json), events (a line of run --json), status and verify (--json).
    """
    click.echo(schema_text(kind), nl=False)
