"""Read the compose file, the Dockerfiles, and the table of ports in the README."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.shipped import DEPLOY

ROOT = DEPLOY.parent
COMPOSE = DEPLOY / "compose.yaml"
README = DEPLOY / "README.md"
DOCKERFILES = sorted(DEPLOY.rglob("Dockerfile"))

_VARIABLE = re.compile(r"\$\{([A-Z_]+):-([^}]*)\}")
_TAG = re.compile(r"[a-z0-9./-]+:v?\d+\.\d+[\w.-]*")


def interpolated(text: str, environment: Mapping[str, str]) -> str:
    """Replace ``${NAME:-default}`` as compose does. Raises ``AssertionError`` for other forms of variables."""
    replaced = _VARIABLE.sub(lambda found: environment.get(found[1]) or found[2], text)
    assert "$" not in replaced.replace("$$", ""), f"cannot read a variable of {replaced[replaced.index('$') :][:40]!r}"
    return replaced


def compose(**environment: str) -> dict[str, Any]:
    """Return the compose file with the user's variables filled in."""
    content: dict[str, Any] = yaml.safe_load(interpolated(COMPOSE.read_text(encoding="utf-8"), environment))
    return content


def services() -> dict[str, dict[str, Any]]:
    """Return the services by name."""
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def arguments(service: Mapping[str, Any]) -> list[str]:
    """Return the arguments of a service's command, which may be a string."""
    command = service["command"]
    return shlex.split(command) if isinstance(command, str) else list(command)


def mounts(service: Mapping[str, Any]) -> dict[str, Path]:
    """Return the mounted folders and files of ``deploy/`` by their path in the container."""
    parts = [mount.split(":") for mount in service.get("volumes", [])]
    return {part[1]: DEPLOY / part[0] for part in parts if part[0].startswith(".")}


def named_volumes(service: Mapping[str, Any]) -> dict[str, str]:
    """Return the paths of named volumes in the container, by the name of the volume."""
    parts = [mount.split(":") for mount in service.get("volumes", [])]
    return {part[0]: part[1] for part in parts if not part[0].startswith((".", "$", "/"))}


def is_pinned(image: str) -> bool:
    """Return whether the name of an image has a version of at least two numbers."""
    return _TAG.fullmatch(image) is not None


def bases(dockerfile: Path) -> list[str]:
    """Return the images that a Dockerfile is based on."""
    return re.findall(r"^FROM (\S+)", dockerfile.read_text(encoding="utf-8"), re.MULTILINE)


def ports() -> dict[str, list[int]]:
    """Return the ports of each service from the table in the README, in its order."""
    rows = re.findall(r"^\| `([a-z-]+)` \| ([^|]*) \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: [int(port) for port in re.findall(r"\b\d{4,5}\b", cell)] for name, cell in rows}
