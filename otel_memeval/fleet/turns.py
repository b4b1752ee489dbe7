"""Measure an eval in several environments at once, their iterations in turn."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

from otel_memeval.errors import TargetError, WorkerError
from otel_memeval.fleet.messages import EvalMeasured, FleetRequest, Refused, decode_answer, encode
from otel_memeval.fleet.turn_process import ASKS

_END_SECONDS = 60.0
"""Time for the processes of interrupted runs to report what they have."""


def measure_in_turn(requests: Sequence[FleetRequest]) -> list[EvalMeasured]:
    """Return the measurement of each request: after all set-ups one iteration of each in turn, until none has any left.

    An interruption ends all of them; each is reported with the iterations that it has. Raises ``TargetError`` if one of them
    has nothing to measure.
    """
    with contextlib.ExitStack() as closing:
        runs = [closing.enter_context(_Run(request)) for request in requests]
        try:
            for run in runs:
                run.wait()
            while waiting := [run for run in runs if not run.is_over]:
                for run in waiting:
                    run.grant()
                    run.wait()
        except KeyboardInterrupt:
            for run in runs:
                run.interrupt()
        return [run.measured() for run in runs]


class _Run:
    """One run in a process of its own; a context manager that ends the process."""

    def __init__(self, request: FleetRequest) -> None:
        self._request = request
        self._process = subprocess.Popen(
            [sys.executable, "-m", "otel_memeval.fleet.turn_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C comes to this process, which passes it on once
        )
        self._answer = b""
        self.is_over = False
        self._write(encode(request) + b"\n")

    def __enter__(self) -> _Run:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._process.kill()
        self._process.wait()

    def wait(self) -> None:
        """Wait until the run asks for its next turn, or is over."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line != ASKS:
            self._answer, self.is_over = line, True

    def grant(self) -> None:
        """Let the next iteration begin."""
        self._write(b"\n")

    def interrupt(self) -> None:
        """Interrupt the run, and take what it has."""
        if self.is_over:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)
        timer = threading.Timer(_END_SECONDS, self._process.kill)
        timer.start()
        try:
            while not self.is_over:
                self.wait()
        finally:
            timer.cancel()

    def measured(self) -> EvalMeasured:
        """Return the measurement. Raises ``TargetError`` if there is nothing to measure."""
        if not self._answer.endswith(b"\n"):
            status = self._process.wait()
            raise WorkerError(f"the process that measures {self._request.target} ended early, status {status}")
        answer = decode_answer(self._answer)
        if isinstance(answer, Refused):
            raise TargetError(f"with {self._request.options.python}: {answer.problem}", answer.remedy)
        assert isinstance(answer, EvalMeasured)
        return answer

    def _write(self, data: bytes) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the process has ended, and its answer says why
            self._process.stdin.write(data)
            self._process.stdin.flush()
