"""The web configuration file: TLS, client certificates, passwords and headers, in the form that Prometheus' exporters share.

https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md. What is written there and cannot be
done here is an error, not ignored: a server that is less closed than its file says is the worst of outcomes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import msgspec

from otel_memeval.errors import UsageError

ClientAuth = Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"]
TlsVersion = Literal["TLS12", "TLS13"]

_HEADERS = (
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
)
_BCRYPT = re.compile(r"\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}")
_FORM = "see exporter-toolkit's docs/web-configuration.md"


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping of the file."""


class Tls(_Part, frozen=True):
    """``tls_server_config``. Files are found from the configuration file's own folder."""

    cert_file: str
    key_file: str
    client_auth_type: ClientAuth = "NoClientCert"
    client_ca_file: str = ""
    client_allowed_sans: list[str] = []
    """Names, one of which a client's certificate must carry."""
    min_version: TlsVersion = "TLS12"
    max_version: TlsVersion = "TLS13"


class Http(_Part, frozen=True):
    """``http_server_config``."""

    http2: Literal[False] = False
    headers: dict[str, str] = {}


class WebConfig(_Part, frozen=True):
    """The whole file; an empty one changes nothing."""

    tls_server_config: Tls | None = None
    http_server_config: Http = Http()
    basic_auth_users: dict[str, str] = {}
    """Bcrypt hashes of passwords, by user."""


def parse_web_config(data: bytes, path: str) -> WebConfig:
    """The configuration. Raises ``UsageError``, without a word of a hash or key that stands in it."""
    config = _decoded(data, path)
    for user, hashed in config.basic_auth_users.items():
        if not _BCRYPT.fullmatch(hashed):
            raise _wrong(
                path, f"basic_auth_users: the password of {user!r} is no bcrypt hash", "make one with htpasswd -nBC 10"
            )
    for name, value in config.http_server_config.headers.items():
        if name not in _HEADERS:
            raise _wrong(path, f"http_server_config.headers: {name!r} cannot be set", f"it can be {', '.join(_HEADERS)}")
        if not value.isprintable() or not value.isascii():
            raise _wrong(path, f"http_server_config.headers: {name} has a character that no header may have", "remove it")
    tls = config.tls_server_config
    if tls is not None:
        _check(tls, path)
    return config


def _decoded(data: bytes, path: str) -> WebConfig:
    import yaml  # some hundredths of a second, for those that have such a file

    try:
        read = yaml.safe_load(data)
    except yaml.MarkedYAMLError as error:
        where = "" if error.problem_mark is None else f" in line {error.problem_mark.line + 1}"
        raise _wrong(path, f"this is no YAML{where}", _FORM) from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError):
        raise _wrong(path, "this is no YAML", _FORM) from None
    try:
        return msgspec.convert({} if read is None else read, WebConfig)
    except msgspec.ValidationError as error:
        raise _wrong(path, str(error), _FORM) from None


def _check(tls: Tls, path: str) -> None:
    if tls.min_version > tls.max_version:
        raise _wrong(path, "tls_server_config: min_version is above max_version", "leave one out")
    if tls.client_auth_type == "NoClientCert" and (tls.client_ca_file or tls.client_allowed_sans):
        what = "client_ca_file" if tls.client_ca_file else "client_allowed_sans"
        raise _wrong(path, f"tls_server_config: {what} without client_auth_type", "write RequireAndVerifyClientCert")
    if tls.client_auth_type != "NoClientCert" and not tls.client_ca_file:
        raise _wrong(path, f"tls_server_config: {tls.client_auth_type} without client_ca_file", "name the authority's file")
    if tls.client_allowed_sans and tls.client_auth_type != "RequireAndVerifyClientCert":
        raise _wrong(
            path,
            "tls_server_config: client_allowed_sans with clients that need no certificate",
            "write RequireAndVerifyClientCert",
        )


def _wrong(path: str, what: str, remedy: str) -> UsageError:
    return UsageError(f"--web-config {path}: {what}", remedy)


def files_of(config: WebConfig, folder: Path) -> list[Path]:
    """What else is read: certificates and key."""
    tls = config.tls_server_config
    return [] if tls is None else [folder / name for name in (tls.cert_file, tls.key_file, tls.client_ca_file) if name]
