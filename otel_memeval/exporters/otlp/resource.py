"""Describe the sender as a resource: service, checkout, CI system, host and process."""

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
"""Namespace of ids of service instances: https://opentelemetry.io/docs/specs/semconv/registry/attributes/service/"""

_CHANGE_WITH_EVERY_RUN = frozenset(
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


def resource_attributes(settings: Settings) -> dict[str, AnyValue]:
    """Return the attributes of the resource; ``OTEL_RESOURCE_ATTRIBUTES`` and ``OTEL_SERVICE_NAME`` override the others."""
    found = {**_checkout(settings), **ci.ci_attributes(settings.environment)}
    host = socket.gethostname()
    attributes: dict[str, AnyValue] = {
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
    return dict(Resource.create({**attributes, **named_attributes(settings.environment)}).attributes)


def named_attributes(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the attributes that the variables name: ``key=value,key=value``, percent-encoded; other parts are left out."""
    found = {}
    for part in environment.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        key, equals, value = part.partition("=")
        if equals and key.strip():
            found[unquote(key.strip())] = unquote(value.strip())
    service = environment.get("OTEL_SERVICE_NAME", "").strip()
    return {**found, "service.name": service} if service else found


_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "i386": "x86", "i686": "x86"}


def instance_id(found: Mapping[str, str], host: str, folder: str) -> str:
    """Return one id for all runs of a checkout on a host, or of a job of a pipeline: runs must not make new series."""
    repository = found.get(ci.REPOSITORY) or folder
    pipeline = found.get(ci.PIPELINE)
    parts = (repository, pipeline, found.get(ci.TASK, "")) if pipeline else (repository, host)
    return str(uuid.uuid5(_NAMESPACE, "|".join(parts)))


def stable_attributes(attributes: Mapping[str, object]) -> dict[str, object]:
    """Return the attributes that do not change from run to run, for metrics: a change would make new series."""
    return {name: value for name, value in attributes.items() if name not in _CHANGE_WITH_EVERY_RUN}


def _checkout(settings: Settings) -> dict[str, str]:
    if settings.git is None:
        return {}
    branch = settings.git.branch
    found = {ci.REVISION: settings.git.commit, **ci.repository(git_remote(settings.folder))}
    if branch and branch != "(detached)":
        found |= {ci.HEAD: branch, ci.HEAD_TYPE: "branch"}
    return found
