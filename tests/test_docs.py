"""The pages that are made from the code say what the code says."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from make_docs import pages
from market_data.cli.commands import app
from market_data.settings import CONFIG_DIRECTORY, Settings
from market_data.telemetry.metrics import METRICS
from watch.alerts import ALERTS, recorded

ROOT = Path(__file__).parents[1]
GUIDE = ROOT.parent / "shared" / "reference" / "deployment-guide.md"
RUNBOOKS = ROOT / "docs" / "runbooks"
OPERATING = [ROOT / "QUICKSTART.md", ROOT / "docs" / "DEPLOYMENT.md", *sorted(RUNBOOKS.glob("*.md"))]
"""What is read in haste: what it names must be there."""
OF_THE_GUIDE = ("IMPLEMENTATION.md", "QUICKSTART.md", "ENHANCEMENTS.md", "COMPLETE_SUMMARY.md")
"""The pages that the deployment guide links to."""
LINKING = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
PARTS = ("Look", "Fix", "Over")
OF_OTHERS = {
    *("PGHOST", "PGPASSWORD", "PGUSER", "POSTGRES_PASSWORD", "GRAFANA_ADMIN_PASSWORD"),
    "SIMULATOR_PORT",
}
"""Variables that programs beside the service read, and make."""

BESIDE_THEM = ("/ws/{symbol}", "/docs")
"""What answers and is no call of REST."""
OF_SPEECH = {"service", "terms"}
"""Words that follow "market-data" where it is no command."""
OF_ANSWERS = {"asked_for_seconds", "achievable_seconds", "health_score"}
"""Fields of answers that are called as metrics are."""


def _called(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("name", pages())
def test_a_made_page_is_up_to_date(name: str) -> None:
    written = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert written == pages()[name], "run `make docs`"


def _links(page: Path) -> list[tuple[str, str]]:
    """Each relative link as its path and its anchor."""
    found = re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", page.read_text(encoding="utf-8"))
    return [(path, anchor) for path, anchor in found if "://" not in path and not path.startswith("mailto:")]


def _anchors(page: Path) -> set[str]:
    """What a page's headings are called in links."""
    titles = re.findall(r"(?m)^#+ (.+)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", LINKING, ids=_called)
def test_every_link_leads_somewhere(page: Path) -> None:
    for path, anchor in _links(page):
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not anchor or anchor in _anchors(target), f"{path}#{anchor}"


def test_the_pages_of_the_guide_are_there_and_the_readme_leads_to_every_page() -> None:
    led_to = {(ROOT / path).resolve() for path, _ in _links(ROOT / "README.md")}
    pages = [*(ROOT / name for name in OF_THE_GUIDE), *(ROOT / "docs").glob("*.md")]
    assert [_called(page) for page in pages if page not in led_to] == []
    lengths = {page.name: len(page.read_text(encoding="utf-8")) for page in pages}
    assert [name for name in OF_THE_GUIDE if lengths[name] < 2000] == []


def test_the_evidence_that_the_summary_names_is_there() -> None:
    text = (ROOT / "COMPLETE_SUMMARY.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:tests|benchmarks|deploy|scripts|docs)/[\w./-]+)(?:::(\w+))?`", text)
    assert len(named) > 50
    for path, test in named:
        assert (ROOT / path).is_file(), path
        assert not test or f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{test}"


@pytest.mark.skipif(not GUIDE.exists(), reason="the guide is not part of this repository")
def test_the_summary_has_every_line_of_the_guides_checklist() -> None:
    lines = re.findall(r"(?m)^- \[ \] (.+)$", GUIDE.read_text(encoding="utf-8"))
    text = (ROOT / "COMPLETE_SUMMARY.md").read_text(encoding="utf-8")
    assert len(lines) == 18
    assert [one for one in lines if f"\n| {one} | " not in text] == []


def test_the_map_of_the_tree_names_every_part_of_it() -> None:
    text = (ROOT / "IMPLEMENTATION.md").read_text(encoding="utf-8")
    source = ROOT / "src" / "market_data"
    parts = {one.stem for one in source.glob("[a-z]*.py")} | {
        one.parent.name for one in source.glob("*/__init__.py")
    }
    assert [one for one in sorted(parts) if not re.search(rf"\b{one}(\.py|/)", text)] == []
    decisions = {one.name for one in (ROOT / "docs" / "decisions").glob("0*.md")}
    told = {Path(path).name for path, _ in _links(ROOT / "IMPLEMENTATION.md")}
    assert decisions - told == set()


@pytest.mark.parametrize("page", LINKING, ids=_called)
def test_commands_that_are_told_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = set(re.findall(r"(?m)^(\w+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8")))
    made = re.findall(r"`make ([a-z]+)|^make ([a-z]+)(?= *(?:#|$))", text, re.MULTILINE)
    assert {one for pair in made for one in pair if one} <= targets
    known = get_command(app).commands.keys()  # type: ignore[attr-defined] # it is a group
    assert set(re.findall(r"(?:^|`|/|\s)market-data ([a-z]+)\b", text, re.MULTILINE)) - OF_SPEECH <= known


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {one.name for one in ALERTS} | {"README"}


@pytest.mark.parametrize("alert", [one.name for one in ALERTS])
def test_a_runbook_says_what_it_means_where_to_look_what_fixes_it_and_when_it_is_over(alert: str) -> None:
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
    routes = [re.compile(re.sub(r"\{\w+\}", "[^/]+", one)) for one in (*calls, *BESIDE_THEM)]
    urls = re.findall(r"localhost:8001(/[^\s?'\"`>]*)", text)
    assert [one for one in urls if not any(route.fullmatch(one) for route in routes)] == []
