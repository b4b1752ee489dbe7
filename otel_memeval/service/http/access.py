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
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path

from otel_memeval.errors import UsageError
from otel_memeval.files import open_regular, read_file
from otel_memeval.service.http.web_config import (
    TlsSettings,
    WebConfig,
    parse_web_config,
    referenced_files,
    requirements,
)

_MOST_REMEMBERED = 100
"""Right and wrong passwords that are remembered."""
_MOST_PASSWORD_BYTES = 72
"""Bcrypt hashes no more: some of its versions ignore the rest, as htpasswd and Prometheus' exporters do, others refuse."""
_LARGEST_FILE_BYTES = 1 << 20
_SETTLED_SECONDS = 5.0
"""A file that would remove a rule must not have changed for this long: it may be half written."""
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

    def recall(self, authorization: str | None) -> bool | None:
        """Return what ``admit`` returns, but None where it would have to compute a hash."""
        if not self._users:
            return True
        user, password = _user_and_password(authorization)
        return False if password is None else self._recall(self._digest(user, password))

    def admit(self, authorization: str | None) -> bool:
        """Return whether the header has a user with its password, or there are no users."""
        if (is_right := self.recall(authorization)) is not None:
            return is_right
        user, password = _user_and_password(authorization)
        assert password is not None  # else it is recalled
        digest = self._digest(user, password)
        with self._computing:
            is_right = self._recall(digest)  # another thread may have computed it meanwhile
            if is_right is None:
                is_right = self._matches(password, user.decode("utf-8", "replace"))
                self._remember(digest, is_right=is_right)
            return is_right

    def _digest(self, user: bytes, password: bytes) -> bytes:
        return hmac.digest(self._key, hashlib.sha256(user).digest() + password, "sha256")

    def _matches(self, password: bytes, name: str) -> bool:
        import bcrypt

        # An unknown user costs a hash too: a fast answer would reveal that the user does not exist.
        hashed = self._users.get(name) or next(iter(self._users.values()))
        try:
            return bcrypt.checkpw(password, hashed) and name in self._users
        except ValueError:  # a zero byte, in some versions
            return False

    def _recall(self, digest: bytes) -> bool | None:
        with self._lock:
            if digest not in self._remembered:
                return None
            self._remembered.move_to_end(digest)
            return self._remembered[digest]

    def _remember(self, digest: bytes, *, is_right: bool) -> None:
        """Remember an answer; guessing does not displace the right passwords."""
        with self._lock:
            self._remembered[digest] = is_right
            if len(self._remembered) > _MOST_REMEMBERED:
                wrong = (digest for digest, is_right in self._remembered.items() if not is_right)
                del self._remembered[next(wrong, next(iter(self._remembered)))]


def _user_and_password(authorization: str | None) -> tuple[bytes, bytes | None]:
    """Return user and password of a header; None as the password if it has none."""
    scheme, _, encoded = (authorization or "").partition(" ")
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return b"", None
    return user, password[:_MOST_PASSWORD_BYTES] if colon and scheme.lower() == "basic" else None


class AccessRules:
    """The access rules of one configuration."""

    def __init__(self, config: WebConfig, folder: Path, shown_path: str) -> None:
        """Load the certificates. Raises ``UsageError`` if they cannot be used."""
        self.required = requirements(config)
        self.headers = dict(config.http_server_config.headers)
        self.passwords = Passwords(config.basic_auth_users)
        self.tls = None
        self._client_names: frozenset[str] = frozenset()
        if config.tls_server_config is not None:
            self.tls = _tls_context(config.tls_server_config, folder, shown_path)
            self._client_names = frozenset(config.tls_server_config.client_allowed_sans)

    def allows(self, connection: ssl.SSLObject | None) -> bool:
        """Return whether the client's certificate, already verified, has an allowed name. None: no TLS."""
        if not self._client_names or connection is None:
            return not self._client_names
        certificate = connection.getpeercert() or {}
        names = {str(entry[1]) for entry in certificate.get("subjectAltName", ()) if len(entry) == 2}
        return not self._client_names.isdisjoint(names)


def _tls_context(tls: TlsSettings, folder: Path, shown_path: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = _VERSIONS[tls.min_version], _VERSIONS[tls.max_version]
    files = f"cert_file {tls.cert_file}, key_file {tls.key_file}"
    try:
        for name in (tls.cert_file, tls.key_file):
            open_regular(folder / name).close()  # OpenSSL would wait for the writer of a pipe
        context.load_cert_chain(folder / tls.cert_file, folder / tls.key_file, password="")
        if tls.client_ca_file:
            files = f"client_ca_file {tls.client_ca_file}"
            open_regular(folder / tls.client_ca_file).close()
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
        self._fingerprints: dict[Path, object] = {}
        """Of the configuration and the files that it names, from before they were read."""
        self._rules = AccessRules(WebConfig(), Path(), "") if path is None else self._read(path)

    def rules(self) -> AccessRules:
        """Return the rules, read again if a file has changed."""
        if self._path is None:
            return self._rules
        with self._lock:
            if any(_fingerprint(path) != before for path, before in self._fingerprints.items()):
                try:
                    rules = self._read(self._path, is_first=False)
                    if self._rules.required <= rules.required or _is_settled(Path(self._path)):
                        self._rules = rules
                    else:
                        self._fingerprints[Path(self._path)] = None  # for the next connection
                except UsageError as error:
                    self._log(f"{error}; the earlier configuration stays in use")
        return self._rules

    def _read(self, path: str, *, is_first: bool = True) -> AccessRules:
        """Return the rules. After the first time, a pipe is not waited for and an empty file is an error."""
        self._fingerprints[Path(path)] = _fingerprint(Path(path))
        try:
            data = read_file(Path(path), _LARGEST_FILE_BYTES, **({} if is_first else {"patience_seconds": 0.0}))
        except OSError as error:
            raise UsageError(f"--web-config {path}: {error.strerror}", "name a file that can be read") from None
        config = parse_web_config(data, path, allows_empty=is_first)
        folder = Path(path).parent
        self._fingerprints.update({file: _fingerprint(file) for file in referenced_files(config, folder)})
        return AccessRules(config, folder, path)


def _fingerprint(path: Path) -> object:
    """Return a value that changes when the file is replaced or written."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _is_settled(path: Path) -> bool:
    """Return whether the file has not changed for some seconds, by the time that nobody can set."""
    try:
        return time.time() - path.stat().st_ctime >= _SETTLED_SECONDS
    except OSError:
        return False
