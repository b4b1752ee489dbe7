"""Serve pages over HTTP: a limited number of threads, one for each connection, each with a deadline.

It is built on the standard library because the server of prometheus-client has no passwords, a single page and no limits,
and does the TLS handshake in the accepting thread, so that one silent client blocks all others. A connection is one
request: a scrape every few seconds gains nothing from more, and idle clients hold no thread.
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
from otel_memeval.service.http.access import Access

MOST_CONNECTIONS = 32
"""Connections at a time; more wait in the queue of the operating system."""
STEP_SECONDS = 10.0
"""Timeout of each step: the handshake, a line of the request, a part of the response."""
REQUEST_SECONDS = 30.0
"""Deadline of a connection."""
_LARGEST_REQUEST_BYTES = 32 << 10
_CHECK_SECONDS = 0.2
"""How often deadlines are checked."""

_SAFE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "deny",
}


class Request(msgspec.Struct, frozen=True):
    """The headers of a request that a page may use."""

    accept: str
    accept_encoding: str


class Response(msgspec.Struct, frozen=True):
    """The content of a response."""

    content_type: str
    body: bytes
    headers: Mapping[str, str] = {}


Page = Callable[[Request], Response]


class Address(msgspec.Struct, frozen=True):
    """Address to listen on."""

    host: str
    port: int


def parse_address(text: str) -> Address:
    """Return the address of ``[HOST:]PORT``, by default on the loopback interface. Raises ``UsageError`` for other text."""
    host, _, port = text.strip().rpartition(":")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise UsageError(f"--serve {text}: there is no port in it", "write PORT or HOST:PORT, such as 9464 or 0.0.0.0:9464")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise UsageError(f"--serve {text}: an IPv6 address needs brackets", f"write [{host}]:{port}")
    return Address(host or "127.0.0.1", int(port))


class Server(ThreadingMixIn, TCPServer):
    """Listens from its creation on, and answers pages by path after ``start``."""

    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"  # there, two programs could listen on one port
    request_queue_size = 128

    def __init__(
        self,
        address: Address,
        access: Access,
        log: Callable[[str], None],
        *,
        step_seconds: float = STEP_SECONDS,
        request_seconds: float = REQUEST_SECONDS,
    ) -> None:
        """Listen. Raises ``UsageError`` if the address cannot be used."""
        self.access = access
        self.pages: Mapping[str, Page] = {}
        self._log = log
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
            super().__init__(cast("tuple[str, int]", found), _RequestHandler)
        except OSError as error:
            remedy = "name another port, or stop the program that listens there"
            if not isinstance(error, socket.gaierror) and error.errno is not None:
                raise UsageError(f"{shown}: {error.strerror}", remedy) from None
            raise UsageError(f"{shown}: {error.strerror or error}", "name an address of this machine") from None

    def server_bind(self) -> None:
        """Bind the socket; an IPv6 socket for all addresses accepts IPv4 too."""
        if self.address_family == socket.AF_INET6 and hasattr(socket, "IPV6_V6ONLY"):
            with contextlib.suppress(OSError):
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    @property
    def url(self) -> str:
        """Return the URL of the server without a path."""
        host, port = self.server_address[:2]
        scheme = "https" if self.access.rules().tls else "http"
        return f"{scheme}://{f'[{host!s}]' if ':' in str(host) else host!s}:{port}"

    def start(self, pages: Mapping[str, Page]) -> None:
        """Answer these pages from now on, in threads that end with the process."""
        self.pages = pages
        self._thread = threading.Thread(target=self.serve_forever, args=(_CHECK_SECONDS,), name="memeval-http", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, without waiting for responses under way."""
        self._stopping = True
        if self._thread is not None:
            self.shutdown()
            self._thread.join()
        self.server_close()

    # Steps of one connection.

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        """Wait for a free slot, then answer in a thread."""
        self._deadlines[request] = time.monotonic() + self._request_seconds
        while not self._slots.acquire(timeout=_CHECK_SECONDS):
            self.service_actions()
            if self._stopping:
                self._deadlines.pop(request)
                self.shutdown_request(request)
                return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread could be started
            self._release(request)
            self.shutdown_request(request)

    def process_request_thread(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        """Do the TLS handshake if TLS is on, answer, close."""
        connection = request
        try:
            request.settimeout(self.step_seconds)
            rules = self.access.rules()
            if rules.tls is not None:
                connection = rules.tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
                self._deadlines[connection] = self._deadlines.pop(request)
                connection.do_handshake()
                if not rules.allows(connection):
                    return
            self.finish_request(connection, client_address)
        except Exception as error:  # noqa: BLE001 - no client may stop the server
            if not isinstance(error, (OSError, ValueError)):  # the client went away, was too slow or was cut off
                self._log(f"a request failed: {type(error).__name__}: {error}")
        finally:
            self._release(connection)
            self.shutdown_request(connection)

    def _release(self, connection: socket.socket) -> None:
        self._deadlines.pop(connection, None)
        self._slots.release()

    def service_actions(self) -> None:
        """End connections past their deadline. Called several times a second."""
        now = time.monotonic()
        for connection, deadline in list(self._deadlines.items()):
            if deadline < now:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)  # not the TLS shutdown, since its thread is reading


class _LimitedStream:
    """The lines of a request, up to the largest size of a request."""

    def __init__(self, stream: BufferedIOBase) -> None:
        self._stream = stream
        self._left = _LARGEST_REQUEST_BYTES

    def readline(self, most: int = -1) -> bytes:
        """Return the next line. Raises ``ValueError`` if the request is too large."""
        line = self._stream.readline(min(most, self._left + 1) if most >= 0 else self._left + 1)
        self._left -= len(line)
        if self._left < 0:
            raise ValueError("a request of more than 32 KiB")
        return line

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()


class _RequestHandler(BaseHTTPRequestHandler):
    """Answers one request."""

    protocol_version = "HTTP/1.1"
    server: Server
    error_content_type = "text/plain; charset=utf-8"
    error_message_format = "%(code)d %(message)s\n"

    def setup(self) -> None:
        super().setup()
        self.rfile = cast("BufferedIOBase", _LimitedStream(self.rfile))

    def handle(self) -> None:
        """Answer one request and close the connection."""
        self.close_connection = True
        self.handle_one_request()

    def do_GET(self) -> None:
        """Answer a page to an admitted client."""
        if not self.server.access.rules().passwords.admit(self.headers.get("Authorization")):
            self._send(
                HTTPStatus.UNAUTHORIZED,
                Response(self.error_content_type, b"401 Unauthorized\n", {"WWW-Authenticate": 'Basic realm="otel-memeval"'}),
            )
            return
        page = self.server.pages.get(self.path.partition("?")[0])
        if page is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        accept, encoding = self.headers.get_all("Accept", []), self.headers.get_all("Accept-Encoding", [])
        self._send(HTTPStatus.OK, page(Request(",".join(accept), ",".join(encoding))))

    do_HEAD = do_GET  # noqa: N815 - the standard library's name

    def _send(self, status: HTTPStatus, response: Response) -> None:
        self.send_response(status)
        for name, value in {**_SAFE_HEADERS, **response.headers, **self.server.access.rules().headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Answer a status with its standard phrase; nothing of the request is repeated."""
        headers = {}
        if code == HTTPStatus.NOT_IMPLEMENTED and getattr(self, "command", None):  # there is no do_POST
            code, headers = HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET, HEAD"}
        self.request_version = self.protocol_version  # without it, an unreadable request would get no status line
        status = HTTPStatus(code)
        self._send(status, Response(self.error_content_type, f"{status.value} {status.phrase}\n".encode(), headers))

    def send_response(self, code: int, message: str | None = None) -> None:
        """Send the status line without the name and version of this program."""
        self.send_response_only(code, message)
        self.send_header("Date", self.date_time_string())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing: there is a scrape every few seconds."""
