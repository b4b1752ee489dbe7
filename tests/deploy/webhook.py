"""What Alertmanager tells people, taken by a real HTTP server."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple

from typing_extensions import Self

Alert = dict[str, Any]
"""As in Alertmanager's webhook: ``status``, ``labels``, ``annotations``, ``startsAt``."""


class Told(NamedTuple):
    """One alert in one message."""

    at_seconds: float
    alert: Alert


class Webhook:
    """Listens on a port of its own; ``wait_for`` is answered as soon as the message is there."""

    def __init__(self) -> None:
        self._told: list[Told] = []
        self._came = threading.Condition()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                message = json.loads(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.end_headers()
                with outer._came:
                    outer._told += [Told(time.time(), alert) for alert in message["alerts"]]
                    outer._came.notify_all()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Nothing on the terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        """Where messages go."""
        return f"http://127.0.0.1:{self._server.server_port}/alerts"

    def wait_for(self, name: str, status: str, since_seconds: float = 0.0, timeout: float = 60) -> Alert:
        """The first alert of that name and status (``firing``, ``resolved``) that was told since then."""

        def found() -> list[Alert]:
            return [
                one.alert
                for one in self._told
                if one.at_seconds >= since_seconds
                and one.alert["labels"]["alertname"] == name
                and one.alert["status"] == status
            ]

        with self._came:
            assert self._came.wait_for(found, timeout), f"{name} was not told as {status}, but: {self._told}"
            return found()[0]

    def names(self, status: str, since_seconds: float = 0.0) -> set[str]:
        """Names of all alerts on evals that were told with that status since then."""
        with self._came:
            told = [one.alert for one in self._told if one.at_seconds >= since_seconds]
        return {one["labels"]["alertname"] for one in told if one["status"] == status and "eval" in one["labels"]}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
