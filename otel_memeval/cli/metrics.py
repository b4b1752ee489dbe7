"""``otel-memeval metrics``: print the table of metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from otel_memeval.telemetry import Metric

_UNITS = {"By": "bytes", "s": "seconds", "": "-"}


@click.command(
    name="otel-memeval metrics", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80}
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: name, kind, unit (UCUM), labels, help.")
@click.option("--markdown", is_flag=True, help="Print the Markdown table of docs/metrics.md.")
def metrics_command(as_json: bool, markdown: bool) -> int:
    """Print every metric: name, type, unit, labels and meaning."""
    from otel_memeval.telemetry import METRICS

    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(METRICS)).decode())
    elif markdown:
        click.echo("| metric | type | unit | labels | meaning |\n| --- | --- | --- | --- | --- |")
        for metric in METRICS:
            labels = ", ".join(f"`{label}`" for label in metric.labels) or "-"
            click.echo(f"| `{metric.name}` | {metric.kind} | {_UNITS[metric.unit]} | {labels} | {metric.help} |")
    else:
        click.echo("\n\n".join(map(_entry, METRICS)))
    return 0


def _entry(metric: Metric) -> str:
    """Return a few lines about a metric: a table of five columns does not fit a terminal."""
    head = f"{metric.name}  {metric.kind}" + (f", {_UNITS[metric.unit]}" if metric.unit else "")
    labels = f"  labels: {', '.join(metric.labels)}" if metric.labels else "  no labels"
    return f"{head}\n{labels}\n{click.wrap_text(metric.help, 78, '  ', '  ')}"
