"""Faults of the service's TLS: no handshake, damaged files, certificates of others. A part of the group credentials."""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import trustme

from benchmarks.faults.fault import Fault, Trial, expect
from benchmarks.faults.groups.special_files import as_folder, as_link, as_pipe
from benchmarks.faults.limits import obey_permissions, permissions
from benchmarks.faults.running_service import SCENARIO, RunningService, running_service

CLIENTS = 100


class _Certificates:
    """A web configuration with TLS, and an authority that clients trust."""

    def __init__(self, trial: Trial, more: str = "") -> None:
        self.folder = trial.folder
        self.authority = trustme.CA()
        self.write(self.authority)
        settings = f"  cert_file: server.crt\n  key_file: server.key\n{more}"
        self.path = trial.write("web.yml", f"tls_server_config:\n{settings}")

    def write(self, authority: trustme.CA) -> None:
        """Write a certificate of the authority, and its key."""
        issued = authority.issue_cert("localhost")
        (self.folder / "server.key").write_bytes(issued.private_key_pem.bytes())
        (self.folder / "server.crt").write_bytes(issued.cert_chain_pems[0].bytes())
        (self.folder / "ca.pem").write_bytes(authority.cert_pem.bytes())

    def client(self, name: str = "", authority: trustme.CA | None = None) -> ssl.SSLContext:
        """Return the context of a client that trusts the authority, with a certificate for a name."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        if name:
            (authority or self.authority).issue_cert(name).configure_cert(context)
        return context


@contextlib.contextmanager
def _encrypted(trial: Trial) -> Iterator[tuple[RunningService, _Certificates]]:
    """Start a service with TLS that is answered before and after the block."""
    files = _Certificates(trial)
    with running_service(trial, "--web-config", "web.yml", preexec_fn=obey_permissions) as service:
        service.expect_answers(tls=files.client())
        yield service, files
        service.expect_answers(tls=files.client())


def _no_tls(data: bytes, trial: Trial) -> None:
    with _encrypted(trial) as (service, _):
        expect(b"HTTP" not in service.send(data), "a client without TLS is answered")


def _many_handshakes(data: bytes, trial: Trial) -> None:
    with _encrypted(trial) as (service, files), contextlib.ExitStack() as closing:
        for _ in range(CLIENTS):
            connection = closing.enter_context(service.connect())
            with contextlib.suppress(OSError):
                connection.sendall(data)
        service.expect_answers(tls=files.client())


def _not_trusted(trial: Trial) -> None:
    with _encrypted(trial) as (service, _):
        expect(service.get("/healthz", tls=ssl.create_default_context())[0] == 0, "an unknown authority is trusted")
        with service.connect() as connection, contextlib.suppress(ssl.SSLError):
            ssl.create_default_context().wrap_socket(connection, server_hostname="localhost")


def _old_tls(trial: Trial) -> None:
    with _encrypted(trial) as (service, files):
        old = files.client()
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1
        expect(service.get("/healthz", tls=old)[0] == 0, "TLS 1.1 is answered")


def _no_goodbye(trial: Trial) -> None:
    with _encrypted(trial) as (service, files):
        context = files.client()
        held: list[ssl.SSLSocket] = []
        for _ in range(CLIENTS):
            encrypted = context.wrap_socket(service.connect(), server_hostname="localhost", suppress_ragged_eofs=True)
            encrypted.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
            held.append(encrypted)
        service.expect_answers(tls=files.client())
        for encrypted in held:
            encrypted.close()


def _changed_certificate(change: Callable[[Path], object], trial: Trial) -> None:
    """Damage the certificate of a running service: the last good one is used until there is a new one."""
    with _encrypted(trial) as (service, files):
        change(trial.folder / "server.crt")
        for _ in range(3):
            service.expect_answers(tls=files.client())
        service.wait_for("the earlier configuration stays in use")
        path = trial.folder / "server.crt"
        if path.is_dir():
            path.rmdir()
        path.unlink(missing_ok=True)
        files.authority = trustme.CA()
        files.write(files.authority)


CERTIFICATES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "random bytes": lambda path: path.write_bytes(os.urandom(3000)),
    "of another key": lambda path: path.write_bytes(trustme.CA().issue_cert("localhost").cert_chain_pems[0].bytes()),
    "deleted": lambda path: path.unlink(),
    "a folder": as_folder,
    "a pipe": as_pipe,
    "a link to itself": as_link,
    "10 MB": lambda path: path.write_bytes(b"x" * 10_000_000),
}
"""By name: changes of a certificate."""

_CLIENTS = (
    "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  client_allowed_sans: [prometheus.test]\n"
)


def _client_certificates(trial: Trial) -> None:
    files = _Certificates(trial, _CLIENTS)
    with running_service(trial, "--web-config", "web.yml") as service:
        right = files.client("prometheus.test")
        service.expect_answers(tls=right)
        for name, client in {
            "without a certificate": files.client(),
            "with another name": files.client("other.test"),
            "of another authority": files.client("prometheus.test", trustme.CA()),
        }.items():
            expect(service.get("/metrics", tls=client)[0] == 0, f"a client {name} is answered")
        text = files.path.read_text(encoding="utf-8")
        for length in range(0, len(text), 9):
            files.path.write_text(text[:length], encoding="utf-8")
            expect(service.get("/metrics", tls=files.client())[0] == 0, f"admitted while the file has {length} characters")
        files.path.write_text(text, encoding="utf-8")
        service.expect_answers(tls=right)


def _start_refused(prepare: Callable[[Path], object], trial: Trial) -> None:
    """Damage a file before the start: status 2 and one line."""
    trial.write("scenario.py", SCENARIO)
    _Certificates(trial)
    prepare(trial.folder)
    given = ("scenario.py", "--every", "1h", "--serve", "0", "--state", "state.json", "--web-config", "web.yml")
    result = trial.run(*given, statuses=(2,), preexec_fn=obey_permissions)
    expect(len(result.stderr.splitlines()) == 1, f"not one line: {result.stderr[:300]!r}")


def _with_permissions(trial: Trial) -> None:
    (trial.folder / "closed").mkdir()
    trial.write("closed/web.yml", "{}")
    trial.write("scenario.py", SCENARIO)
    with permissions(trial.folder / "closed", 0o600):
        given = ("scenario.py", "--every", "1h", "--serve", "0", "--state", "state.json", "--web-config", "closed/web.yml")
        result = trial.run(*given, statuses=(2,), preexec_fn=obey_permissions)
    expect(len(result.stderr.splitlines()) == 1, f"not one line: {result.stderr[:300]!r}")


def _key_with_passphrase(folder: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key((folder / "server.key").read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(b"word")
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    (folder / "server.key").write_bytes(pem)


STARTS: dict[str, Callable[[Path], object]] = {
    **{f"a certificate is {name}": partial(lambda change, folder: change(folder / "server.crt"), change)
       for name, change in CERTIFICATES.items()},
    **{f"a key is {name}": partial(lambda change, folder: change(folder / "server.key"), change)
       for name, change in CERTIFICATES.items() if name != "of another key"},
    "a key has a passphrase": _key_with_passphrase,
    "a key is not readable": lambda folder: (folder / "server.key").chmod(0),
    "the configuration is a folder": lambda folder: as_folder(folder / "web.yml"),
    "the configuration is a pipe without a writer": lambda folder: as_pipe(folder / "web.yml"),
    "the configuration is a link to itself": lambda folder: as_link(folder / "web.yml"),
    "the configuration is nested deep": lambda folder: (folder / "web.yml").write_bytes(b"[" * 100_000),
    "the configuration is not text": lambda folder: (folder / "web.yml").write_bytes(b"\xff\xfe\0\0"),
    "the configuration has no end": lambda folder: as_link(folder / "web.yml", "/dev/zero"),
}  # fmt: skip
"""By name: files that are refused at the start."""


def faults() -> Sequence[Fault]:
    """Return the faults of TLS, which are a part of the group credentials."""
    return (
        Fault("a client without TLS", partial(_no_tls, b"GET / HTTP/1.1\r\n\r\n")),
        Fault("random bytes instead of a handshake", partial(_no_tls, bytes(range(256)) * 8)),
        Fault(f"{CLIENTS} clients that begin no handshake", partial(_many_handshakes, b"")),
        Fault(
            f"{CLIENTS} clients that begin half a handshake",
            partial(_many_handshakes, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03"),
        ),
        Fault(f"{CLIENTS} clients that do not end TLS", _no_goodbye),
        Fault("a client that does not trust the certificate", _not_trusted),
        Fault("a client with TLS 1.1", _old_tls),
        Fault("clients without the right certificate", _client_certificates),
        *(
            Fault(f"the certificate becomes {name}", partial(_changed_certificate, change))
            for name, change in CERTIFICATES.items()
        ),
        *(Fault(f"at the start {name}", partial(_start_refused, prepare)) for name, prepare in STARTS.items()),
        Fault("at the start the configuration's folder may not be searched", _with_permissions),
    )
