"""Options and small commands: groups in the help, defaults in pyproject.toml, completion, ``list`` and ``init``."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import msgspec
import pytest

from otel_memeval.cli.completion import complete
from otel_memeval.cli.main import COMMANDS, run
from otel_memeval.cli.measure import measure_command
from otel_memeval.cli.templates import TEMPLATES, scenario_text
from otel_memeval.config import ProjectSettings
from tests.cli.conftest import Call, Tool

NO_DEFAULTS = {"every", "serve", "web-config", "state", "targets", "in-process", "bisect", "debug", "version"}
"""Options that a project cannot set: those of the service and of a single call."""

RUN = "def run():\n    bytearray(100_000)\n"


def test_help_lists_options_in_groups(call: Call) -> None:
    """Each option stands in one group with a heading; no line is wider than 80 columns."""
    done = call("--help", json_file=False)
    assert done.status == 0
    headings = re.findall(r"^(\w+):$", done.stdout, re.MULTILINE)
    assert headings[:6] == ["Measure", "Verdict", "Output", "Telemetry", "Service", "Other"]
    for parameter in measure_command.params:
        if parameter.opts[0].startswith("-"):
            assert len(re.findall(rf"^  (?:-., )?{parameter.opts[-1]}\b", done.stdout, re.MULTILINE)) == 1, parameter.opts
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_project_can_set_each_option_of_a_run() -> None:
    """The fields of the project's table are the options, but for those of the service and of a single call."""
    options = {name.removeprefix("--") for option in measure_command.params for name in option.opts if name[:2] == "--"}
    assert set(ProjectSettings.__struct_encode_fields__) - {"ignore", "resources"} == options - NO_DEFAULTS


def test_project_sets_defaults_that_the_command_line_overrides(tool: Tool, call: Call) -> None:
    """Numbers, sizes, lists and flags are read from the nearest pyproject.toml; an option goes before them."""
    table = 'iterations = 4\nwarmup = 1\nmax-growth = "1KiB"\nfail-on = ["leaking"]\nquiet = true\n'
    tool.write("pyproject.toml", f"[tool.otel-memeval]\n{table}")
    tool.write("scenario.py", RUN)
    done = call("scenario.py", "--warmup", "0")
    assert done.status == 0, done.text
    eval_ = done.result.eval
    assert (eval_.iterations, eval_.warmup, eval_.limits.max_growth_bytes) == (4, 0, 1024)
    assert len(done.stdout.splitlines()) == 1


def test_list_shows_what_would_be_measured(tool: Tool, call: Call) -> None:
    """Each eval of a target has a line with its own target, numbers and limits; no function is called."""
    source = """
        from otel_memeval import PerformanceEval
        def work(): raise SystemExit(9)
        FIRST = PerformanceEval(work, name="First eval", num_iterations=7, warmup_runs=2, max_growth="16KiB")
        SECOND = PerformanceEval(work, name="Second eval", num_iterations=4)
    """
    tool.write("scenario.py", source)
    done = call("list", "scenario.py", json_file=False)
    assert done.status == 0, done.text
    rows = [re.split(r" {2,}", line.strip()) for line in done.stdout.splitlines() if "scenario.py:" in line]
    assert rows == [
        ["scenario.py:FIRST", "First eval", "7", "2", "growth 16.0 KiB"],
        ["scenario.py:SECOND", "Second eval", "4", "10", "-"],
    ]
    assert call("list", "scenario.py:THIRD", json_file=False).status == 2


@pytest.mark.process
def test_init_writes_a_scenario_that_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The framework of this environment is ``openai``; a file that exists, or hides a package, is refused."""
    monkeypatch.chdir(tmp_path)
    assert run(["init", "my_agent.py"]) == 0
    assert capsys.readouterr().out.splitlines() == ["my_agent.py: a scenario for openai", "next: otel-memeval my_agent.py"]
    assert run(["list", "my_agent.py"]) == 0
    assert "my_agent.py:agent" in capsys.readouterr().out
    written = (tmp_path / "my_agent.py").read_bytes()
    for arguments, problem in (
        (["my_agent.py", "--framework", "none"], "my_agent.py exists already"),
        (["openai.py"], "openai.py has the name of a package that it imports"),
        (["missing/agent.py"], "missing/agent.py: No such file or directory"),
        (["other.py", "--python", "nowhere"], "nowhere is no Python interpreter that starts"),
    ):
        assert run(["init", *arguments]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"otel-memeval: {problem}; "), line
    assert (tmp_path / "my_agent.py").read_bytes() == written
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["my_agent.py"]


def test_templates_are_formatted_modules_with_an_eval() -> None:
    """Each compiles, defines the two functions and the eval, and makes the names that it uses."""
    for name in TEMPLATES:
        module = ast.parse(scenario_text(name))
        assert ast.get_docstring(module), name
        setup, iteration = (node for node in module.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
        assert (setup.name, iteration.name) == ("setup", "run")
        used = {node.id for node in ast.walk(iteration) if isinstance(node, ast.Name)}
        made = {name for node in ast.walk(setup) if isinstance(node, ast.Global) for name in node.names}
        assert {word for word in used if word.isupper()} <= made | {"QUESTION", "MODEL"}, name
        assert max(map(len, scenario_text(name).splitlines())) <= 125
    with pytest.raises(KeyError):
        scenario_text("something else")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("re", "plain,replay\nplain,report"),
        ("--it", "plain,--iterations"),
        ("agent.py --it", "plain,--iterations"),
        ("replay --e", "plain,--endpoint"),
        ("history sh", "plain,show"),
        ("history prune --k", "plain,--keep"),
        ("agent.py --events ", "plain,span\nplain,log\nplain,both"),
        ("agent.py --json ", "file,"),
        ("agen", "file,agen"),
    ],
)
def test_shell_completes(
    words: str, expected: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commands, options, their values and files; with a command its options."""
    typed = f"otel-memeval {words}"
    monkeypatch.setenv("_OTEL_MEMEVAL_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) - (not typed.endswith(" "))))
    with pytest.raises(SystemExit):
        complete(measure_command, COMMANDS)
    assert capsys.readouterr().out == expected + "\n"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('iterations = "many"\n', ["Expected `int", "iterations"]),
        ("iterationen = 3\n", ["unknown field `iterationen`"]),
        ("every = 3\n", ["unknown field `every`"]),
        ('max-growth = "16 parsecs"\n', ["16 parsecs"]),
        ('timeout = "soon"\n', ["soon"]),
    ],
)
def test_unusable_default_is_refused(tool: Tool, call: Call, table: str, words: list[str]) -> None:
    """A name that is no option and a value that cannot be read are one line and status 2; the help is shown all the same."""
    tool.write("pyproject.toml", f"[tool.otel-memeval]\n{table}")
    tool.write("scenario.py", RUN)
    done = call("scenario.py")
    assert (done.status, len(done.stderr.splitlines())) == (2, 1), done.text
    assert all(word in done.stderr for word in words), done.stderr
    assert call("--help", json_file=False).status == 0


def test_paths_of_a_project_are_relative_to_its_file(tmp_path: Path) -> None:
    """A path in pyproject.toml does not depend on the folder below it in which the command is called."""
    from otel_memeval.config import project_settings

    (tmp_path / "inner").mkdir()
    table = 'json = "out/result.json"\npython = ".venv/bin/python"\ntextfile = "-"\nsarif = "s"\n'
    (tmp_path / "pyproject.toml").write_text(f"[tool.otel-memeval]\n{table}", encoding="utf-8")
    defaults = project_settings(str(tmp_path / "inner")).defaults()
    expected = {"json": str(tmp_path / "out/result.json"), "python": str(tmp_path / ".venv/bin/python"), "textfile": "-"}
    expected["sarif"] = str(tmp_path / "s")
    assert defaults == expected
    (tmp_path / "pyproject.toml").write_text('[tool.otel-memeval]\npython = "python3.12"\n', encoding="utf-8")
    assert msgspec.to_builtins(project_settings(str(tmp_path)))["python"] == "python3.12"
