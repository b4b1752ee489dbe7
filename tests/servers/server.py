"""A program of other people that serves a test: started on a free port of the loopback interface, waited for, ended."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

_START_SECONDS = 60.0
"""On a busy machine; alone they need half a second."""
_ATTEMPTS = 5


def free_port() -> int:
    """Return a port of the loopback interface on which nothing listens."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        port: int = opened.getsockname()[1]
        return port


class Server:
    """One server with a folder of its own, as a context manager; ``start`` after ``stop`` takes the same port again.

    A subclass says how it is started (``command``) and which path answers once it is ready (``ready_path``).
    """

    ready_path = "/-/ready"

    def __init__(self, folder: Path, *, scheme: str = "http") -> None:
        """``folder`` is made if it is not there."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder.resolve()
        self.port = 0
        self._scheme = scheme
        self._log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def command(self, address: str) -> list[str]:
        """Return the command line of a server that listens on ``address`` (host:port)."""
        raise NotImplementedError

    def working_folder(self) -> Path:
        """Return the folder in which it is started."""
        return self.folder

    @property
    def url(self) -> str:
        """Return its URL without a slash at the end."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """Return everything that it wrote."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def start(self) -> Self:
        """Start it and wait until it is ready. Raise ``AssertionError`` with its log if it does not start."""
        given = self.port
        for _ in range(1 if given else _ATTEMPTS):
            self.port = given or free_port()
            before = len(self.log)
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    self.command(f"127.0.0.1:{self.port}"),
                    cwd=self.working_folder(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            if self._came_up():
                return self
            self.kill()
            if "address already in use" not in self.log[before:]:  # another process was quicker to take the port
                break
        raise AssertionError(f"{type(self).__name__} did not start:\n{self.log[-4000:]}")

    def _came_up(self) -> bool:
        assert self._process is not None
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                return False
            with contextlib.suppress(OSError):
                if self._answers():
                    return self._process.poll() is None  # else it was another's answer
            time.sleep(0.02)
        return False

    def _answers(self) -> bool:
        # What it says for itself, not to whom: a certificate or a password that it wants is the test's affair.
        unchecked = ssl._create_unverified_context() if self._scheme == "https" else None
        try:
            with urllib.request.urlopen(self.url + self.ready_path, timeout=2, context=unchecked) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            with error:
                return error.code == 401
        except ssl.SSLError:  # it wants a client's certificate
            return True
        except urllib.error.URLError as error:
            if isinstance(error.reason, ssl.SSLError):
                return True
            raise

    def stop(self) -> None:
        """End it, and wait at most ten seconds until it has cleaned up."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
            self.kill()

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
