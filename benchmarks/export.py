"""Measure the cost of exporting, and count lost spans.

    python -m benchmarks.export [--iterations 10000] [--protocol grpc] [--worker]

A run is exported to a real receiver, which is killed in the middle and started again. After ``otel-memeval replay`` the log
of the receiver says how often it received each span. Memory and processor time of the exporting process are compared with
those of the same run without export. The iterations are made up, so that the cost of reading the memory of a worker does not
hide the cost of exporting; with ``--worker`` a real worker measures a scenario that does nothing (slow).
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

from benchmarks.fake_worker import FakeWorker
from benchmarks.receiver import Receiver
from otel_memeval.run.observer import Observer
from otel_memeval.tracing.ids import iteration_span_id, run_span_id

SITES = 3
SCENARIO = "async def run():\n    pass\n"


class Memory(Observer):
    """Reads the memory of this process after 100 iterations and at the end: imports and connections are not growth."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._iterations = 0
        self.at_100 = 0

    def on_iteration(self, *_: object) -> None:
        """Count the iteration; read the memory after the hundredth."""
        self._iterations += 1
        if self._iterations == 1:
            time.sleep(1)  # the sender imports during the first iteration
        if self._iterations == 100:
            self.at_100 = self.now()

    def now(self) -> int:
        """Return the resident bytes."""
        return int(self._process.memory_info().rss)


def child(iterations: int, scenario: str) -> None:
    """Measure a run in this process as the command line does, and print its memory and time."""
    from otel_memeval.config import from_process
    from otel_memeval.exporters.pipeline import ExportOptions, ExportPipeline
    from otel_memeval.run.context import RunContext, RunStart
    from otel_memeval.run.plan import Options
    from otel_memeval.run.session import Session
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
        session = Session.load(RunContext(RunStart.now(), options, observer, settings), FakeWorker(SITES), "made_up", "")
        session.measure()
    result = session.result()
    closing = time.monotonic()
    pipeline.close()
    figures = {
        "run": result.run.id,
        "cpu_seconds": time.process_time() - cpu_seconds,
        "closing_seconds": time.monotonic() - closing,
        "growth_bytes": memory.now() - memory.at_100,
        "all_bytes": memory.now() - begun_bytes,
        "lines": pipeline.lines,
    }
    print(json.dumps(figures))


def environment(folder: Path, receiver: Receiver | None, protocol: str) -> dict[str, str]:
    """Return the environment of a child that exports to the receiver, or nowhere."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    variables["MEMEVAL_SPOOL"] = str(folder / "spool")
    if receiver is not None:
        variables["OTEL_EXPORTER_OTLP_PROTOCOL"] = protocol
        variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = receiver.grpc if protocol == "grpc" else receiver.http
    return variables


def start(iterations: int, scenario: str, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a child."""
    command = [sys.executable, "-m", "benchmarks.export", "--child", "--iterations", str(iterations), "--scenario", scenario]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE)


def finished(process: subprocess.Popen[bytes]) -> dict[str, float]:
    """Wait for a child and return its figures."""
    out, _ = process.communicate()
    assert process.returncode == 0, process.returncode
    figures: dict[str, float] = json.loads(out)
    return figures


def main() -> None:
    """Run the command."""
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
    """Run with and without export, and print the figures of both and the spans that arrived."""
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
        exported = finished(run)
        waiting = len(list((folder / "spool").glob("*/*.jsonl")))
        replay = subprocess.run([sys.executable, "-m", "otel_memeval", "replay"], env=env, capture_output=True, text=True)
        time.sleep(1)
        received = receiver.spans()
    finally:
        receiver.stop()
    run_id = str(exported["run"])
    expected = {run_span_id(run_id), *(iteration_span_id(run_id, "measured", index) for index in range(1, iterations + 1))}
    source = " of a worker" if worker else ""
    print(
        f"{iterations} iterations{source}, {protocol}; the receiver was killed after {killed_at} spans, and away for 2 s:\n"
    )
    twice = sum(received[span] > 1 for span in expected)
    print(f"- spans received exactly once: {sum(received[span] == 1 for span in expected)} of {len(expected)}")
    print(f"- missing: {sum(not received[span] for span in expected)}; twice: {twice}")
    unknown = len(set(received) - expected)
    print(f"- unknown: {unknown}; batches left to replay: {waiting}; status of replay: {replay.returncode}")
    added = (exported["cpu_seconds"] - without["cpu_seconds"]) / iterations
    print(f"- processor time added by export: {added * 1000:.3f} ms per iteration, all threads")
    for title, name in (("from iteration 100 to the end", "growth_bytes"), ("in all", "all_bytes")):
        print(f"- memory {title}: +{exported[name] / 2**20:.1f} MiB, without export +{without[name] / 2**20:.1f} MiB")
    print(f"- the run waited at its end for {exported['closing_seconds']:.2f} s")


if __name__ == "__main__":
    main()
