"""Make an environment for each framework with uv, once."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

from benchmarks.frameworks.frameworks import PYTHON, Framework
from benchmarks.packages.environments import UnavailableError, find_python, run_installer


def environment(framework: Framework, folder: Path) -> Path:
    """Return the interpreter of the environment, after making it if needed. Raises ``UnavailableError``."""
    digest = hashlib.sha256("\n".join([PYTHON, *framework.pins]).encode()).hexdigest()[:8]
    root = folder / f"{framework.pins[0].replace('==', '-').replace('[', '-').replace(']', '')}-{digest}"
    python = root / "bin" / "python"
    ready = root / "ready"
    if ready.exists():
        return python
    shutil.rmtree(root, ignore_errors=True)
    uv = _uv()
    run_installer([*uv, "venv", "--quiet", "--clear", "--python", str(find_python(PYTHON)), str(root)])
    # Compiled now, because otherwise each run compiles a thousand files where bytecode is not written.
    run_installer([*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), *framework.pins])
    ready.touch()
    return python


def _uv() -> list[str]:
    """Return the command of uv: beside this interpreter, or on the path. Raises ``UnavailableError``."""
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise UnavailableError("uv is not installed: pip install uv")
    return [found]
