"""Replays of batches that wait: damaged files and folders, addresses, interruptions, two at once, no room."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.faults.fault import Fault
from benchmarks.faults.groups.replay_beside_runs import beside_runs_faults
from benchmarks.faults.groups.replay_files import file_faults
from benchmarks.faults.groups.replay_folders import folder_faults
from benchmarks.faults.groups.replay_moments import moment_faults


def faults() -> Sequence[Fault]:
    """Return the faults of this group."""
    return [*file_faults(), *folder_faults(), *moment_faults(), *beside_runs_faults()]
