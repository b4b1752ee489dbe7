"""Render metrics once per change and format, and cache the bytes for scrapes, also compressed."""

from __future__ import annotations

import gzip
import re
import threading
from collections.abc import Callable

import msgspec
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from otel_memeval.exporters.prometheus.families import Snapshot, snapshot_registry

MOST_FORMATS = 8
"""Formats that are cached: a scraper needs two, each with a few ways to escape names; a client can ask for any number."""
_GZIP_LEVEL = 5
"""Higher levels take longer and save next to nothing."""

Encoder = Callable[[Collector], bytes]


class MetricsText(msgspec.Struct, frozen=True):
    """The metrics in one format."""

    content_type: str
    data: bytes


class _CachedFormat(msgspec.Struct):
    """One format."""

    encoder: Encoder
    plain: bytes
    zipped: bytes = b""
    """Empty until a client accepts gzip."""
    requested: bool = True
    """Since it was last rendered."""


class MetricsCache:
    """The rendered metrics of ``snapshot``. A scrape never waits for rendering after a change: it gets the old bytes."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._registry = snapshot_registry(snapshot)
        self._formats: dict[str, _CachedFormat] = {}
        self._lock = threading.Lock()

    def text(self, accept: str, *, compressed: bool) -> MetricsText:
        """Return the metrics in the format that the ``Accept`` header prefers."""
        encoder, content_type = negotiate_format(accept)
        cached = self._formats.get(content_type)
        if cached is None or (compressed and not cached.zipped):
            with self._lock:  # the first scrapes of ten clients are rendered once
                cached = self._render_first(encoder, content_type, compressed=compressed)
        cached.requested = True
        return MetricsText(content_type, cached.zipped if compressed else cached.plain)

    def _render_first(self, encoder: Encoder, content_type: str, *, compressed: bool) -> _CachedFormat:
        cached = self._formats.get(content_type)
        if cached is None:
            cached = _CachedFormat(encoder, encoder(self._registry))
            if len(self._formats) < MOST_FORMATS:
                self._formats[content_type] = cached
        if compressed and not cached.zipped:
            cached.zipped = _compress(cached.plain)
        return cached

    def refresh(self) -> None:
        """Render again after a change; formats that were not requested since the last change are dropped."""
        with self._lock:
            for content_type, cached in list(self._formats.items()):
                if cached.requested:
                    plain = cached.encoder(self._registry)
                    zipped = _compress(plain) if cached.zipped else b""
                    self._formats[content_type] = _CachedFormat(cached.encoder, plain, zipped, requested=False)
                else:
                    del self._formats[content_type]


def _compress(data: bytes) -> bytes:
    return gzip.compress(data, _GZIP_LEVEL, mtime=0)


def negotiate_format(accept: str) -> tuple[Encoder, str]:
    """Return the encoder and its content type for an ``Accept`` header; the classic text for an invalid header."""
    try:
        encoder, content_type = choose_encoder(accept)
    except (TypeError, ValueError):  # a version that is not a number
        encoder, content_type = choose_encoder("")
    return encoder, content_type


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether an ``Accept-Encoding`` header allows gzip (RFC 9110, 12.5.3)."""
    for part in accept_encoding.lower().split(","):
        coding, _, weight = part.replace(" ", "").partition(";")
        if coding in ("gzip", "x-gzip"):
            return re.fullmatch(r"q=0(\.0*)?", weight) is None
    return False
