"""Who sends: the service, its checkout, the CI system, the host and the process."""

from __future__ import annotations

import os
import platform
import socket
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from opentelemetry.sdk.resources import Resource
from opentelemetry.util.types import AnyValue

from otel_memeval.config import Settings, git_remote
from otel_memeval.exporters.otlp import ci
from otel_memeval.version import __version__

SERVICE_NAME = "otel_memeval"
_NAMESPACE = uuid.UUID("4d63009a-8d0f-11ee-aad7-4c796ed8e320")
"""Of ids of service instances: https://opentelemetry.io/docs/specs/semconv/registry/attributes/service/"""

_OF_ONE_RUN = frozenset(
    {
        "process.pid",
        ci.PIPELINE_RUN,
        ci.PIPELINE_URL,
        ci.TASK_RUN,
        ci.TASK_URL,
        ci.WORKER,
        ci.REVISION,
        ci.HEAD,
        ci.BASE,
        ci.CHANGE,
    }
)


def resource_values(settings: Settings) -> dict[str, AnyValue]:
    """The resource's attributes. What ``OTEL_RESOURCE_ATTRIBUTES`` and ``OTEL_SERVICE_NAME`` say goes before all else."""
    found = {**_checkout(settings), **ci.attributes(settings.environment)}
    host = socket.gethostname()
    values: dict[str, AnyValue] = {
        "service.name": SERVICE_NAME,
        "service.version": __version__,
        "service.instance.id": instance_id(found, host, settings.folder),
        "host.name": host,
        "host.arch": _ARCHITECTURES.get(platform.machine().lower(), platform.machine().lower()),
        "os.type": {"win32": "windows"}.get(sys.platform, sys.platform),
        "process.pid": os.getpid(),
        "process.executable.name": Path(sys.executable).name,
        "process.runtime.name": sys.implementation.name,
        "process.runtime.version": platform.python_version(),
        **found,
    }
    return dict(Resource.create({**values, **named(settings.environment)}).attributes)


def named(environment: Mapping[str, str]) -> dict[str, str]:
    """What the variables say of the resource: ``key=value,key=value``, percent-encoded; what is none is left out."""
    found = {}
    for part in environment.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        key, equals, value = part.partition("=")
        if equals and key.strip():
            found[unquote(key.strip())] = unquote(value.strip())
    service = environment.get("OTEL_SERVICE_NAME", "").strip()
    return {**found, "service.name": service} if service else found


_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "i386": "x86", "i686": "x86"}


def instance_id(found: Mapping[str, str], host: str, folder: str) -> str:
    """The same for every run of one checkout on one host, or of one job of a pipeline: not a new series each time."""
    where = found.get(ci.REPOSITORY) or folder
    who = found.get(ci.PIPELINE)
    parts = (where, who, found.get(ci.TASK, "")) if who else (where, host)
    return str(uuid.uuid5(_NAMESPACE, "|".join(parts)))


def steady(values: Mapping[str, object]) -> dict[str, object]:
    """The attributes that do not change from run to run: those of metrics, each of which would else be a new series."""
    return {name: value for name, value in values.items() if name not in _OF_ONE_RUN}


def _checkout(settings: Settings) -> dict[str, str]:
    if settings.git is None:
        return {}
    branch = settings.git.branch
    found = {ci.REVISION: settings.git.commit, **ci.repository(git_remote(settings.folder))}
    if branch and branch != "(detached)":
        found |= {ci.HEAD: branch, ci.HEAD_TYPE: "branch"}
    return found
