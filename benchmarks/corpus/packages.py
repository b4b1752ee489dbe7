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
        """One turn."""

        role: str
        content: str

    @leak(None, "KEPT", channel="c-heap")
    def validators_kept() -> None:
        """A validator built for each call and kept: most of it lives in Rust."""
        KEPT.append(TypeAdapter(dict[str, list[int]]))  # <- leak

    @leak(8_074, "KEPT", tolerance=0.15)
    def models_made_anew() -> None:
        """A model class per call, kept."""
        KEPT.append(create_model(f"Answer{_number()}", text=(str, ...)))  # <- leak

    @leak(490, "KEPT")
    def validated_messages() -> None:
        """Instances made by a package, the line to change is here."""
        KEPT.append(Message.model_validate({"role": "user", "content": "x" * 500}))  # <- leak

    @clean()
    def validators_dropped() -> None:
        """A validator built for each call and let go."""
        TypeAdapter(dict[str, list[int]]).validate_python({"a": [1]})

    @clean()
    def models_dropped() -> None:
        """A model class per call, collected."""
        create_model("Answer", text=(str, ...))(text="x")


if importlib.util.find_spec("cachetools") is not None:
    import cachetools  # type: ignore[import-untyped, unused-ignore]

    LRU: cachetools.LRUCache[int, bytes] = cachetools.LRUCache(maxsize=100)
    TTL: cachetools.TTLCache[int, bytes] = cachetools.TTLCache(maxsize=200, ttl=3_600)

    @bounded("LRU")
    def cachetools_lru() -> None:
        """A hundred entries at most, not full within the run."""
        LRU[_number()] = bytes(1_024)

    @bounded("TTL")
    def cachetools_ttl() -> None:
        """Two hundred entries at most, for an hour."""
        TTL[_number()] = bytes(1_024)


with contextlib.suppress(ImportError):
    import openai  # noqa: F401 - only to know whether it is there

    @clean()
    def openai_client_dropped() -> None:
        """A client made and let go."""
        from openai import OpenAI

        OpenAI(api_key="none", base_url="http://localhost:1").close()
