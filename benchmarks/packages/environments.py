"""Make environments with exactly the pins of a case, once."""

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
    """Raised if a case cannot run here: its interpreter is missing, or its pins cannot be installed."""


def default_folder() -> Path:
    """Return a folder in the cache directory of the user."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "otel-memeval" / "packages"


def find_python(version: str) -> Path:
    """Return an interpreter of that version: this one, one of ``PATH``, or one of pyenv. Raises ``UnavailableError``."""
    if version == "{}.{}".format(*sys.version_info):
        return Path(getattr(sys, "_base_executable", sys.executable))
    found = shutil.which(f"python{version}")
    candidates = [Path(found)] if found else []
    candidates += sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    for candidate in candidates:
        answer = subprocess.run([candidate, "-c", "import ensurepip"], capture_output=True, check=False)
        if answer.returncode == 0:
            return candidate
    raise UnavailableError(f"no Python {version} on the path or in pyenv")


def environment(case: Case, version: Version, folder: Path) -> Path:
    """Return the interpreter of the environment, after making it if needed. Raises ``UnavailableError``."""
    pins = case.pins(version)
    digest = hashlib.sha256("\n".join([case.python, *pins]).encode()).hexdigest()[:8]
    root = folder / f"{pins[0].replace('==', '-')}-py{case.python}-{digest}"
    python = root / "bin" / "python"
    ready = root / "ready"
    if ready.exists():
        return python
    shutil.rmtree(root, ignore_errors=True)
    run_installer([str(find_python(case.python)), "-m", "venv", "--without-pip", str(root)])
    command = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "install", "--quiet"]
    run_installer([*command, "--no-deps", "--only-binary", ":all:", *pins])
    ready.touch()
    return python


def run_installer(command: list[str]) -> None:
    """Run a command that makes or fills an environment. Raises ``UnavailableError`` with the last line of its errors."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired as expired:
        raise UnavailableError(f"{command[3]} took more than {INSTALL_SECONDS:g} seconds") from expired
    if done.returncode:
        raise UnavailableError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"status {done.returncode}")
