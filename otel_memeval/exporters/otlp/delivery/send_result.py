"""What a receiver's answer means: https://opentelemetry.io/docs/specs/otlp/#otlphttp-response. Pure."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Literal

import msgspec

RETRIED_STATUS = frozenset({429, 502, 503, 504})
SPOILED_STATUS = frozenset({400, 413, 422})
"""The batch itself is not to the receiver's liking: sending it again does not help, and it must not stop what follows."""
NO_SUCH_SIGNAL_STATUS = frozenset({404, 405, 501})

RETRIED_CODES = frozenset(
    {"CANCELLED", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"}
)
SPOILED_CODES = frozenset({"INVALID_ARGUMENT"})
NO_SUCH_SIGNAL_CODES = frozenset({"UNIMPLEMENTED"})

Kind = Literal["delivered", "rejected", "later", "unknown-signal", "refused"]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """``delivered``: the receiver has all of it. ``rejected``: it answered and does not want (all of) it, ever. ``later``:
    to be tried again. ``unknown-signal``: it does not take this signal at all. ``refused``: it will not before somebody
    changes something (a key, an address).
    """

    kind: Kind
    reason: str = ""
    """Without secrets."""
    retry_after_seconds: float | None = None
    reached: bool = True
    """Whether it was the receiver that answered."""
    rejected: int | None = None
    """How many items of the batch; None: all."""


def of_status(status: int) -> Kind:
    """What an HTTP status means."""
    if 200 <= status < 300:
        return "delivered"
    if status in RETRIED_STATUS:
        return "later"
    if status in SPOILED_STATUS:
        return "rejected"
    return "unknown-signal" if status in NO_SUCH_SIGNAL_STATUS else "refused"


def of_code(name: str) -> Kind:
    """What a gRPC code means."""
    if name in RETRIED_CODES:
        return "later"
    if name in SPOILED_CODES:
        return "rejected"
    return "unknown-signal" if name in NO_SUCH_SIGNAL_CODES else "refused"


def retry_after_seconds(value: str | None, now: float) -> float | None:
    """Seconds that ``Retry-After`` asks for, as a number or as a date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    try:
        return min(max(float(int(value.strip())), 0.0), 86_400.0)
    except ValueError:
        pass
    try:
        return min(max(parsedate_to_datetime(value).timestamp() - now, 0.0), 86_400.0)
    except (TypeError, ValueError, OverflowError):
        return None
