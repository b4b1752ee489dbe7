"""Messages of the worker."""

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
from otel_memeval.worker import describe, follow_up, harness, serve
from otel_memeval.worker.otel import span_json

KINDS = {kind.__struct_config__.tag: kind for kind in get_args(wire.AnyMessage)}


def test_worker_and_parent_have_one_version() -> None:
    """The two numbers, which cannot be imported from one place, are equal."""
    assert wire.WIRE_VERSION == harness.WIRE_VERSION


def test_kinds_in_the_workers_code_are_those_of_the_messages() -> None:
    """Every kind that the worker sends can be decoded, and there is no other kind."""
    sent = set(re.findall(r'"kind":"([a-z_]+)"', inspect.getsource(span_json)))
    for module in (harness, follow_up, describe, serve):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            for key, value in zip(node.keys, node.values) if isinstance(node, ast.Dict) else ():
                if isinstance(key, ast.Constant) and key.value == "kind":
                    assert isinstance(value, ast.Constant)
                    sent.add(value.value)
    assert sent == set(KINDS)


PROGRAM = """
import asyncio, json, sys, tracemalloc
from otel_memeval.worker import harness, scenario_caller, target
KEPT = {}
class Db:
    async def create_eval_run(self, record): raise LookupError(record.name + record.evaluated_component_name)
def fail(): raise ValueError("no")
def nothing(): pass
def describe(): return "a model"
name, source = sys.argv[1], sys.argv[2]
caller = scenario_caller.BlockingCaller()
run = harness.Harness(
    caller,
    lambda message: print(json.dumps(message)),
    lambda lines: print(bytes(lines).decode(), end=""),
    lambda file: "/worker/" in file,
)
run.hello()
if source:
    run.load(source, "")
    sys.exit()
if name == "spans":
    run.trace("a" * 32, "b" * 32, True, False, False)
    run._tracing.install()
    from opentelemetry import trace
    tracer = trace.get_tracer("t", "1")
def spans():
    tracer.start_span("a span").end()
def huge():
    tracer.start_span("x" * (9 << 20)).end()
hooks = {key: globals()[hook] for key, hook in (pair.split("=") for pair in sys.argv[3:])}
func = tracemalloc.clear_traces if name == "clear" else globals()[name]
run.use(target.LoadedEval("an eval", func, database=Db(), **hooks), "__main__", ["e"])
async def steps():
    if await run.set_up():
        await run.iterate("warmup", 1, 1, False)
        await run.iterate("measured", 1, 2, True)
        run.describe([id(KEPT)], [], [], [], 9.0)
        await run.describe_resources([("file_descriptors", 1)], 0.0, 1, 0, 9.0)
        await run.watch_call()
        await run.read_batches(1, 1, 1.0)
        await run.attribute_callers(3, 2, True, [], 9.0)
        await run.record_stacks(2, True, "", 9.0)
        await run.store_run('{"name": "a \\u20ac, "}')
        await run.finish()
scenario_caller.drive(steps())
assert run.is_finished
caller.close()
"""


def messages_of_harness(run_python: Callable[..., Any], *arguments: str) -> dict[str, Any]:
    """Return the messages of a real harness in one short run in a process of its own, the last of each kind, by class."""
    lines = run_python(PROGRAM, *arguments).stdout.splitlines()
    return {type(message).__name__: message for message in map(wire.decode, map(str.encode, lines))}


def test_every_message_of_real_harness_decodes(run_python: Callable[..., Any]) -> None:
    """Messages of a good run, a failing one, a failing set-up, a rejected target and cleared traces are all decoded."""
    good = messages_of_harness(run_python, "nothing", "", "describe=describe", "teardown=fail")
    assert good["Finished"].failure.message == "no"
    assert [(holder.type, holder.path) for holder in good["Holders"].holders] == [("dict", "__main__.KEPT")]
    assert good["Loaded"].has_database
    assert good["RunStored"].failure.message == "a \u20ac, nothing"
    assert good["Ready"].description == "a model"
    assert good["FollowUpIteration"].index == 2
    assert good["ResourceDescriptions"].failure is None
    assert [added.count for added in good["ResourceDescriptions"].added["file_descriptors"]] == [1]
    assert (good["BatchedReading"].reading, good["BatchedReading"].failure) == (None, None)
    assert (good["WatchedCall"].computes, good["WatchedCall"].dropped) == (False, [])
    assert good["Stacks"].failure is None
    failed = messages_of_harness(run_python, "fail", "")
    assert failed["Stacks"].failure.message == "no"
    assert failed["IterationDone"].failure.frames[-1][2] == "fail"
    not_set_up = messages_of_harness(run_python, "nothing", "", "setup=fail")
    assert not_set_up["SetUpFailed"].stage == "setup"
    assert not_set_up["Finished"].failure is None
    rejected = messages_of_harness(run_python, "nothing", "no_such_module_anywhere")
    untraced = messages_of_harness(run_python, "clear", "")
    traced = messages_of_harness(run_python, "spans", "", "setup=huge")
    assert traced["ScenarioSpan"].span.name == "a span"
    assert traced["SpansDropped"].count == 1
    classes = {kind.__name__ for kind in KINDS.values()} - {"MeasurementFailed"}  # sent by the process, not by the harness
    assert {*good, *failed, *not_set_up, *rejected, *untraced, *traced} == classes


@pytest.mark.parametrize(
    "line",
    [b"", b"\n", b"{", b"[]", b"null", b"{}", b'{"kind":"gossip"}', b'{"kind":"paused"} more', b"\xff\xfe", b'{"kind":1}',
     b'{"kind":"finished"}', b'{"kind":"finished","failure":3,"packages":{}}', b'{"\\ud800', b"[" * 100_000 + b"\\ud"],
)  # fmt: skip
def test_invalid_line_is_an_error_of_ours(line: bytes) -> None:
    """Lines that are no JSON, no message, of an unknown kind or with wrong fields raise ``WorkerError``."""
    with pytest.raises(WorkerError, match="the scenario wrote into our pipe"):
        wire.decode(line)


@given(st.binary(max_size=80))
@settings(deadline=None, max_examples=150)
def test_no_line_raises_another_error(line: bytes) -> None:
    """Any bytes are a message or a ``WorkerError``."""
    try:
        wire.decode(line)
    except WorkerError:
        return
    assert isinstance(json.loads(line), dict)


@pytest.mark.parametrize("version", [1, 3])
def test_another_version_is_rejected(version: int) -> None:
    """The error names both versions; a message of the right version is decoded."""
    hello = {"kind": "hello", "wire": version, "python": "3", "platform": "L"}
    with pytest.raises(WorkerError, match=f"speaks version {version}, this is version 2"):
        wire.decode(json.dumps({**hello, "missing_channels": []}).encode())
    assert isinstance(wire.decode(json.dumps({**hello, "wire": 2, "missing_channels": []}).encode()), wire.Hello)


def test_unknown_field_is_ignored() -> None:
    """A field that a later version may add does no harm."""
    assert wire.decode(b'{"kind":"paused","mood":"good"}') == wire.Paused()


@pytest.mark.parametrize("text", ["caf\udce9", "\ud83d", "a \\ud83d in words", "👩‍👩‍👧", "\x00\n\u2028"])
def test_surrogates_become_question_marks(text: str) -> None:
    """A text with half a character arrives with a question mark; complete characters, and escapes, arrive unchanged."""
    message: dict[str, object] = {"kind": "target_rejected", "problem": text, "failure": None}
    expected = wire.TargetRejected(problem=text.encode("utf-8", "replace").decode("utf-8"), failure=None)
    assert wire.decode(json.dumps(message).encode("ascii")) == wire.decode_dict(message) == expected


def test_expected_message_is_returned_and_another_one_is_an_error() -> None:
    """A message of the expected type comes back as it is; another type raises an error that names both."""
    paused = wire.Paused()
    assert wire.expect(paused, wire.Paused) is paused
    with pytest.raises(WorkerError, match="'paused' came where 'ready' was expected"):
        wire.expect(paused, wire.Ready)
