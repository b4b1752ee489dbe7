"""The eval's own numbers, and what the caller says instead."""

from __future__ import annotations

from typing import Any

import pytest

from otel_memeval import wire
from otel_memeval.errors import UsageError
from otel_memeval.evaluation import PerformanceEval
from otel_memeval.run.plan import Options, Plan, longer_run, plan
from otel_memeval.worker import target


def planned(options: Options | None = None, **fields: Any) -> Plan:
    """Return the plan for an eval with these fields."""
    loaded = wire.Loaded(
        module="m", names=["e"], name="e", file="", library_folder="", awaits_nothing=False, fields=wire.Fields(**fields)
    )
    return plan(loaded, options or Options())


def test_an_eval_has_agnos_numbers() -> None:
    """An eval that says nothing runs agno's 50 iterations after 10 warm-ups and shows 5 lines."""
    fields: dict[str, Any] = target.eval_of(PerformanceEval(func=lambda: None), "m:e", "e").fields
    made = planned(**fields)
    assert (made.eval.iterations, made.eval.warmup, made.top) == (50, 10, 5)
    assert (made.most_iterations, made.eval.max_iterations) == (200, 200)
    assert (made.debug, made.show_progress) == (False, True)
    assert (made.eval.limits.max_growth_bytes, made.eval.limits.max_peak_growth_bytes) == (None, None)


def test_a_plain_function_has_numbers_of_its_own() -> None:
    """A function has no fields: 20 iterations after 3 warm-ups, extended to at most 80."""
    made = planned()
    assert (made.eval.iterations, made.eval.warmup, made.most_iterations) == (20, 3, 80)


def test_no_warmups_are_no_warmups() -> None:
    """Agno allows None and 0 for warm-ups; both are none, not the default of a plain function."""
    assert planned(num_iterations=5, warmup_runs=None).eval.warmup == 0
    assert planned(num_iterations=5, warmup_runs=0).eval.warmup == 0


def test_options_go_before_fields() -> None:
    """Whatever the command line says counts, and what it does not say is the eval's."""
    fields: dict[str, Any] = {
        "num_iterations": 7, "warmup_runs": 2, "max_iterations": 9, "max_growth": 1, "max_peak_growth": 2,
        "top_n_memory_allocations": 3, "eval_id": "id", "agent_id": "a", "team_id": "t", "model_id": "m",
        "model_provider": "p", "debug_mode": True, "show_spinner": False,
    }  # fmt: skip
    own = planned(**fields)
    assert (own.eval.iterations, own.eval.warmup, own.most_iterations, own.top) == (7, 2, 9, 3)
    assert (own.eval.limits.max_growth_bytes, own.eval.limits.max_peak_growth_bytes) == (1, 2)
    assert (own.eval.eval_id, own.eval.agent_id, own.eval.team_id) == ("id", "a", "t")
    assert (own.eval.model_id, own.eval.model_provider, own.debug, own.show_progress) == ("m", "p", True, False)
    options = Options(iterations=4, warmup=0, top=0, max_growth_bytes=0, max_peak_growth_bytes=6)
    said = planned(options, **fields)
    assert (said.eval.iterations, said.eval.warmup, said.most_iterations, said.top) == (4, 0, 4, 0)
    assert (said.eval.limits.max_growth_bytes, said.eval.limits.max_peak_growth_bytes) == (0, 6)


@pytest.mark.parametrize(
    ("iterations", "own", "option", "most"),
    [(1, None, None, 20), (5, None, None, 20), (6, None, None, 24), (5, 30, None, 30), (5, 3, None, 5), (5, 30, 8, 8)],
)
def test_how_far_an_undecided_eval_may_go(iterations: int, own: int | None, option: int | None, most: int) -> None:
    """Four times its own number and at least 20; a number of the eval's goes before that, the caller's before both."""
    assert planned(Options(max_iterations=option), num_iterations=iterations, max_iterations=own).most_iterations == most


def test_a_fixed_number_is_not_extended() -> None:
    """With --iterations there are exactly so many, also where --max-iterations says more."""
    assert planned(Options(iterations=3, max_iterations=50), num_iterations=5).most_iterations == 3


@pytest.mark.parametrize(
    ("total", "wanted", "most", "every", "longer"),
    [
        (20, 60, 80, 1, 60),
        (20, 0, 80, 1, 21),
        (20, 100, 80, 1, 80),
        (80, 100, 80, 1, 80),
        (100, 130, 400, 12, 136),
        (100, 124, 400, 12, 124),
        (100, 0, 400, 12, 112),
        (100, 1000, 400, 12, 400),
        (100, 1000, 395, 12, 388),
        (100, 1000, 111, 12, 100),
    ],
)
def test_longer_run_ends_with_an_iteration_that_is_read(total: int, wanted: int, most: int, every: int, longer: int) -> None:
    """It has what is wanted and at least one interval more, up to the limit; no room leaves the run as it is."""
    assert longer_run(total, wanted, most, every) == longer


@pytest.mark.parametrize(("limit", "count"), [(4096, 4096), ("4096", 4096), ("16KiB", 16384), (0, 0), (None, None)])
def test_limits_are_numbers_or_text(limit: int | str | None, count: int | None) -> None:
    """A limit in the eval is bytes or a size with its unit; none is no limit, and 0 is one."""
    limits = planned(num_iterations=5, max_growth=limit, max_peak_growth=limit).eval.limits
    assert (limits.max_growth_bytes, limits.max_peak_growth_bytes) == (count, count)


@pytest.mark.parametrize(
    ("options", "fields", "message"),
    [
        ({"iterations": 0}, {}, "--iterations is 0; it must be 1 or more"),
        ({"iterations": -1}, {}, "--iterations is -1; it must be 1 or more"),
        ({"warmup": -1}, {}, "--warmup is -1; it must be 0 or more"),
        ({"max_iterations": 0}, {}, "--max-iterations is 0; it must be 1 or more"),
        ({"top": -1}, {}, "--top is -1; it must be 0 or more"),
        ({"timeout_seconds": 0.0}, {}, "--timeout is 0; it must be more than 0 seconds"),
        ({"timeout_seconds": -0.5}, {}, "--timeout is -0.5; it must be more than 0 seconds"),
        ({"follow_up_budget_seconds": -1.0}, {}, "--follow-up-budget is -1; it must be 0 seconds or more"),
        ({"timeout_seconds": float("nan")}, {}, "--timeout is nan; it must be more than 0 seconds"),
        ({}, {"num_iterations": 0}, "num_iterations of eval 'e' is 0; it must be 1 or more"),
        ({}, {"num_iterations": 1, "warmup_runs": -1}, "warmup_runs of eval 'e' is -1; it must be 0 or more"),
        ({}, {"max_iterations": 0}, "max_iterations of eval 'e' is 0; it must be 1 or more"),
        ({}, {"top_n_memory_allocations": -1}, "top_n_memory_allocations of eval 'e' is -1; it must be 0 or more"),
        ({}, {"max_growth": -1}, "max_growth of eval 'e': -1 is not a size; write bytes (4096) or a unit (16KiB, 1.5MiB)"),
        (
            {},
            {"max_peak_growth": "lots"},
            "max_peak_growth of eval 'e': 'lots' is not a size; write bytes (4096) or a unit (16KiB, 1.5MiB)",
        ),
    ],
)
def test_numbers_that_make_no_run_are_refused(options: dict[str, Any], fields: dict[str, Any], message: str) -> None:
    """Just below each limit: wrong usage, with the option or field by name, its value, and what it must be."""
    with pytest.raises(UsageError) as raised:
        planned(Options(**options), **fields)
    assert str(raised.value) == message


def test_the_smallest_numbers_are_a_run() -> None:
    """At each limit: one iteration, no warm-up, no line shown, a short timeout."""
    made = planned(Options(iterations=1, warmup=0, max_iterations=1, top=0, timeout_seconds=0.001, max_growth_bytes=0))
    assert (made.eval.iterations, made.eval.warmup, made.top, made.most_iterations) == (1, 0, 0, 1)
