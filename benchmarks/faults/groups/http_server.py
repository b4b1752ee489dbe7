"""Faults of the service's server: clients that are slow, many, or send what is no request."""

from __future__ import annotations

import contextlib
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from benchmarks.faults.fault import Fault, Trial, expect
from benchmarks.faults.limits import most_descriptors
from benchmarks.faults.running_service import SCENARIO, RunningService, running_service, with_service

CLIENTS = 200
"""Clients at a time: many more than the server has threads or keeps connections."""


@contextlib.contextmanager
def _clients(service: RunningService, data: bytes, number: int = CLIENTS) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as closing:
        found = []
        for _ in range(number):
            connection = closing.enter_context(service.connect())
            with contextlib.suppress(OSError):
                connection.sendall(data)
            found.append(connection)
        yield found


def _held(data: bytes, service: RunningService) -> None:
    with _clients(service, data):
        service.expect_answers()


def _dripping(service: RunningService) -> None:
    stop = threading.Event()
    with _clients(service, b"GET /metrics HTTP/1.1\r\nX: ") as connections:

        def drip() -> None:
            while not stop.wait(0.1):
                for connection in connections:
                    with contextlib.suppress(OSError):
                        connection.send(b"x")

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            for _ in range(5):
                service.expect_answers()
                time.sleep(0.2)
        finally:
            stop.set()
            thread.join()


def _unread(service: RunningService) -> None:
    with contextlib.ExitStack() as closing:
        for _ in range(CLIENTS):
            connection = closing.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            connection.settimeout(5)
            connection.connect(("127.0.0.1", service.port))
            connection.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        service.expect_answers()


def _reset(service: RunningService) -> None:
    for data in (b"", b"GET", b"GET / HTTP/1.1\r\n\r\n"):
        for _ in range(100):
            connection = service.connect()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(data)
            connection.close()


def _at_once(service: RunningService) -> None:
    statuses: list[int] = []

    def scrape() -> None:
        statuses.extend(service.get(path)[0] for path in ("/metrics", "/", "/healthz"))

    threads = [threading.Thread(target=scrape) for _ in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect(set(statuses) == {200}, f"180 scrapes at once: statuses {sorted(set(statuses))}")


def _endless_head(service: RunningService) -> None:
    with service.connect() as connection, contextlib.suppress(OSError):
        for _ in range(2000):
            connection.sendall(b"X: " + b"x" * 5000 + b"\r\n")


def _hangups(service: RunningService) -> None:
    if not hasattr(signal, "SIGHUP"):
        raise OSError("there is no SIGHUP")
    for _ in range(50):
        service.process.send_signal(signal.SIGHUP)
        time.sleep(0.01)


def _stopped_with_clients(trial: Trial) -> None:
    with running_service(trial) as service, _clients(service, b"GET /metrics HTTP/1.1\r\n"):
        start = time.monotonic()
        service.end()
        expect(time.monotonic() - start < 8, "SIGTERM took more than eight seconds while clients were connected")


def _few_descriptors(trial: Trial) -> None:
    with running_service(trial, preexec_fn=partial(most_descriptors, 60)) as service:
        service.wait_for("scenario: ")
        with _clients(service, b"GET / HTTP/1.1\r\n", 100):
            service.expect_answers()
        service.expect_answers()


def _during_a_run(trial: Trial) -> None:
    with running_service(trial, scenario="import time\ndef run():\n    time.sleep(600)\n") as service:
        for _ in range(20):
            service.expect_answers()


def _request(data: bytes, *statuses: bytes, half_close: bool = False) -> Callable[[RunningService], None]:
    """Return a check: the answer has one of the statuses (``b""``: none) and repeats no part of the request."""

    def attempt(service: RunningService) -> None:
        answer = service.send(data, half_close=half_close)
        found = any(answer.startswith(b"HTTP/1.1 " + status) if status else not answer for status in statuses)
        expect(found, f"answer {answer[:60]!r}, expected {statuses}")
        expect(b"marker" not in answer, "the answer repeats a part of the request")

    return attempt


END = b" HTTP/1.1\r\nHost: x\r\n"
_VERSION = b"Accept: application/openmetrics-text;version=\xc2\xb2.x\r\n\r\n"
REQUESTS = {
    "no request line": _request(b"\r\n\r\n", b""),
    "NUL bytes": _request(b"\0" * 100 + b"\r\n\r\n", b"400"),
    "random bytes": _request(bytes(range(256)) * 20 + b"\r\n\r\n", b"400"),
    "a TLS greeting": _request(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n", b"400"),
    "an HTTP/2 preface": _request(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"505", b"400", b"405"),
    "HTTP/9": _request(b"GET / HTTP/9.0\r\n\r\n", b"505", b"400"),
    "HTTP/1.0": _request(b"GET /healthz HTTP/1.0\r\n\r\n", b"200"),
    "lines that end in LF": _request(b"GET /healthz HTTP/1.1\nHost: x\n\n", b"200"),
    "a client that closes its half": _request(b"GET /healthz" + END + b"\r\n", b"200", half_close=True),
    "half a request and a closed half": _request(b"GET /healthz" + END, b"", half_close=True),
    "an unknown method": _request(b"MARKER / HTTP/1.1\r\n\r\n", b"405"),
    "TRACE": _request(b"TRACE /marker" + END + b"X: marker\r\n\r\n", b"405"),
    "CONNECT": _request(b"CONNECT marker:443" + END + b"\r\n", b"405"),
    "a body of 1 MB": _request(b"POST /" + END + b"Content-Length: 1000000\r\n\r\n" + b"x" * 1_000_000, b"405", b""),
    "two lengths": _request(
        b"GET /healthz" + END + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"200"
    ),
    "two requests in one": _request((b"GET /healthz" + END + b"\r\n") * 2, b"200"),
    "Expect: 100-continue": _request(b"GET /healthz" + END + b"Expect: 100-continue\r\n\r\n", b"100", b"200"),
    "a range": _request(b"GET /metrics" + END + b"Range: bytes=0-5\r\n\r\n", b"200"),
    "a path upwards": _request(b"GET /../../../etc/passwd" + END + b"\r\n", b"404"),
    "an escaped path upwards": _request(b"GET /%2e%2e/%2e%2e/etc/passwd" + END + b"\r\n", b"404"),
    "an escaped line end": _request(b"GET /marker%0d%0aSet-Cookie:%20marker" + END + b"\r\n", b"404"),
    "tags in the path": _request(b"GET /<script>marker</script>" + END + b"\r\n", b"404"),
    "a whole URL": _request(b"GET http://marker/healthz" + END + b"\r\n", b"404"),
    "a path without a slash": _request(b"GET healthz" + END + b"\r\n", b"404"),
    "a path of 70 KB": _request(b"GET /" + b"a" * 70_000 + END + b"\r\n", b""),
    "a header of 40 KB": _request(b"GET /" + END + b"X: " + b"a" * 40_000 + b"\r\n\r\n", b""),
    "200 headers": _request(b"GET /" + END + b"a: marker\r\n" * 200 + b"\r\n", b"431"),
    "a header without a colon": _request(b"GET /healthz" + END + b"marker\r\n\r\n", b"200", b"400"),
    "a header that begins with a space": _request(b"GET /healthz" + END + b" marker: x\r\n\r\n", b"200", b"400"),
    "bytes that are no text in a header": _request(b"GET /healthz" + END + b"X: \xff\xfe\0\r\n\r\n", b"200", b"400"),
    "an Accept header of nonsense": _request(
        b"GET /metrics" + END + b"Accept: ;;q=,version=x;q=9e99,,*/\xff\r\n\r\n", b"200"
    ),
    "a version that is no number": _request(b"GET /metrics" + END + _VERSION, b"200"),
    "an encoding of nonsense": _request(b"GET /metrics" + END + b"Accept-Encoding: gzip;q=x, ;;,\xff\r\n\r\n", b"200"),
}
"""By name: requests that are unusual or none."""

CONNECTIONS: dict[str, Callable[[RunningService], None]] = {
    f"{CLIENTS} clients that send nothing": partial(_held, b""),
    f"{CLIENTS} clients that send half a head": partial(_held, b"GET /metrics HTTP/1.1\r\nX:"),
    f"{CLIENTS} clients that send a byte now and then": _dripping,
    f"{CLIENTS} clients that do not read": _unread,
    "300 connections that are reset": _reset,
    "180 scrapes at once": _at_once,
    "a head without an end": _endless_head,
    "50 hangups": _hangups,
}

USAGE = {
    "a port that is taken": "",
    "no port": "here",
    "port 65536": "127.0.0.1:65536",
    "an unknown host": "no-such-host.invalid:0",
    "an address of another machine": "192.0.2.1:0",
    "an IPv6 address without brackets": "::1:9464",
}


def _usage(address: str, trial: Trial) -> None:
    trial.write("scenario.py", SCENARIO)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        given = address or f"127.0.0.1:{taken.getsockname()[1]}"
        result = trial.run("scenario.py", "--every", "1h", "--serve", given, "--state", "state.json", statuses=(2,))
    expect(len(result.stderr.splitlines()) == 1, f"not one line: {result.stderr}")


def faults() -> Sequence[Fault]:
    """Return the faults of this group."""
    in_ci = f"{CLIENTS} clients that send a byte now and then"
    return (
        *(Fault(name, with_service(attempt), in_ci=name == in_ci) for name, attempt in CONNECTIONS.items()),
        *(Fault(f"a request: {name}", with_service(attempt)) for name, attempt in REQUESTS.items()),
        *(Fault(name, partial(_usage, address)) for name, address in USAGE.items()),
        Fault(f"SIGTERM with {CLIENTS} clients", _stopped_with_clients),
        Fault("100 clients and 60 file descriptors", _few_descriptors),
        Fault("scrapes during a run", _during_a_run),
    )
