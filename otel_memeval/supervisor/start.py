"""Start a worker process with a pipe for commands and one for messages, on every platform."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

WORKER_FOLDER = Path(__file__).resolve().parent.parent / "worker"


def start_worker(python: str, environment: Mapping[str, str]) -> tuple[subprocess.Popen[bytes], int, int]:
    """Return the process, the descriptor for commands and the one for messages. Raises ``OSError``."""
    commands_read, commands = os.pipe()
    messages, messages_write = os.pipe()
    handles = [commands_read, messages_write]
    try:
        return _start([python, str(WORKER_FOLDER)], handles, environment), commands, messages
    except OSError:
        for handle in (commands, messages):
            os.close(handle)
        raise
    finally:
        for handle in handles:
            os.close(handle)


def _start(arguments: list[str], handles: list[int], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    if sys.platform == "win32":
        import msvcrt

        inherited = [msvcrt.get_osfhandle(handle) for handle in handles]
        for handle in inherited:
            os.set_handle_inheritable(handle, True)
        return subprocess.Popen(
            [*arguments, *map(str, inherited)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            startupinfo=subprocess.STARTUPINFO(lpAttributeList={"handle_list": inherited}),
            creationflags=subprocess.CREATE_NEW_PROCESS_GROUP,
        )
    return subprocess.Popen(
        [*arguments, *map(str, handles)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        pass_fds=handles,
        start_new_session=True,
    )
