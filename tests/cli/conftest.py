"""Run the real command line in a folder of its own, and check after each run that nothing is left of it.

Every run through ``Tool`` also proves: it ends in time, its JSON fits the published schema, no process of it lives on,
no file of it stays, and no traceback is shown.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest

from otel_memeval.cli import main
from otel_memeval.records import Result, from_json

ROOT = Path(__file__).resolve().parent.parent.parent
MARK = "MEMEVAL_TEST_MARK"
AT_ONCE = 3
MOST_SECONDS_TO_GO = 3.0
"""For a process that was killed, and a file that it held, on a busy machine."""
NOT_INHERITED = ("OTEL_", "MEMEVAL_", "PYTHON", "PG")


@dataclass(frozen=True)
class Done:
    """A command that has ended, and what it wrote."""

    status: int
    stdout: str
    stderr: str
    seconds: float
    runs: list[Result] = field(default_factory=list)

    @property
    def result(self) -> Result:
        """Return the only result."""
        assert len(self.runs) == 1, self
        return self.runs[0]

    @property
    def text(self) -> str:
        """Return both streams on one line, however the terminal's width broke them."""
        return " ".join(f"{self.stdout} {self.stderr}".split())

    @property
    def errors(self) -> list[str]:
        """Return the status or the error type of each measured iteration."""
        return [
            iteration.error.type if iteration.error else "ok"
            for iteration in self.result.iterations
            if iteration.phase == "measured"
        ]


class Started:
    """A command that runs."""

    def __init__(self, tool: Tool, process: subprocess.Popen[bytes], json_path: Path | None) -> None:
        self.process = process
        self._tool = tool
        self._json_path = json_path
        self._start = time.monotonic()

    def finish(self, timeout: float = 60) -> Done:
        """Wait for the end. Fail if that takes longer than ``timeout`` seconds."""
        try:
            stdout, stderr = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            stdout, stderr = self.process.communicate()
            pytest.fail(f"did not end within {timeout} s\n{stdout.decode()}\n{stderr.decode()}")
        seconds = time.monotonic() - self._start
        runs: list[Result] = []
        if self._json_path is not None and self._json_path.exists():
            runs = self._tool.read_json(self._json_path.read_bytes())
            self._json_path.unlink()
        return Done(self.process.returncode, stdout.decode(), stderr.decode(), seconds, runs)


class Tool:
    """The command line, in ``folder``; its temporary files would go to ``temporary``."""

    def __init__(self, base: Path, schema: Mapping[str, Any]) -> None:
        self.folder = base / "work"
        self.temporary = base / "temporary"
        self._elsewhere = base
        self._schema = schema
        self.mark = uuid.uuid4().hex
        self.folder.mkdir()
        self.temporary.mkdir()
        self._fifos: dict[Path, int] = {}

    def write(self, name: str, source: str) -> Path:
        """Write a file into the working folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return path

    def event(self, name: str) -> Path:
        """Make a named pipe that a scenario writes to; ``wait_for`` waits for that."""
        path = self._elsewhere / name
        os.mkfifo(path)
        self._fifos[path] = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        return path

    def wait_for(self, event: Path, timeout: float = 30) -> str:
        """Return the text that the scenario writes to the event, as soon as it is there."""
        ready, _, _ = select.select([self._fifos[event]], [], [], timeout)
        assert ready, f"{event.name} did not happen within {timeout} s"
        return os.read(self._fifos[event], 4096).decode()

    def close(self) -> None:
        """Close the pipes, and end the processes that a failed test left."""
        for descriptor in self._fifos.values():
            os.close(descriptor)
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """Return the test's environment without variables that change the tool, with the mark that all descendants have."""
        # pytest may remove its variable of the current test meanwhile: several commands run in threads of their own.
        inherited = {
            name: value
            for name in list(os.environ)
            if not name.startswith(NOT_INHERITED) and (value := os.environ.get(name)) is not None
        }
        return {**inherited, "TMPDIR": str(self.temporary), MARK: self.mark, **more}

    def start(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        wrapper: Sequence[str] = (),
        json_file: bool = True,
        installed_nowhere: bool = False,
        program: Sequence[str] = (),
    ) -> Started:
        """Start ``python -m otel_memeval ARGUMENTS``, with ``--json`` to a file elsewhere unless ``json_file`` is false.

        ``installed_nowhere``: the package is found by this one process only, and by none that it starts.
        """
        path = self._elsewhere / f"result-{uuid.uuid4().hex}.json" if json_file else None
        more = dict(environment or {})
        if program:
            command = list(program)
        elif installed_nowhere:
            found = f"import sys, runpy; sys.path.append({str(ROOT)!r})"
            start = f"{found}; runpy.run_module('otel_memeval', run_name='__main__', alter_sys=True)"
            command = [sys.executable, "-c", start]
        else:
            command = [sys.executable, "-m", "otel_memeval"]
        if not installed_nowhere:
            more["PYTHONPATH"] = str(ROOT)
        command += [*arguments, *([] if path is None else ["--json", str(path)])]
        process = subprocess.Popen(
            [*wrapper, *command],
            cwd=self.folder,
            env=self.environment(more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        return Started(self, process, path)

    def run(self, *arguments: str, timeout: float = 60, traceback: bool = False, **options: Any) -> Done:
        """Run to the end, and assert that nothing is left."""
        before = self.files()
        done = self.start(*arguments, **options).finish(timeout)
        self.assert_clean(before)
        assert traceback or "Traceback (most recent call last)" not in done.text, done.stderr
        return done

    def measure(self, source: str, *options: str, file: str = "scenario.py", **more: Any) -> Done:
        """Write the scenario and run it: five iterations without warm-up unless the options say otherwise."""
        self.write(file, source)
        counts = [] if "--iterations" in options else ["--iterations", "5"]
        counts += [] if "--warmup" in options else ["--warmup", "0"]
        return self.run(file, *counts, *options, **more)

    def files(self) -> set[str]:
        """Return every file in the working and the temporary folder, without Python's own caches."""
        return {
            str(path)
            for folder in (self.folder, self.temporary)
            for path in folder.rglob("*")
            if "__pycache__" not in path.parts
        }

    def processes(self) -> list[psutil.Process]:
        """Return every living process that was started, however indirectly, by this tool."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def assert_clean(self, files_before: set[str]) -> None:
        """Assert that no process lives on and no file is new; a process or file that is about to go is waited for."""
        deadline = time.monotonic() + MOST_SECONDS_TO_GO
        while (left := (self.processes(), self.files() ^ files_before)) != ([], set()) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert left == ([], set())

    def read_json(self, data: bytes) -> list[Result]:
        """Return the results in a file, after a check against the published schema."""
        jsonschema.validate(json.loads(data), self._schema)
        return from_json(data)


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Restore SIGINT and SIGHUP, which background jobs ignore (``nohup``) and pass on to the tool under test."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def schema() -> dict[str, Any]:
    """Return the JSON Schema that the command line prints."""
    command = [sys.executable, "-m", "otel_memeval", "schema"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=30)
    read: dict[str, Any] = json.loads(said.stdout)
    jsonschema.Draft202012Validator.check_schema(read)
    return read


@pytest.fixture
def tool(tmp_path: Path, schema: dict[str, Any]) -> Iterator[Tool]:
    """Return the command line in a fresh folder."""
    made = Tool(tmp_path, schema)
    try:
        yield made
    finally:
        made.close()


Call = Callable[..., Done]


@pytest.fixture
def call(tool: Tool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """Return a function that calls the command line in this process, and checks what a run of ``tool`` checks.

    It saves the start of an interpreter; the worker is a process of its own as always.
    """

    def run(*arguments: str, json_file: bool = True) -> Done:
        path = tool.folder.parent / "result.json"
        before = tool.files()
        capfd.readouterr()
        begin = time.monotonic()
        with monkeypatch.context() as patch:
            patch.chdir(tool.folder)
            patch.setenv(MARK, tool.mark)
            status = main.run([*arguments, *(["--json", str(path)] if json_file else [])])
        seconds = time.monotonic() - begin
        stdout, stderr = capfd.readouterr()
        tool.assert_clean(before)
        assert "Traceback (most recent call last)" not in stdout + stderr
        return Done(status, stdout, stderr, seconds, tool.read_json(path.read_bytes()) if path.exists() else [])

    return run


def twenty_times(source: str, *options: str, hangs: bool = False) -> Callable[[Tool], Done]:
    """Return a function that measures a scenario 20 times after 3 warm-ups; ``hangs`` shortens the time for one call."""

    def run(tool: Tool) -> Done:
        counts = ("--iterations", "20", "--warmup", "3", "--timeout", "5" if hangs else "30")
        return tool.measure(source, *counts, *options, traceback=hangs)

    return run


class Together:
    """Independent runs, some at a time: each has a folder of its own, and its result is found by name."""

    def __init__(self, base: Path, schema: Mapping[str, Any]) -> None:
        self._base = base
        self._schema = schema
        self._executor = ThreadPoolExecutor(AT_ONCE)
        self._futures: dict[tuple[str, str], Future[Done]] = {}

    def __call__(self, group: str, case: str, cases: Mapping[str, Callable[[Tool], Done]]) -> Done:
        """Return how ``case`` ended; the first call starts all cases of the group."""
        if (group, case) not in self._futures:
            for name, run in cases.items():
                self._futures[group, name] = self._executor.submit(self._run, run)
        return self._futures[group, case].result(timeout=150)

    def _run(self, run: Callable[[Tool], Done]) -> Done:
        folder = self._base / uuid.uuid4().hex
        folder.mkdir()
        tool = Tool(folder, self._schema)
        try:
            return run(tool)
        finally:
            tool.close()

    def close(self) -> None:
        """Wait for the runs whose result nobody asked for."""
        self._executor.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory, schema: dict[str, Any]) -> Iterator[Together]:
    """Return a starter of runs that share the time they wait."""
    made = Together(tmp_path_factory.mktemp("together"), schema)
    try:
        yield made
    finally:
        made.close()
