"""Faults of the service's passwords: guesses, odd headers, a web configuration that is damaged while it is used."""

from __future__ import annotations

import base64
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import bcrypt

from benchmarks.faults.fault import Fault, Trial, expect
from benchmarks.faults.groups import certificates
from benchmarks.faults.groups.special_files import as_folder, as_link, as_pipe
from benchmarks.faults.limits import obey_permissions
from benchmarks.faults.running_service import RunningService, running_service

_COST = 8
"""Of the hashes: 20 ms each."""


def _header(user: str | bytes, password: str | bytes) -> dict[str, str]:
    parts = [part.encode() if isinstance(part, str) else part for part in (user, password)]
    return {"Authorization": "Basic " + base64.b64encode(b":".join(parts)).decode()}


class _Passwords:
    """A web configuration with users; ``right`` is the header of one of them."""

    def __init__(self, trial: Trial, password: str = "", hashed: bytes | None = None) -> None:
        self.password = password or f"word-{trial.random.getrandbits(64):x}"
        salt = bcrypt.gensalt(_COST)
        made = bcrypt.hashpw(self.password.encode()[:72], salt) if hashed is None else hashed
        self.text = f"basic_auth_users:\n  alice: {made.decode()}\n  bob: {bcrypt.hashpw(b'other', salt).decode()}\n"
        self.path = trial.write("web.yml", self.text)
        self.right = _header("alice", self.password)


@contextlib.contextmanager
def _guarded(trial: Trial, password: str = "") -> Iterator[tuple[RunningService, _Passwords]]:
    """Start a service with passwords; they are required before and after the block, and shown nowhere."""
    config = _Passwords(trial, password)
    with running_service(trial, "--web-config", "web.yml", preexec_fn=obey_permissions) as service:
        service.wait_for("scenario: ")
        _expect_guarded(service, config)
        yield service, config
        _expect_guarded(service, config)
        expect(config.password not in service.log, "the log has a password")


def _expect_guarded(service: RunningService, config: _Passwords) -> None:
    for path in ("/metrics", "/healthz", "/", "/none"):
        expect(service.get(path)[0] == 401, f"{path} is answered without a password: {service.get(path)[0]}")
    service.expect_answers(config.right)


def _refused(headers: Callable[[_Passwords], dict[str, str]], trial: Trial) -> None:
    with _guarded(trial) as (service, config):
        for _ in range(2):
            status, text = service.get("/metrics", headers(config))
            expect(status in (0, 400, 401, 431), f"status {status}")
            expect("memeval" not in text, "a page is shown")


REFUSED: dict[str, Callable[[_Passwords], dict[str, str]]] = {
    "a wrong password": lambda _: _header("alice", "wrong"),
    "the password of another user": lambda _: _header("alice", "other"),
    "an unknown user": lambda config: _header("carol", config.password),
    "no password": lambda _: _header("alice", ""),
    "no user": lambda config: _header("", config.password),
    "no colon": lambda _: {"Authorization": "Basic " + base64.b64encode(b"alice").decode()},
    "a NUL in the password": lambda config: _header("alice", config.password + "\0"),
    "a NUL in the user": lambda config: _header("alice\0", config.password),
    "a user that is no text": lambda config: _header(b"\xff\xfe", config.password),
    "a password of 10 KB": lambda _: _header("alice", "x" * 10_000),
    "a header of 30 KB": lambda _: {"Authorization": "Basic " + "A" * 30_000},
    "a header that is no base64": lambda _: {"Authorization": "Basic ?=?"},
    "a header without a value": lambda _: {"Authorization": "Basic"},
    "a token": lambda config: {"Authorization": f"Bearer {config.password}"},
    "a digest": lambda _: {"Authorization": 'Digest username="alice"'},
    "the hash as the password": lambda config: _header("alice", config.text.split()[2]),
}
"""By name: headers that admit nobody."""


def _long_password(trial: Trial) -> None:
    with _guarded(trial, "é" * 60) as (service, _):
        expect(service.get("/metrics", _header("alice", "é" * 35))[0] == 401, "a part of the password is admitted")


def _colons(trial: Trial) -> None:
    with _guarded(trial, "a:b::c") as (service, _):
        expect(service.get("/metrics", _header("alice:a", "b::c"))[0] == 200, "the first colon ends the user")


def _guesses(trial: Trial) -> None:
    with _guarded(trial) as (service, config):
        stop = threading.Event()

        def guess(number: int) -> None:
            count = 0
            while not stop.is_set():
                count += 1
                service.get("/", _header("alice", f"{number}-{count}"))

        threads = [threading.Thread(target=guess, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(10):
                start = time.monotonic()
                expect(
                    service.get("/metrics", config.right)[0] == 200, "the right password is not admitted while others guess"
                )
                expect(time.monotonic() - start < 3, "the right password waits while others guess")
                time.sleep(0.2)
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def _changed(change: Callable[[Path, _Passwords], object], trial: Trial) -> None:
    """Change the file of a running service: nobody new is admitted, at once and later, and a good file is used again."""
    with _guarded(trial) as (service, config):
        change(config.path, config)
        end = time.monotonic() + 7.0
        while time.monotonic() < end:
            expect(service.get("/metrics")[0] == 401, "a client without a password is admitted")
            time.sleep(0.3)
        service.expect_answers(config.right)
        with contextlib.suppress(OSError):
            config.path.chmod(0o600)
        if config.path.is_dir():
            config.path.rmdir()
        config.path.unlink(missing_ok=True)
        config.path.write_text(config.text, encoding="utf-8")


CHANGES: dict[str, Callable[[Path, _Passwords], object]] = {
    "empty": lambda path, _: path.write_bytes(b""),
    "blank": lambda path, _: path.write_bytes(b"\n \n"),
    "a comment": lambda path, _: path.write_bytes(b"# nothing yet\n"),
    "a byte-order mark": lambda path, _: path.write_bytes(b"\xef\xbb\xbf"),
    "an empty document": lambda path, _: path.write_bytes(b"---\n...\n"),
    "null": lambda path, _: path.write_bytes(b"null\n"),
    "cut off after its first line": lambda path, config: path.write_text(config.text.splitlines()[0], encoding="utf-8"),
    "cut off in a hash": lambda path, config: path.write_text(config.text[:60], encoding="utf-8"),
    "random bytes": lambda path, _: path.write_bytes(os.urandom(3000)),
    "nested deep": lambda path, _: path.write_bytes(b"[" * 100_000),
    "nested deep in a mapping": lambda path, _: path.write_bytes(b"{a: " * 50_000),
    "aliases of aliases": lambda path, _: path.write_bytes(
        b"a0: &a0 [x]\n" + b"".join(b"a%d: &a%d [*a%d, *a%d, *a%d]\n" % (n, n, n - 1, n - 1, n - 1) for n in range(1, 40))
    ),
    "10 MB": lambda path, config: path.write_text(config.text + "#" * 10_000_000, encoding="utf-8"),
    "a password that is no hash": lambda path, _: path.write_bytes(b"basic_auth_users: {alice: plain}"),
    "an unknown setting": lambda path, _: path.write_bytes(b"basic_auth: {}"),
    "deleted": lambda path, _: path.unlink(),
    "a folder": lambda path, _: as_folder(path),
    "a pipe": lambda path, _: as_pipe(path),
    "a link to itself": lambda path, _: as_link(path),
    "not readable": lambda path, _: path.chmod(0),
}
"""By name: changes of the web configuration that admit nobody new."""


def _prefixes(trial: Trial) -> None:
    with _guarded(trial) as (service, config):
        for length in range(0, len(config.text), 7):
            config.path.write_text(config.text[:length], encoding="utf-8")
            expect(service.get("/metrics")[0] == 401, f"admitted while the file has {length} characters")
        config.path.write_text(config.text, encoding="utf-8")


def faults() -> Sequence[Fault]:
    """Return the faults of this group."""
    return (
        *(Fault(f"a request with {name}", partial(_refused, headers)) for name, headers in REFUSED.items()),
        Fault("a password of 120 bytes", _long_password),
        Fault("a password with colons", _colons),
        Fault("20 clients that guess", _guesses),
        *(Fault(f"the web configuration becomes {name}", partial(_changed, change)) for name, change in CHANGES.items()),
        Fault("the web configuration is written slowly", _prefixes),
        *certificates.faults(),
    )
