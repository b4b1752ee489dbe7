"""Judge the response of a receiver: https://opentelemetry.io/docs/specs/otlp/#otlphttp-response. Pure."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Literal

import msgspec

from otel_memeval.exporters.otlp.settings import LONGEST_SECONDS

RETRYABLE_STATUS = frozenset({429, 502, 503, 504})
REJECTED_STATUS = frozenset({400, 413, 422})
"""The batch itself is at fault: a retry does not help, and the batch must not stop those behind it."""
UNSUPPORTED_STATUS = frozenset({404, 405, 501})

RETRYABLE_CODES = frozenset(
    {"CANCELLED", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"}
)
REJECTED_CODES = frozenset({"INVALID_ARGUMENT"})
UNSUPPORTED_CODES = frozenset({"UNIMPLEMENTED"})

SendOutcome = Literal["delivered", "rejected", "retry", "unsupported", "refused", "unreadable"]
"""``delivered``: the receiver has all of the batch. ``rejected``: it will never take the batch, or a part of it. ``retry``:
the same batch may succeed later. ``unsupported``: the receiver does not take this signal. ``refused``: no batch will succeed
before somebody changes the configuration, such as a key or an address. ``unreadable``: the batch itself cannot be read, and
nothing was sent.
"""


class SendResult(msgspec.Struct, frozen=True, kw_only=True):
    """Result of one attempt to send one batch."""

    outcome: SendOutcome
    reason: str = ""
    """Message for the user, without secrets."""
    retry_after_seconds: float | None = None
    """Pause that the receiver asks for."""
    answered: bool = True
    """Whether the receiver answered at all."""
    rejected_items: int | None = None
    """Items of the batch that were rejected; None: all."""


def outcome_of_status(status: int) -> SendOutcome:
    """Return the outcome that an HTTP status stands for."""
    if 200 <= status < 300:
        return "delivered"
    if status in RETRYABLE_STATUS:
        return "retry"
    if status in REJECTED_STATUS:
        return "rejected"
    return "unsupported" if status in UNSUPPORTED_STATUS else "refused"


def outcome_of_code(name: str) -> SendOutcome:
    """Return the outcome that a gRPC status code stands for."""
    if name in RETRYABLE_CODES:
        return "retry"
    if name in REJECTED_CODES:
        return "rejected"
    return "unsupported" if name in UNSUPPORTED_CODES else "refused"


def retry_after_seconds(value: str | None, now: float) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, as a number or as a date (RFC 9110, 10.2.3); None without them."""
    if value is None:
        return None
    try:
        return float(min(max(int(value.strip()), 0), int(LONGEST_SECONDS)))
    except ValueError:
        pass
    try:
        return min(max(parsedate_to_datetime(value).timestamp() - now, 0.0), LONGEST_SECONDS)
    except (TypeError, ValueError, OverflowError):
        return None
