"""/ops: closed to strangers; a reload is one step or none, and loses nobody."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from market_data.market.instrument import Tier
from market_data.store import universe

from .conftest import AAPL, Served, Serving, told

pytestmark = pytest.mark.anyio


@pytest.fixture
async def mounted(serving: Serving, tmp_path: Path) -> Served:
    """A service whose settings of Finnhub and of the cadences come from a directory."""
    found = await serving(CONFIG_DIR=str(tmp_path), FINNHUB_API_KEY="", FINNHUB_LIMITS="")
    await universe.put(found.parts.database, [AAPL])
    return found


async def ops(served: Served, what: str, body: object = None, **headers: str) -> Any:
    return await served.ask(
        "POST", f"/ops/{what}", headers=headers, **({} if body is None else {"json": body})
    )


async def test_a_reload_puts_what_has_changed_in_force_and_counts(mounted: Served, tmp_path: Path) -> None:
    (tmp_path / "CADENCE_T0").write_text("bars_1m=120")
    (tmp_path / "FINNHUB_API_KEY").write_text("hunter2")
    got = await ops(mounted, "reload")
    assert got.status == 200
    assert got.json == {
        "swapped": True,
        "policy_version": 2,
        "changes": [
            {"setting": "CADENCE_T0", "before": "bars_1m=60,quotes_l1=5", "after": "bars_1m=120"},
            {"setting": "FINNHUB_API_KEY", "before": "unset", "after": "a secret"},
        ],
    }
    assert mounted.parts.settings.cadence(Tier.T0) == {"bars_1m": 120, "eod": 86_400}
    assert mounted.parts.router.roster.state("finnhub") == "CLOSED"
    assert (await mounted.get("/stats/config")).json["policy_version"] == 2
    assert (await ops(mounted, "reload")).json == {"swapped": True, "policy_version": 3, "changes": []}


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("CADENCE_T0", "bars_1m=soon", "CADENCE_T0 (bars_1m): write a whole number"),
        ("FINNHUB_LIMITS", "lots", "FINNHUB_LIMITS: 'lots' is not calls/seconds, as in 60/60"),
        ("BREAKER_DEMOTE_THRESHOLD", "0.9", "BREAKER_DEMOTE_THRESHOLD: write a number below"),
        ("DATABASE_URL", "postgresql://u:hunter2@h/d", "DATABASE_URL: it has changed, which takes a restart"),
    ],
)
async def test_a_configuration_that_cannot_be_used_changes_nothing_and_says_why(
    mounted: Served, tmp_path: Path, name: str, value: str, says: str
) -> None:
    (tmp_path / name).write_text(value)
    (tmp_path / "FETCH_CONCURRENCY").write_text("3")
    for what in ("validate", "reload"):
        got = await ops(mounted, what)
        assert got.status == 422
        assert any(one.startswith(says) for one in got.problem["problems"])
        assert "hunter2" not in got.text
    assert mounted.parts.in_force.policy_version == 1
    assert mounted.parts.settings.fetch_concurrency != 3


async def test_validate_tells_what_a_candidate_would_change_and_changes_nothing(mounted: Served) -> None:
    got = await ops(mounted, "validate", {"WS_REPLAY_MAX_BARS": "10", "FINNHUB_API_KEY": "hunter2"})
    assert (got.status, got.json["swapped"], got.json["policy_version"]) == (200, False, 1)
    assert [one["setting"] for one in got.json["changes"]] == ["FINNHUB_API_KEY", "WS_REPLAY_MAX_BARS"]
    assert "hunter2" not in got.text
    assert mounted.parts.settings.ws_replay_max_bars == 120
    bad = await ops(mounted, "validate", {"WS_REPLAY_MAX_BARS": "many"})
    assert (bad.status, bad.problem["problems"]) == (422, ["WS_REPLAY_MAX_BARS: write a whole number"])


@pytest.mark.parametrize("body", ["[]", '"x"', '{"A": 1}', "{"])
async def test_a_candidate_that_is_no_object_of_settings_is_refused(mounted: Served, body: str) -> None:
    got = await mounted.ask("POST", "/ops/validate", data=body, headers={"Content-Type": "application/json"})
    assert got.status in {400, 422}
    assert got.problem["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
        {"Origin": "https://evil.example"},
        {"Host": "evil.example"},
        {"X-Forwarded-For": "203.0.113.9", "Authorization": "Bearer "},
        {"X-Forwarded-For": "203.0.113.9", "Authorization": "Bearer guess"},
    ],
)
async def test_strangers_are_refused(mounted: Served, headers: dict[str, str]) -> None:
    for what in ("reload", "validate"):
        got = await ops(mounted, what, **headers)
        assert (got.status, got.problem["title"]) == (403, "Forbidden")
        assert "OPS_API_TOKEN" in got.problem["detail"]
    assert mounted.parts.in_force.policy_version == 1


async def test_the_token_opens_it_for_callers_from_elsewhere(serving: Serving) -> None:
    served = await serving(OPS_API_TOKEN="hunter2")  # noqa: S106
    elsewhere = {"X-Forwarded-For": "203.0.113.9"}
    assert (await ops(served, "validate", **elsewhere)).status == 403
    assert (await ops(served, "validate", **elsewhere, Authorization="Bearer hunter3")).status == 403
    assert (await ops(served, "validate", **elsewhere, Authorization="Bearer hunter2")).status == 200
    assert (await ops(served, "validate")).status == 200, "the loopback needs none"


async def test_many_reloads_lose_no_client_and_no_bar(mounted: Served, tmp_path: Path) -> None:
    """A client follows while the settings change under it; every bar that was written reaches it."""
    async with mounted.follow("AAPL") as client:
        assert [(await told(client))["type"] for _ in range(2)] == ["snapshot", "replay"]
        first = int(mounted.clock.now) // 60 * 60 - 3600
        for i in range(30):
            (tmp_path / "FETCH_CONCURRENCY").write_text(str(i % 5 + 1))
            done = asyncio.create_task(ops(mounted, "reload"))
            await mounted.write([(first + 60 * i, 10.0, 11.0, 9.0, 10.5, 1.0)])
            assert (await done).status == 200
        seen = [(await told(client))["ts"] for _ in range(30)]
    assert len(set(seen)) == 30
    assert mounted.parts.in_force.policy_version == 31


async def test_a_switched_off_sweeper_sweeps_after_a_reload(serving: Serving, tmp_path: Path) -> None:
    served = await serving(CONFIG_DIR=str(tmp_path), LOCAL_SWEEP_ENABLED="", LOCAL_SWEEP_TICK_SEC="0.2")
    (tmp_path / "LOCAL_SWEEP_ENABLED").write_text("false")
    await ops(served, "reload")
    assert (await served.get("/health")).json["collector"]["detail"] == {"sweeping": False}
    (tmp_path / "LOCAL_SWEEP_ENABLED").write_text("true")
    await ops(served, "reload")
    assert (await served.get("/health")).json["collector"]["detail"]["sweeping"] is True
