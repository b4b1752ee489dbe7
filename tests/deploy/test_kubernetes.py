"""``deploy/kubernetes``: valid objects that fit together, with no more rights than they need."""

from __future__ import annotations

import copy
import re
from typing import Any

import kubernetes_validate
import pytest
import yaml
from cloudcoil.models.prometheus_operator import v1 as operator

from deploy.kubernetes import build
from tests.deploy import cluster, stack
from tests.deploy.cluster import Object
from tests.deploy.shipped import DEPLOY, RULES, rules

OLDEST, NEWEST = "1.27", "1.37"
"""Since 1.27 a CronJob's time zone is no beta any more."""

PODS = ["memeval-exporter", "memeval-nightly", "memeval-pushgateway"]


def check(one: Object) -> None:
    """Raises if the API, or the Prometheus Operator, would not know the object or a field of it."""
    if one["apiVersion"] == "monitoring.coreos.com/v1":
        model = getattr(operator, one["kind"]).model_validate(one)
        # The models are made from the operator's definitions; what they do not know, they leave out.
        known = model.model_dump(by_alias=True, exclude_none=True, mode="json")
        assert known == one
    else:
        for version in (OLDEST, NEWEST):
            kubernetes_validate.validate(one, version, strict=True)


def pod(name: str) -> Object:
    return dict(cluster.pods())[name]


def container(name: str) -> Object:
    (one,) = pod(name)["spec"]["containers"]
    assert isinstance(one, dict)
    return one


def test_every_object_is_valid() -> None:
    """By the schemas of the oldest Kubernetes that is supported and of the newest, and by the operator's definitions."""
    for one in cluster.objects():
        check(one)


@pytest.mark.parametrize("kind", ["Deployment", "CronJob", "NetworkPolicy", "ServiceMonitor", "PrometheusRule"])
def test_what_is_not_known_would_be_found(kind: str) -> None:
    """A field that there is not."""
    broken = copy.deepcopy(cluster.objects(kind)[0])
    broken["spec"]["bogus"] = 1
    with pytest.raises((AssertionError, kubernetes_validate.ValidationError)):
        check(broken)


def test_what_has_the_wrong_type_would_be_found() -> None:
    """A monitor's endpoint without brackets."""
    broken = copy.deepcopy(cluster.objects("ServiceMonitor")[0])
    broken["spec"]["endpoints"] = broken["spec"]["endpoints"][0]
    with pytest.raises(ValueError, match="endpoints"):
        check(broken)


def test_everything_is_there() -> None:
    """What the README promises, in one namespace."""
    names = [(one["kind"], re.sub(r"(?<=settings)-[0-9a-z]{10}$", "", one["metadata"]["name"])) for one in cluster.objects()]
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
    assert {one["metadata"].get("namespace", "memeval") for one in cluster.objects()} == {"memeval"}


def test_the_rules_are_prometheus_own() -> None:
    """The generated object is not stale, and has every group once."""
    assert build.WRITTEN.read_text(encoding="utf-8") == build.text(), "run python -m deploy.kubernetes.build"
    groups = cluster.named("PrometheusRule", "memeval")["spec"]["groups"]
    assert len({group["name"] for group in groups}) == len(groups)
    shipped = [yaml.safe_load(path.read_text(encoding="utf-8"))["groups"] for path in RULES]
    assert groups == [group for file in shipped for group in file]


def test_a_file_of_rules_with_more_than_groups_is_refused(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than left out in silence."""
    (tmp_path / "odd.yaml").write_text("namespace: x\ngroups:\n  - name: a\n")
    monkeypatch.setattr(build, "RULES", tmp_path)
    with pytest.raises(ValueError, match=r"odd\.yaml: expected comments"):
        build.text()


def test_the_dashboards_are_all_there() -> None:
    """Every file that Grafana is provisioned with, as it is, where the sidecar looks; small enough for an object."""
    shipped = {path.name: path.read_text(encoding="utf-8") for path in (DEPLOY / "grafana" / "dashboards").glob("*.json")}
    one = cluster.named("ConfigMap", "memeval-dashboards")
    assert one["data"] == shipped
    assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert sum(map(len, one["data"].values())) < 1_000_000


@pytest.mark.parametrize("name", PODS)
def test_a_pod_has_no_rights_that_it_does_not_need(name: str) -> None:
    """It is nobody, with no token, no capability and no system call out of the ordinary, on a file system that stays."""
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
def test_a_pod_has_limits_and_a_pinned_image(name: str) -> None:
    """Requests are below limits; the image is the compose file's."""
    resources = container(name)["resources"]
    assert {"cpu", "memory"} <= set(resources["requests"]) <= set(resources["limits"])
    image = container(name)["image"]
    assert stack.is_pinned(image)
    assert image in {one["image"] for one in stack.services().values()}


@pytest.mark.parametrize("name", ["memeval-exporter", "memeval-pushgateway"])
def test_a_service_is_reached(name: str) -> None:
    """It selects its own pod only, at the port of the README; probes ask that port, and its monitor scrapes it."""
    service = cluster.named("Service", name)["spec"]
    assert [other for other, one in cluster.pods() if cluster.selects(service["selector"], one["metadata"]["labels"])] == [
        name
    ]
    (port,) = container(name)["ports"]
    assert port["containerPort"] == service["ports"][0]["port"] == stack.ports()[name.removeprefix("memeval-")][0]
    assert port["name"] == service["ports"][0]["targetPort"] == service["ports"][0]["name"]
    assert {container(name)[probe]["httpGet"]["port"] for probe in ("readinessProbe", "livenessProbe")} == {port["name"]}
    monitor = cluster.named("ServiceMonitor", name)["spec"]
    labels = cluster.named("Service", name)["metadata"]["labels"]
    assert cluster.selects(monitor["selector"], labels)
    assert [one["port"] for one in monitor["endpoints"]] == [port["name"]]
    # Alerts that a service is down know it by its job.
    jobs = {job for rule in rules("alert") for job in re.findall(r'up\{job="([^"]+)"\}', rule.expr)}
    assert labels[monitor["jobLabel"]] in jobs
    assert monitor["endpoints"][0].get("honorLabels", False) is (name == "memeval-pushgateway")


def test_a_workload_selects_its_own_pods() -> None:
    """And no others, or a Deployment would count them as its own."""
    for one in cluster.objects("Deployment"):
        assert cluster.selected(one["spec"]["selector"]) == [one["metadata"]["name"]]


@pytest.mark.parametrize("name", PODS)
def test_what_a_pod_names_is_there(name: str) -> None:
    """Settings and claims; only the agent's keys may be missing, which the user makes. Every volume is mounted."""
    spec = pod(name)["spec"]
    for source in container(name).get("envFrom", ()):
        if "configMapRef" in source:
            cluster.named("ConfigMap", source["configMapRef"]["name"])
        else:
            assert source["secretRef"] == {"name": "memeval-agent", "optional": True}
    for volume in spec["volumes"]:
        if claim := volume.get("persistentVolumeClaim"):
            cluster.named("PersistentVolumeClaim", claim["claimName"])
    assert {one["name"] for one in container(name)["volumeMounts"]} == {one["name"] for one in spec["volumes"]}


def test_only_one_measures_at_a_time() -> None:
    """A second exporter, or a second nightly run, would measure the first; a failed run is not run again, and ends."""
    exporter = cluster.named("Deployment", "memeval-exporter")["spec"]
    assert (exporter["replicas"], exporter["strategy"]["type"]) == (1, "Recreate")
    nightly = cluster.named("CronJob", "memeval-nightly")["spec"]
    assert nightly["concurrencyPolicy"] == "Forbid"
    job = nightly["jobTemplate"]["spec"]
    assert job["backoffLimit"] == 0
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    assert 0 < job["activeDeadlineSeconds"] < 24 * 3600
    assert nightly["startingDeadlineSeconds"] > 100  # else a start that was missed by a little is missed for good


def test_what_is_not_allowed_is_not_possible() -> None:
    """All pods are closed both ways; what is opened is the ports of the README, DNS, and what agents need."""
    closed = cluster.named("NetworkPolicy", "memeval-deny-all")["spec"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    opened: dict[str, tuple[list[str], list[str]]] = {}
    for one in cluster.objects("NetworkPolicy"):
        ways = one["spec"].get("ingress", []) + one["spec"].get("egress", [])
        assert all((way.get("from") or way.get("to")) and way["ports"] for way in ways)
        ports = sorted({str(port["port"]) for way in ways for port in way["ports"]})
        opened[one["metadata"]["name"]] = (sorted(cluster.selected(one["spec"]["podSelector"])), ports)
    assert opened == {
        "memeval-deny-all": (PODS, []),
        "memeval-allow-scraping": (["memeval-exporter", "memeval-pushgateway"], ["metrics"]),
        "memeval-allow-pushing": (["memeval-pushgateway"], ["metrics"]),
        "memeval-allow-agents": (["memeval-exporter", "memeval-nightly"], ["4317", "4318", "443", "53", "5432", "9091"]),
    }


def test_an_eval_is_there_once() -> None:
    """Gauges are scraped and pushed, so they are not sent over OTLP as well."""
    settings = [one for one in cluster.objects("ConfigMap") if one["metadata"]["name"].startswith("memeval-settings")]
    assert settings[0]["data"]["OTEL_METRICS_EXPORTER"] == "none"
