"""Command lines of child processes: program and script, and no argument that may hold a secret."""

from __future__ import annotations

import pytest

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
