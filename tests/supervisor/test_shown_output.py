"""Output that is shown while the scenario runs: complete where it can be, counted where lines are left out."""

from __future__ import annotations

import re
import threading

from otel_memeval.supervisor.shown_output import MAX_WAITING_BYTES, ShownOutput


def test_output_is_shown_completely_and_in_order() -> None:
    """Everything that was added before the end is shown."""
    shown: list[bytes] = []
    output = ShownOutput(shown.append)
    for number in range(1000):
        output.add(b"line %d\n" % number)
    output.finish(10)
    assert b"".join(shown) == b"".join(b"line %d\n" % number for number in range(1000))


def test_lines_are_counted_when_they_come_faster_than_they_are_shown() -> None:
    """Nobody waits for a reader that does not read; later the lines that were left out are counted, and none is halved."""
    reads = threading.Event()
    shown: list[bytes] = []

    def show(lines: bytes) -> None:
        reads.wait()
        shown.append(lines)

    output = ShownOutput(show)
    block = b"x" * 1023 + b"\n"
    blocks = 3 * MAX_WAITING_BYTES // len(block)
    for _ in range(blocks):
        output.add(block)
    reads.set()
    output.finish(10)
    text = b"".join(shown).decode()
    left_out = sum(map(int, re.findall(r"(\d+) lines were left out", text)))
    assert text.count("x" * 1023 + "\n") + left_out == blocks
    assert left_out > blocks / 2


def test_end_does_not_wait_for_a_reader() -> None:
    """The end is reached after the time limit although the first line is not shown yet."""
    reads = threading.Event()

    def show(_: bytes) -> None:
        reads.wait()

    output = ShownOutput(show)
    output.add(b"line\n")
    output.finish(0.05)
    reads.set()
