"""What ``deploy/`` starts, as tests read it: the compose file, Dockerfiles, the table of ports in the README."""

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
    """``${NAME:-default}`` as compose reads it. ``AssertionError`` for forms that are not known here."""
    made = _VARIABLE.sub(lambda found: environment.get(found[1]) or found[2], text)
    assert "$" not in made.replace("$$", ""), f"cannot read a variable of {made[made.index('$') :][:40]!r}"
    return made


def compose(**environment: str) -> dict[str, Any]:
    """The compose file, with the user's variables."""
    made: dict[str, Any] = yaml.safe_load(interpolated(COMPOSE.read_text(encoding="utf-8"), environment))
    return made


def services() -> dict[str, dict[str, Any]]:
    """The services by name."""
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def arguments(service: Mapping[str, Any]) -> list[str]:
    """A service's command, which may be one string."""
    command = service["command"]
    return shlex.split(command) if isinstance(command, str) else list(command)


def mounts(service: Mapping[str, Any]) -> dict[str, Path]:
    """Folders and files of ``deploy/`` that a service sees, by their place in the container."""
    parts = [one.split(":") for one in service.get("volumes", [])]
    return {part[1]: DEPLOY / part[0] for part in parts if part[0].startswith(".")}


def named_volumes(service: Mapping[str, Any]) -> dict[str, str]:
    """Places in the container that outlive it, by the volume's name."""
    parts = [one.split(":") for one in service.get("volumes", [])]
    return {part[0]: part[1] for part in parts if not part[0].startswith((".", "$", "/"))}


def is_pinned(image: str) -> bool:
    """Whether an image is named with a version of at least two numbers."""
    return _TAG.fullmatch(image) is not None


def bases(dockerfile: Path) -> list[str]:
    """The images that a Dockerfile starts from."""
    return re.findall(r"^FROM (\S+)", dockerfile.read_text(encoding="utf-8"), re.MULTILINE)


def ports() -> dict[str, list[int]]:
    """The README's table: the ports of each service, in its order."""
    rows = re.findall(r"^\| `([a-z-]+)` \| ([^|]*) \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: [int(port) for port in re.findall(r"\b\d{4,5}\b", cell)] for name, cell in rows}
