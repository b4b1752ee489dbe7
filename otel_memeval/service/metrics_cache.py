"""What a scrape gets: rendered once per change and format, by prometheus-client, and kept as bytes, compressed too."""

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
"""Kept at a time: two formats, with some ways to escape names. A client can ask for many."""
_LEVEL = 5
"""Of gzip: from here on it takes longer and gains nothing."""

Encoder = Callable[[Collector], bytes]


class Body(msgspec.Struct, frozen=True):
    """An answer."""

    content_type: str
    data: bytes


class _Kept(msgspec.Struct):
    """One format."""

    encoder: Encoder
    plain: bytes
    zipped: bytes = b""
    """Empty until somebody takes it so."""
    asked: bool = True
    """Since it was last rendered."""


class Rendering:
    """Renders what ``snapshot`` answers. A scrape never waits for a change to be rendered: it gets what was before."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._registry = snapshot_registry(snapshot)
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def body(self, accept: str, *, compressed: bool) -> Body:
        """The answer to a client that accepts these formats."""
        encoder, content_type = negotiated(accept)
        kept = self._kept.get(content_type)
        if kept is None or (compressed and not kept.zipped):
            with self._lock:  # together: the first scrapes of ten clients are one rendering
                kept = self._first(encoder, content_type, compressed=compressed)
        kept.asked = True
        return Body(content_type, kept.zipped if compressed else kept.plain)

    def _first(self, encoder: Encoder, content_type: str, *, compressed: bool) -> _Kept:
        kept = self._kept.get(content_type)
        if kept is None:
            kept = _Kept(encoder, encoder(self._registry))
            if len(self._kept) < MOST_FORMATS:
                self._kept[content_type] = kept
        if compressed and not kept.zipped:
            kept.zipped = _compressed(kept.plain)
        return kept

    def refresh(self) -> None:
        """Something has changed. What nobody has asked for since the last change is forgotten."""
        with self._lock:
            for content_type, kept in list(self._kept.items()):
                if kept.asked:
                    plain = kept.encoder(self._registry)
                    zipped = _compressed(plain) if kept.zipped else b""
                    self._kept[content_type] = _Kept(kept.encoder, plain, zipped, asked=False)
                else:
                    del self._kept[content_type]


def _compressed(data: bytes) -> bytes:
    return gzip.compress(data, _LEVEL, mtime=0)


def negotiated(accept: str) -> tuple[Encoder, str]:
    """The encoder and its content type; for what is no ``Accept`` header, the classic text."""
    try:
        encoder, content_type = choose_encoder(accept)
    except (TypeError, ValueError):  # a version that is no number
        encoder, content_type = choose_encoder("")
    return encoder, content_type


def takes_gzip(accept_encoding: str) -> bool:
    """Whether the header allows gzip (RFC 9110, 12.5.3)."""
    for part in accept_encoding.lower().split(","):
        coding, _, weight = part.replace(" ", "").partition(";")
        if coding in ("gzip", "x-gzip"):
            return re.fullmatch(r"q=0(\.0*)?", weight) is None
    return False
