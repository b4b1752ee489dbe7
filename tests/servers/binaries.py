"""Programs of real servers: those installed, else Debian's packages unpacked into the user's cache, without root.

Tests with these servers are never skipped: where a program can be had in neither way, they fail and say what to install.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

PACKAGES = (
    "kubernetes-client", "prometheus", "prometheus-alertmanager", "prometheus-node-exporter", "prometheus-pushgateway",
)  # fmt: skip
"""Fetched together, once a machine: about 50 MB."""

NAMES = {
    "prometheus": ("prometheus",),
    "promtool": ("promtool",),
    "pushgateway": ("prometheus-pushgateway", "pushgateway"),
    "alertmanager": ("prometheus-alertmanager", "alertmanager"),
    "amtool": ("amtool",),
    "node_exporter": ("prometheus-node-exporter", "node_exporter"),
    "kubectl": ("kubectl",),
}
"""What a program is called: by Debian, and by those who make it."""

_TEMPLATES = b"/usr/share/prometheus/alertmanager"
"""Built into Debian's alertmanager and amtool: where they read templates that they do not start without."""


@functools.cache
def program(name: str) -> Path:
    """Return the path of the program ``name`` (of ``NAMES``). Raise ``AssertionError`` if it can neither be found nor
    fetched.
    """
    everywhere = os.pathsep.join([os.environ.get("PATH", ""), "/usr/bin", "/usr/sbin"])
    for called in NAMES[name]:
        if found := shutil.which(called, path=everywhere):
            return Path(found)
    return unpacked("servers", PACKAGES) / "usr" / "bin" / NAMES[name][0]


def unpacked(name: str, packages: tuple[str, ...]) -> Path:
    """Return the folder into which Debian's packages are unpacked, once a machine. ``AssertionError`` if that fails."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    cache = cache if os.path.isabs(cache) else os.path.expanduser("~/.cache")
    key = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:8]
    folder = Path(cache, "otel-memeval-tests", f"{name}-{key}")
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (folder.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # a second test process waits for the first
            if not folder.is_dir():
                with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
                    _fetch(Path(temporary), packages)
                    (Path(temporary) / "unpacked").rename(folder)
    return folder


def _fetch(folder: Path, packages: tuple[str, ...]) -> None:
    """Download the packages and unpack them into ``folder/unpacked``."""
    missing = [needed for needed in ("apt-get", "dpkg-deb") if shutil.which(needed) is None]
    assert not missing, _failure(packages, f"{missing[0]} is not here to fetch them with")
    debs, state = folder / "debs", folder / "apt"
    for needed in (debs, state / "lists" / "partial", state / "archives" / "partial"):
        needed.mkdir(parents=True)
    private = [f"Dir::State={state}", f"Dir::Cache={state}", "Dir::State::status=/var/lib/dpkg/status"]
    private += ["Acquire::Languages=none"]
    options = [part for option in private for part in ("-o", option)]
    # The machine's own lists of packages may be missing or old, and cannot be brought up to date without root.
    said = _run(debs, "apt-get", "-q", "download", *packages)
    if len(list(debs.glob("*.deb"))) < len(packages):
        said = _run(debs, "apt-get", "-q", *options, "update") + _run(debs, "apt-get", "-q", *options, "download", *packages)
    found = sorted(debs.glob("*.deb"))
    assert len(found) == len(packages), _failure(packages, f"apt-get could not download them:\n{said[-2000:]}")
    for package in found:
        subprocess.run(["dpkg-deb", "-x", str(package), str(folder / "unpacked")], check=True)
    for called in ("prometheus-alertmanager", "amtool"):
        path = folder / "unpacked" / "usr" / "bin" / called
        if path.exists():
            _read_templates_of_current_folder(path)


def _read_templates_of_current_folder(path: Path) -> None:
    """Make the program read its templates from the current folder's ``alertmanager``: a path of the same length."""
    name = b"alertmanager"
    here = b"." + b"/" * (len(_TEMPLATES) - 1 - len(name)) + name
    path.write_bytes(path.read_bytes().replace(_TEMPLATES, here))


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    return done.stdout + done.stderr


def _failure(packages: tuple[str, ...], why: str) -> str:
    return f"these tests need {', '.join(packages)}: {why}"
