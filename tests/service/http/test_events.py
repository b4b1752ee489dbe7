"""Server-sent events, and pages that have names, on real sockets."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest

from otel_memeval.service.http.access import Access
from otel_memeval.service.http.request import Request, Response
from otel_memeval.service.http.server import MOST_STREAMS, Address, Server
from tests.service.http.test_server import REQUEST_SECONDS, STEP_SECONDS, ask, port


@pytest.fixture
def log() -> list[str]:
    """Return the lines that the server has logged."""
    return []


@pytest.fixture
def events() -> list[int]:
    """Return the list whose length is the text of the events."""
    return []


@pytest.fixture
def server(events: list[int], log: list[str]) -> Iterator[Server]:
    """Return a server with events and with a page that answers its name."""

    def named(request: Request) -> Response:
        return Response("text/plain", request.name.encode())

    stream = Response("text/event-stream", b"", events=lambda: str(len(events)))
    server = Server(
        Address("127.0.0.1", 0),
        Access(None, log.append),
        log.append,
        step_seconds=STEP_SECONDS,
        request_seconds=REQUEST_SECONDS,
    )
    server.start({"/": named, "/events": lambda _: stream, "/named/": named})
    with contextlib.ExitStack() as closing:
        closing.callback(server.stop)
        yield server


def open_stream(server: Server, closing: contextlib.ExitStack, text: str = "0") -> socket.socket:
    """Ask for events, and return the connection after the first event, which has this text."""
    connection = closing.enter_context(socket.create_connection(("127.0.0.1", port(server)), timeout=5))
    connection.sendall(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
    received = b""
    while not received.endswith(f"data: {text}\n\n".encode()):
        block = connection.recv(65536)
        assert block, received
        received += block
    assert b"Content-Length" not in received
    assert b"Content-Type: text/event-stream" in received
    return connection


def test_changes_are_sent_as_events_to_a_quarter_of_the_connections(
    server: Server, events: list[int], log: list[str]
) -> None:
    """A stream outlives the deadline of a request and gets each change; one more gets 503; a client that goes makes
    room. The server ends with open streams.
    """
    with contextlib.ExitStack() as closing:
        streams = [open_stream(server, closing) for _ in range(MOST_STREAMS)]
        assert ask(server, path="/events").status == 503
        assert ask(server).status == 200
        time.sleep(REQUEST_SECONDS)
        events.append(1)
        for stream in streams:
            assert stream.recv(65536) == b"data: 1\n\n"
        streams[0].close()
        deadline = time.monotonic() + 5
        while server.open_connections >= MOST_STREAMS:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert ask(server, "HEAD", "/events").status == 200
        streams[0] = open_stream(server, closing, "1")
        begin = time.monotonic()
        server.stop()
        assert time.monotonic() - begin < 2
        assert streams[-1].recv(65536) == b""
    assert log == []


def test_page_of_a_folder_gets_the_name(server: Server) -> None:
    """The last part of the path is the name, as it was sent; folders below, and other paths, do not exist."""
    assert ask(server, path="/named/a%2Fb?c").text == "a%2Fb"  # type: ignore[attr-defined]
    assert ask(server, path="/named/").text == ""  # type: ignore[attr-defined]
    for path in ("/named", "/named/a/b", "/other", "/broken/x", "named/a"):
        assert ask(server, path=path).status == 404
