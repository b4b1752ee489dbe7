"""Serve pages over HTTP: any number of clients may be slow, each has a deadline, and none holds a thread.

It is built on asyncio because the server of prometheus-client has no passwords, a single page and no limits, and does the
TLS handshake in the accepting thread, so that one silent client blocks all others. A connection is one request: a scrape
every few seconds gains nothing from more.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import msgspec

from otel_memeval.errors import UsageError
from otel_memeval.service.http.access import Access, AccessRules
from otel_memeval.service.http.request import Page, RequestHandler

MOST_CONNECTIONS = 128
"""Connections at a time. For one more, the oldest whose request is not complete is closed."""
MOST_STREAMS = MOST_CONNECTIONS // 4
"""Connections with events at a time; a further client gets status 503 and asks for the page instead."""
STREAM_SECONDS = 300.0
"""Deadline of a connection with events. Browsers connect again, under the rules of that moment."""
_EVENT_SECONDS = 0.5
"""Time from one look for a change to the next."""
_QUIET_SECONDS = 10.0
"""Without an event for this time, an empty line is sent: a client that is gone is found."""
STEP_SECONDS = 10.0
"""Timeout of each step: the handshake, a part of the request, a part of the response."""
REQUEST_SECONDS = 30.0
"""Deadline of a connection."""
_LARGEST_HEAD_BYTES = 32 << 10
_BLOCK_BYTES = 64 << 10
"""Of a response, sent at a time: a slow client holds no copy of it."""
_THREADS = 4
"""Threads that make pages; passwords have one of their own, so that guessing takes one processor at most."""
_PAUSE_SECONDS = 0.05
"""After a connection could not be accepted, as when no file descriptor is left."""
_BACKLOG = 128
"""Connections that the operating system keeps until they are accepted."""

_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")


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


def _listen(address: Address) -> socket.socket:
    """Return a listening socket. Raises ``UsageError`` if the address cannot be used."""
    shown = f"--serve {address.host}:{address.port}"
    listener = None
    try:
        family, _, _, _, found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        if sys.platform != "win32":  # there, two programs could listen on one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            with contextlib.suppress(OSError):  # all addresses: those of IPv4 too
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(found)
        listener.listen(_BACKLOG)
    except OSError as error:
        if listener is not None:
            listener.close()
        remedy = "name another port, or stop the program that listens there"
        if not isinstance(error, socket.gaierror) and error.errno is not None:
            raise UsageError(f"{shown}: {error.strerror}", remedy) from None
        raise UsageError(f"{shown}: {error.strerror or error}", "name an address of this machine") from None
    listener.setblocking(False)
    return listener


class _Connection:
    """An open connection, and the task that answers it. The task is cancelled where a step or all of them take too long."""

    def __init__(
        self,
        accepted: socket.socket,
        loop: asyncio.AbstractEventLoop,
        answer: Callable[[_Connection], Coroutine[None, None, None]],
        step_seconds: float,
        all_seconds: float,
    ) -> None:
        self.socket = accepted
        self.has_request = False
        """Whether the request is complete."""
        self.task = loop.create_task(answer(self))
        self._loop = loop
        self._step_seconds = step_seconds
        self._end_seconds = loop.time() + all_seconds
        self._timer = loop.call_later(step_seconds, self.task.cancel)
        self.task.add_done_callback(self._close)

    def begin_step(self) -> None:
        """Begin the next step: the time of the one before is over. ``asyncio.wait_for`` loses a cancellation at times."""
        self._timer.cancel()
        moment = min(self._end_seconds, self._loop.time() + self._step_seconds)
        self._timer = self._loop.call_at(moment, self.task.cancel)

    def keep_open(self, seconds: float) -> None:
        """Set the deadline of the connection, from now on."""
        self._end_seconds = self._loop.time() + seconds

    def _close(self, _: asyncio.Task[None]) -> None:
        self._timer.cancel()
        self.socket.close()  # open if the task was cancelled before it began


class Server:
    """Listens from its creation on, and answers pages by path after ``start``."""

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
        self._access = access
        self._pages: Mapping[str, Page] = {}
        self._log = log
        self._step_seconds = step_seconds
        self._request_seconds = request_seconds
        self._connections: dict[_Connection, None] = {}
        """Open connections, the oldest first."""
        self._streams = 0
        """Connections with events."""
        self._threads = ThreadPoolExecutor(_THREADS, "memeval-page")
        self._password_thread = ThreadPoolExecutor(1, "memeval-password")
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="memeval-http", daemon=True)
        self._socket = _listen(address)
        self.server_address: tuple[str, int] = self._socket.getsockname()[:2]

    @property
    def open_connections(self) -> int:
        """Return the number of connections that are not closed yet."""
        return len(self._connections)

    @property
    def url(self) -> str:
        """Return the URL of the server without a path."""
        host, port = self.server_address
        scheme = "https" if self._access.rules().tls else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    def start(self, pages: Mapping[str, Page]) -> None:
        """Answer these pages from now on, in threads that end with the process."""
        self._pages = pages
        # All threads now: one that a busy moment adds after days would look like growth of the service.
        meeting = threading.Barrier(_THREADS)
        for _ in range(_THREADS):
            self._threads.submit(meeting.wait)
        self._loop = asyncio.SelectorEventLoop()
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, without waiting for responses under way."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
        self._socket.close()
        for threads in (self._threads, self._password_thread):
            threads.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        assert self._loop is not None
        with contextlib.closing(self._loop) as loop:
            loop.set_exception_handler(lambda _, context: self._log(f"a connection failed: {context.get('message')}"))
            loop.run_until_complete(self._serve(loop))

    async def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.add_reader(self._socket, self._accept, loop)
        await self._stopping.wait()
        loop.remove_reader(self._socket)
        tasks = [connection.task for connection in self._connections]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the transports are closed in the next turn of the loop

    def _accept(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            accepted, _ = self._socket.accept()
        except BlockingIOError:  # the client is gone
            return
        except OSError:  # no file descriptor is left
            self._close_oldest()
            loop.remove_reader(self._socket)
            loop.call_later(_PAUSE_SECONDS, loop.add_reader, self._socket, self._accept, loop)
            return
        accepted.setblocking(False)
        if len(self._connections) >= MOST_CONNECTIONS:
            self._close_oldest()
        connection = _Connection(accepted, loop, self._answer, self._step_seconds, self._request_seconds)
        self._connections[connection] = None
        connection.task.add_done_callback(lambda _: self._connections.pop(connection, None))

    def _close_oldest(self) -> None:
        incomplete = (connection for connection in self._connections if not connection.has_request)
        oldest = next(incomplete, None) or next(iter(self._connections), None)
        if oldest is not None:
            oldest.task.cancel()
            del self._connections[oldest]

    # Steps of one connection.

    async def _answer(self, connection: _Connection) -> None:
        """Answer one request, and close the connection."""
        try:
            rules = self._access.rules()
            reader, writer = await _open_streams(connection.socket, rules.tls, self._request_seconds)
            try:
                if rules.allows(writer.get_extra_info("ssl_object")):
                    request = RequestHandler(await self._read_head(connection, reader), rules.headers)
                    await self._respond(request, rules)
                    if request.events is not None and self._streams >= MOST_STREAMS:
                        request.refuse()
                    await self._send(connection, writer, request.output)
                    if request.events is not None:
                        await self._send_events(connection, reader, writer, request.events)
                connection.begin_step()
                writer.close()
                await writer.wait_closed()
            finally:
                writer.transport.abort()
        except Exception as error:  # noqa: BLE001 - no client may stop the server
            if not isinstance(error, (OSError, EOFError, ValueError)):  # the client went away or sent too much
                self._log(f"a request failed: {type(error).__name__}: {error}")

    async def _read_head(self, connection: _Connection, reader: asyncio.StreamReader) -> bytes:
        """Return request line and headers. Raises ``EOFError`` if they are not complete, ``ValueError`` if too large."""
        head = b""
        start = 0
        while not _END_OF_HEAD.search(head, start):
            start = max(0, len(head) - 3)
            connection.begin_step()
            block = await reader.read(_LARGEST_HEAD_BYTES)
            head += block
            if not block:
                raise EOFError("the client closed the connection")
            if len(head) > _LARGEST_HEAD_BYTES:
                raise ValueError("a request of more than 32 KiB")
        connection.has_request = True
        connection.begin_step()
        return head

    async def _send(self, connection: _Connection, writer: asyncio.StreamWriter, response: bytes) -> None:
        for start in range(0, len(response), _BLOCK_BYTES):
            connection.begin_step()
            writer.write(response[start : start + _BLOCK_BYTES])
            await writer.drain()

    async def _send_events(
        self,
        connection: _Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        text: Callable[[], str],
    ) -> None:
        """Send a text now and after each change, until the client is gone or the time is over."""
        loop = asyncio.get_running_loop()
        connection.keep_open(STREAM_SECONDS)
        end_seconds = loop.time() + STREAM_SECONDS - self._step_seconds
        sent, sent_seconds = None, 0.0
        self._streams += 1
        try:
            while not reader.at_eof() and loop.time() < end_seconds:
                connection.begin_step()
                current = text()
                if current != sent or loop.time() - sent_seconds >= _QUIET_SECONDS:
                    writer.write(b":\n\n" if current == sent else f"data: {current}\n\n".encode())
                    await writer.drain()
                    sent, sent_seconds = current, loop.time()
                await asyncio.sleep(min(_EVENT_SECONDS, self._step_seconds / 2))
        finally:
            self._streams -= 1

    async def _respond(self, request: RequestHandler, rules: AccessRules) -> None:
        """Let a page answer the request; ``request.output`` has the response then."""
        if not request.parse():
            return
        loop = asyncio.get_running_loop()
        is_admitted = rules.passwords.recall(request.authorization)
        if is_admitted is None:
            is_admitted = await loop.run_in_executor(self._password_thread, rules.passwords.admit, request.authorization)
        await loop.run_in_executor(self._threads, partial(request.answer, self._pages, is_admitted=is_admitted))


async def _open_streams(
    connection: socket.socket, tls: ssl.SSLContext | None, step_seconds: float
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return the streams of an accepted connection, after the TLS handshake if there is a context."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_BLOCK_BYTES, loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.connect_accepted_socket(
        lambda: protocol, connection, ssl=tls, ssl_handshake_timeout=None if tls is None else step_seconds
    )
    transport.set_write_buffer_limits(0)  # drain waits until everything is sent
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)
