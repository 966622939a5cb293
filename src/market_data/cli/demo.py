"""What a demo is made of: settings that reach nothing but this machine, and a small universe."""

from collections.abc import Mapping
from pathlib import Path

from market_data.cli.child import Simulator
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.providers import discover
from market_data.store import universe
from market_data.store.connect import Database

DEMO_FOLDER = Path(".market-data/demo")
"""Simulated bars have a database of their own: they never mix with real ones."""
_KEPT = ("HOST", "PORT", "LOG_LEVEL", "LOG_FORMAT", "LOCAL_SWEEP_TICK_SEC")
"""What a demo takes from the environment. Stores, keys and policies it does not: they may be real."""
_STOCKS = {
    "AAPL": "NASDAQ",
    "MSFT": "NASDAQ",
    "NVDA": "NASDAQ",
    "AMZN": "NASDAQ",
    "GOOGL": "NASDAQ",
    "TSLA": "NASDAQ",
}


def demo_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a demo: its own stores in DATA_DIR/demo, a quick sweep, and no provider yet."""
    folder = Path(environment["DATA_DIR"]) / "demo" if environment.get("DATA_DIR") else DEMO_FOLDER
    kept = {name: environment[name] for name in _KEPT if name in environment}
    return {"LOCAL_SWEEP_TICK_SEC": "10", **kept, "DATA_DIR": str(folder)}


def simulated_providers(simulator: Simulator) -> dict[str, str]:
    """The environment that points every provider at the simulator, with a key and room to be asked."""
    found = {}
    for name, provider in discover().items():
        if name in simulator.base_urls:
            prefix = provider.facts.settings_prefix
            found[f"{prefix}_BASE_URL"] = simulator.base_urls[name]
            found[f"{prefix}_API_KEY"] = found[f"{prefix}_SECRET"] = "demo"
            found[f"{prefix}_LIMITS"] = "50/1"
    return found


async def fill_universe(database: Database) -> None:
    """Put the demo's symbols into an empty universe; one that has been changed stays as it is."""
    if await universe.load(database, only_active=False):
        return
    crypto = [Instrument(one, "CRYPTO", AssetType.CRYPTO, Tier.T0) for one in ("BTC-USD", "ETH-USD")]
    stocks = [
        Instrument(symbol, exchange, AssetType.EQUITY, Tier.T0 if symbol in ("AAPL", "MSFT") else Tier.T1)
        for symbol, exchange in _STOCKS.items()
    ]
    funds = [
        Instrument("SPY", "NYSE", AssetType.ETF, Tier.T0),
        Instrument("QQQ", "NASDAQ", AssetType.ETF, Tier.T1),
        Instrument("IWM", "NYSE", AssetType.ETF, Tier.T2),
    ]
    await universe.put(database, [*crypto, *stocks, *funds])
