"""Run the exporter service for thousands of runs, half of them failing, and measure the memory and files that stay.

    python -m benchmarks.service [--runs 3000]

A service with OTLP, a real receiver, a state file and a scraper measures ten targets again and again: five that pass, and
one each that raises, ends its process, is killed by a signal, hangs, and cannot be loaded. Another process reads its unique
memory (USS), open files, threads and children, and parses every scrape. After the first 100 runs these must not grow: USS
within 5 MiB, no more open files, no zombie. Exits with 1 if they do.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as classic

from benchmarks.receiver import Receiver

ALLOWED_BYTES = 5 << 20
SETTLING_RUNS = 100
SAMPLES = 12
READINGS = 12
"""Readings of a sample; together they take about as long as all targets once."""

FINE = """
def run():
    return sorted(range(2000))
"""
FAILING = {
    "raises": "def run():\n    raise ValueError('as always')\n",
    "exits": "import os\ndef run():\n    os._exit(3)\n",
    "crashes": "import os, signal\ndef run():\n    os.kill(os.getpid(), signal.SIGSEGV)\n",
    "hangs": "import time\ndef run():\n    time.sleep(60)\n",
    "unloadable": "import no_such_module\n",
}


class Sample:
    """Memory, files, threads and zombies of the service at one moment."""

    def __init__(self, process: psutil.Process, runs: int) -> None:
        self.runs = runs
        self.uss_bytes = int(process.memory_full_info().uss)
        self.files = process.num_fds()
        self.threads = process.num_threads()
        self.zombies = 0
        for child in process.children():
            try:
                self.zombies += child.status() == psutil.STATUS_ZOMBIE
            except psutil.NoSuchProcess:
                continue

    def line(self) -> str:
        """Return a row of the printed table."""
        uss = f"{self.uss_bytes / 2**20:.2f} MiB"
        return f"{self.runs:>6}  {uss:>10}  {self.files:>5}  {self.threads:>7}  {self.zombies:>7}"


class Scraper:
    """Requests both formats in turn and parses every answer."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.scrapes = 0
        self.seconds: list[float] = []

    def runs(self) -> dict[str, float]:
        """Scrape and return the runs so far by state. Raises ``ValueError`` if the answer is not well-formed."""
        newer = self.scrapes % 2 == 0
        accept = "application/openmetrics-text; version=1.0.0" if newer else "text/plain; version=0.0.4"
        request = urllib.request.Request(f"{self._url}/metrics", headers={"Accept": accept})  # noqa: S310 - its own
        start = time.perf_counter()
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            text = answer.read().decode()
        self.seconds.append(time.perf_counter() - start)
        self.scrapes += 1
        states: dict[str, float] = {}
        for family in openmetrics(text) if newer else classic(text):  # type: ignore[no-untyped-call]
            for sample in family.samples:
                if sample.name == "memeval_runs_total":
                    states[sample.labels["state"]] = states.get(sample.labels["state"], 0) + sample.value
        return states


def write_targets(folder: Path) -> list[str]:
    """Write five targets that pass and five that fail; return their names."""
    for number in range(5):
        (folder / f"fine_{number}.py").write_text(FINE, encoding="utf-8")
    for name, source in FAILING.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
    pairs = zip((f"fine_{number}.py" for number in range(5)), (f"{failing}.py" for failing in FAILING))
    return [name for pair in pairs for name in pair]


def start(folder: Path, endpoint: str, targets: list[str]) -> tuple[subprocess.Popen[bytes], str, Path]:
    """Start the service; return it with its address and log."""
    log = folder / "log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "MEMEVAL_"))}
    environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "MEMEVAL_SPOOL": str(folder / "spool")}
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parent.parent)
    options = ["--every", "1s", "--serve", "0", "--state", str(folder / "state.json"), "--iterations", "2", "--warmup", "0"]
    options += ["--timeout", "1.5", "--fail-on", "failed"]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "otel_memeval", *targets, *options],
            cwd=folder,
            env=environment,
            stdout=stream,
            stderr=stream,
        )
    deadline = time.monotonic() + 30
    while not (found := re.search(rb"serving (\S+)/metrics", log.read_bytes())):
        assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
        time.sleep(0.05)
    return process, found[1].decode(), log


def settled(process: psutil.Process, runs: int) -> Sample:
    """Return the least of some seconds: a run in progress has memory, files and threads of its own."""
    found = []
    for _ in range(READINGS):
        found.append(Sample(process, runs))
        time.sleep(0.4)
    least = min(found, key=lambda sample: sample.uss_bytes)
    least.files, least.threads = min(sample.files for sample in found), min(sample.threads for sample in found)
    least.zombies = min(sample.zombies for sample in found)  # a child that just ended is collected a moment later
    return least


def watch(process: psutil.Process, scraper: Scraper, runs: int) -> tuple[list[Sample], dict[str, float]]:
    """Return samples from run 100 on until ``runs``, and the runs by state."""
    samples: list[Sample] = []
    due = float(SETTLING_RUNS)
    while True:
        states = scraper.runs()
        done = int(sum(states.values()))
        if done >= due or done >= runs:
            samples.append(settled(process, done))
            print(samples[-1].line(), flush=True)
            due += (runs - SETTLING_RUNS) / SAMPLES
        if done >= runs:
            return samples, states
        time.sleep(0.5)


def main() -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description="Measure the exporter service over thousands of runs.")
    parser.add_argument("--runs", type=int, default=3000)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        receiver = Receiver(folder / "receiver.log")
        receiver.start()
        begun = time.monotonic()
        process, url, log = start(folder, receiver.http, write_targets(folder))
        try:
            scraper = Scraper(url)
            print(f"{'runs':>6}  {'USS':>10}  {'files':>5}  {'threads':>7}  {'zombies':>7}")
            samples, states = watch(psutil.Process(process.pid), scraper, runs)
            process.send_signal(signal.SIGTERM)
            ending = time.monotonic()
            status = process.wait(30)
            ended_seconds = time.monotonic() - ending
        finally:
            process.kill()
            process.wait()
            receiver.stop()
        tracebacks = log.read_text(encoding="utf-8", errors="replace").count("Traceback")
        undelivered = len(list((folder / "spool").glob("*/*.jsonl")))
    return report(samples, states, scraper, status, ended_seconds, time.monotonic() - begun, tracebacks, undelivered)


def report(
    samples: list[Sample],
    states: dict[str, float],
    scraper: Scraper,
    status: int,
    ended_seconds: float,
    seconds: float,
    tracebacks: int,
    undelivered: int,
) -> int:
    """Print the figures; return 0 if nothing grew, else 1."""
    grown = samples[-1].uss_bytes - samples[0].uss_bytes
    done = sum(states.values())
    files = samples[-1].files - samples[0].files
    zombies = max(sample.zombies for sample in samples)
    slowest = statistics.quantiles(scraper.seconds, n=20)[-1]
    print(f"\n{done:.0f} runs in {seconds:.0f} s: " + ", ".join(f"{value:.0f} {state}" for state, value in states.items()))
    print(f"- unique memory from run {samples[0].runs} to run {samples[-1].runs}: {grown / 2**20:+.2f} MiB")
    print(f"- more open files: {files}; most zombies: {zombies}; tracebacks: {tracebacks}")
    print(f"- scrapes: {scraper.scrapes}, all well-formed; 95% within {slowest * 1000:.1f} ms")
    print(f"- batches left in the spool: {undelivered}; ended {ended_seconds:.2f} s after SIGTERM with status {status}")
    failing = states.get("failed", 0) / done
    good = grown < ALLOWED_BYTES and files <= 0 and not zombies and not tracebacks and not status and 0.4 < failing < 0.6
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
