"""The most telling faults of ``benchmarks/faults``: the tool survives each of them."""

from __future__ import annotations

import pytest

from benchmarks.faults.campaign import GROUPS, attempt, faults_of
from benchmarks.faults.fault import Fault

FAULTS = [
    pytest.param(group, fault, id=f"{group}-{fault.name}") for group in GROUPS for fault in faults_of(group) if fault.in_ci
]


@pytest.mark.parametrize(("group", "fault"), FAULTS)
def test_fault_is_survived(group: str, fault: Fault) -> None:
    """No traceback of the tool, no process left behind, the right status, no wait without end."""
    assert attempt(group, fault, seed=1).failure == ""
