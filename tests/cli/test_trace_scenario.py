"""``--trace-scenario``: the scenario's own spans, through a real worker, from the OpenTelemetry that the scenario uses."""

from __future__ import annotations

import re
import sys
import venv
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.cli.conftest import Done, Together, Tool
from tests.cli.test_interpreters import FRESH, PYTHONS

QUIET = """
    from otel_memeval import PerformanceEval
    from opentelemetry import trace

    TRACER = trace.get_tracer("scenario", "1.0")
    CHAT = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 1}

    def nothing():
        pass

    async def anothing():
        pass

    def fifty():
        for number in range(25):
            with TRACER.start_as_current_span(f"outer {number}", attributes={"n": number, "text": "x" * number}) as outer:
                outer.add_event("happened", {"x": 1.5})
                TRACER.start_span("chat", kind=trace.SpanKind.CLIENT, attributes=CHAT).end()

    async def afifty():
        fifty()

    COUNTS = dict(num_iterations=20, warmup_runs=3)
    NOTHING, ANOTHING, FIFTY, AFIFTY = [
        PerformanceEval(func, name=func.__name__, **COUNTS) for func in (nothing, anothing, fifty, afifty)
    ]
"""


def quiet(tool: Tool, python: str = "") -> Done:
    """Measure the four evals that keep nothing; another interpreter gets OpenTelemetry beside them."""
    tool.write("scenario.py", QUIET)
    evals = ["scenario.py:NOTHING", "scenario.py:AFIFTY", "--python", python] if python else ["scenario.py"]
    for name in ("opentelemetry", "typing_extensions") if python else ():
        spec = find_spec(name)
        assert spec is not None
        location = Path((spec.submodule_search_locations or [str(spec.origin)])[0])
        (tool.folder / location.name).symlink_to(location)
    variables = {"PYTHONDONTWRITEBYTECODE": "1"}
    return tool.run(*evals, "--fail-on", "never", "--trace-scenario", environment=variables, timeout=150)


HERE = "this interpreter"
INTERPRETERS = [HERE, *(name for name in PYTHONS if name not in (FRESH, f"python3.{sys.version_info.minor}"))]


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_tracing_adds_no_growth(together: Together, interpreter: str) -> None:
    """An eval without spans and one with 50 spans per iteration show exactly no growth in every interpreter."""
    cases: dict[str, Callable[[Tool], Done]] = {
        name: lambda tool, python=PYTHONS[name]: quiet(tool, python)  # type: ignore[misc]
        for name in INTERPRETERS
        if name != HERE
    }
    done = together("quiet", interpreter, {HERE: quiet, **cases})
    assert done.status == 0, done.text
    for run in done.runs:
        assert run.growth.retained is not None
        assert run.growth.retained.bytes_per_iteration == 0, run.eval.name
        assert (run.growth.retained.ci_low, run.growth.retained.ci_high) == (0, 0)
        assert (run.sites, run.holders) == ([], [])
        assert run.verdict.state in ("stable", "idle")
        sums = [iteration.gen_ai for iteration in run.iterations if iteration.gen_ai is not None]
        assert len(sums) == 23
        counted = {(totals.spans, totals.model_calls, totals.input_tokens) for totals in sums}
        assert counted == ({(50, 25, 250)} if "fifty" in run.eval.name else {(0, 0, 0)})
    assert "per iteration (median): 50 spans, 25 model calls, 0 tool calls, 250 tokens in, 25 out" in done.stdout
    assert "the scenario made no spans" in done.stdout


def test_without_the_option_opentelemetry_is_not_imported(tool: Tool) -> None:
    """No tracing module is imported, no span is current, and nothing is counted."""
    done = tool.measure(
        "import sys\ndef run():\n"
        "    assert not [name for name in sys.modules if 'opentelemetry' in name or name.endswith('otel.tracing')]\n"
        "    from opentelemetry import trace\n    assert not trace.get_current_span().get_span_context().is_valid\n"
        "    for name in [name for name in sys.modules if 'opentelemetry' in name]: del sys.modules[name]\n"
    )
    assert done.errors == ["ok"] * 5
    assert {iteration.gen_ai for iteration in done.result.iterations} == {None}


LEAKS = """
    from otel_memeval import PerformanceEval
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider, SpanProcessor

    trace.set_tracer_provider(TracerProvider())
    TRACER = trace.get_tracer("scenario")
    SPANS = []

    def spans():
        with TRACER.start_as_current_span("kept") as span:
            SPANS.append(span)

    class Audit(SpanProcessor):
        def __init__(self):
            self.log = bytearray(4096)

    def processors():
        trace.get_tracer_provider().add_span_processor(Audit())

    A = PerformanceEval(spans, name="spans", num_iterations=20, warmup_runs=3)
    B = PerformanceEval(processors, name="processors", num_iterations=20, warmup_runs=3)
"""


def test_leak_through_opentelemetry_is_found(tool: Tool) -> None:
    """Spans kept in a list, and a span processor added in every iteration, are leaks like others."""
    tool.write("scenario.py", LEAKS)
    done = tool.run("scenario.py", "--trace-scenario", timeout=120)
    spans, processors = done.runs
    assert (spans.verdict.state, processors.verdict.state) == ("leaking", "leaking")
    assert spans.holders[0].path == "scenario.SPANS"
    assert [(site.file, site.function) for site in spans.sites] == [("scenario.py", "spans")]
    assert (processors.sites[0].file, processors.sites[0].function) == ("scenario.py", "Audit.__init__")
    assert 4096 <= processors.sites[0].bytes_per_iteration <= 4300
    assert [iteration.gen_ai and iteration.gen_ai.spans for iteration in spans.iterations] == [1] * 23


def test_interpreter_without_opentelemetry_is_wrong_usage(tool: Tool) -> None:
    """The message names the command that installs it, before anything is measured."""
    venv.create(tool.folder.parent / "fresh", with_pip=False, symlinks=True)
    python = str(tool.folder.parent / "fresh" / "bin" / "python")
    tool.write("scenario.py", "def run(): pass\n")
    done = tool.run("scenario.py", "--trace-scenario", "--python", python, installed_nowhere=True)
    assert done.status == 2
    assert re.search(r"--trace-scenario needs opentelemetry-sdk .*: \S+python -m pip install opentelemetry-sdk", done.text)
    assert done.runs == []


def test_tracer_provider_without_span_processors_is_wrong_usage(tool: Tool) -> None:
    """The provider is named before anything is measured."""
    done = tool.measure(
        "from opentelemetry import trace\nclass Mine(trace.NoOpTracerProvider): pass\n"
        "trace.set_tracer_provider(Mine())\ndef run(): pass\n",
        "--trace-scenario",
    )
    assert done.status == 2
    assert "a scenario.Mine, takes no span processor" in done.text


def test_spans_are_counted_in_process_and_not_with_a_disabled_sdk(tool: Tool) -> None:
    """The sums in the calling process are the same; with OTEL_SDK_DISABLED nothing is traced or reported."""
    source = "from opentelemetry import trace\ndef run(): trace.get_tracer('x').start_span('y').end()\n"
    inside = tool.measure(source, "--trace-scenario", "--in-process")
    assert [iteration.gen_ai and iteration.gen_ai.spans for iteration in inside.result.iterations] == [1] * 5
    assert inside.result.growth.retained is not None
    disabled = tool.measure(source, "--trace-scenario", environment={"OTEL_SDK_DISABLED": "true"})
    assert {iteration.gen_ai for iteration in disabled.result.iterations} == {None}


def test_peak_that_grows_with_the_context_is_explained(tool: Tool) -> None:
    """A peak that rises with the input tokens has a reason with the numbers of tokens."""
    done = tool.measure(
        "from opentelemetry import trace\nT = trace.get_tracer('x')\nTURNS = iter(range(1, 999))\n"
        "def run():\n    turn = next(TURNS)\n    context = bytearray(100_000 * turn)\n"
        "    tokens = {'gen_ai.usage.input_tokens': 500 * turn}\n"
        "    T.start_span('chat', attributes={'gen_ai.operation.name': 'chat', **tokens}).end()\n",
        "--trace-scenario", "--iterations", "12", "--warmup", "2",
    )  # fmt: skip
    assert done.result.verdict.state == "creeping"
    expected = "the context of the model calls grows with it, from 1,500 input tokens to 7,000, 500 more per iteration"
    assert expected in done.result.verdict.reasons
    assert expected in done.text
