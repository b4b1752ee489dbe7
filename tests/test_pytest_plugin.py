"""The pytest plugin in runs of pytest: marked tests, the fixture, async tests, xdist, databases of Django, start-up."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from otel_memeval.config import ProjectSettings
from otel_memeval.errors import UsageError
from otel_memeval.pytest_plugin.arguments import DEFAULT_FAIL_ON, MarkerArguments
from otel_memeval.pytest_plugin.failure_text import failure_text
from otel_memeval.records import Result

process = pytest.mark.process

ROOT = Path(__file__).parent.parent

DATA = ROOT / "tests" / "data" / "pytest_plugin"
"""Tests that are measured, in files whose names pytest does not collect."""

PLUGIN = "otel_memeval.pytest_plugin"


def data(name: str) -> str:
    """Return the text of a file of measured tests."""
    return (DATA / name).read_text(encoding="utf-8")


def run_pytest(folder: Path, files: dict[str, str], *arguments: str) -> str:
    """Return the output of pytest with these files; only the named plugins are loaded."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "150"}
    environment.pop("PYTEST_XDIST_WORKER", None)
    environment.pop("PYTEST_ADDOPTS", None)
    command = [sys.executable, "-m", "pytest", "-p", PLUGIN, "-p", "no:cacheprovider", *arguments, *files]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert not done.stderr, done.stderr
    return done.stdout


def failure(output: str, name: str) -> str:
    """Return the part of pytest's output about the failure of a test."""
    match = re.search(rf"^_+ (?:\w+\.)?{re.escape(name)} _+\n(.*?)(?=^_{{5,}} |^={{5,}} )", output, re.MULTILINE | re.DOTALL)
    assert match is not None, output
    return match.group(1)


def summary(output: str) -> dict[str, str]:
    """Return the lines of the plugin's section by test."""
    section = output.partition("memory of measured tests (memeval)")[2].partition("\n=")[0]
    lines = [line.partition("::")[2] for line in section.splitlines() if "::" in line]
    return {name: text for name, _, text in (line.partition(": ") for line in lines)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the run of the sync tests."""
    return tmp_path_factory.mktemp("plugin")


@pytest.fixture(scope="module")
def sync_output(folder: Path) -> str:
    """Return the output of the sync tests; warnings are errors, as in strict projects, but for the test that warns."""
    options = ("-W", "error", "-W", "always:an old name", "--junitxml=junit.xml", "--strict-markers", "-rA", "-q")
    return run_pytest(folder, {"test_sync.py": data("sync_tests.py")}, *options)


@pytest.fixture(scope="module")
def async_output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the output of the async tests."""
    plugins = ("-p", "pytest_asyncio.plugin", "-p", "anyio.pytest_plugin")
    options = ("-W", "error", "-o", "asyncio_default_fixture_loop_scope=function", "-rA", "-q")
    return run_pytest(tmp_path_factory.mktemp("async"), {"test_async.py": data("async_tests.py")}, *plugins, *options)


def outcomes(output: str) -> dict[str, str]:
    """Return the outcome of each test by name; needs ``-rA``."""
    found = re.findall(r"^(PASSED|FAILED|ERROR) \S+::(test_\w+(?:\[\w+\])?)", output, re.MULTILINE)
    return {name: outcome for outcome, name in found}


@process
def test_marked_test_fails_with_the_sentence_of_the_verdict(sync_output: str) -> None:
    """The failure has the verdict, the line with its source, the holder and the next step, and no traceback."""
    text = failure(sync_output, "test_leaks")
    assert text.startswith(
        "leaking: keeps 97.7 KiB more every iteration; allocated at test_sync.py:26, held by test_sync.KEPT"
    )
    assert "limit exceeded: retained memory grew by 97.7 KiB per iteration; max_growth allows 16.0 KiB\n" in text
    assert "\n  >   26 |     KEPT.append(bytearray(100_000))\n" in text
    assert "\n  held by test_sync.KEPT (list)\n" in text
    assert "\nnext: release what test_sync.py:26 puts into test_sync.KEPT" in text
    assert "otel_memeval" not in text
    assert len(text.splitlines()) <= 12


@process
def test_outcomes_of_sync_tests_are_those_of_their_verdicts(sync_output: str) -> None:
    """Clean tests pass, also those that print, log and warn; a skipped one is skipped; the others fail."""
    failed = {name for name, outcome in outcomes(sync_output).items() if outcome != "PASSED"}
    assert failed == {
        "test_leaks", "test_raises", "test_fixture_fails_the_test", "test_both", "test_unknown_argument",
        "test_unknown_verdict", "test_own_process[3000]", "test_own_process_ends",
    }, sync_output  # fmt: skip
    assert " 1 skipped" in sync_output
    assert "not here" in sync_output


@process
def test_exception_of_the_test_is_shown_as_pytest_shows_it(sync_output: str) -> None:
    """The traceback is that of the test alone, with the output of its last call and the number of the call."""
    text = failure(sync_output, "test_raises")
    assert '>       assert cache["calls"] < 5\nE       assert 5 < 5\n' in text
    assert "test_sync.py:40: AssertionError" in text
    assert "in measured" not in text
    assert "otel_memeval" not in text
    assert "raised in call 5 of the test, after 4 without an exception" in text
    assert text.count("call 5\n") == 1
    assert "call 4\n" not in text


@process
def test_output_and_warnings_are_those_of_one_call(sync_output: str) -> None:
    """What pytest records of a test does not grow with its iterations; a warning is shown once."""
    assert summary(sync_output)["test_records"].startswith("stable")
    shown = sync_output.partition("_ test_records _")[2].partition("\n____")[0]
    assert shown.count("a line of the log") == 1
    assert sync_output.count("DeprecationWarning: an old name") == 1


@process
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("test_unknown_argument", "memeval: unknown argument `iteration`; arguments are iterations, warmup"),
        ("test_unknown_verdict", "memeval: fail_on: unknown verdict: leakin (did you mean leaking?)"),
        ("test_both", "a test that has the marker memeval cannot use the fixture memeval too"),
    ],
)
def test_wrong_use_fails_in_one_line(name: str, text: str, sync_output: str) -> None:
    """The line names the problem; the test is not called."""
    shown = failure(sync_output, name)
    assert text in shown
    assert "Traceback" not in shown
    assert "During handling" not in shown
    assert "AssertionError" not in shown


@process
def test_own_process_sets_fixtures_up_and_measures(sync_output: str) -> None:
    """A test with ``in_process=False`` runs with its fixtures elsewhere; it fails if its process ends before it does."""
    text = failure(sync_output, "test_own_process[3000]")
    assert re.match(r"leaking: keeps (2\.9|3\.0)\d KiB more every iteration; allocated at test_sync\.py:\d+, held by", text)
    assert summary(sync_output)["test_own_process[0]"].startswith("stable")
    ended = failure(sync_output, "test_own_process_ends")
    assert ended.startswith("memeval: the process of the test ended before the test did: status 3\n")
    assert "last words" not in ended  # pytest had captured them


@process
def test_summary_lists_measured_tests(sync_output: str) -> None:
    """Each measured test has a line with state, growth and iterations; each measurement of the fixture as well."""
    lines = summary(sync_output)
    assert lines["test_leaks"] == "leaking, +97.7 KiB per iteration, 12 iterations"
    assert lines["test_parameter[3]"] == "inconclusive, 0 B per iteration, 3 iterations"
    assert lines["TestMethods::test_method"].endswith(" 4 iterations")
    assert lines["test_fixture_fails_the_test"].startswith("<lambda>: leaking")
    assert "test_fixtures_are_set_up_once" not in lines
    assert "test_skips" not in lines


@process
def test_junit_file_has_the_verdicts(sync_output: str, folder: Path) -> None:
    """The line of the summary is a property of the test case."""
    assert sync_output
    cases = ET.parse(folder / "junit.xml").iter("testcase")
    found = {case.get("name"): [item.get("value") for item in case.iter("property")] for case in cases}
    assert found["test_leaks"] == ["leaking, +97.7 KiB per iteration, 12 iterations"]
    assert found["test_fixtures_are_set_up_once"] == []


@process
def test_async_test_is_measured_in_the_loop_of_its_plugin(async_output: str) -> None:
    """pytest-asyncio and anyio run the test, with the loop of its fixtures; sync and async tests may alternate."""
    found = outcomes(async_output)
    failed = {name for name, outcome in found.items() if outcome != "PASSED"}
    assert len(found) == 6
    assert failed == {"test_asyncio_leaks", "test_asyncio_raises"}, async_output
    assert set(summary(async_output)) > {"test_anyio_clean", "test_sync_after_async"}
    text = failure(async_output, "test_asyncio_leaks")
    assert re.match(r"leaking: keeps 29.\d KiB more every iteration; allocated at test_async.py:22, held by", text), text
    assert "held by test_async.KEPT" in text


@process
def test_exception_of_an_async_test_has_its_own_traceback(async_output: str) -> None:
    """The plugins' frames and ours are left out."""
    text = failure(async_output, "test_asyncio_raises")
    assert '>       raise LookupError("of the test")\nE       LookupError: of the test\n' in text
    assert "otel_memeval" not in text


@process
def test_xdist_workers_send_their_results(tmp_path: Path) -> None:
    """The summary of the controller has the tests of all workers."""
    output = run_pytest(
        tmp_path, {"test_sync.py": data("sync_tests.py")}, "-p", "xdist.plugin", "-n", "2", "-k", "parameter"
    )
    assert set(summary(output)) == {"test_parameter[3]", "test_parameter[5]"}, output
    assert "2 workers" in output


@process
def test_database_fixture_of_django_is_set_up_where_it_is_measured(tmp_path: Path) -> None:
    """Queries of all iterations run in the transaction of the fixture, which is rolled back."""
    (tmp_path / "django_settings.py").write_text(data("django_settings.py"), encoding="utf-8")
    options = ("-p", "pytest_django.plugin", "--ds=django_settings", "-o", "pythonpath=.", "-rA")
    output = run_pytest(tmp_path, {"test_query.py": data("query_tests.py")}, *options)
    assert "2 passed" in output, output
    assert summary(output)["test_query"].startswith("stable")


@process
def test_unused_plugin_imports_nothing_but_pytest(tmp_path: Path) -> None:
    """A run without a measured test imports the package and the plugin's module, and prints no section."""
    (tmp_path / "conftest.py").write_text(
        "import sys\ndef pytest_unconfigure():\n"
        "    ours = {'otel_memeval', 'msgspec', 'click', 'rich'}\n"
        "    print('\\nMODULES', sorted(name for name in sys.modules if name.partition('.')[0] in ours))\n",
        encoding="utf-8",
    )
    output = run_pytest(tmp_path, {"test_plain.py": "def test_plain(): pass\n"})
    assert f"MODULES {['otel_memeval', PLUGIN]}" in output
    assert "memory of measured tests" not in output


def test_arguments_go_before_the_settings_of_the_project() -> None:
    """What the marker does not say comes from ``[tool.otel-memeval]``, else from the defaults of a plain function."""
    project = ProjectSettings(iterations=7, warmup=1, max_growth="1KiB", fail_on="creeping")
    given = MarkerArguments.of((), {"iterations": 3, "warmup": 0, "fail_on": ["idle", "leaking"]})
    evaluation = given.evaluation(print, "a test", project)
    assert (evaluation.num_iterations, evaluation.warmup_runs, evaluation.max_growth) == (3, 0, "1KiB")
    assert given.fail_on_states(project) == ("idle", "leaking")
    nothing = MarkerArguments.of((), {})
    assert nothing.evaluation(print, "a test", project).num_iterations == 7
    assert nothing.evaluation(print, "a test", ProjectSettings()).num_iterations == 20
    assert nothing.fail_on_states(project) == ("creeping",)
    assert nothing.fail_on_states(ProjectSettings()) == DEFAULT_FAIL_ON == ("leaking", "native-leak", "failed")
    assert MarkerArguments.of((), {"fail_on": "never"}).fail_on_states(project) == ()


@pytest.mark.parametrize("arguments", [{"iterations": "20"}, {"warmup": 1.5}, {"ignore": "all"}, {"in_process": 1}])
def test_argument_of_a_wrong_type_is_named(arguments: dict[str, object]) -> None:
    """The message has the argument's name."""
    with pytest.raises(UsageError, match=next(iter(arguments))):
        MarkerArguments.of((), arguments)
    with pytest.raises(UsageError, match="no positional arguments"):
        MarkerArguments.of((20,), {})


def test_failure_text_names_a_limit_as_the_marker_does(make_result: Callable[..., Result]) -> None:
    """The sentence of the result has the option of the command line."""
    result = make_result(
        limits_exceeded=["retained memory grew by 4 KiB per iteration; --max-growth allows 1 KiB"], sites=[]
    )
    lines = failure_text(result, "").splitlines()
    assert lines[:2] == [
        "leaking: keeps 4.00 KiB more every iteration",
        "limit exceeded: retained memory grew by 4 KiB per iteration; max_growth allows 1 KiB",
    ]
    assert (
        lines[-1]
        == "next: release what each call puts into m.KEPT, give it a bound, or name the growth in ignore= if it is meant"
    )
