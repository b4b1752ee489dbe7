"""Which Pushgateway, and how it is spoken to: address, user, certificates."""

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

_HOW = "name it as http://HOST:9091 or https://HOST/PREFIX"
_LARGEST_PASSWORD_BYTES = 4096


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """A Pushgateway. ``url`` has neither user nor password, and no slash at its end."""

    url: str
    username: str = ""
    password: str = ""
    ca_file: str = ""
    """Certificates that vouch for it; empty: the usual ones."""
    certificate: str = ""
    """The client's, as PEM; its key too, unless that is in ``key``."""
    key: str = ""

    @property
    def shown(self) -> str:
        """Scheme, host and port: fit to be read by anybody."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


def read_gateway(option: str | None, environment: Mapping[str, str]) -> Gateway | None:
    """The gateway that the option, else ``MEMEVAL_PUSHGATEWAY`` names; None if none is named.

    User and password come from the environment or a file, else from the URL. Raises ``UsageError``, without the password.
    """
    named = option if option is not None else environment.get(URL, "")
    if not named and option is None:
        return None
    what = "--pushgateway" if option is not None else URL
    address = named if "://" in named else f"http://{named}"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or port == 0 or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise UsageError(f"{what}: this is not the address of a Pushgateway", _HOW)
    password = environment.get(PASSWORD) or _password_of(environment.get(PASSWORD_FILE, "")) or unquote(parts.password or "")
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


def _password_of(path: str) -> str:
    """The first line of a file."""
    if not path:
        return ""
    try:
        with Path(path).open("rb") as file:
            lines = file.read(_LARGEST_PASSWORD_BYTES).decode().splitlines()
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "it is not text"
        raise UsageError(f"{PASSWORD_FILE}: {why}", "name a file with the password on its first line") from None
    return lines[0] if lines else ""


def _check_files(gateway: Gateway) -> None:
    """Before anything is measured: a certificate that cannot be read would be found out too late."""
    if gateway.key and not gateway.certificate:
        raise UsageError(f"{KEY} without {CERTIFICATE}", "name the certificate that the key is for")
    variable = CA_FILE
    try:
        context = ssl.create_default_context(cafile=gateway.ca_file or None)
        if gateway.certificate:
            variable = f"{CERTIFICATE} and {KEY}" if gateway.key else CERTIFICATE
            # A key with a passphrase would be asked for on the terminal.
            context.load_cert_chain(gateway.certificate, gateway.key or None, password=_no_passphrase)
    except (OSError, ValueError) as error:
        why = "this is no PEM file that can be used"
        if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
            why = error.strerror or why
        raise UsageError(f"{variable}: {why}", "name a PEM file") from None


def _no_passphrase() -> str:
    raise ValueError
