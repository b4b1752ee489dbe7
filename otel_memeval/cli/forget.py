"""``otel-memeval forget``: take an eval's gauges out of a Pushgateway and a textfile."""

from __future__ import annotations

import click

from otel_memeval.cli.exit_codes import NOT_DELIVERED, PASSED
from otel_memeval.errors import UsageError

_EPILOG = """\b
User, password and certificates of the Pushgateway: MEMEVAL_PUSHGATEWAY_*, as
in a run. Prometheus keeps what it has scraped.

\b
Exit status: 0 nothing is left of them; 2 wrong usage; 4 something could not
be deleted."""


@click.command(
    name="otel-memeval forget",
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.argument("evals", metavar="[EVAL]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every eval there is, instead of naming some.")
@click.option("--pushgateway", metavar="URL", help="Delete groups there.  [default: $MEMEVAL_PUSHGATEWAY]")
@click.option("--textfile", metavar="PATH", help="Take series out of this file.")
def forget_command(evals: tuple[str, ...], every: bool, pushgateway: str | None, textfile: str | None) -> int:
    """Delete the gauges of evals that are not run any longer: by themselves they stay for ever, and so do their alerts.

    EVAL is the label `eval` of its gauges, or the eval's name.
    """
    from otel_memeval.config import from_process
    from otel_memeval.exporters.prometheus.destinations import read_destinations

    if every == bool(evals):
        raise UsageError("which evals are to be forgotten is not clear", "name some, or say --all")
    settings = from_process()
    options = read_destinations(pushgateway, textfile, None, settings.environment)
    if not options.any:
        raise UsageError("there is nowhere to forget them", "say --pushgateway URL or --textfile PATH")
    from otel_memeval.exporters.prometheus.destinations import delete_evals

    told, problems = delete_evals(options, evals, settings.secrets)
    for line in told:
        click.echo(line)
    for line in problems:
        click.echo(f"otel-memeval: {line}", err=True)
    return NOT_DELIVERED if problems else PASSED
