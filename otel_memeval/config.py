"""The caller's surroundings: the only place that reads the environment and the current folder."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping

import msgspec

from otel_memeval.records import Git
from otel_memeval.redact import secrets_in


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a run takes from its surroundings."""

    environment: Mapping[str, str]
    folder: str
    """Where the caller works: modules are found from here, and paths are shown relative to it."""
    secrets: tuple[str, ...] = ()
    """Values of the environment that must not be reported."""
    git: Git | None = None


def from_process() -> Settings:
    """The settings of this process."""
    environment = dict(os.environ)
    folder = os.getcwd()
    return Settings(environment=environment, folder=folder, secrets=secrets_in(environment), git=_git(folder))


def _git(folder: str) -> Git | None:
    """The checkout around ``folder``; None outside of one, or without git."""
    try:
        said = subprocess.run(
            ["git", "--no-optional-locks", "-C", folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=5,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if said.returncode != 0:
        return None
    lines = said.stdout.splitlines()
    heads = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# branch.") and " " in line[2:])
    commit = heads.get("branch.oid", "")
    if not commit or commit == "(initial)":
        return None
    return Git(commit=commit, branch=heads.get("branch.head", ""), dirty=any(not line.startswith("#") for line in lines))
