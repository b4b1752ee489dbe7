"""Sums of calls and tokens of an iteration, each counted once."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_memeval.records import GenAi
from otel_memeval.tracing.genai import GenAiSums
from otel_memeval.tracing.otlp_span import AnyValue, KeyValue, Span

NOTHING = GenAi(model_calls=0, tool_calls=0, input_tokens=0, output_tokens=0, spans=0)


def span(identity: str, parent: str = "", /, **attributes: str | int | float) -> Span:
    """Return a span with attributes; two underscores in a name stand for a dot."""
    values = {
        str: lambda value: AnyValue(string_value=value),
        int: lambda value: AnyValue(int_value=str(value)),
        float: lambda value: AnyValue(double_value=value),
    }
    return Span(
        trace_id="t",
        span_id=identity,
        parent_span_id=parent,
        start_time_unix_nano="1",
        end_time_unix_nano="2",
        attributes=[
            KeyValue(key=key.replace("__", "."), value=values[type(value)](value)) for key, value in attributes.items()
        ],
    )


def usage(operation: str, tokens_in: int, tokens_out: int) -> dict[str, str | int]:
    """Return operation and tokens under the current names."""
    tokens = {"gen_ai__usage__input_tokens": tokens_in, "gen_ai__usage__output_tokens": tokens_out}
    return {"gen_ai__operation__name": operation, **tokens}


def summed(spans: Iterable[Span]) -> tuple[int, int, int | None, int | None]:
    """Return model calls, tool calls, input tokens and output tokens."""
    sums = GenAiSums()
    for finished in spans:
        sums.add(finished)
    total = sums.total()
    return total.model_calls, total.tool_calls, total.input_tokens, total.output_tokens


TEAM = [
    span("leader", "iteration", **usage("invoke_agent", 365, 47)),  # repeats the tokens of its calls: not counted
    span("1", "leader", **usage("chat", 146, 28)),
    span("ask", "leader", gen_ai__operation__name="execute_tool"),
    span("member", "ask", **usage("invoke_agent", 220, 35)),
    span("2", "member", **usage("chat", 97, 7)),
    span("weather", "member", gen_ai__operation__name="execute_tool"),
    span("http", "weather"),
    span("3", "member", **usage("chat", 123, 28)),
]


def test_team_is_summed_over_leader_and_members() -> None:
    """Three model calls and two tools are counted, and tokens once each, although the agents' spans repeat them."""
    assert summed(TEAM) == (3, 2, 146 + 97 + 123, 28 + 7 + 28)
    assert summed(reversed(TEAM)) == summed(TEAM)


@given(st.permutations(TEAM))
def test_sums_do_not_depend_on_the_order_of_spans(spans: list[Span]) -> None:
    """Children end before their parents, or much later."""
    assert summed(spans) == (3, 2, 366, 63)


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], (0, 0, 0, 0)),
        ([span("a")], (0, 0, 0, 0)),
        ([span("a", **usage("chat", 3, 4))], (1, 0, 3, 4)),
        ([span("a", **usage("text_completion", 3, 4)), span("b", **usage("generate_content", 1, 1))], (2, 0, 4, 5)),
        # An agent whose calls are not traced: its own usage counts.
        ([span("a", **usage("invoke_agent", 30, 4))], (0, 0, 30, 4)),
        ([span("a", **usage("invoke_agent", 30, 4)), span("b", "a", **usage("invoke_agent", 20, 1))], (0, 0, 20, 1)),
        # One call, traced by two instrumentations: the framework's and the client's.
        ([span("a", **usage("chat", 30, 4)), span("b", "a", **usage("chat", 30, 4))], (1, 0, 30, 4)),
        # The inner span does not know its usage, as in streaming.
        ([span("a", **usage("chat", 30, 4)), span("b", "a", gen_ai__operation__name="chat")], (1, 0, 30, 4)),
        # A call whose tools run inside it, and one of them asks a model: two calls.
        (
            [span("a", **usage("chat", 30, 4)), span("b", "a", gen_ai__operation__name="execute_tool"),
             span("c", "b", **usage("chat", 7, 1))],
            (2, 1, 37, 5),
        ),
        # Embeddings are no model call of a conversation; their tokens count.
        ([span("a", gen_ai__operation__name="embeddings", gen_ai__usage__input_tokens=9)], (0, 0, 9, 0)),
        # Older names, OpenInference's, OpenLLMetry's.
        ([span("a", gen_ai__operation__name="chat", gen_ai__usage__prompt_tokens=5, gen_ai__usage__completion_tokens=6)],
         (1, 0, 5, 6)),
        ([span("a", openinference__span__kind="LLM", llm__token_count__prompt=5, llm__token_count__completion=6),
          span("b", openinference__span__kind="TOOL")], (1, 1, 5, 6)),
        ([span("a", llm__request__type="chat", gen_ai__usage__prompt_tokens=5), span("b", traceloop__span__kind="tool")],
         (1, 1, 5, None)),
        # Both names of a number count once.
        ([span("a", **usage("chat", 5, 6), gen_ai__usage__prompt_tokens=5, llm__token_count__prompt=5)], (1, 0, 5, 6)),
        # Values that are no counts.
        ([span("a", gen_ai__operation__name="chat", gen_ai__usage__input_tokens=-5)], (1, 0, None, None)),
        ([span("a", gen_ai__operation__name="chat", gen_ai__usage__input_tokens="many")], (1, 0, None, None)),
        ([span("a", gen_ai__operation__name="chat", gen_ai__usage__input_tokens=12.0)], (1, 0, 12, None)),
        # Spans that contain each other.
        ([span("a", "b", **usage("chat", 1, 1)), span("b", "a", **usage("invoke_agent", 2, 2))], (1, 0, 1, 1)),
        ([span("a", "a", **usage("chat", 1, 1))], (1, 0, 1, 1)),
    ],
)  # fmt: skip
def test_sums_follow_each_rule(spans: list[Span], expected: tuple[int, int, int | None, int | None]) -> None:
    """Each rule has the smallest tree that shows it."""
    assert summed(spans) == expected


CHAT = {"gen_ai__operation__name": "chat"}
AGENT = {"gen_ai__operation__name": "invoke_agent"}
TOOL = {"gen_ai__operation__name": "execute_tool"}


@pytest.mark.parametrize(
    ("spans", "tokens"),
    [
        ([span("a", **CHAT)], (None, None)),
        ([span("a", **CHAT, gen_ai__usage__output_tokens=4)], (None, 4)),
        ([span("a", **usage("chat", 0, 0))], (0, 0)),
        # A part of the calls is known: their sum is not the sum of all.
        ([span("a", **usage("chat", 30, 4)), span("b", **CHAT)], (None, None)),
        ([span("a", **usage("chat", 30, 4)), span("b", **usage("chat", 7, 1))], (37, 5)),
        # The span around knows: an agent, or an outer span of the same call.
        ([span("a", **usage("invoke_agent", 30, 4)), span("b", "a", **CHAT), span("c", "a", **CHAT)], (30, 4)),
        ([span("a", **usage("chat", 30, 4)), span("b", "a"), span("c", "b", **CHAT)], (30, 4)),
        # It does not know more than the call inside that says its number: the other call is unknown.
        (
            [span("a", **usage("invoke_agent", 30, 4)), span("b", "a", **CHAT), span("c", "a", **usage("chat", 7, 1))],
            (None, None),
        ),
        # A call inside a tool of another call is not covered by that call, but by an agent around both.
        ([span("a", **usage("chat", 30, 4)), span("b", "a", **TOOL), span("c", "b", **CHAT)], (None, None)),
        (
            [span("x", **usage("invoke_agent", 30, 4)), span("a", "x", **CHAT), span("b", "a", **TOOL),
             span("c", "b", **CHAT)],
            (30, 4),
        ),
        # An agent whose calls are not traced used a model all the same; a tool alone did not.
        ([span("a", **AGENT), span("b", "a", **TOOL)], (None, None)),
        ([span("a", **AGENT), span("b", "a", **usage("chat", 7, 1))], (7, 1)),
        ([span("a", **AGENT), span("b", "a", gen_ai__operation__name="embeddings", gen_ai__usage__input_tokens=9)], (9, 0)),
        ([span("a", **TOOL), span("b")], (0, 0)),
    ],
)  # fmt: skip
def test_unknown_tokens_make_the_sum_unknown(spans: list[Span], tokens: tuple[int | None, int | None]) -> None:
    """A number that no span has is not 0, and a sum of which a part is unknown is unknown."""
    assert summed(spans)[2:] == tokens
    assert summed(reversed(spans))[2:] == tokens


@pytest.mark.parametrize(
    ("attributes", "has_messages", "calls"),
    [
        # A method of a model's client that prepares a request: its span has the kind and the model of a request.
        ({"llm__model_name": "gpt"}, False, 0),
        ({"llm__model_name": "gpt"}, True, 1),
        ({"llm__finish_reason": "stop"}, False, 1),
        ({"llm__token_count__completion": 3}, False, 1),
        # OpenTelemetry's operation names a request by itself.
        ({"gen_ai__operation__name": "chat"}, False, 1),
        ({"gen_ai__request__model": "gpt", "gen_ai__operation__name": "create_agent"}, False, 0),
    ],
)
def test_span_of_a_models_client_is_a_call_if_it_asked_the_model(
    attributes: dict[str, str | int], has_messages: bool, calls: int
) -> None:
    """OpenInference gives the kind LLM to every method of a client."""
    sums = GenAiSums()
    sums.add(span("a", openinference__span__kind="LLM", **attributes), has_messages=has_messages)
    assert sums.total().model_calls == calls


def test_dropped_spans_are_counted_separately() -> None:
    """They are missing from the sums."""
    sums = GenAiSums()
    assert sums.total() == NOTHING
    sums.add_dropped(3)
    sums.add_dropped(4)
    assert sums.total() == msgspec.structs.replace(NOTHING, spans_dropped=7)
