"""Every module of the package has a test file: the file of the same name, or the one that a table names."""

from __future__ import annotations

import pytest

from tests.repository.files import ROOT, python_files

MODULE_TESTS = {
    "__main__": "cli/test_output.py",
    "analysis/sites_and_holders": "analysis/test_growth.py",
    "errors": "test_units.py",
    "cli/fleet": "fleet/test_driver.py",
    "cli/stored_runs": "cli/test_history.py",
    "cli/usage": "cli/test_bad_usage.py",
    "fleet/turn_process": "cli/test_two_pythons.py",
    "fleet/turns": "cli/test_two_pythons.py",
    "fleet": "fleet/test_driver.py",
    "fleet/cluster": "fleet/test_driver.py",
    "fleet/events": "fleet/test_driver.py",
    "fleet/exports": "fleet/test_exports.py",
    "fleet/messages": "fleet/test_driver.py",
    "fleet/node": "fleet/test_driver.py",
    "fleet/queue": "fleet/test_driver.py",
    "exporters/otlp/group_span": "fleet/test_exports.py",
    "service/eval_page": "service/test_pages.py",
    "service/growth_history": "service/test_pages.py",
    "service/history_reader": "service/test_pages.py",
    "service/links": "service/test_pages.py",
    "service/overview_page": "service/test_pages.py",
    "service/page_frame": "service/test_pages.py",
    "run/failed_result": "cli/test_service.py",
    "history/store": "records/test_run_summary.py",
    "run/eval_record": "cli/test_agno_evals.py",
    "worker/eval_database": "cli/test_agno_evals.py",
    "wire/stacks": "wire/test_messages.py",
    "pytest_plugin": "test_pytest_plugin.py",
    "pytest_plugin/failure_text": "test_pytest_plugin.py",
    "pytest_plugin/child": "test_pytest_plugin.py",
    "pytest_plugin/own_process": "test_pytest_plugin.py",
    "pytest_plugin/fixture": "test_pytest_plugin.py",
    "pytest_plugin/marked_test": "test_pytest_plugin.py",
    "pytest_plugin/measurement": "test_pytest_plugin.py",
    "pytest_plugin/arguments": "test_pytest_plugin.py",
    "pytest_plugin/recordings": "test_pytest_plugin.py",
    "records": "test_records.py",
    "records/resources": "cli/test_resources.py",
    "redact": "test_redact.py",
    "targets": "cli/test_bad_usage.py",
    "telemetry": "exporters/otlp/test_contract.py",
    "verdicts": "run/test_result.py",
    "version": "cli/test_output.py",
    "analysis/assessment": "analysis/test_batched_readings.py",
    "analysis/evidence": "analysis/test_judge.py",
    "analysis/leak_changes": "analysis/test_comparison.py",
    "analysis/quantities": "analysis/test_comparison.py",
    "records/comparison": "analysis/test_comparison.py",
    "analysis/reasons": "analysis/test_judge.py",
    "analysis/statistics": "analysis/test_judge.py",
    "cli": "cli/test_output.py",
    "cli/completion": "cli/test_options.py",
    "cli/init": "cli/test_options.py",
    "cli/templates": "cli/test_options.py",
    "cli/job_log": "cli/test_builds.py",
    "exporters/builds/details": "exporters/builds/test_findings.py",
    "exporters/html": "exporters/html/test_page.py",
    "exporters/builds/result_files": "cli/test_builds.py",
    "cli/grouped_command": "cli/test_options.py",
    "cli/list_evals": "cli/test_options.py",
    "cli/interruption": "cli/test_leftovers.py",
    "cli/standard_streams": "faults/test_faults.py",
    "cli/main": "cli/test_bad_usage.py",
    "cli/measure": "cli/test_measuring.py",
    "cli/option_types": "cli/test_bad_usage.py",
    "history": "history/test_folder.py",
    "history/transfer": "history/test_commands.py",
    "exporters/terminal/history_list": "history/test_commands.py",
    "history/comparing": "history/test_selection.py",
    "exporters/builds/comparison_markdown": "cli/test_comparing.py",
    "cli/compare": "cli/test_comparing.py",
    "history/migration": "history/test_database.py",
    "history/rows": "history/test_database.py",
    "exporters/pipeline": "cli/test_exporting.py",
    "exporters/samples": "exporters/prometheus/test_families.py",
    "exporters/otlp": "exporters/otlp/test_contract.py",
    "exporters/otlp/otlp_json": "exporters/otlp/test_records.py",
    "exporters/otlp/resource": "exporters/otlp/test_config_file.py",
    "exporters/otlp/delivery": "cli/test_delivery.py",
    "exporters/otlp/delivery/protobuf": "exporters/otlp/test_records.py",
    "exporters/otlp/delivery/replay": "cli/test_replay.py",
    "exporters/prometheus/destinations": "cli/test_gauges.py",
    "exporters/prometheus/one_shot": "cli/test_gauges.py",
    "exporters/prometheus/pushgateway": "cli/test_gauges_bad.py",
    "exporters/prometheus/gateway_request": "exporters/prometheus/test_gateway.py",
    "exporters/prometheus/state": "exporters/prometheus/test_families.py",
    "exporters/terminal/explanation": "cli/test_explaining.py",
    "run/containers": "cli/test_bounds.py",
    "run/context": "cli/test_interrupting.py",
    "run/failures": "cli/test_failing.py",
    "run/follow_up": "cli/test_callers.py",
    "run/follow_up/batched_readings": "cli/test_batched_readings.py",
    "run/follow_up/explanation": "cli/test_explaining.py",
    "run/in_process": "test_evaluation.py",
    "run/locations": "test_source.py",
    "run/observer": "cli/test_interrupting.py",
    "run/reading_records": "run/test_history.py",
    "run/resources": "cli/test_resources.py",
    "run/scenario_spans": "cli/test_scenario_spans.py",
    "run/session": "cli/test_measuring.py",
    "run/target_error": "cli/test_bad_usage.py",
    "run/worker_client": "cli/test_crashing.py",
    "run/worker_run": "cli/test_interrupting.py",
    "service": "cli/test_service.py",
    "service/eval_status": "service/test_state.py",
    "service/http/access": "service/http/test_server.py",
    "service/http/request": "service/http/test_server.py",
    "service/metrics_cache": "service/test_state.py",
    "service/progress": "service/test_state.py",
    "service/state_file": "service/test_state.py",
    "supervisor": "cli/test_leftovers.py",
    "supervisor/environment": "cli/test_meddling.py",
    "supervisor/interruptions": "cli/test_interrupting.py",
    "supervisor/start": "cli/test_interpreters.py",
    "supervisor/output": "cli/test_meddling.py",
    "wire/decoder": "wire/test_messages.py",
    "wire/resources": "wire/test_messages.py",
    "worker": "wire/test_messages.py",
    "worker/bounds": "worker/bounds/test_bounds_code.py",
    "worker/bounds/syntax": "worker/bounds/test_bounds_odd.py",
    "worker/call_fields": "wire/test_messages.py",
    "worker/otel/tracing": "cli/test_trace_scenario.py",
    "worker/references/grown_types": "cli/test_explaining.py",
    "worker/references/memray_stacks": "cli/test_explaining.py",
    "worker/references/ring_buffers": "worker/bounds/test_bounds_odd.py",
    "worker/references/stacks": "cli/test_callers.py",
    "worker/clock": "cli/test_meddling.py",
    "worker/resources/reserve": "cli/test_meddling.py",
    "worker/proc": "worker/memory/test_process_memory.py",
    "worker/readings": "cli/test_reading_interval.py",
    "worker/scenario_caller": "cli/test_event_loops.py",
    "worker/serve": "cli/test_meddling.py",
    "worker/target": "cli/test_targets.py",
}
"""By module below ``otel_memeval/``, or by folder for all its modules that are not named: the test file below ``tests/``."""

MODULES = [
    path.relative_to(ROOT / "otel_memeval").with_suffix("").as_posix()
    for path in python_files("otel_memeval")
    if path.name != "__init__.py"
]


def file_for(module: str) -> str | None:
    """Return the test file of a module: of the same name, else the table's for the module or for its folder."""
    folder, _, name = module.rpartition("/")
    mirror = f"{folder}/test_{name}.py".removeprefix("/")
    if (ROOT / "tests" / mirror).is_file():
        return mirror
    while module not in MODULE_TESTS and module:
        module = module.rpartition("/")[0]
    return MODULE_TESTS.get(module)


@pytest.mark.parametrize("module", MODULES)
def test_module_has_a_test_file(module: str) -> None:
    """The file is there."""
    file = file_for(module)
    assert file is not None, f"name the test file of otel_memeval/{module}.py in MODULE_TESTS"
    assert (ROOT / "tests" / file).is_file()


def test_table_names_modules_that_exist_and_need_it() -> None:
    """An entry belongs to a folder, or to a module without a test file of the same name."""
    folders = {module.rpartition("/")[0] for module in MODULES}
    for module in MODULE_TESTS:
        assert module in folders or (module in MODULES and file_for(module) == MODULE_TESTS[module]), module


def test_module_without_a_test_file_is_found() -> None:
    """A new module at the top of the package has none until somebody writes or names it."""
    assert file_for("no_such_module") is None
    assert file_for("units") == "test_units.py"
    assert file_for("worker/bounds/names") == "worker/bounds/test_bounds_code.py"
