"""Suppression end to end: rules of the eval and of the project's pyproject.toml."""

from __future__ import annotations

import json

from tests.cli.conftest import Tool

LEAKS = """
    import json
    from otel_memeval import PerformanceEval

    CACHE, HISTORY = {}, []

    def work():
        CACHE[len(CACHE)] = bytearray(5000)
        HISTORY.append(json.loads('["a", "b", %d]' % len(HISTORY)))

    evaluation = PerformanceEval(work, name="two leaks", num_iterations=15, warmup_runs=2, ignore=RULES)
"""

CACHE_RULE = {"holder": "*.CACHE", "reason": "filled on purpose"}


def test_project_and_eval_suppress_their_leaks(tool: Tool) -> None:
    """A container by a rule of the project and a caller of a library by a rule of the eval: the run passes and says why."""
    rules = [{"site": "scenario.py:work", "reason": "TICKET-7"}]
    project = f'[tool.otel-memeval]\nignore = [{{ holder = "{CACHE_RULE["holder"]}", reason = "filled on purpose" }}]\n'
    (tool.folder / "pyproject.toml").write_text(project, encoding="utf-8")
    done = tool.measure(LEAKS.replace("RULES", json.dumps(rules)), "--iterations", "20", "--warmup", "3")
    assert done.status == 0, done.text
    result = done.result
    assert result.verdict.state == "stable", result.verdict
    assert "apart from 2 suppressed leaks" in result.verdict.summary
    assert (result.sites, result.holders) == ([], [])
    holder, site = result.suppressed
    assert (holder.path, holder.reason) == ("scenario.CACHE", "filled on purpose")
    assert 5000 <= holder.bytes_per_iteration <= 5200
    assert (site.site.rpartition(":")[0], site.reason) == ("scenario.py", "TICKET-7")


def test_limits_count_without_suppressed_growth(tool: Tool) -> None:
    """A limit above the judged growth and below the suppressed one passes; the other leak still fails the run."""
    source = LEAKS.replace("RULES", json.dumps([CACHE_RULE]))
    done = tool.measure(source, "--max-growth", "1KiB", "--iterations", "20", "--warmup", "3")
    assert done.status == 1, done.text
    assert done.result.verdict.state == "leaking"
    assert done.result.limits_exceeded == []
    assert done.result.growth.retained is not None
    assert done.result.growth.retained.bytes_per_iteration < 1024
    assert [holder.path for holder in done.result.holders] == ["scenario.HISTORY"]


def test_rule_without_a_reason_is_wrong_usage(tool: Tool) -> None:
    """A rule of the eval without a reason is refused before anything is measured."""
    done = tool.measure(LEAKS.replace("RULES", json.dumps([{"holder": "*"}])))
    assert done.status == 2
    assert "ignore of eval 'two leaks'" in done.text
    assert "reason" in done.text
