"""Keep some descriptors free for the readings of a scenario that opens descriptors until there are no more."""

from __future__ import annotations

import os

from ..memory.kept_reading import file_identity

_PIPES = 3
"""Pipes in the reserve, with two descriptors each: a reading has at most four files and folders open at once."""


class DescriptorReserve:
    """Pipes that are open inside ``with``, where the scenario is called, and closed where the tool reads."""

    def __init__(self) -> None:
        self._held: list[tuple[int, tuple[int, int] | None]] = []

    def __enter__(self) -> None:
        try:
            for _ in range(_PIPES):
                for descriptor in os.pipe():
                    self._held.append((descriptor, file_identity(descriptor)))
        except OSError:
            return

    def __exit__(self, *_: object) -> None:
        while self._held:
            descriptor, identity = self._held.pop()
            if identity is not None and file_identity(descriptor) == identity:  # else the scenario has closed the pipe
                os.close(descriptor)
