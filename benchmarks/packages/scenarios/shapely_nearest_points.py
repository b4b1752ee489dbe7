"""The nearest points of two geometries."""

from shapely.geometry import LineString, Point
from shapely.ops import nearest_points

LINE = LineString([(0, 0), (100, 0)])


def run() -> None:
    """Find the nearest points of a hundred pairs."""
    for number in range(100):
        nearest_points(Point(number, 1), LINE)
