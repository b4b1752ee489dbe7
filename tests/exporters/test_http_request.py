"""One HTTP request with the settings of its destination, against a real server."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from benchmarks.faults.raw_receiver import OK, Answer, RawReceiver, forever, hang, response, say
from otel_memeval.exporters.http_request import HttpClient, HttpResponse, root_cause

SEEN: list[tuple[str, dict[str, str], bytes]] = []


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        SEEN.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(307 if self.path == "/moved" else 429)
        self.send_header("Location", "/elsewhere")
        self.send_header("Retry-After", "7")
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"x" * 100)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    SEEN.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def post(client: HttpClient, url: str) -> HttpResponse:
    try:
        return client.request("POST", url, b"body", timeout_seconds=10, largest_response_bytes=10)
    finally:
        client.close()


def test_response_has_status_headers_and_a_limited_body(address: str) -> None:
    """Header names are in lower case; the body is cut at the limit."""
    response = post(HttpClient(headers={"x-a": "b"}), f"{address}/here")
    assert (response.status, response.reason, response.body) == (429, "HTTP 429 Too Many Requests", b"x" * 10)
    assert response.headers["retry-after"] == "7"
    ((path, headers, body),) = SEEN
    assert (path, headers["x-a"], body) == ("/here", "b", b"body")
    assert headers["user-agent"].startswith("otel-memeval/")


def test_redirect_is_not_followed(address: str) -> None:
    """The redirect itself is the response."""
    assert post(HttpClient(headers={}), f"{address}/moved").status == 307
    assert [path for path, _, _ in SEEN] == ["/moved"]


@pytest.mark.parametrize(
    ("headers", "username", "expected"),
    [
        ({}, "", None),
        ({}, "mé", "Basic " + base64.b64encode("mé:secret".encode()).decode()),
        ({"authorization": "Bearer key"}, "me", "Bearer key"),
    ],
)
def test_only_the_given_credentials_are_sent(
    address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    headers: dict[str, str],
    username: str,
    expected: str | None,
) -> None:
    """A .netrc file is not read, and an authorization header wins over user and password."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    post(HttpClient(headers=headers, username=username, password="secret" if username else ""), f"{address}/here")
    assert SEEN[0][1].get("authorization") == expected


@pytest.mark.parametrize(
    "answer",
    [
        hang,
        forever(response(200, b"", length=9000), b"x", 0.02),
        forever(b"HTTP/1.1 200 OK\r\nA: ", b"x", 0.02),
        forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.02),
    ],
)
def test_request_has_one_deadline(answer: Answer) -> None:
    """Bytes that drip do not extend the time; the next request has a connection of its own."""
    with RawReceiver(answer, OK) as receiver:
        client = HttpClient(headers={})
        with pytest.raises(requests.exceptions.Timeout):
            client.request("POST", receiver.url, b"body", timeout_seconds=0.3, largest_response_bytes=10_000)
        assert client.request("POST", receiver.url, b"body", timeout_seconds=10, largest_response_bytes=10).status == 200
        client.close()
        assert len(receiver.requests) == 2


def test_close_cancels_the_request_of_another_thread() -> None:
    """The thread gets an error at once."""
    with RawReceiver(hang) as receiver:
        client = HttpClient(headers={})
        threading.Timer(0.2, client.close).start()
        with pytest.raises(requests.exceptions.ConnectionError, match="cancelled"):
            client.request("POST", receiver.url, b"body", timeout_seconds=30, largest_response_bytes=10)


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Le"])
def test_half_a_head_is_no_response(head: bytes) -> None:
    """The end of the connection does not stand for the empty line."""
    with RawReceiver(say(head, close=True)) as receiver, pytest.raises(requests.exceptions.ConnectionError):
        post(HttpClient(headers={}), receiver.url)


def test_root_cause_is_found_below_the_layers_of_the_library() -> None:
    """A refused connection is named as the operating system names it."""
    with pytest.raises(requests.exceptions.ConnectionError) as raised:
        post(HttpClient(headers={}), "http://127.0.0.1:1/")
    assert "Connection refused" in str(root_cause(raised.value))
    assert "Max retries" not in str(root_cause(raised.value))
