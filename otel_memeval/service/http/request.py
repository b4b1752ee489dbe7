"""Parse the head of a request, and make the bytes of its response."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from io import BytesIO

import msgspec

_SAFE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "deny",
}
_TEXT = "text/plain; charset=utf-8"


class Request(msgspec.Struct, frozen=True):
    """The headers of a request that a page may use."""

    accept: str
    accept_encoding: str


class Response(msgspec.Struct, frozen=True):
    """The content of a response."""

    content_type: str
    body: bytes
    headers: Mapping[str, str] = {}
    status: HTTPStatus = HTTPStatus.OK


Page = Callable[[Request], Response]


class RequestHandler(BaseHTTPRequestHandler):
    """One request; its response is in ``output`` after ``answer``, or after ``parse`` if that returned False."""

    protocol_version = "HTTP/1.1"

    def __init__(self, head: bytes, headers: Mapping[str, str]) -> None:
        """``head``: request line and headers; ``headers``: those that every response has."""
        self.rfile = BytesIO(head)
        self._output = self.wfile = BytesIO()
        self.command = ""
        self._headers = headers

    @property
    def output(self) -> bytes:
        """Return the response; empty if there is none."""
        return self._output.getvalue()

    @property
    def authorization(self) -> str | None:
        """Return the header with user and password."""
        return self.headers.get("Authorization")

    def parse(self) -> bool:
        """Return whether this is a request for a page; an error is answered."""
        self.raw_requestline = self.rfile.readline()
        if not self.parse_request():
            return False
        if self.command not in ("GET", "HEAD"):
            self._send(_error(HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET, HEAD"}))
            return False
        return True

    def answer(self, pages: Mapping[str, Page], *, is_admitted: bool) -> bytes:
        """Return the response of the page that the path names, to an admitted client."""
        page = pages.get(self.path.partition("?")[0])
        if not is_admitted:
            self._send(_error(HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": 'Basic realm="otel-memeval"'}))
        elif page is None:
            self._send(_error(HTTPStatus.NOT_FOUND))
        else:
            accept, encoding = self.headers.get_all("Accept", []), self.headers.get_all("Accept-Encoding", [])
            self._send(page(Request(",".join(accept), ",".join(encoding))))
        return self.output

    def _send(self, response: Response) -> None:
        self.send_response_only(response.status)
        self.send_header("Date", self.date_time_string())
        for name, value in {**_SAFE_HEADERS, **response.headers, **self._headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Answer a status with its standard phrase; nothing of the request is repeated."""
        self.request_version = self.protocol_version  # without it, an unreadable request would get no status line
        self._send(_error(HTTPStatus(code)))


def _error(status: HTTPStatus, headers: Mapping[str, str] = {}) -> Response:
    return Response(_TEXT, f"{status.value} {status.phrase}\n".encode(), headers, status)
