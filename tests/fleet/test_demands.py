"""Resources of an eval, in words of Ray."""

from __future__ import annotations

import pytest

from otel_memeval.errors import UsageError
from otel_memeval.fleet.demands import Demands, demands


def test_eval_asks_for_one_core_unless_it_says_otherwise() -> None:
    """Names of the cluster are labels; a size may be a text."""
    assert demands({}, "m") == Demands(cpus=1.0)
    asked = demands({"cpu": 2, "gpu": 0.5, "memory": "2GiB", "model-quota": 1}, "m")
    assert asked == Demands(cpus=2.0, gpus=0.5, memory_bytes=2 << 30, labels=(("model-quota", 1.0),))


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "much", "-2"])
def test_value_that_is_no_number_is_refused_with_its_place(value: float | str) -> None:
    """The message has the eval and the name."""
    with pytest.raises(UsageError, match="resources of m: cpu"):
        demands({"cpu": value}, "resources of m")
