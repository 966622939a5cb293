"""The pages that are made from the code say what the code says."""

import re
from pathlib import Path

import pytest

from make_docs import pages
from market_data.settings import CONFIG_DIRECTORY, Settings
from market_data.telemetry.metrics import METRICS
from watch.alerts import ALERTS, recorded

ROOT = Path(__file__).parents[1]
RUNBOOKS = ROOT / "docs" / "runbooks"
OPERATING = [ROOT / "docs" / "DEPLOYMENT.md", *sorted(RUNBOOKS.glob("*.md"))]
"""What is read in haste: what it names must be there."""
LINKING = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PARTS = ("Look", "Mend", "Over")
OF_OTHERS = {"PGHOST", "PGPASSWORD", "PGUSER", "POSTGRES_PASSWORD", "GRAFANA_ADMIN_PASSWORD"}
"""Variables that programs beside the service read."""

OF_ANSWERS = {"asked_for_seconds", "achievable_seconds"}
"""Fields of answers that are called as metrics are."""


def _called(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("name", pages())
def test_a_made_page_is_up_to_date(name: str) -> None:
    written = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert written == pages()[name], "run `make docs`"


@pytest.mark.parametrize("page", LINKING, ids=_called)
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    missing = [one for one in targets if "://" not in one and not (page.parent / one).exists()]
    assert missing == []


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {one.name for one in ALERTS} | {"README"}


@pytest.mark.parametrize("alert", [one.name for one in ALERTS])
def test_a_runbook_says_what_it_means_where_to_look_what_mends_it_and_when_it_is_over(alert: str) -> None:
    text = (RUNBOOKS / f"{alert}.md").read_text(encoding="utf-8")
    title, *parts = re.split(r"(?m)^#+ ", text)[1:]
    assert title.startswith(f"{alert}\n")
    assert tuple(part.partition("\n")[0] for part in parts) == PARTS
    assert all(len(part.partition("\n")[2].strip()) > 20 for part in (title, *parts))


@pytest.mark.parametrize("page", OPERATING, ids=_called)
def test_settings_metrics_and_calls_that_operators_are_told_of_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    settings = {name.upper() for name in Settings.model_fields} | {CONFIG_DIRECTORY} | OF_OTHERS
    named = set(re.findall(r"(?:`|\s|=)([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)\b", text))
    unknown = {one for one in named - settings if not re.search(r"_(API_KEY|SECRET|BASE_URL|LIMITS)$", one)}
    assert unknown == set()

    known = {one.name for one in METRICS} | {one.record for one in recorded()}
    endings = "total|seconds|ms|rate|state|up|gauge|score"
    asked = set(re.findall(rf"`([a-z]+(?:_[a-z]+)*_(?:{endings}))\b", text))
    assert asked - OF_ANSWERS <= known

    calls = re.findall(r"\| `[A-Z]+ (\S+)`", (ROOT / "docs" / "http.md").read_text(encoding="utf-8"))
    routes = [re.compile(re.sub(r"\{\w+\}", "[^/]+", one)) for one in calls]
    urls = re.findall(r"http://localhost:8001(/[^\s?'\"`]*)", text)
    assert [one for one in urls if not any(route.fullmatch(one) for route in routes)] == []
