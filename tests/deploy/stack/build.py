"""Build the programs of the real stack with Go into the user's cache: ``python -m tests.deploy.stack.build [NAME]...``

A program is built once for each version: its file is named by a hash of module files, source and version of Go.
Exit status: 0 if all named programs (default: all) are there; 1 if one could not be built; 3 without Go. With ``--missing``
nothing is built, and the names of the programs that are not there are printed.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent

COMMANDS = {
    "collector": ["./collector"],
    "prometheus": ["-tags=remove_all_sd", "github.com/prometheus/prometheus/cmd/prometheus"],
    "jaeger": ["github.com/jaegertracing/jaeger/cmd/jaeger"],
}
"""Arguments of ``go build`` for each program.

Prometheus is built without service discovery in clouds, which is a third of it; deploy/ names its targets.
"""

NO_GO = 3
"""Exit status without Go."""


def _environment(name: str) -> dict[str, str]:
    """Return the variables of a build. Collector and Prometheus share their modules' versions: each is compiled once."""
    workspace = "off" if name == "jaeger" else str(FOLDER / "go.work")
    return {**os.environ, "GOWORK": workspace, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}


@functools.cache
def _go_version() -> str:
    done = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def path_of(name: str) -> Path:
    """Return the path at which a program is built, whether it exists or not."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    folder = Path(cache if os.path.isabs(cache) else os.path.expanduser("~/.cache"), "otel-memeval-tests", "stack")
    sources = [file for file in (FOLDER / name).iterdir() if file.suffix in {".go", ".mod", ".sum"}]
    files = sorted(sources) + ([] if name == "jaeger" else sorted(FOLDER.glob("go.work*")))
    content = b"".join(file.read_bytes() for file in files)
    key = hashlib.sha256(content + " ".join([*COMMANDS[name], _go_version()]).encode()).hexdigest()[:12]
    return folder / f"{name}-{key}"


def build(name: str) -> bool:
    """Build a program unless it exists; return whether it exists afterwards. A second process waits for the first."""
    path = path_of(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with (path.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            return True
        for older in path.parent.glob(f"{name}-*"):
            older.unlink()
        new = path.parent / f"{name}.new"
        folder = FOLDER / name if name == "jaeger" else FOLDER
        command = ["go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", str(new), *COMMANDS[name]]
        if subprocess.run(command, cwd=folder, env=_environment(name), check=False).returncode != 0:
            return False
        new.rename(path)
        return True


def main(names: list[str]) -> int:
    """Build the named programs, or all; return the exit status."""
    if shutil.which("go") is None:
        sys.stderr.write("Go is not installed\n")
        return NO_GO
    if names == ["--missing"]:
        sys.stdout.write("".join(f"{name}\n" for name in COMMANDS if not path_of(name).exists()))
        return 0
    return int(any(not build(name) for name in names or COMMANDS))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
