"""Symbols: what can be one, and how it is spelled."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.market.instrument import read_symbol
from market_data.market.spelling import canonical

FIRST = string.ascii_uppercase + string.digits + "^"
LATER = string.ascii_uppercase + string.digits + ".-=^/"
symbols = st.builds("".join, st.tuples(st.sampled_from(FIRST), st.text(LATER, max_size=31)))


@given(symbols)
def test_a_symbol_is_read_alike_however_it_is_cased(symbol: str) -> None:
    assert read_symbol(symbol) == canonical(symbol)
    assert read_symbol(f" {symbol.lower()}\n") == canonical(symbol)


@given(st.text(max_size=40))
def test_any_text_is_a_symbol_of_known_letters_or_refused(text: str) -> None:
    try:
        symbol = read_symbol(text)
    except ValueError:
        return
    assert 1 <= len(symbol) <= 32
    assert symbol[0] in FIRST
    assert set(symbol) <= set(LATER)
    assert read_symbol(symbol) == symbol


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("aapl", "AAPL"),
        ("BRK.B", "BRK.B"),
        ("brk-b", "BRK.B"),
        ("BTC/USD", "BTC-USD"),
        ("^gspc", "^GSPC"),
        ("btc-usd", "BTC-USD"),
        ("6E=F", "6E=F"),
    ],
)
def test_known_spellings_are_symbols(text: str, symbol: str) -> None:
    assert read_symbol(text) == symbol


@pytest.mark.parametrize(
    "text",
    [
        *("", "  ", "-A", ".A", "/A", "A B", "A\nB", "A,B", "A%5E", "A" * 33, "A;DROP"),
        *("STRASSE".replace("SS", "ß"), "Å", "\u0661", "\uff21"),  # letters and digits of other scripts
    ],
)
def test_what_cannot_be_a_symbol_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a symbol: write 1 to 32 of .* as in AAPL"):
        read_symbol(text)


def test_a_refusal_quotes_little_of_a_long_text() -> None:
    with pytest.raises(ValueError, match="is not a symbol") as caught:
        read_symbol("x" * 100_000)
    assert len(str(caught.value)) < 200
