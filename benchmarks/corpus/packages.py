"""Scenarios that need published packages: validators and models built anew, bounded caches of cachetools.

A package that is not installed leaves its scenarios out.
"""

from __future__ import annotations

import contextlib
import importlib.util

from benchmarks.corpus.ground import bounded, clean, leak, seeded

KEPT: list[object] = []
_random = seeded()
_calls = 0


def _number() -> int:
    global _calls
    _calls += 1
    return _calls


if importlib.util.find_spec("pydantic") is not None:
    from pydantic import BaseModel, TypeAdapter, create_model

    class Message(BaseModel):
        """A turn of a conversation."""

        role: str
        content: str

    @leak(None, "KEPT", channel="c-heap")
    def validators_kept() -> None:
        """Keep a validator per call: most of it lives in Rust."""
        KEPT.append(TypeAdapter(dict[str, list[int]]))  # <- leak

    @leak(8_074, "KEPT", tolerance=0.15)
    def models_made_anew() -> None:
        """Keep a model class per call."""
        KEPT.append(create_model(f"Answer{_number()}", text=(str, ...)))  # <- leak

    @leak(490, "KEPT")
    def validated_messages() -> None:
        """Keep instances: a package makes them, the line to change is here."""
        KEPT.append(Message.model_validate({"role": "user", "content": "x" * 500}))  # <- leak

    @clean()
    def validators_dropped() -> None:
        """Build a validator per call and drop it."""
        TypeAdapter(dict[str, list[int]]).validate_python({"a": [1]})

    @clean()
    def models_dropped() -> None:
        """Build a model class per call and drop it."""
        create_model("Answer", text=(str, ...))(text="x")


if importlib.util.find_spec("cachetools") is not None:
    import cachetools  # type: ignore[import-untyped, unused-ignore]

    LRU: cachetools.LRUCache[int, bytes] = cachetools.LRUCache(maxsize=100)
    TTL: cachetools.TTLCache[int, bytes] = cachetools.TTLCache(maxsize=200, ttl=3_600)

    @bounded("LRU")
    def cachetools_lru() -> None:
        """Fill a cache of a hundred entries, not full within the run."""
        LRU[_number()] = bytes(1_024)

    @bounded("TTL")
    def cachetools_ttl() -> None:
        """Fill a cache of two hundred entries that expire after an hour."""
        TTL[_number()] = bytes(1_024)


with contextlib.suppress(ImportError):
    import openai  # noqa: F401 - only to know whether it is there

    @clean()
    def openai_client_dropped() -> None:
        """Make a client and drop it."""
        from openai import OpenAI

        OpenAI(api_key="none", base_url="http://localhost:1").close()
