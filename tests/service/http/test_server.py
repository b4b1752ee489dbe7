"""The server on real sockets: access, responses, and clients that are slow."""

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
from otel_memeval.service.http.access import Access
from otel_memeval.service.http.request import Request, Response
from otel_memeval.service.http.server import MOST_CONNECTIONS, Address, Server, parse_address

STEP_SECONDS = 0.3
REQUEST_SECONDS = 0.8
Serve = Callable[..., Server]


@pytest.fixture
def log() -> list[str]:
    """Return the lines that a server has logged."""
    return []


@pytest.fixture
def serve(log: list[str]) -> Iterator[Serve]:
    """Return a function that starts servers with short timeouts."""
    with contextlib.ExitStack() as closing:

        def start(web_config: Path | None = None) -> Server:
            def echo(request: Request) -> Response:
                return Response("text/plain", f"{request.accept}|{request.accept_encoding}".encode())

            def broken(_: Request) -> Response:
                raise KeyError("an error in a page")

            access = Access(None if web_config is None else str(web_config), log.append)
            server = Server(
                Address("127.0.0.1", 0),
                access,
                log.append,
                step_seconds=STEP_SECONDS,
                request_seconds=REQUEST_SECONDS,
            )
            large = Response("text/plain", b"x" * (8 << 20))
            server.start({"/": echo, "/broken": broken, "/large": lambda _: large})
            closing.callback(server.stop)
            return server

        yield start


def port(server: Server) -> int:
    """Return the port of a server."""
    return int(server.server_address[1])


def ask(
    server: Server,
    method: str = "GET",
    path: str = "/",
    headers: dict[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> http.client.HTTPResponse:
    """Return the response, with its body in ``.text``."""
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
    """Send bytes, and return everything that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", port(server)), timeout=5) as connection:
        connection.sendall(data)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while block := connection.recv(65536):
                received += block
        return received


def test_address_is_on_the_loopback_interface_by_default() -> None:
    """PORT, HOST:PORT and [IPV6]:PORT are accepted, other text is an error."""
    assert parse_address("9464") == parse_address(":9464") == Address("127.0.0.1", 9464)
    assert parse_address("0.0.0.0:0") == Address("0.0.0.0", 0)
    assert parse_address("[::1]:65535") == Address("::1", 65535)
    for wrong in ("", "host", "host:", "65536", "-1", "::1:9464", "1e3", "host:９", "0000080"):
        with pytest.raises(UsageError, match="--serve"):
            parse_address(wrong)


def test_unusable_address_is_an_error(serve: Serve) -> None:
    """An occupied port, an unknown host name and an address of another machine cannot be used."""
    taken = port(serve())
    for address in (Address("127.0.0.1", taken), Address("no-such-host.invalid", 0), Address("192.0.2.1", 0)):
        with pytest.raises(UsageError, match=f"--serve {address.host}:{address.port}: .+; name "):
            Server(address, Access(None, print), print)


def test_only_known_pages_are_answered(serve: Serve) -> None:
    """GET and HEAD of known paths are answered with safe headers; other paths get 404, other methods 405."""
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
def test_invalid_request_is_refused(serve: Serve, data: bytes, status: bytes, log: list[str]) -> None:
    """The response has a status or is empty, repeats nothing of the request, and nothing is logged."""
    server = serve()
    answer = raw(server, data)
    assert answer.startswith(b"HTTP/1.1 " + status) if status else not answer
    assert b"script" not in answer
    assert ask(server).status == 200
    assert log == []


def test_error_in_a_page_is_logged(serve: Serve, log: list[str]) -> None:
    """One line is logged, and the next request is answered."""
    server = serve()
    with pytest.raises(http.client.RemoteDisconnected):
        ask(server, path="/broken")
    assert log == ["a request failed: KeyError: 'an error in a page'"]
    assert ask(server).status == 200


def test_slow_clients_do_not_block_others(serve: Serve) -> None:
    """More slow clients than slots are silent, send a byte at a time or read nothing; another client is answered."""
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


def test_stop_does_not_wait_for_clients(serve: Serve) -> None:
    """The server stops at once although every slot is taken."""
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
    """Return an authority that signs certificates."""
    return trustme.CA()


def web_config(folder: Path, authority: trustme.CA, more: str = "", **parts: str) -> Path:
    """Write a configuration with TLS; ``more`` is added to ``tls_server_config``, ``parts`` are other sections."""
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(str(folder / "server.key"))
    certificate.cert_chain_pems[0].write_to_path(str(folder / "server.crt"))
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    path = folder / "web.yml"
    rest = "".join(f"{name}: {value}\n" for name, value in parts.items())
    path.write_text(f"tls_server_config: {{cert_file: server.crt, key_file: server.key{more}}}\n{rest}", encoding="utf-8")
    return path


def client(authority: trustme.CA, name: str = "") -> ssl.SSLContext:
    """Return the TLS context of a client that trusts the authority and may have a certificate for a name."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if name:
        authority.issue_cert(name).configure_cert(context)
    return context


def test_tls_is_required_and_silent_clients_do_not_block_others(serve: Serve, tmp_path: Path, authority: trustme.CA) -> None:
    """A client without a handshake is closed while others are answered; a client without TLS gets nothing."""
    server = serve(web_config(tmp_path, authority))
    assert server.url.startswith("https://127.0.0.1:")
    with socket.create_connection(("127.0.0.1", port(server))) as silent:
        assert ask(server, tls=client(authority)).status == 200
        silent.settimeout(5)
        assert silent.recv(1) == b""
    assert b"HTTP" not in raw(server, b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises(ssl.SSLError):
        ask(server, tls=ssl.create_default_context())


def test_only_allowed_client_certificates_are_answered(serve: Serve, tmp_path: Path, authority: trustme.CA) -> None:
    """The certificate must be of the authority and have the allowed name."""
    ca = ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem"
    server = serve(web_config(tmp_path, authority, f"{ca}, client_allowed_sans: [prometheus.example.org]"))
    assert ask(server, tls=client(authority, "prometheus.example.org")).status == 200
    stranger = client(authority)
    trustme.CA().issue_cert("prometheus.example.org").configure_cert(stranger)
    for other in (client(authority), client(authority, "other.example.org"), stranger):
        with pytest.raises((ssl.SSLError, OSError, http.client.RemoteDisconnected)):
            ask(server, tls=other)


def test_password_is_required(serve: Serve, tmp_path: Path, authority: trustme.CA) -> None:
    """Without it every path gets 401 with a challenge; headers of the configuration are set."""
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


def test_renewed_files_are_used_and_broken_ones_are_ignored(
    serve: Serve, tmp_path: Path, authority: trustme.CA, log: list[str]
) -> None:
    """A new certificate is used for the next connection; a broken one is logged once, and the last good one stays."""
    path = web_config(tmp_path, authority)
    server = serve(path)
    assert ask(server, tls=client(authority)).status == 200
    renewed = trustme.CA()
    web_config(tmp_path, renewed)
    assert ask(server, tls=client(renewed)).status == 200
    (tmp_path / "server.crt").write_text("half")
    for _ in range(3):
        assert ask(server, tls=client(renewed)).status == 200
    assert len(log) == 1
    assert "the earlier configuration stays in use" in log[0]
    path.write_text("basic_auth_users: {alice: in the clear}")
    assert ask(server, tls=client(renewed)).status == 200
    assert len(log) == 2
    assert "in the clear" not in log[1]


def test_file_that_is_empty_for_a_moment_admits_nobody(
    tmp_path: Path, authority: trustme.CA, log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty file never removes rules; one without the rules does once it has not changed for five seconds."""
    hashed = bcrypt.hashpw(b"right word", bcrypt.gensalt(4)).decode()
    path = web_config(tmp_path, authority, basic_auth_users=f"{{alice: {hashed}}}")
    access = Access(str(path), log.append)
    whole_file = path.read_text(encoding="utf-8")
    for length in range(len(whole_file)):
        path.write_text(whole_file[:length], encoding="utf-8")
        assert access.rules().required == {"TLS", "passwords"}
    path.write_text("# users come later\n", encoding="utf-8")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 60)
    assert access.rules().required == {"TLS", "passwords"}
    assert "it is empty" in log[-1]
    path.write_text("{}", encoding="utf-8")
    monkeypatch.setattr(time, "time", lambda: now)
    assert access.rules().required == {"TLS", "passwords"}
    monkeypatch.setattr(time, "time", lambda: now + 60)
    assert access.rules().required == frozenset()


@pytest.mark.parametrize("broken", ["server.key", "server.crt", "ca.pem"])
def test_unusable_files_are_an_error_at_the_start(tmp_path: Path, authority: trustme.CA, broken: str) -> None:
    """The error names the file that is missing or not PEM."""
    path = web_config(tmp_path, authority, ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem")
    (tmp_path / broken).write_text("no PEM")
    with pytest.raises(UsageError, match=rf"--web-config .*{broken}.*; name readable PEM files"):
        Access(str(path), print)
    (tmp_path / broken).unlink()
    with pytest.raises(UsageError, match=rf"{broken}.*No such file"):
        Access(str(path), print)
    with pytest.raises(UsageError, match="No such file"):
        Access(str(tmp_path / "none.yml"), print)


def test_key_with_a_passphrase_is_refused_without_a_prompt(tmp_path: Path, authority: trustme.CA) -> None:
    """A service cannot ask a user for the passphrase."""
    from cryptography.hazmat.primitives import serialization

    path = web_config(tmp_path, authority)
    key = serialization.load_pem_private_key((tmp_path / "server.key").read_bytes(), None)
    (tmp_path / "server.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"word")
        )
    )
    begun = time.monotonic()
    with pytest.raises(UsageError, match="the key without a passphrase"):
        Access(str(path), print)
    assert time.monotonic() - begun < 10
