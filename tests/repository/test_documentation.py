"""The documentation names commands, options, defaults, verdicts, statuses and variables that exist; its code runs."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
import sys
import textwrap
import types
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from otel_memeval.cli import exit_codes
from otel_memeval.cli.main import COMMANDS
from otel_memeval.cli.measure import measure_command
from otel_memeval.evaluation import PerformanceEval
from otel_memeval.run import plan
from otel_memeval.verdicts import PROPERTIES, STATES
from tests.repository.files import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PAGES = [
    ROOT / "README.md",
    ROOT / "deploy" / "README.md",
    ROOT / "deploy" / "runbook.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
LONGEST_README = 120
OTHER_PROGRAMS = {
    "--extra",
    "--factor",
    "--forest",
    "--from",
    "--hook-type",
    "--persistence.file",
    "--resources",
    "--simulated",
    "--tests",
    "--volumes",
}
"""Options that the pages name, and that are not of this tool."""

OF_THE_USER: dict[str, dict[str, object]] = {"my_agent": {"ask": list}, "my_service": {"app": object()}}
"""Modules of the user that blocks import, with the names in them."""

STATUSES = {value for name, value in vars(exit_codes).items() if name.isupper() and isinstance(value, int)}
EVERY_OPTION = {
    name
    for named in (measure_command, *COMMANDS.values())
    for command in (named, *(named.commands.values() if isinstance(named, click.Group) else ()))
    for option in command.params
    if isinstance(option, click.Option)
    for name in (*option.opts, *option.secondary_opts, "--help")
}
FIELDS = {name: parameter.default for name, parameter in inspect.signature(PerformanceEval).parameters.items()}
DEFAULTS = {name: option.default for option in measure_command.params for name in option.opts}


class Block(NamedTuple):
    """A code block of a page."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(language: str) -> list[Block]:
    """Return the code blocks of a language on all pages."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in re.finditer(rf"^ *```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, match.start()) + 2
            found.append(Block(page.relative_to(ROOT).as_posix(), line, language, textwrap.dedent(match.group(1))))
    return found


def prose() -> Iterator[tuple[str, str]]:
    """Yield name and text of each page without its code blocks."""
    for page in PAGES:
        text = re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        yield page.relative_to(ROOT).as_posix(), text


def calls(text: str) -> Iterator[list[str]]:
    """Yield the arguments of each call of the tool in shell lines, without variables before it and comments after it."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words and re.match(r"[A-Z_]+=", words[0]):
            words.pop(0)
        if words[:1] == ["otel-memeval"]:
            yield words[1:]
        elif words[:3] == ["python", "-m", "otel_memeval"]:
            yield words[3:]


def parse(arguments: list[str]) -> click.Context:
    """Parse a command line as the tool does, without running it; raises ``click.UsageError`` for a wrong one."""
    command = COMMANDS.get(arguments[0]) if arguments else None
    rest = list(arguments if command is None else arguments[1:])
    if isinstance(command, click.Group):
        name = rest.pop(0) if rest and rest[0] in command.commands else "list"
        command = command.commands[name]
    return (command or measure_command).make_context("otel-memeval", list(rest))


def test_command_lines_of_the_pages_are_parsed() -> None:
    """Every call in a shell block, and every one in a sentence that has an option, is understood."""
    lines = [(str(block), call) for block in blocks("sh") for call in calls(block.text)]
    for name, text in prose():
        lines += [(name, call) for code in re.findall(r"`([^`\n]+)`", text) for call in calls(code) if len(call) > 1]
    assert len(lines) > 40
    for place, arguments in lines:
        try:
            parse(arguments)
        except click.UsageError as error:
            pytest.fail(f"{place}: otel-memeval {' '.join(arguments)}: {error.format_message()}")


@pytest.mark.parametrize(
    "line", ["otel-memeval m.py --no-such", "python -m otel_memeval replay --every 1h", "otel-memeval m --iterations x"]
)
def test_wrong_command_line_is_found(line: str) -> None:
    """The parser is the one of the tool."""
    (arguments,) = calls(f"A=1 {line}  # a comment")
    with pytest.raises(click.UsageError):
        parse(arguments)


def test_command_named_in_a_sentence_exists() -> None:
    """A word after the tool's name is a command, or a target, which has a dot, a colon or capitals."""
    found = [(name, word) for name, text in prose() for word in re.findall(r"`otel-memeval ([a-z]+)[ `]", text)]
    assert len(found) > 5
    assert {(name, word) for name, word in found if word not in COMMANDS} == set()


def test_option_named_in_a_sentence_exists() -> None:
    """Every option in code of a sentence is one of this tool, or is listed here as one of another program."""
    found: dict[str, str] = {}
    for name, text in prose():
        for code in re.findall(r"`([^`\n]+)`", text):
            found.update((option, name) for option in re.findall(r"(?<![\w-])--[a-z][\w.-]*", code))
    assert len(found) > 25
    assert {option: name for option, name in found.items() if option not in EVERY_OPTION | OTHER_PROGRAMS} == {}
    assert OTHER_PROGRAMS - found.keys() == set()


def test_verdict_tables_have_the_states_of_the_code() -> None:
    """README and overview list all states in the order of the code, and say which of them fail a run."""
    expected = [(state, PROPERTIES[state].fails_run) for state in STATES]
    for path in (ROOT / "README.md", ROOT / "docs" / "verdict" / "index.md"):
        rows = re.findall(r"^\| \[?`([a-z-]+)`[^|]*\|[^|]*\|([^|]*)\|$", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert [(state, cell.strip().startswith("yes")) for state, cell in rows] == expected, path


@pytest.mark.parametrize("state", STATES)
def test_verdict_has_a_page_with_its_exit_status(state: str) -> None:
    """The page has the three parts, and the status of a run with that verdict."""
    text = (ROOT / "docs" / "verdict" / f"{state}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {state}\n\n**Meaning.** ")
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## How to look", "## What to do"]
    status = 3 if state == "failed" else int(PROPERTIES[state].fails_run)  # type: ignore[index]
    meaning = " ".join(text.partition("## How to look")[0].split())
    assert re.findall(r"Exit status (\d)", meaning) == [str(status)]


def test_exit_statuses_are_those_of_the_code() -> None:
    """The tables list all of them, and no sentence names another."""
    for path in (ROOT / "README.md", ROOT / "docs" / "getting-started.md"):
        rows = re.findall(r"^\| (\d+) \|", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert list(map(int, rows)) == sorted(STATUSES), path
    named = [(name, int(number)) for name, text in prose() for number in re.findall(r"\b[Ss]tatus (\d{1,3})\b", text)]
    assert len(named) > 8
    assert [(name, number) for name, number in named if number not in STATUSES] == []


@pytest.mark.parametrize(
    ("page", "phrase"),
    [
        (
            "guides/paid-models.md",
            f"`warmup_runs` of the eval ({FIELDS['warmup_runs']} if not set); {plan.DEFAULT_WARMUP} for a plain",
        ),
        ("guides/paid-models.md", f"({FIELDS['num_iterations']} if not set); {plan.DEFAULT_ITERATIONS} for a plain"),
        ("guides/paid-models.md", f"four times its iterations, and at least {plan.FEWEST_MAX_ITERATIONS}"),
        ("guides/paid-models.md", f"none is begun after {str(DEFAULTS['--follow-up-budget']).removesuffix('s')} seconds"),
        ("guides/paid-models.md", f"({str(DEFAULTS['--timeout']).removesuffix('m')} minutes if not given)"),
        ("verdict/failed.md", f"longer than {str(DEFAULTS['--timeout']).removesuffix('m')} minutes"),
        ("guides/ci.md", f"--fail-on {DEFAULTS['--fail-on']},inconclusive"),
        (
            "verdicts.md",
            f"`--follow-up-budget` of wall time ({str(DEFAULTS['--follow-up-budget']).removesuffix('s')} s by default)",
        ),
    ],
)
def test_default_in_a_sentence_is_that_of_the_code(page: str, phrase: str) -> None:
    """A default that is changed in the code is changed on the page; the reference page has all of them from the code."""
    assert phrase in " ".join((ROOT / "docs" / page).read_text(encoding="utf-8").split())


def test_variables_of_the_tool_exist() -> None:
    """Every variable MEMEVAL_... on a page is read by the tool or by deploy/."""
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "otel_memeval").rglob("*.py"))
    for path in (ROOT / "deploy").rglob("*"):
        code += path.read_text(encoding="utf-8") if path.suffix in (".yaml", ".sh", "") and path.is_file() else ""
    named = {name for page in PAGES for name in re.findall(r"\bMEMEVAL_[A-Z_]*[A-Z]\b", page.read_text(encoding="utf-8"))}
    assert len(named) > 8
    assert {name for name in named if name not in code and name.replace("MEMEVAL_PUSHGATEWAY", "") not in code} == set()


def imports_and_calls(text: str) -> set[str]:
    """Return the names that a program imports, each with its module, and the functions that it calls."""
    nodes = list(ast.walk(ast.parse(text)))
    names = {f"{node.module}.{name.name}" for node in nodes if isinstance(node, ast.ImportFrom) for name in node.names}
    return names | {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}


def test_python_of_the_pages_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block runs as a module, with what it takes from the user's own code.

    Calls of frameworks that are not installed here stand in a scenario of ``benchmarks/frameworks``, and the tutorial's
    pieces in the files of ``examples/``, which another test measures.
    """
    for name, contents in OF_THE_USER.items():
        module = types.ModuleType(name)
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, name, module)
    folders = ("benchmarks/frameworks/scenarios", "examples")
    texts = [path.read_text(encoding="utf-8") for folder in folders for path in sorted((ROOT / folder).glob("*.py"))]
    measured = {part for text in texts for part in imports_and_calls(text)}
    lines = {line.strip() for text in texts for line in text.splitlines()}
    outcomes = Counter[str]()
    for block in blocks("python"):
        is_piece = lines.issuperset(map(str.strip, block.text.splitlines()))
        if is_piece or ("frameworks.md" in block.page and imports_and_calls(block.text) <= measured):
            outcomes["stands in a file that is measured"] += 1
            continue
        outcomes["runs"] += 1
        program = compile(block.text, str(block), "exec", dont_inherit=True)
        exec(program, {"__name__": "page", "run": list, "run_agent": list})
    assert min(outcomes.values()) >= 8, outcomes


def test_settings_of_the_pages_are_options() -> None:
    """The keys of each table [tool.otel-memeval] are options, or the rules for ignored growth."""
    tables = [tomllib.loads(block.text)["tool"]["otel-memeval"] for block in blocks("toml")]
    assert len(tables) >= 2
    assert {key for table in tables for key in table if key != "ignore" and f"--{key}" not in EVERY_OPTION} == set()


def test_readme_is_short_and_its_links_lead_to_files() -> None:
    """The long form stands in docs/; links are relative, since the repository has no public address."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_README
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", text)
    assert len(links) > 20
    assert [link for link in links if not (ROOT / link).is_file()] == []


def test_picture_loads_nothing() -> None:
    """No font, style or script is of another address."""
    text = Path(ROOT / "docs" / "images" / "leaking-run.svg").read_text(encoding="utf-8")
    assert "leaking" in text
    assert re.findall(r"url\((?!#)|@import|@font-face|<script|xlink:href", text) == []
