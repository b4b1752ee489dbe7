"""The states of a verdict and their properties, one table for the whole package. Standard library only."""

from __future__ import annotations

from typing import Literal, NamedTuple

State = Literal["stable", "settling", "bounded", "creeping", "leaking", "native-leak", "idle", "inconclusive", "failed"]
"""The state of a verdict; ``docs/verdict/`` has the meaning of each."""

Severity = Literal["info", "warning", "error"]


class StateProperties(NamedTuple):
    """Properties of one verdict state."""

    severity: Severity
    """How urgent the state is; a run that fails is an error whatever its state."""
    colour: str
    """Colour on a terminal, a name that both ANSI and CSS know."""
    fails_run: bool
    """Whether the state fails a run unless ``--fail-on`` says otherwise."""


PROPERTIES: dict[State, StateProperties] = {
    "stable": StateProperties("info", "green", fails_run=False),
    "settling": StateProperties("info", "green", fails_run=False),
    "bounded": StateProperties("info", "green", fails_run=False),
    "creeping": StateProperties("warning", "yellow", fails_run=False),
    "leaking": StateProperties("error", "red", fails_run=True),
    "native-leak": StateProperties("error", "red", fails_run=True),
    "idle": StateProperties("error", "red", fails_run=True),
    "inconclusive": StateProperties("warning", "yellow", fails_run=False),
    "failed": StateProperties("error", "red", fails_run=True),
}
"""All states in the order of documentation and metrics."""

STATES: tuple[State, ...] = tuple(PROPERTIES)

STATES_WORST_FIRST: tuple[State, ...] = (
    "leaking", "native-leak", "failed", "idle", "creeping", "inconclusive", "bounded", "settling", "stable",
)  # fmt: skip
"""All states from the one that needs attention first; the order of tables and dashboards."""

FAILING_STATES: tuple[State, ...] = tuple(state for state, properties in PROPERTIES.items() if properties.fails_run)
"""The default of ``--fail-on``."""

REGRESSED = "regressed"
"""Outcome of a comparison with a baseline, which ``--fail-on`` takes beside the states."""
