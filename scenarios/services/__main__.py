"""Run embedded services in a process of their own: ``python -m scenarios.services --model-server --database``.

Starts the requested services, writes one JSON line (the addresses, or an ``error``), and runs until its standard input
is closed, its parent has ended, or SIGTERM or SIGINT arrives. Then it stops the services and removes its directory.
Whatever happens to the measured process, even SIGKILL, no process and no file remains.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from scenarios.services.errors import ServiceError
from scenarios.services.postgres import EmbeddedPostgres, everyone_can_enter

_PARENT_CHECK_SECONDS = 0.25


def main() -> int:
    """Serve until the end; return 1 if a service could not be started, else 0."""
    parser = argparse.ArgumentParser(prog="python -m scenarios.services", description=__doc__)
    parser.add_argument("--model-server", action="store_true", help="start the local model server")
    parser.add_argument("--database", action="store_true", help="start PostgreSQL")
    arguments = parser.parse_args()
    parent = os.getppid()
    ended = _watch_for_the_end()
    try:
        with contextlib.ExitStack() as stack:
            ready = _start(stack, ended, model_server=arguments.model_server, database=arguments.database)
            if not ended.is_set():
                print(json.dumps(ready), flush=True)
            _wait(ended, parent)
    except BrokenPipeError:
        return 0
    except (ServiceError, OSError) as error:
        text = str(error) if isinstance(error, ServiceError) else f"embedded services: {error}; check this machine"
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps({"error": text}), flush=True)
        return 1
    return 0


def _start(
    stack: contextlib.ExitStack, ended: threading.Event, *, model_server: bool, database: bool
) -> dict[str, str | None]:
    """Start both services at the same time; return their addresses when both are ready."""
    postgres: EmbeddedPostgres | None = None
    directory: Path | None = None
    if database:
        directory = stack.enter_context(_directory())
        postgres = EmbeddedPostgres(directory)
        stack.callback(postgres.stop)
        postgres.start()
    server = stack.enter_context(_model_server()) if model_server else None
    if postgres is not None:
        postgres.wait_until_ready(ended.is_set)
    model_url = _first_line(server) if server is not None and not ended.is_set() else None
    return {
        "model_url": model_url,
        "dsn": postgres.dsn if postgres is not None else None,
        "directory": str(directory) if directory is not None else None,
    }


def _watch_for_the_end() -> threading.Event:
    """Return an event that is set when standard input is closed or a signal arrives.

    Signal handlers only set the event, so that they do not interrupt the clean-up.
    """
    ended = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    def read_to_the_end() -> None:
        with contextlib.suppress(OSError, ValueError):
            while os.read(0, 4096):
                pass
        ended.set()

    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), handle)
    threading.Thread(target=read_to_the_end, daemon=True).start()
    return ended


def _wait(ended: threading.Event, parent: int) -> None:
    # A fork of the measured process may keep the pipe open, so the end of the pipe is not a sufficient signal.
    while not ended.wait(_PARENT_CHECK_SECONDS):
        if os.getppid() != parent:
            return


@contextlib.contextmanager
def _directory() -> Iterator[Path]:
    """Create a directory that PostgreSQL's user can enter; remove it at the end."""
    base = tempfile.gettempdir()
    if hasattr(os, "geteuid") and os.geteuid() == 0 and not everyone_can_enter(Path(base)):
        # PostgreSQL then runs as another user, which cannot enter TMPDIR.
        base = next((path for path in ("/tmp", "/var/tmp") if everyone_can_enter(Path(path))), base)  # noqa: S108 - mkdtemp below
    path = Path(tempfile.mkdtemp(prefix="memeval-", dir=base)).resolve()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _model_server() -> Iterator[subprocess.Popen[str]]:
    """Run the model server as a child that ends when its standard input is closed, also if this process is killed."""
    command = [sys.executable, "-m", "scenarios.model_server", "--until-stdin-closes"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            yield server
        finally:
            assert server.stdin is not None
            server.stdin.close()
            try:
                server.wait(timeout=3)
            except subprocess.TimeoutExpired:
                server.kill()


def _first_line(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    assert server.stderr is not None
    line = server.stdout.readline().strip()
    if line:
        return line
    written = server.stderr.read().strip().splitlines()
    cause = written[-1] if written else "no output"
    raise ServiceError(
        f"local model server: it did not start ({cause}); install otel-memeval[scenarios] or set OPENAI_API_KEY"
    )


if __name__ == "__main__":
    sys.exit(main())
