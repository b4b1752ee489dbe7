"""Run a real OTLP receiver (Rotel): start it, kill it, and count the spans that it received."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import subprocess
import time
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

_SPAN_ID = re.compile(rb"^    ID             : ([0-9a-f]{16})$", re.MULTILINE)


def free_port() -> int:
    """Return a free port of the loopback interface."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        port: int = opened.getsockname()[1]
        return port


class Receiver:
    """Rotel over gRPC and HTTP; everything that it receives is appended to ``log``, also after a restart."""

    def __init__(self, log: Path) -> None:
        found = find_spec("rotel")
        assert found is not None, "rotel is not installed: pip install --pre rotel"
        assert found.origin is not None
        self._program = Path(found.origin).parent / "rotel-agent"
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.http_port, self.grpc_port = free_port(), free_port()
        self.http = f"http://127.0.0.1:{self.http_port}"
        self.grpc = f"http://127.0.0.1:{self.grpc_port}"

    def start(self) -> None:
        """Start it and wait until both ports answer."""
        logged = [part for signal_ in ("traces", "metrics", "logs") for part in ("--debug-log", signal_)]
        command = [str(self._program), "start", "--exporter", "blackhole", *logged, "--debug-log-verbosity", "detailed"]
        command += [
            "--otlp-grpc-endpoint",
            f"127.0.0.1:{self.grpc_port}",
            "--otlp-http-endpoint",
            f"127.0.0.1:{self.http_port}",
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        for port in (self.http_port, self.grpc_port):
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                assert time.monotonic() < deadline, "Rotel did not start"
                time.sleep(0.05)

    def kill(self) -> None:
        """Kill it at once."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it and wait; kill it after ten seconds."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
            self.kill()

    def text(self) -> str:
        """Return its log."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def spans(self) -> Counter[str]:
        """Return how often it received each span, by id."""
        return Counter(found.decode() for found in _SPAN_ID.findall(self._log.read_bytes()))
