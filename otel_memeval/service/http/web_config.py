"""Read the web configuration file of Prometheus' exporters: TLS, client certificates, passwords and headers.

https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md. A setting that is not supported here is
an error and never ignored: the server must not be more open than its file says.
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
_MOST_BRACKETS = 1000
"""A file nests four levels deep, and only lists of names have brackets."""
_REMEDY = "see docs/web-configuration.md of prometheus/exporter-toolkit"


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping of the file."""


class TlsSettings(_Section, frozen=True):
    """``tls_server_config``; files are relative to the folder of the configuration file."""

    cert_file: str
    key_file: str
    client_auth_type: ClientAuth = "NoClientCert"
    client_ca_file: str = ""
    client_allowed_sans: list[str] = []
    """Names of which a client's certificate must have at least one."""
    min_version: TlsVersion = "TLS12"
    max_version: TlsVersion = "TLS13"


class HttpSettings(_Section, frozen=True):
    """``http_server_config``."""

    http2: Literal[False] = False
    headers: dict[str, str] = {}


class WebConfig(_Section, frozen=True):
    """The content of the file; an empty file sets nothing."""

    tls_server_config: TlsSettings | None = None
    http_server_config: HttpSettings = HttpSettings()
    basic_auth_users: dict[str, str] = {}
    """Bcrypt hashes of the passwords, by user."""


def parse_web_config(data: bytes, path: str, *, allows_empty: bool = True) -> WebConfig:
    """Return the configuration. Raises ``UsageError`` if it cannot be used, without showing a hash or a key."""
    config = _decode(data, path)
    if config is None and not allows_empty:
        raise _error(path, "it is empty", "write {} to remove all rules")
    config = config or WebConfig()
    for user, hashed in config.basic_auth_users.items():
        if not _BCRYPT.fullmatch(hashed):
            raise _error(
                path, f"basic_auth_users: the password of {user!r} is not a bcrypt hash", "make one with htpasswd -nBC 10"
            )
    for name, value in config.http_server_config.headers.items():
        if name not in _HEADERS:
            raise _error(path, f"http_server_config.headers: {name!r} cannot be set", f"it can be {', '.join(_HEADERS)}")
        if not value.isprintable() or not value.isascii():
            raise _error(path, f"http_server_config.headers: {name} has a character that headers must not have", "remove it")
    tls = config.tls_server_config
    if tls is not None:
        _check_tls(tls, path)
    return config


def _decode(data: bytes, path: str) -> WebConfig | None:
    """Return the configuration; None for an empty file."""
    import yaml  # late: the import takes some hundredths of a second

    if data.count(b"[") + data.count(b"{") > _MOST_BRACKETS:  # the parser would take seconds for them
        raise _error(path, "it is nested too deep", _REMEDY)
    try:
        content = yaml.safe_load(data)
        return None if content is None else msgspec.convert(content, WebConfig)
    except yaml.MarkedYAMLError as error:
        where = "" if error.problem_mark is None else f" in line {error.problem_mark.line + 1}"
        raise _error(path, f"this is not YAML{where}", _REMEDY) from None
    except msgspec.ValidationError as error:
        raise _error(path, str(error), _REMEDY) from None
    except RecursionError:
        raise _error(path, "it is nested too deep", _REMEDY) from None
    except Exception:  # noqa: BLE001 - for a damaged value, such as `!!bool x`, PyYAML raises errors of many types
        raise _error(path, "this is not YAML", _REMEDY) from None


def _check_tls(tls: TlsSettings, path: str) -> None:
    if tls.min_version > tls.max_version:
        raise _error(path, "tls_server_config: min_version is above max_version", "leave one out")
    if tls.client_auth_type == "NoClientCert" and (tls.client_ca_file or tls.client_allowed_sans):
        setting = "client_ca_file" if tls.client_ca_file else "client_allowed_sans"
        raise _error(path, f"tls_server_config: {setting} without client_auth_type", "set RequireAndVerifyClientCert")
    if tls.client_auth_type != "NoClientCert" and not tls.client_ca_file:
        raise _error(path, f"tls_server_config: {tls.client_auth_type} without client_ca_file", "name the authority's file")
    if tls.client_allowed_sans and tls.client_auth_type != "RequireAndVerifyClientCert":
        raise _error(
            path,
            "tls_server_config: client_allowed_sans, although clients need no certificate",
            "set client_auth_type: RequireAndVerifyClientCert",
        )


def requirements(config: WebConfig) -> frozenset[str]:
    """Return the kinds of proof that clients have to give; a configuration without one of them is more open."""
    tls = config.tls_server_config or TlsSettings(cert_file="", key_file="")
    required = {
        "TLS": config.tls_server_config is not None,
        "certificates": tls.client_auth_type == "RequireAndVerifyClientCert",
        "names in certificates": bool(tls.client_allowed_sans),
        "passwords": bool(config.basic_auth_users),
    }
    return frozenset(kind for kind, is_required in required.items() if is_required)


def _error(path: str, problem: str, remedy: str) -> UsageError:
    return UsageError(f"--web-config {path}: {problem}", remedy)


def referenced_files(config: WebConfig, folder: Path) -> list[Path]:
    """Return the paths of the certificates and the key."""
    tls = config.tls_server_config
    return [] if tls is None else [folder / name for name in (tls.cert_file, tls.key_file, tls.client_ca_file) if name]
