"""Read the environment, the current folder and the checkout; no other module reads them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from otel_memeval.errors import UsageError
from otel_memeval.records import Git
from otel_memeval.redact import longest_first, secrets_in
from otel_memeval.tracing.ids import Parent, parse_traceparent
from otel_memeval.wire import ContentCapture

_CAPTURE_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_CAPTURE_VALUES: Mapping[str, ContentCapture] = {
    "true": "both",
    "span_only": "spans",
    "event_only": "events",
    "span_and_event": "both",
}
"""Values of OpenTelemetry's GenAI instrumentations, in any case; ``true`` is the older form. Any other value, ``1`` too,
captures nothing."""


class ProjectSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """The table ``[tool.otel-memeval]`` of the project's ``pyproject.toml``.

    All fields but ``ignore`` are defaults of the option of the same name; None: not given. Paths are absolute.
    """

    ignore: list[dict[str, str]] = []
    """Rules for growth that is not judged."""
    iterations: int | None = None
    warmup: int | None = None
    max_iterations: int | None = None
    timeout: str | float | None = None
    python: str | None = None
    compare_python: str | None = None
    keep_going: bool | None = None
    no_follow_up: bool | None = None
    follow_up_budget: str | float | None = None
    explain: bool | None = None
    max_growth: str | int | None = None
    max_peak_growth: str | int | None = None
    fail_on: str | list[str] | None = None
    json: str | None = None
    junit: str | None = None
    markdown: str | None = None
    sarif: str | None = None
    code_quality: str | None = None
    html: str | None = None
    pprof: str | None = None
    output_format: str | None = None
    top: int | None = None
    plain: bool | None = None
    verbose: bool | None = None
    quiet: bool | None = None
    events: str | None = None
    trace_scenario: bool | None = None
    pushgateway: str | None = None
    textfile: str | None = None
    expected_every: str | float | None = None
    ray: str | None = None
    pass_env: list[str] | None = None
    resources: dict[str, float | str] = {}
    """Resources that each eval asks of its node with ``--ray``, unless it names its own."""
    history: str | None = None
    baseline: str | None = None

    def defaults(self) -> dict[str, object]:
        """Return the defaults of options by the option's name, such as ``max-growth``."""
        found = {name: getattr(self, field) for name, field in zip(self.__struct_encode_fields__, self.__struct_fields__)}
        return {name: value for name, value in found.items() if value is not None and name not in ("ignore", "resources")}


_PATHS = (
    "compare_python",
    "json",
    "junit",
    "markdown",
    "sarif",
    "code_quality",
    "html",
    "pprof",
    "python",
    "textfile",
    "history",
)
"""Settings that are paths, relative to the project's file."""


class _Tool(msgspec.Struct, frozen=True, rename={"settings": "otel-memeval"}):
    """The table ``[tool]``."""

    settings: ProjectSettings = ProjectSettings()


class _ProjectFile(msgspec.Struct, frozen=True):
    """A ``pyproject.toml``."""

    tool: _Tool = _Tool()


WAITING_RUNS = "history"
"""Name of the folder of runs that wait for a database; in a spool, this folder has no telemetry."""

_DETACHED = "(detached)"
"""Branch of a checkout of a commit, as git says it."""

PROJECT_TABLE = "[tool.otel-memeval] of pyproject.toml"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that a run takes from the environment and the current folder."""

    environment: Mapping[str, str]
    folder: str
    """Current folder: modules are found from here, and paths are shown relative to it."""
    secrets: tuple[str, ...] = ()
    """Values of the environment that must not leave the tool."""
    git: Git | None = None
    parent: Parent | None = None
    """The span that a run is a child of (``TRACEPARENT``)."""
    content_capture: ContentCapture = "none"
    """Spans and events of the scenario that may hold prompts and completions."""
    project: ProjectSettings = ProjectSettings()
    sdk_disabled: bool = False
    """``OTEL_SDK_DISABLED``: no spans are made, neither the scenario's nor the tool's."""


def from_process() -> Settings:
    """Return the settings of this process."""
    environment = dict(os.environ)
    folder = os.getcwd()
    return Settings(
        environment=environment,
        folder=folder,
        secrets=secrets_in(environment),
        git=_git(folder, environment),
        parent=parse_traceparent(environment.get("TRACEPARENT", "")),
        content_capture=_CAPTURE_VALUES.get(environment.get(_CAPTURE_VARIABLE, "").strip().lower(), "none"),
        sdk_disabled=environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true",
    )


def process_secrets() -> tuple[str, ...]:
    """Return the secrets in the environment of this process."""
    return secrets_in(os.environ)


def with_secrets(settings: Settings, secrets: Iterable[str]) -> Settings:
    """Return the settings with further secrets, such as a password that was read from a file."""
    return msgspec.structs.replace(settings, secrets=longest_first((*settings.secrets, *secrets)))


def for_measuring() -> Settings:
    """Return the settings of this process together with those of the project.

    The project is the nearest ``pyproject.toml`` from the current folder upwards. Raises ``UsageError`` if its table
    ``[tool.otel-memeval]`` is not usable.
    """
    settings = from_process()
    return msgspec.structs.replace(settings, project=project_settings(settings.folder))


def project_settings(folder: str) -> ProjectSettings:
    """Return the settings of the project around a folder. Raises ``UsageError`` as ``for_measuring``."""
    folders = (Path(folder), *Path(folder).parents)
    file = next((path for each in folders if os.path.isfile(path := each / "pyproject.toml")), None)
    return ProjectSettings() if file is None else _settings_in(file)


def _settings_in(file: Path) -> ProjectSettings:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8-sig"))
        settings = msgspec.convert(content, _ProjectFile).tool.settings
        paths = {name: value for name in _PATHS if (value := getattr(settings, name)) is not None}
        is_path = {name: (os.sep in value or name != "python") and "://" not in value for name, value in paths.items()}
        return msgspec.structs.replace(
            settings, **{name: str(file.parent / value) for name, value in paths.items() if is_path[name] and value != "-"}
        )
    except OSError:  # not readable: its table cannot be meant for this user
        return ProjectSettings()
    except msgspec.ValidationError as error:
        remedy = 'the table can hold ignore = [{ site = ..., reason = ... }] and options, such as max-growth = "16KiB"'
        raise UsageError(f"{file}: [tool.otel-memeval]: {error}", remedy) from None
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML, or nested too deep
        raise UsageError(f"{file}: {error}", "correct the file") from None


def spool_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder of undelivered telemetry: ``MEMEVAL_SPOOL``, else one below the user's state folder."""
    return Path(environment["MEMEVAL_SPOOL"]) if environment.get("MEMEVAL_SPOOL") else state_folder(environment) / "spool"


def waiting_runs_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder of runs that wait for a database: beside the undelivered telemetry."""
    spool = environment.get("MEMEVAL_SPOOL")
    return (Path(spool) if spool else state_folder(environment)) / WAITING_RUNS


def state_folder(environment: Mapping[str, str]) -> Path:
    """Return this tool's folder below the user's state folder.

    https://specifications.freedesktop.org/basedir-spec/latest/: a path there that is not absolute is ignored.
    """
    state = environment.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):
        local = environment.get("LOCALAPPDATA") if os.name == "nt" else None
        state = local or os.path.join(os.path.expanduser("~"), ".local", "state")
    return Path(state, "otel-memeval")


def git_remote(folder: str) -> str:
    """Return the address of the checkout's remote ``origin``; empty if there is none."""
    return _output_of(["git", "-C", folder, "config", "--get", "remote.origin.url"]) or ""


def git_root(folder: str) -> str:
    """Return the folder of the checkout around ``folder``; empty outside of one, or without git."""
    return _output_of(["git", "-C", folder, "rev-parse", "--show-toplevel"]) or ""


def _git(folder: str, environment: Mapping[str, str]) -> Git | None:
    """Return the checkout around ``folder``; None outside of one, or without git.

    The checkout of a build job is of a commit, and of no branch: the job has the branch in its variables.
    """
    output = _output_of(
        ["git", "--no-optional-locks", "-C", folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    )
    if output is None:
        return None
    lines = output.splitlines()
    heads = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# branch.") and " " in line[2:])
    commit = heads.get("branch.oid", "")
    if not commit or commit == "(initial)":
        return None
    branch = heads.get("branch.head", "")
    if branch == _DETACHED:
        branch = _branch_of_job(environment) or branch
    return Git(commit=commit, branch=branch, dirty=any(not line.startswith("#") for line in lines))


def _branch_of_job(environment: Mapping[str, str]) -> str:
    """Return the branch that a build job is for; empty outside of one, and for a tag.

    https://docs.github.com/en/actions/reference/workflows-and-actions/variables: ``GITHUB_HEAD_REF`` is set for pull
    requests. https://docs.gitlab.com/ci/variables/predefined_variables/.
    """
    if environment.get("GITHUB_ACTIONS") == "true":
        is_branch = environment.get("GITHUB_REF_TYPE") == "branch"
        return environment.get("GITHUB_HEAD_REF") or (environment.get("GITHUB_REF_NAME", "") if is_branch else "")
    if environment.get("GITLAB_CI") == "true" and not environment.get("CI_COMMIT_TAG"):
        return environment.get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME") or environment.get("CI_COMMIT_REF_NAME", "")
    return ""


def main_branch(folder: str) -> str:
    """Return the main branch of the checkout: that of ``origin``, else ``main`` or ``master``; empty if there is none."""
    head = _output_of(["git", "-C", folder, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD"])
    if head:
        return head.removeprefix("origin/")
    for name in ("main", "master"):
        for place in ("heads", "remotes/origin"):
            if _output_of(["git", "-C", folder, "rev-parse", "--verify", "--quiet", f"refs/{place}/{name}"]):
                return name
    return ""


def commit_of(folder: str, reference: str) -> str:
    """Return the whole commit that a git ref names; empty if it names none."""
    return (
        _output_of(["git", "-C", folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}"])
        or ""
    )


def _output_of(command: list[str]) -> str | None:
    """Return the output of a program; None if it is not installed, fails or hangs."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=5, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
