"""Faults of the group interruptions: signals at random moments of a run, of a service and of other commands.

After each: no process of the run, no part of a file, no traceback, the documented status, and what was measured is reported.
"""

from __future__ import annotations

import dataclasses
import http.server
import json
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.faults.fault import CommandResult, Fault, FaultFailure, Trial, expect, finish

INTERRUPTED = 130
END_SECONDS = 25.0
"""Longest time from a signal to the end: processes that clean up have five seconds, each exporter two; on a busy machine."""

_MOST_PROCESSES = 12
"""Processes of a service and one run: the tool, watchdog, worker, three hidden processes and their children, some of which
end."""

_BEFORE_OUR_CODE = (-signal.SIGINT, -signal.SIGTERM)
"""Statuses of Python itself, before it runs the first line of the tool."""

_CHILDREN = """\
HIDDEN = dict(env={}, stdin=subprocess.DEVNULL)
def start_children():
    subprocess.Popen(['/bin/sleep', '1000'], start_new_session=True, **HIDDEN)
    subprocess.run(['/bin/sh', '-c', '/bin/sleep 1000 &'], start_new_session=True, **HIDDEN)
    deaf = 'trap "" INT TERM HUP; while :; do /bin/sleep 1; done'
    subprocess.Popen(['/bin/sh', '-c', deaf], start_new_session=True, **HIDDEN)
"""

_SCENARIO = """\
import json, os, subprocess, time
TEXT = json.dumps([str(number) * 20 for number in range(200)])
CALLS = iter(range(1, 10**6))
KEPT = []
{children}
def stage(name):
    open('stage', 'a').write(name + ' ')
def setup():
    stage('set-up')
    {start}
    time.sleep({set_up})
def run():
    n = next(CALLS)
    stage('iteration' if n <= 6 else 'follow-up')
    time.sleep(0.05)
    KEPT.append(json.loads(TEXT))
def teardown():
    stage('tear-down')
    time.sleep(0.2)
"""


@dataclass(frozen=True, kw_only=True)
class Interruption:
    """Signals that are sent after a stage has begun; ``pauses``: seconds before each of them, random between the two."""

    signals: tuple[signal.Signals, ...]
    stage: str
    pauses: tuple[float, float] = (0.0, 0.3)
    gap_seconds: float = 0.0
    """Between two signals."""


def _wait_for(path: Path, text: str, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        if path.exists() and text in path.read_text():
            return
        time.sleep(0.005)
    raise FaultFailure(f"the stage {text} was not reached")


def _send(trial: Trial, interruption: Interruption, process: subprocess.Popen[str]) -> None:
    if interruption.stage != "start":
        _wait_for(trial.folder / "stage", interruption.stage, process)
    time.sleep(trial.random.uniform(*interruption.pauses))
    for place, number in enumerate(interruption.signals):
        time.sleep(interruption.gap_seconds * bool(place))
        process.send_signal(number)


def _expect_no_part(trial: Trial) -> list[dict[str, object]]:
    """Return the runs of the result file, which is complete or missing; no part of a file is left."""
    left = [path.name for path in trial.folder.rglob("*") if path.name.endswith((".part", ".tmp")) or ".result" in path.name]
    expect(not left, f"left a part of a file: {left}")
    path = trial.folder / "result.json"
    if not path.exists():
        return []
    try:
        return json.loads(path.read_bytes())["runs"]  # type: ignore[no-any-return]
    except ValueError as error:
        raise FaultFailure(f"the result file is torn: {error}") from error


def _expect_end(interruption: Interruption, result: CommandResult, runs: list[dict[str, object]]) -> None:
    first = interruption.signals[0]
    ended = (0, 1) if interruption.stage in ("start", "tear-down", "follow-up") else ()
    if signal.SIGKILL in interruption.signals[1:]:
        ended = (*ended, -signal.SIGKILL)
    if first == signal.SIGKILL:
        expect(result.status in (-signal.SIGKILL, *ended), f"status {result.status}, not that of SIGKILL")
    elif first == signal.SIGHUP:
        expect(result.status in (-signal.SIGHUP, *ended), f"status {result.status}, not that of SIGHUP")
    else:
        if interruption.stage == "start":
            ended = (*ended, *_BEFORE_OUR_CODE)
        expect(result.status in (INTERRUPTED, *ended), f"status {result.status}, not 130: {result.output.strip()[-200:]}")
        if len(interruption.signals) == 1 and interruption.stage in ("iteration", "follow-up"):
            expect(len(runs) == 1 and bool(runs[0]["iterations"] is not None), "the iterations so far are not in the result")


def _interrupt(
    trial: Trial, interruption: Interruption, environment: Mapping[str, str] = {}, children: bool = False
) -> None:
    text = _SCENARIO.format(
        children=_CHILDREN if children else "", start="start_children()" if children else "pass", set_up=0.4
    )
    trial.write("scenario.py", text)
    arguments = ("scenario.py", "--iterations", "5", "--warmup", "1", "--json", "result.json")
    with trial.started(*arguments, environment=environment) as process:
        _send(trial, interruption, process)
        result = finish(process, END_SECONDS)
    _expect_end(interruption, result, _expect_no_part(trial))


class _Silent(http.server.BaseHTTPRequestHandler):
    """Takes a request, says so, and answers late."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        with open(self.server.stage_file, "a", encoding="ascii") as file:  # type: ignore[attr-defined]
            file.write("export ")
        time.sleep(1.0)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def _interrupt_export(trial: Trial, signals: tuple[signal.Signals, ...]) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Silent)
    server.stage_file = trial.folder / "stage"  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "XDG_STATE_HOME": str(trial.folder / "state"),
        "MEMEVAL_SPOOL": str(trial.folder / "spool"),
    }
    try:
        _interrupt(trial, Interruption(signals=signals, stage="export", pauses=(0.0, 1.5)), environment=environment)
    finally:
        server.shutdown()
        server.server_close()


def _command(trial: Trial, arguments: tuple[str, ...], number: signal.Signals) -> None:
    """Interrupt a command in its first half second."""
    with trial.started(*arguments) as process:
        time.sleep(trial.random.uniform(0.06, 0.5))
        process.send_signal(number)
        result = finish(process, END_SECONDS)
    expect(
        result.status in (0, 1, 2, INTERRUPTED, *_BEFORE_OUR_CODE), f"status {result.status}, not 130 or that of the command"
    )


def _service(trial: Trial, interruption: Interruption, statuses: tuple[int, ...]) -> None:
    trial.write("scenario.py", _SCENARIO.format(children=_CHILDREN, start="start_children()", set_up=0.4))
    arguments = ("scenario.py", "--iterations", "5", "--warmup", "1", "--every", "1h", "--serve", "0")
    state = ("--state", "state.json", "--json", "result.json")
    with trial.started(*arguments, *state) as process:
        _send(trial, interruption, process)
        if interruption.signals == (signal.SIGHUP,):  # reads its files again, and goes on
            time.sleep(1)
            expect(process.poll() is None, f"ended on SIGHUP with status {process.poll()}")
            process.send_signal(signal.SIGTERM)
        result = finish(process, END_SECONDS)
    _expect_no_part(trial)
    expect(result.status in statuses, f"status {result.status}, not {statuses}: {result.output.strip()[-200:]}")


def _service_of_many_runs(trial: Trial) -> None:
    """Expect that hidden processes of each run end with it, and that the service stays."""
    trial.write("scenario.py", _SCENARIO.format(children=_CHILDREN, start="start_children()", set_up=0.1))
    arguments = (
        "scenario.py",
        "--iterations",
        "4",
        "--warmup",
        "0",
        "--no-follow-up",
        "--every",
        "1s",
        "--state",
        "state.json",
    )
    with trial.started(*arguments) as process:
        end = time.monotonic() + 60
        stage = trial.folder / "stage"
        while not (stage.exists() and stage.read_text().count("set-up") > 3) and time.monotonic() < end:
            expect(process.poll() is None, f"the service ended with status {process.poll()}")
            time.sleep(0.1)
        runs = stage.read_text().count("set-up")
        expect(runs > 3, "three runs took longer than a minute")
        running = len(trial.processes())
        expect(running <= _MOST_PROCESSES, f"{running} processes are there in run {runs}")
        process.send_signal(signal.SIGTERM)
        result = finish(process, END_SECONDS)
    expect(result.status == 0, f"status {result.status}, not 0")


def _killed_at_once(trial: Trial) -> None:
    """Kill the tool at a random moment after the first child of the scenario exists."""
    code = f"import subprocess, time\n{_CHILDREN}start_children()\nopen('stage', 'w').write('import ')\ntime.sleep(30)\n"
    trial.write("scenario.py", code)
    with trial.started("scenario.py") as process:
        _send(trial, Interruption(signals=(signal.SIGKILL,), stage="import", pauses=(0.05, 0.2)), process)
        finish(process, END_SECONDS)


_IN_CI = (
    "INT in the first half second, try 1",
    "INT, then TERM in the iteration",
    "TERM ten times while telemetry is sent",
    "KILL as soon as there are children, try 1",
    "KILL in the iteration of a service",
)

_STAGES = ("set-up", "iteration", "follow-up", "tear-down")
_SINGLE = {"INT": signal.SIGINT, "TERM": signal.SIGTERM, "HUP": signal.SIGHUP, "KILL": signal.SIGKILL}
_SEVERAL = {
    "INT twice": ((signal.SIGINT,) * 2, 0.05),
    "INT twice at once": ((signal.SIGINT,) * 2, 0.0),
    "INT, then TERM": ((signal.SIGINT, signal.SIGTERM), 0.2),
    "TERM, then INT": ((signal.SIGTERM, signal.SIGINT), 0.02),
    "TERM ten times": ((signal.SIGTERM,) * 10, 0.03),
    "INT, then KILL": ((signal.SIGINT, signal.SIGKILL), 0.1),
}


def _measured_faults() -> list[Fault]:
    found = []
    kinds = {name: ((number,), 0.0) for name, number in _SINGLE.items()} | _SEVERAL
    for name, (signals, gap) in kinds.items():
        for stage in _STAGES:
            at = Interruption(signals=signals, stage=stage, gap_seconds=gap)
            found.append(Fault(f"{name} in the {stage}", partial(_interrupt, interruption=at)))
            children = partial(_interrupt, interruption=at, children=True)
            found.append(Fault(f"{name} in the {stage}, with hidden children", children))
        found.append(Fault(f"{name} while telemetry is sent", partial(_interrupt_export, signals=signals)))
    return found


def _early_faults() -> list[Fault]:
    found = []
    for number in range(12):
        for name in ("INT", "TERM"):
            start = Interruption(signals=(_SINGLE[name],), stage="start", pauses=(0.04, 0.6))
            found.append(
                Fault(f"{name} in the first half second, try {number + 1}", partial(_interrupt, interruption=start))
            )
        twice = Interruption(signals=(signal.SIGINT,) * 2, stage="start", pauses=(0.04, 0.6), gap_seconds=0.02)
        found.append(Fault(f"INT twice in the first half second, try {number + 1}", partial(_interrupt, interruption=twice)))
        found.append(Fault(f"KILL as soon as there are children, try {number + 1}", _killed_at_once))
    for command in (("schema",), ("metrics",), ("replay",), ("forget", "x"), ("--help",), ("--version",), ("nothing.py",)):
        found += [
            Fault(f"{name} early in {command[0]}", partial(_command, arguments=command, number=_SINGLE[name]))
            for name in ("INT", "TERM")
        ]
    return found


def _service_faults() -> list[Fault]:
    found = []
    for stage in _STAGES:
        for name, statuses in (("INT", (0,)), ("TERM", (0,)), ("HUP", (0,)), ("KILL", (-signal.SIGKILL,))):
            at = Interruption(signals=(_SINGLE[name],), stage=stage)
            found.append(Fault(f"{name} in the {stage} of a service", partial(_service, interruption=at, statuses=statuses)))
        twice = Interruption(signals=(signal.SIGTERM, signal.SIGINT), stage=stage, gap_seconds=0.1)
        found.append(
            Fault(f"TERM, then INT in the {stage} of a service", partial(_service, interruption=twice, statuses=(0,)))
        )
    found.append(Fault("hidden processes in each run of a service", _service_of_many_runs))
    start = Interruption(signals=(signal.SIGTERM,), stage="start", pauses=(0.05, 0.6))
    found.append(Fault("TERM at the start of a service", partial(_service, interruption=start, statuses=(0, INTERRUPTED))))
    return found


def faults() -> Sequence[Fault]:
    """Return the faults of this group."""
    found = [*_early_faults(), *_measured_faults(), *_service_faults()]
    return [dataclasses.replace(fault, in_ci=fault.name in _IN_CI) for fault in found]
