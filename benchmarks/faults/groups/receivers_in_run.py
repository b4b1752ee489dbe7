"""Receivers that answer wrongly during a run: the report stands, and the rest is replayed as the run suggests."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence

from benchmarks.faults.fault import CommandResult, Fault, Trial, expect
from benchmarks.faults.groups.receivers_http import HTML, Expected, partial
from benchmarks.faults.raw_receiver import OK, Answer, RawReceiver, answers_of, forever, hang, reset, response, say
from benchmarks.faults.waiting_batches import replay_variables

SCENARIO = "def run():\n    pass\n"
SPANS = 4
"""The spans of three iterations and of the run."""


def _measure(trial: Trial, address: str, more: Mapping[str, str], statuses: Sequence[int]) -> CommandResult:
    trial.write("scenario.py", SCENARIO)
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1", **more}
    options = ("--iterations", "3", "--warmup", "0", "--fail-on", "failed")
    return trial.run("scenario.py", *options, environment=replay_variables(trial, variables), statuses=statuses, seconds=30)


def _suggested_command(result: CommandResult) -> list[str]:
    """Return the arguments of the command that the run's last line names."""
    lines = result.output.strip().splitlines()
    found = re.search(r"otel-memeval (replay\b[^;]*?) sends them", " ".join(lines))
    expect(found is not None, "the run does not say how to send what waits")
    assert found is not None
    return shlex.split(found.group(1))


def _run_fault(
    name: str,
    answer: Answer | Sequence[Answer],
    expected: Expected,
    more: Mapping[str, str] = {},
    *,
    in_ci: bool = False,
) -> Fault:
    """Return a fault: a run exports to a receiver, which is well afterwards; the suggested command sends the rest to it."""

    def attempt(trial: Trial) -> None:
        answers = list(answers_of(answer))
        with RawReceiver(lambda connection: answers[0](connection)) as receiver:
            status = 0 if expected == "delivered" else 4
            result = _measure(trial, receiver.url, more, (status,))
            taken = receiver.times_taken() if expected == "delivered" else Counter[str]()
            answers[0] = OK
            receiver.requests.clear()
            if expected == "kept":
                trial.run(*_suggested_command(result), environment=replay_variables(trial, {}), statuses=(0,), seconds=30)
            taken += receiver.times_taken()
        aside = len(list(trial.folder.glob("spool/*/*.traces.rejected.jsonl")))
        waiting = list(trial.folder.glob("spool/*/*.traces.jsonl"))
        expect(not waiting, f"{len(waiting)} batches of spans still wait")
        expect(len(taken) + aside == SPANS, f"{len(taken)} spans were taken and {aside} set aside, of {SPANS}")
        expect(set(taken.values()) <= {1}, "a span was delivered more than once")

    return Fault(f"during a run: {name}", attempt, in_ci)


def _try_wrong_path(trial: Trial) -> None:
    """Export to an address that answers 404 to everything: metrics and log records wait as the spans do."""
    with RawReceiver(say(response(404))) as receiver:
        _measure(trial, receiver.url, {}, (4,))
    names = {path.suffixes[0] for path in trial.folder.glob("spool/*/*.jsonl")}
    expect(names == {".traces", ".metrics", ".logs"}, f"only these wait: {', '.join(sorted(names))}")


def _try_credentials_in_the_address(trial: Trial) -> None:
    """Export to an address with a password and a key in it; neither is kept."""
    secrets = [f"{trial.random.getrandbits(80):020x}" for _ in range(3)]
    with RawReceiver(say(response(503))) as receiver:
        address = f"http://me:{secrets[0]}@127.0.0.1:{receiver.port}?key={secrets[1]}"
        result = _measure(trial, address, {"OTEL_EXPORTER_OTLP_HEADERS": f"x-api-key={secrets[2]}"}, (4,))
    kept = b"".join(path.read_bytes() for path in trial.folder.rglob("spool/**/*") if path.is_file())
    for secret in secrets:
        expect(secret.encode() not in kept, "a secret of the address is in the spool")
        expect(secret not in result.output, "a secret of the address is in the output")


def _grpc_fault(name: str, answer: Answer) -> Fault:
    """Return a fault: a run exports over gRPC to a port that speaks something else; everything waits."""

    def attempt(trial: Trial) -> None:
        with RawReceiver(answer, reads=False) as receiver:
            result = _measure(trial, receiver.url, {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, (4,))
        waiting = len(list(trial.folder.glob("spool/*/*.traces.jsonl")))
        expect(waiting == SPANS, f"{waiting} batches of spans wait, not {SPANS}")
        expect("otel-memeval replay" in result.output, "the run does not say how to send what waits")

    return Fault(f"during a run over gRPC: {name}", attempt)


def in_run_faults() -> list[Fault]:
    """Return the faults of receivers during a run."""
    page = response(200, HTML, "Content-Type: text/html")
    short = {"OTEL_EXPORTER_OTLP_TIMEOUT": "300"}
    longest = {"OTEL_EXPORTER_OTLP_TIMEOUT": "9" * 18, "OTEL_BSP_SCHEDULE_DELAY": "9" * 18}
    return [
        _run_fault("HTML with 200", say(page), "kept", in_ci=True),
        _run_fault("a truncated protobuf", say(response(200, partial(1, "too old")[:-2])), "kept"),
        _run_fault("one rejected span", say(response(200, partial(1, "too old"))), "rejected"),
        _run_fault("503", say(response(503)), "kept"),
        _run_fault("401", say(response(401)), "kept"),
        _run_fault("redirect", say(response(308, b"", "Location: /")), "kept"),
        _run_fault("hangs", hang, "kept"),
        _run_fault("hangs, with the longest timeout that can be written", hang, "kept", longest),
        _run_fault("hangs, with a short timeout", hang, "kept", short),
        _run_fault("resets", reset, "kept"),
        _run_fault("drips", forever(response(200, b"", length=9000), b"\0"), "kept"),
        _run_fault("100 Continue without an end", forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "kept", short),
        _run_fault("closes each connection", say(response(200, b"", "Connection: close"), close=True), "delivered"),
        _run_fault("slow", say(response(200), pause=0.2), "delivered"),
        _grpc_fault("hangs", hang),
        _grpc_fault("resets", reset),
        _grpc_fault("drips", forever(b"\0\0\0\4\0\0\0\0\0", b"\0")),
        _grpc_fault("HTTP/1.1", say(page, close=True)),
        Fault("during a run: 404 to everything", _try_wrong_path),
        Fault("during a run: secrets in the address", _try_credentials_in_the_address),
    ]
