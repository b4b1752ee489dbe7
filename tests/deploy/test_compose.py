"""``deploy/compose.yaml``: valid, pinned, on loopback, without rights, and of one mind with what it mounts."""

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

from tests.deploy import stack
from tests.deploy.shipped import DEPLOY

EVERY = stack.services()
OWN_IMAGES = {"otel-memeval:0.1.0", "otel-memeval-collector:0.158.0", "otel-memeval-tempo:2.10.4"}


def test_the_file_follows_the_compose_specification() -> None:
    """As it is, and with everything set that a user may set."""
    for environment in ({}, {"MEMEVAL_TARGETS": "/agent/a.py b", "MEMEVAL_AGENT": "/srv/agent", "AGENT_PACKAGES": "a==1 b"}):
        names = PyCompose.from_json(json.dumps(stack.compose(**environment))).service_names()
        assert sorted(names) == sorted(EVERY)


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        ("bogus", 1, "extension key `bogus`"),
        ("ports", ["nowhere:1:1"], "parsing host ip"),
        ("restart", "sometimes", "unknown variant `sometimes`"),
        ("volumes", ["$HOME:/b"], "invalid start character"),
    ],
)
def test_what_does_not_follow_it_would_be_found(place: str, value: object, expected: str) -> None:
    """An unknown key, or a value that compose would refuse."""
    broken = copy.deepcopy(stack.compose())
    broken["services"]["exporter"][place] = value
    with pytest.raises(ValueError, match=expected):
        PyCompose.from_json(json.dumps(broken))


def test_every_image_is_pinned() -> None:
    """By version; one that is built here is built from pinned ones, and is called by the version of what is in it."""
    images = {one["image"] for one in EVERY.values()}
    images |= {base for file in stack.DOCKERFILES for base in stack.bases(file)}
    assert [image for image in images if not stack.is_pinned(image)] == []
    assert {one["image"] for one in EVERY.values() if "build" in one} == OWN_IMAGES
    for folder in ("collector", "tempo"):
        version = stack.bases(DEPLOY / folder / "Dockerfile")[-1].partition(":")[2]
        assert any(one.endswith(f"{folder}:{version}") for one in OWN_IMAGES)


@pytest.mark.parametrize("image", ["postgres", "postgres:latest", "postgres:18", "grafana/grafana:main"])
def test_an_image_that_moves_is_not_pinned(image: str) -> None:
    """Neither without a tag, nor with a word or a major version alone."""
    assert not stack.is_pinned(image)


@pytest.mark.parametrize("name", EVERY)
def test_a_service_has_no_rights_that_it_does_not_need(name: str) -> None:
    """It is not root and cannot become it, its image stays as it is, and it cannot use the machine up."""
    one = EVERY[name]
    assert int(one["user"].split(":")[0]) > 0
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert set(one["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert one["restart"] == "unless-stopped"
    assert not {"privileged", "network_mode", "pid", "ipc", "cap_add", "devices"} & set(one)


@pytest.mark.parametrize("name", EVERY)
def test_a_service_tells_whether_it_is_healthy(name: str) -> None:
    """By a program and not through a shell, which some images do not have; of itself, not of another."""
    test = EVERY[name]["healthcheck"]["test"]
    assert test[0] == "CMD"
    assert "127.0.0.1" in " ".join(test)


def test_ports_are_those_of_the_readme_and_on_loopback() -> None:
    """Every published port is in the table, the table names every service, and none is open to the network."""
    table = stack.ports()
    assert sorted(table) == sorted(EVERY)
    for name, one in EVERY.items():
        for published in one.get("ports", []):
            host, outside, inside = published.split(":")
            assert host == "127.0.0.1"
            assert outside == inside
            assert int(inside) in table[name]
    assert "ports" not in EVERY["postgres"]


def test_what_is_mounted_is_there() -> None:
    """Configuration comes from this repository, read-only, and a program's configuration file lies in what it sees."""
    for one in EVERY.values():
        assert all(mount.split(":")[2:] == ["ro"] for mount in one.get("volumes", []) if mount.startswith("."))
        seen = stack.mounts(one)
        assert [str(path) for path in seen.values() if not path.exists()] == []
        for argument in one["command"] if isinstance(one.get("command"), list) else []:
            if "config" in argument:
                place = argument.split("=")[1]
                mounted = next(path for path in seen if place.startswith(path))
                assert (seen[mounted] / place[len(mounted) :].lstrip("/")).is_file(), argument


def test_services_are_called_by_their_names() -> None:
    """What Prometheus scrapes, where alerts go and where the exporter sends are services, at ports of the table."""
    prometheus = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text(encoding="utf-8"))
    named = [target for job in prometheus["scrape_configs"] for one in job["static_configs"] for target in one["targets"]]
    named += prometheus["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    named.append(EVERY["exporter"]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"].removeprefix("http://"))
    for place in named:
        host, port = place.split(":")
        assert int(port) in stack.ports()["prometheus" if host == "localhost" else host], place
    assert EVERY["exporter"]["environment"]["PGHOST"] in EVERY


def test_an_eval_is_there_once() -> None:
    """The exporter is scraped, so it does not send its metrics as well."""
    assert EVERY["exporter"]["environment"]["OTEL_METRICS_EXPORTER"] == "none"
    assert "--web.enable-otlp-receiver" in EVERY["prometheus"]["command"]  # for one-shot runs


def test_several_targets_are_several_arguments() -> None:
    """``MEMEVAL_TARGETS`` is split as a shell would."""
    one = stack.compose(MEMEVAL_TARGETS="/agent/a.py scenarios.team:other")["services"]["exporter"]
    assert stack.arguments(one)[:3] == ["/agent/a.py", "scenarios.team:other", "--every"]


def test_no_secret_stands_in_the_file() -> None:
    """A password or key is named by the file that it is in, and only a service that names one gets it."""
    for name, one in EVERY.items():
        for variable, value in one.get("environment", {}).items():
            if any(word in variable for word in ("PASSWORD", "KEY", "TOKEN", "SECRET")):
                assert variable.endswith("_FILE"), (name, variable)
                assert value.removeprefix("/run/secrets/") in one["secrets"]


def make_secrets(folder: Path) -> dict[str, str]:
    script = folder / "make.sh"
    script.write_text((DEPLOY / "secrets" / "make.sh").read_text(encoding="utf-8"), encoding="utf-8")
    subprocess.run(["sh", str(script)], check=True, timeout=30)
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*_*")}


def test_secrets_are_made_once(tmp_path: Path) -> None:
    """All files that compose mounts, passwords at random; a second time nothing changes, not even a key put in by hand."""
    first = make_secrets(tmp_path)
    wanted: dict[str, Any] = stack.compose()["secrets"]
    assert sorted(first) == sorted(wanted)
    assert {len(first["postgres_password"]), len(first["grafana_admin_password"])} == {48}
    assert first["postgres_password"] != first["grafana_admin_password"]
    assert first["openai_api_key"] == ""
    (tmp_path / "openai_api_key").write_text("sk-put-in-by-hand", encoding="utf-8")
    assert make_secrets(tmp_path) == {**first, "openai_api_key": "sk-put-in-by-hand"}


def test_secrets_are_the_owners_and_the_containers(tmp_path: Path) -> None:
    """Nobody else enters their folder; in a container, where the user is another one, the files can be read."""
    make_secrets(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    for path in tmp_path.glob("*_*"):
        assert path.stat().st_mode & stat.S_IROTH


def test_secrets_are_neither_committed_nor_packed(tmp_path: Path) -> None:
    """Git and hatch, which read one file at the top, leave them out; the script that makes them stays."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True, timeout=30)
    shutil.copy(stack.ROOT / ".gitignore", tmp_path)
    secrets = tmp_path / "deploy" / "secrets"
    secrets.mkdir(parents=True)
    make_secrets(secrets)
    (tmp_path / "deploy" / ".env").write_text("MEMEVAL_TARGETS=/agent/a.py", encoding="utf-8")
    seen = subprocess.run(
        ["git", "-C", str(tmp_path), "status", "--porcelain", "--untracked-files=all"],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert [line.split()[-1] for line in seen.stdout.splitlines()] == [".gitignore", "deploy/secrets/make.sh"]
    assert list((stack.ROOT / "deploy").rglob(".gitignore")) == []
