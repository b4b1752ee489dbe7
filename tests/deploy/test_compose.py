"""The compose file is valid, pinned, on loopback, without privileges, and consistent with the files that it mounts."""

from __future__ import annotations

import copy
import json
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from tests.deploy import compose
from tests.deploy.shipped import DEPLOY

SERVICES = compose.services()
OWN_IMAGES = {"otel-memeval:0.1.0", "otel-memeval-collector:0.158.0", "otel-memeval-tempo:2.10.4"}


def test_file_follows_the_compose_specification() -> None:
    """The file is valid as shipped, and with all variables set that a user may set."""
    for environment in ({}, {"MEMEVAL_TARGETS": "/agent/a.py b", "MEMEVAL_AGENT": "/srv/agent", "AGENT_PACKAGES": "a==1 b"}):
        names = PyCompose.from_json(json.dumps(compose.compose(**environment))).service_names()
        assert sorted(names) == sorted(SERVICES)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("bogus", 1, "extension key `bogus`"),
        ("ports", ["nowhere:1:1"], "parsing host ip"),
        ("restart", "sometimes", "unknown variant `sometimes`"),
        ("volumes", ["$HOME:/b"], "invalid start character"),
    ],
)
def test_specification_check_refuses_bad_keys_and_values(key: str, value: object, expected: str) -> None:
    """The check refuses an unknown key, or a value that compose would refuse."""
    broken = copy.deepcopy(compose.compose())
    broken["services"]["exporter"][key] = value
    with pytest.raises(ValueError, match=expected):
        PyCompose.from_json(json.dumps(broken))


def test_every_image_is_pinned() -> None:
    """Every image has a version; built images have pinned bases and the version of the program in them."""
    images = {service["image"] for service in SERVICES.values()}
    images |= {base for file in compose.DOCKERFILES for base in compose.bases(file)}
    assert [image for image in images if not compose.is_pinned(image)] == []
    assert {service["image"] for service in SERVICES.values() if "build" in service} == OWN_IMAGES
    for folder in ("collector", "tempo"):
        version = compose.bases(DEPLOY / folder / "Dockerfile")[-1].partition(":")[2]
        assert any(image.endswith(f"{folder}:{version}") for image in OWN_IMAGES)


@pytest.mark.parametrize("image", ["postgres", "postgres:latest", "postgres:18", "grafana/grafana:main"])
def test_image_without_a_full_version_is_not_pinned(image: str) -> None:
    """An image without a tag, with a word or with a major version only is not pinned."""
    assert not compose.is_pinned(image)


@pytest.mark.parametrize("name", SERVICES)
def test_service_has_no_unneeded_privileges(name: str) -> None:
    """A service is not root and cannot become root, its file system is read-only, and its resources are limited."""
    service = SERVICES[name]
    assert int(service["user"].split(":")[0]) > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["restart"] == "unless-stopped"
    assert not {"privileged", "network_mode", "pid", "ipc", "cap_add", "devices"} & set(service)


@pytest.mark.parametrize("name", SERVICES)
def test_service_checks_its_own_health_without_a_shell(name: str) -> None:
    """The health check of a service runs a program without a shell, which some images lack, and asks the service itself."""
    test = SERVICES[name]["healthcheck"]["test"]
    assert test[0] == "CMD"
    assert "127.0.0.1" in " ".join(test)


def test_ports_are_those_of_the_readme_and_on_loopback() -> None:
    """The table names every service and every published port, and no port is open to the network."""
    table = compose.ports()
    assert sorted(table) == sorted(SERVICES)
    for name, service in SERVICES.items():
        for published in service.get("ports", []):
            host, outside, inside = published.split(":")
            assert host == "127.0.0.1"
            assert outside == inside
            assert int(inside) in table[name]
    assert "ports" not in SERVICES["postgres"]


def test_mounted_files_exist_and_are_read_only() -> None:
    """Mounted configuration exists and is read-only, and the configuration file of a program is among the mounted files."""
    for service in SERVICES.values():
        assert all(mount.split(":")[2:] == ["ro"] for mount in service.get("volumes", []) if mount.startswith("."))
        mounted = compose.mounts(service)
        assert [str(path) for path in mounted.values() if not path.exists()] == []
        for argument in service["command"] if isinstance(service.get("command"), list) else []:
            if "config" in argument:
                file = argument.split("=")[1]
                folder = next(path for path in mounted if file.startswith(path))
                assert (mounted[folder] / file[len(folder) :].lstrip("/")).is_file(), argument


def test_configured_addresses_are_services_at_ports_of_the_readme() -> None:
    """The targets of Prometheus, its Alertmanager and the exporter's OTLP endpoint are services at ports of the table."""
    prometheus = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text(encoding="utf-8"))
    static = [config for job in prometheus["scrape_configs"] for config in job["static_configs"]]
    addresses = [target for config in static for target in config["targets"]]
    addresses += prometheus["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    addresses.append(SERVICES["exporter"]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"].removeprefix("http://"))
    for address in addresses:
        host, port = address.split(":")
        assert int(port) in compose.ports()["prometheus" if host == "localhost" else host], address
    assert SERVICES["exporter"]["environment"]["PGHOST"] in SERVICES


def test_exporter_does_not_send_its_scraped_metrics() -> None:
    """The exporter is scraped, so it does not send its metrics over OTLP as well."""
    assert SERVICES["exporter"]["environment"]["OTEL_METRICS_EXPORTER"] == "none"
    assert "--web.enable-otlp-receiver" in SERVICES["prometheus"]["command"]  # for one-shot runs


def test_several_targets_become_several_arguments() -> None:
    """``MEMEVAL_TARGETS`` is split into arguments as in a shell."""
    exporter = compose.compose(MEMEVAL_TARGETS="/agent/a.py scenarios.team:other")["services"]["exporter"]
    assert compose.arguments(exporter)[:3] == ["/agent/a.py", "scenarios.team:other", "--every"]


def test_compose_file_contains_no_secret() -> None:
    """A password or key is given as the name of its file, and only to services that use it."""
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if any(word in variable for word in ("PASSWORD", "KEY", "TOKEN", "SECRET")):
                assert variable.endswith("_FILE"), (name, variable)
                assert value.removeprefix("/run/secrets/") in service["secrets"]


def make_secrets(folder: Path) -> dict[str, str]:
    script = folder / "make.sh"
    script.write_text((DEPLOY / "secrets" / "make.sh").read_text(encoding="utf-8"), encoding="utf-8")
    subprocess.run(["sh", str(script)], check=True, timeout=30)
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*_*")}


def test_secrets_are_created_once(tmp_path: Path) -> None:
    """All files that compose mounts are created, with random passwords; a second run changes none, also no key of a user."""
    first = make_secrets(tmp_path)
    mounted: dict[str, Any] = compose.compose()["secrets"]
    assert sorted(first) == sorted(mounted)
    assert {len(first["postgres_password"]), len(first["grafana_admin_password"])} == {48}
    assert first["postgres_password"] != first["grafana_admin_password"]
    assert first["openai_api_key"] == ""
    (tmp_path / "openai_api_key").write_text("sk-of-the-user", encoding="utf-8")
    assert make_secrets(tmp_path) == {**first, "openai_api_key": "sk-of-the-user"}


def test_folder_of_secrets_is_closed_and_its_files_are_readable(tmp_path: Path) -> None:
    """Only the owner can enter the folder; in a container, whose user is another one, the files can be read."""
    make_secrets(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    for path in tmp_path.glob("*_*"):
        assert path.stat().st_mode & stat.S_IROTH


def test_secrets_are_neither_committed_nor_packed(tmp_path: Path) -> None:
    """Git and hatch, which read the same ignore file, exclude secrets and include the script that creates them."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True, timeout=30)
    shutil.copy(compose.ROOT / ".gitignore", tmp_path)
    secrets = tmp_path / "deploy" / "secrets"
    secrets.mkdir(parents=True)
    make_secrets(secrets)
    (tmp_path / "deploy" / ".env").write_text("MEMEVAL_TARGETS=/agent/a.py", encoding="utf-8")
    status = subprocess.run(
        ["git", "-C", str(tmp_path), "status", "--porcelain", "--untracked-files=all"],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert [line.split()[-1] for line in status.stdout.splitlines()] == [".gitignore", "deploy/secrets/make.sh"]
    assert list((compose.ROOT / "deploy").rglob(".gitignore")) == []
