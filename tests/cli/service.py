"""A standing exporter as a real process: its log as it comes, its pages, its series."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO

from prometheus_client.parser import text_string_to_metric_families

from tests.cli.conftest import Tool

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Exporter:
    """One that was started; ``lines`` is its log so far."""

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
        """All lines."""
        return "\n".join(self.lines)

    def wait(self, until: Callable[[], object], timeout: float = 30) -> None:
        """Until it is so."""
        deadline = time.monotonic() + timeout
        while not until():
            assert time.monotonic() < deadline, f"not within {timeout} s\n{self.log}"
            time.sleep(0.02)

    def wait_for_line(self, text: str, times: int = 1) -> None:
        """Until the log has had this in so many lines."""
        self.wait(lambda: sum(text in line for line in self.lines) >= times)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> str:
        """A page; it is there."""
        with urllib.request.urlopen(
            urllib.request.Request(self.url + path, headers=dict(headers or {})), timeout=10
        ) as answer:
            text: str = answer.read().decode()
            return text

    def series(self) -> Series:
        """Every series of a scrape, by name and labels."""
        families = text_string_to_metric_families(self.get("/metrics"))
        return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}

    def value(self, name: str, **labels: str) -> float | None:
        """Of one series; None if there is none."""
        return self.series().get((name, frozenset(labels.items())))

    def evals(self) -> set[str]:
        """All that series are labelled by."""
        return {value for _, labels in self.series() for name, value in labels if name == "eval"}

    def states(self) -> dict[str, str]:
        """The state of every eval's last verdict."""
        return {
            dict(labels)["eval"]: dict(labels)["state"]
            for (name, labels), value in self.series().items()
            if name == "memeval_verdict" and value == 1
        }

    def end(self, number: signal.Signals = signal.SIGTERM, timeout: float = 20) -> float:
        """Tell it to end; how many seconds that took. Its status is 0, no process of it lives on, no traceback was shown."""
        begun = time.monotonic()
        self.process.send_signal(number)
        status = self.process.wait(timeout)
        seconds = time.monotonic() - begun
        for thread in self._threads:
            thread.join(10)
        assert status == 0, self.log
        assert self._tool.processes() == []
        assert "Traceback" not in self.log
        assert self.lines[-1].endswith("told to end")
        return seconds


@contextmanager
def standing(
    tool: Tool, *arguments: str, environment: Mapping[str, str] | None = None, serve: bool = True
) -> Iterator[Exporter]:
    """An exporter that measures two iterations at a time, on a free port; killed if the test does not end it."""
    state = ["--state", str(tool.folder.parent / "state.json")] if "--state" not in arguments else []
    options = ["--iterations", "2", "--warmup", "0", *(["--serve", "0"] if serve else []), *state]
    started = tool.start(*arguments, *options, environment=environment, json_file=False)
    exporter = Exporter(tool, started.process)
    try:
        if serve:
            exporter.wait_for_line("serving http")
            line = next(one for one in exporter.lines if "serving http" in one)
            exporter.url = line.split("serving ")[1].removesuffix("/metrics")
        yield exporter
    finally:
        started.process.kill()
        started.process.wait()
