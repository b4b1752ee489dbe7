"""The messages between worker and parent."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_memeval import wire
from otel_memeval.errors import WorkerError
from otel_memeval.worker import describe, follow_up, harness
from otel_memeval.worker.otel import span_json

KINDS = {kind.__struct_config__.tag: kind for kind in get_args(wire.AnyMessage)}


def test_worker_and_parent_speak_one_version() -> None:
    """The two numbers, which cannot be imported from one place, are equal."""
    assert wire.WIRE_VERSION == harness.WIRE_VERSION


def test_every_kind_that_the_worker_sends_is_known_and_the_other_way_round() -> None:
    """The kinds that stand in the worker's code are exactly those that the parent can read."""
    sent = set(re.findall(r'"kind":"([a-z_]+)"', inspect.getsource(span_json)))
    for module in (harness, follow_up, describe):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            for key, value in zip(node.keys, node.values) if isinstance(node, ast.Dict) else ():
                if isinstance(key, ast.Constant) and key.value == "kind":
                    assert isinstance(value, ast.Constant)
                    sent.add(value.value)
    assert sent == set(KINDS)


SAYING = """
import asyncio, json, sys, tracemalloc
from otel_memeval.worker import harness, target
KEPT = {}
def fail(): raise ValueError("no")
def nothing(): pass
def describe(): return "a model"
name, source = sys.argv[1], sys.argv[2]
one = harness.Harness(lambda message: print(json.dumps(message)), lambda file: "/worker/" in file)
one.hello()
if source and not one.load(source, ""):
    sys.exit()
lines = lambda view: print(bytes(view).decode(), end="")
if name == "spans":
    one.trace("a" * 32, "b" * 32, "sampled", lines)
    one._tracing.install()
    from opentelemetry import trace
    tracer = trace.get_tracer("t", "1")
def spans():
    tracer.start_span("a span").end()
def huge():
    tracer.start_span("x" * (9 << 20)).end()
hooks = {key: globals()[hook] for key, hook in (pair.split("=") for pair in sys.argv[3:])}
one.use(target.Eval("an eval", tracemalloc.clear_traces if name == "clear" else globals()[name], **hooks), "__main__", ["e"])
loop = asyncio.new_event_loop()
one.start_tracing()
if one.set_up(loop):
    one.iterate(loop, "warmup", 1, 1, False)
    one.iterate(loop, "measured", 1, 2, True)
one.describe([id(KEPT)])
one.widen(loop, 1, 1, 1.0)
one.look(loop, 3, 2, True, [])
one.record(loop, 2, True, "")
one.finish(loop)
loop.close()
"""


def said_by_a_host(run_python: Callable[..., Any], *arguments: str) -> dict[str, Any]:
    """Everything that a real host says in one short run in a process of its own, decoded, the last of each kind."""
    lines = run_python(SAYING, *arguments).stdout.splitlines()
    return {type(message).__name__: message for message in map(wire.decode, map(str.encode, lines))}


def test_every_message_of_a_real_host_decodes(run_python: Callable[..., Any]) -> None:
    """A good run, a failing one, a failing set-up, an unusable target and cleared traces: everything is understood."""
    said = said_by_a_host(run_python, "nothing", "", "describe=describe", "teardown=fail")
    assert said["Finished"].failure.message == "no"
    assert [(told.type, told.path) for told in said["Holders"].holders] == [("dict", "__main__.KEPT")]
    assert said["Ready"].description == "a model"
    assert said["FollowUpIteration"].index == 2
    assert (said["BatchedReading"].reading, said["BatchedReading"].failure) == (None, None)
    assert said["Stacks"].failure is None
    failed = said_by_a_host(run_python, "fail", "")
    assert failed["Stacks"].failure.message == "no"
    assert failed["IterationDone"].failure.frames[-1][2] == "fail"
    unset = said_by_a_host(run_python, "nothing", "", "setup=fail")
    assert unset["SetUpFailed"].stage == "setup"
    unusable = said_by_a_host(run_python, "nothing", "no_such_module_anywhere")
    untraced = said_by_a_host(run_python, "clear", "")
    traced = said_by_a_host(run_python, "spans", "", "setup=huge")
    assert traced["ScenarioSpan"].span.name == "a span"
    assert traced["SpansDropped"].count == 1
    assert {*said, *failed, *unset, *unusable, *untraced, *traced} == {kind.__name__ for kind in KINDS.values()}


@pytest.mark.parametrize(
    "line",
    [b"", b"\n", b"{", b"[]", b"null", b"{}", b'{"kind":"gossip"}', b'{"kind":"paused"} more', b"\xff\xfe", b'{"kind":1}',
     b'{"kind":"finished"}', b'{"kind":"finished","failure":3,"packages":{}}', b'{"\\ud800', b"[" * 100_000 + b"\\ud"],
)  # fmt: skip
def test_garbage_is_one_clear_error(line: bytes) -> None:
    """Lines that are no JSON, no message, of an unknown kind or with wrong fields raise the tool's own error."""
    with pytest.raises(WorkerError, match="the worker said something unknown"):
        wire.decode(line)


@given(st.binary(max_size=80))
@settings(deadline=None, max_examples=150)
def test_no_line_raises_anything_else(line: bytes) -> None:
    """Whatever bytes arrive, they are a message or the tool's own error."""
    try:
        wire.decode(line)
    except WorkerError:
        return
    assert isinstance(json.loads(line), dict)


@pytest.mark.parametrize("version", [1, 3])
def test_another_version_is_refused_by_number(version: int) -> None:
    """A worker older or newer than this parent is named, not guessed at; the right one is heard."""
    hello = {"kind": "hello", "wire": version, "python": "3", "platform": "L"}
    with pytest.raises(WorkerError, match=f"speaks version {version}, this is version 2"):
        wire.decode(json.dumps({**hello, "missing_channels": []}).encode())
    assert isinstance(wire.decode(json.dumps({**hello, "wire": 2, "missing_channels": []}).encode()), wire.Hello)


def test_fields_from_the_future_are_passed_over() -> None:
    """A field that this version does not know does no harm."""
    assert wire.decode(b'{"kind":"paused","mood":"good"}') == wire.Paused()


@pytest.mark.parametrize("text", ["caf\udce9", "\ud83d", "a \\ud83d in words", "👩‍👩‍👧", "\x00\n\u2028"])
def test_half_characters_travel(text: str) -> None:
    """An error message with half a character arrives, the half as a question mark; whole ones, and escapes, as they were."""
    message: dict[str, object] = {"kind": "target_rejected", "problem": text, "failure": None}
    expected = wire.TargetRejected(problem=text.encode("utf-8", "replace").decode("utf-8"), failure=None)
    assert wire.decode(json.dumps(message).encode("ascii")) == wire.decode_dict(message) == expected


def test_expected_message_is_returned_and_another_one_is_an_error() -> None:
    """A message of the expected type comes back as it is; another type raises an error that names both."""
    paused = wire.Paused()
    assert wire.expect(paused, wire.Paused) is paused
    with pytest.raises(WorkerError, match="'paused' where 'ready' was expected"):
        wire.expect(paused, wire.Ready)


def test_commands_are_lines_of_plain_words() -> None:
    """Each command is one line whatever the target is called, and says what the worker reads."""
    load = wire.load_command("a b.py\n", "name")
    assert load.startswith("load {")
    assert "\n" not in load
    assert json.loads(load.removeprefix("load ")) == {"source": "a b.py\n", "name": "name"}
    assert wire.iterate_command("measured", 6, 5, keep_going=True) == "iterate measured 6 5 1"
    assert wire.trace_command("r", "t", sampled=False, contents="none") == "trace r t -"
    assert wire.trace_command("r", "t", sampled=True, contents="spans") == "trace r t sampled,span-contents"
    assert wire.trace_command("r", "t", sampled=True, contents="events") == "trace r t sampled,event-contents"
    assert wire.trace_command("r", "t", sampled=False, contents="both") == "trace r t span-contents,event-contents"
    assert wire.describe_command([1, 2], [(0, 7)]) == "describe 1 2 0:7"
    assert wire.describe_command([], []) == "describe"
    assert wire.look_command(12, 4, [(0, 7), (3, 10)], explain=False) == "look 12 4 0 0:7 3:10"
    assert wire.look_command(12, 4, [], explain=True) == "look 12 4 1"
    assert wire.record_command(10, "a b", peak=True) == 'record 10 1 "a b"'
    assert wire.FINISH_COMMAND == "finish"
