"""Write the reference pages that follow the code: ``python -m docs.build``. A test compares them with the code."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

import otel_memeval
from otel_memeval.cli.grouped_command import GroupedCommand
from otel_memeval.cli.main import COMMANDS
from otel_memeval.cli.measure import measure_command
from otel_memeval.evaluation import PerformanceEval
from otel_memeval.telemetry import ATTRIBUTES

FOLDER = Path(__file__).parent
SCHEMA = Path(otel_memeval.__file__).parent / "result.schema.json"
RECORDS = SCHEMA.parent / "records"
GENERATED = "<!-- Written by python -m docs.build from the code. Do not edit. -->"
_UNITS = {"By": "bytes", "s": "seconds", "": "-"}
_PLACES = {
    "every": "Every span and event",
    "iteration": "Span of an iteration, `memeval.iteration {eval}`",
    "growth": "Event of a growing line, `memeval.growth`",
    "run": "Span of a run, `memeval.run {eval}`",
    "evaluation": "Event of the verdict, `gen_ai.evaluation.result`",
}
"""Headings by the place of an attribute."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table, with an empty line at its end."""
    lines = [_row(head), _row(["---"] * len(head)), *map(_row, rows)]
    return [*lines, ""]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _page(title: str, *lines: str) -> str:
    return "\n".join([f"# {title}", "", GENERATED, "", *lines]).rstrip() + "\n"


def _prose(text: str) -> str:
    """Return a docstring on one line, with Markdown's mark of code instead of reStructuredText's."""
    return " ".join(text.replace("``", "`").split())


def command_line() -> str:
    """Return the page of the command line: options in groups, and the rest of the help as text."""
    lines = [
        "The first argument selects the command. If it is no name of a command, it is a target to measure.",
        "`python -m otel_memeval` is the same as `otel-memeval`.",
        "",
        "For completion in bash, zsh or fish, put one of these lines into the shell's start-up file:",
        "",
        "```sh",
        'eval "$(_OTEL_MEMEVAL_COMPLETE=bash_source otel-memeval)"',
        'eval "$(_OTEL_MEMEVAL_COMPLETE=zsh_source otel-memeval)"',
        "_OTEL_MEMEVAL_COMPLETE=fish_source otel-memeval | source",
        "```",
        "",
        *_command(measure_command, "Measure: `otel-memeval TARGET...`"),
    ]
    for name, command in sorted(COMMANDS.items()):
        lines += _command(command, f"`otel-memeval {name}`")
    return _page("Command line", *lines)


def _command(command: click.Command, heading: str, parent: click.Context | None = None) -> Iterator[str]:
    context = click.Context(command, parent, info_name=command.name, max_content_width=80, terminal_width=80)
    yield from (f"## {heading}", "", "```text", *command.get_usage(context).splitlines(), "```", "")
    yield from (_prose((command.help or "").replace("\b", "")), "")
    options = [option for option in command.params if isinstance(option, click.Option)]
    groups: Mapping[str, Sequence[click.Option]] = {"": options}
    if isinstance(command, GroupedCommand):
        groups = command.groups
    for name, group in groups.items():
        shown = [option for option in group if not option.hidden]
        yield from ([f"### {name}", ""] if name and shown else [])
        yield from table(["option", "meaning"], [_option(option, context) for option in shown]) if shown else []
    if isinstance(command, click.Group):
        for name, part in command.commands.items():
            yield from (line.replace("## ", "### ", 1) for line in _command(part, f"`{name}`", context))
    if command.epilog:
        yield from ("```text", *command.epilog.replace("\b\n", "").strip().splitlines(), "```", "")


def _option(option: click.Option, context: click.Context) -> list[str]:
    names, text = option.get_help_record(context) or (", ".join(option.opts), option.help or "")
    return [f"`{names}`", " ".join(text.split()).replace("<", "&lt;").replace("*", "\\*")]


def python_api() -> str:
    """Return the page of the public names: fields and methods of an eval, and the errors."""
    lines = [
        "`from otel_memeval import PerformanceEval` needs nothing but the standard library.",
        "",
        "## PerformanceEval",
        "",
        *_paragraphs(PerformanceEval),
        "",
        *table(["field", "type", "default", "meaning"], list(_fields())),
    ]
    for name in ("run", "arun"):
        method = getattr(PerformanceEval, name)
        mark = "await eval.arun()" if inspect.iscoroutinefunction(method) else f"eval.{name}()"
        lines += [f"### `{mark}`", "", *_paragraphs(method), ""]
    errors = [name for name in otel_memeval.__all__ if name.endswith("Error")]
    lines += ["## Errors", "", *table(["name", "meaning"], [[f"`{name}`", _error(name)] for name in errors])]
    return _page("Python API", *lines)


def _paragraphs(described: object) -> list[str]:
    return ["\n".join(map(_prose, (inspect.getdoc(described) or "").split("\n\n"))).replace("\n", "\n\n")]


def _error(name: str) -> str:
    return _prose((inspect.getdoc(getattr(otel_memeval, name)) or "").split("\n\n")[0])


def _fields() -> Iterator[list[str]]:
    """Yield name, type, default and meaning of each field, read from the source of the class."""
    body = ast.parse(inspect.getsource(PerformanceEval)).body[0]
    assert isinstance(body, ast.ClassDef)
    meanings = _meanings(body)
    for node in body.body:
        if isinstance(node, ast.AnnAssign):
            name = ast.unparse(node.target)
            default = "required" if node.value is None else f"`{ast.unparse(node.value)}`"
            meaning = meanings.get(name, "A label of your own, kept in the result.")
            yield [f"`{name}`", f"`{ast.unparse(node.annotation)}`", default, meaning]


def _meanings(body: ast.ClassDef) -> dict[str, str]:
    """Return the text below each field of a class that has one, by the name of the field."""
    meanings = {}
    for node, text in zip(body.body, body.body[1:]):
        if isinstance(node, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            meanings[ast.unparse(node.target)] = _prose(str(text.value.value))
    return meanings


def _record_meanings() -> dict[str, dict[str, str]]:
    """Return the meanings of the fields of each record, by the name of the record."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(RECORDS.glob("*.py"))]
    return {node.name: _meanings(node) for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}


def result() -> str:
    """Return the page of the result file, one section for each record of the schema."""
    schema: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    lines = [
        f"`--json PATH` writes it, and `otel-memeval schema` prints its JSON Schema. {schema['description']}",
        "A field that is not required has a default, and may be added by a later version without a new schema number.",
        "",
    ]
    meanings = _record_meanings()
    for name, record in schema["$defs"].items():
        lines += [f"## {name}", "", _prose(record.get("description", "")), ""]
        required = set(record.get("required", ()))
        rows = [
            [f"`{field}`", _type(value), "yes" if field in required else "no", meanings.get(name, {}).get(field, "-")]
            for field, value in record.get("properties", {}).items()
        ]
        lines += table(["field", "type", "required", "meaning"], rows) if rows else []
    return _page("Result", *lines)


def _type(value: Mapping[str, Any]) -> str:
    """Return a type of the JSON Schema in words, with links to the records."""
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in value:
        return " or ".join(map(_type, value["anyOf"]))
    if "enum" in value:
        return " or ".join(f"`{json.dumps(choice)}`" for choice in value["enum"])
    if value.get("type") == "array":
        return f"list of {_type(value['items'])}" if value.get("items") else "list"
    if isinstance(value.get("additionalProperties"), Mapping):
        return f"object with values of {_type(value['additionalProperties'])}"
    return str(value.get("type", "any"))


def telemetry() -> str:
    """Return the page of spans, events and their attributes."""
    lines = [
        "A run is one trace. [Metrics](../metrics.md) have a page of their own; the guide on",
        "[OpenTelemetry](../guides/opentelemetry.md) says how to send all of it. Bytes are integers in bytes.",
        "",
    ]
    for place, heading in _PLACES.items():
        rows = [
            [f"`{item.name}`", item.type, _UNITS.get(item.unit, item.unit), item.help]
            for item in ATTRIBUTES
            if item.on == place
        ]
        lines += [f"## {heading}", "", *table(["attribute", "type", "unit", "meaning"], rows)]
    return _page("Telemetry", *lines)


def pages() -> dict[str, str]:
    """Return the text of each generated page by its path below ``docs/``."""
    return {
        "reference/command-line.md": command_line(),
        "reference/python-api.md": python_api(),
        "reference/result.md": result(),
        "reference/telemetry.md": telemetry(),
        "metrics.md": _with_metrics((FOLDER / "metrics.md").read_text(encoding="utf-8")),
    }


def _with_metrics(text: str) -> str:
    """Return the page of metrics with the table that ``otel-memeval metrics --markdown`` prints."""
    from click.testing import CliRunner

    printed = CliRunner().invoke(COMMANDS["metrics"], ["--markdown"], standalone_mode=False).output
    return re.sub(r"^\| metric \|.*?\n(?=\n)", lambda _: printed, text, count=1, flags=re.MULTILINE | re.DOTALL)


def main() -> None:
    """Write the pages that have changed, and print their names."""
    for name, text in pages().items():
        path = FOLDER / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"written: docs/{name}")


if __name__ == "__main__":
    main()
