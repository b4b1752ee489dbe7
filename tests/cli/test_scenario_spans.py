"""The scenario's spans through a real worker: their parents, their content, their secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_memeval.tracing.ids import Parent, iteration_span_id
from otel_memeval.wire import ContentCapture
from tests.cli.traced import trace

BEGIN = "import asyncio, threading, time\nfrom opentelemetry import trace\nTRACER = trace.get_tracer('scenario')\n"


def test_spans_have_the_parent_in_which_they_were_made(tmp_path: Path) -> None:
    """Set-up and tear-down belong to the run; the trace is the run's, and times lie within the iteration."""
    traced = trace(
        tmp_path,
        BEGIN + "def setup(): TRACER.start_span('opened').end()\n"
        "def describe():\n    TRACER.start_span('described').end()\n    return 'x'\n"
        "def teardown(): TRACER.start_span('closed').end()\n"
        "def run():\n    with TRACER.start_as_current_span('outer'):\n        TRACER.start_span('inner').end()\n",
    )
    both = [("inner", "outer"), ("outer", "measured 1"), ("inner", "outer"), ("outer", "measured 2")]
    assert traced.tree == [("opened", "run"), ("described", "run"), *both, ("closed", "run")]
    assert {span.trace_id for span in traced.spans} == {traced.result.run.id}
    assert [[span.name for span in group] for group in traced.groups] == [
        ["opened", "described"], ["inner", "outer"], ["inner", "outer"], ["closed"],
    ]  # fmt: skip
    assert all(int(span.start_time_unix_nano) <= int(span.end_time_unix_nano) for span in traced.spans)
    assert {iteration.gen_ai and iteration.gen_ai.spans for iteration in traced.result.iterations} == {2}


@pytest.mark.parametrize(
    ("by_parent", "by_sampler", "sampled"),
    [(True, None, True), (False, None, False), (True, False, False), (False, True, True)],
)
def test_scenario_continues_the_iteration_and_the_sampling_decision(
    tmp_path: Path, by_parent: bool, by_sampler: bool | None, sampled: bool
) -> None:
    """Other services get the iteration's id, in the parent's trace, and the sampler's decision, else the parent's."""
    traced = trace(
        tmp_path,
        BEGIN + "async def run():\n    context = trace.get_current_span().get_span_context()\n"
        "    assert context.is_valid and context.is_remote\n"
        "    TRACER.start_span(f'{context.trace_id:032x} {context.span_id:016x} {int(context.trace_flags)}').end()\n",
        parent=Parent(trace_id="c" * 32, span_id="d" * 16, sampled=by_parent),
        sampled=by_sampler,
    )
    run_id = traced.result.run.id
    expected = [f"{'c' * 32} {iteration_span_id(run_id, 'measured', index)} {int(sampled)}" for index in (1, 2)]
    assert traced.errors == []
    assert [span.name for span in traced.spans] == expected
    assert {span.trace_id for span in traced.spans} == {"c" * 32}
    assert {span.flags & 1 for span in traced.spans} == {int(sampled)}


def test_tasks_threads_and_late_spans_have_the_iteration_as_parent(tmp_path: Path) -> None:
    """A task inherits the iteration, a pool's thread is given it; a late span belongs to the iteration that began it."""
    traced = trace(
        tmp_path,
        BEGIN + "LATE = []\n"
        "async def late(number):\n    with TRACER.start_as_current_span(f'late {number}'):\n        await LATE[-1].wait()\n"
        "async def task(number): TRACER.start_span(f'task {number}').end()\n"
        "NUMBERS = iter(range(1, 9))\n"
        "async def run():\n"
        "    number = next(NUMBERS)\n"
        "    while LATE:\n        LATE.pop().set()\n        await asyncio.sleep(0.01)\n"
        "    await asyncio.create_task(task(number))\n"
        "    loop = asyncio.get_running_loop()\n"
        "    await loop.run_in_executor(None, lambda: TRACER.start_span(f'thread {number}').end())\n"
        "    LATE.append(asyncio.Event())\n"
        "    RUNNING.add(asyncio.create_task(late(number)))\n"
        "    await asyncio.sleep(0)\n"
        "RUNNING = set()\n",
        3,
    )
    assert traced.errors == []
    assert traced.tree == [
        ("task 1", "measured 1"), ("thread 1", "measured 1"),
        ("late 1", "measured 1"), ("task 2", "measured 2"), ("thread 2", "measured 2"),
        ("late 2", "measured 2"), ("task 3", "measured 3"), ("thread 3", "measured 3"),
    ]  # fmt: skip
    assert [iteration.gen_ai and iteration.gen_ai.spans for iteration in traced.result.iterations] == [2, 3, 3]


OWN = (
    "from opentelemetry.sdk.trace import TracerProvider\nfrom opentelemetry.sdk.trace.export import *\n"
    "class Counting(SpanExporter):\n    seen = 0\n    def export(self, spans):\n        Counting.seen += len(spans)\n"
    "        return SpanExportResult.SUCCESS\n"
    "PROVIDER = TracerProvider()\nPROVIDER.add_span_processor(SimpleSpanProcessor(Counting()))\n"
    "def provide(): trace.set_tracer_provider(PROVIDER)\n"
    "def run(): TRACER.start_span('mine').end()\n"
    "def teardown():\n    assert trace.get_tracer_provider() is PROVIDER\n    assert Counting.seen == 4, Counting.seen\n"
)


@pytest.mark.parametrize("when", ["on import", "in set-up"])
def test_provider_of_the_scenario_keeps_its_exporters(tmp_path: Path, when: str) -> None:
    """They get every span, that of the watched call too, and nothing else; no warning is logged."""
    set_it = "provide()\n" if when == "on import" else "setup = provide\n"
    traced = trace(tmp_path, f"{BEGIN}{OWN}{set_it}", 3)
    assert traced.errors == []
    assert traced.result.failure is None
    assert traced.tree == [("mine", "measured 1"), ("mine", "measured 2"), ("mine", "measured 3")]


def test_failed_iteration_keeps_its_spans(tmp_path: Path) -> None:
    """The span has the error that the SDK recorded, with secrets masked."""
    traced = trace(
        tmp_path,
        BEGIN
        + "def run():\n    with TRACER.start_as_current_span('broken'):\n        raise ValueError('no key sk-abc123456')\n",
        keep_going=True,
    )
    assert [iteration.error and iteration.error.type for iteration in traced.result.iterations] == ["ValueError"] * 2
    (event,) = traced.spans[0].events
    assert (traced.spans[0].status.code, event.name) == (2, "exception")
    assert traced.spans[0].status.message == "ValueError: no key ***"
    assert "sk-abc123456" not in str(traced.spans)


def test_spans_beyond_the_buffer_are_dropped_and_counted(tmp_path: Path) -> None:
    """The next iteration is complete again."""
    traced = trace(
        tmp_path,
        BEGIN + "COUNTS = iter([100, 2])\n"
        "def run():\n    for _ in range(next(COUNTS)): TRACER.start_span('big', attributes={'a': 'x' * 100_000}).end()\n",
    )
    first, second = (iteration.gen_ai for iteration in traced.result.iterations)
    assert first is not None
    assert second is not None
    assert (first.spans, first.spans_dropped) == (83, 17)
    assert (second.spans, second.spans_dropped) == (2, 0)
    assert len(traced.spans) == 85


def test_many_spans_are_passed_on_in_groups_of_512(tmp_path: Path) -> None:
    """No span is lost between two groups."""
    traced = trace(tmp_path, BEGIN + "def run():\n    for n in range(1200): TRACER.start_span(str(n)).end()\n", 1)
    assert [len(group) for group in traced.groups] == [512, 512, 176]
    assert [span.name for span in traced.spans] == [str(number) for number in range(1200)]


SAYING = (
    "MESSAGES = {'gen_ai.input.messages': 'Weather in Paris?', 'gen_ai.request.model': 'gpt'}\n"
    "def run():\n    span = TRACER.start_span('chat', attributes=MESSAGES)\n"
    "    span.add_event('gen_ai.user.message', {'content': 'Weather in Rome?'})\n    span.end()\n"
)


@pytest.mark.parametrize(
    ("capture", "paris", "rome"),
    [("none", False, False), ("spans", True, False), ("events", False, True), ("both", True, True)],
)
def test_content_leaves_the_worker_only_if_it_is_captured(
    tmp_path: Path, capture: ContentCapture, paris: bool, rome: bool
) -> None:
    """Prompts in attributes and in events are decided separately."""
    text = str(trace(tmp_path, BEGIN + SAYING, 1, content_capture=capture).spans)
    assert ("Paris" in text, "Rome" in text, "gpt" in text) == (paris, rome, True)


def test_secret_of_the_environment_is_masked_in_captured_content(tmp_path: Path) -> None:
    """The value of a secret variable is in no span."""
    traced = trace(
        tmp_path,
        BEGIN + "import os\ndef run(): TRACER.start_span('x', attributes={'gen_ai.prompt': os.environ['MY_KEY']}).end()\n",
        1,
        content_capture="both",
        secrets=("a-very-secret-value",),
        environment={"MY_KEY": "a-very-secret-value"},
    )
    assert [attribute.value.string_value for attribute in traced.spans[0].attributes] == ["***"]


def test_random_numbers_of_the_scenario_are_not_used_for_ids(tmp_path: Path) -> None:
    """With a seed in every iteration, the scenario's numbers repeat and the span ids differ."""
    traced = trace(
        tmp_path,
        BEGIN + "import random\ndef run():\n    random.seed(5)\n    TRACER.start_span('a').end()\n"
        "    assert random.random() == random.Random(5).random()\n",
        3,
    )
    assert traced.errors == []
    assert len({span.span_id for span in traced.spans}) == 3


def test_spans_of_a_forked_child_are_not_sent(tmp_path: Path) -> None:
    """Only the spans of the worker itself are taken."""
    traced = trace(
        tmp_path,
        BEGIN + "import os\ndef run():\n    child = os.fork()\n"
        "    TRACER.start_span('child' if child == 0 else 'parent').end()\n"
        "    if child == 0: os._exit(0)\n    os.waitpid(child, 0)\n",
    )
    assert traced.tree == [("parent", "measured 1"), ("parent", "measured 2")]
