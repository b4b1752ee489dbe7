"""The image contains the intended files, does not run as root, and sets variables from files of secrets."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.deploy import compose
from tests.deploy.shipped import DEPLOY

DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
IGNORED = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
ENTRYPOINT = DEPLOY / "entrypoint.sh"
HADOLINT = str(Path(sys.executable).with_name("hadolint"))


def copied(dockerfile: str) -> list[str]:
    """Return the files that a Dockerfile copies from the context of the build."""
    lines = re.findall(r"^COPY (.+)$", dockerfile, re.MULTILINE)
    sources = [[part for part in line.split() if not part.startswith("--")][:-1] for line in lines if "--from" not in line]
    return [source for line in sources for source in line]


@pytest.mark.parametrize("path", compose.DOCKERFILES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_hadolint_accepts_the_dockerfile(path: Path) -> None:
    """Hadolint, which also checks shell commands, reports nothing, not even a hint."""
    done = subprocess.run([HADOLINT, "--no-color", str(path)], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_hadolint_reports_an_image_without_a_version(tmp_path: Path) -> None:
    """The check above can fail: hadolint reports an image without a version."""
    (tmp_path / "Dockerfile").write_text("FROM python\n")
    done = subprocess.run([HADOLINT, str(tmp_path / "Dockerfile")], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "DL3006" in done.stdout


def test_ignore_file_admits_exactly_the_copied_files() -> None:
    """The ignore file admits the files that the image copies, and no others; all of them exist."""
    admitted = sorted(line[1:] for line in IGNORED if line.startswith("!"))
    assert IGNORED[1] == "*"
    assert admitted == sorted(set(copied(DOCKERFILE)))
    assert [path for path in admitted if not (compose.ROOT / path).exists()] == []
    assert any(fnmatch("otel_memeval/__pycache__", line) for line in IGNORED)


def test_code_is_copied_after_dependencies() -> None:
    """A change of the code does not invalidate the layer of dependencies."""
    assert copied(DOCKERFILE)[0] == "pyproject.toml"
    assert DOCKERFILE.index("pip install -r") < DOCKERFILE.index("COPY otel_memeval")


@pytest.mark.parametrize("path", compose.DOCKERFILES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_image_does_not_run_as_root(path: Path) -> None:
    """The last user of an image is a number other than 0, and the user of the compose file."""
    users = re.findall(r"^USER (\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    folder = path.parent.name
    name = {"deploy": "exporter", "collector": "otel-collector", "tempo": "tempo"}[folder]
    assert users[-1] == compose.services()[name]["user"] == "10001:10001"


def run(secrets: Path, command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command through the entry point, with no other variables in its environment."""
    return subprocess.run(
        ["sh", str(ENTRYPOINT), *command],
        env={"PATH": os.environ["PATH"], "MEMEVAL_SECRETS": str(secrets), **environment},
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip


def test_secret_in_a_file_becomes_a_variable(tmp_path: Path) -> None:
    """The variable has the complete content without the newline; the file's name is removed; other files are ignored."""
    secret = 'it\'s "quoted" $HOME `id` \\n'
    (tmp_path / "password").write_text(secret + "\n", encoding="utf-8")
    python = shutil.which("python3") or "python3"
    code = (
        "import os; print(os.environ['PGPASSWORD'], end=''); print(os.environ.get('PGPASSWORD_FILE'), os.environ['X_FILE'])"
    )
    done = run(tmp_path, [python, "-c", code], PGPASSWORD_FILE=f"{tmp_path}/password", X_FILE="/etc/hostname")
    assert done.stdout == f"{secret}None /etc/hostname\n"


def test_empty_file_sets_no_variable(tmp_path: Path) -> None:
    """The variable of an empty file stays unset: scenarios then use their local model server."""
    (tmp_path / "key").write_text("")
    done = run(tmp_path, ["env"], OPENAI_API_KEY_FILE=f"{tmp_path}/key")
    assert "OPENAI_API_KEY" not in done.stdout


def test_missing_file_is_reported_before_the_command_runs(tmp_path: Path) -> None:
    """The error names the variable and the remedy, and the command does not run."""
    done = run(tmp_path, ["echo", "ran"], PGPASSWORD_FILE=f"{tmp_path}/password")
    assert (done.returncode, done.stdout) == (2, "")
    assert "PGPASSWORD_FILE" in done.stderr
    assert "deploy/secrets/make.sh" in done.stderr


def test_exit_status_is_that_of_the_command(tmp_path: Path) -> None:
    """A verdict that fails the run ends the container with status 1."""
    assert run(tmp_path, ["sh", "-c", "exit 1"]).returncode == 1
