"""Measure the cost of reading all resources beside memory: ``python -m benchmarks.resources``.

The process has 200 descriptors (half of them sockets), 50 threads, 1,000 asyncio tasks and 20 children of 30 MB, and traces
its heap as a run does. Each figure is processor time of one reading, the least and the median of many. Target: at most 3 ms
for a reading, the resident memory of the children included. Their unique memory is read after the last iteration only.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from statistics import median

from otel_memeval.worker.resources.descriptors import count_descriptors
from otel_memeval.worker.resources.processes import ChildReader, unique_bytes
from otel_memeval.worker.resources.reading import ResourceReader
from otel_memeval.worker.resources.tasks import pending_tasks
from otel_memeval.worker.resources.threads import count_pooled, count_threads

DESCRIPTORS, THREADS, TASKS, CHILDREN = 200, 50, 1000, 20
CHILD_BYTES = 30_000_000
TIMES = 200

_CHILD = f"x = b'0' * {CHILD_BYTES}\nprint(flush=True)\nimport time\ntime.sleep(600)"


@contextlib.contextmanager
def _children() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start the children, and wait until each has its memory."""
    children = [subprocess.Popen([sys.executable, "-c", _CHILD], stdout=subprocess.PIPE) for _ in range(CHILDREN)]
    try:
        for child in children:
            if child.stdout is not None:
                child.stdout.readline()
                child.stdout.close()
        yield children
    finally:
        for child in children:
            child.kill()
            child.wait()


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


async def _start_tasks() -> list[asyncio.Task[None]]:
    event = asyncio.Event()
    tasks = [asyncio.create_task(_wait(event)) for _ in range(TASKS)]
    await asyncio.sleep(0)
    return tasks


def _milliseconds(read: Callable[[], object]) -> tuple[float, float]:
    """Return the least and the median processor time of a call."""
    times = []
    for _ in range(TIMES):
        start = time.process_time()
        read()
        times.append((time.process_time() - start) * 1000)
    return min(times), median(times)


def main() -> None:
    """Open the resources, measure each part of a reading, and print the table."""
    reader = ResourceReader()
    tracemalloc.start(1)
    loop = asyncio.new_event_loop()
    ended = threading.Event()
    with contextlib.ExitStack() as stack:
        for _ in range(DESCRIPTORS // 2):
            stack.enter_context(socket.socket())
            stack.enter_context(open(os.devnull, "rb"))
        threads = [threading.Thread(target=ended.wait, daemon=True) for _ in range(THREADS - 1)]
        for thread in threads:
            thread.start()
        tasks = loop.run_until_complete(_start_tasks())
        children = stack.enter_context(_children())
        reading = reader.read(loop)
        counted = (reading.file_descriptors, reading.threads, reading.tasks, reading.child_processes)
        parts: dict[str, Callable[[], object]] = {
            "descriptors and sockets": lambda: count_descriptors(reader.own),
            "threads": lambda: (count_threads(), count_pooled()),
            "tasks": lambda: pending_tasks(loop),
            "children with resident memory": ChildReader().trees,
            "all": lambda: reader.read(loop).fields(),
            "unique memory of the children": lambda: [unique_bytes(str(child.pid)) for child in children],
        }
        print(f"Python {platform.python_version()}, {platform.platform()}")
        print("{} descriptors, {} threads, {} tasks, {} children of 30 MB\n".format(*counted))
        print("| part                          | least    | median   |")
        print("|-------------------------------|----------|----------|")
        for name, read in parts.items():
            least, typical = _milliseconds(read)
            print(f"| {name:29} | {least:5.2f} ms | {typical:5.2f} ms |", flush=True)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        ended.set()
    loop.close()


if __name__ == "__main__":
    main()
