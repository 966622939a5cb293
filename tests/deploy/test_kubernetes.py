"""The manifests: valid, consistent with each other, and called as the guide calls them."""

from typing import Any

import kubernetes_validate
import pytest
import yaml

from market_data.settings import Settings

from .programs import DEPLOY, document, documents, said

K8S = DEPLOY / "k8s"
VERSIONS = ("1.25", "1.37")
"""Of Kubernetes; the oldest and the newest whose schemas are at hand."""
FILES = sorted(path.name for path in K8S.glob("*.yaml") if path.name != "kustomization.yaml")


def rendered(folder: str = "k8s") -> list[Any]:
    return list(yaml.safe_load_all(said("kubectl", "kustomize", DEPLOY / folder)))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", FILES)
def test_a_manifest_has_nothing_that_its_schema_lacks(name: str, version: str) -> None:
    for one in documents(f"k8s/{name}"):
        kubernetes_validate.validate(one, version, strict=True)


def test_kustomize_renders_everything_but_what_is_yours() -> None:
    found = {(one["kind"], one["metadata"]["name"]) for one in rendered()}
    expected = {
        (one["kind"], one["metadata"]["name"])
        for name in FILES
        if not name.endswith(".example.yaml")
        for one in documents(f"k8s/{name}")
    }
    assert found == expected
    for one in rendered():
        kubernetes_validate.validate(one, VERSIONS[-1], strict=True)
        assert one["metadata"].get("namespace", "trading") == "trading"


def test_kustomize_renders_the_dashboards() -> None:
    [config] = rendered("grafana")
    assert len(config["data"]) == 4
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_names_are_those_of_the_guide() -> None:
    deployment = document("k8s/deployment.yaml")
    service, _ = documents("k8s/service.yaml")
    config, secret = document("k8s/configmap.example.yaml"), document("k8s/secret.example.yaml")
    named = [one["metadata"]["name"] for one in (deployment, service, config, secret)]
    assert named == ["market-data-service"] * 2 + ["market-data-config", "market-data-secrets"]
    for one in (deployment, service, config, secret):
        assert one["metadata"]["namespace"] == "trading"
    assert [port["port"] for port in service["spec"]["ports"]] == [8001]
    pod = deployment["spec"]["template"]
    assert pod["metadata"]["labels"]["app"] == "market-data-service"  # kubectl logs -l app=…
    assert set(config["data"]) == {"DATABASE_URL", "RLC_REDIS_URL", "USE_RLC", "LOCAL_SWEEP_ENABLED"}
    assert set(secret["stringData"]) == {"FINNHUB_API_KEY", "ALPHA_VANTAGE_API_KEY"}


def _pods() -> list[tuple[str, Any]]:
    found = []
    for one in rendered():
        spec = one["spec"] if one["kind"] in {"Deployment", "Job", "CronJob"} else {}
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            found.append((f"{one['kind']} {one['metadata']['name']}", spec["template"]["spec"]))
    return found


def test_every_pod_is_harmless_and_bounded() -> None:
    assert len(_pods()) == 3
    for name, pod in _pods():
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["enableServiceLinks"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}, name
            assert container["resources"]["limits"].keys() == {"cpu", "memory"}, name
            assert ":" in container["image"], name
            assert not container["image"].endswith(":latest"), name
            mounted = {one["name"] for one in container["volumeMounts"]}
            assert mounted == {one["name"] for one in pod["volumes"]}, name


def test_configmap_and_secret_are_read_as_files_so_that_a_reload_sees_their_changes() -> None:
    deployment = document("k8s/deployment.yaml")
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    environment = {one["name"]: one["value"] for one in container["env"]}
    mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    assert environment["CONFIG_DIR"] == mounts["settings"]
    assert "envFrom" not in container  # what came from there would win over the files, and never change
    assert {one.lower() for one in environment} - {"config_dir"} <= set(Settings.model_fields)
    [volume] = [one for one in deployment["spec"]["template"]["spec"]["volumes"] if one["name"] == "settings"]
    config, secret = volume["projected"]["sources"]
    assert config == {"configMap": {"name": "market-data-config"}}
    assert secret == {"secret": {"name": "market-data-secrets", "optional": True}}


def test_what_selects_the_pods_selects_the_service_alone() -> None:
    labels = {"app": "market-data-service"}
    names = ("deployment", "pdb", "networkpolicy", "hpa")
    deployment, budget, policy, scaler = (document(f"k8s/{name}.yaml") for name in names)
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert all(one["spec"]["selector"] == labels for one in documents("k8s/service.yaml"))
    assert budget["spec"]["selector"]["matchLabels"] == labels
    assert policy["spec"]["podSelector"]["matchLabels"] == labels
    assert scaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert deployment["spec"]["replicas"] == scaler["spec"]["minReplicas"] == 2
    spread = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert all(one["labelSelector"]["matchLabels"] == labels for one in spread)


def test_a_pod_has_time_to_stop() -> None:
    deployment = document("k8s/deployment.yaml")
    pod = deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] >= pause + 30  # docs/replicas.md: within 30 s in all
    probes = {one: container[one]["httpGet"]["path"] for one in container if one.endswith("Probe")}
    assert probes == {
        "startupProbe": "/health/live",
        "livenessProbe": "/health/live",
        "readinessProbe": "/health/ready",
    }
