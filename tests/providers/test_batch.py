"""Quotes of several symbols in one answer, over the wire: as told one by one, the unknown left out."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

import pytest
from provider_cases import KEY, providers

from market_data.errors import Malformed, ProviderFault, Throttled
from market_data.market.bar import Quote
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.span import Span
from market_data.provider import Account, Batch, Query, Response
from market_data.simulate import Plan, Running, SimulatorConfig, start
from market_data.transport import Transport

pytestmark = pytest.mark.anyio

BATCHES = [name for name, one in providers().items() if one.batch]
NOW = 1_719_846_030.0  # 2024-07-01 15:00:30 UTC, in session
KNOWN = ["AAPL", "MSFT", "KO", "BRK.B"]
SECONDS = 10.0

each = pytest.mark.parametrize("name", BATCHES)


@dataclass(frozen=True)
class Asked:
    simulator: Running
    transport: Transport

    async def batch(self, name: str, symbols: Sequence[str]) -> dict[str, Quote]:
        batch, account = batch_of(name), self.account(name)
        queries = [query(one) for one in symbols]
        lane = providers()[name].facts.lane
        return batch.parse(queries, await self.transport.send(batch.request(queries, account), lane, SECONDS))

    async def one(self, name: str, symbol: str) -> Quote:
        provider = providers()[name]
        request = provider.request(query(symbol), self.account(name))
        answer = provider.parse(
            query(symbol), await self.transport.send(request, provider.facts.lane, SECONDS)
        )
        assert isinstance(answer, Quote)
        return answer

    def account(self, name: str) -> Account:
        return Account(self.simulator.base_urls[name], (), key=KEY, secret=KEY)


def batch_of(name: str) -> Batch:
    found = providers()[name].batch
    assert found is not None
    return found


def query(symbol: str) -> Query:
    return Query(Capability.QUOTES_L1, symbol, AssetType.EQUITY, Span(int(NOW), int(NOW) + 1), NOW)


@pytest.fixture
async def asked() -> AsyncIterator[Asked]:
    config = SimulatorConfig(plans=dict.fromkeys(BATCHES, Plan.UNLIMITED))
    async with await start(config, lambda: NOW) as simulator, Transport() as transport:
        yield Asked(simulator, transport)


def test_somebody_tells_several_at_once() -> None:
    assert {"alpaca", "yahoo"} <= set(BATCHES)


@each
async def test_a_batch_tells_what_each_question_alone_is_told(asked: Asked, name: str) -> None:
    told = await asked.batch(name, KNOWN)
    assert told == {symbol: await asked.one(name, symbol) for symbol in KNOWN}


@each
async def test_a_symbol_that_is_not_known_is_left_out(asked: Asked, name: str) -> None:
    assert set(await asked.batch(name, ["AAPL", "NOBODY9", "KO"])) == {"AAPL", "KO"}


@each
async def test_as_many_as_it_says_come_at_once(asked: Asked, name: str) -> None:
    symbols = [f"X{one}{other}" for one in ascii_uppercase for other in ascii_uppercase]
    symbols = symbols[: batch_of(name).most]
    assert set(await asked.batch(name, symbols)) == set(symbols)


@each
@pytest.mark.parametrize("body", [b"", b"<html>", b"[1, 2]", b'{"spark": 7}', b'"text"'])
def test_what_is_no_answer_is_a_fault(name: str, body: bytes) -> None:
    with pytest.raises(ProviderFault):
        batch_of(name).parse([query("AAPL"), query("KO")], Response(200, {}, body))


@each
def test_too_many_calls_are_told_as_for_one(name: str) -> None:
    with pytest.raises(Throttled):
        batch_of(name).parse([query("AAPL"), query("KO")], Response(429, {"retry-after": "7"}, b"{}"))


def test_yahoos_flat_sparks_are_read_too() -> None:
    body = b'{"KO":{"timestamp":[1719846000,1719846060],"symbol":"KO","close":[62.5,null]},"AAPL":{}}'
    told = batch_of("yahoo").parse([query("AAPL"), query("KO")], Response(200, {}, body))
    assert told == {"KO": Quote("KO", 1719846000, 62.5)}
    with pytest.raises(Malformed):
        batch_of("yahoo").parse([query("KO")], Response(200, {}, b'{"KO":{"timestamp":"soon"}}'))
