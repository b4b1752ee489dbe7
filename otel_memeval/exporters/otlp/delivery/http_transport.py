"""OTLP/HTTP: https://opentelemetry.io/docs/specs/otlp/#otlphttp."""

from __future__ import annotations

import gzip
import time
import zlib

import requests
from google.protobuf.message import Message

from otel_memeval.exporters.otlp.delivery.protobuf import rejected
from otel_memeval.exporters.otlp.delivery.send_result import Answer, of_status, retry_after_seconds
from otel_memeval.exporters.otlp.settings import Destination
from otel_memeval.exporters.otlp.signals import Signal
from otel_memeval.version import USER_AGENT

_LARGEST_ANSWER_BYTES = 65_536


class Http:
    """OTLP/HTTP with binary protobuf."""

    def __init__(self, signal: Signal, destination: Destination) -> None:
        self._signal = signal
        self._destination = destination
        self._session = requests.Session()
        self._verify: bool | str = destination.certificate or True
        self._client: str | tuple[str, str] | None = destination.client_certificate or None
        if destination.client_certificate and destination.client_key:
            self._client = (destination.client_certificate, destination.client_key)
        self._session.headers.update(
            {"content-type": "application/x-protobuf", "user-agent": USER_AGENT, **dict(destination.headers)}
        )
        if destination.compression != "none":
            self._session.headers["content-encoding"] = destination.compression

    def send(self, message: Message, timeout_seconds: float) -> Answer:
        """One POST; a redirect is not followed."""
        body = message.SerializeToString()
        if self._destination.compression == "gzip":
            body = gzip.compress(body, 6)
        elif self._destination.compression == "deflate":
            body = zlib.compress(body)
        try:
            # Said with each request: of a session, requests lets REQUESTS_CA_BUNDLE and .netrc go before what it was told.
            with self._session.post(
                self._destination.endpoint,
                data=body,
                timeout=timeout_seconds,
                allow_redirects=False,
                stream=True,
                verify=self._verify,
                cert=self._client,
                auth=self._auth,
            ) as response:
                answer = response.raw.read(_LARGEST_ANSWER_BYTES, decode_content=True)
                return self._answer(response, answer)
        except (
            requests.exceptions.InvalidURL,
            requests.exceptions.InvalidSchema,
            requests.exceptions.InvalidHeader,
        ) as error:
            return Answer(kind="refused", reason=_reason(error))
        except Exception as error:  # noqa: BLE001 - whatever stands between here and there
            return Answer(kind="later", reason=_reason(error), reached=False)

    def _auth(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """User and password of the endpoint's address; what the headers say goes before."""
        user, password = requests.utils.get_auth_from_url(self._destination.endpoint)
        if user and "authorization" not in dict(self._destination.headers):
            requests.auth.HTTPBasicAuth(user, password)(request)
        return request

    def _answer(self, response: requests.Response, body: bytes) -> Answer:
        kind = of_status(response.status_code)
        if kind == "delivered":
            count, why = rejected(self._signal, body)
            return Answer(kind="rejected", rejected=count, reason=why) if count else Answer(kind="delivered", reason=why)
        wait = retry_after_seconds(response.headers.get("retry-after"), time.time())
        reason = f"HTTP {response.status_code} {response.reason or ''}".strip()
        return Answer(kind=kind, reason=reason, retry_after_seconds=wait)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def _reason(error: BaseException) -> str:
    """What went wrong, without the layers around it."""
    inner: BaseException = error
    while (
        isinstance(inner, requests.exceptions.RequestException) and inner.args and isinstance(inner.args[0], BaseException)
    ):
        inner = inner.args[0]
    reason = getattr(inner, "reason", None)
    return f"{type(error).__name__}: {reason or inner}"[:300]
