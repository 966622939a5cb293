"""docker-compose.yml: valid, bound to this machine, and made of files that are there."""

import re
import subprocess
import sys
from typing import Any

import pytest
from dotenv import dotenv_values
from typer.testing import CliRunner

from market_data.cli.commands import app
from market_data.providers import discover
from market_data.route.account import accounts
from market_data.settings import Settings, read
from market_data.simulate import SimulatorConfig, paced, start

from .programs import DEPLOY, ROOT, document, documents, said

OF_THE_IMAGE = {"HOST", "PORT", "DATA_DIR"}
"""The image sets these."""
OF_THE_STACK = {"DATABASE_URL", "RLC_REDIS_URL"}
SIMULATOR = "http://provider-simulator:8100"
SERVICES = {
    "postgres",
    "redis",
    "migrate",
    "market-data-service",
    "provider-simulator",
    "simulated-universe",
    "prometheus",
    "alertmanager",
    "blackbox-exporter",
    "grafana",
}


@pytest.fixture
def services() -> Any:
    return document("../docker-compose.yml")["services"]


def test_it_is_what_the_compose_specification_says() -> None:
    words = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"]
    ran = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_everything_is_there_with_a_version_and_waits_for_what_it_needs(services: Any) -> None:
    assert set(services) == SERVICES
    for name, one in services.items():
        assert re.search(r":v?\d", one["image"]), f"{name}: which version?"
        assert set(one.get("depends_on", ())) <= SERVICES
    waits = services["market-data-service"]["depends_on"]
    assert waits["migrate"] == {"condition": "service_completed_successfully"}
    assert services["migrate"]["depends_on"]["postgres"] == {"condition": "service_healthy"}
    assert services["postgres"]["image"] == _backup_image()  # a pg_dump of another version may refuse


def test_nothing_listens_on_the_outside(services: Any) -> None:
    for one in services.values():
        assert all(port.startswith("127.0.0.1:") for port in one.get("ports", ()))


def test_every_mounted_file_is_there_and_every_volume_is_named(services: Any) -> None:
    volumes = document("../docker-compose.yml")["volumes"]
    for one in services.values():
        for mount in one.get("volumes", ()):
            source = mount.split(":")[0]
            assert (ROOT / source).exists() if source.startswith("./") else source in volumes, mount


def test_every_setting_that_an_operator_may_change_is_passed_on(services: Any) -> None:
    settings = services["market-data-service"]["environment"]
    known = {name.upper() for name in Settings.model_fields} - OF_THE_IMAGE
    of_providers = {
        f"{one.facts.settings_prefix}_{suffix}"
        for one in discover().values()
        for suffix in ("API_KEY", "BASE_URL", "LIMITS")
    }
    assert set(settings) == known | of_providers | {"ALPACA_SECRET"}
    passed = {name: f"${{{name}:-}}" for name in settings.keys() - OF_THE_STACK}
    assert {name: settings[name] for name in passed} == passed, "what is set to nothing has its default"
    assert settings == services["migrate"]["environment"] == services["simulated-universe"]["environment"]
    assert services["market-data-service"]["read_only"] is True


def test_settings_that_are_set_to_nothing_are_the_defaults(services: Any) -> None:
    settings = services["market-data-service"]["environment"]
    nothing = dict.fromkeys(settings.keys() - OF_THE_STACK, "")
    assert read(nothing, dotenv=None) == read({}, dotenv=None)


def test_only_who_asks_for_it_gets_the_simulator(services: Any) -> None:
    simulated = {name for name, one in services.items() if one.get("profiles") == ["simulator"]}
    assert simulated == {"provider-simulator", "simulated-universe"}
    for name, one in services.items():
        assert not set(one.get("depends_on", ())) & simulated, f"{name} would not start without the profile"


@pytest.mark.anyio
async def test_on_simulated_providers_every_provider_is_asked_there(services: Any) -> None:
    given = dotenv_values(DEPLOY / "simulator.env")
    assert given["COMPOSE_PROFILES"] == "simulator"
    assert given["COMPOSE_PROJECT_NAME"] != ROOT.name, "its volumes are others than those of real bars"
    settings = services["market-data-service"]["environment"]
    assert given.keys() - settings.keys() == {"COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME"}

    configuration = read({name: value or "" for name, value in given.items()}, dotenv=None)
    found = {name: one.base_url for name, one in accounts(configuration, discover()).items()}
    async with await start(SimulatorConfig(), paced()) as running:
        there = {name: url.replace(running.url, SIMULATOR) for name, url in running.base_urls.items()}
    assert found == there
    assert services["provider-simulator"]["ports"] == ["127.0.0.1:8100:8100"]
    assert all(one.key for one in accounts(configuration, discover()).values())


@pytest.mark.parametrize("name", ["provider-simulator", "simulated-universe", "migrate"])
def test_the_commands_of_the_stack_are_ours(services: Any, name: str) -> None:
    words = [*services[name]["command"], "--help"]
    assert CliRunner().invoke(app, words).exit_code == 0


def test_the_names_by_which_prometheus_looks_are_given(services: Any) -> None:
    aliases = {
        alias
        for one in services.values()
        for alias in one.get("networks", {}).get("default", {}).get("aliases", ())
    }
    text = "".join(
        (DEPLOY / "monitoring" / name).read_text() for name in ("prometheus.yml", "prometheus-config.yaml")
    )
    assert set(re.findall(r"[\w-]+\.(?:trading|monitoring)\.svc", text)) == aliases


def test_prometheus_starts_on_what_it_is_told_to_put_together(services: Any, tmp_path: Any) -> None:
    [script] = services["prometheus"]["command"]
    making, starting = script.split("exec ")
    places = {"/config/": f"{DEPLOY}/monitoring/", "/tmp/": f"{tmp_path}/"}  # noqa: S108 - the container's
    making = re.sub("|".join(places), lambda found: places[found[0]], making)
    subprocess.run(["/bin/sh", "-ec", making], check=True)
    assert "--config.file=/tmp/prometheus.yml" in starting
    assert "SUCCESS" in said("promtool", "check", "config", tmp_path / "prometheus.yml")


def _backup_image() -> Any:
    job, _ = documents("k8s/backup-cronjob.yaml")
    return job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["image"]
