"""Start and stop the process of the embedded services from the measured process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from scenarios.services.errors import ServiceError

_ROOT = Path(__file__).parent.parent.parent
_STOP_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class EmbeddedServices:
    """A running process of services. ``model_url`` or ``dsn`` is ``None`` if that service was not requested."""

    process: subprocess.Popen[str] = field(repr=False)
    model_url: str | None
    dsn: str | None = field(repr=False)
    directory: Path | None

    @classmethod
    async def start(cls, *, model_server: bool, database: bool) -> EmbeddedServices:
        """Start the process and wait until its services are ready, which takes about half a second.

        Raises ``ServiceError`` with the reason. After an error or a cancellation, no process and no file remains.
        """
        command = [sys.executable, "-m", "scenarios.services"]
        command += ["--model-server"] * model_server + ["--database"] * database
        # In a new session: a signal to the group of the measured process must not end the process that cleans up after it.
        # Standard error is discarded, because otherwise that of the measured process would stay open.
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=_environment(),
            start_new_session=True,
        )
        try:
            assert process.stdout is not None
            line = await asyncio.to_thread(process.stdout.readline)
            return cls._from_line(process, line)
        except BaseException:
            _end(process)
            raise

    async def stop(self) -> None:
        """Stop the process and its services. Further calls have no effect."""
        await asyncio.to_thread(_end, self.process)
        if self.directory is not None and self.directory.exists():
            # The process was killed before it could clean up. Its PostgreSQL ends by itself shortly afterwards.
            await asyncio.to_thread(_remove, self.directory)

    @classmethod
    def _from_line(cls, process: subprocess.Popen[str], line: str) -> EmbeddedServices:
        if not line:
            raise ServiceError(
                f"embedded services: the process ended with status {process.wait()} before it was ready; try again"
            )
        ready: dict[str, str | None] = json.loads(line)
        error = ready.get("error")
        if error is not None:
            raise ServiceError(error)
        directory = ready["directory"]
        return cls(process, ready["model_url"], ready["dsn"], None if directory is None else Path(directory))


def _environment() -> dict[str, str]:
    """Return an environment with the path of this package, and without variables that would trace the services."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHONTRACEMALLOC")}
    paths = [str(_ROOT), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    environment["PYTHONSAFEPATH"] = "1"
    return environment


def _end(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    try:
        process.wait(timeout=_STOP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


def _remove(directory: Path) -> None:
    for _ in range(20):
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return
        time.sleep(0.1)
