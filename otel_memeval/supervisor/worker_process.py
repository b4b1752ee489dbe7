"""The worker process: started, spoken to, listened to with a deadline, and ended with all that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from otel_memeval import wire
from otel_memeval.errors import UsageError
from otel_memeval.redact import redact
from otel_memeval.supervisor.environment import worker_environment
from otel_memeval.supervisor.interruptions import deferred, whole
from otel_memeval.supervisor.output import Output
from otel_memeval.supervisor.process_group import Guardian, adopting_orphans, end_left_behind
from otel_memeval.supervisor.waiting import readable

WORKER_FOLDER = Path(__file__).resolve().parent.parent / "worker"

_OLDEST_PYTHON = (3, 10)
_NEEDED = "--python needs the path of a CPython 3.10 or later"

_START_TIMEOUT_SECONDS = 30.0
_END_TIMEOUT_SECONDS = 10.0


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the worker is started."""

    run_id: str
    environment: Mapping[str, str]
    """The caller's; see ``environment.worker_environment`` for what is changed."""
    python: str = sys.executable
    show_output: bool = False
    """Pass the scenario's own output on to stderr as it comes, less these secrets."""
    secrets: tuple[str, ...] = ()
    hurried: bool = False
    """After an interruption, what the run left behind has half a second to end, not five."""


class Ended(Exception):
    """The worker will say nothing more. ``type`` and the text name how it ended, for the record."""

    def __init__(self, type_: str, message: str) -> None:
        super().__init__(message)
        self.type = type_


class WorkerProcess:
    """One worker, as a context manager: whatever happens inside, nothing of it is left afterwards."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._pending = b""
        self._latest = b""
        self._closing = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes]
        self._commands = -1
        self._messages = -1
        self._outputs: list[Output] = []
        self._said_its_last = False
        self._interruptions: list[int] = []
        self._hurried = False
        self.interrupted = False
        """Somebody interrupted while the worker was being ended."""

    def __enter__(self) -> WorkerProcess:
        self._closing.enter_context(adopting_orphans())
        try:
            with whole():  # between a process' start and the moment it is known here it would be left
                guardian = Guardian(self._settings.run_id)
                self._closing.callback(guardian.dismiss)
                self._start()
                guardian.watch(self._process.pid)
            hello = self.receive(_START_TIMEOUT_SECONDS)
        except Ended as ended:
            self.close()
            raise self._not_a_python(f"{ended}{self._last_words()}") from None
        except BaseException:
            self.close()
            raise
        assert isinstance(hello, wire.Hello)
        self.hello = hello
        if tuple(map(int, hello.python.split(".")[:2])) < _OLDEST_PYTHON:
            self.close()
            raise UsageError(f"{self._settings.python} is Python {hello.python}", _NEEDED)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is KeyboardInterrupt:
            self.hurry()
        self.close()

    def hurry(self) -> None:
        """Somebody has interrupted the run, and waits for its end."""
        self._hurried = self._settings.hurried

    def _not_a_python(self, why: str) -> UsageError:
        return UsageError(
            f"{self._settings.python} did not start as a Python interpreter ({why})",
            _NEEDED,
        )

    def _last_words(self) -> str:
        """The end of what the worker wrote to stderr, as one line."""
        if self._outputs:
            self._outputs[1].finish(0.5)
        lines = self._outputs[1].tail().strip().splitlines() if self._outputs else []
        return f": {lines[-1][:200]}" if lines else ""

    def _start(self) -> None:
        commands_read, self._commands = os.pipe()
        self._messages, messages_write = os.pipe()
        handles = [commands_read, messages_write]
        arguments = [self._settings.python, str(WORKER_FOLDER)]
        environment = worker_environment(self._settings.environment, self._settings.run_id)
        try:
            if sys.platform == "win32":
                import msvcrt

                inherited = [msvcrt.get_osfhandle(handle) for handle in handles]
                for handle in inherited:
                    os.set_handle_inheritable(handle, True)
                startup = subprocess.STARTUPINFO(lpAttributeList={"handle_list": inherited})
                self._process = subprocess.Popen(
                    [*arguments, *map(str, inherited)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=environment,
                    startupinfo=startup,
                    creationflags=subprocess.CREATE_NEW_PROCESS_GROUP,
                )
            else:
                self._process = subprocess.Popen(
                    [*arguments, *map(str, handles)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=environment,
                    pass_fds=handles,
                    start_new_session=True,
                )
        except OSError as error:
            raise self._not_a_python(error.strerror or type(error).__name__) from None
        finally:
            for handle in handles:
                os.close(handle)
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            self._outputs.append(Output(stream, self._show if self._settings.show_output else None))  # type: ignore[arg-type]

    def _show(self, lines: bytes) -> None:
        """Pass on what the scenario printed, its secrets masked."""
        with contextlib.suppress(OSError, ValueError):  # nobody reads our stderr: the scenario must not wait for that
            sys.stderr.buffer.write(redact(lines.decode("utf-8", "replace"), self._settings.secrets).encode())
            sys.stderr.buffer.flush()

    def send(self, command: str) -> None:
        """Say one line. A worker that is gone is noticed by ``receive``."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._commands, command.encode() + b"\n")

    def receive(self, timeout_seconds: float | None) -> wire.AnyMessage:
        """The next message. Raises ``Ended`` when none comes in time, or the process ends before it comes."""
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        while (line := self._line()) is None:
            if not self._read_block(deadline, timeout_seconds):
                raise self._how_it_ended()
        message = wire.decode(line)
        self._said_its_last = isinstance(message, (wire.Finished, wire.TargetRejected))
        return message

    def said_already(self) -> Iterator[wire.AnyMessage]:
        """The messages that have come and were not heard yet, without waiting for more. The first is the latest that was
        received: who was interrupted then may not have heard it.
        """
        if self._latest:
            yield wire.decode(self._latest)
        while True:
            while (line := self._line()) is not None:
                yield wire.decode(line)
            if not self._take_what_is_there():
                return

    def _line(self) -> bytes | None:
        line, newline, rest = self._pending.partition(b"\n")
        if not newline:
            return None
        self._latest = line
        self._pending = rest
        return line

    def _read_block(self, deadline: float | None, timeout_seconds: float | None) -> bool:
        """Take what is there, waiting for it; False when the worker has ended, even if a child of it holds the pipe open."""
        while True:
            left = 0.25 if deadline is None else min(0.25, deadline - time.monotonic())
            if left <= 0:
                raise self._timed_out(timeout_seconds or 0)
            if readable(self._messages, left) or self._exit_status() is not None:
                return self._take_what_is_there()

    def _take_what_is_there(self) -> bool:
        if not readable(self._messages, 0):
            return False
        with whole():  # what was read is in nobody's hands until it is kept
            block = os.read(self._messages, 1 << 20)
            self._pending += block
        return bool(block)

    def _timed_out(self, timeout_seconds: float) -> Ended:
        """Have the worker say where it hangs (on its stderr), then end it."""
        if sys.platform != "win32":
            os.kill(self._process.pid, signal.SIGABRT)  # faulthandler writes the stacks
            self._wait(1.0)
        return Ended("Timeout", f"did not end within {timeout_seconds:g} s")

    def _exit_status(self) -> int | None:
        """The exit status, minus the signal's number if a signal ended it; None while it runs.

        It is not reaped where that can be avoided: its number, which is its process group's, stays taken.
        """
        if self._process.returncode is not None or not hasattr(os, "waitid"):
            return self._process.poll()
        ended = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def _wait(self, seconds: float) -> int | None:
        deadline = time.monotonic() + seconds
        while (status := self._exit_status()) is None and not self._interruptions and time.monotonic() < deadline:
            time.sleep(0.005)
        return status

    def _how_it_ended(self) -> Ended:
        status = self._wait(_END_TIMEOUT_SECONDS)
        if status is None:
            return Ended("Crash", "the worker closed its pipe and went on")
        if status >= 0:
            words = self._last_words()
            reason = words if words.startswith(": MemoryError") else ""
            return Ended("Exit", f"the process ended itself with status {status}{reason}")
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        hint = ", as the kernel does when memory runs out" if name == "SIGKILL" else ""
        return Ended("Crash", f"the process was killed by {name}{hint}")

    def output(self) -> str:
        """The end of what the scenario printed: stdout, then stderr."""
        return "".join(output.tail() for output in self._outputs)

    def close(self) -> None:
        """End the worker, its process group, and whatever else the run left behind. Not to be interrupted."""
        with deferred() as self._interruptions:
            try:
                for handle in (self._commands, self._messages):
                    if handle >= 0:
                        os.close(handle)
                self._commands = self._messages = -1
                if hasattr(self, "_process"):
                    self._end_process()
            finally:
                self._closing.close()
        self.interrupted = bool(self._interruptions)

    def _end_process(self) -> None:
        if self._said_its_last:
            self._wait(_END_TIMEOUT_SECONDS)
        if sys.platform == "win32":
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(self._process.pid)], capture_output=True, check=False)
        else:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        hurry = [signal.SIGTERM] if self._hurried else self._interruptions
        end_left_behind(self._settings.run_id, self._process.pid, hurry)
        for output in self._outputs:
            output.finish(2.0)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
