"""Descriptors, sockets, threads, tasks and child processes that a scenario leaves behind, and those that it reuses."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from otel_memeval.records import Resource, Result
from tests.cli.conftest import Done, Together, Tool

LEAKS = """
    import asyncio, multiprocessing, os, socket, subprocess, sys, threading
    from otel_memeval import PerformanceEval

    def descriptor():
        os.write(os.open("/dev/null", os.O_WRONLY), b"x" * 1000)

    def connection():
        SOCKETS.extend(socket.socketpair())
    SOCKETS = []

    def thread():
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        return sum(range(1000))

    async def forever():
        await asyncio.sleep(3600)
    async def task():
        asyncio.create_task(forever())
        await asyncio.sleep(0)

    def child():
        os.spawnv(os.P_NOWAIT, "/bin/sleep", ["sleep", "60"])

    def orphan():
        subprocess.run(["/bin/sh", "-c", "sleep 60 & exit 0"], check=True)

    def zombie():
        if not os.fork():
            os._exit(0)
        return sum(range(1000))

    KEPT = []
    def keep(size):
        KEPT.append(b"x" * size)
    def start_pool():
        global pool
        pool = multiprocessing.get_context("fork").Pool(1)
    def growing_child():
        return pool.apply(keep, (1 << 20,))

    EVALS = [
        PerformanceEval(func, name=func.__name__, num_iterations=12, warmup_runs=2)
        for func in (descriptor, connection, thread, task, child, orphan, zombie)
    ]
    EVALS.append(PerformanceEval(growing_child, name="growing_child", setup=start_pool, num_iterations=12, warmup_runs=2))
    globals().update((each.name + "_eval", each) for each in EVALS)
"""

ADDED = {
    "descriptor": ("file_descriptors", 1, "file /dev/null"),
    "connection": ("sockets", 2, "Unix socket"),
    "thread": ("threads", 1, "Thread of threading.Event.wait"),
    "task": ("tasks", 1, "scenario.forever"),
    "child": ("child_processes", 1, "sleep"),
    "orphan": ("child_processes", 1, "sleep"),
    "zombie": ("child_processes", 1, "zombie python"),
}
"""By eval: name of the resource, number per iteration, and words of its example."""

REUSED = """
    import asyncio, concurrent.futures, multiprocessing, os, socket, subprocess, sys, threading, time
    from otel_memeval import PerformanceEval

    threads = concurrent.futures.ThreadPoolExecutor(40)
    def busy_pool():
        "One thread more in each iteration, up to forty: none of them is idle when the next piece of work comes."
        threads.submit(time.sleep, 60)
        return sum(range(1000))

    async def executor_and_child():
        "The default executor, a name that is resolved, a child that the loop reaps."
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, sum, [1])
        await loop.getaddrinfo("localhost", 80)
        process = await asyncio.create_subprocess_exec("/bin/true", stdout=asyncio.subprocess.DEVNULL)
        await process.wait()

    def ends_a_moment_later():
        "A thread and a child that nobody waits for, and that have ended soon after."
        threading.Timer(0.02, int).start()
        CHILDREN[:] = [subprocess.Popen(["/bin/sleep", "0.02"])]
        return sum(range(1000))
    CHILDREN = []

    def start_pool():
        global pool
        pool = concurrent.futures.ProcessPoolExecutor(4, multiprocessing.get_context("fork"))
    def process_pool():
        return sum(pool.map(abs, range(20)))

    def start_server():
        global client
        server = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(server.getsockname())
        served = server.accept()[0]
        def serve():
            while data := served.recv(100):
                served.sendall(data)
        threading.Thread(target=serve, daemon=True).start()
    def keep_alive():
        client.sendall(b"hello")
        return client.recv(100)

    counts = dict(num_iterations=20, warmup_runs=3)
    a = PerformanceEval(busy_pool, name="busy_pool", **counts)
    b = PerformanceEval(executor_and_child, name="executor_and_child", **counts)
    c = PerformanceEval(ends_a_moment_later, name="ends_a_moment_later", **counts)
    d = PerformanceEval(process_pool, name="process_pool", setup=start_pool, **counts)
    e = PerformanceEval(keep_alive, name="keep_alive", setup=start_server, **counts)
"""


def run(source: str) -> Callable[[Tool], Done]:
    """Return a run of all evals of a scenario."""

    def measure(tool: Tool) -> Done:
        tool.write("scenario.py", source)
        return tool.run("scenario.py", "--fail-on", "never", timeout=150)

    return measure


@pytest.fixture(scope="module")
def results(together: Together) -> Callable[[str, str], Result]:
    """Return a function that returns the result of an eval of one of the two scenarios."""
    cases = {"leaks": run(LEAKS), "reused": run(REUSED)}

    def result(case: str, name: str) -> Result:
        runs = together("resources", case, cases).runs
        return next(result for result in runs if result.eval.name == name)

    return result


def resource_of(result: Result, name: str) -> Resource:
    """Return one resource of a result."""
    assert result.resources is not None
    found: Resource = getattr(result.resources, name)
    return found


@pytest.mark.parametrize("name", list(ADDED))
def test_resource_left_behind_is_leaking(results: Callable[[str, str], Result], name: str) -> None:
    """The verdict, the sentence and the result name the resource, how many per iteration, and an example."""
    result = results("leaks", name)
    resource, per_iteration, words = ADDED[name]
    found = resource_of(result, resource)
    assert result.verdict.state == "leaking", result.verdict
    assert resource in result.verdict.channels
    assert (found.growing, found.after - found.before) == (True, 12 * per_iteration)
    assert found.per_iteration == pytest.approx(per_iteration)
    assert any(words in example for example in found.examples), found
    assert f"leaves {per_iteration} more " in result.verdict.summary
    assert words in result.verdict.summary


def test_child_that_grows_is_named_with_its_growth(results: Callable[[str, str], Result]) -> None:
    """A worker of a pool that keeps a mebibyte in each call is a leak in a channel of its own."""
    result = results("leaks", "growing_child")
    assert result.resources is not None
    memory = result.resources.child_memory_bytes
    assert memory is not None
    assert (result.verdict.state, result.verdict.channels) == ("leaking", ["child_memory"])
    assert memory.per_iteration == pytest.approx(1 << 20, rel=0.02)
    assert memory.unique_bytes is not None
    assert memory.unique_bytes_before is not None
    assert memory.unique_bytes - memory.unique_bytes_before >= 12 << 20
    assert "keeps 1.00 MiB more every iteration in a child process: multiprocessing ForkPoolWorker" in result.verdict.summary


@pytest.mark.parametrize("name", ["busy_pool", "executor_and_child", "ends_a_moment_later", "process_pool", "keep_alive"])
def test_resource_that_is_reused_is_no_leak(results: Callable[[str, str], Result], name: str) -> None:
    """Pools, keep-alive connections, resolvers, and what ends by itself are no growth of resources."""
    result = results("reused", name)
    assert result.resources is not None
    for resource in ("file_descriptors", "sockets", "threads", "tasks", "child_processes"):
        assert not resource_of(result, resource).growing, (resource, result.verdict)
    memory = result.resources.child_memory_bytes
    assert memory is None or not memory.growing
    assert result.verdict.state in ("stable", "settling") or name == "busy_pool"
