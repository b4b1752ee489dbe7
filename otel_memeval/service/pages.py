"""What a standing exporter answers, by path."""

from __future__ import annotations

import time
from collections.abc import Callable

from otel_memeval.service.http.server import Answer, Page, Request
from otel_memeval.service.metrics_cache import takes_gzip
from otel_memeval.service.page import page
from otel_memeval.service.state import Told


def pages(told: Callable[[], Told]) -> dict[str, Page]:
    """``/metrics``, ``/healthz`` and ``/``. ``told`` is asked at each request."""

    def metrics(request: Request) -> Answer:
        compressed = takes_gzip(request.accept_encoding)
        body = told().rendering.body(request.accept, compressed=compressed)
        headers = {"Vary": "Accept, Accept-Encoding", **({"Content-Encoding": "gzip"} if compressed else {})}
        return Answer(body.content_type, body.data, headers)

    def healthz(_: Request) -> Answer:
        return Answer("text/plain; charset=utf-8", b"ok\n")

    def root(_: Request) -> Answer:
        return Answer("text/html; charset=utf-8", page(told().shown(), time.time()))

    return {"/metrics": metrics, "/healthz": healthz, "/": root}
