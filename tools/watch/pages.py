"""The pages of docs/ about metrics and alerts."""

import re

from prometheus_client import Counter, Gauge, Histogram

from market_data.telemetry.metrics import BUCKETS_MS, METRICS, Metric
from watch.alerts import ALERTS, Alert, recorded
from watch.dashboards import BOARDS, Board

_KINDS: dict[object, str] = {Counter: "counter", Gauge: "gauge", Histogram: "histogram"}

_METRICS = """# Metrics

`GET /metrics` has them in the Prometheus text format, with the process's own (`process_…`, `python_…`). Gauges are computed
when asked; those of a store that is out are absent, and `store_up` is 0.

| metric | kind | labels | meaning | who asks for it |
|---|---|---|---|---|
{metrics}

Histograms are in milliseconds, with these upper bounds: {buckets}. Their `_bucket`, `_sum` and `_count` are the series.

## Recorded ratios

`deploy/monitoring/rules.yaml` records of each service level the share that was missed, over several windows:

| ratio | is |
|---|---|
{recorded}
"""

_ALERTS = """# Alerts

One page each: what it means, where to look, what mends it, and when it is over. `critical` pages whoever is on call at once;
`warning` is reviewed within 30 minutes during business hours.

| alert | severity | fires once this has held | for | dashboard |
|---|---|---|---|---|
{alerts}

The rules, the dashboards and this page are made of the tables in `tools/watch` (`make docs`).
"""


def metrics() -> str:
    """docs/metrics.md."""
    return _METRICS.format(
        metrics="\n".join(_metric(one) for one in METRICS),
        buckets=", ".join(f"{one:,g}" for one in BUCKETS_MS),
        recorded="\n".join(f"| `{one.record}` | `{_cell(one.expr)}` |" for one in recorded()),
    )


def alerts() -> str:
    """docs/runbooks/README.md."""
    return _ALERTS.format(alerts="\n".join(_alert(one) for one in ALERTS))


def _metric(one: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in one.labels) or "none"
    named = re.compile(rf"\b{one.name}(_bucket|_count|_sum)?\b")
    askers = [f"[{alert.name}](runbooks/{alert.name}.md)" for alert in ALERTS if named.search(alert.expr)]
    askers += [_called(board) for board in BOARDS if named.search(_queries(board))]
    return f"| `{one.name}` | {_KINDS[one.make]} | {labels} | {one.help} | {', '.join(askers) or 'nobody'} |"


def _alert(one: Alert) -> str:
    board = next(board for board in BOARDS if board.uid == one.dashboard)
    return f"| [{one.name}]({one.name}.md) | {one.severity} | `{_cell(one.expr)}` | {one.lasting} | {_called(board)} |"


def _queries(board: Board) -> str:
    return " ".join(query.expr for panel in board.panels for query in panel.queries)


def _called(board: Board) -> str:
    return board.title.rpartition("· ")[2]


def _cell(expr: str) -> str:
    return expr.replace("|", "\\|")
