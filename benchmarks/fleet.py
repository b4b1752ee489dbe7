"""Measure a fleet: ``python -m benchmarks.fleet [--evals 200] [--fake 10000]``; the first part needs the extra ``fleet``.

A cluster of four nodes on this machine measures evals, and one node is killed in the middle: each eval has to be there once,
with the verdict and, within 2%, the growth of the same eval measured here, one after the other. Then the driver alone takes
evals that measure nothing: its processor time for each, and its memory. Exits with 1 if an eval is missing, there twice or
judged otherwise, if the driver takes 20 ms for an eval, or if its memory grows with their number.
"""

from __future__ import annotations

import argparse
import gc
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import psutil

from benchmarks.history import template
from otel_memeval.fleet.cluster import Call
from otel_memeval.fleet.demands import Demands
from otel_memeval.fleet.driver import Driver
from otel_memeval.fleet.events import AnyEvent, IterationEnded
from otel_memeval.fleet.messages import EvalMeasured, FleetRequest, Found, FoundEval, Node, encode
from otel_memeval.records import Result, from_json
from otel_memeval.run.plan import Options

NODES = 4
ALLOWED_DIFFERENCE = 0.02
ALLOWED_SECONDS = 0.02
ALLOWED_GROWTH_BYTES = 200
"""Memory of the driver for each eval, from the tenth part of the evals on."""

SCENARIO = """\
from otel_memeval import PerformanceEval
KEPT = []
def keep(size):
    return lambda: KEPT.append(bytearray(size))
"""


def evals_file(number: int) -> str:
    """Return a module with so many evals; every third one leaks, each another amount."""
    lines = [SCENARIO]
    for index in range(number):
        func = f"keep({1000 + 100 * index})" if index % 3 == 0 else "lambda: bytearray(100_000)"
        lines.append(f'e{index} = PerformanceEval(func={func}, name="e{index}", num_iterations=8, warmup_runs=1)')
    return "\n".join(lines) + "\n"


def command(folder: Path, out: str, *options: str) -> subprocess.Popen[bytes]:
    """Start a measurement of the file in the folder."""
    arguments = [sys.executable, "-m", "otel_memeval", "evals.py", "-q", "--json", out, *options]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    return subprocess.Popen(arguments, cwd=folder, env=environment, stdout=subprocess.DEVNULL)


def by_name(path: Path) -> list[Result]:
    """Return the results of a file."""
    return from_json(path.read_bytes())


def measure_with_loss(folder: Path, evals: int) -> tuple[list[Result], float, bool]:
    """Measure on four nodes, and kill one meanwhile; return results, seconds, and whether a node was killed."""
    from ray.cluster_utils import Cluster as Nodes  # type: ignore[import-not-found]  # with the extra only

    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 1})
    workers = [nodes.add_node(num_cpus=1) for _ in range(NODES - 1)]
    nodes.wait_for_nodes()
    begin = time.monotonic()
    process = command(folder, "fleet.json", "--ray", nodes.address)
    killed = threading.Event()

    def kill() -> None:
        while process.poll() is None and time.monotonic() - begin < 25 + evals / 8:
            time.sleep(0.2)
        if process.poll() is None:
            nodes.remove_node(workers[0], allow_graceful=False)
            killed.set()

    thread = threading.Thread(target=kill)
    thread.start()
    process.wait()
    thread.join()
    seconds = time.monotonic() - begin
    nodes.shutdown()
    return by_name(folder / "fleet.json"), seconds, killed.is_set()


def differences(here: Sequence[Result], there: Sequence[Result]) -> list[str]:
    """Return one line for each eval that is missing, there twice, or judged otherwise."""
    counts = Counter(result.eval.name for result in there)
    known = {result.eval.name: result for result in there}
    found = [f"{name}: {counts[name]} times" for name in (result.eval.name for result in here) if counts[name] != 1]
    for result in here:
        other = known.get(result.eval.name)
        if other is None:
            continue
        if other.verdict.state != result.verdict.state:
            found.append(f"{result.eval.name}: {result.verdict.state} here, {other.verdict.state} on the cluster")
        mine, theirs = result.growth.retained, other.growth.retained
        if mine is not None and theirs is not None and mine.bytes_per_iteration > 64:
            difference = abs(theirs.bytes_per_iteration / mine.bytes_per_iteration - 1)
            if difference > ALLOWED_DIFFERENCE:
                found.append(f"{result.eval.name}: {difference:.1%} other growth")
    return found


class FakeTasks:
    """A cluster whose tasks end as soon as they are waited for."""

    def __init__(self, number: int) -> None:
        result = msgspec.structs.replace(template(), iterations=template().iterations[:20])
        events: list[AnyEvent] = [IterationEnded(iteration, [], 20) for iteration in result.iterations]
        self._answer = encode(EvalMeasured(node=Node(host="node", process_id=1), events=events, result=result))
        found = [FoundEval(target=f"m:e{index}", eval=result.eval) for index in range(number)]
        self._found = encode(Found(evals=found))
        self._calls: dict[object, Call] = {}
        self._next = 0

    def submit(self, call: Call, data: bytes, demands: Demands) -> object:  # noqa: ARG002 - as Cluster.submit
        """Keep the task."""
        self._next += 1
        self._calls[self._next] = call
        return self._next

    def ended(self, keys: Sequence[object], seconds: float) -> Sequence[object]:  # noqa: ARG002 - as Cluster.ended
        """Return some tasks."""
        return list(keys)[:100]

    def answer(self, key: object) -> bytes:
        """Return an answer that was made before."""
        return self._answer if self._calls.pop(key) == "measure" else self._found

    def missing(self, demands: Demands) -> list[str]:  # noqa: ARG002 - as Cluster.missing
        """Return nothing."""
        return []

    def cancel(self, keys: Sequence[object]) -> None:
        """Do nothing."""


def drive(number: int) -> tuple[float, float]:
    """Return the driver's processor seconds for each eval, and its growth in bytes for each after the first tenth."""
    request = FleetRequest(
        target="", options=Options(), ignore=[], folder=None, environment={}, git=None, parent=None,
        content_capture="none", sampled=None,
    )  # fmt: skip
    memory: list[int] = []
    done = 0

    def take(_: EvalMeasured) -> None:
        nonlocal done
        done += 1
        if done in (number // 10, number):
            gc.collect()
            memory.append(psutil.Process().memory_info().rss)

    driver = Driver(FakeTasks(number), request, {}, take, lambda _: None)
    begin = time.process_time()
    driver.run(["m"], lambda: False)
    seconds = (time.process_time() - begin) / number
    return seconds, (memory[1] - memory[0]) / (number - number // 10)


def main() -> None:
    """Measure and print; exit with 1 as described above."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--evals", metavar="N", type=int, default=200, help="0: no cluster")
    parser.add_argument("--fake", metavar="N", type=int, default=10_000)
    arguments = parser.parse_args()
    problems: list[str] = []
    if arguments.evals:
        problems += _with_cluster(arguments.evals)
    seconds, growth_bytes = drive(arguments.fake)
    print(
        f"driver: {seconds * 1000:.2f} ms of processor time an eval, {growth_bytes:.0f} B an eval kept, of {arguments.fake}"
    )
    if seconds >= ALLOWED_SECONDS or growth_bytes > ALLOWED_GROWTH_BYTES:
        problems.append("the driver takes too much")
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


def _with_cluster(evals: int) -> list[str]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "evals.py").write_text(evals_file(evals), encoding="utf-8")
        there, seconds, is_killed = measure_with_loss(folder, evals)
        begin = time.monotonic()
        command(folder, "here.json").wait()
        alone = time.monotonic() - begin
        here = by_name(folder / "here.json")
        problems = differences(here, there)
    leaking = sum(result.verdict.state == "leaking" for result in there)
    lost = "one of four nodes killed" if is_killed else "no node killed: it was over before"
    print(f"cluster: {len(there)} evals in {seconds:.0f} s, {lost}, {leaking} leaking; here {len(here)} in {alone:.0f} s")
    print(f"differences: {len(problems)}")
    return problems + ([] if is_killed else ["no node was killed"])


if __name__ == "__main__":
    main()
