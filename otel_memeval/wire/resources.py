"""Parts of the worker's messages that are about resources beside memory."""

from __future__ import annotations

import msgspec


class ResourceCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of open resources; None where the platform cannot tell. ``sockets`` are part of ``file_descriptors``.

    ``pooled_...``: those in pools that start them on demand up to a limit, without the first of each pool. ``children``: id,
    resident bytes and private bytes of each child process with its descendants. ``unique_bytes``: their memory that no other
    process shares, read at the first reading and in the description only.
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
    unique_bytes: int | None = None


class AddedResources(msgspec.Struct, frozen=True, kw_only=True):
    """Equal resources that were added last. ``frames``: file and line of the stack that made them, the innermost first."""

    text: str
    count: int
    frames: list[tuple[str, int]]


class ChildInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A child process: its id and its program without arguments."""

    process: int
    text: str
