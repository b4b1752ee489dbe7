"""Compare a run with its trace in Phoenix, read through the API of Phoenix.

    python3 -m venv ELSEWHERE && ELSEWHERE/bin/pip install arize-phoenix
    python -m benchmarks.phoenix --phoenix ELSEWHERE/bin/phoenix [--target scenarios.leaky_team]

Phoenix takes 450 MB and half a minute to start, so it is no part of the tests. A leaking scenario is measured over HTTP and
over gRPC; another run finds no receiver and is replayed. Ids, parents, times, attributes and events of each span must be
those of the result. In the last run, `scenarios.team --trace-scenario`, leader, member, tools and models must be below each
iteration. Exits with 1 if anything differs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.receiver import free_port
from otel_memeval.records import Iteration, Result, from_json
from otel_memeval.tracing.ids import iteration_span_id, run_span_id

SCENARIO = "KEPT = []\nasync def run():\n    KEPT.append(bytearray(50_000))\n"
PARENT = "0af7651916cd43dd8448eb211c80319c"


@contextlib.contextmanager
def phoenix(program: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Run a server; yields its addresses for HTTP and gRPC."""
    http, grpc = free_port(), free_port()
    env = {
        **os.environ,
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(http),
        "PHOENIX_GRPC_PORT": str(grpc),
        "PHOENIX_TELEMETRY_ENABLED": "false",
    }
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([program, "serve"], env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{http}"
        deadline = time.monotonic() + 180
        while True:
            with contextlib.suppress(OSError):
                get(f"{url}/v1/projects")
                break
            if server.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"Phoenix did not start:\n{(folder / 'log').read_text()[-2000:]}")
            time.sleep(0.5)
        yield url, f"http://127.0.0.1:{grpc}"
    finally:
        server.terminate()
        server.wait()


def get(url: str) -> dict[str, Any]:
    """Return the answer of the API."""
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - a server of our own
        read: dict[str, Any] = json.load(answer)
    return read


def spans(url: str, trace_id: str, number: int) -> dict[str, dict[str, Any]]:
    """Return the spans of a trace by id, once there are that many."""
    deadline = time.monotonic() + 20
    while True:
        listed = get(f"{url}/v1/projects/default/spans?limit=1000")["data"]
        found = {span["context"]["span_id"]: span for span in listed if span["context"]["trace_id"] == trace_id}
        if len(found) >= number or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def run(command: list[str], env: Mapping[str, str]) -> int:
    """Run the command line; return its status."""
    return subprocess.run([sys.executable, "-m", "otel_memeval", *command], env=env, check=False).returncode


def measure(folder: Path, target: str, env: Mapping[str, str], status: int, *options: str) -> Result:
    """Measure a target and return its result; exit if the status is not ``status``."""
    path = folder / "result.json"
    counts = ["--iterations", "5", "--warmup", "1", "--fail-on", "never", "-q"]
    found_status = run([target, *options, *counts, "--json", str(path)], env)
    if found_status != status:
        sys.exit(f"status {found_status}, not {status}")
    return from_json(path.read_bytes())[0]


def differences(result: Result, seen: Mapping[str, dict[str, Any]], parent: str | None) -> list[str]:
    """Return the differences between the trace and the result."""
    run_id = result.run.id
    run_span = run_span_id(run_id)
    wrong = [f"no span {run_span}"] if run_span not in seen else []
    for iteration in result.iterations:
        span = seen.get(iteration_span_id(run_id, iteration.phase, iteration.index))
        name = f"{iteration.phase} {iteration.index}"
        wrong += [f"no span of {name}"] if span is None else iteration_differences(iteration, span, run_span)
    if run_span in seen:
        root = seen[run_span]
        attributes = root["attributes"]
        pairs = [
            ("parent", root["parent_id"], parent),
            ("verdict", attributes["memeval.verdict"], result.verdict.state),
            ("summary", attributes["memeval.verdict.summary"], result.verdict.summary),
            ("event", [event["name"] for event in root["events"]], ["gen_ai.evaluation.result"]),
            ("label", root["events"][0]["attributes"]["gen_ai.evaluation.score.label"], result.verdict.state),
        ]
        wrong += [f"run: {name} is {found!r}, not {expected!r}" for name, found, expected in pairs if found != expected]
    return wrong


def iteration_differences(iteration: Iteration, span: dict[str, Any], run_span: str) -> list[str]:
    """Return the differences between a span and its iteration."""
    start = datetime.fromisoformat(iteration.started_at)
    attributes = span["attributes"]
    title = f"{iteration.phase} {iteration.index}"
    pairs = [
        ("parent", span["parent_id"], run_span),
        ("start", datetime.fromisoformat(span["start_time"]), start),
        ("index", attributes["memeval.iteration.index"], iteration.index),
        ("phase", attributes["memeval.iteration.phase"], iteration.phase),
        ("retained", attributes["memeval.retained"], iteration.retained_bytes),
        ("peak", attributes["memeval.tracemalloc.peak"], iteration.peak_bytes),
        ("rss", attributes["memeval.rss"], iteration.rss_bytes),
        ("events", {event["name"] for event in span["events"]} - {"memeval.growth"}, set()),
    ]
    wrong = [f"{title}: {name} is {found!r}, not {expected!r}" for name, found, expected in pairs if found != expected]
    end = start + timedelta(seconds=iteration.duration_seconds)
    if abs(datetime.fromisoformat(span["end_time"]) - end) > timedelta(microseconds=2):
        wrong.append(f"{title}: ends at {span['end_time']}")
    ranks = [event["attributes"]["memeval.growth.rank"] for event in span["events"]]
    grown = [event["attributes"]["memeval.growth.bytes"] for event in span["events"]]
    if ranks != list(range(1, len(ranks) + 1)) or grown != sorted(grown, reverse=True):
        wrong.append(f"{title}: growth is not in order: {ranks}, {grown}")
    return wrong


def missing_below(result: Result, seen: Mapping[str, dict[str, Any]]) -> list[str]:
    """Return the spans of leader, member, tools and models that are missing below iterations of the team."""
    wrong = []
    for iteration in result.iterations:
        iteration_span = iteration_span_id(result.run.id, iteration.phase, iteration.index)
        below = []
        for span in seen.values():
            above = span["parent_id"]
            while above in seen and above != iteration_span:
                above = seen[above]["parent_id"]
            if above == iteration_span:
                below.append(span["name"])
        kinds = ("invoke_agent Weather Team", "invoke_agent Weather Agent", "execute_tool ", "chat ")
        lacking = [kind for kind in kinds if not any(name.startswith(kind) for name in below)]
        wrong += [f"{iteration.phase} {iteration.index}: no {kind}" for kind in lacking]
    return wrong


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Compare a run with its trace in Phoenix.")
    parser.add_argument("--phoenix", default="phoenix", help="the program")
    parser.add_argument("--target", default="", help="the target; default a small leak")
    arguments = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "scenario.py").write_text(SCENARIO)
        target = arguments.target or str(folder / "scenario.py")
        variables = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "TRACEPARENT"))}
        base = {**variables, "MEMEVAL_SPOOL": str(folder / "spool")}
        with phoenix(arguments.phoenix, folder) as (http, grpc):
            over_http = {**base, "OTEL_EXPORTER_OTLP_ENDPOINT": http}
            over_grpc = {**base, "OTEL_EXPORTER_OTLP_ENDPOINT": grpc, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
            away = {**base, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
            # The first answers of Phoenix take seconds, longer than a run waits for delivery.
            for env in (over_http, over_grpc):
                run([str(folder / "scenario.py"), "--iterations", "1", "--fail-on", "never", "-q"], env)
                run(["replay", "-q"], over_http)
            inside = {**over_http, "TRACEPARENT": f"00-{PARENT}-b7ad6b7169203331-01"}
            for title, env, status, parent in (
                ("over HTTP", over_http, 0, None),
                ("over gRPC", over_grpc, 0, None),
                ("within a CI system's trace", inside, 0, "b7ad6b7169203331"),
                ("replayed", away, 4, None),
            ):
                result = measure(folder, target, env, status)
                if status:
                    failed |= run(["replay"], over_http) != 0
                assert result.run.trace_id is not None
                seen = spans(http, result.run.trace_id, 1 + len(result.iterations))
                wrong = differences(result, seen, parent)
                failed |= bool(wrong)
                print(f"{title}: {len(seen)} spans, {'as in the result' if not wrong else '; '.join(wrong)}")
            result = measure(folder, "scenarios.team", over_http, 0, "--trace-scenario")
            assert result.run.trace_id is not None
            own = sum(iteration.gen_ai.spans for iteration in result.iterations if iteration.gen_ai is not None)
            seen = spans(http, result.run.trace_id, 1 + len(result.iterations) + own)
            wrong = differences(result, seen, None) + missing_below(result, seen)
            failed |= bool(wrong)
            print(f"the team, traced: {len(seen)} spans, {'complete' if not wrong else '; '.join(wrong)}")
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
