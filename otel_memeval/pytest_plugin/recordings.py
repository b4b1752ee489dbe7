"""Set back what pytest records of a test, so that iterations do not fill it.

pytest keeps the output, the log records and the warnings of a test until its end: a test that logs a line would leak that
line in each iteration. Before each iteration the recordings are cut to their length before the first one, so that a report
has the output of the last iteration, as of a test that is called once.
"""

from __future__ import annotations

import io
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

from _pytest.capture import CaptureIO, EncodedFile
from _pytest.logging import LogCaptureHandler


class Recordings:
    """Lengths of what pytest has recorded before the first iteration.

    ``seen``: the list that takes the warnings of the iterations.
    """

    def __init__(self, seen: list[warnings.WarningMessage]) -> None:
        self._seen = seen
        handlers = [handler for handler in logging.getLogger().handlers if isinstance(handler, LogCaptureHandler)]
        self._records = [(handler.records, len(handler.records)) for handler in handlers]
        shown = [stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, (CaptureIO, EncodedFile))]
        output = [cast("IO[bytes]", stream.buffer) for stream in shown]
        streams: list[IO[bytes] | IO[str]] = [*output, *(handler.stream for handler in handlers)]
        self._streams = [(stream, stream.seek(0, io.SEEK_END)) for stream in streams]

    def cut(self) -> None:
        """Cut the recordings to the lengths that they had at first."""
        self._seen.clear()
        for records, length in self._records:
            del records[length:]
        for stream, length in self._streams:
            if stream.seek(0, io.SEEK_END) > length:
                stream.seek(length)
                stream.truncate()


@contextmanager
def recordings() -> Iterator[Recordings]:
    """Keep the warnings of the last iteration only, and give these to pytest at the end."""
    with warnings.catch_warnings(record=True) as seen:
        yield Recordings(seen)
    for warning in seen:
        warnings.showwarning(warning.message, warning.category, warning.filename, warning.lineno)
