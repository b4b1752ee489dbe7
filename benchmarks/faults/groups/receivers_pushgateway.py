"""Pushgateways that answer wrongly, late or not at all: one line, status 4, and the report stands."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable

from benchmarks.faults.fault import Fault, Trial, expect
from benchmarks.faults.groups.receivers_http import HTML
from benchmarks.faults.raw_receiver import Answer, RawReceiver, forever, hang, reset, response, say
from benchmarks.receiver import free_port

SCENARIO = "def run():\n    pass\n"
JSON = "Content-Type: application/json"
_GROUP = b'{"labels":{"job":"memeval","eval":"a"}}'


def _push_fault(name: str, answer: Answer | None, status: int = 4) -> Fault:
    """Return a fault: a run pushes its gauges; None: nobody listens."""

    def attempt(trial: Trial) -> None:
        trial.write("scenario.py", SCENARIO)
        with RawReceiver(answer or hang) as gateway:
            address = gateway.url if answer else f"http://127.0.0.1:{free_port()}"
            options = ("--iterations", "3", "--fail-on", "failed", "--pushgateway", address)
            result = trial.run("scenario.py", *options, statuses=(status,), seconds=40)
        said = result.output.count("gauges were not pushed")
        expect(said == (status == 4), f"the line about gauges stands {said} times")
        expect("Verdict" in result.stdout or "verdict" in result.stdout or "idle" in result.stdout, "no report was printed")

    return Fault(f"Pushgateway: {name}", attempt)


def _forget_fault(name: str, answer: Answer | Callable[[socket.socket], None], status: int = 4) -> Fault:
    """Return a fault: the gateway's list of groups, or the deletion of one, is answered so."""

    def attempt(trial: Trial) -> None:
        with RawReceiver(answer) as gateway:
            result = trial.run("forget", "--all", "--pushgateway", gateway.url, statuses=(status,), seconds=20)
        expect(len(result.output.strip().splitlines()) == 1, "there is not one line")

    return Fault(f"Pushgateway, forget: {name}", attempt)


def _forget_two_fault(name: str, groups: bytes, second: Answer, status: int = 4) -> Fault:
    """Return a fault: the list is right, and the deletion is answered so."""

    def attempt(trial: Trial) -> None:
        with RawReceiver(say(response(200, groups, JSON)), second) as gateway:
            trial.run("forget", "--all", "--pushgateway", gateway.url, statuses=(status,), seconds=20)

    return Fault(f"Pushgateway, forget: {name}", attempt)


def _answer_with_bomb(connection: socket.socket) -> None:
    connection.sendall(response(200, gzip.compress(bytes(512 << 20), 9), JSON, "Content-Encoding: gzip"))


def pushgateway_faults() -> list[Fault]:
    """Return the faults of Pushgateways."""
    page = response(200, HTML, "Content-Type: text/html; charset=utf-8")
    groups = b'{"status":"success","data":[' + _GROUP + b"]}"
    deep = b"[" * 10_000 + b"]" * 10_000
    return [
        _push_fault("refused", None),
        _push_fault("202", say(response(202)), 0),
        _push_fault("HTML with 200", say(page)),
        _push_fault("400 with the cause", say(response(400, b"pushed metrics are invalid: \x1b[2J" + b"x" * 9000))),
        _push_fault("401", say(response(401))),
        _push_fault("redirect", say(response(302, b"", "Location: /"))),
        _push_fault("500", say(response(500))),
        _push_fault("hangs", hang),
        _push_fault("resets", reset),
        _push_fault("drips", forever(response(200, b"", length=9000), b"x")),
        _push_fault("100 Continue without an end", forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n")),
        _push_fault("random bytes", say(bytes(range(256)), close=True)),
        _forget_fault("HTML", say(page)),
        _forget_fault("an empty answer", say(response(200))),
        _forget_fault("half a list", say(response(200, groups[:-3], JSON))),
        _forget_fault("a list nested ten thousand deep", say(response(200, b'{"data":' + deep + b"}", JSON))),
        _forget_fault("an unknown field nested ten thousand deep", say(response(200, b'{"x":' + deep + b"}", JSON))),
        _forget_fault("a list that is null", say(response(200, b'{"data":null}', JSON))),
        _forget_fault("wrong labels", say(response(200, b'{"data":[{"labels":{"eval":5}}]}', JSON))),
        _forget_fault("a list in Latin-1", say(response(200, b'{"data":[{"labels":{"eval":"\xe4"}}]}', JSON))),
        _forget_fault("a list without an end", forever(response(200, b'{"data":[', length=-1), _GROUP + b"," * 1000, 0.0)),
        _forget_fault("a gzip bomb", _answer_with_bomb),
        _forget_fault("404", say(response(404, b"404 page not found\n"))),
        _forget_fault("100 Continue without an end", forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n")),
        _forget_fault("no group", say(response(200, b'{"data":[]}', JSON)), 0),
        _forget_two_fault("500 for the deletion", groups, say(response(500))),
        _forget_two_fault("HTML for the deletion", groups, say(page)),
        _forget_two_fault("no answer to the deletion", groups, hang),
        _forget_two_fault("202 for the deletion", groups, say(response(202)), 0),
    ]
