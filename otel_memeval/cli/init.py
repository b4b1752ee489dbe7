"""``otel-memeval init``: write a scenario to begin with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from otel_memeval.cli.exit_codes import PASSED
from otel_memeval.errors import UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_EPILOG = """\b
The framework is the first of these that is installed for the interpreter:
agno, langgraph, pydantic-ai, openai-agents, crewai, llama-index, strands,
agent-framework, autogen, openai; without any the file has an empty function.

\b
Exit status: 0 the file is written; 2 it exists already, or cannot be written."""

_FIND = """
import json, sys
from importlib.metadata import PackageNotFoundError, version
found = []
for name in json.loads(sys.argv[1]):
    try:
        version(name)
    except PackageNotFoundError:
        continue
    found.append(name)
print(json.dumps(found))
"""
_FIND_SECONDS = 60.0


class _Framework(click.ParamType[str]):
    """Name of a template; the templates are imported for this command only."""

    name = "framework"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name. Raises ``click.BadParameter`` if there is no such template."""
        return str(self._names().convert(value, param, ctx))

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the names that begin like this."""
        return self._names().shell_complete(ctx, param, incomplete)

    def _names(self) -> click.Choice[str]:
        from otel_memeval.cli.templates import TEMPLATES

        return click.Choice(list(TEMPLATES))


@click.command(
    name="otel-memeval init",
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.argument("file", metavar="[FILE]", default="memeval_agent.py")
@click.option(
    "--framework",
    type=_Framework(),
    metavar="NAME",
    help="Write for this one, or none.  [default: as below]",
)
@click.option("--python", type=click.Path(), metavar="PATH", help="Interpreter of the agent.  [default: this one]")
def init_command(file: str, framework: str | None, python: str | None) -> int:
    """Write a scenario for the agent framework that is installed, to FILE (memeval_agent.py); no file is overwritten."""
    from otel_memeval.cli.templates import imported_packages, scenario_text
    from otel_memeval.config import for_measuring

    chosen = python or for_measuring().project.python
    found = [framework] if framework else _installed(chosen or sys.executable)
    name = found[0] if found else "none"
    if Path(file).stem in imported_packages(name):
        raise UsageError(f"{file} has the name of a package that it imports", "name another file: otel-memeval init FILE")
    try:
        with open(file, "x", encoding="utf-8") as stream:
            stream.write(scenario_text(name))
    except FileExistsError:
        raise UsageError(f"{file} exists already", "name another file: otel-memeval init FILE") from None
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}", "name a file that can be written") from None
    click.echo(f"{file}: a scenario for {'any agent' if name == 'none' else name}")
    if len(found) > 1:
        click.echo(f"also installed: {', '.join(found[1:])}; --framework NAME writes for another one")
    click.echo(f"next: otel-memeval {file}{f' --python {python}' if python else ''}")
    return PASSED


def _installed(python: str) -> list[str]:
    """Return the names of the templates whose package is installed for an interpreter."""
    import json
    import subprocess

    from otel_memeval.cli.templates import TEMPLATES

    packages = {template.package: name for name, template in TEMPLATES.items() if template.package}
    command = [python, "-I", "-c", _FIND, json.dumps(list(packages))]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_FIND_SECONDS, check=True
        )
        return [packages[package] for package in json.loads(done.stdout)]
    except (OSError, subprocess.SubprocessError, ValueError):
        raise UsageError(f"{python} is no Python interpreter that starts", "name one with --python") from None
