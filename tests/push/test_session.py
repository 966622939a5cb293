"""The messages of one client: an opening, then every change that the opening did not tell, each once."""

import json
from dataclasses import dataclass
from itertools import groupby

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.market.bar import KnownBar
from market_data.market.span import moment
from market_data.push.session import ErrorMessage, Session
from market_data.store.quotes import KnownQuote
from market_data.stream import Publication

from .publications import OPEN, bar, publication

Write = tuple[int, int]
"""Minute and revision."""


@dataclass(frozen=True)
class Told:
    """What was written in all, what a client's opening told of it, and what it was told live."""

    writes: list[Write]
    reads: int
    """Writes that the opening could see."""
    opened: dict[int, int]
    """The revision in the opening, by minute."""
    live: list[Write]


@st.composite
def interleavings(draw: st.DrawFn) -> Told:
    """A history of writes; a client subscribes, reads, and gets every publication since it subscribed.

    Publications come after their writes, so that at the moment of subscribing some of what the opening will
    have read is still to come, and they are taken in batches of any size.
    """
    minutes = draw(st.lists(st.integers(0, 5), max_size=30))
    writes = [(minute, minutes[:index].count(minute)) for index, minute in enumerate(minutes)]
    subscribed = draw(st.integers(0, len(writes)))
    reads = draw(st.integers(subscribed, len(writes)))
    replayed = draw(st.integers(1, 6))

    known = dict(sorted(dict(writes[:reads]).items())[-replayed:])
    session = Session("AAPL", "1m")
    session.opening([bar(minute, revision) for minute, revision in known.items()], None)
    cuts = draw(st.lists(st.integers(0, 3), min_size=len(writes), max_size=len(writes)))
    news = [
        (cut, publication(number, minute=minute, revision=revision))
        for number, (cut, (minute, revision)) in enumerate(zip(cuts, writes, strict=True))
    ][subscribed:]
    batches: list[list[Publication]] = [
        [one for _, one in batch] for _, batch in groupby(news, lambda x: x[0])
    ]
    bodies = [body.decode().split() for batch in batches for body in session.live(batch)]
    return Told(writes, reads, known, [(int(minute), int(revision)) for _, minute, revision in bodies])


@given(interleavings())
def test_every_change_since_the_opening_was_read_is_told_once_and_in_order(told: Told) -> None:
    since = told.writes[told.reads :]
    assert [one for one in told.live if one in since] == since


@given(interleavings())
def test_nothing_is_told_twice_nor_after_something_newer_of_its_bar(told: Told) -> None:
    newest = dict(told.opened)
    for minute, revision in told.live:
        assert revision > newest.get(minute, -1)
        newest[minute] = revision


@given(interleavings())
def test_in_the_end_a_client_knows_the_bars_of_its_opening_as_they_stand(told: Told) -> None:
    knows = {**told.opened, **dict(told.live)}
    stands = dict(told.writes)
    assert {minute: knows[minute] for minute in told.opened} == {
        minute: stands[minute] for minute in told.opened
    }


def test_a_bar_older_than_the_replay_is_told_when_it_is_corrected() -> None:
    session = Session("AAPL", "1m")
    session.opening([bar(8), bar(9)], None)
    assert session.live([publication(1, minute=2, revision=0)]) == [b"AAPL 2 0"]


def test_a_publication_goes_out_as_it_came() -> None:
    session, news = Session("AAPL", "1m"), publication(1)
    session.opening([], None)
    (body,) = session.live([news])
    assert body is news.body


def test_the_opening_is_a_snapshot_and_then_the_bars() -> None:
    snapshot, replay = (json.loads(body) for body in Session("AAPL", "1m").opening([bar(0), bar(1, 2)], None))
    newest = {
        "ts": "2024-07-03T13:31:00Z",
        "open": 101.02,
        "high": 101.02,
        "low": 101.02,
        "close": 101.02,
        "volume": 1.0,
        "provider": "yahoo",
        "as_of": "2024-07-03T13:32:01Z",
        "status": "corrected",
        "revision": 2,
        "adjustment": "raw",
        "volume_scope": "unknown",
    }
    assert snapshot == {
        "type": "snapshot",
        "symbol": "AAPL",
        "interval": "1m",
        "price": 101.02,
        "price_ts": "2024-07-03T13:31:00Z",
        "bar": newest,
    }
    assert {name: replay[name] for name in ("type", "symbol", "interval")} == {
        "type": "replay",
        "symbol": "AAPL",
        "interval": "1m",
    }
    assert [one["ts"] for one in replay["bars"]] == ["2024-07-03T13:30:00Z", "2024-07-03T13:31:00Z"]
    assert replay["bars"][1] == newest


def quote(seconds_after_the_open: int) -> KnownQuote:
    ts = moment(OPEN + seconds_after_the_open)
    return KnownQuote(symbol="AAPL", price=7.0, ts=ts, provider="finnhub", as_of=ts)


@pytest.mark.parametrize(
    ("bars", "seen", "price", "price_ts"),
    [
        ([], None, None, None),
        ([bar(0)], None, 100.0, "2024-07-03T13:30:00Z"),
        ([], quote(30), 7.0, "2024-07-03T13:30:30Z"),
        ([bar(0)], quote(30), 7.0, "2024-07-03T13:30:30Z"),
        ([bar(0), bar(1)], quote(30), 101.0, "2024-07-03T13:31:00Z"),
        ([bar(0), bar(1)], quote(60), 101.0, "2024-07-03T13:31:00Z"),
    ],
)
def test_the_price_is_that_of_the_newest_quote_or_bar(
    bars: list[KnownBar], seen: KnownQuote | None, price: float | None, price_ts: str | None
) -> None:
    snapshot = json.loads(Session("AAPL", "1m").opening(bars, seen)[0])
    assert (snapshot["price"], snapshot["price_ts"]) == (price, price_ts)


def test_before_the_first_bar_the_opening_is_empty_and_then_all_is_told() -> None:
    session = Session("AAPL", "1m")
    snapshot, replay = (json.loads(body) for body in session.opening([], None))
    assert (snapshot["bar"], replay["bars"]) == (None, [])
    assert session.live([publication(1), publication(2, revision=1)]) == [b"AAPL 0 0", b"AAPL 0 1"]


def test_an_error_says_its_code_and_why() -> None:
    assert json.loads(msgspec.json.encode(ErrorMessage(code="4404", detail="no such symbol"))) == {
        "type": "error",
        "code": "4404",
        "detail": "no such symbol",
    }
