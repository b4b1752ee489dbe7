"""Environments with exactly what a case pins, made once and kept."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.packages.cases import Case, Version

INSTALL_SECONDS = 900.0


class UnavailableError(Exception):
    """The case cannot be tried here: no such interpreter, or its pins cannot be installed."""


def default_folder() -> Path:
    """A folder of the user's cache directory."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "otel-memeval" / "packages"


def find_python(version: str) -> Path:
    """The interpreter of that version: this one, one on the path, or one of pyenv's. Raises ``UnavailableError``."""
    if version == "{}.{}".format(*sys.version_info):
        return Path(getattr(sys, "_base_executable", sys.executable))
    found = shutil.which(f"python{version}")
    candidates = [Path(found)] if found else []
    candidates += sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    for candidate in candidates:
        asked = subprocess.run([candidate, "-c", "import ensurepip"], capture_output=True, check=False)
        if asked.returncode == 0:
            return candidate
    raise UnavailableError(f"no Python {version} on the path or among pyenv's")


def environment(case: Case, version: Version, folder: Path) -> Path:
    """The interpreter of the environment, which is made if it is not there. Raises ``UnavailableError``."""
    pins = case.pins(version)
    digest = hashlib.sha256("\n".join([case.python, *pins]).encode()).hexdigest()[:8]
    place = folder / f"{pins[0].replace('==', '-')}-py{case.python}-{digest}"
    python = place / "bin" / "python"
    ready = place / "ready"
    if ready.exists():
        return python
    shutil.rmtree(place, ignore_errors=True)
    _run([str(find_python(case.python)), "-m", "venv", "--without-pip", str(place)])
    command = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "install", "--quiet"]
    _run([*command, "--no-deps", "--only-binary", ":all:", *pins])
    ready.touch()
    return python


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired as expired:
        raise UnavailableError(f"{command[3]} took more than {INSTALL_SECONDS:g} seconds") from expired
    if done.returncode:
        raise UnavailableError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"status {done.returncode}")
