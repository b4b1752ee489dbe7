"""Quantiles of Student's t distribution."""

from __future__ import annotations

import math

import pytest

from otel_memeval.analysis.student import two_sided_quantile


@pytest.mark.parametrize(
    ("chance", "degrees", "value"),
    [(0.05, 1, 12.7062), (0.05, 2, 4.3027), (0.05, 3, 3.1824), (0.05, 9, 2.2622), (0.001, 12, 4.3178), (0.0001, 9, 6.5937)],
)
def test_quantile_is_that_of_the_tables(chance: float, degrees: int, value: float) -> None:
    """Values of published tables."""
    assert two_sided_quantile(chance, degrees) == pytest.approx(value, abs=1e-4)


@pytest.mark.parametrize(("chance", "degrees"), [(2e-5, 8), (2e-5, 16), (0.05, 8), (0.05, 16)])
def test_tail_beyond_the_quantile_has_the_chance(chance: float, degrees: int) -> None:
    """The integral of the density beyond the quantile, both sides, is the chance."""
    quantile, steps = two_sided_quantile(chance, degrees), 20_000
    factor = math.gamma((degrees + 1) / 2) / (math.sqrt(degrees * math.pi) * math.gamma(degrees / 2))
    parts = ((number + 0.5) / steps for number in range(steps))
    area = sum((1 + (quantile / part) ** 2 / degrees) ** (-(degrees + 1) / 2) * quantile / part**2 for part in parts)
    assert 2 * factor * area / steps == pytest.approx(chance, rel=1e-4)
