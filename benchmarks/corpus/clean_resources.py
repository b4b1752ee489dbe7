"""Harmless use of resources beside memory: pools, reused connections, watchers, and what ends by itself."""

from __future__ import annotations

import asyncio
import concurrent.futures
import multiprocessing
import multiprocessing.pool
import os
import queue
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from typing import IO

from benchmarks.corpus.ground import clean


@clean()
def file_of_each_call() -> None:
    """Write, read and close a temporary file."""
    with tempfile.TemporaryFile() as file:
        file.write(b"x" * 10_000)
        file.seek(0)
        file.read()


@clean()
def file_closed_by_the_collector() -> None:
    """Open files in a cycle of references: the garbage collector closes them."""
    reading, writing = os.pipe()
    cycle: list[object] = [os.fdopen(reading, "rb"), os.fdopen(writing, "wb")]
    cycle.append(cycle)


CONNECTIONS: list[socket.socket] = []


def _serve(server: socket.socket) -> None:
    while True:
        peer, _ = server.accept()
        threading.Thread(target=_echo, args=(peer,), daemon=True).start()


def _echo(peer: socket.socket) -> None:
    with peer:
        while data := peer.recv(4096):
            peer.sendall(data)


def _start_server() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_serve, args=(server,), daemon=True).start()
    CONNECTIONS.append(server)


def _connect() -> None:
    _start_server()
    CONNECTIONS.append(_client())


def _client() -> socket.socket:
    return socket.create_connection(CONNECTIONS[0].getsockname())


def _ask(client: socket.socket) -> None:
    client.sendall(b"x" * 1000)
    client.recv(4096)


@clean(setup=_connect)
def connection_kept_alive() -> None:
    """Use one connection for all calls."""
    _ask(CONNECTIONS[1])


@clean(setup=_start_server)
def connection_of_each_call() -> None:
    """Connect, ask, close: the thread of the server ends a moment later."""
    with _client() as client:
        _ask(client)


@clean(setup=_connect)
def connection_replaced() -> None:
    """Replace the connection of the last call."""
    CONNECTIONS.pop().close()
    CONNECTIONS.append(_client())
    _ask(CONNECTIONS[-1])


LAST: deque[socket.socket] = deque(maxlen=4)


@clean(setup=_start_server)
def pool_of_connections() -> None:
    """Keep the last four connections: the pool is full within the warm-up and one call."""
    LAST.append(_client())
    _ask(LAST[0])


EXECUTOR = concurrent.futures.ThreadPoolExecutor(8)


@clean()
def thread_pool() -> None:
    """Run eight pieces of work at once in a pool of eight threads."""
    list(EXECUTOR.map(time.sleep, [0.002] * 8))


LARGE_EXECUTOR = concurrent.futures.ThreadPoolExecutor(200)


@clean()
def thread_pool_that_fills() -> None:
    """Run a piece of work at a time in a pool of two hundred: now and then a thread is added."""
    LARGE_EXECUTOR.submit(sum, range(1000)).result()


@clean()
async def default_executor() -> None:
    """Resolve a name and read a file in the default executor of the event loop."""
    loop = asyncio.get_running_loop()
    await loop.getaddrinfo("localhost", 80)
    await asyncio.to_thread(sum, range(1000))


@clean()
async def tasks_that_end() -> None:
    """Wait for ten tasks."""
    await asyncio.gather(*(asyncio.sleep(0.001) for _ in range(10)))


BACKGROUND: set[asyncio.Task[None]] = set()


@clean()
async def task_that_ends_a_moment_later() -> None:
    """Start a task that nobody waits for and that ends soon after."""
    task = asyncio.create_task(asyncio.sleep(0.01))
    BACKGROUND.add(task)
    task.add_done_callback(BACKGROUND.discard)
    await asyncio.sleep(0.001)


@clean()
def thread_that_ends_a_moment_later() -> None:
    """Start a thread that nobody waits for and that ends soon after."""
    threading.Thread(target=time.sleep, args=(0.02,), daemon=True).start()


@clean()
def timer_that_is_cancelled() -> None:
    """Start a timer of an hour and cancel it: its thread ends a moment later."""
    timer = threading.Timer(3600, print)
    timer.start()
    timer.cancel()


WORK: queue.Queue[int] = queue.Queue()
DONE: queue.Queue[int] = queue.Queue()


def _watch() -> None:
    def watcher() -> None:
        while True:
            DONE.put(sum(range(WORK.get())))

    threading.Thread(target=watcher, daemon=True).start()


@clean(setup=_watch)
def watcher_thread() -> None:
    """Give work to one thread that watches a queue."""
    WORK.put(1000)
    DONE.get()


SELECTOR = selectors.DefaultSelector()


@clean()
def self_pipe() -> None:
    """Register a pair of sockets with a selector that lives on, and close both."""
    left, right = socket.socketpair()
    with left, right:
        SELECTOR.register(left, selectors.EVENT_READ)
        right.send(b"x")
        SELECTOR.select(1)
        SELECTOR.unregister(left)


@clean()
def program_of_each_call() -> None:
    """Run a program to its end."""
    subprocess.run(["/bin/echo", "x"], capture_output=True, check=True)


@clean()
async def program_reaped_by_the_loop() -> None:
    """Run a program that the event loop waits for."""
    process = await asyncio.create_subprocess_exec("/bin/echo", "x", stdout=asyncio.subprocess.PIPE)
    await process.communicate()


@clean()
def program_that_ends_a_moment_later() -> None:
    """Start a program that nobody waits for: the next one reaps it."""
    subprocess.Popen(["/bin/sleep", "0.02"])


@clean()
def daemon_that_ends() -> None:
    """Run a shell that leaves a process behind which ends a moment later."""
    subprocess.run(["/bin/sh", "-c", "sleep 0.02 & exit 0"], check=True)


POOLS: list[multiprocessing.pool.Pool] = []


def _start(method: str, tasks_per_child: int | None = None) -> None:
    POOLS.append(multiprocessing.get_context(method).Pool(2, maxtasksperchild=tasks_per_child))


def _fork() -> None:
    _start("fork")


def _fork_replaced() -> None:
    _start("fork", 3)


def _spawn() -> None:
    _start("spawn")


def _forkserver() -> None:
    _start("forkserver")


def work(size: int) -> int:
    """Use memory for a moment."""
    return len(b"x" * size)


@clean(setup=_fork)
def pool_by_fork() -> None:
    """Give work to forked workers."""
    POOLS[0].map(work, [100_000] * 4)


@clean(setup=_spawn)
def pool_by_spawn() -> None:
    """Give work to spawned workers."""
    POOLS[0].map(work, [100_000] * 4)


@clean(setup=_forkserver)
def pool_by_forkserver() -> None:
    """Give work to workers of the fork server."""
    POOLS[0].map(work, [100_000] * 4)


@clean(setup=_fork_replaced)
def pool_with_replaced_workers() -> None:
    """Give work to workers that are replaced after three pieces of it."""
    POOLS[0].map(work, [100_000] * 4)


EXECUTORS: list[concurrent.futures.ProcessPoolExecutor] = []


def _start_executor() -> None:
    EXECUTORS.append(concurrent.futures.ProcessPoolExecutor(20, multiprocessing.get_context("fork")))


@clean(setup=_start_executor)
def process_executor() -> None:
    """Give work to a pool that starts its processes on demand."""
    EXECUTORS[0].submit(work, 100_000).result()


PROGRAM = "import sys; [print(len('x' * int(line)), flush=True) for line in sys.stdin]"
PIPES: list[IO[str]] = []


def _start_program() -> None:
    program = subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if program.stdin is None or program.stdout is None:
        raise RuntimeError
    PIPES.extend((program.stdin, program.stdout))


@clean(setup=_start_program)
def program_that_lives_on() -> None:
    """Ask a program over stdin and stdout; its memory comes and goes."""
    PIPES[0].write("100000\n")
    PIPES[0].flush()
    PIPES[1].readline()
