"""market-data doctor and simulate: what is there, what is missing, what would mend it."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.providers import discover
from market_data.simulate import Fault, Plan, Running, SimulatorConfig, Switched, paced, start
from market_data.store import universe
from market_data.store.connect import Database

from .conftest import COMMAND_SECONDS, SOURCES, Ran, Run

pytestmark = pytest.mark.anyio

KEY = "hunter2"
NO_NETWORK = {f"{one.facts.settings_prefix}_BASE_URL": "http://127.0.0.1:1" for one in discover().values()}


@pytest.fixture
async def simulator() -> AsyncIterator[Running]:
    plans = dict.fromkeys(discover(), Plan.UNLIMITED)
    async with await start(SimulatorConfig(plans=plans), paced()) as running:
        yield running


def test_everything_missing_is_shown_with_what_would_mend_it(run: Run) -> None:
    ran = run("doctor", "--json", DATABASE_URL="", DATA_DIR="here", **NO_NETWORK)
    assert ran.code == 1
    found = _by_name(ran)
    assert ran.json["able"] is False
    assert found["finnhub"]["mend"] == "set FINNHUB_API_KEY"
    assert found["alphavantage"]["mend"] == "set ALPHA_VANTAGE_API_KEY"
    assert found["yahoo bars_1m"]["found"].startswith("unavailable")
    assert "YAHOO_BASE_URL" in found["yahoo bars_1m"]["mend"]
    assert found["symbols"] | {"area": ""} == {
        "area": "",
        "name": "symbols",
        "ok": False,
        "found": "empty",
        "mend": "`market-data universe add AAPL --tier T0`",
    }


def test_a_database_without_tables_is_a_finding(run: Run, empty_postgres_url: str) -> None:
    ran = run("doctor", "--no-ask", "--json", DATABASE_URL=empty_postgres_url)
    found = _by_name(ran)
    assert "no tables" in found["postgresql"]["found"]
    assert found["symbols"]["found"] == "empty"


def test_a_store_that_cannot_be_reached_is_a_finding(run: Run) -> None:
    ran = run(
        "doctor",
        "--no-ask",
        "--json",
        DATABASE_URL=f"postgresql://user:{KEY}@127.0.0.1:1/none",
        RLC_REDIS_URL=f"redis://:{KEY}@127.0.0.1:1/0",
    )
    found = _by_name(ran)
    assert ran.code == 1
    assert (found["postgresql"]["ok"], found["redis"]["ok"]) == (False, False)
    assert KEY not in ran.out + ran.err


async def test_a_service_that_can_work_is_exit_code_0_and_no_key_is_shown(
    run: Run, simulator: Running
) -> None:
    ran = await _doctor(run, simulator)
    assert ran.code == 0, ran.out
    found = _by_name(ran)
    for name in ("yahoo bars_1m", "finnhub quotes_l1", "alphavantage eod", "alpaca bars_1m", "alpaca eod"):
        assert found[name]["ok"], found[name]
        assert "of AAPL in" in found[name]["found"]
    assert found["offset"]["ok"]
    assert "within 2 s" in found["offset"]["found"]
    for name in ("binance bars_1m", "coinbase quotes_l1"):
        assert found[name]["ok"], found[name]
        assert "of BTC-USD in" in found[name]["found"]
    assert KEY not in ran.out + ran.err


async def test_an_instrument_that_is_collected_under_two_spellings_is_named(
    run: Run, database: Database
) -> None:
    both = ("BRK-B", "BRK.B", "AAPL")
    await universe.put(database, [Instrument(one, "NYSE", AssetType.EQUITY, Tier.T1) for one in both])
    found = _by_name(run("doctor", "--no-ask", "--json"))["2 spellings"]
    assert (found["ok"], found["found"]) == (False, "BRK.B BRK-B")
    assert found["mend"] == "`market-data universe remove BRK-B` keeps BRK.B"
    run("universe", "remove", "BRK-B")
    assert "2 spellings" not in _by_name(run("doctor", "--no-ask", "--json"))
    assert {one.symbol for one in await universe.load(database)} == {"BRK.B", "AAPL"}


async def test_refusals_and_throttling_are_told_apart(run: Run, simulator: Running) -> None:
    simulator.simulator.plans["finnhub"] = Plan.FREE
    simulator.switchboard.switch_on(Switched("yahoo", Fault.HTTP_429))
    simulator.switchboard.switch_on(Switched("alphavantage", Fault.GARBAGE))
    for name in set(discover()) - {"finnhub", "yahoo", "alphavantage"}:  # else there would be minutes
        simulator.switchboard.switch_on(Switched(name, Fault.HTTP_500))
    ran = await _doctor(run, simulator)
    found = _by_name(ran)
    assert ran.code == 1
    assert "a plan of Finnhub" in found["finnhub bars_1m"]["mend"]
    assert found["finnhub quotes_l1"]["ok"]
    assert found["yahoo eod"]["found"].startswith("throttled")
    assert "wait" in found["yahoo eod"]["mend"]
    assert found["alphavantage eod"]["found"].startswith("malformed")
    assert KEY not in ran.out + ran.err


async def test_a_clock_that_is_wrong_is_a_finding(run: Run) -> None:
    plans = dict.fromkeys(discover(), Plan.UNLIMITED)
    async with await start(SimulatorConfig(plans=plans), paced(time.time() + 60)) as ahead:
        found = _by_name(await _doctor(run, ahead))["offset"]
    assert not found["ok"]
    assert re.search(r"clock is (59|60)\.\d s behind the time of .*yahoo", found["found"])
    assert "NTP" in found["mend"]


async def test_a_bad_key_is_told_to_be_checked(run: Run, simulator: Running) -> None:
    ran = await _doctor(run, simulator, FINNHUB_API_KEY="invalid")
    assert _by_name(ran)["finnhub quotes_l1"]["mend"] == "check FINNHUB_API_KEY"


async def test_one_screen_shows_it_all(run: Run, simulator: Running) -> None:
    ran = await _doctor(run, simulator, "--no-ask")
    assert ran.code == 0
    assert "provider yahoo bars_1m" in ran.out
    assert "The service can do its job." in ran.err


def test_the_simulator_prints_what_to_set_and_stops_when_told(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "market_data", "simulate", "--port", "0"]
    environment = {"PYTHONPATH": str(SOURCES)}
    with subprocess.Popen(
        words, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in discover()]
        process.send_signal(signal.SIGINT)
        assert process.wait(COMMAND_SECONDS) == 0
    assert sum("_BASE_URL=http://127.0.0.1:" in line for line in lines) == len(discover())


def test_the_simulator_ends_when_its_input_is_closed(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "market_data", "simulate", "--port", "0", "--json", "--while-stdin"]
    with subprocess.Popen(
        words,
        cwd=tmp_path,
        env={"PYTHONPATH": str(SOURCES)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert set(json.loads(process.stdout.readline())["base_urls"]) == set(discover())
        process.stdin.close()
        assert process.wait(COMMAND_SECONDS) == 0


async def _doctor(run: Run, simulator: Running, *words: str, **settings: str) -> Ran:
    """Beside the event loop, which the simulator needs."""
    environment: dict[str, str] = {}
    for name, provider in discover().items():
        prefix = provider.facts.settings_prefix
        environment |= {f"{prefix}_BASE_URL": simulator.base_urls[name], f"{prefix}_API_KEY": KEY}
        environment[f"{prefix}_SECRET"] = f"{KEY}-too"
    words = words or ("--json",)
    return await anyio.to_thread.run_sync(lambda: run("doctor", *words, **(environment | settings)))


def _by_name(ran: Ran) -> dict[str, Any]:
    return {one["name"]: one for one in ran.json["findings"]}
