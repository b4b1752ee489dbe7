"""The server on real sockets: who may ask, what is answered, and that no client keeps out the others."""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bcrypt
import pytest
import trustme

from otel_memeval.errors import UsageError
from otel_memeval.service.http.access import Gate
from otel_memeval.service.http.server import MOST_CONNECTIONS, Address, Answer, Request, Server, parse_address

STEP_SECONDS = 0.3
REQUEST_SECONDS = 0.8
Serve = Callable[..., Server]


@pytest.fixture
def told() -> list[str]:
    """Lines for a person."""
    return []


@pytest.fixture
def serve(told: list[str]) -> Iterator[Serve]:
    """Starts servers that lose their patience soon."""
    with contextlib.ExitStack() as closing:

        def start(web_config: Path | None = None) -> Server:
            def echo(request: Request) -> Answer:
                return Answer("text/plain", f"{request.accept}|{request.accept_encoding}".encode())

            def broken(_: Request) -> Answer:
                raise KeyError("a fault of ours")

            gate = Gate(None if web_config is None else str(web_config), told.append)
            server = Server(
                Address("127.0.0.1", 0),
                gate,
                {"/": echo, "/broken": broken, "/large": lambda _: Answer("text/plain", b"x" * (8 << 20))},
                told.append,
                step_seconds=STEP_SECONDS,
                request_seconds=REQUEST_SECONDS,
            )
            server.start()
            closing.callback(server.stop)
            return server

        yield start


def port(server: Server) -> int:
    """Where it listens."""
    return int(server.server_address[1])


def ask(
    server: Server,
    method: str = "GET",
    path: str = "/",
    headers: dict[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> http.client.HTTPResponse:
    """The answer, with its body read into ``.text``."""
    if tls is None:
        connection = http.client.HTTPConnection("127.0.0.1", port(server), timeout=5)
    else:
        connection = http.client.HTTPSConnection("localhost", port(server), timeout=5, context=tls)
    with contextlib.closing(connection):
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        answer.text = answer.read().decode()  # type: ignore[attr-defined]
        return answer


def raw(server: Server, data: bytes) -> bytes:
    """What comes back for these bytes, until the server closes."""
    with socket.create_connection(("127.0.0.1", port(server)), timeout=5) as connection:
        connection.sendall(data)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while block := connection.recv(65536):
                received += block
        return received


def test_an_address_is_loopback_unless_it_says_otherwise() -> None:
    """PORT, HOST:PORT, [IPV6]:PORT; everything else is an error."""
    assert parse_address("9464") == parse_address(":9464") == Address("127.0.0.1", 9464)
    assert parse_address("0.0.0.0:0") == Address("0.0.0.0", 0)
    assert parse_address("[::1]:65535") == Address("::1", 65535)
    for wrong in ("", "host", "host:", "65536", "-1", "::1:9464", "1e3", "host:９", "0000080"):
        with pytest.raises(UsageError, match="--serve"):
            parse_address(wrong)


def test_an_occupied_port_is_one_line(serve: Serve) -> None:
    """So are a name that nobody has and an address that is not this machine's."""
    taken = port(serve())
    for address in (Address("127.0.0.1", taken), Address("no-such-host.invalid", 0), Address("192.0.2.1", 0)):
        with pytest.raises(UsageError, match=f"--serve {address.host}:{address.port}: .+; name "):
            Server(address, Gate(None, print), {}, print)


def test_pages_are_answered_and_nothing_else(serve: Serve) -> None:
    """GET and HEAD of known paths, whatever the query; 404 and 405 else; no server's name, and headers that close doors."""
    server = serve()
    answer = ask(server, path="/?a=b", headers={"Accept": "text/html", "Accept-Encoding": "br"})
    assert (answer.status, answer.text) == (200, "text/html|br")  # type: ignore[attr-defined]
    assert answer.getheader("Server") is None
    assert answer.getheader("X-Content-Type-Options") == "nosniff"
    assert "default-src 'none'" in (answer.getheader("Content-Security-Policy") or "")
    head = ask(server, "HEAD", headers={"Accept": "text/html", "Accept-Encoding": "br"})
    assert (head.status, head.getheader("Content-Length"), head.text) == (200, "12", "")  # type: ignore[attr-defined]
    assert ask(server, path="/other").status == 404
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
        refused = ask(server, method)
        assert (refused.status, refused.getheader("Allow")) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", b""),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b""),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", b"431"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"GET / HTTP/9\r\n\r\n", b"400"),
        (b"GET <script>alert(1)</script> HTTP/1.1\r\n\r\n", b"404"),
        (b"\r\n\r\n", b""),
    ],
)
def test_what_is_no_request_is_refused(serve: Serve, data: bytes, status: bytes, told: list[str]) -> None:
    """With a status or with silence, without a word of it, and without a line in the log."""
    server = serve()
    answer = raw(server, data)
    assert answer.startswith(b"HTTP/1.1 " + status) if status else not answer
    assert b"script" not in answer
    assert ask(server).status == 200
    assert told == []


def test_a_fault_of_a_page_is_told_and_ends_nothing(serve: Serve, told: list[str]) -> None:
    """One line; the next request is answered."""
    server = serve()
    with pytest.raises(http.client.RemoteDisconnected):
        ask(server, path="/broken")
    assert told == ["a request failed: KeyError: 'a fault of ours'"]
    assert ask(server).status == 200


def test_slow_clients_take_no_place_for_long(serve: Serve) -> None:
    """As many as there are places: silent, one letter at a time, and one that reads nothing; then others are answered."""
    server = serve()
    with contextlib.ExitStack() as closing:
        slow = [
            closing.enter_context(socket.create_connection(("127.0.0.1", port(server)))) for _ in range(MOST_CONNECTIONS + 8)
        ]
        slow[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow[0].sendall(b"GET /large HTTP/1.1\r\n\r\n")
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(STEP_SECONDS / 6):
                for connection in slow[1:]:
                    with contextlib.suppress(OSError):
                        connection.send(b"G")

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            assert ask(server).status == 200
        finally:
            stop.set()
            dripping.join()
    assert threading.active_count() <= MOST_CONNECTIONS + 10


def test_it_stops_although_clients_hold_on(serve: Serve) -> None:
    """With every place taken, stopping is not delayed by them."""
    server = serve()
    with contextlib.ExitStack() as closing:
        for _ in range(MOST_CONNECTIONS + 2):
            closing.enter_context(socket.create_connection(("127.0.0.1", port(server))))
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        stopping.join(REQUEST_SECONDS)
        assert not stopping.is_alive()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port(server)), timeout=1)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Who signs certificates here."""
    return trustme.CA()


def web_config(folder: Path, authority: trustme.CA, more: str = "", **parts: str) -> Path:
    """A configuration with TLS; ``more`` within ``tls_server_config``, ``parts`` beside it."""
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(str(folder / "server.key"))
    certificate.cert_chain_pems[0].write_to_path(str(folder / "server.crt"))
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    path = folder / "web.yml"
    rest = "".join(f"{name}: {value}\n" for name, value in parts.items())
    path.write_text(f"tls_server_config: {{cert_file: server.crt, key_file: server.key{more}}}\n{rest}", encoding="utf-8")
    return path


def client(authority: trustme.CA, name: str = "") -> ssl.SSLContext:
    """A client that trusts the authority, with a certificate of its own for a name."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if name:
        authority.issue_cert(name).configure_cert(context)
    return context


def test_tls_lets_nobody_in_without_it_and_silence_keeps_nobody_out(
    serve: Serve, tmp_path: Path, authority: trustme.CA
) -> None:
    """A client that shakes no hands is let go while others are answered; one without TLS gets nothing."""
    server = serve(web_config(tmp_path, authority))
    assert server.url.startswith("https://127.0.0.1:")
    with socket.create_connection(("127.0.0.1", port(server))) as silent:
        assert ask(server, tls=client(authority)).status == 200
        silent.settimeout(5)
        assert silent.recv(1) == b""
    assert b"HTTP" not in raw(server, b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises(ssl.SSLError):
        ask(server, tls=ssl.create_default_context())


def test_only_the_clients_that_were_named_are_answered(serve: Serve, tmp_path: Path, authority: trustme.CA) -> None:
    """A certificate of the authority's for the right name; not another's, not another name, not none."""
    ca = ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem"
    server = serve(web_config(tmp_path, authority, f"{ca}, client_allowed_sans: [prometheus.example.org]"))
    assert ask(server, tls=client(authority, "prometheus.example.org")).status == 200
    stranger = client(authority)
    trustme.CA().issue_cert("prometheus.example.org").configure_cert(stranger)
    for other in (client(authority), client(authority, "other.example.org"), stranger):
        with pytest.raises((ssl.SSLError, OSError, http.client.RemoteDisconnected)):
            ask(server, tls=other)


def test_a_user_needs_a_password(serve: Serve, tmp_path: Path, authority: trustme.CA) -> None:
    """401 with a challenge without one, also for a path that is not there; headers of the file's are set."""
    hashed = bcrypt.hashpw(b"right word", bcrypt.gensalt(4)).decode()
    parts = {
        "basic_auth_users": f"{{alice: {hashed}}}",
        "http_server_config": "{headers: {Strict-Transport-Security: max-age=1}}",
    }
    server = serve(web_config(tmp_path, authority, **parts))
    tls = client(authority)
    for path in ("/", "/other"):
        refused = ask(server, path=path, tls=tls)
        assert (refused.status, refused.getheader("WWW-Authenticate")) == (401, 'Basic realm="otel-memeval"')
    right = {"Authorization": "Basic " + base64.b64encode(b"alice:right word").decode()}
    answer = ask(server, headers=right, tls=tls)
    assert (answer.status, answer.getheader("Strict-Transport-Security")) == (200, "max-age=1")


def test_renewed_files_are_read_and_broken_ones_change_nothing(
    serve: Serve, tmp_path: Path, authority: trustme.CA, told: list[str]
) -> None:
    """A new certificate is used from the next connection on; half of one is told once, and the last good stays."""
    path = web_config(tmp_path, authority)
    server = serve(path)
    assert ask(server, tls=client(authority)).status == 200
    renewed = trustme.CA()
    web_config(tmp_path, renewed)
    assert ask(server, tls=client(renewed)).status == 200
    (tmp_path / "server.crt").write_text("half")
    for _ in range(3):
        assert ask(server, tls=client(renewed)).status == 200
    assert len(told) == 1
    assert "what was read before goes on to hold" in told[0]
    path.write_text("basic_auth_users: {alice: in the clear}")
    assert ask(server, tls=client(renewed)).status == 200
    assert len(told) == 2
    assert "in the clear" not in told[1]


@pytest.mark.parametrize("broken", ["server.key", "server.crt", "ca.pem"])
def test_files_that_cannot_be_used_at_the_start_are_an_error(tmp_path: Path, authority: trustme.CA, broken: str) -> None:
    """Missing, or no PEM: one line that names the file."""
    path = web_config(tmp_path, authority, ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem")
    (tmp_path / broken).write_text("no PEM")
    with pytest.raises(UsageError, match=rf"--web-config .*{broken}.*; name PEM files"):
        Gate(str(path), print)
    (tmp_path / broken).unlink()
    with pytest.raises(UsageError, match=rf"{broken}.*No such file"):
        Gate(str(path), print)
    with pytest.raises(UsageError, match="No such file"):
        Gate(str(tmp_path / "none.yml"), print)


def test_a_key_with_a_passphrase_is_refused_without_a_question(tmp_path: Path, authority: trustme.CA) -> None:
    """A service has nobody to ask."""
    from cryptography.hazmat.primitives import serialization

    path = web_config(tmp_path, authority)
    key = serialization.load_pem_private_key((tmp_path / "server.key").read_bytes(), None)
    (tmp_path / "server.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"word")
        )
    )
    begun = time.monotonic()
    with pytest.raises(UsageError, match="the key unencrypted"):
        Gate(str(path), print)
    assert time.monotonic() - begun < 10
