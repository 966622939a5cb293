"""One instrument, one canonical symbol, however it is spelled."""

import pytest
from exchange_calendars import get_calendar_names
from hypothesis import given
from hypothesis import strategies as st

from market_data.market.foreign import INDICES, SUFFIXES, WITHOUT_CALENDAR, exchange_of, why_not_us
from market_data.market.spelling import canonical, class_share, held_as, is_crypto_pair, spellings

LETTERS = "ABLTVUSDTCEURBTC019.-=^/"


@pytest.mark.parametrize(
    ("written", "symbol"),
    [
        *((one, "BRK.B") for one in ("BRK.B", "BRK-B", "BRK/B")),
        *((one, "BTC-USD") for one in ("BTC-USD", "BTC/USD", "BTCUSD")),
        *((one, "MKC-V") for one in ("MKC-V", "MKC/V")),
        ("MKC.V", "MKC.V"),
        ("VOD.L", "VOD.L"),
        ("ETHBTC", "ETH-BTC"),
        ("SHIBUSDT", "SHIB-USDT"),
        ("EURUSD", "EURUSD"),
        ("EUR/USD", "EUR-USD"),
        ("USD", "USD"),
        ("AUSDT", "AUSDT"),  # five letters can be a ticker
        ("BAC-PL", "BAC-PL"),
        ("NSPR.WS.B", "NSPR.WS.B"),
        ("^GSPC", "^GSPC"),
        ("ES=F", "ES=F"),
    ],
)
def test_spellings_have_one_canonical_symbol(written: str, symbol: str) -> None:
    assert canonical(written) == symbol
    assert symbol in spellings(written)
    assert spellings(written)[0] == symbol


@given(st.text(LETTERS, min_size=1, max_size=32))
def test_a_canonical_symbol_stays_and_has_no_slash(text: str) -> None:
    symbol = canonical(text)
    assert canonical(symbol) == symbol
    assert "/" not in symbol
    assert text in spellings(symbol) or text in spellings(text)
    assert {canonical(spelling) for spelling in spellings(text)} == {symbol}


def test_all_spellings_of_an_instrument_are_named() -> None:
    assert spellings("BRK/B") == ("BRK.B", "BRK/B", "BRK-B")
    assert spellings("BTC-USD") == ("BTC-USD", "BTC/USD", "BTCUSD")
    assert spellings("AAPL") == ("AAPL",)
    assert spellings("VOD.L") == ("VOD.L",)


def test_what_is_held_is_found_under_its_canonical_symbol() -> None:
    assert held_as(["AAPL", "BRK-B", "BTCUSD"]) == {"AAPL": "AAPL", "BRK.B": "BRK-B", "BTC-USD": "BTCUSD"}
    assert held_as(["BRK-B", "BRK.B", "BRK/B"]) == {"BRK.B": "BRK.B"}


@pytest.mark.parametrize(
    ("symbol", "parts"),
    [
        ("BRK.B", ("BRK", "B")),
        ("BRK-B", ("BRK", "B")),
        ("MKC-V", ("MKC", "V")),
        ("VOD.L", None),
        ("BTC-USD", None),
        ("AAPL", None),
    ],
)
def test_class_shares_are_told_from_exchanges(symbol: str, parts: tuple[str, str] | None) -> None:
    assert class_share(symbol) == parts


def test_a_pair_of_currencies_is_no_crypto() -> None:
    assert is_crypto_pair("BTC-USD")
    assert is_crypto_pair("USDT-USD")
    assert not is_crypto_pair("EUR-USD")
    assert not is_crypto_pair("AAPL")


@pytest.mark.parametrize(
    ("symbol", "says"),
    [
        ("VOD.L", "VOD.L trades on XLON: add it with exchange XLON"),
        ("7203.T", "7203.T trades on XTKS: add it with exchange XTKS"),
        ("SHOP.TO", "SHOP.TO trades on XTSE: add it with exchange XTSE"),
        (
            "MKC.V",
            "trades on XTSX: add it with exchange XTSX; a US class of shares is written MKC-V",
        ),
        ("WEED.NE", "WEED.NE trades on NEOE, whose calendar is not known: it cannot be collected"),
        ("^N225", "^N225 trades on XTKS: add it with exchange XTKS"),
        ("ES=F", "ES=F is a future"),
        ("EURUSD=X", "EURUSD=X is a pair of currencies"),
        ("EURUSD", "EURUSD is a pair of currencies"),
        ("EUR-USD", "EUR-USD is a pair of currencies"),
        ("AAPL240621C00190000", "AAPL240621C00190000 is an option"),
    ],
)
def test_what_is_no_us_symbol_is_told_with_what_is_right(symbol: str, says: str) -> None:
    assert says in (why_not_us(symbol) or "")


@pytest.mark.parametrize(
    "symbol",
    [
        "AAPL",
        "BRK.B",
        "MKC-V",
        "BAC-PL",
        "BAC.PR.L",
        "NSPR.WS.B",
        "^GSPC",
        "S1",
        "700",
        "USD",
        "BF.A",
        "HEI.A",
    ],
)
def test_us_symbols_are_let_through(symbol: str) -> None:
    assert why_not_us(symbol) is None


def test_every_exchange_that_is_named_has_a_calendar_or_is_said_to_have_none() -> None:
    known = set(get_calendar_names())
    named = {*SUFFIXES.values(), *INDICES.values()}
    assert named - known == WITHOUT_CALENDAR
    assert exchange_of("AAPL") is None
