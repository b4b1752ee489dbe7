"""Run the service for one cycle, and take its pages and its log."""

from __future__ import annotations

import http.client
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.faults.fault import Trial, expect, finish

_CYCLE_SECONDS = 60.0
"""Longest time of the first cycle."""

PAGES = ("/", "/metrics", "/healthz")


def serve_once(trial: Trial, results: str, *arguments: str, environment: Mapping[str, str] = {}) -> dict[str, str]:
    """Return the pages and the log of a service after its first cycle, which writes the file ``results``."""
    path = Path(trial.folder, results)
    arguments = (*arguments, "--every", "1h", "--serve", "0", "--json", results)
    with trial.started(*arguments, environment=environment) as process:
        assert process.stderr is not None
        log = ""
        while "serving" not in log:
            line = process.stderr.readline()
            expect(line != "", f"the service ended: {log[-300:]}")
            log += line
        end = time.monotonic() + _CYCLE_SECONDS
        while not path.exists():
            expect(process.poll() is None and time.monotonic() < end, f"the service measured nothing: {log[-300:]}")
            time.sleep(0.1)
        address = log.partition("serving http://")[2].partition("/metrics")[0]
        pages = {page: _page(address, page) for page in PAGES}
        process.send_signal(signal.SIGTERM)
        result = finish(process)
    expect(result.status == 0, f"the service ended with status {result.status}")
    return {**pages, "log": log + result.output}


def _page(address: str, path: str) -> str:
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode("utf-8")
    finally:
        connection.close()
