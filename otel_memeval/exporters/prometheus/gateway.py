"""Read the address, the user and the certificates of a Pushgateway from option and environment."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from otel_memeval.errors import UsageError

URL = "MEMEVAL_PUSHGATEWAY"
USERNAME = "MEMEVAL_PUSHGATEWAY_USERNAME"
PASSWORD = "MEMEVAL_PUSHGATEWAY_PASSWORD"  # noqa: S105 - the variable's name
PASSWORD_FILE = "MEMEVAL_PUSHGATEWAY_PASSWORD_FILE"  # noqa: S105
CA_FILE = "MEMEVAL_PUSHGATEWAY_CA_FILE"
CERTIFICATE = "MEMEVAL_PUSHGATEWAY_CLIENT_CERTIFICATE"
KEY = "MEMEVAL_PUSHGATEWAY_CLIENT_KEY"

_REMEDY = "write http://HOST:9091 or https://HOST/PREFIX"
_LARGEST_PASSWORD_BYTES = 4096
"""Read from a password file; more is no password."""


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """A Pushgateway; ``url`` has no user, no password and no slash at its end."""

    url: str
    username: str = ""
    password: str = ""
    ca_file: str = ""
    """Certificates of the authority that signed the server's; empty: the default authorities."""
    certificate: str = ""
    """The client's certificate as PEM, with its key unless ``key`` names a file."""
    key: str = ""

    @property
    def shown(self) -> str:
        """Return scheme, host and port, without secrets."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


def read_gateway(option: str | None, environment: Mapping[str, str]) -> Gateway | None:
    """Return the gateway that the option, else ``MEMEVAL_PUSHGATEWAY`` names; None if neither is set.

    User and password come from the environment or a file, else from the URL. Raises ``UsageError``, without the password, if
    the address, the password file or a certificate cannot be used.
    """
    given = option if option is not None else environment.get(URL, "")
    if not given and option is None:
        return None
    source = "--pushgateway" if option is not None else URL
    address = given if "://" in given else f"http://{given}"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or port == 0 or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise UsageError(f"{source} is not the address of a Pushgateway", _REMEDY)
    password = (
        environment.get(PASSWORD) or _read_password(environment.get(PASSWORD_FILE, "")) or unquote(parts.password or "")
    )
    gateway = Gateway(
        url=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}",
        username=environment.get(USERNAME) or unquote(parts.username or ""),
        password=password,
        ca_file=environment.get(CA_FILE, ""),
        certificate=environment.get(CERTIFICATE, ""),
        key=environment.get(KEY, ""),
    )
    _check_files(gateway)
    return gateway


def _read_password(path: str) -> str:
    """Return the first line of a file; empty without a path."""
    if not path:
        return ""
    try:
        with Path(path).open("rb") as file:
            lines = file.read(_LARGEST_PASSWORD_BYTES).decode().splitlines()
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is not text"
        raise UsageError(f"{PASSWORD_FILE}: {reason}", "name a file with the password on its first line") from None
    return lines[0] if lines else ""


def _check_files(gateway: Gateway) -> None:
    """Raise ``UsageError`` for certificates that cannot be used, before anything is measured."""
    if gateway.key and not gateway.certificate:
        raise UsageError(f"{KEY} without {CERTIFICATE}", "name the certificate that the key is for")
    variable = CA_FILE
    try:
        context = ssl.create_default_context(cafile=gateway.ca_file or None)
        if gateway.certificate:
            variable = f"{CERTIFICATE} and {KEY}" if gateway.key else CERTIFICATE
            # Without the callback, OpenSSL would ask on the terminal for the passphrase of a key.
            context.load_cert_chain(gateway.certificate, gateway.key or None, password=_no_passphrase)
    except (OSError, ValueError) as error:
        reason = "this is not a usable PEM file"
        if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
            reason = error.strerror or reason
        raise UsageError(f"{variable}: {reason}", "name a PEM file") from None


def _no_passphrase() -> str:
    raise ValueError
