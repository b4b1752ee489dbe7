"""The Kubernetes objects are valid, refer to each other correctly, and have no unneeded privileges."""

from __future__ import annotations

import copy
import re
from typing import Any

import kubernetes_validate
import pytest
import yaml

from deploy.kubernetes import build
from tests.deploy import cluster, compose
from tests.deploy.cluster import Object
from tests.deploy.shipped import DEPLOY, RULES, rules

OLDEST, NEWEST = "1.27", "1.37"
"""Supported versions of Kubernetes; from 1.27 on a CronJob may have a time zone."""

PODS = ["memeval-exporter", "memeval-nightly", "memeval-pushgateway"]


def check(checked: Object) -> None:
    """Raise an error if the API, or the Prometheus Operator, does not know the object or one of its fields."""
    if checked["apiVersion"] == "monitoring.coreos.com/v1":
        # Not at the top: its 5,000 classes take seconds to import, and lie in the heap that other tests read.
        from cloudcoil.models.prometheus_operator import v1 as operator

        model = getattr(operator, checked["kind"]).model_validate(checked)
        # The models are generated from the operator's definitions and drop unknown fields.
        known = model.model_dump(by_alias=True, exclude_none=True, mode="json")
        assert known == checked
    else:
        for version in (OLDEST, NEWEST):
            kubernetes_validate.validate(checked, version, strict=True)


def pod(name: str) -> Object:
    return dict(cluster.pods())[name]


def container(name: str) -> Object:
    (found,) = pod(name)["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def test_every_object_is_valid() -> None:
    """Every object is valid in the oldest and the newest supported Kubernetes, and by the operator's definitions."""
    for checked in cluster.objects():
        check(checked)


@pytest.mark.parametrize("kind", ["Deployment", "CronJob", "NetworkPolicy", "ServiceMonitor", "PrometheusRule"])
def test_check_refuses_an_unknown_field(kind: str) -> None:
    """The check above can fail: an unknown field is refused."""
    broken = copy.deepcopy(cluster.objects(kind)[0])
    broken["spec"]["bogus"] = 1
    with pytest.raises((AssertionError, kubernetes_validate.ValidationError)):
        check(broken)


def test_check_refuses_a_wrong_type() -> None:
    """The check refuses a monitor whose endpoints are not a list."""
    broken = copy.deepcopy(cluster.objects("ServiceMonitor")[0])
    broken["spec"]["endpoints"] = broken["spec"]["endpoints"][0]
    with pytest.raises(ValueError, match="endpoints"):
        check(broken)


def test_all_objects_exist_in_one_namespace() -> None:
    """The kustomization creates the objects of the README, all in one namespace."""
    names = [
        (created["kind"], re.sub(r"(?<=settings)-[0-9a-z]{10}$", "", created["metadata"]["name"]))
        for created in cluster.objects()
    ]
    assert sorted(names) == sorted([
        ("Namespace", "memeval"), ("ServiceAccount", "memeval"),
        ("Deployment", "memeval-exporter"), ("Service", "memeval-exporter"), ("PersistentVolumeClaim", "memeval-exporter"),
        ("CronJob", "memeval-nightly"),
        ("Deployment", "memeval-pushgateway"), ("Service", "memeval-pushgateway"),
        ("PersistentVolumeClaim", "memeval-pushgateway"),
        ("ServiceMonitor", "memeval-exporter"), ("ServiceMonitor", "memeval-pushgateway"), ("PrometheusRule", "memeval"),
        ("ConfigMap", "memeval-settings"), ("ConfigMap", "memeval-dashboards"),
        ("NetworkPolicy", "memeval-deny-all"), ("NetworkPolicy", "memeval-allow-scraping"),
        ("NetworkPolicy", "memeval-allow-pushing"), ("NetworkPolicy", "memeval-allow-agents"),
    ])  # fmt: skip
    assert {created["metadata"].get("namespace", "memeval") for created in cluster.objects()} == {"memeval"}


def test_rules_are_those_of_prometheus() -> None:
    """The generated object is not stale, and contains every group once."""
    assert build.WRITTEN.read_text(encoding="utf-8") == build.text(), "run python -m deploy.kubernetes.build"
    groups = cluster.named("PrometheusRule", "memeval")["spec"]["groups"]
    assert len({group["name"] for group in groups}) == len(groups)
    shipped = [yaml.safe_load(path.read_text(encoding="utf-8"))["groups"] for path in RULES]
    assert groups == [group for file in shipped for group in file]


def test_rules_file_with_other_keys_than_groups_is_refused(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The generator raises an error instead of dropping other keys silently."""
    (tmp_path / "odd.yaml").write_text("namespace: x\ngroups:\n  - name: a\n")
    monkeypatch.setattr(build, "RULES", tmp_path)
    with pytest.raises(ValueError, match=r"odd\.yaml: expected comments"):
        build.text()


def test_config_map_contains_all_dashboards() -> None:
    """The ConfigMap has every dashboard unchanged and the label of the sidecar, and is small enough for an object."""
    shipped = {path.name: path.read_text(encoding="utf-8") for path in (DEPLOY / "grafana" / "dashboards").glob("*.json")}
    dashboards = cluster.named("ConfigMap", "memeval-dashboards")
    assert dashboards["data"] == shipped
    assert dashboards["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert sum(map(len, dashboards["data"].values())) < 1_000_000


@pytest.mark.parametrize("name", PODS)
def test_pod_has_no_unneeded_privileges(name: str) -> None:
    """A pod is not root, has no token, no capability and only default system calls, and its file system is read-only."""
    spec = pod(name)["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert cluster.named("ServiceAccount", spec["serviceAccountName"])["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(name)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert not any("hostPath" in volume for volume in spec["volumes"])


@pytest.mark.parametrize("name", PODS)
def test_pod_has_limits_and_a_pinned_image(name: str) -> None:
    """A pod has requests and limits, and its image is that of the compose file."""
    resources = container(name)["resources"]
    assert {"cpu", "memory"} <= set(resources["requests"]) <= set(resources["limits"])
    image = container(name)["image"]
    assert compose.is_pinned(image)
    assert image in {service["image"] for service in compose.services().values()}


@pytest.mark.parametrize("name", ["memeval-exporter", "memeval-pushgateway"])
def test_service_probes_and_monitor_use_one_port(name: str) -> None:
    """A service selects its own pod only, at the port of the README; probes and monitor use the same port."""
    service = cluster.named("Service", name)["spec"]
    assert [
        other for other, template in cluster.pods() if cluster.selects(service["selector"], template["metadata"]["labels"])
    ] == [name]
    (port,) = container(name)["ports"]
    assert port["containerPort"] == service["ports"][0]["port"] == compose.ports()[name.removeprefix("memeval-")][0]
    assert port["name"] == service["ports"][0]["targetPort"] == service["ports"][0]["name"]
    assert {container(name)[probe]["httpGet"]["port"] for probe in ("readinessProbe", "livenessProbe")} == {port["name"]}
    monitor = cluster.named("ServiceMonitor", name)["spec"]
    labels = cluster.named("Service", name)["metadata"]["labels"]
    assert cluster.selects(monitor["selector"], labels)
    assert [endpoint["port"] for endpoint in monitor["endpoints"]] == [port["name"]]
    # Alerts identify a service that is down by its job.
    jobs = {job for rule in rules("alert") for job in re.findall(r'up\{job="([^"]+)"\}', rule.expr)}
    assert labels[monitor["jobLabel"]] in jobs
    assert monitor["endpoints"][0].get("honorLabels", False) is (name == "memeval-pushgateway")


def test_deployment_selects_only_its_own_pods() -> None:
    """A Deployment selects no pods of others, which it would count as its own."""
    for deployment in cluster.objects("Deployment"):
        assert cluster.selected(deployment["spec"]["selector"]) == [deployment["metadata"]["name"]]


@pytest.mark.parametrize("name", PODS)
def test_pod_refers_to_existing_objects(name: str) -> None:
    """Settings and claims of a pod exist; only the secret of the user may be missing. Every volume is mounted."""
    spec = pod(name)["spec"]
    for source in container(name).get("envFrom", ()):
        if "configMapRef" in source:
            cluster.named("ConfigMap", source["configMapRef"]["name"])
        else:
            assert source["secretRef"] == {"name": "memeval-agent", "optional": True}
    for volume in spec["volumes"]:
        if claim := volume.get("persistentVolumeClaim"):
            cluster.named("PersistentVolumeClaim", claim["claimName"])
    assert {mount["name"] for mount in container(name)["volumeMounts"]} == {mount["name"] for mount in spec["volumes"]}


def test_only_one_pod_measures_at_a_time() -> None:
    """There is one exporter and at most one nightly run, which is not repeated and has a deadline."""
    exporter = cluster.named("Deployment", "memeval-exporter")["spec"]
    assert (exporter["replicas"], exporter["strategy"]["type"]) == (1, "Recreate")
    nightly = cluster.named("CronJob", "memeval-nightly")["spec"]
    assert nightly["concurrencyPolicy"] == "Forbid"
    job = nightly["jobTemplate"]["spec"]
    assert job["backoffLimit"] == 0
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    assert 0 < job["activeDeadlineSeconds"] < 24 * 3600
    assert nightly["startingDeadlineSeconds"] > 100  # a shorter deadline would drop a start that is late by seconds


def test_network_policies_open_only_the_needed_ports() -> None:
    """All pods are closed in both directions, except for the ports of the README, DNS, and the ports that agents need."""
    closed = cluster.named("NetworkPolicy", "memeval-deny-all")["spec"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    opened: dict[str, tuple[list[str], list[str]]] = {}
    for policy in cluster.objects("NetworkPolicy"):
        directions = policy["spec"].get("ingress", []) + policy["spec"].get("egress", [])
        assert all((rule.get("from") or rule.get("to")) and rule["ports"] for rule in directions)
        ports = sorted({str(port["port"]) for rule in directions for port in rule["ports"]})
        opened[policy["metadata"]["name"]] = (sorted(cluster.selected(policy["spec"]["podSelector"])), ports)
    assert opened == {
        "memeval-deny-all": (PODS, []),
        "memeval-allow-scraping": (["memeval-exporter", "memeval-pushgateway"], ["metrics"]),
        "memeval-allow-pushing": (["memeval-pushgateway"], ["metrics"]),
        "memeval-allow-agents": (["memeval-exporter", "memeval-nightly"], ["4317", "4318", "443", "53", "5432", "9091"]),
    }


def test_scraped_gauges_are_not_sent_over_otlp() -> None:
    """Gauges are scraped and pushed, so they are not sent over OTLP as well."""
    settings = [
        config for config in cluster.objects("ConfigMap") if config["metadata"]["name"].startswith("memeval-settings")
    ]
    assert settings[0]["data"]["OTEL_METRICS_EXPORTER"] == "none"
