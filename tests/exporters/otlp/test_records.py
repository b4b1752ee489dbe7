"""Any result becomes valid OTLP messages."""

from __future__ import annotations

import json

import msgspec
import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from otel_memeval.exporters.otlp.delivery.protobuf import Unreadable, read_line
from otel_memeval.exporters.otlp.otlp_json import key_values
from otel_memeval.exporters.otlp.settings import SIGNALS
from otel_memeval.records import Failure, Iteration, Result
from otel_memeval.run.locations import SiteChange
from tests.exporters.otlp.otlp_console import RUN, Exported, ours

TEXT = st.text(st.characters(), max_size=20) | st.sampled_from(["", " ", "\udc80\ud800", "\x00", "木" * 9000, "🙂", "\n"])
HUGE = st.integers(-(1 << 80), 1 << 80) | st.sampled_from([(1 << 63) - 1, 1 << 63, -(1 << 63) - 1, 10**400, 0])
SECONDS = st.floats() | st.sampled_from([1e300, -1.0, 0.0, float("nan"), float("inf")])
ITERATION = st.builds(
    Iteration,
    index=HUGE,
    phase=st.sampled_from(["warmup", "measured"]),
    started_at=TEXT | st.sampled_from(["2026-01-01T00:00:00+00:00", "0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59"]),
    duration_seconds=SECONDS,
    status=st.sampled_from(["ok", "error"]),
    error=st.none() | st.builds(Failure, type=TEXT, message=TEXT),
    retained_bytes=st.none() | HUGE,
    retained_blocks=st.none() | HUGE,
    peak_bytes=st.none() | HUGE,
    traced_current_bytes=st.none() | HUGE,
    rss_bytes=st.none() | HUGE,
    uss_bytes=st.none() | HUGE,
    native_heap_bytes=st.none() | HUGE,
    cpu_seconds=st.none() | SECONDS,
)
CHANGE = st.builds(SiteChange, file=TEXT, line=HUGE, grown_bytes=HUGE, grown_blocks=HUGE, source=st.just(""))


def assert_valid(line: bytes) -> Message:
    """Assert that a line is JSON without bare NaN, and a protobuf message that survives encoding."""
    json.loads(line.decode("utf-8"), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    signal, message = read_line(line)
    again = type(message)()
    again.ParseFromString(message.SerializeToString())
    assert again == message or "nan" in str(message).lower()
    assert message.ByteSize() > 0
    assert signal in SIGNALS
    return message


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None, phases=[Phase.generate]
)
@given(st.data())
def test_any_result_becomes_valid_messages(hostile_result: st.SearchStrategy[Result], data: st.DataObject) -> None:
    """Halves of characters, huge and negative numbers, empty names and no times give three readable signals."""
    exported = Exported(events="both", passed=data.draw(st.booleans()))
    exported.begin(data.draw(HUGE))
    iterations = data.draw(st.lists(st.tuples(ITERATION, st.lists(CHANGE, max_size=3)), max_size=3))
    result = ours(data.draw(hostile_result))
    exported.export(msgspec.structs.replace(result, iterations=[iteration for iteration, _ in iterations]), *iterations)
    assert {read_line(line)[0] for line in exported.lines} == set(SIGNALS)
    for line in exported.lines:
        assert_valid(line)
    for span in exported.items("traces"):
        assert span["name"]
        assert int(span["endTimeUnixNano"]) >= int(span["startTimeUnixNano"]) >= 0
        assert span["traceId"] == RUN


JSON_VALUE = st.recursive(
    st.none() | st.booleans() | HUGE | st.floats() | TEXT,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(TEXT, below, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(TEXT, JSON_VALUE, max_size=5))
def test_any_values_become_attributes(values: dict[str, object]) -> None:
    """Nested values are valid too, and no key is empty."""
    span = {"traceId": "a" * 32, "spanId": "b" * 16, "name": "x", "attributes": key_values(values)}
    line = msgspec.json.encode({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    message = assert_valid(line)
    assert 'key: ""' not in str(message)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b"1",
        b"{",
        b"\xff",
        b'{"resourceSpans": 1}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [1]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz"}]}]}]}',
    ],
)
def test_line_that_is_no_message_is_unreadable(line: bytes) -> None:
    """A broken line and a line of another kind raise one error that names the reason."""
    with pytest.raises(Unreadable, match="no OTLP message"):
        read_line(line)
