"""What exporting costs, and that nothing is lost.

    python -m benchmarks.export [--iterations 10000] [--protocol grpc] [--worker]

A run is exported to a real receiver, which is killed in the middle and started again. After ``otel-memeval replay`` the
receiver's own log says how often it was given each span. Beside it: memory and processor time of the exporting process,
against the same run without export. The iterations are made up, so that the price of reading a worker's memory does not
hide the price of exporting; with ``--worker`` a real worker measures a scenario that does nothing (slow).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.made_up import MadeUpWorker
from benchmarks.receiver import Receiver
from otel_memeval.run.observer import Observer
from otel_memeval.tracing.ids import iteration_span_id, run_span_id

SITES = 3
SCENARIO = "async def run():\n    pass\n"


class Memory(Observer):
    """Reads this process' memory after 100 iterations and at the end: imports and connections are not growth."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._heard = 0
        self.at_100 = 0

    def on_iteration(self, *_: object) -> None:
        """Counts."""
        self._heard += 1
        if self._heard == 1:
            time.sleep(1)  # a real iteration takes its time, and meanwhile the sender imports
        if self._heard == 100:
            self.at_100 = self.now()

    def now(self) -> int:
        """Resident bytes."""
        return int(self._process.memory_info().rss)


def child(iterations: int, scenario: str) -> None:
    """One run in this process, as the command line makes it; prints what it took."""
    from otel_memeval.config import from_process
    from otel_memeval.exporters.pipeline import ExportOptions, ExportPipeline
    from otel_memeval.run.plan import Options
    from otel_memeval.run.session import RunContext, RunStart, Session
    from otel_memeval.run.worker_run import run_eval

    settings = from_process()
    pipeline = ExportPipeline(settings, ExportOptions(), sys.stderr)
    memory = Memory()
    begun_bytes = memory.now()
    options = Options(iterations=iterations, warmup=0, follow_up=False)
    observer = pipeline.observer(memory)
    cpu_seconds = time.process_time()
    if scenario:
        session = run_eval(scenario, "", options, observer, settings)
    else:
        session = Session.load(RunContext(RunStart.now(), options, observer, settings), MadeUpWorker(SITES), "made_up", "")
        session.measure()
    result = session.result()
    closing = time.monotonic()
    pipeline.close()
    told = {
        "run": result.run.id,
        "cpu_seconds": time.process_time() - cpu_seconds,
        "closing_seconds": time.monotonic() - closing,
        "growth_bytes": memory.now() - memory.at_100,
        "all_bytes": memory.now() - begun_bytes,
        "lines": pipeline.lines,
    }
    print(json.dumps(told))


def environment(folder: Path, receiver: Receiver | None, protocol: str) -> dict[str, str]:
    """The environment of a child: exporting to the receiver, or nowhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    kept["MEMEVAL_SPOOL"] = str(folder / "spool")
    if receiver is not None:
        kept["OTEL_EXPORTER_OTLP_PROTOCOL"] = protocol
        kept["OTEL_EXPORTER_OTLP_ENDPOINT"] = receiver.grpc if protocol == "grpc" else receiver.http
    return kept


def start(iterations: int, scenario: str, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """A child under way."""
    command = [sys.executable, "-m", "benchmarks.export", "--child", "--iterations", str(iterations), "--scenario", scenario]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE)


def finished(process: subprocess.Popen[bytes]) -> dict[str, float]:
    """What a child told."""
    out, _ = process.communicate()
    assert process.returncode == 0, process.returncode
    told: dict[str, float] = json.loads(out)
    return told


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Cost and losses of exporting.")
    parser.add_argument("--iterations", type=int, default=10_000)
    parser.add_argument("--protocol", choices=("http/protobuf", "grpc"), default="http/protobuf")
    parser.add_argument("--worker", action="store_true")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--scenario", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.iterations, arguments.scenario)
        return
    with tempfile.TemporaryDirectory() as name:
        report(Path(name), arguments.iterations, arguments.protocol, worker=arguments.worker)


def report(folder: Path, iterations: int, protocol: str, *, worker: bool) -> None:
    """Run with and without export, and print what both took and what arrived."""
    scenario = ""
    if worker:
        path = folder / "scenario.py"
        path.write_text(SCENARIO)
        scenario = str(path)
    without = finished(start(iterations, scenario, environment(folder, None, protocol)))
    receiver = Receiver(folder / "receiver.log")
    receiver.start()
    try:
        env = environment(folder, receiver, protocol)
        run = start(iterations, scenario, env)
        while run.poll() is None and sum(receiver.spans().values()) < iterations // 3:
            time.sleep(0.05)
        receiver.kill()
        killed_at = sum(receiver.spans().values())
        time.sleep(2)
        receiver.start()
        told = finished(run)
        waiting = len(list((folder / "spool").glob("*/*.jsonl")))
        replay = subprocess.run([sys.executable, "-m", "otel_memeval", "replay"], env=env, capture_output=True, text=True)
        time.sleep(1)
        given = receiver.spans()
    finally:
        receiver.stop()
    run_id = str(told["run"])
    expected = {run_span_id(run_id), *(iteration_span_id(run_id, "measured", one) for one in range(1, iterations + 1))}
    whose = " of a worker" if worker else ""
    print(
        f"{iterations} iterations{whose}, {protocol}; the receiver was killed after {killed_at} spans, and away for 2 s:\n"
    )
    print(f"- spans given exactly once: {sum(given[one] == 1 for one in expected)} of {len(expected)}")
    print(f"- missing: {sum(not given[one] for one in expected)}; twice: {sum(given[one] > 1 for one in expected)}")
    print(
        f"- unknown: {len(set(given) - expected)}; batches left to replay: {waiting}; replay's status: {replay.returncode}"
    )
    added = (told["cpu_seconds"] - without["cpu_seconds"]) / iterations
    print(f"- processor time added by export: {added * 1000:.3f} ms an iteration, all threads")
    growth, base = told["growth_bytes"] / 2**20, without["growth_bytes"] / 2**20
    print(f"- memory from iteration 100 to the end: +{growth:.1f} MiB, without export +{base:.1f} MiB")
    print(f"- memory in all: +{told['all_bytes'] / 2**20:.1f} MiB, without export +{without['all_bytes'] / 2**20:.1f} MiB")
    print(f"- at its end the run waited {told['closing_seconds']:.2f} s")


if __name__ == "__main__":
    main()
