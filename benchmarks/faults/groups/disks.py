"""Faults of disks and paths: full, read-only, missing, not permitted, and something else in the place of a file."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from benchmarks.faults.fault import CommandResult, Fault, Trial, expect
from benchmarks.faults.limits import fill, largest_file, mounted, obey_permissions, permissions
from benchmarks.faults.running_service import SCENARIO, running_service

OLD = b"# HELP old_metric From before.\n# TYPE old_metric gauge\nold_metric 1.0\n"
"""An earlier content, which a textfile may have too."""
Place = Callable[[Trial, str], AbstractContextManager[str]]
"""Makes a place for a file of a name, and gives its path."""


def _run(trial: Trial, option: str, path: str, *statuses: int, **options: object) -> CommandResult:
    trial.write("scenario.py", SCENARIO)
    counts = ("--iterations", "1", "--warmup", "0", "--no-follow-up", "-q")
    environment = {"MEMEVAL_SPOOL": str(trial.folder / "spool"), "XDG_STATE_HOME": str(trial.folder / "state")}
    result = trial.run("scenario.py", *counts, option, path, environment=environment, statuses=statuses, **options)  # type: ignore[arg-type]
    if result.status in (2, 4):
        lines = [line for line in result.stderr.splitlines() if line]
        expect(len(lines) == 1 and option in lines[0], f"not one line that names {option}: {result.stderr!r}")
    if result.status != 2:
        expect("inconclusive" in result.output, "the verdict is missing")
    parts = [found.name for found in trial.folder.rglob("*.part")]
    expect(not parts, f"a part of a file is left: {parts}")
    return result


@contextlib.contextmanager
def _plain(path: str, _: Trial, name: str) -> Iterator[str]:
    yield path.format(name=name)


@contextlib.contextmanager
def _folder(trial: Trial, name: str) -> Iterator[str]:
    (trial.folder / name).mkdir()
    yield name


@contextlib.contextmanager
def _through_a_file(trial: Trial, name: str) -> Iterator[str]:
    trial.write("file", "text")
    yield f"file/{name}"


@contextlib.contextmanager
def _unsearchable(above: str, trial: Trial, name: str) -> Iterator[str]:
    path = trial.write(f"closed/{above}{name}", OLD)
    with permissions(trial.folder / "closed", 0o600):
        yield str(path)


@contextlib.contextmanager
def _read_only_folder(mode: int | None, trial: Trial, name: str) -> Iterator[str]:
    folder = trial.folder / "closed"
    folder.mkdir()
    if mode is not None:
        trial.write(f"closed/{name}", OLD).chmod(mode)
    with permissions(folder, 0o500):
        yield f"closed/{name}"


@contextlib.contextmanager
def _link(target: str, trial: Trial, name: str) -> Iterator[str]:
    (trial.folder / "there").mkdir()
    (trial.folder / name).symlink_to(target.format(name=name))
    yield name
    expect((trial.folder / name).is_symlink(), "the link is gone")


@contextlib.contextmanager
def _pipe(trial: Trial, name: str) -> Iterator[str]:
    os.mkfifo(trial.folder / name)
    yield name
    expect(stat.S_ISFIFO((trial.folder / name).stat().st_mode), "the pipe is gone")


@contextlib.contextmanager
def _socket(trial: Trial, name: str) -> Iterator[str]:
    before = os.getcwd()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(trial.folder / name))
        yield name
    expect(os.getcwd() == before, "the folder changed")


@contextlib.contextmanager
def _full_disk(options: str, trial: Trial, name: str) -> Iterator[str]:
    with mounted(trial, "disk", options) as folder:
        (folder / name).write_bytes(OLD)
        fill(folder)
        yield f"disk/{name}"
        expect((folder / name).read_bytes() == OLD, "the old content is gone")
        expect(sorted(os.listdir(folder)) == sorted([name, "rest"]), f"files are left: {os.listdir(folder)}")


@contextlib.contextmanager
def _read_only_disk(trial: Trial, name: str) -> Iterator[str]:
    with mounted(trial, "disk", "size=64k") as folder:
        (folder / name).write_bytes(OLD)
        os.system(f"mount -o remount,ro {folder}")  # noqa: S605 - a path of ours
        yield f"disk/{name}"
        expect((folder / name).read_bytes() == OLD, "the old content is gone")


PLACES: dict[str, tuple[Place, tuple[int, ...], tuple[int, ...]]] = {
    "a folder that is missing": (partial(_plain, "missing/{name}"), (2,), (2,)),
    "a folder": (_folder, (2,), (2,)),
    "a path through a file": (_through_a_file, (2,), (2,)),
    "a folder that may not be searched": (partial(_unsearchable, ""), (2,), (2,)),
    "a folder below one that may not be searched": (partial(_unsearchable, "below/"), (2,), (2,)),
    "a folder that takes no file": (partial(_read_only_folder, None), (4,), (4,)),
    "a file in a folder that takes no file": (partial(_read_only_folder, 0o600), (0,), (4,)),
    "a read-only file in a folder that takes no file": (partial(_read_only_folder, 0o400), (4,), (4,)),
    "a link to a missing file": (partial(_link, "there/{name}"), (0,), (0,)),
    "a link into a missing folder": (partial(_link, "nowhere/{name}"), (2,), (2,)),
    "a link to itself": (partial(_link, "{name}"), (2,), (2,)),
    "a link to a full device": (partial(_link, "/dev/full"), (4,), (4,)),
    "a link to the null device": (partial(_link, "/dev/null"), (0,), (0,)),
    "a pipe that nobody reads": (_pipe, (4,), (4,)),
    "a socket": (_socket, (4,), (4,)),
    "a name of 300 characters": (partial(_plain, "x" * 300 + "{name}"), (2,), (2,)),
    "a path of 5,000 characters": (partial(_plain, "x/" * 2500 + "{name}"), (2,), (2,)),
    "a name of 240 bytes": (partial(_plain, "é" * 117 + "{name}"), (0,), (0,)),
    "a name that is no text": (partial(_plain, "\udcff{name}"), (0,), (0,)),
    "a name with a line end and colours": (partial(_plain, "a\n\x1b[31m{name}"), (0,), (0,)),
    "a full disk": (partial(_full_disk, "size=64k"), (4,), (4,)),
    "a disk without inodes": (partial(_full_disk, "nr_inodes=4,size=64k"), (4,), (4,)),
    "a read-only disk": (_read_only_disk, (4,), (4,)),
}
"""By name: the place, and the statuses for ``--json`` and ``--textfile``."""


def _written_to(place: Place, option: str, statuses: tuple[int, ...], trial: Trial) -> None:
    name = "a.json" if option == "--json" else "a.prom"
    with place(trial, name) as path:
        result = _run(trial, option, path, *statuses, preexec_fn=obey_permissions)
        target = trial.folder / path
        if result.status == 0 and option == "--json" and target.is_file():
            json.loads(target.read_bytes())


def _quota(option: str, trial: Trial) -> None:
    path = trial.write("a.json" if option == "--json" else "a.prom", OLD)
    _run(trial, option, path.name, 4, preexec_fn=partial(largest_file, 400))
    expect(path.read_bytes() == OLD, "the old content is gone")


def _quota_in_place(trial: Trial) -> None:
    path = trial.write("closed/a.json", OLD)
    with permissions(path.parent, 0o500):

        def limit() -> None:
            obey_permissions()
            largest_file(400)

        _run(trial, "--json", str(path), 4, preexec_fn=limit)
    expect(path.read_bytes() == OLD, "the old content is gone")


def _read_pipe(trial: Trial) -> None:
    os.mkfifo(trial.folder / "pipe")
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append((trial.folder / "pipe").read_bytes()), daemon=True)
    reader.start()
    _run(trial, "--json", "pipe", 0)
    reader.join(10)
    expect(bool(received), "the reader of the pipe got nothing")
    json.loads(received[0])


def _slow_pipe(trial: Trial) -> None:
    os.mkfifo(trial.folder / "pipe")
    descriptor = os.open(trial.folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(descriptor, True)
    try:
        trial.write("scenario.py", SCENARIO)
        trial.run(
            "scenario.py", "--iterations", "300", "--warmup", "0", "--no-follow-up", "-q", "--json", "pipe", statuses=(0, 4)
        )
    finally:
        os.close(descriptor)


def _standard_output(target: str, trial: Trial) -> None:
    trial.write("scenario.py", SCENARIO)
    with open(target, "wb") as stream:
        trial.run("scenario.py", "--iterations", "1", "--warmup", "0", "-q", "--json", "-", stdout=stream, statuses=(4,))


def _no_path(option: str, trial: Trial) -> None:
    trial.write("scenario.py", SCENARIO)
    result = trial.run("scenario.py", option, "", statuses=(2,))
    expect(len(result.stderr.splitlines()) == 1, f"not one line: {result.stderr!r}")


STATE_PLACES: dict[str, Place] = {
    name: place
    for name, (place, statuses, _) in PLACES.items()
    if statuses == (2,)
    and name not in ("a folder that is missing", "a link into a missing folder", "a path of 5,000 characters")
} | {"a folder that takes no file": partial(_read_only_folder, None), "a read-only disk": _read_only_disk}


def _state_refused(place: Place, trial: Trial) -> None:
    trial.write("scenario.py", SCENARIO)
    with place(trial, "state.json") as path:
        result = trial.run("scenario.py", "--every", "1h", "--state", path, statuses=(2,), preexec_fn=obey_permissions)
    expect(len(result.stderr.splitlines()) == 1 and "--state" in result.stderr, f"not one line: {result.stderr!r}")


def _state_folder_refused(trial: Trial) -> None:
    trial.write("scenario.py", SCENARIO)
    (trial.folder / "closed").mkdir()
    with permissions(trial.folder / "closed", 0o600):
        environment = {"XDG_STATE_HOME": str(trial.folder / "closed")}
        result = trial.run(
            "scenario.py", "--every", "1h", environment=environment, statuses=(2,), preexec_fn=obey_permissions
        )
    expect(len(result.stderr.splitlines()) == 1, f"not one line: {result.stderr!r}")


def _state_on_a_full_disk(trial: Trial) -> None:
    with running_service(
        trial, "--json", "result.json", "--every", "500ms", preexec_fn=partial(largest_file, 300)
    ) as service:
        service.wait_for("scenario: ", times=2)
        service.expect_answers()
        expect(service.log.count("state.json: File too large") == 1, "a state that is not written is not named once")
    expect(not list(trial.folder.rglob("*.part")), "a part of a file is left")


def _state_pipe(trial: Trial) -> None:
    os.mkfifo(trial.folder / "state.json")
    with running_service(trial) as service:
        service.wait_for("scenario: ", seconds=60.0)
        service.expect_answers()


def _service_result_pipe(trial: Trial) -> None:
    os.mkfifo(trial.folder / "result.json")
    with running_service(trial, "--json", "result.json") as service:
        service.wait_for("scenario: ")
        service.expect_answers()
        service.wait_for("--json result.json: nobody reads from this pipe", seconds=40.0)


def _folder_removed(trial: Trial) -> None:
    scenario = "import shutil\ndef run():\n    shutil.rmtree('results', ignore_errors=True)\n"
    trial.write("scenario.py", scenario)
    for option, name in (("--json", "results/a.json"), ("--textfile", "results/a.prom")):
        (trial.folder / "results").mkdir()
        trial.run("scenario.py", "--iterations", "1", "--warmup", "0", option, name, "--fail-on", "never", statuses=(4,))


def _working_folder_hidden(trial: Trial) -> None:
    scenario = trial.write("hidden/below/scenario.py", SCENARIO)
    with permissions(trial.folder / "hidden", 0o600):
        trial.run("scenario.py", "--iterations", "1", statuses=(0, 2), preexec_fn=partial(_enter_hidden, scenario.parent))


def _enter_hidden(folder: Path) -> None:
    os.chdir(folder)
    obey_permissions()


def faults() -> Sequence[Fault]:
    """Return the faults of this group."""
    in_ci = ("a folder below one that may not be searched",)
    return (
        *(
            Fault(
                f"{option} to {name}",
                partial(_written_to, place, option, statuses),
                in_ci=name in in_ci and option == "--json",
            )
            for name, (place, json_statuses, textfile_statuses) in PLACES.items()
            for option, statuses in (("--json", json_statuses), ("--textfile", textfile_statuses))
        ),
        *(
            Fault(f"{option} beyond a quota", partial(_quota, option), in_ci=option == "--json")
            for option in ("--json", "--textfile")
        ),
        *(Fault(f"{option} without a name", partial(_no_path, option)) for option in ("--json", "--textfile", "--state")),
        *(Fault(f"--state in {name}", partial(_state_refused, place)) for name, place in STATE_PLACES.items()),
        Fault("--json beyond a quota, in a folder that takes no file", _quota_in_place, in_ci=True),
        Fault("--json to a pipe that is read", _read_pipe),
        Fault("--json to a pipe that is held open and not read", _slow_pipe),
        Fault("--json - to a full device", partial(_standard_output, "/dev/full")),
        Fault("a folder that the scenario removes", _folder_removed),
        Fault("a current folder below one that may not be searched", _working_folder_hidden),
        Fault("the default state folder may not be searched", _state_folder_refused),
        Fault("a service beyond a quota", _state_on_a_full_disk),
        Fault("--state is a pipe", _state_pipe),
        Fault("a service's --json is a pipe that nobody reads", _service_result_pipe),
    )
