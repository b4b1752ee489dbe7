"""Options of ``--every``, the standing exporter."""

from __future__ import annotations

from collections.abc import Callable

import click

from otel_memeval.cli.options import Duration

_OPTIONS = (
    click.option("--every", type=Duration(), help="Keep running: measure all targets this often, such as 15m."),
    click.option(
        "--serve", metavar="[HOST:]PORT", help="With --every: /metrics for Prometheus, /healthz, a page.  [host: 127.0.0.1]"
    ),
    click.option(
        "--web-config",
        metavar="FILE",
        help="TLS, client certificates, passwords of --serve, as Prometheus' exporters have them.",
    ),
    click.option(
        "--state", metavar="PATH", help="What outlives a restart of --every.  [default: in the user's state folder]"
    ),
    click.option(
        "--targets", "targets_file", metavar="FILE", help="With --every: more targets, a line each; SIGHUP reads it again."
    ),
)


def service_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options of the service to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
