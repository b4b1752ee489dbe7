"""Files in the spool, and files that are named, that are no batches: they are kept, and the others are delivered."""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks.faults.fault import Fault, Trial, expect
from benchmarks.faults.raw_receiver import OK, RawReceiver
from benchmarks.faults.waiting_batches import WaitingBatches, line_of

Make = Callable[[Path], None]
"""Makes the file at a path."""
BAD = "000002.traces"
"""Stands between good batches."""


def content(data: bytes) -> Make:
    """Return a maker of a regular file."""

    def make(path: Path) -> None:
        path.write_bytes(data)

    return make


def link(target: str) -> Make:
    """Return a maker of a symbolic link."""

    def make(path: Path) -> None:
        path.symlink_to(target)

    return make


def _link_to_batch(path: Path) -> None:
    elsewhere = path.parent.parent.parent / "elsewhere.jsonl"
    elsewhere.write_bytes(line_of("00000000000000ff"))
    path.symlink_to(elsewhere)


def _socket(path: Path) -> None:
    before = Path.cwd()
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path, before) if len(str(path)) > 100 else str(path))


def _folder(path: Path) -> None:
    (path / "inside").mkdir(parents=True)


def _sparse(path: Path) -> None:
    """Make a file of 100 GB that takes no room."""
    path.write_bytes(b"")
    os.truncate(path, 100 << 30)


def _spans(**fields: str) -> bytes:
    """Return a batch whose only span has these fields, as JSON text."""
    span = ",".join(f'"{name}":{value}' for name, value in fields.items())
    return b'{"resourceSpans":[{"scopeSpans":[{"spans":[{' + span.encode() + b"}]}]}]}\n"


def _nested(depth: int) -> bytes:
    """Return a batch with an attribute of lists in lists."""
    value = '{"arrayValue":{"values":[' * depth + '{"intValue":"1"}' + "]}}" * depth
    return _spans(name='"x"', attributes='[{"key":"a","value":' + value + "}]")


_DEEP = b"[" * 10_000
BAD_FILES: list[tuple[str, Make]] = [
    ("empty", content(b"")),
    ("only a line end", content(b"\n")),
    ("truncated", content(line_of("1" * 16)[:60])),
    ("truncated within a character", content('{"resourceSpans": [{"a": "ä'.encode()[:-1])),
    ("binary", content(bytes(range(256)) * 50)),
    ("in UTF-16", content(line_of("1" * 16).decode().encode("utf-16"))),
    ("in Latin-1", content(b'{"resourceSpans": [], "a": "\xe4"}')),
    ("nested ten thousand deep", content(_DEEP)),
    ("nested ten thousand deep in an unknown field", content(b'{"resourceSpans": [], "a":' + _DEEP + b"]" * 10_000 + b"}")),
    ("objects nested ten thousand deep", content(b'{"resourceSpans":' * 10_000)),
    ("spans nested ten thousand deep", content(_nested(10_000))),
    ("spans nested a thousand deep", content(_nested(1000))),
    ("a list", content(b"[1, 2]")),
    ("a number", content(b"1" * 5000)),
    ("null", content(b"null")),
    ("a text", content(b'"resourceSpans"')),
    ("another object", content(b'{"what": 1}')),
    ("of a signal that no version has yet", content(b'{"resourceProfiles": []}')),
    ("with a text in place of spans", content(b'{"resourceSpans": "x"}')),
    ("with a number in place of a resource", content(b'{"resourceSpans": [7]}')),
    ("with an id that is no number", content(_spans(traceId='"xyz"'))),
    ("with a time below zero", content(_spans(startTimeUnixNano='"-5"'))),
    ("with a time beyond 64 bits", content(_spans(startTimeUnixNano=str(2**70)))),
    ("with half a character", content(_spans(name='"\\ud800"'))),
    ("with two messages in one line", content(line_of("1" * 16).strip() * 2)),
    ("of 70 megabytes", content(b'{"resourceSpans": "' + b"x" * (70 << 20) + b'"}')),
    ("of 100 gigabytes", _sparse),
    ("a FIFO", os.mkfifo),
    ("a socket", _socket),
    ("a folder", _folder),
    ("a link to a batch", _link_to_batch),
    ("a link to nothing", link("nothing")),
    ("a link to itself", link(f"{BAD}.jsonl")),
    ("a link to a device without an end", link("/dev/zero")),
    ("a link to the terminal", link("/dev/tty")),
]
LARGE = ("of 70 megabytes", "of 100 gigabytes")


def _bad_file_fault(name: str, make: Make) -> Fault:
    """Return a fault: a file of the spool is no batch."""

    def attempt(trial: Trial) -> None:
        batches = WaitingBatches(trial)
        path = batches.folder / f"{BAD}.jsonl"
        path.unlink()
        make(path)
        with RawReceiver(OK) as receiver:
            result = batches.replay("--endpoint", receiver.url, statuses=(4,))
            taken = receiver.times_taken()
        expect([taken[span_id] for span_id in batches.ids] == [1, 0, 1], "the other batches were not delivered once")
        left = [path.name for path in batches.folder.iterdir() if path.name.startswith(BAD)]
        expect(left == [f"{BAD}.rejected.jsonl"], f"the file is not set aside by name: {left}")
        expect(BAD in result.stderr, "the file is not named")
        expect("rejected:" not in result.output, "the receiver is said to have rejected it")
        with RawReceiver(OK) as receiver:
            batches.replay("--endpoint", receiver.url, statuses=(0,))
            expect(not receiver.requests, "it was sent by the next replay")

    return Fault(f"a batch that is {name}", attempt)


def _try_all_bad_files(trial: Trial) -> None:
    """Replay a spool with one of each bad file, except the largest, between two good batches."""
    batches = WaitingBatches(trial, 2)
    (batches.folder / "000002.traces.jsonl").rename(batches.folder / "000999.traces.jsonl")
    made = [make for name, make in BAD_FILES if name not in LARGE and not name.startswith("a link to itself")]
    for number, make in enumerate(made, 100):
        make(batches.folder / f"{number:06d}.traces.jsonl")
    with RawReceiver(OK) as receiver:
        result = batches.replay("--endpoint", receiver.url, statuses=(4,))
        taken = receiver.times_taken()
    expect(taken == Counter(batches.ids), "the other batches were not delivered once")
    aside = sorted(path.name for path in batches.folder.iterdir() if path.name.endswith(".rejected.jsonl"))
    expect(
        aside == [f"{number:06d}.traces.rejected.jsonl" for number in range(100, 100 + len(made))], "not all are set aside"
    )
    expect(all(name in result.stderr for name in aside), "a file is not named")


def _odd_name_fault(name: str, file_name: bytes) -> Fault:
    """Return a fault: a batch has an odd name; it is delivered."""

    def attempt(trial: Trial) -> None:
        batches = WaitingBatches(trial)
        os.rename(batches.folder / f"{BAD}.jsonl", os.fsencode(batches.folder) + b"/" + file_name)
        broken = os.fsencode(batches.folder) + b"/0" + file_name
        with open(broken, "wb") as file:
            file.write(b"nonsense")
        with RawReceiver(OK) as receiver:
            batches.replay("--endpoint", receiver.url, statuses=(4,))
            taken = receiver.times_taken()
        expect(all(taken[span_id] == 1 for span_id in batches.ids), "not all batches were delivered once")

    return Fault(f"a batch with {name}", attempt)


def _future_fault(name: str, line: bytes) -> Fault:
    """Return a fault: a batch of a later version, whose known part is delivered."""

    def attempt(trial: Trial) -> None:
        batches = WaitingBatches(trial)
        (batches.folder / f"{BAD}.jsonl").write_bytes(line)
        with RawReceiver(OK) as receiver:
            batches.replay("--endpoint", receiver.url, statuses=(0,))
            expect(len(receiver.requests) == 3, "not all batches were delivered")
        expect(not list(batches.root.iterdir()), "the spool is not empty")

    return Fault(f"a batch of {name}", attempt)


def _named_file_fault(name: str, make: Make | str, status: int, delivered: int = 0) -> Fault:
    """Return a fault: a file is named on the command line; a text is its path."""

    def attempt(trial: Trial) -> None:
        path = trial.folder / "trace.jsonl"
        if callable(make):
            make(path)
        before = path.read_bytes() if path.is_file() and path.stat().st_size < 1 << 30 else None
        batches = WaitingBatches(trial, 0)
        with RawReceiver(OK) as receiver:
            named = "trace.jsonl" if callable(make) else make
            result = batches.replay(named, "--endpoint", receiver.url, statuses=(status,))
            expect(len(receiver.requests) == delivered, f"{len(receiver.requests)} requests, not {delivered}")
        expect(status != 2 or len(result.stderr.splitlines()) == 1, "not one line on standard error")
        expect(before is None or path.read_bytes() == before, "the file was changed")

    return Fault(f"a named file that is {name}", attempt)


def file_faults() -> list[Fault]:
    """Return the faults of files."""
    good = line_of("1" * 16)
    return [
        *(_bad_file_fault(name, make) for name, make in BAD_FILES),
        Fault("each kind of bad batch at once", _try_all_bad_files, in_ci=True),
        _odd_name_fault("a name of 250 characters", b"0" * 237 + b".traces.jsonl"),
        _odd_name_fault("a name that is no UTF-8", b"\xff\xfe.jsonl"),
        _odd_name_fault("a name with control characters", b"\x1b[2J\n\x07.jsonl"),
        _odd_name_fault("a name that begins like an option", b"--timeout.jsonl"),
        _future_fault("a future version", b'{"version": 9, "resourceSpans": [{"scopeSpans": [], "news": [{"a": 1}]}]}'),
        _future_fault("two fields of the same name", b'{"resourceSpans": [1], "resourceSpans": []}'),
        _future_fault("a span with unknown fields", _spans(name='"x"', mood='{"a":[1]}', links="null")),
        _named_file_fault("missing", "nothing.jsonl", 2),
        _named_file_fault("a folder", _folder, 2),
        _named_file_fault("a FIFO", os.mkfifo, 2),
        _named_file_fault("a socket", _socket, 2),
        _named_file_fault("a device without an end", "/dev/zero", 2),
        _named_file_fault("the null device", "/dev/null", 2),
        _named_file_fault("standard input", "/dev/stdin", 2),
        _named_file_fault("a link to itself", link("trace.jsonl"), 2),
        _named_file_fault("below a file", "/etc/passwd/trace.jsonl", 2),
        _named_file_fault("a name of 5,000 characters", "x" * 5000, 2),
        _named_file_fault("empty", content(b""), 0),
        _named_file_fault("only line ends", content(b"\n\r\n\n"), 0),
        _named_file_fault("a link to a batch", _link_to_batch_here, 0, 1),
        _named_file_fault("without a line end", content(good.strip()), 0, 1),
        _named_file_fault("with line ends of Windows", content(good.strip() + b"\r\n" + good.strip() + b"\r\n"), 0, 2),
        _named_file_fault("with bad lines between good ones", content(good + b"x\n" + _DEEP + b"\n\xff\n" + good), 4, 2),
        _named_file_fault("100 gigabytes of zeros", _sparse, 4),
        _named_file_fault("100 gigabytes after a good line", _sparse_after_a_line, 4, 1),
    ]


def _link_to_batch_here(path: Path) -> None:
    path.with_name("real.jsonl").write_bytes(line_of("1" * 16))
    path.symlink_to("real.jsonl")


def _sparse_after_a_line(path: Path) -> None:
    path.write_bytes(line_of("1" * 16))
    os.truncate(path, 100 << 30)
