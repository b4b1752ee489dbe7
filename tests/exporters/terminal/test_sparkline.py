"""A series as one line of characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_memeval.exporters.terminal.sparkline import ASCII, BLOCKS, sparkline


@pytest.mark.parametrize(
    ("values", "width", "least_span", "expected"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 8], 8, 0.0, "▁▂▃▄▅▆▇█"),
        ([1, 2, 3, 4, 5, 6, 7, 8], 4, 0.0, "▁▃▆█"),
        ([5, 5, 5], 60, 0.0, "▁▁▁"),
        ([100, 101, 100], 60, 5.0, "▁▂▁"),
        ([], 60, 0.0, ""),
        ([1, 2], 0, 0.0, ""),
    ],
)
def test_height_follows_the_values(values: list[float], width: int, least_span: float, expected: str) -> None:
    """The largest of several values counts; a small difference does not reach the top."""
    assert sparkline(values, width, BLOCKS, least_span) == expected


@given(st.lists(st.integers(0, 1 << 60), min_size=1), st.integers(1, 80))
def test_line_is_never_wider(values: list[int], width: int) -> None:
    """Each character is one of the heights."""
    line = sparkline(values, width, ASCII)
    assert len(line) == min(width, len(values))
    assert set(line) <= set(ASCII)
