"""Lines of the worker's pipe, however the bytes are cut."""

from __future__ import annotations

import random

import pytest

from otel_memeval.wire import ForeignMessage, LineBuffer
from otel_memeval.wire.line_buffer import MAX_LINE_BYTES


def test_lines_are_the_same_however_their_bytes_are_cut() -> None:
    """Blocks of any length give the lines of the text; what has no end yet is no line."""
    text = b"".join(b"%d" % number * (number % 7) + b"\n" for number in range(300))
    for seed in range(20):
        chance = random.Random(seed)
        buffer, found, rest = LineBuffer(), [], text + b"half"
        while rest:
            length = chance.randrange(1, 60)
            buffer.add(rest[:length])
            rest = rest[length:]
            while (line := buffer.take()) is not None:
                found.append(line)
        assert found == text.splitlines()


def test_line_without_an_end_is_not_from_the_worker() -> None:
    """A line of the longest length passes, one of a byte more raises."""
    buffer = LineBuffer()
    buffer.add(b"x" * MAX_LINE_BYTES)
    buffer.add(b"\n")
    assert buffer.take() == b"x" * MAX_LINE_BYTES
    buffer.add(b"x" * MAX_LINE_BYTES)
    with pytest.raises(ForeignMessage, match="64 MiB"):
        buffer.add(b"x")
