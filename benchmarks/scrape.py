"""Measure the time of a scrape: 300 evals of 48 series each, ten scrapers at once.

    python -m benchmarks.scrape [--seconds 10]

The server of the exporter service runs in a process of its own, each scraper in another, which requests again 50 ms after an
answer: a hundred times as often as any Prometheus. In the first part nothing changes; in the second a run ends every second,
so that everything is rendered again. Times are those of a complete request: connect, send, read.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import multiprocessing
import multiprocessing.connection
import sys
import time
from multiprocessing.queues import Queue

from otel_memeval.exporters.prometheus.families import Snapshot
from otel_memeval.exporters.prometheus.state import MOST_SERIES, Durations, EvalState, TraceExemplar
from otel_memeval.exporters.samples import Sample
from otel_memeval.service.http.access import Access
from otel_memeval.service.http.request import Request, Response
from otel_memeval.service.http.server import Address, Server
from otel_memeval.service.metrics_cache import MetricsCache, accepts_gzip
from otel_memeval.verdicts import STATES

EVALS = 300
SITES = 10
SCRAPERS = 10
ALLOWED_SECONDS = 0.05
ACCEPT = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
"""The header that Prometheus sends."""


def state(number: int) -> EvalState:
    """Return an eval with the largest number of series."""
    name = f"Team of agents number {number}"

    def sample(metric: str, value: float, **labels: str) -> Sample:
        return Sample(metric, (("eval", name), *labels.items()), value)

    gauges = [sample("memeval_verdict", int(name_of_state == "stable"), state=name_of_state) for name_of_state in STATES]
    gauges += [
        sample(
            "memeval_site_growth_bytes_per_iteration",
            1000.5 * site,
            file=f"scenarios/team/part_{site}.py",
            line=str(site),
            function="run",
        )
        for site in range(SITES)
    ]
    gauges += [
        sample("memeval_growth_bytes_per_iteration", 64.25, kind=kind) for kind in ("retained", "peak", "native", "process")
    ]
    names = ("retained_bytes", "peak_bytes", "rss_bytes", "last_run_success", "last_run_timestamp_seconds")
    gauges += [sample(f"memeval_{metric}", 1.7e9 + number) for metric in names]
    counted = 2 + 2 + len(Durations().counts) + 2
    more = MOST_SERIES - len(gauges) - counted
    gauges += [
        sample("memeval_holder_growth_items_per_iteration", 1.0, path=f"module.KEPT_{index}", type="dict")
        for index in range(more)
    ]
    empty = Durations()
    exemplar = TraceExemplar("0af7651916cd43dd8448eb211c80319c", 0.5, 1.7e9)
    return EvalState(
        eval=name,
        gauges=gauges,
        iterations={"ok": number, "error": 0},
        runs={"stable": 5, "failed": 1},
        durations=Durations((5, 1, *empty.counts[2:]), 12.5, (exemplar, exemplar, *empty.exemplars[2:])),
    )


def serve(pipe: multiprocessing.connection.Connection) -> None:
    """Serve metrics; each message in the pipe is the end of a run."""
    states = [state(number) for number in range(EVALS)]
    cache = MetricsCache(lambda: Snapshot(evals=states, spool_bytes=0, export_failures={"otlp": 0}))

    def metrics(request: Request) -> Response:
        compressed = accepts_gzip(request.accept_encoding)
        text = cache.text(request.accept, compressed=compressed)
        return Response(text.content_type, text.data, {"Content-Encoding": "gzip"} if compressed else {})

    server = Server(Address("127.0.0.1", 0), Access(None, print), print)
    server.start({"/metrics": metrics})
    pipe.send(int(server.server_address[1]))
    while pipe.recv():
        number = int(time.monotonic() * 1000) % EVALS
        states[number] = state(number)
        begun = time.perf_counter()
        cache.refresh()
        pipe.send(time.perf_counter() - begun)


def scrape(port: int, seconds: float, compressed: bool, measured: Queue[list[float]]) -> None:
    """Request again and again; check that each answer is complete."""
    headers = {"Accept": ACCEPT, **({"Accept-Encoding": "gzip"} if compressed else {})}
    end, times = time.monotonic() + seconds, []
    while time.monotonic() < end:
        begun = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/metrics", headers=headers)
        data = connection.getresponse().read()
        times.append(time.perf_counter() - begun)
        connection.close()
        text = gzip.decompress(data) if compressed else data
        assert text.endswith(b"# EOF\n")
        time.sleep(0.05)
    measured.put(times)


def measure(port: int, pipe: multiprocessing.connection.Connection, seconds: float, *, changing: bool) -> bool:
    """Scrape for some seconds, print the times, and return whether 95% were quick enough."""
    measured: Queue[list[float]] = multiprocessing.Queue()
    scrapers = [
        multiprocessing.Process(target=scrape, args=(port, seconds, number % 2 == 0, measured)) for number in range(SCRAPERS)
    ]
    for scraper in scrapers:
        scraper.start()
    end, rendered = time.monotonic() + seconds, []
    while changing and time.monotonic() < end:
        time.sleep(1)
        pipe.send(1)
        rendered.append(pipe.recv())
    times = sorted(value for _ in scrapers for value in measured.get())
    for scraper in scrapers:
        scraper.join()
    middle, late = times[len(times) // 2], times[int(len(times) * 0.95)]
    title = f"a run ends every second (rendered in {max(rendered) * 1000:.0f} ms at most)" if changing else "nothing changes"
    shown = ", ".join(f"{name} {value * 1000:.1f} ms" for name, value in (("median", middle), ("95% within", late)))
    print(f"{title}: {len(times)} scrapes, {shown}, slowest {times[-1] * 1000:.1f} ms")
    return late < ALLOWED_SECONDS


def main() -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description="Measure the time of a scrape.")
    parser.add_argument("--seconds", type=float, default=10.0)
    seconds = parser.parse_args().seconds
    pipe, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    port = pipe.recv()
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/metrics", headers={"Accept": ACCEPT})
    text = connection.getresponse().read()
    series = sum(1 for line in text.splitlines() if line and not line.startswith(b"#"))
    print(f"{EVALS} evals, {series} series, {len(text) / 1e6:.2f} MB; {SCRAPERS} scrapers at once, half of them with gzip")
    quick = [measure(port, pipe, seconds, changing=changing) for changing in (False, True)]
    pipe.send(0)
    server.join()
    return 0 if all(quick) else 1


if __name__ == "__main__":
    sys.exit(main())
