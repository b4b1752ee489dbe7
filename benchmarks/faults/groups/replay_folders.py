"""Folders of the spool that cannot be searched, changed or written, and their locks and addresses."""

from __future__ import annotations

import json
import os
import stat
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.faults.fault import Fault, Trial, expect
from benchmarks.faults.groups.replay_files import content, link
from benchmarks.faults.raw_receiver import OK, Answer, RawReceiver, hang
from benchmarks.faults.restrictions import full_disk, obey_permissions
from benchmarks.faults.waiting_batches import WaitingBatches, line_of
from otel_memeval.files import lock

FORGET = ("forget", "a", "--textfile", "spool/a.prom")


def nothing(_: Path) -> None:
    """Make no file."""


def _spool_fault(name: str, make: Callable[[Path], None], status: int) -> Fault:
    """Return a fault: ``make`` makes the spool itself."""

    def attempt(trial: Trial) -> None:
        batches = WaitingBatches(trial, 0)
        for path in (batches.folder, batches.root):
            if path.is_dir():
                path.rmdir()
        make(batches.root)
        with RawReceiver(OK) as receiver:
            result = batches.replay("--endpoint", receiver.url, statuses=(status,))
            expect(not receiver.requests, "something was sent")
        expect(status == 0 or len(result.stderr.splitlines()) == 1, "not one line on standard error")

    return Fault(f"a spool that is {name}", attempt)


def _mode_fault(name: str, mode: int, where: str, arguments: Sequence[str], in_ci: bool = False) -> Fault:
    """Return a fault: permissions hide a folder; the command ends with status 2 and one line."""

    def attempt(trial: Trial) -> None:
        batches = WaitingBatches(trial)
        trial.write("spool/a.prom", "")
        trial.write("scenario.py", "def run():\n    pass\n")
        folder = trial.folder / where
        folder.chmod(mode)
        try:
            variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "HOME": str(trial.folder)}
            variables["MEMEVAL_SPOOL"] = str(
                trial.folder / "spool" / "below" if "scenario.py" in arguments else batches.root
            )
            result = trial.run(*arguments, environment=variables, statuses=(2,), preexec_fn=obey_permissions)
        finally:
            folder.chmod(0o755)
        expect(len(result.output.splitlines()) == 1, "not one line")
        expect(batches.waiting().total() == 3, "the batches are no longer there")

    return Fault(name, attempt, in_ci)


def _run_folder_fault(name: str, mode: int) -> Fault:
    """Return a fault: permissions hide the folder of one run; the batches of the other are delivered."""

    def attempt(trial: Trial) -> None:
        hidden, other = WaitingBatches(trial, 2, run="hidden00"), WaitingBatches(trial, 2, run="other000")
        hidden.folder.chmod(mode)
        try:
            with RawReceiver(OK) as receiver:
                result = other.replay("--endpoint", receiver.url, statuses=(4,), preexec_fn=obey_permissions)
                taken = receiver.times_taken()
        finally:
            hidden.folder.chmod(0o700)
        expect(taken == Counter(other.ids), "the other batches were not delivered once")
        expect(hidden.folder.name in result.stderr, "the folder is not named")
        expect(hidden.waiting() == Counter(hidden.ids), "a batch in the hidden folder is lost")

    return Fault(f"a run's folder that {name}", attempt)


def _try_unreadable_batch(trial: Trial) -> None:
    batches = WaitingBatches(trial)
    path = batches.folder / "000002.traces.jsonl"
    path.chmod(0)
    with RawReceiver(OK) as receiver:
        result = batches.replay("--endpoint", receiver.url, statuses=(4,), preexec_fn=obey_permissions)
        taken = receiver.times_taken()
    expect("000002.traces" in result.stderr, "the file is not named")
    path.chmod(0o600)
    batches.expect_rest_is_delivered_once(taken)


def _lock_fault(name: str, make: Callable[[Path], None], statuses: Sequence[int]) -> Fault:
    """Return a fault: the lock of a run is another kind of file; nothing hangs, and nothing is sent twice."""

    def attempt(trial: Trial) -> None:
        batches = WaitingBatches(trial)
        path = batches.folder / "lock"
        path.unlink()
        make(path)
        with RawReceiver(OK) as receiver:
            batches.replay("--endpoint", receiver.url, statuses=statuses)
            taken = receiver.times_taken()
        if path.is_symlink() or path.exists():
            path.rmdir() if path.is_dir() else path.unlink()
        batches.expect_rest_is_delivered_once(taken)

    return Fault(f"a lock that is {name}", attempt)


def _try_held_lock(trial: Trial) -> None:
    """Replay while a run holds its folder: the replay waits, says that the batches wait, and sends none."""
    batches = WaitingBatches(trial)
    with RawReceiver(OK) as receiver, lock(batches.folder / "lock"):
        batches.replay("--endpoint", receiver.url, statuses=(4,))
        expect(not receiver.requests, "a batch of a run that goes on was sent")
    batches.expect_rest_is_delivered_once(Counter())


def _address_fault(name: str, make: Callable[[Path], None], *, statuses: Sequence[int] = (2,)) -> Fault:
    """Return a fault: the addresses of a run are damaged; its batches wait until somebody names a receiver."""

    def attempt(trial: Trial) -> None:
        batches = WaitingBatches(trial)
        path = batches.folder / "addresses.json"
        path.unlink()
        make(path)
        batches.replay(statuses=statuses)
        expect(batches.waiting().total() == 3, "a batch does not wait")
        with RawReceiver(OK) as receiver:
            batches.replay("--endpoint", receiver.url, statuses=(0,))
            expect(receiver.times_taken() == Counter(batches.ids), "the batches were not delivered once")

    return Fault(f"addresses that are {name}", attempt)


def _try_full_disk(trial: Trial) -> None:
    """Replay from a full disk: delivered batches are deleted, the damaged one is set aside."""
    batches = WaitingBatches(trial)
    (batches.folder / "000002.traces.jsonl").write_bytes(b"nonsense")
    with full_disk(batches.root), RawReceiver(OK) as receiver:
        batches.replay("--endpoint", receiver.url, statuses=(4,))
        taken = receiver.times_taken()
        expect([taken[span_id] for span_id in batches.ids] == [1, 0, 1], "the other batches were not delivered once")
        expect(not batches.waiting(), "a batch waits")
        expect(len(list(batches.folder.glob("*.rejected.jsonl"))) == 1, "the damaged batch is not set aside")


def _full_spool_fault(name: str, free_bytes: int, answer: Answer, status: int) -> Fault:
    """Return a fault: a run exports with its spool on a full disk."""

    def attempt(trial: Trial) -> None:
        trial.write("scenario.py", "def run():\n    pass\n")
        root = trial.folder / "spool"
        root.mkdir()
        with RawReceiver(answer) as receiver, full_disk(root, free_bytes):
            environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "MEMEVAL_SPOOL": str(root)}
            options = ("scenario.py", "--iterations", "3", "--warmup", "0", "--fail-on", "failed")
            result = trial.run(*options, environment=environment, statuses=(status,))
            taken = receiver.times_taken()
            for path in root.glob("*/*.jsonl"):
                json.loads(path.read_bytes())
        if status == 0:
            expect(set(taken.values()) == {1}, "a span was delivered more than once")
            expect(len(taken) == 4, "not all spans were delivered")
        else:
            expect("are lost" in result.output, "the loss is not named")
        expect("cannot be written" in result.output, "the spool that cannot be written is not named")

    return Fault(f"a run with its spool on a full disk, {name}", attempt)


def _try_run_without_rights(trial: Trial) -> None:
    """Export with a spool that may only be read, to a receiver that works: everything is delivered."""
    trial.write("scenario.py", "def run():\n    pass\n")
    root = trial.folder / "spool"
    root.mkdir(mode=0o555)
    with RawReceiver(OK) as receiver:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "MEMEVAL_SPOOL": str(root)}
        options = ("scenario.py", "--iterations", "3", "--warmup", "0", "--fail-on", "failed")
        result = trial.run(*options, environment=environment, statuses=(0,), preexec_fn=obey_permissions)
        expect(len(receiver.times_taken()) == 4, "not all spans were delivered")
    expect("cannot be written" in result.output, "the spool that cannot be written is not named")


def _regular_among_folders(path: Path) -> None:
    path.mkdir()
    (path / "stray").write_text("")
    (path / "stray.jsonl").write_bytes(line_of("1" * 16))
    os.mkfifo(path / "fifo")
    (path / "loop").symlink_to("loop")
    (path / "empty").mkdir()


def _null_device(path: Path) -> None:
    path.symlink_to(os.devnull)
    assert stat.S_ISCHR(path.stat().st_mode)


def folder_faults() -> list[Fault]:
    """Return the faults of folders, locks and addresses."""
    deep = b'{"traces":' * 10_000
    wrong = b'{"traces": {"protocol": "carrier pigeon", "endpoint": "http://127.0.0.1:1"}}'
    nowhere = b'{"traces": {"protocol": "http/protobuf", "endpoint": "%s"}}'
    return [
        _spool_fault("missing", nothing, 0),
        _spool_fault("a file", content(b"x"), 2),
        _spool_fault("a FIFO", os.mkfifo, 2),
        _spool_fault("a device", _null_device, 2),
        _spool_fault("a link to nothing", link("nothing"), 0),
        _spool_fault("a link to itself", link("spool"), 2),
        _spool_fault("full of strange files", _regular_among_folders, 0),
        _mode_fault("replay of a spool that may not be searched", 0, "spool", ["replay"], in_ci=True),
        _mode_fault("replay of a spool that may only be listed", 0o444, "spool", ["replay"]),
        _mode_fault("replay of a spool that may not be listed", 0o111, "spool", ["replay"]),
        _mode_fault("replay --spool in a folder that may not be searched", 0, "spool", ["replay", "--spool", "spool/below"]),
        _mode_fault("replay of a file in a folder that may not be searched", 0, "spool", ["replay", "spool/a.jsonl"]),
        _mode_fault("forget in a folder that may not be searched", 0, "spool", FORGET),
        _mode_fault("a run with its spool in a folder that may not be searched", 0, "spool", ["scenario.py", "-q"]),
        _run_folder_fault("may not be searched", 0),
        _run_folder_fault("may only be listed", 0o444),
        _run_folder_fault("may not be listed", 0o333),
        _run_folder_fault("may not be changed", 0o555),
        Fault("a batch that may not be read", _try_unreadable_batch),
        _lock_fault("missing", nothing, (0,)),
        _lock_fault("a folder", Path.mkdir, (0, 4)),
        _lock_fault("a FIFO", os.mkfifo, (0, 4)),
        _lock_fault("a link to itself", link("lock"), (4,)),
        _lock_fault("a link into a missing folder", link("nothing/lock"), (4,)),
        Fault("a lock that is held", _try_held_lock),
        _address_fault("missing", nothing),
        _address_fault("empty", content(b"")),
        _address_fault("truncated", content(b'{"traces": {"proto')),
        _address_fault("nested ten thousand deep", content(deep)),
        _address_fault("a list", content(b"[]")),
        _address_fault("of a future version", content(b'{"version": 2, "traces": {"protocol": "http/protobuf"}}')),
        _address_fault("of an unknown protocol", content(wrong)),
        _address_fault("of another signal", content(b'{"profiles": {"protocol": "grpc", "endpoint": "a:1"}}')),
        _address_fault("a FIFO", os.mkfifo),
        _address_fault("a link to a device without an end", link("/dev/zero")),
        _address_fault("of a file", content(nowhere % b"file:///etc/passwd"), statuses=(4,)),
        _address_fault("of no host", content(nowhere % b"http://"), statuses=(4,)),
        _address_fault("of a port beyond all ports", content(nowhere % b"http://127.0.0.1:999999/v1/traces"), statuses=(4,)),
        _address_fault("of a text that is no address", content(nowhere % b"\\u0000\\ud83d\\ude00"), statuses=(4,)),
        Fault("replay from a full disk", _try_full_disk),
        _full_spool_fault("and a receiver that works", 0, OK, 0),
        _full_spool_fault("and a receiver that hangs", 0, hang, 4),
        _full_spool_fault("with room for one batch", 4096, OK, 0),
        Fault("a run with a spool that may only be read", _try_run_without_rights),
    ]  # fmt: skip
