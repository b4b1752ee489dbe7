"""Mask secrets in texts and in records."""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Literal, TypeVar, cast, get_args, get_origin
from urllib.parse import unquote, unquote_plus

import msgspec

from otel_memeval.redact.patterns import MASK, masked_forms, secret_parts

_Value = TypeVar("_Value")

_SHORTEST_PART = 8
"""Characters of a secret at the end of a text that are masked: the text may have been cut inside of the secret."""

_MOST_PARTS = 100
"""Words of secrets that are searched for in a percent-encoded text, so that the time grows with its length only."""

_MOST_REMEMBERED = 4096
_LONGEST_REMEMBERED = 256
"""Characters of a text that is remembered; most short texts come again with every iteration."""

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)")
"""A time as RFC 3339 has it: each iteration has another one, which need not be searched."""

_WORD = re.compile(r"[^\s'\"<>]+")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}")


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return a text in which known secrets, if longer than the mask, and texts that look like secrets are masked.

    A word that holds a secret in base64 or percent-encoded is masked as well.
    """
    known = [secret for secret in secrets if len(secret) > len(MASK)]
    text = _without_cut(_masked(text, known), known)
    if "%" in text or "+" in text:
        found = dict.fromkeys(part for secret in secret_parts(unquote_plus(text)) for part in secret.split())
        parts = [part for part in found if len(part) > len(MASK)][:_MOST_PARTS]  # of secrets of several words, too
        sought = [*known, *parts]
        text = _without(text, parts)
        text = _WORD.sub(lambda word: _without_encoded(word[0], (unquote(word[0]), unquote_plus(word[0])), sought), text)
    text = _BASE64.sub(lambda word: _without_encoded(word[0], _decoded(word[0]), known), text)
    return _without(text, known)


def _masked(text: str, known: list[str]) -> str:
    return masked_forms(_without(text, known))


def _without(text: str, secrets: list[str]) -> str:
    # Repeated while secrets are found: a mask may complete a secret that contains asterisks itself.
    while found := [secret for secret in secrets if secret in text]:
        for secret in found:
            text = text.replace(secret, MASK)
    return text


def _without_cut(text: str, secrets: list[str]) -> str:
    """Mask the beginning of a secret at the end of the text, and the end of one at its beginning."""
    for secret in secrets:
        if len(secret) <= _SHORTEST_PART:
            continue
        last = text.rfind(secret[:_SHORTEST_PART])
        if last >= 0 and secret.startswith(text[last:].removesuffix("…")):
            text = text[:last] + MASK
        first = text.find(secret[-_SHORTEST_PART:]) + _SHORTEST_PART
        if first >= _SHORTEST_PART and secret.endswith(text[:first]):
            text = MASK + text[first:]
    return text


def _without_encoded(word: str, decoded: Iterable[str], known: list[str]) -> str:
    """Return the word; the mask if one of its decoded forms holds a secret."""
    return MASK if any(text != word and _masked(text, known) != text for text in decoded) else word


def _decoded(word: str) -> Iterator[str]:
    """Yield the text that a word of letters and digits is in base64 and in hexadecimal, where it is."""
    with contextlib.suppress(binascii.Error):
        padded = word[: len(word) - (len(word) % 4 == 1)]
        yield base64.urlsafe_b64decode(padded.translate({43: "-", 47: "_"}) + "=" * (-len(padded) % 4)).decode("latin-1")
    with contextlib.suppress(ValueError):
        yield bytes.fromhex(word).decode("latin-1")


class Masker:
    """Masks the secrets of one run, in texts and in records. Everything that leaves the tool passes through one."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = tuple(secrets)
        self._remembered = lru_cache(maxsize=_MOST_REMEMBERED)(self._redacted)
        self._fields = lru_cache(maxsize=None)(_fields)

    def _redacted(self, text: str) -> str:
        return redact(text, self._secrets).encode("utf-8", "backslashreplace").decode("utf-8")

    def text(self, text: str) -> str:
        r"""Return the text without secrets, and valid: bytes of a path that are not UTF-8 are written as ``\udcff``."""
        if _MOMENT.fullmatch(text):
            return text
        return self._remembered(text) if len(text) <= _LONGEST_REMEMBERED else self._redacted(text)

    def record(self, value: _Value) -> _Value:
        """Return a record, or a collection of records and texts, with all texts masked; words of a fixed set stay."""
        return cast("_Value", self._value(value))

    def _value(self, value: object) -> object:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, msgspec.Struct):
            texts = {name: self._value(getattr(value, name)) for name in self._fields(type(value))}
            return msgspec.structs.replace(value, **texts)
        if isinstance(value, (list, tuple)):
            return type(value)(map(self._value, value))
        if isinstance(value, Mapping):
            return {self._value(key): self._value(item) for key, item in value.items()}
        return value


def _fields(record: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return the fields of a record that may hold any text."""
    return tuple(field.name for field in msgspec.structs.fields(record) if not _is_fixed(field.type))


def _is_fixed(annotation: object) -> bool:
    """Return whether a type has words of a fixed set only, such as the states of a verdict, or no text at all."""
    if get_origin(annotation) is Literal or annotation in (int, float, bool, type(None)):
        return True
    arguments = get_args(annotation)
    return bool(arguments) and all(map(_is_fixed, arguments))
