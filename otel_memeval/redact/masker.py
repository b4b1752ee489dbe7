"""Mask secrets in texts and in records."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Literal, TypeVar, cast, get_args, get_origin
from urllib.parse import unquote

import msgspec

from otel_memeval.redact.patterns import MASK, masked_forms

_Value = TypeVar("_Value")

_SHORTEST_PART = 8
"""Characters of a secret at the end of a text that are masked: the text may have been cut inside of the secret."""

_MOST_REMEMBERED = 4096
_LONGEST_REMEMBERED = 256
"""Characters of a text that is remembered; most short texts come again with every iteration."""

_WORD = re.compile(r"[^\s'\"<>]+")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}")


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return a text in which known secrets, if longer than the mask, and texts that look like secrets are masked.

    A word that holds a secret in base64 or percent-encoded is masked as well.
    """
    known = [secret for secret in secrets if len(secret) > len(MASK)]
    text = _without_cut(_masked(text, known), known)
    if "%" in text:
        text = _WORD.sub(lambda word: MASK if _is_secret(unquote(word[0]), word[0], known) else word[0], text)
    text = _BASE64.sub(lambda word: MASK if _is_secret(_decoded(word[0]), word[0], known) else word[0], text)
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


def _is_secret(decoded: str, text: str, known: list[str]) -> bool:
    return decoded != text and _masked(decoded, known) != decoded


def _decoded(text: str) -> str:
    """Return the text that is written in base64; the same text if it is not base64."""
    try:
        data = base64.b64decode(text[: len(text) // 4 * 4].translate({45: "+", 95: "/"}), validate=True)
    except binascii.Error:
        return text
    return data.decode("latin-1")


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
