"""Faults of the group scenarios: a scenario misbehaves, and the tool names the failure or measures all the same."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.faults.fault import Fault
from benchmarks.faults.misbehaviour import ends, errors, event_loop, leftovers, output, pipes, process_state, replacements


def faults() -> Sequence[Fault]:
    """Return the faults of this group."""
    return [
        fault
        for module in (errors, ends, replacements, process_state, event_loop, pipes, output, leftovers)
        for fault in module.faults()
    ]
