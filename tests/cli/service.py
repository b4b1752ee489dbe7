"""Start the service as a process, and read its log, its pages and its series."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO

import psutil
from prometheus_client.parser import text_string_to_metric_families

from tests.cli.conftest import MOST_SECONDS_TO_GO, Tool

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Service:
    """A running service; ``lines`` is its log so far."""

    def __init__(self, tool: Tool, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._tool = tool
        self.lines: list[str] = []
        self.url = ""
        assert process.stdout is not None
        assert process.stderr is not None
        self._threads = [
            threading.Thread(target=self._read, args=(stream,), daemon=True) for stream in (process.stdout, process.stderr)
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, stream: IO[bytes]) -> None:
        for line in stream:
            self.lines.append(line.decode().rstrip("\n"))
        stream.close()

    @property
    def log(self) -> str:
        """Return the log as text."""
        return "\n".join(self.lines)

    def wait(self, until: Callable[[], object], timeout: float = 30) -> None:
        """Wait until the condition is true."""
        deadline = time.monotonic() + timeout
        while not until():
            assert time.monotonic() < deadline, f"not within {timeout} s\n{self.log}"
            time.sleep(0.02)

    def wait_for_line(self, text: str, times: int = 1) -> None:
        """Wait until so many lines of the log contain the text."""
        self.wait(lambda: sum(text in line for line in self.lines) >= times)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> str:
        """Return the text of a page."""
        with urllib.request.urlopen(
            urllib.request.Request(self.url + path, headers=dict(headers or {})), timeout=10
        ) as answer:
            text: str = answer.read().decode()
            return text

    def series(self) -> Series:
        """Return the values of all series by name and labels."""
        families = text_string_to_metric_families(self.get("/metrics"))
        return {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value of a series; None if there is none."""
        return self.series().get((name, frozenset(labels.items())))

    def evals(self) -> set[str]:
        """Return the labels of all evals."""
        return {value for _, labels in self.series() for name, value in labels if name == "eval"}

    def states(self) -> dict[str, str]:
        """Return the verdict of each eval's last run."""
        return {
            dict(labels)["eval"]: dict(labels)["state"]
            for (name, labels), value in self.series().items()
            if name == "memeval_verdict" and value == 1
        }

    def end(self, number: signal.Signals = signal.SIGTERM, timeout: float = 20) -> float:
        """Stop the service and return the seconds that it took; check its status, its processes and its log."""
        begun = time.monotonic()
        self.process.send_signal(number)
        status = self.process.wait(timeout)
        seconds = time.monotonic() - begun
        for thread in self._threads:
            thread.join(10)
        assert status == 0, self.log
        _, alive = psutil.wait_procs(self._tool.processes(), timeout=MOST_SECONDS_TO_GO)
        assert alive == []
        assert "Traceback" not in self.log
        assert self.lines[-1].endswith("stopped by a signal")
        return seconds


@contextmanager
def service(
    tool: Tool, *arguments: str, environment: Mapping[str, str] | None = None, serve: bool = True
) -> Iterator[Service]:
    """Start a service on a free port that measures two iterations at a time; kill it at the end of the block."""
    state = ["--state", str(tool.folder.parent / "state.json")] if "--state" not in arguments else []
    options = ["--iterations", "2", "--warmup", "0", *(["--serve", "0"] if serve else []), *state]
    started = tool.start(*arguments, *options, environment=environment, json_file=False)
    running = Service(tool, started.process)
    try:
        if serve:
            running.wait_for_line("serving http")
            line = next(line for line in running.lines if "serving http" in line)
            running.url = line.split("serving ")[1].removesuffix("/metrics")
        yield running
    finally:
        started.process.kill()
        started.process.wait()
