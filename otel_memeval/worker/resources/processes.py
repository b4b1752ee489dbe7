"""Read the child processes of this process with all their descendants, and their memory. Linux only."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from ..proc import open_folder, read_file, stat_fields

RUN_MARK = "MEMEVAL_RUN"
"""Variable with the run's id in every process of a run, as in ``otel_memeval.supervisor.environment``."""

_HAS_CHILDREN_FILE = os.path.exists(f"/proc/self/task/{os.getpid()}/children")
_POOL_MODULE = "concurrent.futures.process"

_LINKS_OF_ONE_THREAD = 3
"""Links of ``/proc/PID/task`` of a process with one thread: one for each thread, beside the folder's own two."""

_SCRIPTS = (".py", ".js", ".mjs", ".cjs", ".ts", ".sh", ".rb", ".pl", ".jar", ".php")


class ProcessTree:
    """A child process with its descendants: their number, and their memory in bytes.

    ``private_bytes`` are the resident bytes without pages of files and without shared memory.
    """

    __slots__ = ("count", "members", "private_bytes", "process", "resident_bytes")

    def __init__(self, process: str, page_bytes: int, children_of: Callable[[str], list[str]]) -> None:
        self.process = int(process)
        self.members = [process]
        self.resident_bytes = self.private_bytes = 0
        for member in self.members:  # grows while it is read
            try:
                _, resident, shared = read_file(f"/proc/{member}/statm").split()[:3]
                self.resident_bytes += int(resident) * page_bytes
                self.private_bytes += (int(resident) - int(shared)) * page_bytes
                self.members += children_of(member)
            except (OSError, ValueError):  # ended meanwhile
                continue
        self.count = len(self.members)

    def unique_bytes(self) -> int | None:
        """Return the memory that no other process shares; None if it cannot be read. Slow: the kernel walks all pages."""
        unique = [unique_bytes(member) for member in self.members]
        return None if None in unique else sum(filter(None, unique))


class ChildReader:
    """Reads the child processes, and those processes of the run whose parents have ended.

    The supervisor of the run is the parent of the latter, as it is for a scenario outside of the tool.
    """

    def __init__(self) -> None:
        self._page_bytes = os.sysconf("SC_PAGE_SIZE")
        run = os.environ.get(RUN_MARK)
        self._mark = b"" if run is None else f"{RUN_MARK}={run}".encode()

    def trees(self) -> list[ProcessTree]:
        """Return the tree of each child process, and of each process of the run that was left behind."""
        children_of = _children if _HAS_CHILDREN_FILE else _children_by_parent()
        own = children_of("self" if _HAS_CHILDREN_FILE else str(os.getpid())) if _has_child() else []
        return [ProcessTree(child, self._page_bytes, children_of) for child in [*own, *self._left_behind(children_of)]]

    def _left_behind(self, children_of: Callable[[str], list[str]]) -> list[str]:
        """Return the living processes of the run that are children of the supervisor, without this process."""
        if not self._mark:
            return []
        this = str(os.getpid())
        session = str(os.getsid(0)).encode()
        found = []
        try:
            for process in children_of(str(os.getppid())):
                if process == this:
                    continue
                fields = stat_fields(process)
                if fields[0] != b"Z" and (
                    fields[3] == session or self._mark in read_file(f"/proc/{process}/environ").split(b"\0")
                ):
                    found.append(process)
        except OSError:  # ended meanwhile, or of another user
            pass
        return found


def _has_child() -> bool:
    """Return whether this process has a child, ended or not; the child is left as it is."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _children(process: str) -> list[str]:
    """Return the ids of the children of all threads of a process."""
    path = f"/proc/{process}/task"
    if os.stat(path).st_nlink == _LINKS_OF_ONE_THREAD and process != "self":
        return read_file(f"{path}/{process}/children").decode("ascii").split()
    with open_folder(path) as folder:
        return b"".join([_children_of_thread(thread, folder) for thread in os.listdir(folder)]).decode("ascii").split()


def _children_of_thread(thread: str, folder: int) -> bytes:
    """Return the ids of a thread's children; none for a thread that has ended, whose children another thread has now."""
    try:
        return read_file(f"{thread}/children", folder)
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _children_by_parent() -> Callable[[str], list[str]]:
    """Return a function as ``_children`` for a kernel without the file ``children``: from the parents of all processes."""
    by_parent: dict[str, list[str]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                by_parent.setdefault(stat_fields(name)[1].decode("ascii"), []).append(name)
            except OSError:  # ended meanwhile
                continue
    return lambda process: by_parent.get(process, [])


def unique_bytes(process: str) -> int | None:
    """Return the memory of a process that no other process shares, in bytes; None if it cannot be read."""
    try:
        lines = read_file(f"/proc/{process}/smaps_rollup").splitlines()
    except OSError:
        return None
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith((b"Private_Clean", b"Private_Dirty")))


def pooled_processes() -> tuple[int, int]:
    """Return the number of processes in pools of ``concurrent.futures`` that are not the first of their pool, and of their
    descriptors in this process.

    Such a pool starts processes up to its ``max_workers``, now and then, and reuses them. So its processes count as one.
    """
    module = sys.modules.get(_POOL_MODULE)
    if module is None:
        return 0, 0
    processes = descriptors = 0
    for manager in list(module._threads_wakeups):
        for process in list((getattr(manager, "processes", None) or {}).values())[1:]:
            processes += 1
            finalizer = getattr(getattr(process, "_popen", None), "finalizer", None)
            descriptors += len(getattr(finalizer, "_args", None) or ())
    return processes, descriptors


def _multiprocessing_children() -> list[object]:
    module = sys.modules.get("multiprocessing.process")
    return [] if module is None else list(module._children)


def describe_process(process: str) -> str:
    """Return program and script of a process, without arguments, which may hold secrets: ``python3 server.py``.

    A process that ``multiprocessing`` started has its name there, without its number: ``multiprocessing ForkPoolWorker``.
    """
    for child in _multiprocessing_children():
        if str(getattr(child, "pid", None)) == process:
            return f"multiprocessing {str(getattr(child, '_name', '')).rpartition('-')[0] or type(child).__name__}"
    try:
        words = read_file(f"/proc/{process}/cmdline").decode("utf-8", "replace").split("\0")
        if any(words):
            return "fork of the scenario" if words == _own_words() else program(words)
        name = read_file(f"/proc/{process}/comm").decode("utf-8", "replace").strip()
    except OSError:
        return "ended process"
    return f"zombie {name}"


def _own_words() -> list[str]:
    return read_file("/proc/self/cmdline").decode("utf-8", "replace").split("\0")


def program(words: list[str]) -> str:
    """Return the program of a command line, and the script or module that an interpreter runs; no other argument."""
    name = os.path.basename(words[0])
    for place, word in enumerate(words[1:], 1):
        if word in ("-c", "-e", "--eval"):
            return f"{name} {word}"
        if word == "-m" and name.startswith(("python", "pypy")):
            return " ".join([name, word, *words[place + 1 : place + 2]])
        if word and not word.startswith("-"):
            return f"{name} {os.path.basename(word)}" if word.endswith(_SCRIPTS) else name
    return name


def start_of(process: str) -> int:
    """Return the start of a process in clock ticks since the start of the system; 0 if it has ended."""
    try:
        return int(stat_fields(process)[19])
    except (OSError, IndexError, ValueError):
        return 0
