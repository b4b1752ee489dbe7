"""Bytes and durations as text."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from otel_memeval.errors import UsageError
from otel_memeval.units import format_bytes, format_seconds, parse_bytes, parse_seconds


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
def test_a_size_is_read(text: str | int, count: int) -> None:
    """Every unit means what it says, exactly: powers of 1024 with an i or alone, powers of 1000 without."""
    assert parse_bytes(text) == count


@pytest.mark.parametrize(
    "text",
    ["", "KiB", "-1", -1, "1e6", "1,5K", "1.K", ".5K", "1 TiB", "1 XiB", "nan", "inf", "0x10", "1K 1", True, "١", "1" * 400,
     "1000000000000000000"],
)  # fmt: skip
def test_what_is_not_a_size_is_refused_with_a_remedy(text: str | int) -> None:
    """Anything else, negative numbers and absurdly many digits included, is wrong usage and says how to write it."""
    with pytest.raises(UsageError, match="is not a size; write bytes"):
        parse_bytes(text)


@given(st.integers(0, 10**18 - 1))
@settings(deadline=None, max_examples=100)
def test_whole_bytes_are_read_back_exactly(count: int) -> None:
    """Digits alone lose nothing, up to the largest number that is accepted."""
    assert parse_bytes(str(count)) == count


@given(st.integers(0, 1 << 50))
@example(1023)
@example(1024)
@example((1 << 20) - 1)
@settings(deadline=None, max_examples=200)
def test_what_is_written_reads_back_within_rounding(count: int) -> None:
    """A size that is written with three digits reads back as itself, to half a percent."""
    assert parse_bytes(format_bytes(count).removesuffix(" B")) == pytest.approx(count, rel=0.005)


@given(st.floats(-(2.0**45), 2.0**45))
@settings(deadline=None, max_examples=200)
def test_a_sign_is_written_where_it_is_asked_for(count: float) -> None:
    """Growth always shows its direction, shrinking does in any case, and the rest of the text is the same."""
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
def test_sizes_change_unit_where_rounding_would(count: float, text: str) -> None:
    """On both sides of each limit: never "1024 KiB", never more digits than three and a unit's own four."""
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
def test_durations_change_unit_where_rounding_would(seconds: float, text: str) -> None:
    """On both sides of each limit, from microseconds to hours."""
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
def test_a_duration_is_read(text: str | float, seconds: float) -> None:
    """Every unit means what it says, alone and added up; a number alone is seconds."""
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "m", "-1", "-5m", "1e3", "1h-5m", "1h30", "1,5h", "1 month", "1y", "nan", "inf", "5mm", "١m", "1" * 400]
)
def test_what_is_not_a_duration_is_refused_with_a_remedy(text: str) -> None:
    """Anything else, negative numbers and a number without its unit included, is wrong usage and says how to write it."""
    with pytest.raises(UsageError, match="is not a duration; write seconds"):
        parse_seconds(text)
