"""Wrong usage is refused in one clear line on stderr, with status 2 and without a traceback unless ``--debug`` is given.

Most cases call the command line in this process; one case of each kind of error starts it as people do.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Call, Done, Tool

BUSY = "def run():\n    bytearray(100_000)\n"


def assert_refused(done: Done, *words: str) -> None:
    """Status 2, nothing on stdout, one line on stderr that holds all the words."""
    assert done.status == 2, done
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("otel-memeval: ")
    for word in words:
        assert word in done.stderr
    assert done.runs == []


TARGETS: dict[str, list[str]] = {
    "nowhere_to_be_found": ["no module 'nowhere_to_be_found'", "run from the folder"],
    "nowhere.to.be": ["no module 'nowhere'"],
    "package.missing": ["no module 'package.missing'"],
    "missing.py": ["no file missing.py", "name a module"],
    "folder/missing.py:run": ["no file folder/missing.py"],
    "not-a-name": ["'not-a-name'", "neither a module's name nor a .py file"],
    "": ["neither a module's name"],
    ":run": ["neither a module's name"],
    "scenario.py:nothing": ["no 'nothing'", "found first, second", "scenario:first"],
    "scenario.py:first.nothing": ["no 'first.nothing'"],
    "scenario:NUMBER": ["scenario:NUMBER is an int", "found first, second"],
    "scenario:fisrt": ["no 'fisrt'", "did you mean first?"],
    "scenario.py:Agent": ["scenario:Agent is a class", "name a function"],
    "scenario.py::nothing": ["no 'nothing'"],
    "scenaro": ["no module 'scenaro'", "did you mean scenario?"],
    "click.py": ["No module named 'click.testing'", "rename click.py: it has the name of the package that it imports"],
    "rich.py": ["cannot import name 'print'", "rename rich.py"],
    "yaml.py": ["has no attribute 'load'", "rename yaml.py"],
    "scenaro.py": ["no file scenaro.py", "did you mean scenario.py?"],
    "package.misssing": ["no module 'package.misssing'"],
    "replai": ["no module 'replai'", "did you mean the command replay?"],
    "scenario.py": ["no eval and no function run", "found first, second"],
    "empty.py": ["no eval and no function run", "holds no function either", "add a PerformanceEval"],
    "importing.py": ["no eval and no function run", "imports EVAL", "importing:EVAL"],
    "raising": ["raised on import", "ValueError: no such luck", "raising.py:4"],
    "raising.py": ["raised on import", "ValueError: no such luck", "raising.py:4"],
    "exiting.py": ["raised on import", "SystemExit"],
    "dying.py": ["ended the process", "status 9"],
    "wrong_syntax.py": ["raised on import", "SyntaxError"],
    "missing_package.py": [
        "ModuleNotFoundError",
        "not_installed_anywhere",
        "missing_package.py:1",
        sys.executable,
        "--python",
    ],
    "in_library.py": ["raised on import", "at in_library.py:2"],
    "evals.py:WITHOUT": ["evals:WITHOUT has no function", "func is a NoneType", "func=YOUR_FUNCTION"],
    "evals.py:ZERO": ["num_iterations of eval 'zero' is 0", "1 or more"],
    "evals.py:NEGATIVE": ["num_iterations of eval 'negative' is -3", "1 or more"],
    "evals.py:COLD": ["warmup_runs of eval 'cold' is -1", "0 or more"],
    "evals.py:TEXT": ["num_iterations is a str, expected int"],
    "evals.py:HOOK": ["setup is an int, expected a function"],
    "evals.py:LIMIT": ["16 parsecs"],
}

FILES = {
    "package/__init__.py": "",
    "scenario.py": "NUMBER = 1\ndef first(): pass\ndef second(): pass\nclass Agent: pass\n",
    "empty.py": "",
    "importing.py": "from evals import GOOD as EVAL\n",
    "raising.py": "def run():\n    pass\n\nraise ValueError('no such luck')\n",
    "exiting.py": "import sys\nsys.exit(4)\n",
    "dying.py": "import os\nos._exit(9)\n",
    "wrong_syntax.py": "def run(:\n",
    "in_library.py": "import json\njson.loads('[')\n",
    "missing_package.py": "import not_installed_anywhere\ndef run(): pass\n",
    "click.py": "import click.testing\ndef run(): pass\n",
    "rich.py": "from rich import print\ndef run(): pass\n",
    "yaml.py": "import yaml\nyaml.load\ndef run(): pass\n",
    "evals.py": """
        from otel_memeval import PerformanceEval
        def work(): pass
        GOOD = PerformanceEval(work)
        WITHOUT = PerformanceEval(None)
        ZERO = PerformanceEval(work, name="zero", num_iterations=0)
        NEGATIVE = PerformanceEval(work, name="negative", num_iterations=-3)
        COLD = PerformanceEval(work, name="cold", warmup_runs=-1)
        TEXT = PerformanceEval(work, num_iterations="5")
        HOOK = PerformanceEval(work, setup=5)
        LIMIT = PerformanceEval(work, max_growth="16 parsecs")
    """,
}


@pytest.mark.parametrize("target", list(TARGETS))
def test_wrong_target_is_refused(tool: Tool, call: Call, target: str) -> None:
    """The line names the target, the reason and the remedy."""
    for name, source in FILES.items():
        tool.write(name, source)
    assert_refused(call(target), *TARGETS[target])


NUMBERS = {
    "--iterations 0": ["--iterations is 0", "1 or more"],
    "--iterations -1": ["--iterations is -1", "1 or more"],
    "--max-iterations 0": ["--max-iterations is 0", "1 or more"],
    "--warmup -1": ["--warmup is -1", "0 or more"],
    "--top -1": ["--top is -1", "0 or more"],
}


@pytest.mark.parametrize("options", list(NUMBERS))
def test_number_beyond_its_limit_is_refused(tool: Tool, call: Call, options: str) -> None:
    """The line names the option, the number and the limit."""
    tool.write("scenario.py", BUSY)
    assert_refused(call("scenario.py", *options.split(" ")), *NUMBERS[options])


@pytest.mark.parametrize(
    ("duration", "problem"),
    [("0", "0 is not more than 0 seconds"), ("-5", "'-5' is not a duration"), ("nan", "'nan' is not a duration")],
)
def test_text_that_is_no_duration_is_refused(tool: Tool, call: Call, duration: str, problem: str) -> None:
    """The line names the option and the problem."""
    tool.write("scenario.py", BUSY)
    assert_refused(call("scenario.py", "--timeout", duration), f"invalid value for '--timeout': {problem}")


def test_number_beyond_its_limit_is_refused_without_a_worker(tool: Tool) -> None:
    """``--in-process`` has the same limits."""
    tool.write("scenario.py", BUSY)
    assert_refused(tool.run("scenario.py", "--iterations", "0", "--in-process"), *NUMBERS["--iterations 0"])


def test_smallest_numbers_make_a_run(tool: Tool, call: Call) -> None:
    """One iteration without a warm-up, without a line shown, is a run: the other side of each limit."""
    tool.write("scenario.py", BUSY)
    done = call(
        "scenario.py", *["--iterations", "1", "--warmup", "0", "--top", "0", "--timeout", "20", "--max-iterations", "1"]
    )
    assert done.status == 0, done.text
    assert done.errors == ["ok"]


OPTIONS = {
    "--iterations few": ["'few' is not a valid integer"],
    "--fail-on leeking": ["unknown verdict: leeking", "did you mean leaking?"],
    "--fail-on ": ["there is no verdict in it"],
    "--max-growth 16parsecs": ["16parsecs"],
    "--itertions 3": ["no such option", "--iterations"],
    "--in-process --python python3": ["--python with --in-process", "leave one out"],
    "--in-process --explain": ["--explain with --in-process", "leave one out"],
    "--no-follow-up --explain": ["--explain with --no-follow-up", "leave one out"],
    "--quiet --verbose": ["--quiet with --verbose", "leave one out"],
}


@pytest.mark.parametrize("options", list(OPTIONS))
def test_unknown_option_or_value_is_refused(tool: Tool, call: Call, options: str) -> None:
    """An option that does not exist, a value that cannot be read, and options that do not go together end with status 2."""
    tool.write("scenario.py", BUSY)
    assert_refused(call("scenario.py", *options.split(" ")), *OPTIONS[options])


def test_missing_target_is_refused(call: Call) -> None:
    """Without a target there is nothing to measure."""
    assert_refused(call(), "missing argument 'TARGET...'", "see otel-memeval --help")


PYTHONS = {
    "python9": "",
    "no-such-python": "",
    "a-folder": "folder",
    "/bin/true": "",
    "/bin/sh": "",
    "./notes.txt": "these are notes\n",
    "./notes.bin": "these are notes\n",
    "./fails": "#!/bin/sh\necho out of order >&2\nexit 3\n",
}
"""Paths, and what is there."""


@pytest.mark.parametrize("path", list(PYTHONS))
def test_path_of_no_interpreter_is_refused(tool: Tool, call: Call, path: str) -> None:
    """A ``--python`` that is no interpreter is refused in one line, whatever else it is."""
    tool.write("scenario.py", BUSY)
    if PYTHONS[path] == "folder":
        (tool.folder / path).mkdir()
    elif PYTHONS[path]:
        tool.write(path, PYTHONS[path]).chmod(0o644 if path.endswith(".txt") else 0o755)
    done = call("scenario.py", "--python", path)
    assert_refused(done, f"{path} did not start as a Python interpreter", "--python needs the path of a CPython 3.10")
    assert ("out of order" in done.stderr) == (path == "./fails")


ERRORS = {
    "target": ["nowhere_to_be_found"],
    "number": ["scenario.py", "--iterations", "0"],
    "python": ["scenario.py", "--python", "no-such-python"],
}
"""One case of each kind."""


@pytest.mark.parametrize("kind", list(ERRORS))
def test_process_ends_with_the_refusal(tool: Tool, kind: str) -> None:
    """Started as a program, the command line refuses in one line too, and ends with status 2."""
    tool.write("scenario.py", BUSY)
    assert_refused(tool.run(*ERRORS[kind]))


def test_process_refuses_an_unknown_option(tool: Tool) -> None:
    """Started as a program with an unknown option, the command line ends with one line and status 2."""
    assert_refused(tool.run("scenario.py", "--nonsense"), "no such option '--nonsense'")


def test_python_by_a_relative_path(tool: Tool) -> None:
    """A ``--python`` relative to the current folder is found, a virtual environment's as well as a link."""
    tool.write("scenario.py", BUSY)
    (tool.folder / "python").symlink_to(sys.executable)
    done = tool.run("scenario.py", "--iterations", "1", "--python", os.path.join(".", "python"))
    assert done.status == 0, done.text


def test_debug_shows_the_traceback(tool: Tool) -> None:
    """With ``--debug`` an error of usage comes with its traceback, for whoever debugs the tool."""
    done = tool.run("nowhere_to_be_found", "--debug", traceback=True)
    assert "Traceback (most recent call last)" in done.stderr
    assert "no module 'nowhere_to_be_found'" in done.stderr
    assert done.status != 0


@pytest.mark.parametrize("path", ["no/such/folder/result.json", "."])
def test_unwritable_json_path_is_refused(tool: Tool, call: Call, path: str) -> None:
    """``--json`` into a folder that does not exist, or onto a folder, is refused before anything is measured."""
    tool.write("scenario.py", "from pathlib import Path\ndef run():\n    Path('was_here').touch()\n")
    done = call("scenario.py", "--iterations", "1", "--json", path, json_file=False)
    assert_refused(done, f"--json {path}")


def test_module_that_hangs_on_import_is_refused(tool: Tool, call: Call) -> None:
    """An import that does not end within ``--timeout`` is a target that cannot be loaded."""
    tool.write("scenario.py", "import threading\nthreading.Event().wait()\n")
    assert_refused(call("scenario.py", "--timeout", "0.5"), "importing scenario.py", "did not end within 0.5 s")


def test_runs_before_a_wrong_target_are_reported(tool: Tool, call: Call) -> None:
    """The runs that ended before a wrong target stand in the report and in the JSON file; the status is 2."""
    tool.write("scenario.py", BUSY)
    done = call("scenario.py", "nowhere_to_be_found", "--iterations", "2", "--warmup", "0")
    assert done.status == 2
    assert [run.eval.name for run in done.runs] == ["scenario"]
    assert "no module 'nowhere_to_be_found'" in done.stderr


def test_removed_current_folder_is_refused(tool: Tool) -> None:
    """In a folder that somebody has removed no target can be found."""
    gone = tool.folder.parent / "gone"
    gone.mkdir()
    script = 'cd "$0" && rmdir "$0" && exec "$@"'
    assert_refused(tool.run("scenario", wrapper=["sh", "-c", script, str(gone)], json_file=False), "folder no longer exists")


def test_folder_named_like_a_file_is_refused(tool: Tool, call: Call) -> None:
    """A folder is no target."""
    Path(tool.folder, "folder.py").mkdir()
    assert_refused(call("folder.py"), "no file folder.py")
