"""Describe a fault, and run the tool in a folder of its own while the fault is tried."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MARK_VARIABLE = "MEMEVAL_FAULT"
"""In the environment of each process of a trial, to find those that are left behind."""

RUN_SECONDS = 60.0
"""Longest time of one command: every wait of the tool has an end that is earlier."""

LEFT_BEHIND_SECONDS = 5.0
"""Time in which the processes of a trial have to end after its last command."""

_OWN_FRAME = re.compile(r'File ".*[/\\]otel_memeval[/\\].*", line \d+, in ')
"""A line of a traceback; the stacks that faulthandler prints have no comma before "in"."""


class FaultFailure(Exception):
    """The tool did not survive a fault; the text is one sentence that says why."""


@dataclass(frozen=True)
class CommandResult:
    """Status and output of one command."""

    status: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def output(self) -> str:
        """Standard output and standard error, one after the other."""
        return self.stdout + self.stderr


def expect(holds: bool, sentence: str) -> None:
    """Raise ``FaultFailure`` with the sentence if the condition does not hold."""
    if not holds:
        raise FaultFailure(sentence)


def expect_no_traceback(output: str) -> None:
    """Raise ``FaultFailure`` if the output has a frame of the tool, as a traceback or the end of one.

    A scenario's own traceback, which the tool shows, has none.
    """
    found = _OWN_FRAME.search(output)
    if found:
        raise FaultFailure(f"printed a traceback of the tool: {output[found.start() :].splitlines()[0]}")


class Trial:
    """One try of a fault. ``folder`` is empty at first; all commands run in it. ``random`` has a seed of its own."""

    def __init__(self, folder: Path, seed: str) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self._mark = f"{MARK_VARIABLE}={uuid.uuid4().hex}"

    def write(self, name: str, contents: str | bytes) -> Path:
        """Write a file in the folder and return its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents.encode() if isinstance(contents, str) else contents)
        return path

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a command: this process' own with the mark and the variables."""
        name, _, value = self._mark.partition("=")
        return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), name: value, **variables}

    @contextlib.contextmanager
    def started(
        self, *arguments: str, environment: Mapping[str, str] = {}, **options: object
    ) -> Iterator[subprocess.Popen[str]]:
        """Start ``python -m otel_memeval ARGUMENTS`` in a session of its own; end it afterwards if it still runs.

        ``options`` go to ``subprocess.Popen``. Output is piped as text unless they say otherwise.
        """
        streams: dict[str, object] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process: subprocess.Popen[str] = subprocess.Popen(
            [sys.executable, "-m", "otel_memeval", *arguments],
            cwd=self.folder,
            env=self.environment(environment),
            text=True,
            errors="replace",
            start_new_session=True,
            **{**streams, **options},  # type: ignore[call-overload]
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    def run(
        self,
        *arguments: str,
        environment: Mapping[str, str] = {},
        statuses: Sequence[int] = (),
        seconds: float = RUN_SECONDS,
        **options: object,
    ) -> CommandResult:
        """Return the result of ``python -m otel_memeval ARGUMENTS``.

        Raises ``FaultFailure`` if it takes longer than ``seconds``, prints a traceback of the tool, or ends with none of
        the ``statuses``, where they are given.
        """
        with self.started(*arguments, environment=environment, **options) as process:
            result = finish(process, seconds)
        if statuses and result.status not in statuses:
            last = (result.output.strip().splitlines() or ["no output"])[-1]
            raise FaultFailure(f"status {result.status}, not {' or '.join(map(str, statuses))}: {last}")
        return result

    def left_behind(self) -> list[int]:
        """Return the processes of the trial that still run, after they have had time to end."""
        end = time.monotonic() + LEFT_BEHIND_SECONDS
        while (found := self.processes()) and time.monotonic() < end:
            time.sleep(0.1)
        return found

    def end_processes(self) -> None:
        """End the processes of the trial that still run."""
        for process in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def processes(self) -> list[int]:
        """Return the processes of the trial that run now."""
        found = []
        for name in os.listdir("/proc"):
            if not name.isdecimal() or int(name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                marked = self._mark.encode() in Path(f"/proc/{name}/environ").read_bytes().split(b"\0")
                if marked or Path(os.readlink(f"/proc/{name}/cwd")).is_relative_to(self.folder):
                    found.append(int(name))
        return found


def finish(process: subprocess.Popen[str], seconds: float = RUN_SECONDS) -> CommandResult:
    """Wait for a command and return its result. Raises ``FaultFailure`` as ``Trial.run``."""
    start = time.monotonic()
    try:
        stdout, stderr = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as expired:
        raise FaultFailure(f"did not end within {seconds:g} seconds") from expired
    result = CommandResult(process.returncode, stdout or "", stderr or "", time.monotonic() - start)
    expect_no_traceback(result.output)
    return result


@dataclass(frozen=True)
class Fault:
    """A fault: its name says in a few words what is done.

    ``attempt`` tries it and raises ``FaultFailure`` where the tool does not survive. ``in_ci``: one of those that the
    project's tests try.
    """

    name: str
    attempt: Callable[[Trial], None]
    in_ci: bool = False
