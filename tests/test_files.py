"""Atomic file replacement and locks between processes, on the real file system."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from otel_memeval.files import Locked, NotRegular, lock, open_regular, read_file, replace_file

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions, links and pipes")

OTHER_USER = 65534
"""The user ``nobody``, for whom permissions hold where the tests run as root."""


def test_content_is_replaced_and_no_other_file_stays(tmp_path: Path) -> None:
    """A new file is created, an existing one replaced."""
    path = tmp_path / "a.json"
    for content in (b"first", b"second"):
        replace_file(path, content)
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["a.json"]


@posix
def test_reader_keeps_the_old_content_until_the_end(tmp_path: Path) -> None:
    """An open file still holds the old content after the replacement."""
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        replace_file(path, b"new")
        assert reader.read() == b"old"


@posix
@pytest.mark.parametrize(("mode", "expected"), [(0o600, 0o600), (0o644, 0o644), (None, 0o640)])
def test_permissions_are_the_given_ones_or_stay(tmp_path: Path, mode: int | None, expected: int) -> None:
    """A mode holds whatever the umask says; without one an existing file keeps its own."""
    path = tmp_path / "a.json"
    path.write_bytes(b"")
    path.chmod(0o640)
    umask = os.umask(0o077)
    try:
        replace_file(path, b"x", mode=mode)
    finally:
        os.umask(umask)
    assert path.stat().st_mode & 0o7777 == expected


@posix
def test_new_file_has_the_permissions_of_the_umask(tmp_path: Path) -> None:
    """A file without a mode is like any file that a program creates."""
    umask = os.umask(0o027)
    try:
        replace_file(tmp_path / "a.json", b"x")
    finally:
        os.umask(umask)
    assert (tmp_path / "a.json").stat().st_mode & 0o7777 == 0o640


@posix
def test_link_stays_a_link(tmp_path: Path) -> None:
    """The file that a link names is replaced; a link to a missing file creates that file."""
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to(Path("real", "a.json"))
    for content in (b"first", b"second"):
        replace_file(link, content)
        assert link.is_symlink()
        assert (tmp_path / "real" / "a.json").read_bytes() == content


@posix
def test_pipe_is_written_in_place(tmp_path: Path) -> None:
    """The data goes to the reader of a pipe, and the pipe stays."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    replace_file(pipe, b"data")
    reader.join(10)
    assert received == [b"data"]
    assert pipe.is_fifo()


@contextlib.contextmanager
def folder_without_new_files() -> Iterator[Path]:
    """Yield a folder with a file ``a.json`` in which this process may create no file; root acts as `nobody`."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a.json").write_bytes(b"old")
        if user == 0:
            os.chown(folder / "a.json", OTHER_USER, -1)
            os.chown(folder, OTHER_USER, -1)
            os.seteuid(OTHER_USER)
        folder.chmod(0o500)
        try:
            yield folder
        finally:
            folder.chmod(0o700)
            os.seteuid(user)


@posix
def test_file_in_a_closed_folder_is_written_in_place_unless_a_mode_is_given() -> None:
    """The result of a run is not lost because its folder takes no new file."""
    with folder_without_new_files() as folder:
        path = folder / "a.json"
        replace_file(path, b"new")
        with pytest.raises(PermissionError):
            replace_file(path, b"newer", mode=0o600)
        assert path.read_bytes() == b"new"


@posix
def test_file_that_cannot_be_replaced_keeps_its_content_on_a_full_disk() -> None:
    """The old content is restored where the new content, written in place, has no room."""
    import resource

    with folder_without_new_files() as folder:
        path = folder / "a.json"
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        try:
            with pytest.raises(OSError, match="too large"):
                replace_file(path, b"x" * 2000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)
        assert path.read_bytes() == b"old"


@posix
def test_pipe_without_another_end_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a reader nor a writer is waited for without end; a pipe whose writer comes late is read."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    monkeypatch.setattr("otel_memeval.files._until.__defaults__", (0.1,))
    with pytest.raises(OSError, match="nobody reads from this pipe"):
        replace_file(pipe, b"data")
    with pytest.raises(OSError, match="nothing is written into this pipe"):
        read_file(pipe, 1000, patience_seconds=0.1)
    writer = threading.Timer(0.1, pipe.write_bytes, [b"late"])
    writer.start()
    assert read_file(pipe, 1000) == b"late"
    writer.join()


@posix
def test_content_beyond_a_size_is_an_error(tmp_path: Path) -> None:
    """A device without an end is not read for ever, and a folder has no content."""
    with pytest.raises(OSError, match="larger than 1 MiB"):
        read_file(Path("/dev/zero"), 1 << 20)
    with pytest.raises(IsADirectoryError):
        read_file(tmp_path, 1 << 20)
    (tmp_path / "a").write_bytes(b"x" * 1000)
    assert len(read_file(tmp_path / "a", 1000)) == 1000


@posix
def test_only_a_regular_file_is_opened(tmp_path: Path) -> None:
    """A FIFO, a device and a folder are errors at once; a link is followed unless that is switched off."""
    regular, link, fifo = tmp_path / "regular", tmp_path / "link", tmp_path / "fifo"
    regular.write_bytes(b"content")
    link.symlink_to(regular)
    os.mkfifo(fifo)
    for path in (regular, link):
        with open_regular(path) as file:
            assert file.read() == b"content"
    for path in (fifo, Path(os.devnull), tmp_path):
        with pytest.raises(NotRegular):
            open_regular(path)
    with pytest.raises(NotRegular):
        open_regular(link, follow_links=False)


@posix
@pytest.mark.process
def test_failed_write_keeps_the_old_content(tmp_path: Path) -> None:
    """A file larger than the process may write leaves neither a part nor a temporary file."""
    code = f"""
import resource, signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from otel_memeval.files import replace_file
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    replace_file(Path({str(tmp_path / "a.json")!r}), b"x" * 2000)
except OSError as error:
    print(error.errno)
"""
    (tmp_path / "a.json").write_bytes(b"old")
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == [str(errno.EFBIG)]
    assert (tmp_path / "a.json").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.json"]


HOLDER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from otel_memeval.files import lock
with lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(path: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdin=-1, stdout=-1, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


@pytest.mark.parametrize("name", ["", "file"])
@posix
@pytest.mark.process
def test_lock_of_another_process_is_respected_until_that_process_ends(tmp_path: Path, name: str) -> None:
    """A folder and a file can be locked; a killed process releases its lock."""
    path = tmp_path / name
    with hold(path) as holder:
        with pytest.raises(Locked, match="another process holds"):
            lock(path)
        waiting = threading.Timer(0.2, holder.kill)
        waiting.start()
        lock(path, patience_seconds=30).release()
        waiting.join()


def test_released_lock_is_free(tmp_path: Path) -> None:
    """A lock can be taken again after its release, and releasing twice does no harm."""
    first = lock(tmp_path / "file")
    with pytest.raises(Locked):
        lock(tmp_path / "file")
    first.release()
    first.release()
    with lock(tmp_path / "file"):
        pass
    assert (tmp_path / "file").exists()


def test_lock_of_a_deleted_file_is_none(tmp_path: Path) -> None:
    """Whoever waited for a file that was deleted and made anew waits for the new one, as a replay beside a beginning run."""
    path = tmp_path / "file"
    old = lock(path)
    with ThreadPoolExecutor(1) as executor:
        waiting = executor.submit(lock, path, patience_seconds=30)
        time.sleep(0.2)  # the other one has opened the old file
        path.unlink()
        new = lock(path)
        old.release()
        time.sleep(0.2)
        assert not waiting.done()
        new.release()
        waiting.result().release()


def test_lock_in_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    """The error is the operating system's own, and not taken for another process."""
    with pytest.raises(FileNotFoundError):
        lock(tmp_path / "missing" / "file")
