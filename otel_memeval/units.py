"""Convert bytes, durations and counts to text and back; bytes in binary units (KiB, MiB). Standard library only."""

from __future__ import annotations

import re

from otel_memeval.errors import UsageError

_BYTES = {"": 1, "b": 1, "kib": 1 << 10, "k": 1 << 10, "mib": 1 << 20, "m": 1 << 20, "gib": 1 << 30, "g": 1 << 30}
_BYTES |= {"kb": 1000, "mb": 1000**2, "gb": 1000**3}
_SECONDS = {"": 1.0, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_PART = r"(\d{1,9}(?:\.\d{1,9})?)\s*([a-z]+)"
_DURATION = re.compile(rf"\s*(?:\d{{1,9}}(?:\.\d{{1,9}})?|(?:{_PART}\s*)+)\s*", re.IGNORECASE | re.ASCII)
_SIZE = re.compile(r"\s*(\d{1,18})(\.\d{1,18})?\s*([a-z]*)\s*", re.IGNORECASE | re.ASCII)


def parse_bytes(text: str | int) -> int:
    """Return the number of bytes in a text such as ``"16KiB"``, ``"1.5 MiB"``, ``"64kB"`` or ``"4096"``.

    KiB, MiB and GiB (or K, M, G) are powers of 1024; kB, MB and GB are powers of 1000. Raises ``UsageError`` for anything
    else, and for negative numbers.
    """
    match = _SIZE.fullmatch(str(text))
    factor = _BYTES.get(match.group(3).lower()) if match else None
    if match is None or factor is None:
        raise UsageError(f"{text!r} is not a size", "write bytes (4096) or a unit (16KiB, 1.5MiB)")
    return int(match.group(1)) * factor + round(float(match.group(2) or 0) * factor)


def format_bytes(count: float, *, signed: bool = False) -> str:
    """Return a number of bytes as text, ``1536`` as ``"1.50 KiB"``; ``signed`` adds a plus sign to a positive number."""
    sign = "-" if count < 0 else "+" if signed and count > 0 else ""
    size = abs(count)
    # The limits allow for rounding: 9.996 is written as 10.0, and 1023.7 B as 1.00 KiB.
    if size < 1023.5:
        digits = 0 if size >= 9.95 or size == int(size) else 1
        return f"{sign}{size:.{digits}f} B"
    for unit in ("KiB", "MiB", "GiB"):
        size /= 1024
        if size < 1023.5 or unit == "GiB":
            break
    digits = 2 if size < 9.995 else 1 if size < 99.95 else 0
    return f"{sign}{size:.{digits}f} {unit}"


def parse_seconds(text: str | float) -> float:
    """Return the number of seconds in a text such as ``"15m"``, ``"1h30m"``, ``"1.5 h"``, ``"250ms"`` or ``"90"``.

    Units are ms, s, m, h, d and w, as in Prometheus. Raises ``UsageError`` for anything else, and for negative numbers.
    """
    written = str(text)
    parts = [(number, unit.lower()) for number, unit in re.findall(_PART, written, re.IGNORECASE | re.ASCII)]
    if _DURATION.fullmatch(written) is None or any(unit not in _SECONDS for _, unit in parts):
        raise UsageError(f"{text!r} is not a duration", "write seconds (90) or units (15m, 1h30m, 250ms)")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts) if parts else float(written)


def format_seconds(seconds: float) -> str:
    """Return a duration as text, ``0.0123`` as ``"12.3 ms"`` and ``83`` as ``"1 min 23 s"``."""
    if seconds < 0.9995e-3:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.{1 if seconds < 0.09995 else 0}f} ms"
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def format_items(count: float) -> str:
    """Return a change of a number of items as text, ``1.0`` as ``"+1"`` and ``0.5`` as ``"+0.5"``."""
    return f"{count:+.2f}".rstrip("0").rstrip(".")


def format_location(file: str, line: int) -> str:
    """Return ``agent.py:36``, or the file alone where it has no lines: ``generated code``."""
    return f"{file}:{line}" if line else file
