"""Start the worker process, exchange messages with it up to a deadline, and end it with every process that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping

import msgspec

from otel_memeval import wire
from otel_memeval.errors import UsageError, WorkerError
from otel_memeval.redact import one_line, redact
from otel_memeval.supervisor.environment import changed_variables, worker_environment
from otel_memeval.supervisor.interruptions import deferred, uninterrupted
from otel_memeval.supervisor.output import Output
from otel_memeval.supervisor.pipe import readable
from otel_memeval.supervisor.process_group import Watchdog, adopting_orphans, end_left_behind
from otel_memeval.supervisor.shown_output import ShownOutput
from otel_memeval.supervisor.start import start_worker

_OLDEST_PYTHON = (3, 10)
_NEEDED = "--python needs the path of a CPython 3.10 or later"

_START_TIMEOUT_SECONDS = 30.0
_END_TIMEOUT_SECONDS = 10.0
_OUTPUT_TIMEOUT_SECONDS = 1.0


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one worker process."""

    run_id: str
    environment: Mapping[str, str]
    """The caller's environment; ``environment.worker_environment`` changes it."""
    python: str = sys.executable
    show_output: bool = False
    """Pass the scenario's own output on to stderr as it comes, ``secrets`` masked."""
    secrets: tuple[str, ...] = ()
    fast_shutdown: bool = False
    """After an interruption, processes that the run left behind have half a second to end, not five."""


class WorkerEnded(Exception):
    """No more messages will come from the worker. ``type`` and the text are those of the failure in the result."""

    def __init__(self, type_: str, message: str) -> None:
        super().__init__(message)
        self.type = type_


class WorkerProcess:
    """One worker as a context manager; on leaving it, no process of the run is left."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._environment = worker_environment(settings.environment, settings.run_id)
        self._lines = wire.LineBuffer()
        self._latest = b""
        self._closing = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._hello: wire.Hello | None = None
        self._commands = -1
        self._messages = -1
        self._outputs: list[Output] = []
        self._shown: ShownOutput | None = None
        self._other_children: frozenset[int] = frozenset()
        self._said_its_last = False
        self._interruptions: list[int] = []
        self._fast_shutdown = False
        self.interrupted = False
        """An interruption came while the worker was being ended."""

    def __enter__(self) -> WorkerProcess:
        self._other_children = self._closing.enter_context(adopting_orphans())
        try:
            with uninterrupted():  # between a process' start and the moment it is known here it would be left
                watchdog = Watchdog(self._settings.run_id, self._other_children)
                self._closing.callback(watchdog.dismiss)
                self._process = self._start()
                watchdog.watch(self._process.pid)
                self._other_children = self._other_children.union((self._process.pid, watchdog.process_id))
            hello = self.receive(_START_TIMEOUT_SECONDS)
        except WorkerEnded as ended:
            self.close()
            raise self._start_error(f"{ended}{self._last_words()}") from None
        except OSError as error:
            self.close()
            raise self._start_error(error.strerror or type(error).__name__) from None
        except BaseException:
            self.close()
            raise
        self._hello = wire.expect(hello, wire.Hello)
        if tuple(map(int, self._hello.python.split(".")[:2])) < _OLDEST_PYTHON:
            self.close()
            raise UsageError(f"{self._settings.python} is Python {self._hello.python}", _NEEDED)
        return self

    @property
    def hello(self) -> wire.Hello:
        """The worker's first message. Raises ``RuntimeError`` outside of the context."""
        if self._hello is None:
            raise RuntimeError("the worker has not been started: use it as a context manager")
        return self._hello

    @property
    def changed_variables(self) -> list[str]:
        """Variables of the caller's environment that the worker does not have, or has with another value."""
        return changed_variables(self._settings.environment, self._environment)

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the worker has not been started: use it as a context manager")
        return self._process

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is KeyboardInterrupt:
            self.shut_down_fast()
        self.close()

    def shut_down_fast(self) -> None:
        """After an interruption, give processes that are left behind less time, if the settings say so."""
        self._fast_shutdown = self._settings.fast_shutdown

    def _start_error(self, reason: str) -> UsageError:
        return UsageError(
            f"{self._settings.python} did not start as a Python interpreter ({reason})",
            _NEEDED,
        )

    def _last_words(self) -> str:
        """Return the last line that the worker wrote to stderr."""
        if self._outputs:
            self._outputs[1].wait(0.5)
        lines = self._outputs[1].tail().strip().splitlines() if self._outputs else []
        return f": {lines[-1][:200]}" if lines else ""

    def _start(self) -> subprocess.Popen[bytes]:
        process, self._commands, self._messages = start_worker(self._settings.python, self._environment)
        self._shown = ShownOutput(self._show) if self._settings.show_output else None
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            self._outputs.append(Output(stream, None if self._shown is None else self._shown.add))
        return process

    def _show(self, lines: bytes) -> None:
        """Write output of the scenario to stderr, secrets masked.

        Without the stream's buffer: a thread that waits for a reader would hold its lock at the end of this process.
        """
        text = memoryview(redact(lines.decode("utf-8", "replace"), self._settings.secrets).encode())
        with contextlib.suppress(OSError, ValueError):  # our stderr is full or closed
            while text:
                text = text[os.write(sys.stderr.fileno(), text) :]

    def send(self, command: str) -> None:
        """Send one command. ``receive`` notices a worker that is gone."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._commands, command.encode() + b"\n")

    def receive(self, timeout_seconds: float | None) -> wire.AnyMessage:
        """Return the next message. Raises ``WorkerEnded`` when none comes in time, or the process ends before it comes."""
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        try:
            while (line := self._line()) is None:
                if not self._read_block(deadline, timeout_seconds):
                    raise self._ending()
            message = wire.decode(line)
        except WorkerError as error:
            if not isinstance(error, wire.ForeignMessage):
                if self._hello is None:  # a worker of another version
                    raise
                error = wire.ForeignMessage("a second greeting")
            raise WorkerEnded("Crash", str(error)) from None
        if isinstance(message, wire.MeasurementFailed):
            raise self._measurement_failed(message.failure)
        self._said_its_last = isinstance(message, (wire.Finished, wire.TargetRejected))
        return message

    def _measurement_failed(self, failure: wire.FailureInfo) -> WorkerEnded:
        file, line, _ = failure.frames[-1] if failure.frames else ("", 0, "")
        reason = one_line(f"{failure.type}: {failure.message}", self._settings.secrets)
        place = f"{os.path.basename(file)}:{line}"
        return WorkerEnded("Crash", f"the measurement's own code was changed or interrupted ({reason}, at {place})")

    def pending_messages(self) -> Iterator[wire.AnyMessage]:
        """Return the messages that have come and were not received yet, without waiting for more.

        The first is the one received last: the interruption may have come before it was processed.
        """
        if self._latest:
            yield wire.decode(self._latest)
        while True:
            while (line := self._line()) is not None:
                yield wire.decode(line)
            if not self._take_available():
                return

    def _line(self) -> bytes | None:
        line = self._lines.take()
        if line is not None:
            self._latest = line
        return line

    def _read_block(self, deadline: float | None, timeout_seconds: float | None) -> bool:
        """Wait for data and take it; return False when the worker has ended, even if a child of it holds the pipe open."""
        while True:
            left = 0.25 if deadline is None else min(0.25, deadline - time.monotonic())
            # Looked at after the deadline too: this process may have been stopped meanwhile, as by Ctrl-Z.
            if readable(self._messages, max(0.0, left)) or self._exit_status() is not None:
                return self._take_available()
            if left <= 0:
                raise self._timed_out(timeout_seconds or 0)

    def _take_available(self) -> bool:
        if not readable(self._messages, 0):
            return False
        with uninterrupted():  # an interruption between the two lines would lose the data
            block = os.read(self._messages, 1 << 20)
            self._lines.add(block)
        return bool(block)

    def _timed_out(self, timeout_seconds: float) -> WorkerEnded:
        """Have the worker write its stacks to stderr, and return the timeout."""
        if sys.platform != "win32":
            os.kill(self._running.pid, signal.SIGABRT)  # faulthandler writes the stacks
            self._wait(1.0)
        return WorkerEnded("Timeout", f"did not end within {timeout_seconds:g} s")

    def _exit_status(self) -> int | None:
        """Return the exit status, minus the signal's number if a signal ended it; None while it runs.

        The process is not reaped where that can be avoided: its id, which is its process group's, stays taken.
        """
        if self._running.returncode is not None or not hasattr(os, "waitid"):
            return self._running.poll()
        ended = os.waitid(os.P_PID, self._running.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def _wait(self, seconds: float) -> int | None:
        deadline = time.monotonic() + seconds
        while (status := self._exit_status()) is None and not self._interruptions and time.monotonic() < deadline:
            time.sleep(0.005)
        return status

    def _ending(self) -> WorkerEnded:
        status = self._wait(_END_TIMEOUT_SECONDS)
        if status is None:
            return WorkerEnded("Crash", "the worker closed its pipe and went on")
        if status >= 0:
            words = self._last_words()
            reason = words if words.startswith((": MemoryError", ": OSError")) else ""
            return WorkerEnded("Exit", f"the process ended itself with status {status}{reason}")
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        hint = ", as the kernel does when memory runs out" if name == "SIGKILL" else ""
        return WorkerEnded("Crash", f"the process was killed by {name}{hint}")

    def output(self) -> str:
        """Return the end of the scenario's output: stdout, then stderr."""
        return "".join(output.tail() for output in self._outputs)

    def close(self) -> None:
        """End the worker, its process group, and every other process of the run. Interruptions are deferred."""
        with deferred() as self._interruptions:
            try:
                for handle in (self._commands, self._messages):
                    if handle >= 0:
                        os.close(handle)
                self._commands = self._messages = -1
                if self._process is not None:
                    self._end_process(self._process)
            finally:
                self._closing.close()
        self.interrupted = bool(self._interruptions)

    def _end_process(self, process: subprocess.Popen[bytes]) -> None:
        if self._said_its_last:
            self._wait(_END_TIMEOUT_SECONDS)
        if sys.platform == "win32":
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False)
        else:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        interruptions = [signal.SIGTERM] if self._fast_shutdown else self._interruptions
        end_left_behind(self._other_children, interruptions)
        for output in self._outputs:
            output.finish(_OUTPUT_TIMEOUT_SECONDS)
        if self._shown is not None:
            self._shown.finish(_OUTPUT_TIMEOUT_SECONDS)
