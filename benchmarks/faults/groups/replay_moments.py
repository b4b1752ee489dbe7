"""Replays that are interrupted, killed, or run side by side, and replays to the receiver that a run kept."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence

from benchmarks.faults.fault import Fault, Trial, expect, finish
from benchmarks.faults.raw_receiver import OK, Answer, RawReceiver, forever, hang, response, say
from benchmarks.faults.waiting_batches import WaitingBatches, replay_variables

MOMENTS = 4
"""Random moments at which each signal is tried."""
LAST_BATCH_SECONDS = 2.0
"""In which the batch under way may be confirmed after an interruption."""
_SLOW = say(response(200), pause=0.02)


def _signal_fault(name: str, numbers: Sequence[signal.Signals], moment: int, in_ci: bool = False) -> Fault:
    """Return a fault: signals come at a random moment of a replay; no batch is lost, and after SIGINT none is sent twice."""

    def attempt(trial: Trial) -> None:
        batches = WaitingBatches(trial, 40)
        with RawReceiver(_SLOW) as receiver:
            variables = replay_variables(trial, {})
            with trial.started("replay", "--endpoint", receiver.url, environment=variables) as process:
                time.sleep(trial.random.uniform(0, 2))
                for number in numbers:
                    process.send_signal(number)
                    time.sleep(trial.random.uniform(0, 0.1))
                result = finish(process, 20)
            statuses = (0, 130, -signal.SIGKILL, -signal.SIGHUP, -signal.SIGTERM, -signal.SIGINT)
            expect(result.status in statuses, f"status {result.status}")
            time.sleep(0.1)
            batches.replay("--endpoint", receiver.url, statuses=(0,))
            taken = receiver.times_taken()
        twice = sum(taken.values()) - len(batches.ids)
        is_gentle = {signal.SIGINT, signal.SIGTERM}.issuperset(numbers)
        expect(set(taken) == set(batches.ids), "not all batches were delivered")
        expect(twice <= (0 if is_gentle and len(numbers) == 1 else 1), f"{twice} batches were delivered twice")

    return Fault(f"{name} at a random moment, {moment}", attempt, in_ci)


def _wait_fault(name: str, answer: Answer, number: signal.Signals, *, in_ci: bool = False) -> Fault:
    """Return a fault: a signal comes while the receiver does not answer; the replay ends soon, with status 130."""

    def attempt(trial: Trial) -> None:
        batches = WaitingBatches(trial)
        with RawReceiver(answer) as receiver:
            variables = {**replay_variables(trial, {}), "OTEL_EXPORTER_OTLP_TIMEOUT": "60000"}
            arguments = ("replay", "--endpoint", receiver.url, "--timeout", "60")
            with trial.started(*arguments, environment=variables) as process:
                end = time.monotonic() + 10
                while not receiver.requests and time.monotonic() < end:
                    time.sleep(0.01)
                process.send_signal(number)
                result = finish(process, LAST_BATCH_SECONDS + 3)
        expect(result.status == 130, f"status {result.status}")
        expect(result.stderr.count("interrupted") == 1, "the interruption is not one line")
        batches.expect_rest_is_delivered_once(Counter())

    return Fault(f"{number.name} while the receiver {name}", attempt, in_ci)


def _try_signal_while_a_run_holds_the_lock(trial: Trial) -> None:
    from otel_memeval.files import lock

    batches = WaitingBatches(trial)
    with lock(batches.folder / "lock"):
        arguments = ("replay", "--endpoint", "http://127.0.0.1:9", "--timeout", "60")
        with trial.started(*arguments, environment=replay_variables(trial, {})) as process:
            time.sleep(1.5)
            process.send_signal(signal.SIGINT)
            expect(finish(process, 5).status == 130, "the status is not 130")
    batches.expect_rest_is_delivered_once(Counter())


def _side_by_side_fault(number: int, batches_each: int, runs: int) -> Fault:
    """Return a fault: several replays begin at once and send each batch once."""

    def attempt(trial: Trial) -> None:
        made = [WaitingBatches(trial, batches_each, run=f"run{index:05d}") for index in range(runs)]
        with RawReceiver(say(response(200), pause=0.005)) as receiver:
            with contextlib.ExitStack() as stack:
                variables = replay_variables(trial, {})
                started: list[subprocess.Popen[str]] = [
                    stack.enter_context(trial.started("replay", "--endpoint", receiver.url, environment=variables))
                    for _ in range(number)
                ]
                statuses = [finish(process, 40).status for process in started]
            taken = receiver.times_taken()
        expect(set(statuses) == {0}, f"statuses {statuses}")
        expect(taken == Counter(span_id for batches in made for span_id in batches.ids), "not each batch was delivered once")
        expect(not list(made[0].root.iterdir()), "the spool is not empty")

    return Fault(f"{number} replays at once, {runs} runs of {batches_each} batches", attempt)


def _try_killed_partners(trial: Trial) -> None:
    """Kill one of two replays at a random moment; the other one sends the rest."""
    batches = WaitingBatches(trial, 40)
    with RawReceiver(_SLOW) as receiver:
        variables = replay_variables(trial, {})
        arguments = ("replay", "--endpoint", receiver.url)
        with (
            trial.started(*arguments, environment=variables) as first,
            trial.started(*arguments, environment=variables) as second,
        ):
            time.sleep(trial.random.uniform(0.5, 1.5))
            first.kill()
            expect(finish(second, 30).status == 0, "the other replay failed")
        taken = receiver.times_taken()
    expect(set(taken) == set(batches.ids), "not all batches were delivered")
    expect(sum(taken.values()) <= len(batches.ids) + 1, "more than the batch under way was sent twice")


def _kept_fault(
    name: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    expected: tuple[int, int],
    status: int = 0,
    in_ci: bool = False,
) -> Fault:
    """Return a fault: the run kept its receiver; ``expected`` batches reach that one and the other.

    ``{url}`` stands for the other receiver.
    """

    def attempt(trial: Trial) -> None:
        with RawReceiver(OK) as kept, RawReceiver(OK) as other:
            batches = WaitingBatches(trial, endpoint=kept.url)
            named = [argument.format(url=other.url) for argument in arguments]
            variables = {variable: value.format(url=other.url) for variable, value in environment.items()}
            batches.replay(*named, environment=variables, statuses=(status,))
            found = (kept.times_taken().total(), other.times_taken().total())
        expect(found == expected, f"{found[0]} batches went to the receiver of the run, and {found[1]} to the other")
        expect(batches.waiting().total() == 3 - sum(found), "the rest does not wait")

    return Fault(f"endpoint: {name}", attempt, in_ci)


def _try_two_receivers(trial: Trial) -> None:
    """Replay two runs with different receivers."""
    with RawReceiver(OK) as first, RawReceiver(OK) as second:
        former, latter = (WaitingBatches(trial, endpoint=receiver.url) for receiver in (first, second))
        former.replay(statuses=(0,))
        expect(first.times_taken() == Counter(former.ids), "the first receiver has not the batches of its run")
        expect(second.times_taken() == Counter(latter.ids), "the second receiver has not the batches of its run")


def _try_dead_receiver_beside(trial: Trial) -> None:
    """Replay two runs; the receiver of the first hangs, the other one takes its batches."""
    with RawReceiver(hang) as first, RawReceiver(OK) as second:
        former, latter = (WaitingBatches(trial, endpoint=receiver.url) for receiver in (first, second))
        former.replay(statuses=(4,))
        expect(second.times_taken() == Counter(latter.ids), "the second receiver has not the batches of its run")
    expect(former.waiting() == Counter(former.ids), "a batch of the first run does not wait")


def _try_headers(trial: Trial) -> None:
    """Replay to the kept receiver with a key in the variables: the key is sent, and never written."""
    with RawReceiver(OK) as kept:
        batches = WaitingBatches(trial, endpoint=kept.url)
        key = f"{trial.random.getrandbits(80):020x}"
        result = batches.replay(environment={"OTEL_EXPORTER_OTLP_HEADERS": f"x-api-key={key}"}, statuses=(0,))
        heads = [head for head, _ in kept.requests]
    expect(heads != [] and all(key in head for head in heads), "the key did not reach the receiver")
    expect(key not in result.output, "the key is in the output")


def moment_faults() -> list[Fault]:
    """Return the faults of signals, of replays side by side, and of receivers that are kept."""
    interrupt, terminate, kill, hang_up = signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGHUP
    drip = forever(response(200, b"", length=9000), b"\0")
    busy = say(response(503, b"", "Retry-After: 30"))
    own = {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "{url}/v1/metrics"}
    made = [
        _signal_fault(name, numbers, moment)
        for name, numbers in {
            "SIGINT": [interrupt],
            "SIGTERM": [terminate],
            "SIGKILL": [kill],
            "SIGHUP": [hang_up],
            "SIGINT twice": [interrupt, interrupt],
            "SIGTERM and SIGINT": [terminate, interrupt],
            "SIGINT three times": [interrupt] * 3,
        }.items()
        for moment in range(1, MOMENTS + 1)
    ]
    return [
        *made,
        _wait_fault("hangs", hang, interrupt),
        _wait_fault("hangs", hang, terminate),
        _wait_fault("drips", drip, interrupt, in_ci=True),
        _wait_fault("sends 100 Continue without an end", forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), interrupt),
        _wait_fault("asks for a pause", busy, interrupt),
        Fault("SIGINT while a run holds the batches", _try_signal_while_a_run_holds_the_lock),
        _side_by_side_fault(2, 20, 2),
        _side_by_side_fault(3, 1, 12),
        _side_by_side_fault(5, 10, 1),
        Fault("one of two replays is killed", _try_killed_partners),
        _kept_fault("the run's", [], {}, (3, 0), in_ci=True),
        _kept_fault("of the option", ["--endpoint", "{url}"], {}, (0, 3)),
        _kept_fault("of the variable", [], {"OTEL_EXPORTER_OTLP_ENDPOINT": "{url}"}, (0, 3)),
        _kept_fault("of the signal's variable", [], {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "{url}/v1/traces"}, (0, 3)),
        _kept_fault("of another signal's variable", [], own, (3, 0)),
        _kept_fault(
            "option before variable", ["--endpoint", "{url}"], {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:1"}, (0, 3)
        ),
        _kept_fault(
            "option before the signal's variable",
            ["--endpoint", "{url}"],
            {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://a:1"},
            (0, 3),
        ),
        _kept_fault("a variable that is empty", [], {"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, (3, 0)),
        _kept_fault("a variable that is no address", [], {"OTEL_EXPORTER_OTLP_ENDPOINT": "nonsense"}, (0, 0), 2),
        _kept_fault("the run's, and another protocol in the variable", [], {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, (3, 0)),
        _kept_fault("the run's, and OTLP named as exporter", [], {"OTEL_TRACES_EXPORTER": "otlp"}, (3, 0)),
        _kept_fault("the run's, and spans switched off", [], {"OTEL_TRACES_EXPORTER": "none"}, (0, 0), 2),
        _kept_fault("the run's, and the SDK switched off", [], {"OTEL_SDK_DISABLED": "true"}, (0, 0), 2),
        Fault("endpoint: two runs with different ones", _try_two_receivers),
        Fault("endpoint: one of two hangs", _try_dead_receiver_beside),
        Fault("endpoint: the run's, with a key in the variables", _try_headers),
    ]
