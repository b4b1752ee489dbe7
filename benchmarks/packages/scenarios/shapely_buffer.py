"""Buffers around points: their parameters were not destroyed."""

from shapely.geometry import Point


def run() -> None:
    """Make a hundred buffers."""
    for number in range(100):
        Point(number, 0).buffer(1.0, resolution=2)
