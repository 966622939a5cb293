"""The dashboards as Grafana reads them."""

import json

from grafana_foundation_sdk.builders import common, statetimeline, timeseries
from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    FieldColor,
    QueryVariable,
    ThresholdsConfig,
)
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as models
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    FieldColorModeId,
    GridPos,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from watch.dashboards import BOARDS, Board, Panel
from watch.links import Links

_SOURCE = DataSourceRef("prometheus", "${datasource}")
_WIDTH, _HEIGHT = 12, 8
"""Of a panel; two fill the 24 columns of a dashboard."""
TAG = "market-data"

_Builder = timeseries.Panel | statetimeline.Panel


def text(board: Board, links: Links) -> str:
    """The JSON of a dashboard."""
    return (
        json.dumps(_dashboard(board, links), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False)
        + "\n"
    )


def _dashboard(board: Board, links: Links) -> object:
    built = (
        Dashboard(board.title)
        .uid(board.uid)
        .description(board.about)
        .tags([TAG])
        .timezone("browser")
        .time("now-3h", "now")
        .refresh("30s")
        .with_variable(DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
    for other in BOARDS:
        if other is not board:
            link = DashboardLink(other.title).type(DashboardLinkType.LINK).url(f"/d/{other.uid}")
            built = built.link(link.keep_time(True).icon("external link"))
    built = built.link(_page("Runbooks", f"{links.runbooks}/README.md"))
    for label, metric in board.variables:
        built = built.with_variable(_variable(label, metric))
    for number, panel in enumerate(board.panels):
        built = built.with_panel(_panel(panel, number, links))
    return built.build()


def _variable(label: str, metric: str) -> QueryVariable:
    return (
        QueryVariable(label)
        .label(label.capitalize())
        .datasource(_SOURCE)
        .query(f"label_values({metric}, {label})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(VariableOption(selected=True, text="All", value="$__all"))
    )


def _page(title: str, url: str) -> DashboardLink:
    return DashboardLink(title).type(DashboardLinkType.LINK).url(url).target_blank(True).icon("doc")


def _panel(panel: Panel, number: int, links: Links) -> _Builder:
    builder = (_states() if panel.names else _lines(panel)).unit(panel.unit)
    builder = (
        builder.id(number + 1)
        .title(panel.title)
        .description(panel.about)
        .datasource(_SOURCE)
        .grid_pos(
            GridPos(h=_HEIGHT, w=_WIDTH, x=number % 2 * _WIDTH, y=number // 2 * _HEIGHT),
        )
        .links([_page(f"Runbook: {name}", links.runbook(name)) for name in panel.alerts])
    )
    for letter, query in zip("ABCDEF", panel.queries, strict=False):
        source = Dataquery().ref_id(letter).datasource(_SOURCE)
        builder = builder.with_target(source.expr(query.expr).legend_format(query.legend).range())
    if panel.steps:
        steps = [
            Threshold(None if place == 0 else bound, colour)
            for place, (bound, colour) in enumerate(panel.steps)
        ]
        builder = builder.thresholds(ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    if panel.names:
        names = {
            f"{value:g}": ValueMappingResult(text=name, index=place)
            for place, (value, name) in enumerate(panel.names)
        }
        builder = builder.mappings([ValueMap(names)])
    return builder


def _states() -> statetimeline.Panel:
    colours = FieldColor().mode(FieldColorModeId.THRESHOLDS)
    return statetimeline.Panel().merge_values(True).fill_opacity(80).color_scheme(colours)


def _lines(panel: Panel) -> timeseries.Panel:
    builder = timeseries.Panel().min(0).fill_opacity(8).show_points(models.VisibilityMode.NEVER)
    if panel.top is not None:
        builder = builder.max(panel.top)
    if panel.steps:
        shown = common.GraphThresholdsStyleConfig().mode(models.GraphThresholdsStyleMode.DASHED)
        builder = builder.thresholds_style(shown)
    return builder
