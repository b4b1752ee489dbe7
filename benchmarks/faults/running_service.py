"""A service that runs while a fault is tried on it: its log, its pages, and its end."""

from __future__ import annotations

import contextlib
import http.client
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import IO

from benchmarks.faults.fault import FaultFailure, Trial, expect, expect_no_traceback

SCENARIO = "def run():\n    return sorted(range(2000))\n"
"""A scenario that ends at once."""
ANSWER_SECONDS = 5.0
"""Longest time of one answer, on a machine with other work."""
END_SECONDS = 20.0


class RunningService:
    """A service; ``lines`` is its log so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.port = 0
        self._threads = [
            threading.Thread(target=self._read, args=(stream,), daemon=True) for stream in (process.stdout, process.stderr)
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, stream: IO[str]) -> None:
        with contextlib.suppress(ValueError):  # the stream is closed at the end of the trial
            for line in stream:
                self.lines.append(line.rstrip("\n"))

    @property
    def log(self) -> str:
        """Return the log as text."""
        return "\n".join(self.lines)

    def wait_for(self, text: str, seconds: float = 30.0, times: int = 1) -> None:
        """Wait until so many lines of the log have the text."""
        end = time.monotonic() + seconds
        while sum(text in line for line in self.lines) < times:
            expect(self.process.poll() is None, f"the service ended before its log has {text!r}: {self.log[-300:]}")
            expect(time.monotonic() < end, f"the log has no {text!r} after {seconds:g} seconds: {self.log[-300:]}")
            time.sleep(0.02)

    def connect(self) -> socket.socket:
        """Return a connection to the server."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_SECONDS)

    def send(self, data: bytes, *, half_close: bool = False) -> bytes:
        """Send bytes, and return everything that comes back until the server closes."""
        received = b""
        with self.connect() as connection, contextlib.suppress(ConnectionError):
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            while block := connection.recv(65536):
                received += block
        return received

    def get(
        self, path: str = "/healthz", headers: Mapping[str, str] = {}, tls: ssl.SSLContext | None = None
    ) -> tuple[int, str]:
        """Return status and text of a page; status 0 if there is no answer."""
        if tls is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS)
        else:
            connection = http.client.HTTPSConnection("localhost", self.port, timeout=ANSWER_SECONDS, context=tls)
        with contextlib.closing(connection):
            try:
                connection.request("GET", path, headers=dict(headers))
                answer = connection.getresponse()
                return answer.status, answer.read().decode("utf-8", "replace")
            except (OSError, http.client.HTTPException):
                return 0, ""

    def expect_answers(self, headers: Mapping[str, str] = {}, tls: ssl.SSLContext | None = None) -> None:
        """Expect that every page is answered in time."""
        for path in ("/healthz", "/metrics", "/"):
            start = time.monotonic()
            status, _ = self.get(path, headers, tls)
            expect(status == 200, f"{path} answers {status} after {time.monotonic() - start:.1f} seconds: {self.log[-300:]}")

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop the service; expect status 0 in time and a log without a traceback."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            status = self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            raise FaultFailure(f"the service did not end within {END_SECONDS:g} seconds after {number.name}") from None
        for thread in self._threads:
            thread.join(5)
        expect_no_traceback(self.log)
        expect(status == 0, f"the service ended with status {status}: {self.log[-300:]}")


@contextlib.contextmanager
def running_service(trial: Trial, *arguments: str, scenario: str = SCENARIO, **options: object) -> Iterator[RunningService]:
    """Start a service on a free port that measures one iteration of ``scenario``; stop it after the block."""
    trial.write("scenario.py", scenario)
    given = [*arguments, *([] if "--state" in arguments else ["--state", "state.json"])]
    given += [] if "--targets" in arguments else ["scenario.py"]
    given += [] if "--every" in arguments else ["--every", "1h"]
    counts = ("--iterations", "1", "--warmup", "0", "--no-follow-up", "--serve", "0")
    with trial.started(*given, *counts, **options) as process:  # type: ignore[arg-type]
        service = RunningService(process)
        service.wait_for("serving ")
        found = re.search(r"serving https?://127\.0\.0\.1:(\d+)/", service.log)
        expect(found is not None, f"the log names no address: {service.log[-300:]}")
        assert found is not None
        service.port = int(found.group(1))
        yield service
        service.end()


def with_service(attempt: Callable[[RunningService], None], *arguments: str) -> Callable[[Trial], None]:
    """Return an attempt that makes a service, and expects answers and a good end afterwards."""

    def attempt_with_service(trial: Trial) -> None:
        with running_service(trial, *arguments) as service:
            attempt(service)
            service.expect_answers()

    return attempt_with_service
