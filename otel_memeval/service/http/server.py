"""The server: every request in a thread of its own, of which there are few, and each has to be done in time.

The standard library's, since the two made for this do less: prometheus-client's own server has no passwords, one page and no
limits, and it shakes hands in the thread that accepts, so that one silent client keeps out all others. A connection is one
request: a scrape every few seconds gains nothing from more, and an idle client holds nothing.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from io import BufferedIOBase
from socketserver import TCPServer, ThreadingMixIn
from typing import cast

import msgspec

from otel_memeval.errors import UsageError
from otel_memeval.service.http.access import Gate

MOST_CONNECTIONS = 32
"""At a time; more wait in the system's queue."""
STEP_SECONDS = 10.0
"""For each step: the handshake, a line of the request, a piece of the answer."""
REQUEST_SECONDS = 30.0
"""For a connection from beginning to end."""
_LONGEST_HEAD_BYTES = 32 << 10
_CHECK_SECONDS = 0.2

_SAFE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "deny",
}


class Request(msgspec.Struct, frozen=True):
    """What a page may depend on."""

    accept: str
    accept_encoding: str


class Answer(msgspec.Struct, frozen=True):
    """A page."""

    content_type: str
    body: bytes
    headers: Mapping[str, str] = {}


Page = Callable[[Request], Answer]


class Address(msgspec.Struct, frozen=True):
    """Where to listen."""

    host: str
    port: int


def parse_address(text: str) -> Address:
    """``[HOST:]PORT``; loopback where no host is given. Raises ``UsageError``."""
    host, _, port = text.strip().rpartition(":")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise UsageError(f"--serve {text}: this names no port", "write PORT or HOST:PORT, such as 9464 or 0.0.0.0:9464")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise UsageError(f"--serve {text}: an IPv6 address needs brackets", f"write [{host}]:{port}")
    return Address(host or "127.0.0.1", int(port))


class Server(ThreadingMixIn, TCPServer):
    """Answers ``pages`` by path. Listens from the moment it is made; ``start`` answers."""

    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"  # there it would let two listen
    request_queue_size = 128

    def __init__(
        self,
        address: Address,
        gate: Gate,
        pages: Mapping[str, Page],
        tell: Callable[[str], None],
        *,
        step_seconds: float = STEP_SECONDS,
        request_seconds: float = REQUEST_SECONDS,
    ) -> None:
        """Raises ``UsageError`` where nobody can listen."""
        self.gate = gate
        self.pages = pages
        self._tell = tell
        self.step_seconds = step_seconds
        self._request_seconds = request_seconds
        self._slots = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._deadlines: dict[socket.socket, float] = {}
        self._thread: threading.Thread | None = None
        self._stopping = False
        shown = f"--serve {address.host}:{address.port}"
        try:
            self.address_family, _, _, _, found = socket.getaddrinfo(
                address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            super().__init__(cast("tuple[str, int]", found), _Handler)
        except OSError as error:
            remedy = "name another port, or end what listens there"
            if not isinstance(error, socket.gaierror) and error.errno is not None:
                raise UsageError(f"{shown}: {error.strerror}", remedy) from None
            raise UsageError(f"{shown}: {error.strerror or error}", "name an address of this machine") from None

    def server_bind(self) -> None:
        """Without asking a name server who this is."""
        if self.address_family == socket.AF_INET6 and hasattr(socket, "IPV6_V6ONLY"):
            with contextlib.suppress(OSError):  # [::] is every address, the old ones too
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    @property
    def url(self) -> str:
        """Where it answers, without a path."""
        host, port = self.server_address[:2]
        scheme = "https" if self.gate.current().tls else "http"
        return f"{scheme}://{f'[{host!s}]' if ':' in str(host) else host!s}:{port}"

    def start(self) -> None:
        """Answer from now on, in threads that end with the process."""
        self._thread = threading.Thread(target=self.serve_forever, args=(_CHECK_SECONDS,), name="memeval-http", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Listen no longer. What is being answered is not waited for."""
        self._stopping = True
        if self._thread is not None:
            self.shutdown()
            self._thread.join()
        self.server_close()

    # One connection.

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        """Wait for a place, then answer in a thread."""
        self._deadlines[request] = time.monotonic() + self._request_seconds
        while not self._slots.acquire(timeout=_CHECK_SECONDS):
            self.service_actions()
            if self._stopping:
                self._deadlines.pop(request)
                self.shutdown_request(request)
                return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread to be had
            self._over(request)
            self.shutdown_request(request)

    def process_request_thread(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        """Shake hands where there is TLS, answer, close; all of it in time."""
        connection = request
        try:
            request.settimeout(self.step_seconds)
            guard = self.gate.current()
            if guard.tls is not None:
                connection = guard.tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
                self._deadlines[connection] = self._deadlines.pop(request)
                connection.do_handshake()
                if not guard.knows(connection):
                    return
            self.finish_request(connection, client_address)
        except Exception as error:  # noqa: BLE001 - nothing that a client does ends the server
            if not isinstance(error, (OSError, ValueError)):  # it went away, was too slow, or was cut off in the middle
                self._tell(f"a request failed: {type(error).__name__}: {error}")
        finally:
            self._over(connection)
            self.shutdown_request(connection)

    def _over(self, connection: socket.socket) -> None:
        self._deadlines.pop(connection, None)
        self._slots.release()

    def service_actions(self) -> None:
        """End what takes too long. Called several times a second."""
        now = time.monotonic()
        for connection, deadline in list(self._deadlines.items()):
            if deadline < now:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)  # not TLS's own: its thread is reading


class _Head:
    """A request's lines, as far as a request may be long."""

    def __init__(self, stream: BufferedIOBase) -> None:
        self._stream = stream
        self._left = _LONGEST_HEAD_BYTES

    def readline(self, most: int = -1) -> bytes:
        """The next line. Raises ``ValueError`` where the head is too long."""
        line = self._stream.readline(min(most, self._left + 1) if most >= 0 else self._left + 1)
        self._left -= len(line)
        if self._left < 0:
            raise ValueError("a request of more than 32 KiB")
        return line

    def close(self) -> None:
        """Of the stream."""
        self._stream.close()


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server: Server
    error_content_type = "text/plain; charset=utf-8"
    error_message_format = "%(code)d %(message)s\n"

    def setup(self) -> None:
        super().setup()
        self.rfile = cast("BufferedIOBase", _Head(self.rfile))

    def handle(self) -> None:
        """One request, whatever the client would like."""
        self.close_connection = True
        self.handle_one_request()

    def do_GET(self) -> None:
        """A page."""
        guard = self.server.gate.current()
        if not guard.passwords.admit(self.headers.get("Authorization")):
            self._send(
                HTTPStatus.UNAUTHORIZED,
                Answer(self.error_content_type, b"401 Unauthorized\n", {"WWW-Authenticate": 'Basic realm="otel-memeval"'}),
            )
            return
        page = self.server.pages.get(self.path.partition("?")[0])
        if page is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        accept, encoding = self.headers.get_all("Accept", []), self.headers.get_all("Accept-Encoding", [])
        self._send(HTTPStatus.OK, page(Request(",".join(accept), ",".join(encoding))))

    do_HEAD = do_GET  # noqa: N815 - the standard library's name

    def _send(self, status: HTTPStatus, answer: Answer) -> None:
        self.send_response(status)
        for name, value in {**_SAFE_HEADERS, **answer.headers, **self.server.gate.current().headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """A status and its words: nothing of the request comes back."""
        headers = {}
        if code == HTTPStatus.NOT_IMPLEMENTED and getattr(self, "command", None):  # there is no do_POST
            code, headers = HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET, HEAD"}
        self.request_version = self.protocol_version  # else a request that cannot be read gets no status line
        status = HTTPStatus(code)
        self._send(status, Answer(self.error_content_type, f"{status.value} {status.phrase}\n".encode(), headers))

    def send_response(self, code: int, message: str | None = None) -> None:
        """Without saying which program this is, in which version."""
        self.send_response_only(code, message)
        self.send_header("Date", self.date_time_string())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: a scrape every few seconds is no news."""
