"""Describe the resources that were added last, in words and with the lines that made them. Imported late."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable

from .calls import CallRecorder
from .descriptors import describe_descriptor, is_socket, open_descriptors
from .owners import Frames, descriptor_owners, frames_of, process_owners
from .processes import describe_process, start_of
from .reading import ResourceReading
from .tasks import describe_task, in_creation_order, pending_tasks
from .threads import describe_threads

_MOST_GROUPS = 10
"""Groups of equal resources in a message, the largest first."""

_Added = Iterable[tuple[str, Frames]]


class ResourceDescriber:
    """Describes resources. ``own``: the tool's descriptors; ``is_own`` returns whether a file is the tool's.

    ``calls``: the calls of further iterations, if there were any.
    """

    def __init__(
        self,
        own: frozenset[tuple[int, str]],
        loop: asyncio.AbstractEventLoop | None,
        is_own: Callable[[str], bool],
        calls: CallRecorder | None,
    ) -> None:
        self._calls = calls
        self._own = own
        self._loop = loop
        self._is_own = is_own

    def added(self, name: str, count: int, counts: ResourceReading) -> list[dict[str, object]]:
        """Return the newest ``count`` resources of a kind, equal ones together: text, number and frames of each group."""
        methods = {"threads": self._threads, "tasks": self._tasks}
        if name in methods:
            newest = methods[name](count)
        elif name == "child_processes":
            newest = self._processes(count, counts)
        else:
            newest = self._descriptors(count, sockets_only=name == "sockets")
        groups = Counter(newest).most_common(_MOST_GROUPS)
        return [{"text": text, "count": number, "frames": frames} for (text, frames), number in groups]

    def _frames(self, owner: object) -> Frames:
        return frames_of(owner, self._is_own)

    def _threads(self, count: int) -> _Added:
        calls = self._calls
        return [
            (text, (calls.started_thread(thread) if calls is not None else ()) or self._frames(thread))
            for text, thread in describe_threads(count)
        ]

    def _tasks(self, count: int) -> _Added:
        newest = in_creation_order(pending_tasks(self._loop))[-count:]
        return [(describe_task(task), self._frames(task)) for task in newest]

    def _processes(self, count: int, counts: ResourceReading) -> _Added:
        owners = process_owners()
        members = sorted((member for tree in counts.trees for member in tree.members), key=start_of)
        started = () if self._calls is None else self._calls.started_process()
        return [(describe_process(member), self._frames(owners.get(int(member))) or started) for member in members[-count:]]

    def _descriptors(self, count: int, *, sockets_only: bool) -> _Added:
        owners = descriptor_owners()
        newest = [each for each in open_descriptors(self._own) if not sockets_only or is_socket(each[1])][-count:]
        calls = self._calls
        return [
            (
                describe_descriptor(number, target),
                self._frames(owners.get(number)) or (calls.opened(target) if calls is not None else ()),
            )
            for number, target in newest
        ]


def describe_children(counts: ResourceReading) -> list[dict[str, object]]:
    """Return id and program of each child process."""
    return [{"process": tree.process, "text": describe_process(str(tree.process))} for tree in counts.trees]
