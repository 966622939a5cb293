"""/stats and /providers: what the service does, and why."""

from typing import Any

import pytest

from market_data.providers import discover
from market_data.store import universe

from .conftest import AAPL, Served, Serving

pytestmark = pytest.mark.anyio


def available(provider: dict[str, Any], capability: str) -> str:
    """Why a provider is not asked for a capability now; "ok" if it is."""
    found = {one["capability"]: one["available"] for one in provider["capabilities"]}
    return str(found[capability])


async def test_providers_are_shown_with_score_budget_and_capabilities(served: Served) -> None:
    await served.get("/stocks/AAPL/price")
    found = {one["provider"]: one for one in (await served.get("/stats/providers")).json["providers"]}
    assert set(found) == set(discover())
    asked = found["finnhub"]
    assert (asked["state"], asked["samples"], asked["error_rate"]) == ("CLOSED", 1, 0.0)
    assert 0.9 < asked["health_score"] <= 1
    assert asked["budget"] == [{"calls": 1000, "seconds": 1, "left": asked["budget"][0]["left"]}]
    assert available(asked, "quotes_l1") == "ok"
    assert asked["latency_p95_ms"] > 0
    assert len(asked["history"]) == 1


async def test_a_provider_without_the_key_it_needs_is_disabled(serving: Serving) -> None:
    served = await serving(FINNHUB_API_KEY="")
    found = {one["provider"]: one for one in (await served.get("/stats/providers")).json["providers"]}
    assert (found["finnhub"]["state"], found["yahoo"]["state"]) == ("DISABLED", "CLOSED")
    assert (found["finnhub"]["health_score"], found["yahoo"]["health_score"]) == (None, 1.0)
    assert {one["health_score"] for one in found["finnhub"]["capabilities"]} == {None}
    assert 'provider_health_score{provider="finnhub"}' not in (await served.get("/metrics")).text
    assert "FINNHUB_API_KEY" in available(found["finnhub"], "bars_1m")


async def test_a_key_that_is_refused_shows_as_the_reason_and_not_as_itself(serving: Serving) -> None:
    served = await serving(FINNHUB_API_KEY="invalid")
    await universe.put(served.parts.database, [AAPL])
    await served.get("/stocks/AAPL/price")
    got = await served.get("/stats/providers")
    found = {one["provider"]: one for one in got.json["providers"]}
    assert "it refused" in available(found["finnhub"], "quotes_l1")
    assert "secret-of" not in got.text


async def test_cadence_shows_what_is_asked_for_and_what_can_be_kept(served: Served) -> None:
    got = (await served.get("/stats/cadence")).json
    line = next(one for one in got["cadences"] if (one["tier"], one["capability"]) == ("T0", "bars_1m"))
    assert (line["symbols"], line["asked_for_seconds"]) == (2, 60)
    assert got["queue_depth"] == {"T0": 0, "T1": 0, "T2": 0}


async def test_config_shows_where_settings_came_from_and_no_value(served: Served) -> None:
    got = await served.get("/stats/config")
    assert got.json["sources"]["FINNHUB_API_KEY"] == "environment"
    assert "secret-of" not in got.text


async def test_the_health_history_of_a_provider_is_shown(served: Served) -> None:
    await served.get("/stocks/AAPL/price")
    history = (await served.get("/providers/finnhub/health-history")).json
    assert [set(one) for one in history] == [{"timestamp", "score"}]
    unknown = await served.get("/providers/nobody/health-history")
    assert (unknown.status, "yahoo" in unknown.problem["detail"]) == (404, True)
