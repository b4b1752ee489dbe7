"""Outcomes of HTTP statuses and gRPC codes, and the pause that a receiver asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_memeval.exporters.otlp.delivery.send_result import (
    SendOutcome,
    outcome_of_code,
    outcome_of_status,
    retry_after_seconds,
)
from otel_memeval.exporters.otlp.settings import LONGEST_SECONDS

NOW = 1_767_225_600.0
"""2026-01-01 00:00:00 UTC."""


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "delivered"),
        (299, "delivered"),
        (300, "refused"),
        (400, "rejected"),
        (401, "refused"),
        (404, "unsupported"),
        (413, "rejected"),
        (429, "retry"),
        (500, "refused"),
        (501, "unsupported"),
        (503, "retry"),
    ],
)
def test_status_has_the_outcome_of_the_specification(status: int, outcome: SendOutcome) -> None:
    """Only 429, 502, 503 and 504 are retried."""
    assert outcome_of_status(status) == outcome


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("UNAVAILABLE", "retry"),
        ("RESOURCE_EXHAUSTED", "retry"),
        ("INVALID_ARGUMENT", "rejected"),
        ("UNIMPLEMENTED", "unsupported"),
        ("UNAUTHENTICATED", "refused"),
        ("INTERNAL", "refused"),
    ],
)
def test_code_has_the_outcome_of_the_specification(code: str, outcome: SendOutcome) -> None:
    """Codes that are not retried stop the signal, except for those about one batch or one signal."""
    assert outcome_of_code(code) == outcome


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 0 ", 0.0),
        ("-5", 0.0),
        ("9999999", LONGEST_SECONDS),
        ("9" * 400, LONGEST_SECONDS),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60.0),
        ("Wed, 31 Dec 2025 23:00:00 GMT", 0.0),
        ("soon", None),
        ("1.5", None),
    ],
)
def test_retry_after_is_a_number_of_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    """A date in the past means now; another text means nothing."""
    assert retry_after_seconds(value, NOW) == seconds


@given(st.text(max_size=40))
def test_any_retry_after_is_read_without_an_error(value: str) -> None:
    """The result is a pause within a day, or none."""
    seconds = retry_after_seconds(value, NOW)
    assert seconds is None or 0 <= seconds <= LONGEST_SECONDS
