"""``deploy/configure.sh`` writes settings into the files that need them; ``deploy/start.sh`` checks for Docker first."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.deploy.shipped import DEPLOY
from tests.servers.alertmanager import amtool

SETTINGS = {
    "RUNBOOK_URL": "https://wiki.example.net/x&y/run.book-1.md?page=a",
    "ALERT_WEBHOOK_URL": "https://chat.example.net/hooks/a.b?key=c&d=2",
    "IMAGE": "registry.example.net:5000/agents/memeval:1.2-rc.1",
}
SHIPPED_RUNBOOK = "https://example.org/otel_memeval/deploy/runbook.md"


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    """Return a copy of ``deploy/`` beside the package, as in a clone."""
    shutil.copytree(DEPLOY, tmp_path / "deploy", ignore=shutil.ignore_patterns("*_password", "openai_api_key", ".env"))
    (tmp_path / "otel_memeval").symlink_to(DEPLOY.parent / "otel_memeval")
    return tmp_path / "deploy"


def configure(deploy: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Replace settings in the copy, and run its script."""
    path = deploy / "settings.conf"
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.partition("=")[0] not in settings]
    path.write_text("\n".join([*lines, *(f"{name}={value}" for name, value in settings.items())]) + "\n", encoding="utf-8")
    return run(deploy / "configure.sh")


def run(script: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run(["sh", str(script)], env=environment, capture_output=True, text=True, check=False, timeout=60)


def contents(deploy: Path) -> dict[Path, str]:
    return {path: path.read_text(encoding="utf-8") for path in deploy.rglob("*") if path.is_file() and path.suffix != ".pyc"}


def test_settings_as_shipped_change_no_file(deploy: Path) -> None:
    """The files as shipped have the values of ``settings.conf`` as shipped."""
    before = contents(deploy)
    done = configure(deploy)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert contents(deploy) == before


def test_settings_are_in_every_file_that_needs_them(deploy: Path) -> None:
    """No shipped address remains; the receiver, both images, and all generated files have the settings; twice is once."""
    done = configure(deploy, **SETTINGS)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 14
    after = contents(deploy)
    assert [path for path, text in after.items() if SHIPPED_RUNBOOK in text] == []
    assert after[deploy / "prometheus" / "rules" / "memeval-alerts.yaml"].count(SETTINGS["RUNBOOK_URL"] + "#memeval") == 19
    alertmanager = yaml.safe_load(after[deploy / "alertmanager" / "alertmanager.yaml"])
    assert alertmanager["receivers"] == [
        {"name": "people", "webhook_configs": [{"url": SETTINGS["ALERT_WEBHOOK_URL"]}]},
        {"name": "nobody"},
    ]
    assert amtool("check-config", str(deploy / "alertmanager" / "alertmanager.yaml")).returncode == 0
    services = yaml.safe_load(after[deploy / "compose.yaml"])["services"]
    assert [name for name, service in services.items() if service["image"] == SETTINGS["IMAGE"]] == ["exporter"]
    images = yaml.safe_load(after[deploy / "kubernetes" / "kustomization.yaml"])["images"]
    name, _, tag = SETTINGS["IMAGE"].rpartition(":")
    pushgateway = {"name": "prom/pushgateway", "newTag": services["pushgateway"]["image"].rpartition(":")[2]}
    assert images == [{"name": "otel-memeval", "newName": name, "newTag": tag}, pushgateway]
    again = run(deploy / "configure.sh")
    assert (again.returncode, again.stdout) == (0, "")
    if sys.version_info >= (3, 11):  # which grafana-foundation-sdk needs
        command = [sys.executable, "-m", "deploy.grafana.build", "--check"]
        fresh = subprocess.run(command, cwd=deploy.parent, capture_output=True, text=True, check=False, timeout=120)
        assert (fresh.returncode, fresh.stdout) == (0, ""), fresh.stderr
    assert configure(deploy, RUNBOOK_URL=SHIPPED_RUNBOOK, ALERT_WEBHOOK_URL="", IMAGE="otel-memeval:0.1.0").returncode == 0
    assert {
        path.name for path, text in contents(deploy).items() if text != (DEPLOY / path.relative_to(deploy)).read_text()
    } == {"settings.conf"}


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("RUNBOOK_URL", "", "is not an address"),
        ("RUNBOOK_URL", "wiki/runbook.md", "is not an address"),
        ("RUNBOOK_URL", "https://a/b c", "is not an address"),
        ("RUNBOOK_URL", 'https://a/"b', "is not an address"),
        ("RUNBOOK_URL", "https://a/b#c", "contains #"),
        ("ALERT_WEBHOOK_URL", "mailto:me", "ALERT_WEBHOOK_URL is not an address"),
        ("IMAGE", "otel-memeval", "has no version"),
        ("IMAGE", "registry:5000/otel-memeval", "has no version"),
    ],
)
def test_unusable_setting_is_refused_before_any_change(deploy: Path, name: str, value: str, problem: str) -> None:
    """A setting without a usable form is one line and status 2, and no file is changed."""
    done = configure(deploy, **{**SETTINGS, name: value})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("configure.sh: settings.conf: ")
    assert problem in done.stderr
    assert done.stderr.count("\n") == 1
    unchanged = contents(deploy)
    del unchanged[deploy / "settings.conf"]
    assert [path for path, text in unchanged.items() if text != (DEPLOY / path.relative_to(deploy)).read_text()] == []


FAKE_DOCKER = """#!/bin/sh
echo "$*" >>"$0.calls"
case "$1 $2" in
    'compose version') {version} ;;
    'info ') {info} ;;
esac
"""


@pytest.mark.parametrize(
    ("version", "info", "problem"),
    [
        (None, "", "`docker compose` is not here; install Docker with Compose 2.20 or later"),
        ("exit 125", "", "`docker compose` is not here; install Docker with Compose 2.20 or later"),
        ("echo 2.19.1", "", "`docker compose` has version 2.19.1, which is too old; install Docker with Compose 2.20"),
        ("echo v2.20.3", "exit 1", "no Docker engine answers"),
        ("echo 2.20.3", "", ""),
        ("echo v2.39.1-desktop.1", "", ""),
        ("echo 5.0.0", "", ""),
    ],
)
def test_start_checks_for_docker_before_it_changes_anything(
    deploy: Path, tmp_path: Path, version: str | None, info: str, problem: str
) -> None:
    """Without a usable ``docker compose`` the script ends with one line and status 2, and creates nothing."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in ("sh", "dirname", "sed", "grep", "cmp", "rm", "cat", "tail", "head", "chmod", "od", "tr", "mv"):
        found = shutil.which(program)
        assert found
        (programs / program).symlink_to(found)
    docker = programs / "docker"
    if version is not None:
        docker.write_text(FAKE_DOCKER.format(version=version, info=info or ":"), encoding="utf-8")
        docker.chmod(0o755)
    done = run(deploy / "start.sh", PATH=str(programs))
    if problem:
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"start.sh: {problem}")
        assert done.stderr.count("\n") == 1
        assert not (deploy / "secrets" / "postgres_password").exists()
    else:
        assert (done.returncode, done.stderr) == (0, "")
        calls = docker.with_name("docker.calls").read_text(encoding="utf-8").splitlines()
        assert calls[-1] == "compose up --build --detach --wait"
        assert "http://127.0.0.1:3000" in done.stdout
