"""Faults of the group credentials."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.faults.fault import Fault


def faults() -> Sequence[Fault]:
    """Return the faults of this group."""
    return ()
