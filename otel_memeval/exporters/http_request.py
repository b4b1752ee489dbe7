"""Send HTTP requests with the certificates, the credentials and the size limit of one destination."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import requests

from otel_memeval.version import USER_AGENT


class HttpResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Status, headers (names in lower case) and the first bytes of the body of one response."""

    status: int
    reason: str
    """Status and reason phrase, such as ``HTTP 503 Service Unavailable``."""
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """Connections to one destination. No redirect is followed."""

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
        self._session = requests.Session()
        self._session.headers.update({"user-agent": USER_AGENT, **headers})
        self._verify: bool | str = ca_file or True
        self._certificate = (certificate, key) if certificate and key else certificate or None
        self._username = username
        self._password = password

    def request(
        self, method: str, url: str, body: bytes, *, timeout_seconds: float, largest_response_bytes: int
    ) -> HttpResponse:
        """Send one request and return its response. Raises whatever ``requests`` and ``urllib3`` raise."""
        # Given with each request: requests lets REQUESTS_CA_BUNDLE and .netrc override the same settings of a session.
        with self._session.request(
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
            return HttpResponse(
                status=response.status_code,
                reason=f"HTTP {response.status_code} {response.reason or ''}".strip(),
                headers={name.lower(): value for name, value in response.headers.items()},
                body=response.raw.read(largest_response_bytes, decode_content=True),
            )

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add user and password, unless the headers already authorize the request."""
        if (self._username or self._password) and "authorization" not in request.headers:
            requests.auth.HTTPBasicAuth(self._username.encode(), self._password.encode())(request)
        return request

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def root_cause(error: BaseException) -> object:
    """Return the reason of a failed request without the layers that ``requests`` and ``urllib3`` put around it."""
    inner = error
    while (
        isinstance(inner, requests.exceptions.RequestException) and inner.args and isinstance(inner.args[0], BaseException)
    ):
        inner = inner.args[0]
    return getattr(inner, "reason", None) or inner
