"""Take rights and room away from a command: permissions that bind root too, and a disk that is full."""

from __future__ import annotations

import contextlib
import ctypes
import subprocess
from collections.abc import Iterator
from pathlib import Path

_PR_CAPBSET_DROP = 24
"""linux/prctl.h"""
_OVERRIDES = (1, 2)
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, linux/capability.h: with them, permissions do not bind root."""


def obey_permissions() -> None:
    """Let the next program of this process obey permissions although it is run by root; a ``preexec_fn``."""
    library = ctypes.CDLL(None)
    for capability in _OVERRIDES:
        library.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


@contextlib.contextmanager
def full_disk(folder: Path, free_bytes: int = 0) -> Iterator[None]:
    """Mount a disk of 256 KiB on a folder and fill it up to ``free_bytes``; what the folder held is on it.

    Raises ``OSError`` if this process may not mount.
    """
    held = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        raise PermissionError("this process may not mount a disk")
    try:
        for name, data in held.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        filling = folder / "filling"
        with contextlib.suppress(OSError), filling.open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        if free_bytes:
            with filling.open("r+b") as file:
                file.truncate(filling.stat().st_size - free_bytes)
        yield
    finally:
        subprocess.run(["umount", str(folder)], capture_output=True, check=False)
