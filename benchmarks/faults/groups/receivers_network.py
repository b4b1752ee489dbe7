"""Receivers that cannot be reached, have a wrong certificate, or are behind a proxy that answers by itself."""

from __future__ import annotations

import socket
import ssl
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone

import trustme

from benchmarks.faults.fault import Fault, Trial, expect
from benchmarks.faults.groups.receivers_http import HTML, expect_kept
from benchmarks.faults.raw_receiver import OK, Answer, RawReceiver, forever, hang, reset, response, say
from benchmarks.faults.waiting_batches import WaitingBatches
from benchmarks.receiver import free_port


def _address_fault(name: str, address: str, *, statuses: Sequence[int] = (4,)) -> Fault:
    """Return a fault: batches are replayed to an address where nobody listens; a wrong address is status 2."""

    def attempt(trial: Trial) -> None:
        batches = WaitingBatches(trial)
        batches.replay("--endpoint", address.format(port=free_port()), statuses=statuses)
        expect_kept(batches, "kept")
        batches.expect_rest_is_delivered_once(Counter())

    return Fault(name, attempt)


def _try_full_backlog(trial: Trial) -> None:
    """Replay to a port that accepts no further connection."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        waiting = [socket.socket() for _ in range(8)]
        for connection in waiting:
            connection.setblocking(False)
            connection.connect_ex(server.getsockname())
        batches = WaitingBatches(trial)
        batches.replay("--endpoint", f"http://127.0.0.1:{server.getsockname()[1]}", statuses=(4,))
        for connection in waiting:
            connection.close()
    batches.expect_rest_is_delivered_once(Counter())


def _tls_fault(name: str, *, host: str = "127.0.0.1", days: int = 30, trusted: bool = True, client: bool = False) -> Fault:
    """Return a fault: the receiver's certificate is for another host, of another authority, expired, or wants a client's."""
    expected = "delivered" if host == "127.0.0.1" and days > 0 and trusted and not client else "kept"

    def attempt(trial: Trial) -> None:
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(host, not_after=datetime.now(timezone.utc) + timedelta(days=days)).configure_cert(context)
        if client:
            authority.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        named = authority if trusted else trustme.CA()
        named.cert_pem.write_to_path(str(trial.folder / "ca.pem"))
        batches = WaitingBatches(trial)
        environment = {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(trial.folder / "ca.pem")}
        with RawReceiver(OK, tls=context) as receiver:
            address = receiver.url.replace("http:", "https:")
            batches.replay("--endpoint", address, environment=environment, statuses=(0 if expected == "delivered" else 4,))
            taken = receiver.times_taken()
        batches.expect_rest_is_delivered_once(taken)

    return Fault(name, attempt)


def _file_fault(name: str, variable: str, contents: bytes | None) -> Fault:
    """Return a fault: a certificate or key that the variable names is missing or no PEM file."""

    def attempt(trial: Trial) -> None:
        if contents is not None:
            trial.write("file.pem", contents)
        batches = WaitingBatches(trial)
        environment = {f"OTEL_EXPORTER_OTLP_{variable}": str(trial.folder / "file.pem")}
        with RawReceiver(hang) as receiver:
            batches.replay("--endpoint", receiver.url.replace("http:", "https:"), environment=environment, statuses=(4,))
        batches.expect_rest_is_delivered_once(Counter())

    return Fault(name, attempt)


def _wrong_protocol_fault(name: str, answer: Answer, *, reads: bool) -> Fault:
    """Return a fault: the address says HTTPS, and the receiver does not speak TLS."""

    def attempt(trial: Trial) -> None:
        batches = WaitingBatches(trial)
        with RawReceiver(answer, reads=reads) as receiver:
            batches.replay("--endpoint", receiver.url.replace("http:", "https:"), statuses=(4,))
        batches.expect_rest_is_delivered_once(Counter())

    return Fault(name, attempt)


def _try_tls_port_without_tls(trial: Trial) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    batches = WaitingBatches(trial)
    with RawReceiver(OK, tls=context) as receiver:
        batches.replay("--endpoint", receiver.url, statuses=(4,))
    batches.expect_rest_is_delivered_once(Counter())


def _proxy_fault(name: str, answer: Answer, scheme: str = "http", *, expected: str = "kept") -> Fault:
    """Return a fault: a proxy, named by the environment, answers in place of the receiver."""

    def attempt(trial: Trial) -> None:
        batches = WaitingBatches(trial)
        with RawReceiver(answer) as proxy:
            environment = {"http_proxy": proxy.url, "https_proxy": proxy.url, "HTTP_PROXY": "", "HTTPS_PROXY": ""}
            address = f"{scheme}://127.0.0.1:{free_port()}"
            batches.replay("--endpoint", address, environment=environment, statuses=(0 if expected == "delivered" else 4,))
            expect(bool(proxy.requests), "the proxy was not used")
            taken = proxy.times_taken() if expected == "delivered" else Counter[str]()
        batches.expect_rest_is_delivered_once(taken)

    return Fault(f"proxy: {name}", attempt)


def _proxy_address_fault(name: str, variables: Mapping[str, str], status: int) -> Fault:
    """Return a fault: the variables name a proxy that cannot be used, or that is not for this receiver."""

    def attempt(trial: Trial) -> None:
        batches = WaitingBatches(trial)
        with RawReceiver(OK) as receiver:
            batches.replay("--endpoint", receiver.url, environment=variables, statuses=(status,))
            taken = receiver.times_taken()
        batches.expect_rest_is_delivered_once(taken)

    return Fault(f"proxy: {name}", attempt)


def network_faults() -> list[Fault]:
    """Return the faults of the way to a receiver."""
    page = response(200, HTML, "Content-Type: text/html")
    nobody = "http://127.0.0.1:1"
    return [
        _address_fault("refused", "http://127.0.0.1:{port}"),
        _address_fault("unresolvable", "http://no-such-host.invalid:4318"),
        _address_fault("a host name of 300 characters", f"http://{'a' * 300}.invalid:4318"),
        _address_fault("a host name with an empty part", "http://a..b:4318"),
        _address_fault("an address with a space", "http://local host:4318"),
        _address_fault("a port beyond all ports", "http://127.0.0.1:99999", statuses=(2,)),
        _address_fault("another scheme", "ftp://127.0.0.1:21", statuses=(2,)),
        _address_fault("an empty address", "", statuses=(2,)),
        Fault("a port that accepts no connection", _try_full_backlog),
        _tls_fault("TLS that is right"),
        _tls_fault("TLS for another host", host="example.org"),
        _tls_fault("TLS of another authority", trusted=False),
        _tls_fault("TLS that has expired", days=-1),
        _tls_fault("TLS that wants a client's certificate", client=True),
        _file_fault("CA file that is missing", "CERTIFICATE", None),
        _file_fault("CA file that is no PEM", "CERTIFICATE", b"nonsense"),
        _file_fault("client's certificate that is no PEM", "CLIENT_CERTIFICATE", b"\x00nonsense"),
        _wrong_protocol_fault("TLS to a receiver that hangs", hang, reads=False),
        _wrong_protocol_fault("TLS to a receiver without it", say(response(200), close=True), reads=False),
        _wrong_protocol_fault("a TLS handshake that drips", forever(b"\x16\x03\x03\x3f\xff\x02\x00", b"\0"), reads=False),
        Fault("HTTP to a receiver with TLS", _try_tls_port_without_tls),
        _proxy_fault("passes requests on", OK, expected="delivered"),
        _proxy_fault("HTML with 200", say(page)),
        _proxy_fault("407", say(response(407, b"", "Proxy-Authenticate: Basic"))),
        _proxy_fault("502", say(response(502))),
        _proxy_fault("hangs", hang),
        _proxy_fault("resets", reset),
        _proxy_fault("drips", forever(b"HTTP/1.1 200 OK\r\nA: ", b"x")),
        _proxy_fault("403 for CONNECT", say(response(403)), "https"),
        _proxy_fault("HTML for CONNECT", say(page), "https"),
        _proxy_fault("hangs at CONNECT", hang, "https"),
        _proxy_fault("CONNECT that drips", forever(b"HTTP/1.1 200 OK\r\nA: ", b"x"), "https"),
        _proxy_fault("headers of CONNECT without an end", forever(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"), "https"),
        _proxy_address_fault("refused", {"http_proxy": nobody}, 4),
        _proxy_address_fault("SOCKS", {"http_proxy": "socks5h://127.0.0.1:1"}, 4),
        _proxy_address_fault("an address that is none", {"http_proxy": "http://[::1"}, 4),
        _proxy_address_fault("not for this receiver", {"http_proxy": nobody, "no_proxy": "127.0.0.1"}, 0),
    ]
