"""Leaks of resources beside memory: descriptors, sockets, threads, tasks, child processes, and children that grow."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import multiprocessing.pool
import os
import select
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import IO

from benchmarks.corpus.ground import leak

MIB = 1 << 20
KEPT: list[object] = []


@leak(1, channel="file_descriptors")
def descriptor_without_owner() -> None:
    """Open a descriptor that no Python object owns, as a C library does."""
    os.write(os.open(os.devnull, os.O_WRONLY), b"x" * 1000)  # <- leak


@leak(1, channel="file_descriptors")
def file_never_closed() -> None:
    """Keep an open file of each call."""
    KEPT.append(open(os.devnull, encoding="utf-8"))  # noqa: SIM115 # <- leak


@leak(2, channel="file_descriptors")
def pipe_never_closed() -> None:
    """Make a pipe in each call and forget its ends."""
    reading, writing = os.pipe()
    os.write(writing, b"x")
    os.read(reading, 1)


@leak(1, channel="file_descriptors")
def selector_per_call() -> None:
    """Keep an epoll object of each call."""
    KEPT.append(select.epoll())  # <- leak


@leak(3, channel="file_descriptors")
def event_loop_per_call() -> None:
    """Make an event loop in each call, run it, and never close it: an epoll descriptor and a pair of sockets."""
    loop = asyncio.new_event_loop()  # <- leak
    loop.run_until_complete(asyncio.sleep(0))
    KEPT.append(loop)


@leak(2, channel="sockets")
def socket_pair_per_call() -> None:
    """Keep both ends of a pair of sockets."""
    KEPT.extend(socket.socketpair())  # <- leak


@leak(1, channel="sockets")
def datagram_socket_per_call() -> None:
    """Keep a UDP socket of each call."""
    KEPT.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))  # <- leak


SERVERS: list[socket.socket] = []


def _listen() -> None:
    SERVERS.append(socket.create_server(("127.0.0.1", 0), backlog=200))


@leak(1, channel="sockets", setup=_listen)
def client_never_closed() -> None:
    """Connect to a server in each call, and keep the connection: it waits in the queue of the server."""
    KEPT.append(socket.create_connection(SERVERS[0].getsockname()))  # <- leak


@leak(1, channel="threads")
def thread_per_call() -> None:
    """Start a thread that waits for ever."""
    threading.Thread(target=threading.Event().wait, daemon=True).start()  # <- leak


@leak(1, channel="threads")
def timer_per_call() -> None:
    """Start a timer of an hour that nobody cancels."""
    timer = threading.Timer(3600, print)  # <- leak
    timer.daemon = True
    timer.start()


@leak(3, channel="threads")
def executor_per_call() -> None:
    """Keep a pool of three threads of each call."""
    barrier = threading.Barrier(3)
    executor = ThreadPoolExecutor(3)
    list(executor.map(lambda _: barrier.wait(), range(3)))  # <- leak
    KEPT.append(executor)


@leak(1, channel="threads")
def loop_thread_per_call() -> None:
    """Start a thread with an event loop of its own, as clients with a synchronous face do."""
    loop = asyncio.new_event_loop()  # <- leak
    threading.Thread(target=loop.run_forever, daemon=True).start()  # <- leak
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()


async def _forever() -> None:
    await asyncio.Event().wait()


TASKS: set[asyncio.Task[None]] = set()


@leak(1, channel="tasks")
async def task_per_call() -> None:
    """Keep a task that waits for ever."""
    TASKS.add(asyncio.create_task(_forever()))  # <- leak
    await asyncio.sleep(0)


@leak(1, channel="tasks")
async def sleeper_per_call() -> None:
    """Start a task that sleeps for an hour: the timers of the event loop hold it."""
    asyncio.create_task(asyncio.sleep(3600))  # noqa: RUF006 # <- leak
    await asyncio.sleep(0)


@leak(1, channel="tasks")
async def shielded_after_timeout() -> None:
    """Give up waiting for a task, and leave it running."""
    task = asyncio.create_task(_forever())  # <- leak
    TASKS.add(task)
    try:
        await asyncio.wait_for(asyncio.shield(task), 0.001)
    except asyncio.TimeoutError:
        return


@leak(1, channel="child_processes")
def child_per_call() -> None:
    """Start a program that nobody ends; its id is forgotten."""
    os.spawnv(os.P_NOWAIT, "/bin/sleep", ["sleep", "600"])  # noqa: S606 # <- leak


@leak(1, channel="child_processes")
def server_per_call() -> None:
    """Start a server over stdin and stdout in each call, as a client of MCP does, and keep it."""
    KEPT.append(subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE))  # <- leak


@leak(1, channel="child_processes")
def zombie_per_call() -> None:
    """Fork a child that ends at once, and never wait for it."""
    if not os.fork():  # <- leak
        os._exit(0)


@leak(1, channel="child_processes")
def orphan_per_call() -> None:
    """Run a shell that leaves a process behind and ends."""
    subprocess.run(["/bin/sh", "-c", "sleep 600 & exit 0"], check=True)  # <- leak


@leak(1, channel="child_processes")
def process_per_call() -> None:
    """Start a process of multiprocessing that waits for ever."""
    process = multiprocessing.get_context("fork").Process(target=threading.Event().wait, daemon=True)  # <- leak
    process.start()


POOLS: list[multiprocessing.pool.Pool] = []


def keep_in_child(size: int) -> int:
    """Keep memory in the process that calls this."""
    KEPT.append(b"x" * size)
    return size


def _start(method: str) -> None:
    context = multiprocessing.get_context(method)
    POOLS.append(context.Pool(1))


def _fork() -> None:
    _start("fork")


def _spawn() -> None:
    _start("spawn")


def _forkserver() -> None:
    _start("forkserver")


@leak(MIB, channel="child_memory", setup=_fork)
def growing_fork() -> None:
    """Have a forked worker keep a mebibyte."""
    POOLS[0].apply(keep_in_child, (MIB,))


@leak(MIB, channel="child_memory", setup=_spawn)
def growing_spawn() -> None:
    """Have a spawned worker keep a mebibyte."""
    POOLS[0].apply(keep_in_child, (MIB,))


@leak(MIB, channel="child_memory", setup=_forkserver)
def growing_forkserver() -> None:
    """Have a worker of the fork server keep a mebibyte."""
    POOLS[0].apply(keep_in_child, (MIB,))


PROGRAM = "import sys; kept = []; [(kept.append(b'x' * int(line)), print(1, flush=True)) for line in sys.stdin]"
PIPES: list[IO[str]] = []


def _start_program() -> None:
    program = subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if program.stdin is None or program.stdout is None:
        raise RuntimeError
    KEPT.append(program)
    PIPES.extend((program.stdin, program.stdout))


@leak(MIB // 4, channel="child_memory", setup=_start_program, tolerance=0.1)
def growing_program() -> None:
    """Have a program that is reached over stdin and stdout keep a quarter of a mebibyte."""
    PIPES[0].write(json.dumps(MIB // 4) + "\n")
    PIPES[0].flush()
    PIPES[1].readline()
