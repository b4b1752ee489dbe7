"""The worker sends the team's own spans with ``--trace-scenario``."""

from __future__ import annotations

import os

from psycopg.conninfo import make_conninfo

from otel_memeval.config import Settings
from otel_memeval.records import Result
from otel_memeval.run.plan import Options
from otel_memeval.run.worker_run import run_target
from otel_memeval.tracing.ids import iteration_span_id
from tests.cli.traced import SpanObserver, Traced

SECRET = "s3cr3t-of-the-test"


def traced_team(target: str, iterations: int, model_url: str, dsn: str) -> Traced:
    """Measure the team against the shared services, named in its environment with secrets."""
    named = {"OPENAI_API_KEY": SECRET, "OPENAI_BASE_URL": model_url, "DATABASE_URL": make_conninfo(dsn, password=SECRET)}
    settings = Settings(environment={**os.environ, **named}, folder=os.getcwd(), secrets=(SECRET,))
    options = Options(iterations=iterations, trace_scenario=True, timeout_seconds=60)
    watching = SpanObserver()
    results: list[Result] = []
    run_target(target, options, lambda _: watching, settings, results.append)
    return Traced(results[0], watching)


def test_each_iteration_has_spans_of_leader_member_tools_and_model_calls(model_url: str, dsn: str) -> None:
    """Each iteration has a tree of spans: leader, delegation, member, its tool, and the model calls with their tokens."""
    traced = traced_team("scenarios.team", 3, model_url, dsn)
    assert traced.result.verdict.state != "failed", traced.result.verdict
    for iteration in traced.result.iterations:
        root = iteration_span_id(traced.result.run.id, iteration.phase, iteration.index)
        children: dict[str, list[str]] = {}
        ids = {}
        for span in traced.spans:
            children.setdefault(span.parent_span_id, []).append(span.name)
            ids[span.parent_span_id, span.name] = span.span_id
        assert children[root] == ["invoke_agent Weather Team"]
        leader = ids[root, "invoke_agent Weather Team"]
        assert "chat gpt-5.2" in children[leader]
        delegation = ids[leader, "execute_tool delegate_task_to_member"]
        assert children[delegation] == ["invoke_agent Weather Agent"]
        member = ids[delegation, "invoke_agent Weather Agent"]
        assert {"chat gpt-5.2", "execute_tool get_weather"} <= set(children[member])
        assert iteration.gen_ai is not None
        assert iteration.gen_ai.model_calls == 8
        assert iteration.gen_ai.tool_calls >= 2
        assert (iteration.gen_ai.input_tokens or 0) > (iteration.gen_ai.output_tokens or 0) > 0
    kinds = {span.name.split()[0]: span.kind for span in traced.spans}
    assert kinds == {"invoke_agent": 1, "execute_tool": 1, "chat": 3}
    assert {span.trace_id for span in traced.spans} == {traced.result.run.id}
    assert SECRET not in str(traced.spans)
    assert "What weather" not in str(traced.spans)


def test_tracing_does_not_change_the_verdict_of_the_leaky_team(model_url: str, dsn: str) -> None:
    """With spans the leaky team has the same verdict, the same first line and the same holder as without."""
    result = traced_team("scenarios.leaky_team", 6, model_url, dsn).result
    assert result.verdict.state == "leaking"
    assert (result.sites[0].file, result.sites[0].line) == ("scenarios/leaky_team.py", 36)
    assert result.holders[0].path == "scenarios.leaky_team.SESSIONS"
