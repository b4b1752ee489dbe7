"""The report's line about the scenario's spans."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from otel_memeval.exporters.terminal.spans_line import spans_line
from otel_memeval.records import GenAi, Iteration

MakeIteration = Callable[..., Iteration]
CALLS = GenAi(model_calls=8, tool_calls=2, input_tokens=1200, output_tokens=160, spans=14)
PLAIN = GenAi(model_calls=0, tool_calls=0, input_tokens=0, output_tokens=0, spans=1500)
TYPICAL = "an iteration, typically: 1,500 spans, none of a model or a tool"
DROPPED = "140,000 spans were dropped, more than an iteration's buffer holds"
NONE = GenAi(model_calls=0, tool_calls=0, input_tokens=0, output_tokens=0, spans=0)


@pytest.mark.parametrize(
    ("sums", "line"),
    [
        ([], ""),
        ([None, None], ""),
        ([NONE, NONE], "no span of the scenario's was seen: it makes none, or its instrumentation is not switched on"),
        ([CALLS] * 3, "an iteration, typically: 14 spans, 8 model calls, 2 tool calls, 1,200 tokens in, 160 out"),
        ([PLAIN], TYPICAL),
        ([NONE, CALLS, CALLS], "an iteration, typically: 14 spans, 8 model calls, 2 tool calls, 1,200 tokens in, 160 out"),
        ([msgspec.structs.replace(PLAIN, spans_dropped=70_000)] * 2, f"{TYPICAL}; {DROPPED}"),
    ],
)
def test_the_line(make_iteration: MakeIteration, sums: list[GenAi | None], line: str) -> None:
    """Medians of the measured iterations; nothing without tracing; what was dropped is told."""
    iterations = [msgspec.structs.replace(make_iteration(index), gen_ai=one) for index, one in enumerate(sums, 1)]
    assert spans_line(iterations) == line


def test_warmups_count_only_where_there_is_nothing_else(make_iteration: MakeIteration) -> None:
    """A warm-up that loads twice as much does not change what is typical."""
    twice = msgspec.structs.replace(CALLS, spans=28)
    warmup = msgspec.structs.replace(make_iteration(1, "warmup"), gen_ai=twice)
    measured = msgspec.structs.replace(make_iteration(1), gen_ai=CALLS)
    assert spans_line([warmup, measured]).startswith("an iteration, typically: 14 spans")
    assert spans_line([warmup]).startswith("an iteration, typically: 28 spans")
