"""Draw a series as one line of characters. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII = "_.-=+*%#"
"""Eight heights, the lowest first."""


def sparkline(values: Sequence[float], width: int, heights: str, least_span: float = 0.0) -> str:
    """Return the series as at most ``width`` characters of ``heights``; several values that share one are their largest.

    The highest character stands for the largest value, and the lowest for the smallest. A series whose values differ by less
    than ``least_span`` does not reach the top.
    """
    if not values or width < 1:
        return ""
    count = min(width, len(values))
    edges = [place * len(values) // count for place in range(count + 1)]
    shown = [max(values[first:end]) for first, end in pairwise(edges)]
    low = min(shown)
    span = max(max(shown) - low, least_span)
    top = len(heights) - 1
    return "".join(heights[min(top, int((value - low) / span * (top + 1)))] if span > 0 else heights[0] for value in shown)
