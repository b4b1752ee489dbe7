"""``otel-memeval schema``: print the JSON Schema of the result."""

from __future__ import annotations

import click


@click.command(name="otel-memeval schema", context_settings={"help_option_names": ["-h", "--help"]})
def schema_command() -> int:
    """Print the JSON Schema of the result that --json writes."""
    import json

    from otel_memeval.records import json_schema

    click.echo(json.dumps(json_schema(), indent=2))
    return 0
