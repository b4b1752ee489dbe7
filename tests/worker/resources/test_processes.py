"""Child processes: command lines without secret arguments, and threads that end while they are read."""

from __future__ import annotations

import os
import subprocess

import pytest

from otel_memeval.worker.resources import processes
from otel_memeval.worker.resources.processes import program

SECRET = "sk-not-a-real-key-0123456789"


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["/usr/bin/python3", "-u", "/srv/app/server.py", SECRET], "python3 server.py"),
        (["python3.12", "-m", "mcp_server", "--key", SECRET], "python3.12 -m mcp_server"),
        (["python", "-c", f"key = '{SECRET}'"], "python -c"),
        (["node", "/opt/mcp/index.js", f"--token={SECRET}"], "node index.js"),
        (["/bin/sh", "-c", f"KEY={SECRET} exec server"], "sh -c"),
        (["npx", "server", SECRET], "npx"),
        (["git", "commit", "-m", SECRET], "git"),
        (["curl", "-H", f"Authorization: Bearer {SECRET}"], "curl"),
        (["sleep", "60", ""], "sleep"),
    ],
)
def test_program_is_shown_without_arguments(command: list[str], shown: str) -> None:
    """The name of the program, and of the script or module that an interpreter runs."""
    assert program(command) == shown
    assert SECRET not in program(command)


@pytest.mark.process
def test_thread_that_ends_while_children_are_read_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of a thread may be gone when the file in it is opened; the children of the other threads are read."""
    listdir = os.listdir
    gone = str(1 << 30)  # above the largest id of Linux
    monkeypatch.setattr(os, "listdir", lambda path: [*listdir(path), gone])
    with subprocess.Popen(["/bin/sleep", "10"]) as child:
        try:
            assert [tree.process for tree in processes.ChildReader().trees()].count(child.pid) == 1
        finally:
            child.kill()
