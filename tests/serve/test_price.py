"""/stocks/{symbol}/price: fresh, fetched, stale, or an honest 503."""

import asyncio

import pytest

from market_data.simulate import Fault, Switched

from .conftest import Served, at, minutes

pytestmark = pytest.mark.anyio


async def test_a_price_is_fetched_from_a_provider_and_then_stored(served: Served) -> None:
    got = await served.get("/stocks/aapl/price")
    assert got.status == 200
    price = got.json
    assert (price["symbol"], price["source"], price["stale"]) == ("AAPL", "quote", False)
    assert price["provider"] == "finnhub"
    assert price["price"] > 0
    assert price["age_seconds"] == 0
    stored = await served.parts.database.fetch("SELECT price FROM quotes_l1 WHERE symbol = 'AAPL'")
    assert [row["price"] for row in stored] == [price["price"]]


async def test_a_fresh_price_is_not_asked_for_again(served: Served) -> None:
    first = (await served.get("/stocks/AAPL/price")).json
    served.clock.now += 10
    second = (await served.get("/stocks/AAPL/price")).json
    assert (second["price"], second["age_seconds"]) == (first["price"], 10)
    assert _calls(served) == 1


async def test_a_price_that_is_not_fresh_any_more_is_asked_for_again(served: Served) -> None:
    await served.get("/stocks/AAPL/price")
    served.clock.now += 60
    assert (await served.get("/stocks/AAPL/price")).json["age_seconds"] == 0
    assert _calls(served) == 2


async def test_a_price_learned_after_the_close_holds_until_the_market_opens(served: Served) -> None:
    served.clock.now = at("2024-07-03T21:30:00Z")  # late trading of a half day ends at 21:00
    await served.get("/stocks/AAPL/price")
    served.clock.now = at("2024-07-04T12:00:00Z")
    assert not (await served.get("/stocks/AAPL/price")).json["stale"]
    assert _calls(served) == 1


async def test_callers_at_the_same_time_share_one_question(served: Served) -> None:
    served.simulator.switchboard.switch_on(Switched("*", Fault.LATENCY, value=300))
    answers = await asyncio.gather(*(served.get("/stocks/AAPL/price") for _ in range(20)))
    assert {(got.status, got.json["price"]) for got in answers} == {(200, answers[0].json["price"])}
    assert _calls(served) == 1


async def test_the_next_provider_is_asked_where_the_first_fails(served: Served) -> None:
    served.simulator.switchboard.switch_on(Switched("finnhub", Fault.HTTP_500))
    assert (await served.get("/stocks/AAPL/price")).json["provider"] == "yahoo"


async def test_a_stored_price_is_given_as_stale_when_every_provider_is_out(served: Served) -> None:
    first = (await served.get("/stocks/AAPL/price")).json
    served.simulator.switchboard.switch_on(Switched("*", Fault.HTTP_500))
    served.clock.now += 300
    got = await served.get("/stocks/AAPL/price")
    assert got.status == 200
    assert (got.json["stale"], got.json["price"], got.json["age_seconds"]) == (True, first["price"], 300)


async def test_the_close_of_a_newer_bar_is_given_before_an_older_quote(served: Served) -> None:
    await served.get("/stocks/AAPL/price")
    served.clock.now = at("2024-07-03T16:00:00Z")
    await served.write(minutes("2024-07-03T15:50:00Z", 5, price=500.0))
    served.simulator.switchboard.switch_on(Switched("*", Fault.HTTP_500))
    got = (await served.get("/stocks/AAPL/price")).json
    assert (got["source"], got["price"], got["stale"]) == ("1m", 504.0, True)


async def test_503_carries_what_every_provider_said_where_nothing_is_known(served: Served) -> None:
    served.simulator.switchboard.switch_on(Switched("*", Fault.HTTP_500))
    got = await served.get("/stocks/AAPL/price")
    assert got.status == 503
    assert int(got.headers["retry-after"]) > 0
    answers = {one["provider"]: one["code"] for one in got.problem["answers"]}
    assert (answers["finnhub"], answers["yahoo"]) == ("unavailable", "unavailable")
    assert "secret-of" not in got.text


async def test_an_unknown_symbol_is_404_and_the_detail_says_how_to_add_it(served: Served) -> None:
    got = await served.get("/stocks/MSFT/price")
    assert got.status == 404
    assert "market-data universe add MSFT" in got.problem["detail"]
    assert _calls(served) == 0


def _calls(served: Served) -> int:
    return sum(one.asked for one in served.simulator.calls.values())
