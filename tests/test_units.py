"""Bytes, durations and counts as text."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from otel_memeval.errors import UsageError
from otel_memeval.units import format_bytes, format_items, format_seconds, parse_bytes, parse_seconds


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        ("4096", 4096),
        (4096, 4096),
        ("1b", 1),
        ("16KiB", 16384),
        ("16 kib", 16384),
        (" 16K ", 16384),
        ("1.5MiB", 1572864),
        ("2M", 2 << 20),
        ("1GiB", 1 << 30),
        ("1g", 1 << 30),
        ("64kB", 64000),
        ("1.5MB", 1500000),
        ("3GB", 3 * 10**9),
        ("9007199254740993", 9007199254740993),
        ("999999999999999999", 10**18 - 1),
    ],
)
def test_parse_bytes_accepts_every_unit(text: str | int, count: int) -> None:
    """A unit with an i, or one letter, is a power of 1024; the others are powers of 1000."""
    assert parse_bytes(text) == count


@pytest.mark.parametrize(
    "text",
    ["", "KiB", "-1", -1, "1e6", "1,5K", "1.K", ".5K", "1 TiB", "1 XiB", "nan", "inf", "0x10", "1K 1", True, "١", "1" * 400,
     "1000000000000000000"],
)  # fmt: skip
def test_parse_bytes_rejects_other_text_with_a_remedy(text: str | int) -> None:
    """Other text, negative numbers and too many digits raise an error that says how to write a size."""
    with pytest.raises(UsageError, match="is not a size; write bytes"):
        parse_bytes(text)


@given(st.integers(0, 10**18 - 1))
@settings(deadline=None, max_examples=100)
def test_parse_bytes_is_exact_for_whole_bytes(count: int) -> None:
    """No digit is lost, up to the largest number that is accepted."""
    assert parse_bytes(str(count)) == count


@given(st.integers(0, 1 << 50))
@example(1023)
@example(1024)
@example((1 << 20) - 1)
@settings(deadline=None, max_examples=200)
def test_formatted_size_parses_back_within_rounding(count: int) -> None:
    """A size written with three digits parses back to within half a percent."""
    assert parse_bytes(format_bytes(count).removesuffix(" B")) == pytest.approx(count, rel=0.005)


@given(st.floats(-(2.0**45), 2.0**45))
@settings(deadline=None, max_examples=200)
def test_signed_size_shows_its_direction(count: float) -> None:
    """Only the plus sign depends on ``signed``; the rest of the text is the same."""
    size = format_bytes(abs(count))
    assert format_bytes(count, signed=True) == ("-" if count < 0 else "+" if count > 0 else "") + size
    assert format_bytes(count) == ("-" if count < 0 else "") + size


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (0.5, "0.5 B"),
        (9.94, "9.9 B"),
        (9.96, "10 B"),
        (1, "1 B"),
        (1023, "1023 B"),
        (1023.4, "1023 B"),
        (1023.6, "1.00 KiB"),
        (1024, "1.00 KiB"),
        (10234, "9.99 KiB"),
        (10239, "10.0 KiB"),
        (102_340, "99.9 KiB"),
        (102_399, "100 KiB"),
        (1023 << 10, "1023 KiB"),
        ((1 << 20) - 1, "1.00 MiB"),
        (1 << 20, "1.00 MiB"),
        ((1 << 30) - 1, "1.00 GiB"),
        (5 << 40, "5120 GiB"),
    ],
)
def test_format_bytes_changes_unit_after_rounding(count: float, text: str) -> None:
    """Both sides of each limit: never "1024 KiB", and three digits where the unit allows it."""
    assert format_bytes(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 µs"),
        (0.000999, "999 µs"),
        (0.0009996, "1.0 ms"),
        (0.001, "1.0 ms"),
        (0.0999, "99.9 ms"),
        (0.09996, "100 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (9.99, "9.99 s"),
        (9.996, "10.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (83, "1 min 23 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 0 min"),
        (7260, "2 h 1 min"),
    ],
)
def test_format_seconds_changes_unit_after_rounding(seconds: float, text: str) -> None:
    """Both sides of each limit, from microseconds to hours."""
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90.0),
        (90, 90.0),
        (1.5, 1.5),
        ("0", 0.0),
        ("250ms", 0.25),
        ("15m", 900.0),
        ("15 M", 900.0),
        ("1.5h", 5400.0),
        ("1h30m", 5400.0),
        (" 1h 30m 5s ", 5405.0),
        ("1d", 86_400.0),
        ("2w", 1_209_600.0),
    ],
)
def test_parse_seconds_accepts_every_unit(text: str | float, seconds: float) -> None:
    """Units stand alone or are added up; a number without a unit is seconds."""
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "m", "-1", "-5m", "1e3", "1h-5m", "1h30", "1,5h", "1 month", "1y", "nan", "inf", "5mm", "١m", "1" * 400]
)
def test_parse_seconds_rejects_other_text_with_a_remedy(text: str) -> None:
    """Other text, negative numbers and a number without its unit raise an error that says how to write a duration."""
    with pytest.raises(UsageError, match="is not a duration; write seconds"):
        parse_seconds(text)


@pytest.mark.parametrize(
    ("count", "text"), [(1.0, "+1"), (0.5, "+0.5"), (0.25, "+0.25"), (1.234, "+1.23"), (10.0, "+10"), (-3.0, "-3")]
)
def test_format_items_has_a_sign_and_no_trailing_zeros(count: float, text: str) -> None:
    """A change of a number of items has at most two decimals."""
    assert format_items(count) == text
