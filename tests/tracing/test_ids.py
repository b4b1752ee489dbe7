"""Ids of spans, and the parent in TRACEPARENT."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_memeval.tracing.ids import Parent, iteration_span_id, parse_traceparent, run_span_id, trace_id
from otel_memeval.worker.otel import tracing

RUN = "0af7651916cd43dd8448eb211c80319c"
PARENT = Parent(trace_id=RUN, span_id="b7ad6b7169203331", sampled=True)


@pytest.mark.parametrize(
    ("text", "parent"),
    [
        (f"00-{RUN}-b7ad6b7169203331-01", PARENT),
        (f"  00-{RUN}-b7ad6b7169203331-01\n", PARENT),
        (f"00-{RUN}-b7ad6b7169203331-00", Parent(trace_id=RUN, span_id="b7ad6b7169203331", sampled=False)),
        (f"cc-{RUN}-b7ad6b7169203331-01-what-comes-later", PARENT),
        (f"00-{RUN}-b7ad6b7169203331-01-what-comes-later", None),
        (f"ff-{RUN}-b7ad6b7169203331-01", None),
        (f"00-{RUN.upper()}-b7ad6b7169203331-01", None),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", None),
        (f"00-{RUN}-{'0' * 16}-01", None),
        ("", None),
        ("nonsense", None),
    ],
)
def test_traceparent_is_read_as_the_specification_says(text: str, parent: Parent | None) -> None:
    """The examples are the specification's; values that it ignores give no parent."""
    assert parse_traceparent(text) == parent


def test_run_without_a_parent_has_its_own_trace() -> None:
    """The id of the trace is the run's, or the parent's."""
    assert trace_id("a" * 32, None) == "a" * 32
    assert trace_id("a" * 32, PARENT) == RUN


@given(st.uuids(), st.integers(1, 10_000))
def test_ids_of_a_run_are_distinct_and_repeatable(run: object, index: int) -> None:
    """The worker, which cannot import the module, derives the same ids."""
    run_id = str(run).replace("-", "")
    ids = [run_span_id(run_id), iteration_span_id(run_id, "warmup", index), iteration_span_id(run_id, "measured", index)]
    assert len(set(ids)) == 3
    assert all(len(span_id) == 16 and int(span_id, 16) for span_id in ids)
    assert iteration_span_id(run_id, "measured", index) == ids[2]
    in_worker = [tracing.span_id(run_id, name) for name in (tracing.RUN, f"warmup/{index}", f"measured/{index}")]
    assert in_worker == ids
