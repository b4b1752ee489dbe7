"""Parts of the worker's messages that are about resources beside memory."""

from __future__ import annotations

import msgspec


class ResourceCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of open resources; None where the platform cannot tell. ``sockets`` are part of ``file_descriptors``.

    ``pooled_...``: those in pools that start them on demand up to a limit, without the first of each pool. ``children``: id,
    resident bytes and private bytes of each child process with its descendants.
    """

    file_descriptors: int | None
    sockets: int | None
    threads: int | None
    tasks: int | None
    child_processes: int | None
    pooled_threads: int = 0
    pooled_processes: int = 0
    pooled_descriptors: int = 0
    children: list[tuple[int, int, int]] = []


class AddedResources(msgspec.Struct, frozen=True, kw_only=True):
    """Equal resources that were added last. ``frames``: file and line of the stack that made them, the innermost first."""

    text: str
    count: int
    frames: list[tuple[str, int]]


class ChildInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A child process: its id, its program without arguments, and its unique memory with that of its descendants."""

    process: int
    text: str
    unique_bytes: int | None
