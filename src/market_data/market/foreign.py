"""What is no US symbol by its spelling: symbols of other exchanges, futures, options, currencies."""

import re

from market_data.market.spelling import CURRENCIES, EXCHANGE_MARKS

SUFFIXES = {
    "L": "XLON", "IL": "XLON", "IR": "XDUB",
    "DE": "XETR", "F": "XFRA", "DU": "XDUS", "HM": "XHAM", "SG": "XSTU", "HA": "XHAN", "MU": "XMUN",
    "PA": "XPAR", "AS": "XAMS", "BR": "XBRU", "LS": "XLIS", "MI": "XMIL", "MC": "XMAD", "SW": "XSWX",
    "VI": "XWBO", "CO": "XCSE", "ST": "XSTO", "HE": "XHEL", "OL": "XOSL", "IC": "XICE",
    "PR": "XPRA", "WA": "XWAR", "BD": "XBUD", "RO": "XBSE", "AT": "ASEX", "IS": "XIST", "TA": "XTAE",
    "SR": "XSAU", "JO": "XJSE", "TO": "XTSE", "V": "XTSX", "NE": "NEOE", "CN": "XCNQ",
    "MX": "XMEX", "SA": "BVMF", "BA": "XBUE", "SN": "XSGO", "CL": "XBOG", "LM": "XLIM",
    "AX": "XASX", "NZ": "XNZE", "T": "XTKS", "HK": "XHKG", "SS": "XSHG", "SZ": "XSHE", "KS": "XKRX",
    "KQ": "XKRX", "TW": "XTAI", "TWO": "ROCO", "NS": "XNSE", "BO": "XBOM", "SI": "XSES", "JK": "XIDX",
    "KL": "XKLS", "BK": "XBKK", "PS": "XPHS", "KA": "XKAR",
}  # fmt: skip
"""ISO 10383 codes by the suffix that Yahoo and others write (https://help.yahoo.com/kb/SLN2310.html)."""
INDICES = {
    "^FTSE": "XLON", "^GDAXI": "XETR", "^STOXX50E": "XETR", "^FCHI": "XPAR", "^AEX": "XAMS", "^BFX": "XBRU",
    "^IBEX": "XMAD", "^SSMI": "XSWX", "^OMX": "XSTO", "^N225": "XTKS", "^HSI": "XHKG", "^AXJO": "XASX",
    "^NZ50": "XNZE", "^GSPTSE": "XTSE", "^BVSP": "BVMF", "^MXX": "XMEX", "^KS11": "XKRX", "^TWII": "XTAI",
    "^BSESN": "XBOM", "^NSEI": "XBOM", "^STI": "XSES", "^JKSE": "XIDX",
}  # fmt: skip
WITHOUT_CALENDAR = frozenset({"NEOE", "XCNQ", "XHAN", "XMUN", "XSHE", "XNSE", "ROCO"})
"""Exchanges that `exchange_calendars` does not know."""

_SUFFIXED = re.compile(r"([A-Z0-9&-]{1,15})\.([A-Z]{1,3})")
_OPTION = re.compile(r"[A-Z]{1,6}\d{6}[CP]\d{8}")
_CURRENCIES = re.compile(r"([A-Z]{3})-?([A-Z]{3})")
_COLLECTED = "the service collects stocks, funds, indices and crypto pairs"


def exchange_of(symbol: str) -> str | None:
    """The exchange that a symbol's spelling names, as an ISO 10383 code; None: it names none."""
    found = _SUFFIXED.fullmatch(symbol)
    return SUFFIXES.get(found[2]) if found else INDICES.get(symbol)


def why_not_us(symbol: str) -> str | None:
    """A sentence: why a canonical symbol is none of a US exchange, and what is right; None: it may be."""
    if exchange := exchange_of(symbol):
        return _abroad(symbol, exchange)
    currencies = _CURRENCIES.fullmatch(symbol)
    if symbol.endswith("=X") or (currencies and {currencies[1], currencies[2]} <= CURRENCIES):
        return f"{symbol} is a pair of currencies (FX): {_COLLECTED}, such as BTC-USD"
    if symbol.endswith("=F"):
        return f"{symbol} is a future: {_COLLECTED}"
    if _OPTION.fullmatch(symbol):
        return f"{symbol} is an option: {_COLLECTED}"
    return None


def _abroad(symbol: str, exchange: str) -> str:
    stem, _, mark = symbol.rpartition(".")
    share = f"; a US class of shares is written {stem}-{mark}" if stem and mark in EXCHANGE_MARKS else ""
    if exchange in WITHOUT_CALENDAR:
        return f"{symbol} trades on {exchange}, whose calendar is not known: it cannot be collected{share}"
    return f"{symbol} trades on {exchange}: add it with exchange {exchange}{share}"
