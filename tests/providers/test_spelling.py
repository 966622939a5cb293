"""Every provider is asked for the canonical symbol in its own spelling."""

import pytest
from provider_cases import account_of, providers

from market_data.market.capability import Capability
from market_data.market.instrument import AssetType, read_symbol
from market_data.market.span import Span
from market_data.provider import Query

SPAN = Span(1790947800, 1790948040)
BY_DASH = {"yahoo", "alphavantage", "tiingo"}
"""Class shares have a dash at these (BRK-B), a dot at all others (BRK.B)."""
PAIRS = {
    "alpaca": "BTC/USD", "binance": "BTCUSDT", "coinbase": "BTC-USD", "kraken": "XBTUSD",
    "twelvedata": "BTC/USD", "yahoo": "BTC-USD",
}  # fmt: skip


def asked(name: str, symbol: str, kind: AssetType, capability: Capability) -> str:
    """What a request says, path and parameters."""
    provider = providers()[name]
    query = Query(capability, read_symbol(symbol), kind, SPAN, 1790948061.0)
    request = provider.request(query, account_of(provider))
    return " ".join((request.url, *request.params.values()))


def able(kind: AssetType) -> list[tuple[str, Capability]]:
    return [
        (name, capability)
        for name, one in providers().items()
        for capability, reach in one.facts.reach.items()
        if kind in reach.asset_types
    ]


@pytest.mark.parametrize("written", ["BRK.B", "BRK-B", "brk/b"])
@pytest.mark.parametrize(("name", "capability"), able(AssetType.EQUITY))
def test_class_shares(name: str, capability: Capability, written: str) -> None:
    ours, others = ("BRK-B", "BRK.B") if name in BY_DASH else ("BRK.B", "BRK-B")
    said = asked(name, written, AssetType.EQUITY, capability)
    assert ours in said
    assert others not in said


@pytest.mark.parametrize(("name", "capability"), able(AssetType.EQUITY))
def test_a_class_whose_letter_names_an_exchange_elsewhere(name: str, capability: Capability) -> None:
    said = asked(name, "MKC/V", AssetType.EQUITY, capability)
    assert ("MKC-V" if name in BY_DASH else "MKC.V") in said


@pytest.mark.parametrize(("name", "capability"), able(AssetType.EQUITY))
def test_a_symbol_of_another_exchange_becomes_no_class_share(name: str, capability: Capability) -> None:
    assert "VOD-L" not in asked(name, "VOD.L", AssetType.EQUITY, capability)


@pytest.mark.parametrize("written", ["BTC-USD", "btc/usd", "BTCUSD"])
@pytest.mark.parametrize(("name", "capability"), able(AssetType.CRYPTO))
def test_pairs(name: str, capability: Capability, written: str) -> None:
    assert PAIRS[name] in asked(name, written, AssetType.CRYPTO, capability)


def test_all_ten_providers_are_held_against_it() -> None:
    held = {name for kind in (AssetType.EQUITY, AssetType.CRYPTO) for name, _ in able(kind)}
    assert held == set(providers())
    assert len(held) == 10
