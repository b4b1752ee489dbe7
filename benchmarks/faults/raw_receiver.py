"""Answer HTTP requests with any bytes, at any speed, or not at all."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

Answer = Callable[[socket.socket], None]
"""Writes an answer to a connection on which a request was read."""

LONGEST_SECONDS = 120.0
"""A receiver that hangs or drips does so no longer."""


def response(status: int, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    """Return a response; ``length`` is claimed instead of the length of the body, and -1 claims none."""
    lines = [f"HTTP/1.1 {status} Answer", *headers]
    if length != -1:
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def say(*parts: bytes, pause: float = 0.0, close: bool = False) -> Answer:
    """Return an answer of these parts, with a pause before each."""

    def answer(connection: socket.socket) -> None:
        for part in parts:
            time.sleep(pause)
            connection.sendall(part)
        if close:
            raise ConnectionAbortedError

    return answer


def forever(beginning: bytes, part: bytes, pause: float = 0.2) -> Answer:
    """Return an answer that repeats a part without an end."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(beginning)
        end = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < end:
            connection.sendall(part)
            time.sleep(pause)

    return answer


def hang(connection: socket.socket) -> None:
    """Say nothing until the client has gone."""
    connection.settimeout(LONGEST_SECONDS)
    connection.recv(1)


def reset(connection: socket.socket) -> None:
    """Reset the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise ConnectionAbortedError


OK = say(response(200, b"", "Content-Type: application/x-protobuf"))


class RawReceiver:
    """Listens on loopback and answers each request by the next of the answers; the last one answers all others.

    Without ``reads``, it answers before it has read the request.
    """

    def __init__(self, *answers: Answer, tls: ssl.SSLContext | None = None, reads: bool = True) -> None:
        self.requests: list[tuple[str, bytes]] = []
        """Head and body of each request."""
        self._answers = list(answers)
        self._tls = tls
        self._reads = reads
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> RawReceiver:
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        for connection in (self._socket, *self._connections):
            connection.close()

    @property
    def url(self) -> str:
        """Return the address, as ``http://``."""
        return f"http://127.0.0.1:{self.port}"

    def times_taken(self) -> Counter[str]:
        """Return how often each span was in a request, by id."""
        bodies = [body for head, body in self.requests if "/v1/traces" in head]
        return Counter(span_id for body in bodies for span_id in span_ids(body))

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), contextlib.ExitStack() as stack:
            stack.callback(connection.close)
            if self._tls is not None:
                connection = stack.enter_context(self._tls.wrap_socket(connection, server_side=True))
            while True:
                request = _read_request(connection) if self._reads else ("", b"")
                if request is None:
                    return
                with self._lock:
                    self.requests.append(request)
                    answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                answer(connection)


def _read_request(connection: socket.socket) -> tuple[str, bytes] | None:
    """Return the head and the body of the next request; None at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65_536)
        if not part:
            return None
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    lengths = [int(line.partition(":")[2]) for line in lines[1:] if line.lower().startswith("content-length:")]
    while len(body) < sum(lengths):
        part = connection.recv(65_536)
        if not part:
            return None
        body += part
    return head.decode("latin-1"), body


def span_ids(body: bytes) -> Iterable[str]:
    """Return the ids of the spans in a request."""
    message = ExportTraceServiceRequest.FromString(body)
    return [span.span_id.hex() for group in message.resource_spans for scope in group.scope_spans for span in scope.spans]


def answers_of(answer: Answer | Sequence[Answer]) -> Sequence[Answer]:
    """Return one or several answers as a sequence."""
    return [answer] if callable(answer) else answer
