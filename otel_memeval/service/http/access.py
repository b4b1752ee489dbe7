"""Who may ask: TLS, client certificates and passwords, read again when their files change.

Certificates are renewed every few weeks, an exporter runs for months. Files that cannot be used leave the guard as it was.
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
from otel_memeval.service.http.web_config import Tls, WebConfig, files_of, parse_web_config

_MOST_REMEMBERED = 100
_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}


class Passwords:
    """Users and the bcrypt hashes of their passwords.

    Bcrypt is slow by design, and a scraper asks for years: what was right or wrong lately is remembered, as a keyed digest.
    One is worked out at a time, so that somebody who guesses takes one processor at most.
    """

    def __init__(self, users: Mapping[str, str]) -> None:
        self._users = {user: hashed.encode("ascii") for user, hashed in users.items()}
        self._key = secrets.token_bytes(32)
        self._remembered: OrderedDict[bytes, bool] = OrderedDict()
        self._lock = threading.Lock()
        self._working = threading.Lock()

    def admit(self, authorization: str | None) -> bool:
        """Whether the header names a user with its password; everybody is admitted where there are no users."""
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
        if (known := self._remembered_as(digest)) is not None:
            return known
        with self._working:
            known = self._remembered_as(digest)  # somebody else asked the same meanwhile
            if known is None:
                known = bool(colon) and self._matches(password, name)
                self._remember(digest, right=known)
            return known

    def _matches(self, password: bytes, name: str) -> bool:
        import bcrypt

        # Without such a user too something is worked out: an answer that comes at once would tell.
        hashed = self._users.get(name) or next(iter(self._users.values()))
        try:
            return bcrypt.checkpw(password, hashed) and name in self._users
        except ValueError:  # longer than bcrypt takes, or holds a zero
            return False

    def _remembered_as(self, digest: bytes) -> bool | None:
        with self._lock:
            if digest not in self._remembered:
                return None
            self._remembered.move_to_end(digest)
            return self._remembered[digest]

    def _remember(self, digest: bytes, *, right: bool) -> None:
        with self._lock:
            self._remembered[digest] = right
            while len(self._remembered) > _MOST_REMEMBERED:
                self._remembered.popitem(last=False)


class Guard:
    """The rules of one reading of the files. Raises ``UsageError`` where they cannot be used."""

    def __init__(self, config: WebConfig, folder: Path, shown: str) -> None:
        self.headers = dict(config.http_server_config.headers)
        self.passwords = Passwords(config.basic_auth_users)
        self.tls = None
        self._names: frozenset[str] = frozenset()
        if config.tls_server_config is not None:
            self.tls = _context(config.tls_server_config, folder, shown)
            self._names = frozenset(config.tls_server_config.client_allowed_sans)

    def knows(self, connection: ssl.SSLSocket) -> bool:
        """Whether a client's certificate, which is verified already, carries a name that may ask."""
        if not self._names:
            return True
        certificate = connection.getpeercert() or {}
        held = {str(entry[1]) for entry in certificate.get("subjectAltName", ()) if len(entry) == 2}
        return not self._names.isdisjoint(held)


def _context(tls: Tls, folder: Path, shown: str) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version, made.maximum_version = _VERSIONS[tls.min_version], _VERSIONS[tls.max_version]
    what = f"cert_file {tls.cert_file}, key_file {tls.key_file}"
    try:
        made.load_cert_chain(folder / tls.cert_file, folder / tls.key_file, password="")
        if tls.client_ca_file:
            what = f"client_ca_file {tls.client_ca_file}"
            made.load_verify_locations(folder / tls.client_ca_file)
            required = tls.client_auth_type == "RequireAndVerifyClientCert"
            made.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
        raise UsageError(
            f"--web-config {shown}: {what}: {reason}", "name PEM files that can be read, the key unencrypted"
        ) from None
    return made


class Gate:
    """The guard as the files are now. Without a file, everybody may ask."""

    def __init__(self, path: str | None, tell: Callable[[str], None]) -> None:
        """Raises ``UsageError`` where the file cannot be used."""
        self._path = path
        self._tell = tell
        self._lock = threading.Lock()
        self._files: list[Path] = []
        self._seen: tuple[object, ...] = ()
        self._guard = Guard(WebConfig(), Path(), "") if path is None else self._read(path)
        self._seen = self._look()

    def current(self) -> Guard:
        """The guard; its files are looked at, and read if they changed."""
        if self._path is None:
            return self._guard
        with self._lock:
            seen = self._look()
            if seen != self._seen:
                self._seen = seen
                try:
                    self._guard = self._read(self._path)
                    self._seen = self._look()
                except UsageError as error:
                    self._tell(f"{error}; what was read before goes on to hold")
        return self._guard

    def _read(self, path: str) -> Guard:
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise UsageError(f"--web-config {path}: {error.strerror}", "name a file that can be read") from None
        config = parse_web_config(data, path)
        folder = Path(path).parent
        guard = Guard(config, folder, path)
        self._files = files_of(config, folder)
        return guard

    def _look(self) -> tuple[object, ...]:
        if self._path is None:
            return ()
        return tuple(_mark(path) for path in (Path(self._path), *self._files))


def _mark(path: Path) -> object:
    """Another one when the file is another."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
