"""Trends of levels: series with a value per reading, which may lie several iterations apart. Growth is per iteration."""

from __future__ import annotations

from collections.abc import Sequence

from otel_memeval.analysis.evidence import Evidence, settled_start
from otel_memeval.analysis.rises import GrowthMode
from otel_memeval.analysis.trend import SeriesTraits, SeriesTrend, trend_of


def level_traits(
    evidence: Evidence,
    *,
    noisy: bool = False,
    smoothed: bool = False,
    single_block: bool = False,
    growth_mode: GrowthMode = "",
) -> SeriesTraits:
    """Return the traits of a series of levels."""
    return SeriesTraits(
        noisy=noisy,
        smoothed=smoothed,
        single_block=single_block,
        growth_mode=growth_mode,
        calls_before=max(evidence.warmup, 1),
        calls_per_step=evidence.readings_every,
    )


def level_trend(
    evidence: Evidence, values: Sequence[float], floor_per_iteration: float, traits: SeriesTraits | None = None
) -> SeriesTrend:
    """Return the trend of the settled part of a series of levels, by default an exact one; floor and slope per iteration."""
    return trend_of(settled_start(evidence, values), floor_per_iteration, traits or level_traits(evidence))


def mean_rise(evidence: Evidence, values: Sequence[float]) -> float:
    """Return the rise per iteration from the first to the last settled value of a series of levels; 0 for fewer than two."""
    judged = settled_start(evidence, values)
    return (judged[-1] - judged[0]) / ((len(judged) - 1) * evidence.readings_every) if len(judged) > 1 else 0.0
