"""What the deployment guide names is here, under that name."""

import json
import re
from pathlib import Path

import pytest
import yaml

from .programs import DEPLOY, ROOT
from .test_dashboards import OF_THE_GUIDE as PANELS
from .test_watching import OF_THE_GUIDE as QUERIES
from .test_watching import TARGETS

GUIDE = ROOT.parent / "shared" / "reference" / "deployment-guide.md"

pytestmark = pytest.mark.skipif(not GUIDE.exists(), reason="the guide is not part of this repository")


@pytest.fixture
def guide() -> str:
    return GUIDE.read_text(encoding="utf-8")


def section(guide: str, title: str) -> str:
    return re.split(r"\n#{2,4} ", guide.partition(f"# {title}\n")[2])[0]


def test_its_files_are_there(guide: str) -> None:
    named = set(re.findall(r"\bdeploy/[\w./-]+\.ya?ml", guide))
    assert len(named) == 7
    assert [one for one in sorted(named) if not (ROOT / one).exists()] == []
    assert (ROOT / "docker-compose.yml").exists()


def test_its_names_are_those_of_the_manifests(guide: str) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((DEPLOY / "k8s").glob("*.yaml")))
    for name in ("deployment/market-data-service", "svc/market-data-service", "market-data-config"):
        assert name in guide
        assert name.rpartition("/")[2] in text
    [labels] = set(re.findall(r"-l (app=[\w-]+)", guide))
    assert labels.replace("=", ": ") in text
    assert set(re.findall(r"-n ([a-z]+)", guide)) == {"trading", "monitoring"}


def test_its_values_of_the_configmap_are_those_of_the_example(guide: str) -> None:
    example = yaml.safe_load((DEPLOY / "k8s" / "configmap.example.yaml").read_text(encoding="utf-8"))
    told = dict(re.findall(r"--from-literal=(\w+)='([^']*)'", section(guide, "Create ConfigMap")))
    assert example["data"] == told


def test_its_targets_panels_and_queries_are_the_ones_that_are_tried(guide: str) -> None:
    assert tuple(re.findall(r"(?m)^# - ([\w-]+)$", section(guide, "Check Prometheus Targets"))) == TARGETS
    listed = [
        set(re.findall(r"(?m)^   - (.+)$", part))
        for part in re.split(r"(?m)^\d\. ", section(guide, "Import Pre-built Dashboards"))[1:]
    ]
    assert listed == list(PANELS.values())
    lines = section(guide, "Key Metrics Queries").splitlines()
    assert tuple(one for one in lines if one and one[0] not in "#`") == QUERIES


def test_its_severities_and_dashboards_are_ours(guide: str) -> None:
    assert "**Critical**: Service down, health endpoint failing" in guide
    folder = DEPLOY / "grafana" / "dashboards"
    titles = {json.loads(path.read_text(encoding="utf-8"))["title"] for path in Path(folder).glob("*.json")}
    named = re.findall(r"\*\*(\w[\w ]+) Dashboard\*\*", guide)
    assert {one.rpartition("· ")[2].lower() for one in titles} == {one.lower() for one in named}
