"""What leaves the process: symbols in a path are encoded once, on either lane; keys go where they belong."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
from aiohttp import web
from provider_cases import KEY, account_of, providers

from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.span import Span
from market_data.provider import Lane, Query, Request
from market_data.transport import Transport

SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Arrived:
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]


async def deliver(request: Request, lane: Lane) -> Arrived:
    """What a server on the loopback sees of a request whose URL begins with a slash."""
    seen: list[Arrived] = []

    async def answer(arrived: web.Request) -> web.Response:
        path = arrived.raw_path.partition("?")[0]
        headers = {name.lower(): value for name, value in arrived.headers.items()}
        seen.append(Arrived(path, dict(arrived.query), headers))
        return web.Response(text="{}")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        async with Transport() as transport:
            await transport.send(replace(request, url=f"http://{host}:{port}{request.url}"), lane, SECONDS)
    finally:
        await runner.cleanup()
    return seen[0]


def asked(name: str, capability: Capability, symbol: str, asset_type: AssetType) -> Request:
    provider = providers()[name]
    query = Query(capability, symbol, asset_type, Span(1790947800, 1790948040), 1790948061.0)
    return provider.request(query, replace(account_of(provider), base_url=""))


@pytest.mark.parametrize("lane", Lane)
@pytest.mark.parametrize(
    ("symbol", "path"),
    [
        ("^GSPC", "%5EGSPC"),
        ("BRK.B", "BRK-B"),
        ("OCDO.L", "OCDO.L"),
        ("BTC-USD", "BTC-USD"),
        ("A/B", "A%2FB"),
    ],
)
def test_a_symbol_in_a_path_arrives_encoded_once(lane: Lane, symbol: str, path: str) -> None:
    request = asked("yahoo", Capability.BARS_1M, symbol, AssetType.EQUITY)
    arrived = asyncio.run(deliver(request, lane))
    assert arrived.path == f"/v8/finance/chart/{path}"
    assert arrived.params == request.params


def test_yahoo_is_asked_as_a_browser_asks() -> None:
    request = asked("yahoo", Capability.QUOTES_L1, "AAPL", AssetType.EQUITY)
    arrived = asyncio.run(deliver(request, providers()["yahoo"].facts.lane))
    assert arrived.headers["user-agent"].startswith("Mozilla/5.0 ")
    assert arrived.headers["cache-control"] == "no-cache"
    assert "user-agent" not in {name.lower() for name in request.headers}


def test_finnhub_has_its_key_in_a_header_alone() -> None:
    request = asked("finnhub", Capability.QUOTES_L1, "BRK.B", AssetType.EQUITY)
    arrived = asyncio.run(deliver(request, providers()["finnhub"].facts.lane))
    assert arrived.headers["x-finnhub-token"] == KEY
    assert arrived.path == "/quote"
    assert arrived.params == {"symbol": "BRK.B"}


def test_alpha_vantage_has_its_key_in_a_parameter_alone() -> None:
    request = asked("alphavantage", Capability.EOD, "BRK.B", AssetType.EQUITY)
    arrived = asyncio.run(deliver(request, providers()["alphavantage"].facts.lane))
    assert arrived.params["apikey"] == KEY
    assert arrived.params["symbol"] == "BRK-B"
    assert not [name for name, value in arrived.headers.items() if KEY in value]


def test_alpaca_has_its_key_and_secret_in_headers_alone() -> None:
    request = asked("alpaca", Capability.QUOTES_L1, "BTC-USD", AssetType.CRYPTO)
    arrived = asyncio.run(deliver(request, providers()["alpaca"].facts.lane))
    assert arrived.headers["apca-api-key-id"] == KEY
    assert arrived.headers["apca-api-secret-key"] == f"{KEY}-SECRET"
    assert arrived.params == {"symbols": "BTC/USD"}


@pytest.mark.parametrize("name", providers())
def test_a_key_is_sent_to_those_alone_who_need_one(name: str) -> None:
    facts = providers()[name].facts
    kinds = facts.reach[Capability.BARS_1M].asset_types
    kind, symbol = (AssetType.EQUITY, "AAPL") if AssetType.EQUITY in kinds else (AssetType.CRYPTO, "BTC-USD")
    request = asked(name, Capability.BARS_1M, symbol, kind)
    arrived = asyncio.run(deliver(request, facts.lane))
    assert arrived.params == request.params
    assert arrived.headers["user-agent"]
    shown = [one for one in (*arrived.headers.values(), *arrived.params.values()) if KEY in one]
    assert bool(shown) == facts.needs_key
    assert KEY not in arrived.path


def test_coinbase_is_told_who_asks() -> None:
    request = asked("coinbase", Capability.QUOTES_L1, "BTC-USD", AssetType.CRYPTO)
    arrived = asyncio.run(deliver(request, providers()["coinbase"].facts.lane))
    assert arrived.path == "/products/BTC-USD/ticker"
    assert arrived.headers["user-agent"] == "market-data-service"
