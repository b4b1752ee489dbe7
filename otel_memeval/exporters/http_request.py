"""Send HTTP requests with the certificates, the credentials, the deadline and the size limit of one destination."""

from __future__ import annotations

import contextlib
import http.client
import io
import queue
import socket
import threading
from collections.abc import Mapping

import msgspec
import requests

from otel_memeval.redact import shortened
from otel_memeval.version import USER_AGENT

_READ_BYTES = 65_536
"""Bytes that are read, and decompressed, at a time."""
_LONGEST_REASON = 200


class HttpResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Status, headers (names in lower case) and the first bytes of the body of one response."""

    status: int
    reason: str
    """Status and reason phrase, such as ``HTTP 503 Service Unavailable``."""
    headers: Mapping[str, str]
    body: bytes


class _ConnectionGuard:
    """Cuts the open connection of one session; a connection that is opened later ends at once.

    The timeout of a socket begins again with each byte and each ``100 Continue``: only a cut ends such a response.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handle: socket.socket | None = None
        self._is_cut = False

    def add(self, opened: socket.socket) -> None:
        """Keep a second handle of a new connection: TLS takes the first one over. The session uses one at a time."""
        with self._lock:
            self._close()
            if self._is_cut:
                opened.close()
                raise ConnectionAbortedError("the request was cancelled")
            self._handle = opened.dup()

    def cut(self) -> None:
        """End the response under way, and refuse further connections."""
        with self._lock:
            self._is_cut = True
            self._close()

    def _close(self) -> None:
        if self._handle is not None:
            if self._is_cut:
                with contextlib.suppress(OSError):  # the receiver was faster
                    self._handle.shutdown(socket.SHUT_RDWR)
            self._handle.close()
            self._handle = None


class _LineReader:
    """Reads lines for the head of a response, and keeps the last one."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self.last = b""

    def readline(self, most_bytes: int = -1) -> bytes:
        self.last = self._file.readline(most_bytes)
        return self.last


class _WholeHeadResponse(http.client.HTTPResponse):
    """A response whose head ends with an empty line; ``http.client`` takes the end of the connection for that as well."""

    def begin(self) -> None:
        file, reader = self.fp, _LineReader(self.fp)
        self.fp = reader  # type: ignore[assignment]
        try:
            super().begin()
        finally:
            self.fp = file
        if not reader.last:
            raise http.client.RemoteDisconnected("the connection ended within the head of the answer")


class _GuardedAdapter(requests.adapters.HTTPAdapter):
    """An adapter whose connections, those to a proxy included, are known to a guard."""

    def __init__(self, guard: _ConnectionGuard) -> None:
        self._guard = guard
        super().__init__()

    def get_connection_with_tls_context(self, *args: object, **options: object) -> object:  # type: ignore[override]
        """Return the pool of connections of urllib3 that requests uses; its connections are guarded."""
        pool = super().get_connection_with_tls_context(*args, **options)  # type: ignore[arg-type]
        guard, unguarded = self._guard, type(pool).ConnectionCls
        if pool.ConnectionCls is not unguarded:
            return pool

        class Guarded(unguarded):  # type: ignore[misc, valid-type] # plain, with TLS, or of a SOCKS proxy
            response_class = _WholeHeadResponse

            def _new_conn(self) -> socket.socket:
                opened: socket.socket = super()._new_conn()
                guard.add(opened)
                return opened

        pool.ConnectionCls = Guarded
        return pool


class HttpClient:
    """Connections to one destination, for one request at a time. No redirect is followed."""

    def __init__(
        self,
        *,
        headers: Mapping[str, str],
        ca_file: str = "",
        certificate: str = "",
        key: str = "",
        username: str = "",
        password: str = "",
    ) -> None:
        """Name the files of the server's CA and of the client's certificate and key (PEM); empty: none."""
        self._headers = {"user-agent": USER_AGENT, "accept-encoding": "identity", **headers}
        self._verify: bool | str = ca_file or True
        self._certificate = (certificate, key) if certificate and key else certificate or None
        self._username = username
        self._password = password
        self._answers: queue.SimpleQueue[HttpResponse | Exception] = queue.SimpleQueue()
        self._guard, self._session = self._open_session()

    def _open_session(self) -> tuple[_ConnectionGuard, requests.Session]:
        guard, session = _ConnectionGuard(), requests.Session()
        session.headers.update(self._headers)
        for scheme in ("http://", "https://"):
            session.mount(scheme, _GuardedAdapter(guard))
        return guard, session

    def request(
        self, method: str, url: str, body: bytes, *, timeout_seconds: float, largest_response_bytes: int
    ) -> HttpResponse:
        """Send one request and return its response, at the latest after ``timeout_seconds`` in all.

        Raises ``requests.exceptions.Timeout`` after that time, and whatever ``requests`` and ``urllib3`` raise.
        """
        answers = self._answers = queue.SimpleQueue()
        session = self._session

        def send() -> None:
            try:
                answers.put(self._send(session, method, url, body, timeout_seconds, largest_response_bytes))
            except Exception as error:  # noqa: BLE001 - raised by the waiting thread
                answers.put(error)

        # In a thread: nothing else ends the resolution of a host name in time.
        threading.Thread(target=send, name="http-request", daemon=True).start()
        try:
            answer = answers.get(timeout=timeout_seconds)
        except queue.Empty:
            self._guard.cut()  # a request that is still resolving or connecting must not be sent later
            self._guard, self._session = self._open_session()
            raise requests.exceptions.Timeout(f"no complete answer within {timeout_seconds:g} seconds") from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _send(
        self,
        session: requests.Session,
        method: str,
        url: str,
        body: bytes,
        timeout_seconds: float,
        largest_response_bytes: int,
    ) -> HttpResponse:
        # Given with each request: requests lets REQUESTS_CA_BUNDLE and .netrc override the same settings of a session.
        with session.request(
            method,
            url,
            data=body,
            timeout=timeout_seconds,
            allow_redirects=False,
            stream=True,
            verify=self._verify,
            cert=self._certificate,
            auth=self._authorize,
        ) as response:
            reason = f"HTTP {response.status_code} {response.reason or ''}".strip()
            return HttpResponse(
                status=response.status_code,
                reason=shortened(reason, _LONGEST_REASON),
                headers={name.lower(): value for name, value in response.headers.items()},
                body=_read_body(response, largest_response_bytes),
            )

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add user and password, unless the headers already authorize the request."""
        if (self._username or self._password) and "authorization" not in request.headers:
            requests.auth.HTTPBasicAuth(self._username.encode(), self._password.encode())(request)
        return request

    def close(self) -> None:
        """Close the connections; a request under way in another thread raises an error there."""
        self._answers.put(requests.exceptions.ConnectionError("the request was cancelled"))
        self._guard.cut()
        self._session.close()


def _read_body(response: requests.Response, most_bytes: int) -> bytes:
    """Return the beginning of the body. The body of an error may be unreadable: its status says enough."""
    body = b""
    try:
        for piece in response.iter_content(_READ_BYTES):  # a small compressed body must not fill the memory
            body += piece
            if len(body) >= most_bytes:
                break
    except Exception:
        if 200 <= response.status_code < 300:
            raise
    return body[:most_bytes]


def root_cause(error: BaseException) -> object:
    """Return the reason of a failed request without the layers that ``requests`` and ``urllib3`` put around it."""
    inner = error
    while (
        isinstance(inner, requests.exceptions.RequestException) and inner.args and isinstance(inner.args[0], BaseException)
    ):
        inner = inner.args[0]
    return getattr(inner, "reason", None) or inner
