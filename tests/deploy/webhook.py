"""Receive Alertmanager's notifications with a real HTTP server."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple

from typing_extensions import Self

Alert = dict[str, Any]
"""An alert in the form of Alertmanager's webhook: ``status``, ``labels``, ``annotations``, ``startsAt``."""


class Notice(NamedTuple):
    """An alert of a message, and the time at which the message arrived."""

    at_seconds: float
    alert: Alert


class Webhook:
    """A server on a free port that keeps the alerts of all messages."""

    def __init__(self) -> None:
        self._notices: list[Notice] = []
        self._arrived = threading.Condition()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                message = json.loads(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.end_headers()
                with outer._arrived:
                    outer._notices += [Notice(time.time(), alert) for alert in message["alerts"]]
                    outer._arrived.notify_all()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Write nothing to the terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        """The address for messages."""
        return f"http://127.0.0.1:{self._server.server_port}/alerts"

    def wait_for(self, name: str, status: str, since_seconds: float = 0.0, timeout: float = 60) -> Alert:
        """Return the first alert of this name and status (``firing``, ``resolved``) since a time; wait until it arrives."""

        def found() -> list[Alert]:
            return [
                notice.alert
                for notice in self._notices
                if notice.at_seconds >= since_seconds
                and notice.alert["labels"]["alertname"] == name
                and notice.alert["status"] == status
            ]

        with self._arrived:
            assert self._arrived.wait_for(found, timeout), f"{name} did not arrive as {status}, but: {self._notices}"
            return found()[0]

    def names(self, status: str, since_seconds: float = 0.0) -> set[str]:
        """Return the names of all alerts on evals that arrived with this status since a time."""
        with self._arrived:
            alerts = [notice.alert for notice in self._notices if notice.at_seconds >= since_seconds]
        return {alert["labels"]["alertname"] for alert in alerts if alert["status"] == status and "eval" in alert["labels"]}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
