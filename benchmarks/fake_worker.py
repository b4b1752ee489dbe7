"""Imitate a worker: it measures nothing, and sends made-up iterations as fast as they are received."""

from __future__ import annotations

import json
from datetime import datetime, timezone

from otel_memeval import wire
from otel_memeval.supervisor import WorkerEnded


class FakeWorker:
    """Sends as many iterations as the session requests; ``sites`` lines grow by 100 bytes and a block in each."""

    def __init__(self, sites: int) -> None:
        self._sites = sites
        self._iterations = 0
        self._sent = 0
        self._answers: list[dict[str, object]] = []
        self._add(
            "hello",
            wire=wire.WIRE_VERSION,
            python="3.11",
            implementation="cpython",
            platform="made up",
            executable="python",
            missing_channels=[],
        )
        hello = self.receive(None)
        assert isinstance(hello, wire.Hello)
        self.hello = hello
        self.changed_variables: list[str] = []

    def _add(self, kind: str, **message: object) -> None:
        self._answers.append({"kind": kind, **message})

    def send(self, command: str) -> None:
        """Answer the command as a worker would."""
        word, _, rest = command.partition(" ")
        if word == "load":
            self._add(
                "loaded",
                module="made_up",
                names=["made up"],
                name="made up",
                file="",
                library_folder="",
                awaits_nothing=False,
                fields={},
            )
        elif word == "set_up":
            files = [f"made_up_{number}.py" for number in range(self._sites)]
            self._add("ready", description="", noop_peak_bytes=0, event_loop="", reading=self._reading(0, files))
        elif word == "iterate":
            self._iterations = int(rest.split()[2])
        elif word == "describe":
            self._add("holders", holders=[])
        else:
            self._add("finished", failure=None, packages={})

    def _reading(self, index: int, files: list[str]) -> dict[str, object]:
        live = 1000 + 100 * index
        return {
            "retained_bytes": live * self._sites,
            "retained_blocks": index * self._sites,
            "traced_current_bytes": live * self._sites + 50_000,
            "rss_bytes": 50_000_000,
            "uss_bytes": 40_000_000,
            "native_heap_bytes": 3_000_000,
            "files": files,
            "sites": [(number, 10, live, index) for number in range(self._sites)],
            "holders": [],
        }

    def receive(self, timeout_seconds: float | None) -> wire.AnyMessage:  # noqa: ARG002 - as a Worker
        """Return the next message, decoded as a message from a pipe is."""
        if not self._answers and self._sent < self._iterations:
            self._sent += 1
            self._add(
                "iteration",
                index=self._sent,
                phase="measured",
                started_at=datetime.now(timezone.utc).isoformat(),
                duration_seconds=1e-6,
                cpu_seconds=1e-6,
                peak_bytes=5000,
                imported_modules=0,
                waits=1,
                suspended=True,
                failure=None,
                reading=self._reading(self._sent, []),
            )
            if self._sent == self._iterations:
                self._add("paused")
        if not self._answers:
            raise WorkerEnded("Crash", "nothing was asked")
        return wire.decode(json.dumps(self._answers.pop(0)).encode())
