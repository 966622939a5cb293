"""What the watchers see: targets, every panel of every dashboard, and an alert that comes and goes."""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.store import universe
from serve.conftest import AAPL, BITCOIN, NOW, ONLY_THREE, Clock, Served, Serving, at
from watch.links import Links

from .programs import DEPLOY, program
from .watchers import PATIENCE_SECONDS, Watchers, pauses, watching

pytestmark = pytest.mark.anyio

PACE = 20.0
"""The market's minutes pass so many times as fast as ours: there is something to be seen at once."""
TARGETS = (
    "market-data-service",
    "blackbox-http-market-data-health",
    "blackbox-http-market-data-metrics",
    "blackbox-ws-market-data",
)
"""The deployment guide's."""
OF_THE_GUIDE = (
    "provider_selected_total",
    'rate(gaps_found_total{interval="1m"}[5m])',
    'ingestion_lag_seconds{interval="1m"}',
    "backfill_queue_depth",
    "histogram_quantile(0.99, sum by (le) (rate(ws_publish_latency_ms_bucket[5m])))",
    "histogram_quantile(0.95, sum by (le) (rate(write_batch_ms_bucket[5m])))",
)
"""Its key queries."""
MEMBERS = [
    AAPL,
    BITCOIN,
    Instrument("MSFT", "NASDAQ", AssetType.EQUITY, Tier.T1),
    Instrument("IWM", "NYSE", AssetType.ETF, Tier.T2),
]
DRILL = "ProviderCircuitBreakerOpen"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """The file with Finnhub's key, as a mounted Secret has it."""
    settings = tmp_path / "settings"
    settings.mkdir()
    path = settings / "FINNHUB_API_KEY"
    path.write_text("a valid key")
    return path


async def test_targets_are_up_every_panel_has_data_and_an_alert_comes_and_goes(
    serving: Serving, key: Path, tmp_path: Path
) -> None:
    for name in ("prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter"):
        program(name)
    served = await serving(
        Clock(at(NOW), PACE),
        CONFIG_DIR=str(key.parent),
        FINNHUB_API_KEY="",
        PROVIDERS_DISABLED=ONLY_THREE,
        LOCAL_SWEEP_ENABLED="true",
        LOCAL_SWEEP_TICK_SEC="0.5",
        GAP_SCAN_SEC="1",
        CADENCE_T0="bars_1m=60,quotes_l1=30",
    )
    await universe.put(served.parts.database, MEMBERS)
    async with listening(served), watching(served.url, tmp_path) as watchers:
        await _eventually(lambda: _targets_are_up(watchers))

        await _set_key(served, key, "invalid")
        await _eventually(lambda: _alert(watchers, DRILL, there=True))
        [alert] = await watchers.alerts(DRILL)
        assert alert["labels"]["provider"] == "finnhub"
        assert alert["labels"]["severity"] == "warning"
        assert alert["annotations"]["summary"] == "finnhub is out"
        assert alert["annotations"]["runbook_url"] == Links().runbook(DRILL)

        await _eventually(lambda: _everything_has_data(watchers))
        await _eventually(lambda: _variables_have_values(watchers))

        await _set_key(served, key, "a valid key")
        await _eventually(lambda: _alert(watchers, DRILL, there=False))
        broken = [one["name"] for one in await watchers.rules() if one["health"] != "ok"]
        assert broken == []


@asynccontextmanager
async def listening(served: Served) -> AsyncIterator[None]:
    """A client of the stream, who reads all that comes."""
    async with served.follow("BTC-USD") as client:

        async def read() -> None:
            async for _ in client:
                pass

        reading = asyncio.create_task(read())
        try:
            yield
        finally:
            reading.cancel()
            await asyncio.wait({reading})


async def _set_key(served: Served, key: Path, value: str) -> None:
    await asyncio.to_thread(key.write_text, value)
    assert (await served.ask("POST", "/ops/reload")).json["swapped"]


async def _targets_are_up(watchers: Watchers) -> str:
    health = await watchers.targets()
    probes = {one["metric"]["job"]: one["value"][1] for one in await watchers.query("probe_success")}
    wrong = [job for job in TARGETS if health.get(job) != "up"]
    wrong += [job for job in TARGETS[1:] if probes.get(job) != "1"]
    return f"not up: {sorted(set(wrong))}" if wrong else ""


async def _alert(watchers: Watchers, name: str, *, there: bool) -> str:
    found = await watchers.alerts(name)
    return "" if bool(found) == there else f"{name}: {found}"


async def _everything_has_data(watchers: Watchers) -> str:
    queries = {(board["title"], panel["title"], one["expr"]) for board, panel, one in _targets()}
    queries |= {("the guide", "key queries", expr) for expr in OF_THE_GUIDE}
    lacking = [
        f"{board} / {panel}: {expr}"
        for board, panel, expr in sorted(queries)
        if not any(math.isfinite(float(one["value"][1])) for one in await watchers.query(_filled(expr)))
    ]
    return "\n".join(lacking)


async def _variables_have_values(watchers: Watchers) -> str:
    lacking = []
    for board in _boards():
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                metric, label = variable["query"].removeprefix("label_values(").rstrip(")").split(", ")
                if not await watchers.values(label, metric):
                    lacking.append(f"{board['title']}: {variable['name']}")
    return "\n".join(lacking)


def _boards() -> list[Any]:
    paths = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
    assert len(paths) == 4
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def _targets() -> list[tuple[Any, Any, Any]]:
    return [
        (board, panel, one) for board in _boards() for panel in board["panels"] for one in panel["targets"]
    ]


def _filled(expr: str) -> str:
    """A query with what Grafana would put in place of its variables."""
    expr = expr.replace("$__rate_interval", "30s")
    for name in ("provider", "tier", "interval"):
        expr = expr.replace(f"${name}", ".*")
    assert "$" not in expr
    return expr


async def _eventually(look: Callable[[], Awaitable[str]]) -> None:
    """Look until nothing is wrong any more; fail with what still is after PATIENCE_SECONDS."""
    wrong = ""
    for pause in pauses():
        wrong = await look()
        if not wrong:
            return
        await asyncio.sleep(pause)
    pytest.fail(f"after {PATIENCE_SECONDS:g} s: {wrong}")
