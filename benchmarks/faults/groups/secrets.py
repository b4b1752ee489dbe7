"""Secrets of many kinds in many places: none is in any output of the tool."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from benchmarks.faults.fault import CommandResult, Fault, FaultFailure, Trial, expect
from benchmarks.faults.groups.accepting_server import AcceptingServer
from benchmarks.faults.groups.secret_kinds import KINDS, Secret, needles
from benchmarks.faults.groups.served import serve_once

_SCENARIO = """
import json, pathlib, sys
from urllib.parse import quote
from opentelemetry import trace
from otel_memeval import PerformanceEval

FOLDER = pathlib.Path(__file__).parent
TEXT = json.loads((FOLDER / "text.json").read_text())

def at(place):
    return f" at-{place} {TEXT}"  # the space ends the name of a module before it

KEPT = type(at("container"), (list,), {})()
globals()[at("global")] = NAMED = []
FILES = []
TRACER = trace.get_tracer(at("tracer"))

def describe():
    return at("description")

def grow():
    KEPT.append(bytearray(20_000))
    NAMED.append(bytearray(20_000))
    FILES.append(open(FOLDER / quote(f"{len(FILES)} {TEXT}", safe=" ")[:200], "w"))
    print(at("stdout"), flush=True)
    print(at("stderr"), file=sys.stderr, flush=True)
    with TRACER.start_as_current_span(at("span")) as span:
        span.set_attribute("text", at("attribute"))
        span.set_attribute("list", [at("item")])
        span.set_attribute("at-bytes", TEXT.encode())
        span.add_event(at("event"), {"text": at("event-attribute")})
        span.set_status(trace.StatusCode.ERROR, at("status"))

def names(place):
    fields = ("eval_id", "agent_id", "team_id", "model_id", "model_provider")
    return {**{name: at(name) for name in fields}, "name": at(place)}

def bad():
    raise type(at("error-type"), (Exception,), {})(at("error-message"))

def bad_tear_down():
    raise ValueError(at("tear-down"))

def bad_set_up():
    raise LookupError(at("set-up"))

SIX = dict(num_iterations=6, max_iterations=6, warmup_runs=0)
IGNORE = [{"holder": "*FILES", "reason": at("reason")}]
grows = PerformanceEval(grow, describe=describe, ignore=IGNORE, **names("eval"), **SIX)
raises = PerformanceEval(bad, teardown=bad_tear_down, **names("raising-eval"), **SIX)
ends = PerformanceEval(bad, setup=bad_set_up, **names("ending-eval"), **SIX)
"""

_MARKS = (
    "container", "global", "description", "stdout", "stderr", "span", "attribute", "item", "bytes", "event",
    "event-attribute", "status", "tracer", "eval_id", "agent_id", "team_id", "model_id", "model_provider", "eval",
    "error-type", "error-message", "tear-down", "set-up", "raising-eval", "ending-eval",
)  # fmt: skip
"""Places of the scenario that some output shows: a place that none shows would prove nothing."""


def _check(secret: Secret, outputs: Mapping[str, str], marks: Sequence[str]) -> None:
    """Raise ``FaultFailure`` if an output has the secret in any form, or no output has one of the marks."""
    searched = needles(secret.hidden)
    for name, text in outputs.items():
        found = next((needle for needle in searched if needle in text), None)
        if found is not None:
            before = text[: text.index(found)]
            place = (re.findall(r"at-[\w-]+", before[-300:]) or ["somewhere"])[-1]
            raise FaultFailure(f"{name} has the secret ({place}; after {before[-40:]!r})")
    everything = "".join(outputs.values())
    missing = [mark for mark in marks if f"at-{mark}" not in everything]
    expect(not missing, f"no output shows {', '.join(missing)}")


def _target(trial: Trial, secret: Secret) -> str:
    """Write the scenario, in a file that has the secret in its name where that is possible, and return the file's name."""
    trial.write("text.json", json.dumps(secret.text))
    name = secret.text if re.fullmatch(r"[\w.%&= -]+", secret.text) else quote(secret.text, safe="")
    file = f"at-file {name}.py" if len(name.encode()) < 200 else "scenario.py"
    trial.write(file, _SCENARIO)
    return file


def _files(trial: Trial) -> Iterator[tuple[str, str]]:
    """Yield name and text of each file that the tool wrote."""
    for path in sorted(trial.folder.rglob("*")):
        if path.is_file() and path.parts[len(trial.folder.parts)] == "out":
            yield str(path.relative_to(trial.folder)), path.read_text(encoding="utf-8", errors="replace")


def _printed(result: CommandResult) -> dict[str, str]:
    return {"standard output": result.stdout, "standard error": result.stderr}


def in_one_run(secret: Secret, trial: Trial) -> None:
    """Measure three evals once, with every option that shows or sends something."""
    target = _target(trial, secret)
    (trial.folder / "out").mkdir()
    with AcceptingServer() as server:
        environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": server.url,
            "OTEL_RESOURCE_ATTRIBUTES": f"at.resource={quote(secret.text)}",
            "MEMEVAL_SPOOL": str(trial.folder / "out" / "spool"),
            **secret.environment,
        }
        options = "--events both --debug -v --trace-scenario --explain --json out/result.json --textfile out/gauges.prom"
        result = trial.run(target, *options.split(), "--pushgateway", server.url, environment=environment, statuses=(3,))
        sent = {
            f"request {number} {body[:24]!r}": body.decode("utf-8", "replace") for number, body in enumerate(server.bodies)
        }
    expect(len(sent) > 3, "too little was sent")
    _check(secret, {**_printed(result), **dict(_files(trial)), **sent}, _MARKS)


def in_a_service(secret: Secret, trial: Trial) -> None:
    """Measure the evals in a service whose receiver is gone: log, pages, state file and spool."""
    target = _target(trial, secret)
    trial.write("targets", f"{target}\n")
    out = trial.folder / "out"
    out.mkdir()
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
        "MEMEVAL_SPOOL": str(out / "spool"),
        **secret.environment,
    }
    options = "--targets targets --iterations 4 --state out/state"
    shown = serve_once(trial, "out/result.json", *options.split(), environment=environment)
    outputs = {**shown, **dict(_files(trial))}
    expect(any(name.startswith("out/spool/") for name in outputs), "nothing was spooled")
    _check(secret, outputs, ("eval", "error-message", "set-up"))


def in_wrong_usage(secret: Secret, trial: Trial) -> None:
    """Name the secret where the command line does not accept it, and in an error of the import."""
    name = secret.text
    trial.write("text.json", json.dumps(f"at-import {name}"))
    trial.write(
        "bad.py", "import json\nraise type(json.load(open('text.json')), (Exception,), {})(json.load(open('text.json')))\n"
    )
    commands = (
        ("bad.py",),
        (f"at-target {name}.py",),
        ("bad.py", f"--at-option={name}"),
        ("bad.py", "--json", f"at-json/{name}/result"),
        ("bad.py", "--python", f"at-python {name}"),
    )
    for command in commands:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", **secret.environment}
        result = trial.run(*command, environment=environment, statuses=(2,))
        mark = "import" if command == ("bad.py",) else re.findall(r"at-(\w+)", " ".join(command))[0]
        _check(secret, _printed(result), (mark,))


_WAYS = {"in one run": in_one_run, "in a service": in_a_service, "in wrong usage": in_wrong_usage}
_IN_CI = {"password with quotes, spaces and slashes in one run", "JWT in a service", "user part of a DSN in wrong usage"}


def faults() -> Sequence[Fault]:
    """Return the faults of this group."""

    def attempt(kind: str, way: str, trial: Trial) -> None:
        _WAYS[way](KINDS[kind](trial.random), trial)

    return [
        Fault(f"{kind} {way}", functools.partial(attempt, kind, way), in_ci=f"{kind} {way}" in _IN_CI)
        for kind in KINDS
        for way in _WAYS
    ]
