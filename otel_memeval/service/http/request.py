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
    name: str = ""
    """Last part of the path, as it was sent, for a page whose path ends with ``/``."""


class Response(msgspec.Struct, frozen=True):
    """The content of a response."""

    content_type: str
    body: bytes
    headers: Mapping[str, str] = {}
    status: HTTPStatus = HTTPStatus.OK
    events: Callable[[], str] | None = None
    """Text whose changes are sent as server-sent events, one line; such a response has no end."""


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
        self.events: Callable[[], str] | None = None
        """As in the response."""

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
            self._send(error_response(HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET, HEAD"}))
            return False
        return True

    def answer(self, pages: Mapping[str, Page], *, is_admitted: bool) -> bytes:
        """Return the response of the page that the path names, to an admitted client."""
        path = self.path.partition("?")[0]
        folder, _, name = path.rpartition("/")
        page = pages.get(path) or (pages.get(f"{folder}/") if folder else None)
        if not is_admitted:
            self._send(error_response(HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": 'Basic realm="otel-memeval"'}))
        elif page is None:
            self._send(error_response(HTTPStatus.NOT_FOUND))
        else:
            accept, encoding = self.headers.get_all("Accept", []), self.headers.get_all("Accept-Encoding", [])
            self._send(page(Request(",".join(accept), ",".join(encoding), name)))
        return self.output

    def refuse(self) -> None:
        """Replace the response: there are too many connections of its kind."""
        self._output.seek(0)
        self._output.truncate()
        self._send(error_response(HTTPStatus.SERVICE_UNAVAILABLE))

    def _send(self, response: Response) -> None:
        self.send_response_only(response.status)
        self.send_header("Date", self.date_time_string())
        for name, value in {**_SAFE_HEADERS, **response.headers, **self._headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", response.content_type)
        self.events = response.events if self.command == "GET" else None
        if response.events is None:
            self.send_header("Content-Length", str(len(response.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Answer a status with its standard phrase; nothing of the request is repeated."""
        self.request_version = self.protocol_version  # without it, an unreadable request would get no status line
        self._send(error_response(HTTPStatus(code)))


def error_response(status: HTTPStatus, headers: Mapping[str, str] = {}, reason: str = "") -> Response:
    """Return one line of text: the status, and a reason."""
    text = f"{status.value} {status.phrase}{reason and f': {reason}'}\n"
    return Response(_TEXT, text.encode("utf-8", "replace"), headers, status)
