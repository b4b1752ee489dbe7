"""Buffers around points: their parameters were not destroyed."""

from shapely.geometry import Point


def run() -> None:
    """A hundred."""
    for number in range(100):
        Point(number, 0).buffer(1.0, resolution=2)
