"""One instrument, one member, however rows spell it; what is no US symbol is refused with what is right."""

from collections.abc import Mapping
from typing import Any

import pytest

from market_data.errors import BadQuestion
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.member import Member
from market_data.store import universe
from market_data.store.connect import Database
from market_data.universe import FileKind, Outcome, Sheet, bring, change, draft, drafts_of, rename

pytestmark = pytest.mark.anyio

SOURCE = {"source": "test"}


async def brought(database: Database, *rows: Mapping[str, Any]) -> Outcome:
    drafts = [draft(row) for row in rows]
    return await bring(database, drafts, most={Tier.T0: 10, Tier.T1: 10}, source=SOURCE)


async def held(database: Database) -> dict[str, Member]:
    return {member.symbol: member for member in await universe.members(database)}


async def collected_before(database: Database, *symbols: str) -> None:
    """Members as they could be added before there was one spelling, or by SQL."""
    await universe.put(
        database, [Instrument(symbol, "NYSE", AssetType.EQUITY, Tier.T1) for symbol in symbols]
    )


@pytest.mark.parametrize("written", ["BRK.B", "BRK-B", "brk/b"])
async def test_every_spelling_adds_the_same_member(database: Database, written: str) -> None:
    await brought(database, {"symbol": "BRK.B", "tier": "T0"})
    assert (await brought(database, {"symbol": written})).version is None
    assert list(await held(database)) == ["BRK.B"]


@pytest.mark.parametrize("written", ["BTC-USD", "BTC/USD", "btcusd"])
async def test_a_pair_is_crypto_however_it_is_spelled(database: Database, written: str) -> None:
    await brought(database, {"symbol": written})
    (found,) = (await held(database)).values()
    assert (found.symbol, found.exchange, found.asset_type) == ("BTC-USD", "CRYPTO", AssetType.CRYPTO)


async def test_a_member_of_another_spelling_is_the_one_that_is_changed(database: Database) -> None:
    await collected_before(database, "BRK-B")
    outcome = await brought(database, {"symbol": "BRK.B", "mkt_cap": 9e11})
    found = await held(database)
    assert list(found) == ["BRK-B"]
    assert (found["BRK-B"].mkt_cap, found["BRK-B"].tier) == (9e11, Tier.T1)
    assert outcome.notes == ("BRK-B is BRK.B: `market-data universe rename BRK-B BRK.B` gives it that name",)
    await change(database, [draft({"symbol": "brk/b", "active": False})], SOURCE)
    assert not (await held(database))["BRK-B"].active


async def test_it_is_given_the_canonical_symbol_by_a_rename(database: Database) -> None:
    await collected_before(database, "BRK-B")
    await rename(database, "brk-b", "BRK.B")
    assert list(await held(database)) == ["BRK.B"]
    found = await universe.named(database, "BRK.B")
    assert found is not None
    with pytest.raises(BadQuestion, match=r"BRK\.B is its symbol already"):
        await rename(database, "BRK-B", "BRK/B")


async def test_nothing_is_renamed_to_an_instrument_that_is_there(database: Database) -> None:
    await collected_before(database, "BRK-B", "FB")
    with pytest.raises(BadQuestion, match=r"BRK\.B is in the universe already, as BRK-B"):
        await rename(database, "FB", "BRK/B")


async def test_an_instrument_that_is_collected_twice_is_named_with_what_ends_it(database: Database) -> None:
    await collected_before(database, "BRK-B", "BRK.B", "BRK/B")
    outcome = await brought(database, {"symbol": "BRK.B"})
    (note,) = outcome.notes
    assert note == (
        "BRK.B and BRK-B and BRK/B are one instrument, collected 3 times: "
        "`market-data universe remove BRK-B BRK/B` keeps BRK.B"
    )
    drafts = [draft({"symbol": one, "active": False}) for one in ("BRK-B", "BRK/B")]
    await change(database, drafts, SOURCE)
    assert {name: one.active for name, one in (await held(database)).items()} == {
        "BRK-B": False, "BRK.B": True, "BRK/B": False,
    }  # fmt: skip
    assert (await brought(database, {"symbol": "BRK.B"})).notes == ()


def test_a_file_with_two_spellings_of_one_instrument_says_so() -> None:
    with pytest.raises(BadQuestion) as caught:
        drafts_of(Sheet("all.csv", FileKind.CSV, b"symbol\nBRK.B\nAAPL\nBRK-B\nAAPL\n"))
    assert str(caught.value).splitlines() == [
        "all.csv, line 4: BRK-B is BRK.B, which is on line 2 already",
        "all.csv, line 5: AAPL is on line 3 already",
        "nothing was written",
    ]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"symbol": "VOD.L"}, "VOD.L trades on XLON: add it with exchange XLON"),
        ({"symbol": "VOD.L", "exchange": "US"}, "VOD.L trades on XLON: add it with exchange XLON"),
        ({"symbol": "7203.T", "exchange": "NASDAQ"}, "7203.T trades on XTKS: add it with exchange XTKS"),
        ({"symbol": "SHOP.TO"}, "SHOP.TO trades on XTSE: add it with exchange XTSE"),
        ({"symbol": "ES=F"}, "ES=F is a future"),
        ({"symbol": "EURUSD=X"}, "EURUSD=X is a pair of currencies"),
        ({"symbol": "EUR/USD"}, "EUR-USD is a pair of currencies"),
        ({"symbol": "AAPL240621C00190000"}, "AAPL240621C00190000 is an option"),
    ],
)
async def test_what_is_no_us_symbol_is_refused(database: Database, row: dict[str, str], says: str) -> None:
    with pytest.raises(BadQuestion) as caught:
        await brought(database, {"symbol": "AAPL"}, row)
    assert says in str(caught.value)
    assert "nothing was written" in str(caught.value)
    assert await held(database) == {}


async def test_a_symbol_of_another_exchange_is_added_with_it_and_changed_without(database: Database) -> None:
    await brought(database, {"symbol": "VOD.L", "exchange": "XLON"})
    (again,) = drafts_of(Sheet("all.csv", FileKind.CSV, b"symbol,tier\nvod.l,T0\n"))
    await bring(database, [again], most={Tier.T0: 10, Tier.T1: 10}, source=SOURCE)
    found = (await held(database))["VOD.L"]
    assert (found.exchange, found.tier) == ("XLON", Tier.T0)
    with pytest.raises(BadQuestion, match=r"VOD\.L trades on XLON"):
        await change(database, [draft({"symbol": "VOD.L", "exchange": "NYSE"})], SOURCE)


def test_a_line_that_says_the_wrong_exchange_is_named() -> None:
    with pytest.raises(BadQuestion, match=r"all\.csv, line 2: VOD\.L trades on XLON"):
        drafts_of(Sheet("all.csv", FileKind.CSV, b"symbol,exchange\nVOD.L,NASDAQ\n"))
