"""Run a test whose marker says ``in_process=False`` in a process of its own, fixtures included."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import pytest
from _pytest.runner import pytest_runtest_teardown

from otel_memeval.pytest_plugin.child import CHILD_PLUGIN

_MOST_CHARACTERS = 2000
"""Output of the process that is shown if it ended before its test did: from Python's fatal error on, else its end."""

_NOT_PASSED_ON = frozenset(
    {"file_or_dir", "keyword", "markexpr", "deselect", "lf", "failedfirst", "newfirst", "stepwise", "stepwise_skip",
     "xmlpath", "resultlog", "report_log", "pastebin", "basetemp", "cacheclear", "collectonly", "usepdb", "trace", "maxfail",
     "numprocesses", "maxprocesses", "dist", "distload", "tx", "looponfail", "override_ini", "inifilename", "rootdir",
     "plugins", "importmode", "cov_source"}
)  # fmt: skip
"""Options that select tests, write files, stop a run or distribute it, and those that the arguments repeat."""


def runs_elsewhere(item: pytest.Item) -> bool:
    """Return whether a test that asks for a process of its own gets one: not in that process."""
    return isinstance(item, pytest.Function) and not item.config.pluginmanager.has_plugin(CHILD_PLUGIN)


def report_elsewhere(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Run a test in a process of its own, and report it as if it had run here; fixtures that are over are torn down."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in _run(item):
        item.ihook.pytest_runtest_logreport(report=report)
    shared = pytest.CallInfo.from_call(lambda: pytest_runtest_teardown(item, nextitem), "teardown")
    if shared.excinfo is not None:  # a fixture that an earlier test of this process had set up
        report = item.ihook.pytest_runtest_makereport(item=item, call=shared)
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def _run(item: pytest.Item) -> Iterator[pytest.TestReport]:
    """Run the set-up, the call and the tear-down of a test in a process of its own, and yield its reports."""
    with tempfile.TemporaryDirectory(prefix="memeval-pytest-") as folder:
        file = Path(folder, "reports.jsonl")
        request = {"reports": str(file), "path": sys.path, "arguments": _arguments(item), "options": _options(item.config)}
        command = [sys.executable, "-m", "otel_memeval.pytest_plugin.child"]
        process = subprocess.Popen(
            command,
            cwd=item.config.invocation_params.dir,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        try:
            output, _ = process.communicate(json.dumps(request))
        finally:
            process.kill()
            process.wait()
        reports = [_report(item, line) for line in file.read_text().splitlines()] if file.exists() else []
    yield from reports
    if not reports or reports[-1].when != "teardown":
        yield _early_end(item, process.returncode, output)


def _arguments(item: pytest.Item) -> list[str]:
    """Return the arguments of pytest that find this test, with the configuration of this run."""
    config = item.config
    option = config.option
    path = os.path.relpath(item.path, config.rootpath)
    test = item.nodeid.replace(item.nodeid.partition("::")[0], str(config.rootpath / path), 1)
    found = ["--rootdir", str(config.rootpath), *(["-c", str(config.inipath)] if config.inipath else [])]
    found += [f"--import-mode={option.importmode}", "-o", "addopts="]
    for name in option.plugins:
        found += ["-p", name]
    for value in option.override_ini or ():
        found += ["-o", value]
    return [*found, "--", test]


def _options(config: pytest.Config) -> dict[str, object]:
    """Return the values of the options, those of plugins included, that JSON can pass on."""
    options = cast("Mapping[str, object]", vars(config.option))
    return {name: value for name, value in options.items() if name not in _NOT_PASSED_ON and _is_plain(value)}


def _is_plain(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (str, int, float))


def _report(item: pytest.Item, line: str) -> pytest.TestReport:
    data = json.loads(line)
    report = item.config.hook.pytest_report_from_serializable(config=item.config, data=data)
    assert isinstance(report, pytest.TestReport)
    report.nodeid, report.location = item.nodeid, item.location
    text: object = report.longrepr
    if isinstance(text, list):  # of a skipped test; JSON has no tuples
        file, number, reason = text
        report.longrepr = (str(file), int(number), str(reason))
    return report


def _early_end(item: pytest.Item, status: int, output: str) -> pytest.TestReport:
    """Return the report of a test whose process ended before the test did."""
    end = f"status {status}"
    if status < 0:
        end = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
    text = f"memeval: the process of the test ended before the test did: {end}"
    crash = output.find("Fatal Python error")
    shown = output[crash : crash + _MOST_CHARACTERS] if crash >= 0 else output[-_MOST_CHARACTERS:]
    return pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords=dict.fromkeys(item.keywords, 1),
        outcome="failed",
        longrepr=f"{text}\n{shown.strip()}".strip(),
        when="call",
    )
