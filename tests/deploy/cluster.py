"""``deploy/kubernetes`` as a cluster would be given it: built by kubectl's own kustomize."""

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
            # The kubectl of Debian 12 has a kustomize of 2019, where a folder is a base and not yet a resource.
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
    """All objects, or those of a kind; not to be changed."""
    found = [one for one in _built() if kind in (None, one["kind"])]
    assert found, kind
    return found


def named(kind: str, name: str) -> Object:
    """The one object of that kind and name."""
    (found,) = (one for one in objects(kind) if one["metadata"]["name"] == name)
    return found


def pods() -> Iterator[tuple[str, Object]]:
    """The templates of all pods, by the name of what makes them."""
    for one in objects():
        if one["kind"] == "Deployment":
            yield one["metadata"]["name"], one["spec"]["template"]
        if one["kind"] == "CronJob":
            yield one["metadata"]["name"], one["spec"]["jobTemplate"]["spec"]["template"]


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector, or the plain labels of a Service's, match."""
    plain = (
        selector if "matchLabels" not in selector and "matchExpressions" not in selector else selector.get("matchLabels", {})
    )
    if any(labels.get(name) != value for name, value in plain.items()):
        return False
    for one in selector.get("matchExpressions", ()):
        assert one["operator"] == "In"
        if labels.get(one["key"]) not in one["values"]:
            return False
    return True


def selected(selector: Mapping[str, Any]) -> list[str]:
    """The pods that match, by the name of what makes them."""
    return [name for name, one in pods() if selects(selector, one["metadata"]["labels"])]
