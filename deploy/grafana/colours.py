"""Choose the colours of verdicts and of kinds of growth, and give each verdict its code. Pure."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard

from deploy.grafana.promql import CODES
from otel_memeval.verdicts import State

ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE, GREY = (
    "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#999999",
)  # fmt: skip
"""Okabe and Ito's palette, distinct for readers with colour blindness too (https://jfly.uni-koeln.de/color/), and a grey."""

WINE = "#882255"
"""From Paul Tol's muted palette: for leaks outside of Python's heap, beside the vermilion of the others."""

STATE_COLOURS: dict[State, str] = {
    "leaking": VERMILION, "native-leak": WINE, "failed": PURPLE, "idle": YELLOW, "creeping": ORANGE,
    "inconclusive": GREY, "bounded": SKY, "settling": BLUE, "stable": GREEN,
}  # fmt: skip
"""A colour of its own for each state: on a timeline the three colours of a terminal are not enough."""

KIND_COLOURS = {"retained": VERMILION, "peak": ORANGE, "native": WINE, "process": SKY}


def states_mapping() -> list[dashboard.ValueMapping]:
    """Return the mapping from a verdict's code to its word and colour."""
    options = {
        str(code): dashboard.ValueMappingResult(text=state, color=STATE_COLOURS[state], index=-code)
        for state, code in CODES.items()
    }
    return [dashboard.ValueMap(options=options)]
