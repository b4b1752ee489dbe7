"""``deploy/Dockerfile``: what gets in, as whom it runs, and how secrets in files become variables."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.deploy import stack
from tests.deploy.shipped import DEPLOY

DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
IGNORED = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
ENTRYPOINT = DEPLOY / "entrypoint.sh"
HADOLINT = str(Path(sys.executable).with_name("hadolint"))


def copied(dockerfile: str) -> list[str]:
    """What is copied out of the build's context."""
    lines = re.findall(r"^COPY (.+)$", dockerfile, re.MULTILINE)
    sources = [[part for part in line.split() if not part.startswith("--")][:-1] for line in lines if "--from" not in line]
    return [source for line in sources for source in line]


@pytest.mark.parametrize("path", stack.DOCKERFILES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_hadolint_has_nothing_to_say(path: Path) -> None:
    """Not even a hint; shell commands are checked with it."""
    done = subprocess.run([HADOLINT, "--no-color", str(path)], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_hadolint_would_find_something(tmp_path: Path) -> None:
    """An image without a version."""
    (tmp_path / "Dockerfile").write_text("FROM python\n")
    done = subprocess.run([HADOLINT, str(tmp_path / "Dockerfile")], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "DL3006" in done.stdout


def test_exactly_what_is_copied_is_let_through() -> None:
    """The ignore file lets nothing through that the image does not take, and everything that it takes, which is there."""
    let_through = sorted(line[1:] for line in IGNORED if line.startswith("!"))
    assert IGNORED[1] == "*"
    assert let_through == sorted(set(copied(DOCKERFILE)))
    assert [path for path in let_through if not (stack.ROOT / path).exists()] == []
    assert any(fnmatch("otel_memeval/__pycache__", line) for line in IGNORED)


def test_code_is_copied_after_dependencies() -> None:
    """A change of code leaves the layer of dependencies as it was."""
    assert copied(DOCKERFILE)[0] == "pyproject.toml"
    assert DOCKERFILE.index("pip install -r") < DOCKERFILE.index("COPY otel_memeval")


@pytest.mark.parametrize("path", stack.DOCKERFILES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_an_image_is_not_roots(path: Path) -> None:
    """Its last user is a number other than 0, the one that compose runs it as."""
    users = re.findall(r"^USER (\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    folder = path.parent.name
    name = {"deploy": "exporter", "collector": "otel-collector", "tempo": "tempo"}[folder]
    assert users[-1] == stack.services()[name]["user"] == "10001:10001"


def run(secrets: Path, command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """A command through the entrypoint, with nothing else in its environment."""
    return subprocess.run(
        ["sh", str(ENTRYPOINT), *command],
        env={"PATH": os.environ["PATH"], "MEMEVAL_SECRETS": str(secrets), **environment},
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip


def test_a_secret_in_a_file_becomes_a_variable(tmp_path: Path) -> None:
    """Whole, without its line's end, whatever is in it; the file's name is not handed on; other files are left alone."""
    secret = 'it\'s "quoted" $HOME `id` \\n'
    (tmp_path / "password").write_text(secret + "\n", encoding="utf-8")
    python = shutil.which("python3") or "python3"
    code = (
        "import os; print(os.environ['PGPASSWORD'], end=''); print(os.environ.get('PGPASSWORD_FILE'), os.environ['X_FILE'])"
    )
    done = run(tmp_path, [python, "-c", code], PGPASSWORD_FILE=f"{tmp_path}/password", X_FILE="/etc/hostname")
    assert done.stdout == f"{secret}None /etc/hostname\n"


def test_an_empty_file_is_no_key(tmp_path: Path) -> None:
    """The variable stays unset: scenarios then use their local model server."""
    (tmp_path / "key").write_text("")
    done = run(tmp_path, ["env"], OPENAI_API_KEY_FILE=f"{tmp_path}/key")
    assert "OPENAI_API_KEY" not in done.stdout


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    """With what to do, and before anything runs."""
    done = run(tmp_path, ["echo", "ran"], PGPASSWORD_FILE=f"{tmp_path}/password")
    assert (done.returncode, done.stdout) == (2, "")
    assert "PGPASSWORD_FILE" in done.stderr
    assert "deploy/secrets/make.sh" in done.stderr


def test_the_commands_status_is_the_status(tmp_path: Path) -> None:
    """A failed verdict ends the container with 1."""
    assert run(tmp_path, ["sh", "-c", "exit 1"]).returncode == 1
