"""Replays beside runs that begin, end and are killed, and replays whose output or home cannot be used."""

from __future__ import annotations

import contextlib
import json
import signal
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from benchmarks.faults.fault import Fault, Trial, expect, finish
from benchmarks.faults.raw_receiver import OK, RawReceiver, hang, response, say
from benchmarks.faults.restrictions import obey_permissions
from benchmarks.faults.waiting_batches import WaitingBatches, line_of, replay_variables
from otel_memeval.exporters.otlp.delivery.spool import RunSpool

SCENARIO = "import time\ndef run():\n    time.sleep(0.02)\n"
MOMENTS = 3


def _try_replays_beside_beginning_runs(trial: Trial) -> None:
    """Begin and end 300 runs, some with batches left, while replays look for batches."""
    root = trial.folder / "spool"
    left: list[str] = []
    with RawReceiver(OK) as receiver, contextlib.ExitStack() as stack:
        variables = replay_variables(trial, {})
        started = [
            stack.enter_context(trial.started("replay", "--endpoint", receiver.url, environment=variables)) for _ in range(3)
        ]
        end = time.monotonic() + 60
        number = 0
        while any(process.poll() is None for process in started) and time.monotonic() < end:
            number += 1
            run = RunSpool(root, 1 << 30, f"{number:08d}", {})
            kept = f"{trial.random.getrandbits(64) | 1:016x}"
            path = run.put("traces", line_of(kept))
            if number % 10:
                run.remove(path)
            else:
                left.append(kept)
            run.close()
            time.sleep(0.001)
        statuses = [finish(process).status for process in started]
        expect(set(statuses) <= {0, 4}, f"statuses {statuses}")
        trial.run("replay", "--endpoint", receiver.url, environment=variables, statuses=(0,))
        taken = receiver.times_taken()
    expect(set(taken) == set(left), "not all batches were delivered")
    expect(set(taken.values()) <= {1}, "a batch was delivered more than once")
    expect(not list(root.iterdir()), "the spool is not empty")


def _killed_run_fault(moment: int, pause: float) -> Fault:
    """Return a fault: a run that exports is killed at a random moment; a replay sends what was kept, and nothing is torn."""

    def attempt(trial: Trial) -> None:
        trial.write("scenario.py", SCENARIO)
        with RawReceiver(say(response(200), pause=pause)) as receiver:
            variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
            environment = replay_variables(trial, {**variables, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4"})
            options = ("--iterations", "100", "--warmup", "0", "--no-follow-up")
            with trial.started("scenario.py", *options, environment=environment) as process:
                time.sleep(trial.random.uniform(1, 4))
                process.send_signal(signal.SIGKILL)
                finish(process)
            for path in trial.folder.glob("spool/*/*.jsonl"):
                json.loads(path.read_bytes())
            time.sleep(2 * pause)
            trial.run("replay", environment=replay_variables(trial, {}), statuses=(0,), seconds=30)
            taken = receiver.times_taken()
        expect(not list(trial.folder.glob("spool/*")), "the spool is not empty")
        twice = sum(taken.values()) - len(taken)
        expect(twice <= 4, f"{twice} spans were delivered twice, more than the batch under way has")

    return Fault(f"a run that exports is killed at a random moment, {moment}", attempt)


def _full_stream_fault(stream: str) -> Fault:
    """Return a fault: a stream of a replay is full; the batches are delivered all the same."""

    def attempt(trial: Trial) -> None:
        batches = WaitingBatches(trial)
        with RawReceiver(OK) as receiver, open("/dev/full", "wb") as full:
            variables = replay_variables(trial, {})
            arguments = ("replay", "--endpoint", receiver.url)
            trial.run(*arguments, environment=variables, statuses=(0,), **{stream: full})  # type: ignore[arg-type]
            expect(receiver.times_taken() == Counter(batches.ids), "the batches were not delivered once")
        expect(not batches.waiting(), "a batch waits")

    return Fault(f"replay with a full {stream}", attempt)


def _environment_fault(name: str, environment: Mapping[str, str], status: int, *, unsearchable: str = "") -> Fault:
    """Return a fault: the default spool is below a folder that is missing, or may not be searched."""

    def attempt(trial: Trial) -> None:
        (trial.folder / "home").mkdir()
        variables = {variable: value.format(folder=trial.folder) for variable, value in environment.items()}
        folder = trial.folder / (unsearchable or "home")
        folder.chmod(0 if unsearchable else 0o755)
        try:
            arguments = ("replay", "--endpoint", "http://127.0.0.1:9")
            everything = {"MEMEVAL_SPOOL": "", "XDG_STATE_HOME": "", **variables}
            result = trial.run(*arguments, environment=everything, statuses=(status,), preexec_fn=obey_permissions)
        finally:
            folder.chmod(0o755)
        expect(len(result.output.splitlines()) == 1, "not one line")

    return Fault(f"replay with {name}", attempt)


def _try_run_without_home(trial: Trial) -> None:
    """Export with a home that may not be searched, as in a container of another user: the spans are delivered."""
    trial.write("scenario.py", SCENARIO)
    home = trial.folder / "home"
    home.mkdir(mode=0)
    try:
        with RawReceiver(OK) as receiver:
            variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "HOME": str(home), "XDG_STATE_HOME": ""}
            options = ("scenario.py", "--iterations", "3", "--warmup", "0", "--fail-on", "failed")
            result = trial.run(
                *options, environment={**variables, "MEMEVAL_SPOOL": ""}, statuses=(0,), preexec_fn=obey_permissions
            )
            expect(len(receiver.times_taken()) == 4, "not all spans were delivered")
    finally:
        home.chmod(0o755)
    expect("cannot be written" in result.output, "the spool that cannot be written is not named")


def _try_odd_timeouts(trial: Trial) -> None:
    """Replay with times that are none, or too long."""
    batches = WaitingBatches(trial)
    for text in ("nan", "inf", "-1", "1e300", "x", ""):
        batches.replay("--endpoint", "http://127.0.0.1:9", "--timeout", text, statuses=(2,))
    expect(batches.waiting().total() == 3, "a batch does not wait")


def _try_many_batches(trial: Trial) -> None:
    """Replay a thousand batches of five runs, one of them damaged."""
    made = [WaitingBatches(trial, 200, run=f"run{index:05d}") for index in range(5)]
    damaged: Path = sorted(made[3].folder.glob("*.traces.jsonl"))[100]
    damaged.write_bytes(damaged.read_bytes()[:-20])
    with RawReceiver(OK) as receiver:
        made[0].replay("--endpoint", receiver.url, statuses=(4,), seconds=60.0)
        taken = receiver.times_taken()
    expect(taken.total() == len(taken) == 999, f"{len(taken)} of 999 batches were delivered")


def _try_receiver_that_comes_late(trial: Trial) -> None:
    """Replay to a receiver that hangs at first: the batch is sent again and delivered."""
    batches = WaitingBatches(trial)
    with RawReceiver(hang, OK) as receiver:
        batches.replay("--endpoint", receiver.url, "--timeout", "10", statuses=(0,))
        taken = receiver.times_taken()
    expect(sorted(taken.values()) == [1, 1, 2], "not each batch was confirmed once")


def beside_runs_faults() -> list[Fault]:
    """Return the faults of replays beside runs, and of their surroundings."""
    return [
        Fault("replays beside runs that begin and end", _try_replays_beside_beginning_runs),
        *(_killed_run_fault(moment, 0.02 * moment) for moment in range(1, MOMENTS + 1)),
        _full_stream_fault("stdout"),
        _full_stream_fault("stderr"),
        _environment_fault("a home that is missing", {"HOME": "{folder}/nothing"}, 0),
        _environment_fault("a home that may not be searched", {"HOME": "{folder}/home"}, 2, unsearchable="home"),
        _environment_fault("a home that is a device", {"HOME": "/dev/null"}, 2),
        _environment_fault("a state folder that is relative", {"HOME": "{folder}/home", "XDG_STATE_HOME": "state"}, 0),
        Fault("a run with a home that may not be searched", _try_run_without_home),
        Fault("replay with times that are none", _try_odd_timeouts),
        Fault("replay of a thousand batches", _try_many_batches),
        Fault("replay to a receiver that comes late", _try_receiver_that_comes_late),
    ]
