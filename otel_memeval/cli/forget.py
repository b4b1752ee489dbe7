"""``otel-memeval forget``: delete the gauges of evals from a Pushgateway and a textfile."""

from __future__ import annotations

import click

from otel_memeval.cli.exit_codes import NOT_DELIVERED, PASSED
from otel_memeval.errors import UsageError

_EPILOG = """\b
User, password and certificates of the Pushgateway are read from
MEMEVAL_PUSHGATEWAY_*, as in a run. Samples that Prometheus has scraped stay
there.

\b
Exit status: 0 the gauges are deleted; 2 wrong usage; 4 some could not be
deleted."""


@click.command(
    name="otel-memeval forget",
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.argument("evals", metavar="[EVAL]...", nargs=-1)
@click.option("--all", "all_evals", is_flag=True, help="Delete the gauges of all evals.")
@click.option("--pushgateway", metavar="URL", help="Delete groups of this Pushgateway.  [default: $MEMEVAL_PUSHGATEWAY]")
@click.option("--textfile", type=click.Path(), metavar="PATH", help="Delete series from this file.")
def forget_command(evals: tuple[str, ...], all_evals: bool, pushgateway: str | None, textfile: str | None) -> int:
    """Delete the gauges of evals that are no longer run; otherwise the gauges and their alerts stay for ever.

    EVAL is the label `eval` of the gauges, or the name of the eval.
    """
    from otel_memeval.config import from_process
    from otel_memeval.exporters.prometheus.destinations import delete_evals, read_destinations

    if all_evals == bool(evals):
        raise UsageError("forget needs either names of evals or --all", "name the evals, or use --all alone")
    settings = from_process()
    destinations = read_destinations(pushgateway, textfile, None, settings.environment)
    if not destinations.any:
        raise UsageError(
            "no destination is configured",
            "name a Pushgateway (--pushgateway) or a textfile (--textfile) to delete from",
        )
    done, problems = delete_evals(destinations, evals, settings.secrets)
    for line in done:
        click.echo(line)
    for line in problems:
        click.echo(f"otel-memeval: {line}", err=True)
    return NOT_DELIVERED if problems else PASSED
