"""Options of a measuring command, as one record."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import click

from otel_memeval import __version__
from otel_memeval.cli.grouped_command import GroupedCommand
from otel_memeval.cli.option_types import Duration, Size, Verdicts
from otel_memeval.verdicts import FAILING_STATES, REGRESSED

if TYPE_CHECKING:
    from otel_memeval.exporters.builds.job_log import OutputFormat


class MeasureOptions(NamedTuple):
    """The options of a measuring command; None: not given. Fields are named like the parameters of ``_GROUPS``."""

    targets: tuple[str, ...]
    iterations: int | None
    warmup: int | None
    max_iterations: int | None
    timeout: float
    top: int | None
    max_growth: int | None
    max_peak_growth: int | None
    fail_on: tuple[str, ...]
    bisect: bool
    json_path: str | None
    junit: str | None
    markdown: str | None
    sarif: str | None
    code_quality: str | None
    html: str | None
    pprof: str | None
    output_format: OutputFormat | None
    history: str | None
    baseline: str | None
    python: str | None
    compare_python: str | None
    events: Literal["span", "log", "both"]
    pushgateway: str | None
    textfile: str | None
    expected_every: float | None
    keep_going: bool
    trace_scenario: bool
    no_follow_up: bool
    follow_up_budget: float
    explain: bool
    every: float | None
    serve: str | None
    web_config: str | None
    state: str | None
    targets_file: str | None
    in_process: bool
    ray: str | None
    pass_env: tuple[str, ...]
    plain: bool
    verbose: bool
    quiet: bool
    debug: bool

    @property
    def result_paths(self) -> dict[str, str]:
        """The files for results that are given, by their option."""
        paths = {
            "--json": self.json_path,
            "--junit": self.junit,
            "--markdown": self.markdown,
            "--sarif": self.sarif,
            "--code-quality": self.code_quality,
            "--html": self.html,
            "--pprof": self.pprof,
        }
        return {option: path for option, path in paths.items() if path is not None}


_TARGETS = click.Argument(["targets"], metavar="TARGET...", nargs=-1, required=False)

_GROUPS: dict[str, list[click.Option]] = {
    "Measure": [
        click.Option(["--iterations"], type=int, metavar="N", help="Measure exactly N iterations."),
        click.Option(["--warmup"], type=int, metavar="N", help="Iterations before the measured ones; recorded, not judged."),
        click.Option(["--max-iterations"], type=int, metavar="N", help="Extend an inconclusive eval to up to N iterations."),
        click.Option(
            ["--timeout"],
            type=Duration(),
            default="10m",
            show_default=True,
            help="Time limit of one iteration, such as 90s or 10m; a bare number is seconds.",
        ),
        click.Option(
            ["--python"],
            type=click.Path(),
            metavar="PATH",
            help="Interpreter that the scenario runs in.  [default: this one]",
        ),
        click.Option(
            ["--compare-python"],
            type=click.Path(),
            metavar="PATH",
            help="Second interpreter: iterations are run under both in turn, and the runs are compared.",
        ),
        click.Option(["--keep-going"], is_flag=True, help="Continue after an iteration that raised an exception."),
        click.Option(
            ["--no-follow-up"],
            is_flag=True,
            help="Call nothing after the measured iterations. By default, a leak in a line of a library is followed by a "
            "few more iterations that find the line that called it, and short calls are repeated if the C heap is too "
            "noisy for single calls.",
        ),
        click.Option(
            ["--follow-up-budget"],
            type=Duration(allows_zero=True),
            default="10s",
            show_default=True,
            help="Time for the search after the last measured iteration; no step is begun after it, and the report names "
            "what was left out.",
        ),
        click.Option(
            ["--explain"],
            is_flag=True,
            help="After a verdict of growth, run a few more iterations to find types, references and stacks of the growth; "
            "with memray in the scenario's interpreter, C frames too.",
        ),
        click.Option(
            ["--ray"],
            metavar="ADDRESS",
            help="Measure the evals on a Ray cluster: `local`, `auto`, HOST:PORT or ray://HOST:PORT.",
        ),
        click.Option(
            ["--pass-env"],
            metavar="NAME",
            multiple=True,
            help="Variable of this environment that the scenarios on the cluster get; may be repeated.",
        ),
        click.Option(["--in-process"], is_flag=True, help="Measure without a worker process, for a debugger."),
    ],
    "Verdict": [
        click.Option(["--max-growth"], type=Size(), help="Allowed growth of retained memory per iteration, such as 16KiB."),
        click.Option(["--max-peak-growth"], type=Size(), help="Allowed growth of the peak per iteration."),
        click.Option(
            ["--fail-on"],
            type=Verdicts(),
            default=",".join(FAILING_STATES),
            show_default=True,
            help="Verdicts that fail the run, or `never`; `regressed` is one of them, and a default with --baseline.",
        ),
        click.Option(
            ["--baseline"],
            metavar="REF",
            help="Earlier runs to compare with: a git ref, a run or its name, a result file, `latest`, or `auto`, the last "
            "ten on the main branch that passed.  [default with --history: auto, which fails no run]",
        ),
        click.Option(
            ["--bisect"],
            is_flag=True,
            help="Exit status for `git bisect run`: 0 good, 1 bad, 125 if the run says nothing about the commit.",
        ),
    ],
    "Output": [
        click.Option(
            ["--json", "json_path"],
            type=click.Path(),
            metavar="PATH",
            help="File for the result; `-` prints the result and nothing else.",
        ),
        click.Option(
            ["--junit"], type=click.Path(), metavar="PATH", help="File for the result as JUnit XML, for build systems."
        ),
        click.Option(
            ["--markdown"], type=click.Path(), metavar="PATH", help="File for the result as Markdown, for a comment."
        ),
        click.Option(
            ["--sarif"],
            type=click.Path(),
            metavar="PATH",
            help="File for growing lines as SARIF, for code scanning.",
        ),
        click.Option(
            ["--code-quality"],
            type=click.Path(),
            metavar="PATH",
            help="File for growing lines as a Code Quality report, for merge requests of GitLab.",
        ),
        click.Option(
            ["--html"], type=click.Path(), metavar="PATH", help="File for a report for the browser; it needs no other file."
        ),
        click.Option(
            ["--pprof"], type=click.Path(), metavar="PATH", help="File for growth by stack or line, as a pprof profile."
        ),
        click.Option(
            ["--output-format"],
            type=click.Choice(["plain", "github", "gitlab"]),
            help="Annotations and a summary for GitHub, or sections for GitLab.  [default: by GITHUB_ACTIONS and GITLAB_CI]",
        ),
        click.Option(
            ["--history"],
            metavar="DIR_OR_DSN",
            envvar="MEMEVAL_HISTORY",
            help="Keep each run in a folder (.memeval) or a database (postgresql://HOST/NAME).  [default: $MEMEVAL_HISTORY]",
        ),
        click.Option(["--top"], type=int, metavar="N", help="Lines and containers to show.  [default: the eval's number]"),
        click.Option(
            ["--plain"],
            is_flag=True,
            help="Print to a terminal as into a pipe: no colours, no folded lines, no line that is rewritten.",
        ),
        click.Option(["-v", "--verbose"], is_flag=True, help="Print the output of the scenario during the run."),
        click.Option(["-q", "--quiet"], is_flag=True, help="Print only the verdict."),
        click.Option(
            ["--debug"], is_flag=True, help="Print growing lines of each iteration, and tracebacks of this tool's errors."
        ),
    ],
    "Telemetry": [
        click.Option(
            ["--events"],
            type=click.Choice(["span", "log", "both"]),
            default="span",
            show_default=True,
            help="Send growing lines as span events, as log records, or both.",
        ),
        click.Option(["--trace-scenario"], is_flag=True, help="Collect the OpenTelemetry spans of the scenario."),
        click.Option(["--pushgateway"], metavar="URL", help="Push gauges of each run to a Prometheus Pushgateway."),
        click.Option(
            ["--textfile"],
            type=click.Path(),
            metavar="PATH",
            help="Write gauges to a file (.prom) for node_exporter's textfile collector.",
        ),
        click.Option(
            ["--expected-every"], type=Duration(), help="How often this is meant to run, such as 24h; used by alerts."
        ),
    ],
    "Service": [
        click.Option(["--every"], type=Duration(), help="Keep running and measure all targets this often, such as 15m."),
        click.Option(
            ["--serve"],
            metavar="[HOST:]PORT",
            help="With --every: serve /metrics for Prometheus, /healthz, and a page.  [default host: 127.0.0.1]",
        ),
        click.Option(
            ["--web-config"],
            type=click.Path(),
            metavar="FILE",
            help="TLS and passwords of --serve, in the format of Prometheus' exporters.",
        ),
        click.Option(
            ["--state"],
            type=click.Path(),
            metavar="PATH",
            help="With --every: results that survive a restart.  [default: in the user's state folder]",
        ),
        click.Option(
            ["--targets", "targets_file"],
            type=click.Path(),
            metavar="FILE",
            help="With --every: more targets, one on each line; SIGHUP reads it again.",
        ),
    ],
}
"""Options of a measuring command by the heading of their group in the help."""


class MeasureCommand(GroupedCommand):
    """A command with the options of ``_GROUPS``, which its function gets as one record.

    The table ``[tool.otel-memeval]`` of the project has defaults for them, by their names.
    """

    def __init__(self, callback: Callable[[MeasureOptions], int], help_text: str, epilog: str) -> None:
        def with_record(**_: object) -> int:
            context = click.get_current_context()
            options = MeasureOptions(**context.params)
            is_default = context.get_parameter_source("fail_on") is click.core.ParameterSource.DEFAULT
            if options.baseline is not None and is_default:
                options = options._replace(fail_on=(*options.fail_on, REGRESSED))
            return callback(options)

        super().__init__("otel-memeval", with_record, _TARGETS, _GROUPS, help_text, epilog)
        click.version_option(__version__, prog_name="otel-memeval")(self)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: object
    ) -> click.Context:
        """Return the context of a call, with the defaults of the project. Raises ``UsageError`` for unusable ones."""
        asks_only = not {"-h", "--help", "--version"}.isdisjoint(args)
        defaults = {} if asks_only else _project_defaults(self.params)
        if "--in-process" in args:  # defaults of a worker are not meant for this run
            defaults = {name: value for name, value in defaults.items() if name not in ("python", "explain")}
        return super().make_context(info_name, args, parent, default_map=defaults, **extra)


def _project_defaults(parameters: Sequence[click.Parameter]) -> dict[str, object]:
    """Return the project's defaults by the name of the parameter. Raises ``UsageError`` for unusable ones."""
    from otel_memeval.config import project_settings

    try:
        folder = os.getcwd()
    except OSError:  # the folder no longer exists
        return {}
    names = {option.removeprefix("--"): parameter.name for parameter in parameters for option in parameter.opts}
    return {names[option] or option: value for option, value in project_settings(folder).defaults().items()}
