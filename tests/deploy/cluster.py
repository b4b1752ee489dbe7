"""Build the objects of ``deploy/kubernetes`` with kubectl's own kustomize, as for a cluster."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.shipped import DEPLOY
from tests.servers.binaries import program

Object = dict[str, Any]


@functools.cache
def _built() -> list[Object]:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "deploy")
        shutil.copytree(DEPLOY, copy, ignore=shutil.ignore_patterns("secrets"))
        done = _kustomize(copy / "kubernetes")
        if done.returncode and "must be a file" in done.stderr:
            # The kubectl of Debian 12 has a kustomize of 2019, which accepts a folder as a base only, not as a resource.
            file = copy / "kubernetes" / "kustomization.yaml"
            text = file.read_text(encoding="utf-8").replace("  - ../grafana\n", "")
            file.write_text(text.replace("resources:\n", "bases: [../grafana]\n\nresources:\n"), encoding="utf-8")
            done = _kustomize(copy / "kubernetes")
        assert done.returncode == 0, done.stderr
        return list(yaml.safe_load_all(done.stdout))


def _kustomize(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(program("kubectl")), "kustomize", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def objects(kind: str | None = None) -> list[Object]:
    """Return all objects, or those of a kind. The result is shared: do not change it."""
    found = [candidate for candidate in _built() if kind in (None, candidate["kind"])]
    assert found, kind
    return found


def named(kind: str, name: str) -> Object:
    """Return the only object of this kind and name."""
    (found,) = (candidate for candidate in objects(kind) if candidate["metadata"]["name"] == name)
    return found


def pods() -> Iterator[tuple[str, Object]]:
    """Yield the name of each workload that creates pods, and the template of its pods."""
    for workload in objects():
        if workload["kind"] == "Deployment":
            yield workload["metadata"]["name"], workload["spec"]["template"]
        if workload["kind"] == "CronJob":
            yield workload["metadata"]["name"], workload["spec"]["jobTemplate"]["spec"]["template"]


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Return whether labels match a label selector, or the plain labels of a Service's selector."""
    plain = (
        selector if "matchLabels" not in selector and "matchExpressions" not in selector else selector.get("matchLabels", {})
    )
    if any(labels.get(name) != value for name, value in plain.items()):
        return False
    for requirement in selector.get("matchExpressions", ()):
        assert requirement["operator"] == "In"
        if labels.get(requirement["key"]) not in requirement["values"]:
            return False
    return True


def selected(selector: Mapping[str, Any]) -> list[str]:
    """Return the names of the workloads whose pods match."""
    return [name for name, template in pods() if selects(selector, template["metadata"]["labels"])]
