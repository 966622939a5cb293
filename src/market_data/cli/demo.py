"""What a demo is made of: settings that reach nothing but this machine, and a small universe."""

from collections.abc import Mapping

from market_data.cli.child import Simulator
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.providers import discover
from market_data.settings import CONFIG_DIRECTORY
from market_data.store import universe
from market_data.store.connect import Database

DEMO_FOLDER = ".market-data/demo"
"""Simulated bars have a database of their own: they never mix with real ones."""
_KEPT = ("HOST", "PORT", "DATA_DIR", "LOG_LEVEL", "LOG_FORMAT", "LOCAL_SWEEP_TICK_SEC")
"""What a demo takes from the environment. Stores, keys and policies it does not: they may be real."""
_STOCKS = {
    "AAPL": "NASDAQ",
    "MSFT": "NASDAQ",
    "NVDA": "NASDAQ",
    "AMZN": "NASDAQ",
    "GOOGL": "NASDAQ",
    "TSLA": "NASDAQ",
}


def demo_environment(
    simulator: Simulator, environment: Mapping[str, str], port: int | None
) -> dict[str, str]:
    """The environment of a demo: every simulated provider with its address, a key, and room to be asked."""
    demo = {"DATA_DIR": DEMO_FOLDER, "LOCAL_SWEEP_TICK_SEC": "10"}
    demo |= {name: environment[name] for name in _KEPT if name in environment}
    demo.pop(CONFIG_DIRECTORY, None)
    if port is not None:
        demo["PORT"] = str(port)
    for name, provider in discover().items():
        prefix = provider.facts.settings_prefix
        if name in simulator.base_urls:
            demo[f"{prefix}_BASE_URL"] = simulator.base_urls[name]
            demo[f"{prefix}_API_KEY"] = "demo"
            demo[f"{prefix}_LIMITS"] = "50/1"
    return demo


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
