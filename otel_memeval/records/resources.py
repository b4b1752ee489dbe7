"""Frozen records of resources beside memory, with their words."""

from __future__ import annotations

import msgspec

WORDS = {
    "child_processes": ("child process", "child processes"),
    "threads": ("thread", "threads"),
    "tasks": ("asyncio task", "asyncio tasks"),
    "sockets": ("socket", "sockets"),
    "file_descriptors": ("file descriptor", "file descriptors"),
}
"""Words for one resource and for several, by name; in the order of a sentence, what owns the others first."""

CHILD_MEMORY = "child_memory"
"""Name of the channel of the memory of children."""


class CodeLocation(msgspec.Struct, frozen=True, kw_only=True):
    """A line of code."""

    file: str
    line: int
    function: str
    """Qualified name; empty where the source cannot be read."""


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of one kind of resource before the first measured iteration and after the last."""

    before: int
    after: int
    per_iteration: float
    growing: bool = False
    """Part of the verdict."""
    examples: list[str] = []
    """Those that were added last, such as ``file /dev/null (20)``; never arguments of programs."""
    made_at: list[CodeLocation] = []
    """Lines that made them, most frequent first; empty where no line is known."""


class ChildMemory(msgspec.Struct, frozen=True, kw_only=True):
    """Memory of the child processes in bytes, with all descendants; without pages of files and without shared memory."""

    before: int
    after: int
    per_iteration: float
    growing: bool = False
    """Part of the verdict."""
    resident_bytes: int | None = None
    """At the end, with pages of files and shared memory."""
    unique_bytes_before: int | None = None
    """Memory that no other process shares, before the first iteration, warm-up included; 0 if no child lived."""
    unique_bytes: int | None = None
    """The same at the end."""
    examples: list[str] = []
    """Children that grow, largest growth first."""


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """Resources beside memory; None where the platform cannot tell. Sockets are part of the file descriptors."""

    file_descriptors: Resource | None = None
    sockets: Resource | None = None
    threads: Resource | None = None
    tasks: Resource | None = None
    child_processes: Resource | None = None
    child_memory_bytes: ChildMemory | None = None
    """None if no child process lived at any reading."""
