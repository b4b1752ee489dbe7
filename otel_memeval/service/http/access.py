"""Check TLS, client certificates and passwords of clients, with files that are read again when they change.

Certificates are renewed every few weeks, and a service runs for months. Unusable files leave the rules as they were.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import ssl
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path

from otel_memeval.errors import UsageError
from otel_memeval.service.http.web_config import TlsSettings, WebConfig, parse_web_config, referenced_files

_MOST_REMEMBERED = 100
"""Right and wrong passwords that are remembered."""
_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}


class Passwords:
    """The users and the bcrypt hashes of their passwords.

    Bcrypt is slow by design, and a scraper sends its password for years: recent answers are remembered under a keyed digest.
    One hash is computed at a time, so that guessing takes one processor at most.
    """

    def __init__(self, users: Mapping[str, str]) -> None:
        self._users = {user: hashed.encode("ascii") for user, hashed in users.items()}
        self._key = secrets.token_bytes(32)
        self._remembered: OrderedDict[bytes, bool] = OrderedDict()
        self._lock = threading.Lock()
        self._computing = threading.Lock()

    def admit(self, authorization: str | None) -> bool:
        """Return whether the header has a user with its password, or there are no users."""
        if not self._users:
            return True
        scheme, _, encoded = (authorization or "").partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return False
        name = user.decode("utf-8", "replace")
        digest = hmac.digest(self._key, hashlib.sha256(user).digest() + password, "sha256")
        if (is_right := self._recall(digest)) is not None:
            return is_right
        with self._computing:
            is_right = self._recall(digest)  # another thread may have computed it meanwhile
            if is_right is None:
                is_right = bool(colon) and self._matches(password, name)
                self._remember(digest, is_right=is_right)
            return is_right

    def _matches(self, password: bytes, name: str) -> bool:
        import bcrypt

        # An unknown user costs a hash too: a fast answer would reveal that the user does not exist.
        hashed = self._users.get(name) or next(iter(self._users.values()))
        try:
            return bcrypt.checkpw(password, hashed) and name in self._users
        except ValueError:  # longer than bcrypt allows, or with a zero byte
            return False

    def _recall(self, digest: bytes) -> bool | None:
        with self._lock:
            if digest not in self._remembered:
                return None
            self._remembered.move_to_end(digest)
            return self._remembered[digest]

    def _remember(self, digest: bytes, *, is_right: bool) -> None:
        with self._lock:
            self._remembered[digest] = is_right
            while len(self._remembered) > _MOST_REMEMBERED:
                self._remembered.popitem(last=False)


class AccessRules:
    """The access rules of one configuration."""

    def __init__(self, config: WebConfig, folder: Path, shown_path: str) -> None:
        """Load the certificates. Raises ``UsageError`` if they cannot be used."""
        self.headers = dict(config.http_server_config.headers)
        self.passwords = Passwords(config.basic_auth_users)
        self.tls = None
        self._client_names: frozenset[str] = frozenset()
        if config.tls_server_config is not None:
            self.tls = _tls_context(config.tls_server_config, folder, shown_path)
            self._client_names = frozenset(config.tls_server_config.client_allowed_sans)

    def allows(self, connection: ssl.SSLSocket) -> bool:
        """Return whether the client's certificate, already verified, has an allowed name."""
        if not self._client_names:
            return True
        certificate = connection.getpeercert() or {}
        names = {str(entry[1]) for entry in certificate.get("subjectAltName", ()) if len(entry) == 2}
        return not self._client_names.isdisjoint(names)


def _tls_context(tls: TlsSettings, folder: Path, shown_path: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = _VERSIONS[tls.min_version], _VERSIONS[tls.max_version]
    files = f"cert_file {tls.cert_file}, key_file {tls.key_file}"
    try:
        context.load_cert_chain(folder / tls.cert_file, folder / tls.key_file, password="")
        if tls.client_ca_file:
            files = f"client_ca_file {tls.client_ca_file}"
            context.load_verify_locations(folder / tls.client_ca_file)
            required = tls.client_auth_type == "RequireAndVerifyClientCert"
            context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
        raise UsageError(
            f"--web-config {shown_path}: {files}: {reason}", "name readable PEM files, the key without a passphrase"
        ) from None
    return context


class Access:
    """The access rules, kept up to date with their files; without a file every client is allowed."""

    def __init__(self, path: str | None, log: Callable[[str], None]) -> None:
        """Read the web configuration file. Raises ``UsageError`` if it cannot be used."""
        self._path = path
        self._log = log
        self._lock = threading.Lock()
        self._files: list[Path] = []
        self._rules = AccessRules(WebConfig(), Path(), "") if path is None else self._read(path)
        self._fingerprint = self._read_fingerprint()

    def rules(self) -> AccessRules:
        """Return the rules, read again if a file has changed."""
        if self._path is None:
            return self._rules
        with self._lock:
            fingerprint = self._read_fingerprint()
            if fingerprint != self._fingerprint:
                self._fingerprint = fingerprint
                try:
                    self._rules = self._read(self._path)
                    self._fingerprint = self._read_fingerprint()
                except UsageError as error:
                    self._log(f"{error}; the earlier configuration stays in use")
        return self._rules

    def _read(self, path: str) -> AccessRules:
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise UsageError(f"--web-config {path}: {error.strerror}", "name a file that can be read") from None
        config = parse_web_config(data, path)
        folder = Path(path).parent
        rules = AccessRules(config, folder, path)
        self._files = referenced_files(config, folder)
        return rules

    def _read_fingerprint(self) -> tuple[object, ...]:
        if self._path is None:
            return ()
        return tuple(_file_fingerprint(path) for path in (Path(self._path), *self._files))


def _file_fingerprint(path: Path) -> object:
    """Return a value that changes when the file is replaced or written."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
